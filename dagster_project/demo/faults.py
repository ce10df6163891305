"""What the border must stop: records that a dirty delivery spells wrongly, leaves out or invents.

The faulty records are true records of the world: a clean delivery has them right, a dirty one does not, and a
corrected one has them wrong first and right in a later file. So the dirty truth is the world without them and
without what hangs on them, and the corrected truth is the whole world. Three faults have nothing behind them
(`Garbage`).

What belongs here: which records are faulty, and how. What does not: writing files (`deliveries.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from dagster_project.demo.buyers import RESERVED_CATEGORIES, UNCATEGORISED_ACCOUNT
from dagster_project.demo.facts import (
    REFERENCES,
    Answer,
    Bid,
    Contract,
    ContractBuyer,
    ContractCategory,
    ExchangeRate,
    Followup,
    InvoiceReview,
    Line,
    Lot,
    Participant,
    Procurement,
    Requirement,
    Saving,
    Spelling,
    Supplier,
    Unit,
    Workplace,
    World,
    key_of,
)
from dagster_project.demo.invent import orgnr, personal_number, personal_spellings
from dagster_project.demo.traps import S_MAIN, S_RIVAL

C1 = RESERVED_CATEGORIES[0]
UNIT = "0131"
PROCUREMENTS = {
    "unreadable_date": "UH-2022-951",
    "unknown_category": "UH-2022-952",
    "dates_out_of_order": "UH-2022-953",
    "completed_and_cancelled": "UH-2022-954",
    "two_rows_with_one_key": "UH-2022-955",
    "unknown_procedure": "UH-2022-956",
    "delivered_too_late": "UH-2022-957",
    "unknown_bid_status": "UH-2022-958",
}
SOLE_TRADERS = (
    (personal_number(date(1950, 1, 1), 1), "Fiktiv Personsson"),
    (personal_number(date(1962, 10, 24), 3), "Påhittad Namnström"),
)
MENTIONED = personal_number(date(1971, 6, 17), 7)
"""Stands in free text only."""


@dataclass(slots=True)
class Faults:
    """The faults of a dirty delivery, by source.

    faulty: key → the raw texts that replace right ones, one set per row delivered. Planted lines are
    `invoices`. late: keys that a dirty delivery lacks. mended: faulty rows that no later row can answer
    (their file is replaced). garbage: rows with nothing true behind them, and whether a corrected delivery
    still has them.
    """

    faulty: dict[str, dict[tuple[Any, ...], list[dict[str, str]]]] = field(default_factory=dict)
    mended: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)
    late: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)
    garbage: dict[str, list[tuple[dict[str, Any], bool]]] = field(default_factory=dict)
    ambiguous_line: tuple[str, int, str, int] | None = None

    def gone(self, world: World) -> dict[str, set[tuple[Any, ...]]]:
        """What a dirty world lacks: the faulty, the late, and whatever refers to either."""
        found: dict[str, set[tuple[Any, ...]]] = {}
        for source, keyed in self.faulty.items():
            found.setdefault(source, set()).update(keyed)
        for source, keys in self.late.items():
            found.setdefault(source, set()).update(keys)
        for source, keys in self.cascade(world).items():
            found.setdefault(source, set()).update(keys)
        return found

    def cascade(self, world: World) -> dict[str, set[tuple[Any, ...]]]:
        """Rows that are right themselves but refer to a row that a dirty delivery does not have."""
        lost = {
            source: {key[0] for key in (*self.faulty.get(source, ()), *self.late.get(source, ()))}
            for source in ("procurements", "organisations", "contracts")
        }
        found: dict[str, set[tuple[Any, ...]]] = {}
        for child, column, parent, _ in REFERENCES:
            for record in world.table(child):
                key = key_of(child, record)
                if getattr(record, column) in lost[parent] and key not in self.faulty.get(child, ()):
                    found.setdefault(child, set()).add(key)
        currencies = {key[0] for key in self.late.get("exchange_rates", ())}
        faulty_lines = self.faulty.get("invoices", {})
        for line in world.planted_lines:
            if line.key not in faulty_lines and (
                line.buyer_unit_id in lost["organisations"] or line.currency in currencies
            ):
                found.setdefault("invoices", set()).add(line.key)
        invoices = {key[:3] for key in (*faulty_lines, *found.get("invoices", ()))}
        for review in world.invoice_reviews:
            if (review.buyer_unit_id, review.fiscal_year, review.invoice_id) in invoices:
                found.setdefault("invoice_reviews", set()).add(key_of("invoice_reviews", review))
        return found


def plant_faults(world: World, personal: bool) -> Faults:
    """Add the records that a dirty delivery gets wrong; with `personal`, sole traders with identity numbers
    too.
    """
    faults = Faults()
    _procurements(world, faults)
    _others(world, faults)
    _invoices(world, faults)
    if personal:
        _sole_traders(world)
    return faults


def _procurements(world: World, faults: Faults) -> None:
    raw: dict[str, list[dict[str, str]]] = {
        "unreadable_date": [{"announced_date": "2022-13-45"}],
        "unknown_category": [{"category_code": "9999"}],
        "dates_out_of_order": [{"tender_deadline": "2022-01-02"}],
        "completed_and_cancelled": [{"cancelled_date": "2022-06-01"}],
        "two_rows_with_one_key": [{"title": "Den ena lydelsen"}, {"title": "Den andra lydelsen"}],
        "unknown_procedure": [{"procedure": "enligt vana"}],
    }
    for trap, name in PROCUREMENTS.items():
        world.procurements.append(
            Procurement(
                name, f"Planterat fel: {trap.replace('_', ' ')}", C1, "open",
                planned_completion_date=date(2022, 6, 30), planned_coordinated=True,
                announced_date=date(2022, 2, 1),
                tender_deadline=date(2022, 3, 4), award_date=date(2022, 4, 5),
                completed_date=date(2022, 5, 6),
                questions_count=3,
            )
        )  # fmt: skip
        world.participants += [Participant(name, "0101"), Participant(name, "0104")]
        world.requirements.append(Requirement(name, "reuse", "advanced"))
        world.bids.append(Bid(name, None, S_MAIN, S_MAIN, Decimal(100_000)))
        if trap in raw:
            faults.faulty.setdefault("procurements", {})[(name,)] = raw[trap]
    first = PROCUREMENTS["unreadable_date"]
    world.lots += [Lot(first, "1", "Norr"), Lot(first, "2", "Söder")]
    assumption = "Samma korg, priser utan moms"
    world.savings += [
        Saving(first, None, "basket", Decimal(200_000), Decimal(180_000), None, assumption),
        Saving("UH-2021-913", None, "basket", Decimal(90_000), Decimal(80_000), None, assumption),
    ]
    faults.faulty["savings"] = {("UH-2021-913", None, "basket"): [{"before_amount": "9o ooo"}]}
    faults.late["procurements"] = {(PROCUREMENTS["delivered_too_late"],)}
    bid = (PROCUREMENTS["unknown_bid_status"], None, S_MAIN, S_MAIN)
    faults.faulty["bids"] = {bid: [{"status": "kanske"}]}
    nameless = {
        "procurement_id": None,
        "title": "Diarienummer saknas",
        "category_code": C1,
        "procedure": "open",
    }
    faults.garbage["procurements"] = [(nameless, True)]


def _others(world: World, faults: Faults) -> None:
    world.organisations.append(
        Unit(UNIT, f"{world.members['9107']}s kommun, kulturförvaltningen", orgnr(60), "9107", "municipality")
    )
    world.reserved_units.add(UNIT)
    faults.faulty["organisations"] = {(UNIT,): [{"orgnr": "42200-6"}]}
    world.participants.append(Participant("UH-2021-913", UNIT))

    def contract(name: str, supplier: str, klass: str) -> None:
        world.contracts.append(
            Contract(
                name, supplier, None, f"Planterat fel {name}", C1, date(2021, 11, 30), date(2022, 1, 1),
                date(2022, 12, 31), contract_class=klass,
            )
        )  # fmt: skip

    contract("F-01", S_MAIN, "B")
    contract("F-02", S_MAIN, "B")
    contract("F-02", S_RIVAL, "B")
    for name in ("F-01", "F-02"):
        world.reserved_contracts.add(name)
        world.contract_buyers.append(ContractBuyer(name, "0101"))
        world.contract_followups.append(Followup(name, date(2022, 4, 1), "meeting", 4, False))
    world.contract_categories.append(ContractCategory("F-01", RESERVED_CATEGORIES[1]))
    faults.faulty["contracts"] = {
        ("F-01", S_MAIN): [{"valid_to": "2021-12-01"}],  # ends before it begins
        ("F-02", S_MAIN): [{"contract_class": "A"}],  # one contract, two classes: both rows
        ("F-02", S_RIVAL): [{}],
    }
    faults.mended["contracts"] = {("F-02", S_MAIN), ("F-02", S_RIVAL)}

    world.survey_answers.append(Answer("nki", "K2022-99", "F1", date(2022, 10, 9), None, "9101", 5, 1, 5))
    faults.faulty["survey_answers"] = {("nki", "K2022-99", "F1"): [{"score": "9"}]}
    world.exchange_rates.append(ExchangeRate("NOK", date(2022, 5, 2), Decimal("1.05")))
    faults.late["exchange_rates"] = {("NOK", date(2022, 5, 2))}
    faults.garbage["accounts"] = [
        ({"account_from": "6100", "account_to": "6150", "category_code": None, "purchase": True}, False),
        ({"account_from": "6140", "account_to": "6199", "category_code": None, "purchase": True}, False),
    ]
    target = {
        "organisation": world.organisation, "kpi_id": "reserved_count", "valid_from": date(2022, 1, 1),
        "valid_to": date(2022, 12, 31), "member_code": None, "operator": ">=", "target_value": Decimal(3),
    }  # fmt: skip
    faults.garbage["targets"] = [
        ({"plan_id": "plan_a", **target}, False),
        ({"plan_id": "plan_b", **target}, False),
    ]
    faults.garbage["suppliers"] = [
        ({"supplier_id": "42200-6", "supplier_name": "Tänkta Kortnumret AB"}, True)
    ]


def _invoices(world: World, faults: Faults) -> None:
    main = next(i for i, s in enumerate(world.spellings) if s.written_id == S_MAIN)
    day = date(2022, 5, 2)

    def line(
        invoice: str, number: int = 1, unit: str = "0101", currency: str = "SEK", rate: str = "1"
    ) -> Line:
        ore = int(1234 * 100 * Decimal(rate))
        planted = Line(
            unit,
            invoice,
            number,
            main,
            day,
            day,
            UNCATEGORISED_ACCOUNT,
            ore,
            C1,
            "F-01",
            currency,
            Decimal(rate),
        )
        world.planted_lines.append(planted)
        return planted

    faulty = faults.faulty.setdefault("invoices", {})
    faulty[line("F01").key] = [{"amount_net": "12,5o"}]
    ambiguous = line("F02").key
    faulty[ambiguous] = [{"amount_net": "1.234"}]
    faults.ambiguous_line = ambiguous
    faulty[line("F03").key] = [{"category_code": "9999"}]
    faulty[line("F04").key] = [{"text": "den ena"}, {"text": "den andra"}]
    faulty[line("F05").key] = [{"invoice_date": "2022-02-30"}]
    faulty[line("F06").key] = [{"supplier_id": "42200-6"}]
    line("F01", 2)  # the invoice's other line is right
    line("F07", unit=UNIT)
    line("F08", currency="NOK", rate="1.05")
    nameless = {
        "buyer_unit_id": "0101", "fiscal_year": "2022", "line_no": "1", "supplier_id": S_MAIN,
        "invoice_date": day, "booking_date": day, "account": str(UNCATEGORISED_ACCOUNT),
        "amount_net": "100,00",
        "currency": "SEK", "text": "Verifikationsnummer saknas",
    }  # fmt: skip
    faults.garbage["invoices"] = [(nameless, True)]
    world.invoice_reviews += [
        InvoiceReview("S1", "0101", 2021, "T01", 1, "on_contract", "Granskare 1", None),
        InvoiceReview("S1", "0101", 2021, "T10", 1, "wild", "Granskare 1", "Avtalet var uppsagt"),
        InvoiceReview("S1", "0101", 2021, "T03", 1, "uncovered", "Granskare 2", None),
        InvoiceReview("S1", "0101", 2022, "F05", 1, "on_contract", "Granskare 2", None),
    ]


def _sole_traders(world: World) -> None:
    """Two sole traders, one of them spelled in several ways, and one person in free text only."""
    for number, (twelve, name) in enumerate(SOLE_TRADERS):
        identity = twelve[2:]
        world.suppliers.append(Supplier(identity, name, 1))
        world.reserved_suppliers.add(identity)
        world.workplaces.append(Workplace(identity, "9103", None, None))
        world.bids.append(Bid("UH-2021-913", None, identity, identity, Decimal(70_000 + number)))
        for position, spelling in enumerate(personal_spellings(twelve)):
            at = len(world.spellings)
            note = f"Arvode {spelling}, {MENTIONED[:8]}-{MENTIONED[8:]}"
            world.spellings.append(Spelling(spelling, name, None, identity))
            world.planted_lines.append(
                Line("0101", f"PN{number}{position}", 1, at, date(2022, 3, 1), date(2022, 3, 9),
                     UNCATEGORISED_ACCOUNT, 50_000, C1, text=note)
            )  # fmt: skip


def personal_texts() -> list[str]:
    """Every spelling of every planted personal identity number: none of them may be published."""
    found = [s for twelve, _ in SOLE_TRADERS for s in personal_spellings(twelve)]
    return [*found, *personal_spellings(MENTIONED)]


def personal_names() -> list[str]:
    """The sole traders' names: personal data as well."""
    return [name for _, name in SOLE_TRADERS]

"""The planted cases: one of every trap of the indicator definitions, under ids that say so in `PLANTED`.

What belongs here: facts whose right answer can be said by hand. What does not: faults that a border should
stop (`faults.py`) and anything random, apart from choosing nothing.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dagster_project.demo.buyers import (
    COMPANIES_OF_ONE_OWNER,
    EXCLUDED_ACCOUNTS,
    FEDERATION_UNIT,
    NEIGHBOUR,
    OUTSIDE_UNIT,
    RANGELESS_ACCOUNT,
    RESERVED_ACCOUNT,
    RESERVED_CATEGORIES,
    SETTINGS_MUNICIPALITY,
    UNCATEGORISED_ACCOUNT,
)
from dagster_project.demo.facts import (
    Bid,
    Contract,
    ContractBuyer,
    ContractCategory,
    ExchangeRate,
    Followup,
    Lesson,
    Line,
    Lot,
    Participant,
    Procurement,
    Requirement,
    Saving,
    Spelling,
    Supplier,
    SupplierAlias,
    Workplace,
    World,
)
from dagster_project.demo.invent import orgnr

PLANTED: dict[str, str] = {
    # trap → procurement
    "cancelled_after_announcement": "UH-2021-901",
    "direct_award": "UH-2021-902",
    "works": "UH-2021-903",
    "lov": "UH-2021-904",
    "framework_call": "UH-2021-905",
    "dps_call": "UH-2021-906",
    "two_companies_of_one_owner": "UH-2021-907",
    "non_member_participant": "UH-2021-908",
    "completed_without_participants": "UH-2021-909",
    "participants_incomplete": "UH-2021-910",
    "exempt_with_reason": "UH-2021-911",
    "exempt_without_reason": "UH-2021-912",
    "levels_below_and_above": "UH-2021-913",
    "food": "UH-2021-914",
    "unregistered_bidder": "UH-2021-915",
    "workplace_ended_before_announcement": "UH-2021-916",
    "consortium_with_one_regional_partner": "UH-2021-917",
    "signed_twice": "UH-2021-918",
    "only_late_bids": "UH-2021-919",
    "lot_counts_only": "UH-2021-920",
    "single_lot_count": "UH-2021-921",
    "unknown_bids": "UH-2021-922",
    "bid_on_every_lot": "UH-2021-923",
    "same_supplier_on_two_lots": "UH-2021-924",
    "missed_coordination": "UH-2021-925",
    "federation_counts_as_owner": "UH-2021-926",
    "late_of_plan": "UH-2020-927",
    "negotiated_by_a_consortium": "UH-2021-928",
    "first_price_filled_in_for_every_bid": "UH-2021-929",
    "saving_of_the_whole_and_of_a_lot": "UH-2021-930",
    "more_than_twenty_bids": "UH-2021-931",
    "prices_that_rose": "UH-2021-932",
    "expected_in_time": "UH-2021-933",
    "expected_too_late": "UH-2021-934",
    "expected_and_not_yet_announced": "UH-2022-935",
}

S_MAIN, S_RIVAL, S_EXPIRED, S_OPEN_ENDED, S_CEILING = (orgnr(8000 + i) for i in range(5))
S_ELSEWHERE, S_ENDED, S_LAST_DAY, S_NEXT_DAY, S_SETTINGS = (orgnr(8010 + i) for i in range(5))
S_TWIN_A, S_TWIN_B, S_FOREIGN, S_GHOST, S_NEWCOMER = (
    orgnr(8020),
    orgnr(8021),
    "DE000000017",
    orgnr(8022),
    orgnr(8023),
)
TWIN_NAME = "Tänkta Tvillingen AB"
C1, C2, C3 = RESERVED_CATEGORIES
U1, U2, U3 = "0101", "0104", "0107"

ANNOUNCED, DEADLINE, AWARD, COMPLETED = (
    date(2021, 2, 10),
    date(2021, 3, 15),
    date(2021, 4, 20),
    date(2021, 5, 12),
)


def plant(world: World) -> None:
    """Add every planted case to the world."""
    _suppliers(world)
    _procurements(world)
    _savings(world)
    _contracts(world)
    _lines(world)
    world.reserved_units.add(OUTSIDE_UNIT)


def _suppliers(world: World) -> None:
    known = (
        (S_MAIN, "Fiktiva Huvudsaken AB", 30), (S_RIVAL, "Fiktiva Rivalen AB", 249),
        (S_EXPIRED, "Tänkta Igår AB", 250),
        (S_OPEN_ENDED, "Tänkta Alltid AB", None), (S_CEILING, "Påhittade Taket AB", 12),
        (S_ELSEWHERE, "Låtsade Grannlandet AB", 5), (S_ENDED, "Låtsade Förr AB", 6),
        (S_LAST_DAY, "Låtsade Sista AB", 7),
        (S_NEXT_DAY, "Låtsade Imorgon AB", 8), (S_SETTINGS, "Låtsade Undantaget AB", 9),
        (S_TWIN_A, TWIN_NAME, 10),
        (S_TWIN_B, TWIN_NAME, 11), (S_FOREIGN, "Erdachte Waren GmbH", 90),
        (S_NEWCOMER, "Tänkta Nykomlingen AB", 3),
    )  # fmt: skip
    for number, name, employees in known:
        world.suppliers.append(Supplier(number, name, employees))
        world.reserved_suppliers.add(number)
    day = timedelta(days=1)
    world.workplaces += [
        Workplace(S_MAIN, "9101", None, None),
        Workplace(S_ELSEWHERE, NEIGHBOUR, None, None),
        Workplace(S_ENDED, "9102", date(2010, 1, 1), ANNOUNCED - day),
        Workplace(S_LAST_DAY, "9102", date(2010, 1, 1), ANNOUNCED),
        Workplace(S_NEXT_DAY, "9102", ANNOUNCED + day, None),
        Workplace(S_SETTINGS, SETTINGS_MUNICIPALITY, ANNOUNCED, None),
        Workplace(S_GHOST, "9101", None, None),  # a workplace of a supplier that no register knows: a warning
    ]


def _procurements(world: World) -> None:
    def add(trap: str, units: tuple[str, ...] = (U1, U2), category: str = C1, **other: Any) -> str:
        given: dict[str, Any] = {
            "planned_completion_date": date(2021, 6, 30), "announced_date": ANNOUNCED,
            "tender_deadline": DEADLINE,
            "award_date": AWARD, "completed_date": COMPLETED, "questions_count": 4,
            "planned_coordinated": True,
        }  # fmt: skip
        name = PLANTED[trap]
        values = {"procedure": "open", **given, **other}
        procurement = Procurement(name, f"Planterad: {trap.replace('_', ' ')}", category, **values)
        world.procurements.append(procurement)
        world.participants.extend(Participant(name, unit_id) for unit_id in units)
        return name

    def bid(
        name: str, supplier: str, lot: str | None = None, status: str = "qualified", price: int = 100
    ) -> None:
        world.bids.append(Bid(name, lot, supplier, supplier, Decimal(price * 1000), None, status, False))

    cancelled: dict[str, Any] = {
        "completed_date": None,
        "cancelled_date": date(2021, 4, 1),
        "cancellation_reason": "Inga anbud",
    }
    name = add("cancelled_after_announcement", award_date=None, **cancelled)
    world.requirements.append(Requirement(name, "reuse", "advanced"))
    for trap in ("direct_award", "lov", "framework_call", "dps_call"):
        bid(add(trap, procedure=trap), S_MAIN)
    bid(add("works", works=True), S_MAIN)
    bid(add("two_companies_of_one_owner", COMPANIES_OF_ONE_OWNER), S_MAIN)
    bid(add("non_member_participant", (U1, OUTSIDE_UNIT)), S_MAIN)
    bid(add("completed_without_participants", ()), S_MAIN)
    bid(add("participants_incomplete", participants_complete=False), S_MAIN)
    add(
        "exempt_with_reason",
        environment_applicable=False,
        environment_exemption_reason="Endast en rättighet köps",
    )
    add("exempt_without_reason", environment_applicable=False)
    name = add("levels_below_and_above")
    for area, level in (
        ("environment_management", "base"), ("reuse", "advanced"), ("chemicals", "spearhead"),
        ("employment", "base"),
        ("climate_transport", "base"), ("labour_terms", "base"), ("accessibility", "advanced"),
    ):  # fmt: skip
        world.requirements.append(Requirement(name, area, level))
    name = add("food", category="0101")
    world.requirements += [
        Requirement(name, "organic_food", "base"),
        Requirement(name, "local_food", "spearhead"),
    ]
    name = add("unregistered_bidder")
    bid(name, S_MAIN)
    bid(name, S_GHOST)
    name = add("workplace_ended_before_announcement")
    for supplier in (S_ENDED, S_LAST_DAY, S_NEXT_DAY, S_ELSEWHERE, S_SETTINGS):
        bid(name, supplier)
    bid(name, S_FOREIGN)
    name = add("consortium_with_one_regional_partner")
    for partner in (S_MAIN, S_ELSEWHERE):
        world.bids.append(Bid(name, None, "KONS-1", partner, Decimal(90_000), None, "qualified", True))
    for partner in (S_ELSEWHERE, S_EXPIRED):
        world.bids.append(Bid(name, None, "KONS-2", partner, Decimal(95_000), None, "qualified", False))
    bid(add("signed_twice"), S_MAIN)
    name = add("only_late_bids")
    bid(name, S_MAIN, status="late")
    bid(name, S_RIVAL, status="withdrawn")
    name = add("lot_counts_only")
    world.lots += [
        Lot(name, "1", "Norr", None, 3, 2),
        Lot(name, "2", "Söder", None, 1, 1),
        Lot(name, "3", "Väster"),
    ]
    name = add("single_lot_count")
    world.lots.append(Lot(name, "1", "Allt", None, 1, 1))
    add("unknown_bids")
    name = add("bid_on_every_lot")
    world.lots += [Lot(name, "1", "Norr", None, 9), Lot(name, "2", "Söder")]
    bid(name, S_MAIN)
    bid(name, S_RIVAL, lot="2")
    bid(name, S_ENDED, lot="2", status="rejected")
    name = add("same_supplier_on_two_lots")
    world.lots += [Lot(name, "1", "Norr"), Lot(name, "2", "Söder")]
    bid(name, S_MAIN, lot="1")
    bid(name, S_MAIN, lot="2", price=120)
    bid(add("missed_coordination", (U1,)), S_MAIN)
    bid(add("federation_counts_as_owner", (FEDERATION_UNIT, U1)), S_MAIN)  # owner 9103, and 9101
    bid(add("late_of_plan", planned_completion_date=date(2020, 12, 31)), S_MAIN)
    add("negotiated_by_a_consortium", procedure="negotiated", coordination_hours=Decimal(40))
    add("first_price_filled_in_for_every_bid", coordination_cost=Decimal(7_000))
    add("saving_of_the_whole_and_of_a_lot", coordination_hours=Decimal(10), coordination_cost=Decimal(0))
    add("more_than_twenty_bids")
    add("prices_that_rose", (U1,), coordination_hours=Decimal(12))
    add("expected_in_time", review_applied_date=date(2021, 4, 25))
    add("expected_too_late")
    later: dict[str, Any] = dict.fromkeys(
        ("announced_date", "tender_deadline", "award_date", "completed_date")
    )
    add("expected_and_not_yet_announced", planned_completion_date=date(2022, 12, 31), **later)


def _savings(world: World) -> None:
    """What is saved, and what was expected, where the rules are easily got wrong."""

    def bid(trap: str, bidder: str, price: int, first: int | None = None, winner: bool = False, lot: str | None = None,
            partner: str | None = None) -> None:  # fmt: skip
        world.bids.append(
            Bid(PLANTED[trap], lot, bidder, partner or bidder, Decimal(price),
                None if first is None else Decimal(first), "qualified", winner)
        )  # fmt: skip

    trap = "negotiated_by_a_consortium"  # two rows, one price: 20 000 and not 40 000; before the market price
    for partner in (S_MAIN, S_ELSEWHERE):
        bid(trap, "KONS-3", 180_000, 200_000, winner=True, partner=partner)
    bid(trap, S_RIVAL, 210_000, 215_000)
    bid(trap, S_EXPIRED, 240_000, 240_000)
    trap = "first_price_filled_in_for_every_bid"  # an open procedure: nobody has negotiated, the bids are compared
    bid(trap, S_MAIN, 90_000, 90_000, winner=True)
    bid(trap, S_RIVAL, 100_000, 100_000)
    bid(trap, S_EXPIRED, 110_000, 110_000)
    trap = "saving_of_the_whole_and_of_a_lot"  # the whole covers its lot; a negotiation does not count beside a basket
    world.lots.append(Lot(PLANTED[trap], "1", "Norr"))
    for lot, method, before, after, share in (
        (None, "basket", 500_000, 450_000, "0.2"), ("1", "basket", 90_000, 80_000, None),
        (None, "negotiation", 480_000, 450_000, None),
    ):  # fmt: skip
        world.savings.append(
            Saving(PLANTED[trap], lot, method, Decimal(before), Decimal(after), Decimal(share) if share else None,
                   "Planterad")
        )  # fmt: skip
    trap = "more_than_twenty_bids"  # a market price whose artefact nobody has worked out
    for number in range(21):
        bid(trap, orgnr(8100 + number), 100_000 + 1_000 * number, winner=number == 0)
    trap = "prices_that_rose"
    world.savings.append(
        Saving(PLANTED[trap], None, "basket", Decimal(100_000), Decimal(104_000), None, "Planterad")
    )
    day = timedelta(days=1)
    for trap, recorded, kind, bids, price, review in (
        ("expected_in_time", ANNOUNCED - day, "expectation", 3, 95_000, "0.2"),
        ("expected_in_time", COMPLETED + day, "lesson", None, None, None),
        ("expected_too_late", ANNOUNCED, "expectation", 2, 90_000, "0.1"),
        ("expected_and_not_yet_announced", date(2022, 11, 1), "expectation", 4, None, None),
    ):  # fmt: skip
        world.lessons.append(
            Lesson(PLANTED[trap], recorded, kind, "Planterad", bids, Decimal(price) if price else None,
                   Decimal(review) if review else None)
        )  # fmt: skip
    for trap in ("expected_in_time", "expected_too_late"):
        bid(trap, S_MAIN, 100_000, winner=True)
        bid(trap, S_RIVAL, 110_000)


def _contracts(world: World) -> None:
    def add(
        contract_id: str,
        supplier: str,
        category: str,
        first: date,
        last: date | None,
        *buyers: str,
        **other: Any,
    ) -> None:
        values: dict[str, Any] = {
            "procurement_id": None, "title": f"Planterat {contract_id}", "signed_date": None,
            "valid_from": first, "valid_to": last, **other,
        }  # fmt: skip
        world.contracts.append(
            Contract(contract_id=contract_id, supplier_id=supplier, category_code=category, **values)
        )
        world.reserved_contracts.add(contract_id)
        if not any(b.contract_id == contract_id for b in world.contract_buyers):
            world.contract_buyers.extend(ContractBuyer(contract_id, unit_id) for unit_id in buyers)

    start, end = date(2021, 1, 1), date(2021, 6, 30)
    add("P-01", S_MAIN, C1, start, end, U1, U2, contract_class="A", extension_until=date(2022, 6, 30))
    add("P-02", S_MAIN, C1, date(2021, 3, 1), end, U1, contract_class="B")  # fits beside P-01 from March
    add("P-03", S_EXPIRED, C1, date(2019, 1, 1), date(2022, 12, 31), U1, terminated_date=date(2020, 6, 30),
        termination_reason="Uppsagt", contract_class="A")  # fmt: skip
    add("P-04", S_OPEN_ENDED, C2, date(2018, 5, 1), None, "ALL", contract_class="C", critical=True,
        continuity_plan=True)  # fmt: skip # every member's, and nobody else's category: a sole source
    add("P-05", S_RIVAL, C3, start, end, U2)  # one member's buyer only, no class
    add("P-06", S_CEILING, C2, date(2020, 1, 1), date(2022, 12, 31), "ALL", ceiling_value=Decimal(100_000),
        contract_class="B")  # fmt: skip
    add("P-07", S_CEILING, C3, date(2019, 1, 1), date(2019, 12, 31))  # no buyers: open to nobody
    add("P-08", S_MAIN, C2, date(2019, 1, 1), date(2020, 12, 31), U3, contract_class="D",
        terminated_date=date(2020, 12, 31))  # fmt: skip # terminated on its last day: not early
    world.contract_categories.append(ContractCategory("P-05", C1))
    for procurement, contract, signed in (
        ("signed_twice", "P-10", date(2021, 5, 20)),
        ("signed_twice", "P-11", date(2021, 9, 20)),
        ("unregistered_bidder", "P-12", date(2021, 6, 1)),
        ("workplace_ended_before_announcement", "P-13", date(2021, 6, 2)),
        ("direct_award", "P-14", date(2021, 6, 3)),
    ):
        supplier = {"P-12": S_GHOST, "P-13": S_LAST_DAY}.get(contract, S_MAIN)
        add(contract, supplier, C1, signed, signed + timedelta(days=20), FEDERATION_UNIT,
            procurement_id=PLANTED[procurement], signed_date=signed, contract_class="D")  # fmt: skip
    add("P-13", S_ENDED, C1, date(2021, 6, 2), date(2021, 6, 22), procurement_id=PLANTED[
        "workplace_ended_before_announcement"], signed_date=date(2021, 6, 9), contract_class="D")  # fmt: skip
    # A framework whose volume is repeated on both suppliers' rows, and one where each has its own.
    for contract, supplier, volume in (
        ("P-15", S_MAIN, 400_000), ("P-15", S_RIVAL, 400_000), ("P-16", S_MAIN, 300_000), ("P-16", S_RIVAL, 100_000),
    ):  # fmt: skip
        trap = "saving_of_the_whole_and_of_a_lot" if contract == "P-15" else "negotiated_by_a_consortium"
        add(contract, supplier, C3, date(2022, 1, 1), date(2022, 6, 30), U3, procurement_id=PLANTED[trap],
            signed_date=date(2021, 12, 20), expected_volume=Decimal(volume), annual_value=Decimal(volume))  # fmt: skip
    world.contract_followups += [
        Followup("P-01", date(2021, 3, 3), "meeting", 4, False),
        Followup("P-02", date(2021, 4, 4), "phone", None, None),  # class B needs a meeting
        Followup("P-04", date(2021, 4, 5), "email", None, None),  # class C may be followed up by e-mail
        Followup("P-05", date(2021, 4, 6), "meeting", None, None),  # no class: does not count
        Followup("P-06", date(2021, 7, 1), "meeting", 3, True),
    ]


def _lines(world: World) -> None:
    spellings = {}
    for name, spelling in (
        ("main", Spelling(S_MAIN, "Fiktiva Huvudsaken AB", None, S_MAIN)),
        ("rival", Spelling(S_RIVAL, "Fiktiva Rivalen AB", None, S_RIVAL)),
        ("expired", Spelling(S_EXPIRED, "Tänkta Igår AB", None, S_EXPIRED)),
        ("open", Spelling(S_OPEN_ENDED, "Tänkta Alltid AB", None, S_OPEN_ENDED)),
        ("ceiling", Spelling(S_CEILING, "Påhittade Taket AB", None, S_CEILING)),
        ("newcomer", Spelling(S_NEWCOMER, "Tänkta Nykomlingen AB", None, S_NEWCOMER)),
        ("ghost", Spelling(S_GHOST, "Ett Spöke AB", None, S_GHOST)),
        ("foreign", Spelling(S_FOREIGN, "Erdachte Waren GmbH", None, S_FOREIGN)),
        ("main_by_name", Spelling(None, "fiktiva  huvudsaken ab", None, S_MAIN)),
        ("main_by_alias", Spelling(None, "Huvudsaken (butik)", None, S_MAIN)),
        ("main_by_giro", Spelling(None, "Något annat namn", "4999-0001", S_MAIN)),
        ("main_by_number", Spelling(orgnr(8090), "Gamla Huvudsaken AB", None, S_MAIN)),
        ("main_nearly", Spelling(None, "Fiktiva Huvudsaker AB", None, None)),
        ("twin", Spelling(None, TWIN_NAME, None, None)),
        ("company", Spelling(unit_orgnr(world, COMPANIES_OF_ONE_OWNER[0]), "Bolag 1 i Exempelhult AB", None,
                             unit_orgnr(world, COMPANIES_OF_ONE_OWNER[0]))),
        ("neighbour", Spelling(unit_orgnr(world, OUTSIDE_UNIT), "Grannebygds kommun", None,
                               unit_orgnr(world, OUTSIDE_UNIT))),
    ):  # fmt: skip
        spellings[name] = len(world.spellings)
        world.spellings.append(spelling)
    world.supplier_aliases += [
        SupplierAlias("name", "Huvudsaken (butik)", S_MAIN),
        SupplierAlias("bankgiro", "4999-0001", S_MAIN),
        SupplierAlias("orgnr", orgnr(8090), S_MAIN),
    ]

    def line(
        invoice: str, who: str, day: date, kronor: int, category: str | None = C1, unit: str = U1,
        number: int = 1,
        account: int = UNCATEGORISED_ACCOUNT, contract: str | None = None, booked: date | None = None,
        currency: str = "SEK", rate: str = "1",
    ) -> None:  # fmt: skip
        world.planted_lines.append(
            Line(unit, invoice, number, spellings[who], day, booked or day, account,
                 int(kronor * 100 * Decimal(rate)), category, contract, currency, Decimal(rate))
        )  # fmt: skip

    first, last = date(2021, 1, 1), date(2021, 6, 30)
    line("T01", "main", first, 100)  # first day: on contract
    line("T02", "main", last, 100)  # last day: on contract
    line("T03", "main", last + timedelta(days=1), 100)  # extension does not prolong: expired, uncovered
    line("T04", "main", first - timedelta(days=1), 100)  # not yet: nobody covers, no contract
    line("T05", "main", date(2021, 4, 1), 100)  # P-01 and P-02 fit: the later one, ambiguous
    line("T06", "main", date(2021, 4, 1), 100, contract="P-01")  # the named one
    line("T07", "main", date(2021, 4, 1), 100, C2, contract="P-01")  # named against the category rule
    line("T08", "main", date(2021, 4, 1), 100, C3, contract="P-05")  # names another supplier's contract
    line("T09", "expired", date(2020, 6, 30), 100)  # the day of termination is included
    line("T10", "expired", date(2021, 2, 1), 100)  # terminated; S_MAIN covers: wild, expired
    line("T11", "open", date(2022, 12, 30), 100, C2)  # no end date
    line("T12", "rival", date(2021, 2, 2), 100, C3)  # P-05 is not open to U1: not entitled
    line("T13", "rival", date(2021, 2, 2), 100, C1, unit=U2)  # an extra category of P-05
    line("T14", "main", date(2021, 2, 3), 100, C2)  # valid contract in C1, others cover C2: other category
    line("T15", "newcomer", date(2021, 2, 3), 100)  # no contract of its own, others cover: wild
    line("T16", "newcomer", date(2019, 2, 3), 100, C3)  # nobody covers
    line("T17", "main", date(2021, 2, 3), 100, account=EXCLUDED_ACCOUNTS[0])  # wages
    line(
        "T18", "newcomer", date(2021, 2, 3), 100, None, account=RANGELESS_ACCOUNT
    )  # no category, no contract
    line("T19", "main", date(2021, 2, 3), 100, None, account=RANGELESS_ACCOUNT)  # no category, some contract
    line("T20", "main", date(2021, 2, 3), 100, None, account=RESERVED_ACCOUNT)  # the account's category is C1
    line(
        "T21", "main", date(2021, 2, 3), 100, None, contract="P-01"
    )  # the contract's category before the account's
    line("T22", "company", date(2021, 2, 3), 100)  # a member's own unit
    line("T23", "neighbour", date(2021, 2, 3), 100)  # a unit whose owner is no member: an ordinary supplier
    line("T24", "main_nearly", date(2021, 2, 3), 100)  # similar is not the same
    line("T25", "twin", date(2021, 2, 3), 100)  # two suppliers bear the name
    for number, who in enumerate(
        ("main_by_name", "main_by_alias", "main_by_giro", "main_by_number"), start=1
    ):
        line("T26", who, date(2021, 2, 4), 100 * number, number=number)
    line(
        "T27", "main", date(2021, 2, 5), 100, C1, unit=OUTSIDE_UNIT
    )  # no member: ALL only, and ALL excludes it
    line("T28", "ghost", date(2021, 2, 5), 100)  # unregistered, yet known
    line("T29", "foreign", date(2021, 3, 2), 1000, C1, currency="EUR", rate="10.25")
    line("T29", "foreign", date(2021, 3, 2), 200, C1, number=2, currency="EUR", rate="10.25")
    world.exchange_rates += [
        ExchangeRate("EUR", date(2021, 3, 2), Decimal("10.25")),
        ExchangeRate("EUR", date(2022, 3, 1), Decimal("10.5")),
    ]
    # One voucher number in two fiscal years is two invoices.
    line("T30", "main", date(2021, 2, 6), 500)
    line("T30", "main", date(2020, 12, 30), 700, booked=date(2020, 12, 31))
    # Booked in the year after the invoice.
    line("T31", "main", date(2021, 5, 31), 100, booked=date(2021, 7, 5))
    line("T32", "open", date(2019, 1, 20), 100, C2, booked=date(2021, 4, 20))  # 27 months before: a warning
    # A credit note; and an invoice whose largest class (wild, 900) is decided by the absolute amount.
    line("T33", "main", date(2021, 2, 20), -300)
    line("T34", "main", date(2021, 2, 21), 800)
    line("T34", "newcomer", date(2021, 2, 21), -900, number=2)
    line("T34", "newcomer", date(2021, 2, 21), 300, None, number=3, account=EXCLUDED_ACCOUNTS[1])
    # Delivered first as three lines without numbers, then as these two: an invoice is delivered whole.
    line("T50", "open", date(2020, 4, 2), 4_000, C2)
    line("T50", "open", date(2020, 4, 2), 6_000, C2, number=2)
    # Equal lines: the class is that of the ladder's first, the largest line the first.
    line("T35", "newcomer", date(2021, 2, 22), 400)
    line("T35", "main", date(2021, 2, 22), 400, number=2)
    # The ceiling of P-06 (100 000): below, reached exactly, passed, back below through a credit note, passed
    # again.
    line("T40", "ceiling", date(2020, 2, 1), 60_000, C2)
    line("T41", "ceiling", date(2020, 3, 1), 40_000, C2, unit=U2)
    line("T42", "ceiling", date(2020, 4, 1), 1, C2)
    line("T43", "ceiling", date(2020, 5, 1), -30_000, C2)
    line("T44", "ceiling", date(2020, 6, 1), 29_000, C2)
    line("T46", "open", date(2020, 5, 15), 50_000, C2)  # keeps the quarter's sums positive
    line("T45", "ceiling", date(2020, 7, 1), 5_000, C2, unit=U3)
    line("T45", "ceiling", date(2020, 7, 1), 10, C2, unit=U3, number=2)
    # P-15 and P-16 are U3's alone: bought on the one that is named, wild in equal parts, and not theirs the day after
    # the last, nor of another unit.
    line("T70", "main", date(2022, 2, 1), 11_000, C3, unit=U3, contract="P-15")
    line("T71", "rival", date(2022, 2, 2), 9_000, C3, unit=U3, contract="P-16")
    line("T72", "newcomer", date(2022, 6, 30), 5_000, C3, unit=U3, booked=date(2022, 7, 4))
    line("T73", "newcomer", date(2022, 7, 1), 5_000, C3, unit=U3)
    # Nobody's contract covers C3 for U1 and U2 in 2022: one authority passes the direct-award threshold, another comes
    # near it.
    line("T60", "newcomer", date(2022, 3, 1), 480_000, C3)
    line("T61", "newcomer", date(2022, 5, 10), 260_000, C3)
    line("T62", "rival", date(2022, 6, 1), 390_000, C3, unit=U2)


def unit_orgnr(world: World, unit_id: str) -> str:
    """The organisation number of a unit that has one."""
    number = next(u.orgnr for u in world.organisations if u.unit_id == unit_id)
    assert number is not None
    return number

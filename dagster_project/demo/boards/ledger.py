"""The purchases of a board's members: a small ledger, one invoice after the other.

What belongs here: plausible lines, most of them on a contract. What does not: planted cases of the ladder, which
the invented organisation's ledger has.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from dagster_project.demo.boards.plan import Board
from dagster_project.demo.boards.settle import some_workday
from dagster_project.demo.facts import Contract, World
from dagster_project.demo.scorecard import month_end

COLUMNS = (
    "buyer_unit_id", "fiscal_year", "invoice_id", "line_no", "supplier_id", "supplier_name", "invoice_date",
    "booking_date", "account", "category_code", "contract_id", "amount_net", "vat_amount", "currency",
)  # fmt: skip
ON_CONTRACT_CHANCE, CREDIT_CHANCE, WAGES_CHANCE = 0.75, 0.02, 0.02
WAGES_ACCOUNT = "5010"
LINES_OF_AN_INVOICE = {1: 62, 2: 22, 3: 10, 5: 6}
VAT = Decimal("0.25")


def invoice_rows(world: World, board: Board, rng: random.Random) -> list[dict[str, Any]]:
    """About `world.size.invoice_lines` lines in the order of their booking dates, by column."""
    months = [month for span in board.periods for month in span.months]
    names = {s.supplier_id: s.supplier_name for s in world.suppliers}
    accounts = {a.category_code: a.account_from for a in world.accounts if a.category_code}
    open_to = _open_to(world)
    found: list[dict[str, Any]] = []
    for number, (year, month) in enumerate(months, start=1):
        first, last = month_end(year, month).replace(day=1), month_end(year, month)
        running = [
            c
            for c in world.contracts
            if c.valid_from <= first and last <= c.last_day and open_to[c.contract_id]
        ]
        while len(found) < world.size.invoice_lines * number // len(months):
            contract = rng.choice(running) if running and rng.random() < ON_CONTRACT_CHANCE else None
            day = some_workday(rng, first, last)
            booked = min(day + timedelta(days=rng.randint(0, 20)), last)
            invoice = {
                "fiscal_year": booked.year, "invoice_id": f"{100_000 + len(found)}", "invoice_date": day,
                "booking_date": booked, "currency": "SEK", **_parties(world, contract, open_to, rng),
            }  # fmt: skip
            invoice["supplier_name"] = names[invoice["supplier_id"]]
            found += _lines(world, invoice, contract, accounts, rng)
    return sorted(found, key=lambda row: (row["booking_date"], row["invoice_id"], row["line_no"]))


def _open_to(world: World) -> dict[str, list[str]]:
    everyone = [unit.unit_id for unit in world.organisations]
    found: dict[str, list[str]] = {}
    for buyer in world.contract_buyers:
        units = everyone if buyer.unit_id == "ALL" else [buyer.unit_id]
        found.setdefault(buyer.contract_id, []).extend(units)
    return found


def _parties(
    world: World, contract: Contract | None, open_to: dict[str, list[str]], rng: random.Random
) -> dict[str, Any]:
    if contract is None:
        return {
            "buyer_unit_id": rng.choice(world.organisations).unit_id,
            "supplier_id": rng.choice(world.suppliers).supplier_id,
        }
    return {
        "buyer_unit_id": rng.choice(open_to[contract.contract_id]),
        "supplier_id": contract.supplier_id,
        "contract_id": contract.contract_id if rng.random() < 0.4 else None,
    }


def _lines(
    world: World,
    invoice: dict[str, Any],
    contract: Contract | None,
    accounts: dict[str, str],
    rng: random.Random,
) -> Iterator[dict[str, Any]]:
    category = contract.category_code if contract else rng.choice(world.categories).category_code
    sign = -1 if rng.random() < CREDIT_CHANCE else 1
    count = rng.choices(list(LINES_OF_AN_INVOICE), weights=list(LINES_OF_AN_INVOICE.values()))[0]
    for line_no in range(1, count + 1):
        amount = sign * Decimal(round(rng.lognormvariate(8.6, 1.1) * 100) + 100) / 100
        is_wages = contract is None and rng.random() < WAGES_CHANCE
        yield {
            **invoice,
            "line_no": line_no,
            "account": WAGES_ACCOUNT if is_wages else accounts.get(category, "4850"),
            # Where the account leads to the category, a ledger often leaves it at that.
            "category_code": None if is_wages or (category in accounts and rng.random() < 0.4) else category,
            "amount_net": amount,
            "vat_amount": (amount * VAT).quantize(Decimal("0.01")),
        }

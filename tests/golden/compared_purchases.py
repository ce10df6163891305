"""Holds the marts of purchases and contracts to act on against their count in plain Python (`counted_purchases.py`).

What belongs here: which mart is which count, and how near they must be. What does not: counting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from dagster_project.demo.facts import World
from dagster_project.demo.ladder import CLASSES, Ladder, classified
from dagster_project.demo.ledger import Ledger
from tests.golden.counted_purchases import CountedPurchases, Purchase, Row

ORE = 100
CENT, SHARE, GRAM = 0.006, 2e-6, 0.0006
"""How far an amount, a share and a weight may be from the count: they are rounded."""
DAYS, AHEAD = 2, 1e-3
"""How far a forecast day may be, beside a part of the time until it: Student's quantile is a series in the models."""

NOT_COUNTED = {"over_ceiling_low_amount", "over_ceiling_high_amount"}
"""Bounds of what is ambiguous, which the ladder's own tests hold (`tests/property/test_ladder.py`)."""

MARTS: dict[str, tuple[tuple[str, ...], Callable[[CountedPurchases], Mapping[Any, Row]]]] = {
    "off_contract_rates": (
        ("period_type", "period", "member_code", "category_group", "supplier_id"), CountedPurchases.rates
    ),
    "spend_cube": (
        ("quarter", "member_code", "category_code", "supplier_id", "compliance_class"),
        lambda counted: counted.cube,
    ),
    "environmental_spend": (("year", "member_code", "category_group"), CountedPurchases.environmental),
    "supplier_concentration": (("year", "category_group"), CountedPurchases.concentration),
    "direct_award_watch": (
        ("authority_id", "category_code", "fiscal_year"), CountedPurchases.direct_awards
    ),
    "ceiling_forecast": (("contract_id", "member_code"), CountedPurchases.ceilings),
    "contract_calendar": (
        ("contract_id", "event_kind", "event_date", "extension_until_date"), CountedPurchases.calendar
    ),
    "coordination_potential": (("category_code",), CountedPurchases.potential),
    "preparedness": (("contract_id", "supplier_id"), CountedPurchases.preparedness),
}  # fmt: skip


def differences(
    rows: Callable[[str], list[Row]], counted: CountedPurchases, renamed: Mapping[str, str]
) -> list[str]:
    """Where the marts and the count differ, in words.

    `rows`: the rows of a query over the release, as dicts. `renamed`: what is published of a key, where it is not told.
    """
    said = []
    for table, (key, count) in MARTS.items():
        published = {tuple(row[column] for column in key): row for row in rows(f"select * from {table}")}
        expected = {
            tuple(renamed.get(part, part) if isinstance(part, str) else part for part in row_key): row
            for row_key, row in count(counted).items()
        }
        said += [f"{table}: {only} is only in the mart" for only in published.keys() - expected.keys()]
        said += [f"{table}: {only} is only in the count" for only in expected.keys() - published.keys()]
        for row_key in published.keys() & expected.keys():
            row = published[row_key]
            untold = row.keys() - expected[row_key].keys() - set(key) - NOT_COUNTED
            said += [f"{table}: {column} is not counted" for column in untold]
            for column, value in expected[row_key].items():
                if not _agrees(column, row[column], value, counted.as_of):
                    said.append(f"{table}: {row_key} {column} is {row[column]}, counted {value}")
    return said


def _agrees(column: str, told: Any, value: Any, as_of: date) -> bool:
    if column.startswith("exhausted_") and told is not None and value is not None:
        return bool(abs((told - value).days) <= DAYS + AHEAD * (value - as_of).days)
    if told is None or value is None or isinstance(value, str | bool | date):
        return bool(told == value)
    slack = GRAM if column.endswith("_kg") else CENT if column.endswith("amount") else SHARE
    return abs(float(told) - float(value)) <= slack + 1e-9 * abs(float(value))


def purchases_in(world: World, ledger: Ledger) -> list[Purchase]:
    """The lines of an invented organisation, classified by the truth's own ladder."""
    units, codes = ledger.world.organisations, [c.category_code for c in ledger.world.categories]
    suppliers = Ladder(world, ledger).supplier_ids
    columns = (
        "unit", "fiscal_year", "invoice_id", "line_no", "supplier", "category_known", "compliance", "chosen",
        "invoice_date", "booking_date", "amount",
    )  # fmt: skip
    return [
        Purchase(
            units[unit].unit_id, year, invoice, number, suppliers[supplier] if supplier >= 0 else None,
            codes[category] if category >= 0 else None, CLASSES[compliance],
            ledger.contract_ids[chosen] if chosen >= 0 else None, invoiced, booked, Fraction(amount, ORE),
        )
        for chunk in classified(world, ledger)
        for unit, year, invoice, number, supplier, category, compliance, chosen, invoiced, booked, amount
        in chunk.select(columns).iter_rows()
    ]  # fmt: skip

"""Holds the marts of savings, coordination and lessons against their count in plain Python (`counted_savings.py`).

What belongs here: which mart is which count, and how near they must be. What does not: counting, and which worlds are
counted (`test_truth.py`, `test_published_outcomes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from dagster_project.demo.facts import World
from dagster_project.demo.figures import NONE
from dagster_project.demo.ladder import CLASSES, classified
from dagster_project.demo.ledger import Ledger
from tests.golden.counted_savings import MAYBE_CHANCE, SIZE, Bought, Counted, Row

ORE = 100
ENDS = ("saving_share_difference_low", "saving_share_difference_high")
SIDES = tuple(
    f"{side}_{end}" for side in ("coordinated", "separate", "difference") for end in ("low", "high")
)
CENT, SHARE, CHANCE, END = 0.006, 2e-6, 2e-7, 1e-3
"""How far an amount, a share and (of the amount before) what chance gives may be from the count: they are rounded.
END is of the end of an interval, where Student's quantile is a series in the models."""


MARTS: dict[str, tuple[str, tuple[str, ...], Callable[[Counted], Mapping[Any, Row]]]] = {
    # what is told: the mart's rows, their key, the count
    "savings_summary": (
        "savings_summary where procurements > 0",
        ("period_type", "period", "member_code", "category_group", "method"),
        lambda counted: counted.summary(),
    ),
    "savings": (
        "savings where is_computed", ("procurement_id", "lot_id", "method"), lambda counted: counted.savings()
    ),
    "coordination_comparison": (
        "coordination_comparison", ("year", "measure"), lambda counted: counted.comparison()
    ),
    "savings_parts": (
        "savings_parts",
        ("kpi_id", "period_type", "period", "member_code", "category_group", "part"),
        lambda counted: counted.parts(),
    ),
    "realised_savings": (
        "realised_savings", ("period_type", "period", "contract_id"), lambda counted: counted.realised()
    ),
    "coordination_benefit of procurements": (
        "coordination_benefit where level = 'procurement'",
        ("procurement_id",),
        lambda counted: {(name,): row for name, row in counted.benefit_of_procurements().items()},
    ),
    "coordination_benefit of years": (
        "coordination_benefit where level = 'year'",
        ("year",),
        lambda counted: {(year,): row for year, row in counted.benefit_of_years().items()},
    ),
    "missed_coordination": (
        "missed_coordination",
        ("procurement_id",),
        lambda counted: {(name,): row for name, row in counted.missed().items()},
    ),
    "lessons_learned": (
        "lessons_learned", ("procurement_id", "recorded_date"), lambda counted: counted.lessons()
    ),
    "lessons_calibration": (
        "lessons_calibration",
        ("year",),
        lambda counted: {(year,): row for year, row in counted.calibration().items()},
    ),
    "savings_target_footing": (
        "savings_target_footing",
        ("kpi_id", "plan_id", "year"),
        lambda counted: {
            (kpi_id, plan_id, str(year)): row
            for (kpi_id, plan_id, year), row in counted.footing(counted.world.organisation).items()
        },
    ),
}  # fmt: skip


def differences(rows: Callable[[str], list[Row]], counted: Counted) -> list[str]:
    """Where the marts and the count differ, in words. `rows`: the rows of a query over the release, as dicts."""
    said = []
    sure = {  # single comparisons whose remainder is not zero by chance
        row["procurement_id"]
        for row in rows(
            "select procurement_id from savings where is_counted and method = 'market_price' "
            "group by procurement_id having count(*) = 1 "
            "and (min(remainder_low_amount) > 0 or max(remainder_high_amount) < 0)"
        )
    }
    for name, (table, key, count) in MARTS.items():
        published = {tuple(row[column] for column in key): row for row in rows(f"select * from {table}")}
        expected = dict(count(counted))
        said += [f"{name}: {only} is only in the mart" for only in published.keys() - expected.keys()]
        said += [f"{name}: {only} is only in the count" for only in expected.keys() - published.keys()]
        for row_key in published.keys() & expected.keys():
            for column, value in expected[row_key].items():
                if column == SIZE or (
                    column in ("verdict", "reason")
                    and _is_told_by_chance(expected[row_key], row_key, sure, counted)
                ):
                    continue
                told = published[row_key][column]
                if not _agrees(column, told, value, expected[row_key].get(SIZE, NONE)):
                    said.append(f"{name}: {row_key} {column} is {told}, counted {value}")
    return said


def _is_told_by_chance(row: Row, key: tuple[Any, ...], sure: set[str], counted: Counted) -> bool:
    """Whether a verdict hangs on an interval that is not counted here: of what chance leaves over of several lots."""
    if row.get("reason") != MAYBE_CHANCE[1]:
        return False
    return key[0] in sure or len(counted.counted[key[0]]) > 1


def _agrees(column: str, told: Any, value: Any, size: Fraction) -> bool:
    if told is None or value is None or isinstance(value, str | bool | date):
        return bool(told == value)
    slack = CENT if column.endswith("amount") else SHARE
    if "artefact" in column or column == "remainder_amount":
        slack += CHANCE * float(size)
    if column in SIDES:
        slack += 3 * END * float(size)
    if column in ENDS:
        slack += END * abs(float(value))
    return abs(float(told) - float(value)) <= slack + 1e-9 * abs(float(value))


def bought_in(world: World, ledger: Ledger) -> list[Bought]:
    """The purchases of an invented organisation, classified by the truth's own ladder."""
    units, codes = ledger.world.organisations, [c.category_code for c in ledger.world.categories]
    columns = ("compliance", "chosen", "unit", "category_known", "invoice_date", "booking_date", "amount")
    return [
        Bought(
            CLASSES[compliance], ledger.contract_ids[chosen] if chosen >= 0 else None, units[unit].unit_id,
            codes[category] if category >= 0 else None, invoiced, booked, Fraction(amount, ORE),
        )
        for chunk in classified(world, ledger)
        for compliance, chosen, unit, category, invoiced, booked, amount in chunk.select(columns).iter_rows()
    ]  # fmt: skip

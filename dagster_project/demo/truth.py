"""Writes what is true of a world: every published figure, every line's class and the environmental levels.

The conventions, beside those that `figures.py`, `spending.py` and `scorecard.py` state for themselves:

* Period types and names as published; the years run from the first to the last with evidence; the as-of date
  is the last day, after every event.
* (ALL, ALL) has a row in every period for every indicator, `business_climate_rank_mean` too (without a value
  but for years); members and groups only where some record of theirs is counted or unknown.
* NULL is an empty cell; numbers are the shortest text that gives the float back.
* A row without a value is `no_data`; it keeps the operator and target that would have judged it. A row that
  is not judged has neither, and is `no_target`.
* A ratio whose denominator is zero has numerator, denominator and no value.
* Coverage is empty where there is no record at all, and 0 where all are unknown.
* `environment_levels` has every area and level of every period, over all announced procurements in scope.

What belongs here: the form of the truth. What does not: how anything is counted.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from dagster_project.demo.facts import ENVIRONMENT_AREAS, World
from dagster_project.demo.figures import (
    Register,
    climate_rank,
    followup_coverage,
    plan_completion,
    register_figures,
    staff_mean,
)
from dagster_project.demo.gains import savings_figures
from dagster_project.demo.ladder import CLASSES, REASONS, classified
from dagster_project.demo.ledger import Ledger
from dagster_project.demo.realised import Realised
from dagster_project.demo.scorecard import (
    ALL,
    NOTHING,
    Cell,
    Evidence,
    Figure,
    Period,
    Value,
    earlier,
    float_of,
    judge,
    month_buckets,
    periods,
    values_of,
)
from dagster_project.demo.spending import Spending
from dagster_project.demo.spot_check import FIRST, LAST, Frame, SpotCheck, drawn
from dagster_project.demo.spot_check import KPI as SAMPLED

KPI_COLUMNS = (
    "kpi_id", "period_type", "period", "member_code", "category_group", "numerator", "denominator", "actual",
    "coverage", "status", "target_operator", "target",
)  # fmt: skip
LEVELS = ("none", "base", "advanced", "spearhead")
AVERAGES = ("business_climate_rank_mean", "staff_turnover", "training_hours_per_employee")
LAST_DAY_FIGURES = ("plan_completion_share", "followup_coverage_ab")


def write_truth(world: World, ledger: Ledger, target: Path, with_sample: bool) -> SpotCheck:
    """Count everything of `world` (its ledger's world may hold more registers) and write the CSV files of
    `target`/truth; `with_sample` draws and records a sample of the lines there, and returns what was reviewed.
    """
    folder = target / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    spending, realised, frame = Spending(world, ledger), Realised(world, ledger), Frame(world, ledger)
    counts = (spending, realised, frame) if with_sample else (spending, realised)
    _write_lines(world, ledger, counts, folder / "invoice_lines.csv")
    spot_check = drawn(frame.lines(), target) if with_sample else SpotCheck()
    rows = list(kpi_rows(world, spending, realised, spot_check))
    _write(folder / "kpi_values.csv", KPI_COLUMNS, rows)
    columns = ("period_type", "period", "area", "level", "procurements", "share")
    _write(folder / "environment_levels.csv", columns, environment_levels(world, _years(world, spending)))
    return spot_check


def _write_lines(
    world: World, ledger: Ledger, counts: Sequence[Spending | Realised | Frame], path: Path
) -> None:
    units = pl.Series([u.unit_id for u in ledger.world.organisations])
    contracts = pl.Series([*ledger.contract_ids, None])
    classes, reasons = pl.Series(CLASSES), pl.Series(REASONS, dtype=pl.String)
    with path.open("wb") as file:
        for number, chunk in enumerate(classified(world, ledger)):
            for count in counts:
                count.add(chunk)
            chosen = chunk["chosen"].cast(pl.Int64).replace(-1, len(contracts) - 1)
            chunk.select(
                buyer_unit_id=units.gather(chunk["unit"]),
                fiscal_year="fiscal_year",
                invoice_id="invoice_id",
                line_no="line_no",
                compliance_class=classes.gather(chunk["compliance"]),
                compliance_reason=reasons.gather(chunk["reason"]),
                contract_id=contracts.gather(chosen),
            ).write_csv(file, include_header=number == 0)


def _years(world: World, spending: Spending) -> list[Period]:
    years = {y for y, _ in spending.booked_months()}
    years |= {e.day.year for figure in register_figures(world) for e in figure.evidence}
    years |= {int(s.month[:4]) for s in world.staff} | {c.year for c in world.business_climate}
    return periods(min(years), max(years))


def kpi_rows(
    world: World, spending: Spending, realised: Realised, spot_check: SpotCheck
) -> Iterable[tuple[object, ...]]:
    """Every published row of every indicator, in a fixed order."""
    found = _years(world, spending)
    register = Register(world)
    values: dict[str, tuple[str, dict[str, dict[Cell, Value]]]] = {}
    for figure in (*register_figures(world), *savings_figures(world)):
        buckets = month_buckets(figure.evidence)
        per_period = {
            period.name: values_of(figure, [e for month in period.months for e in buckets.get(month, ())])
            for period in found
        }
        values[figure.kpi_id] = (figure.aggregation, per_period)
    for kpi_id in (*AVERAGES, *LAST_DAY_FIGURES):
        figure = Figure(kpi_id, "ratio")
        values[kpi_id] = (
            "ratio",
            {p.name: values_of(figure, _of_period(register, kpi_id, p)) for p in found},
        )
    values["realised_savings"] = ("sum", {period.name: realised.values(period) for period in found})
    for period in found:
        for kpi_id, cells in spending.values(period).items():
            aggregation = (
                "count_distinct" if kpi_id in ("supplier_count", "ceiling_exceeded_count") else "ratio"
            )
            values.setdefault(kpi_id, (aggregation, {}))[1][period.name] = cells
    # A sample speaks of its own days and of no part of them.
    estimates = spot_check.values()
    values[SAMPLED] = (
        "estimate",
        {
            period.name: estimates if (period.first, period.last) == (FIRST, LAST) else {(ALL, ALL): NOTHING}
            for period in found
        },
    )
    for kpi_id in sorted(values):
        aggregation, per_period = values[kpi_id]
        targets = [t for t in world.targets if t.organisation == world.organisation and t.kpi_id == kpi_id]
        for period in found:
            before = per_period.get(earlier(period), {})
            for cell, value in sorted(per_period[period.name].items()):
                last_year = before[cell].actual if cell in before else None
                verdict = judge(kpi_id, aggregation, period, cell, value.actual, last_year, targets)
                yield (
                    kpi_id, period.kind, period.name, *cell, float_of(value.numerator),
                    float_of(value.denominator),
                    value.actual, value.coverage, verdict.status, verdict.operator, verdict.target,
                )  # fmt: skip


def _of_period(register: Register, kpi_id: str, period: Period) -> list[Evidence]:
    if kpi_id == "plan_completion_share":
        return plan_completion(register, period)
    if kpi_id == "followup_coverage_ab":
        return followup_coverage(register, period)
    if kpi_id == "business_climate_rank_mean":
        return climate_rank(register.world, period)
    return staff_mean(register.world, period, kpi_id)


def environment_levels(world: World, found: list[Period]) -> Iterable[tuple[object, ...]]:
    """Procurements by area and highest level, per period."""
    register = Register(world)
    announced = register.announced()
    for period in found:
        basis = [p.procurement_id for p, day in announced if period.holds(day)]
        for area in ENVIRONMENT_AREAS:
            held = [register.level.get(name, {}).get(area, "none") for name in basis]
            for level in LEVELS:
                count = held.count(level)
                yield (period.kind, period.name, area, level, count, count / len(basis) if basis else None)


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if value is None else value for value in row] for row in rows)

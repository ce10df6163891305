"""The savings: by method with their uncertainty, what chance gives, what was then bought, and what targets rest on.

What does not belong here: whether coordination made them (its own page), and any sum over methods without its parts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from dagster_project.report.site import charts
from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.parts import GRADES, method, parts_of_sums
from dagster_project.report.site.reading import ALL, Reading

CHAIN = {"enabled": "enabled_savings", "realised": "realised_savings", "net": "net_coordination_benefit"}
YEARS, LISTED, CONTRACTS = 6, 100, 50


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    summary = reading.rows(
        "select * from savings_summary where period_type = 'year' and member_code = ? and category_group = ? "
        "order by period desc, method",
        [ALL, ALL],
    )
    by_year: dict[str, dict[str, dict[str, Any]]] = {}
    for row in summary:
        by_year.setdefault(row["period"], {})[row["method"]] = row
    latest = reading.default_period if reading.default_period in by_year else next(iter(by_year), None)
    yield Made(
        "savings.html",
        "savings.html",
        reading.say("report.menu.savings"),
        {
            "year": latest,
            "whole": by_year.get(latest or "", {}).get(ALL),
            "chart": _chart(reading, by_year[latest]) if latest else None,
            "years": list(by_year.items())[:YEARS],
            "methods": (*GRADES, ALL),
            "method_name": functools.partial(method, reading),
            "so_far": so_far(reading),
            "chain": _chain(reading, by_year),
            "reasons": _reasons(reading),
            "savings": _largest(reading, latest),
            "contracts": _contracts(reading, latest),
            "targets": reading.rows(
                "select footing.*, catalogue.name_sv, catalogue.name_en, catalogue.unit "
                "from savings_target_footing as footing join kpi_catalogue as catalogue using (kpi_id) "
                "order by year desc, catalogue.position, plan_id"
            ),
        },
    )


def _chart(reading: Reading, methods: dict[str, dict[str, Any]]) -> Any:
    """A bar for each method, with what chance gives hatched."""
    shown = [
        methods[name] for name in GRADES if name in methods and methods[name]["saving_amount"] is not None
    ]
    if not shown:
        return None
    ends = [float(row[name]) for row in shown for name in ("saving_amount", "low_amount", "high_amount")]
    ends += [float(row["without_artefact_amount"]) for row in shown]
    scale = charts.Scale.around(ends)
    bars = []
    for row in shown:
        has_interval = row["interval_procurements"] > 0
        name = method(reading, row["method"])
        bars.append(
            charts.Range(
                name=name,
                label=reading.formats.amount(row["saving_amount"]),
                value=float(row["saving_amount"]),
                told=f"{name}: {reading.formats.amount(row['saving_amount'])}",
                low=float(row["low_amount"]) if has_interval else None,
                high=float(row["high_amount"]) if has_interval else None,
                hatched=float(row["artefact_amount"]) if row["artefact_amount"] else None,
            )
        )
    return charts.ranges(
        bars,
        title=reading.say("report.savings.by_method"),
        hatch="chance",
        ticks=[reading.formats.amount(value) for value in scale.ticks],
        scale=scale,
    )


def _chain(reading: Reading, summary: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """By year: what was enabled, contracted, realised and net of coordination, each with its parts; what was lost."""
    figures = ", ".join(
        f"max({column}) filter (where kpi_id = '{kpi_id}') as {name}{ending}"
        for name, kpi_id in CHAIN.items()
        for column, ending in (("actual", ""), ("coverage", "_coverage"))
    )
    rows = reading.rows(
        f"""
        with figures as (
            select period, {figures}
            from kpi_values
            where period_type = 'year' and member_code = ? and category_group = ?
            group by period
        ),
        lost as (
            select period, sum(lost_saving_amount) as lost, sum(wild_amount) as wild
            from realised_savings where period_type = 'year' group by period
        )
        select figures.*, lost.lost, lost.wild from figures left join lost using (period) order by period desc
        """,
        [ALL, ALL],
    )
    parts = parts_of_sums(reading)
    for row in rows:
        methods = summary.get(row["period"], {})
        whole = methods.get(ALL)
        row["contracted"] = whole["contracted_saving_amount"] if whole else None
        row["contracted_coverage"] = (
            whole["contracted_procurements"] / whole["procurements"] if whole else None
        )
        row["contracted_parts"] = [
            f"{method(reading, name)} {reading.formats.amount(methods[name]['contracted_saving_amount'])}"
            for name in GRADES
            if name in methods and methods[name]["contracted_saving_amount"] is not None
        ]
        for name, kpi_id in CHAIN.items():
            told = parts.get((kpi_id, row["period"], ALL, ALL))
            row[f"{name}_parts"] = told.lines(reading) if told else []
    return rows


def so_far(reading: Reading) -> frozenset[str]:
    """The years that have begun and not ended."""
    return frozenset(
        period.period
        for period in reading.periods.values()
        if period.period_type == "year" and not period.is_ended
    )


def _reasons(reading: Reading) -> list[dict[str, Any]]:
    """Why no saving could be computed, by the number of completed procurements."""
    rows = reading.rows(
        "select exclusion, count(*) as procurements from kpi_evidence where kpi_id = 'enabled_savings' "
        "and member_code = ? and exclusion like 'unknown:%' group by exclusion order by procurements desc, exclusion",
        [ALL],
    )
    return [{"words": reading.code("exclusion", row["exclusion"].partition(":")[2]), **row} for row in rows]


def _largest(reading: Reading, year: str | None) -> list[dict[str, Any]]:
    """The savings that count of the year, the largest first."""
    return reading.rows(
        "select savings.*, coalesce(title, procurement_id) as title from savings "
        "join dim_procurement using (procurement_id) "
        "where is_counted and savings.is_in_scope and year(savings.completed_date) = try_cast(? as integer) "
        "order by abs(saving_amount) desc, procurement_id, lot_id limit ?",
        [year, LISTED],
    )


def _contracts(reading: Reading, year: str | None) -> list[dict[str, Any]]:
    """Contracts with a known saving in the year, those with the largest saving in play first."""
    return reading.rows(
        "select realised.*, held.title from realised_savings as realised "
        "left join (select contract_id, min(title) as title from dim_contract group by contract_id) as held "
        "using (contract_id) where period = ? and saving_share is not null "
        "order by greatest(abs(contracted_saving_amount), abs(realised_saving_amount) + abs(lost_saving_amount)) desc, "
        "contract_id limit ?",
        [year, CONTRACTS],
    )


KIND = Kind(
    name="savings",
    order=46,
    needs=frozenset(
        {"savings", "savings_summary", "realised_savings", "savings_target_footing", "dim_procurement"}
    ),
    make=_make,
    menu="savings.html",
)

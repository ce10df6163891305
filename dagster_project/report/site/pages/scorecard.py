"""The first page: every indicator by objective, and whether the figures can be trusted.

What does not belong here: anything that one indicator's own page tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from dagster_project.report.downloads import workbook_name
from dagster_project.report.site import charts
from dagster_project.report.site.outlook import forecasts
from dagster_project.report.site.page import Figures, Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading
from dagster_project.report.site.write_figures import write_member_figures

QUARTERS = 12
SUMMARY = "summary"


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    figures = _figures(work)
    files = {}
    for member in reading.members:
        files[member] = write_member_figures(work, member, figures[member])
    default = figures[ALL].get(reading.default_period, {})
    sparks = figures[ALL]["*"]
    blank = list(work.words.blank())
    told = forecasts(reading)
    objectives = [
        {
            "code": objective,
            "name": reading.code("objective", objective),
            "rows": [
                {
                    "id": row["kpi_id"],
                    "name": reading.told(row, "name"),
                    "cells": default.get(row["kpi_id"], blank),
                    "spark": sparks.get(f"{row['kpi_id']}~", [""])[0],
                    "forecast": told.get(row["kpi_id"]),
                }
                for row in rows
            ],
        }
        for objective, rows in groupby(reading.catalogue.values(), key=lambda row: row["objective"])
    ]
    yield Made(
        "index.html",
        "scorecard.html",
        reading.say("report.scorecard.title", name=reading.settings.display_name),
        {
            "objectives": objectives,
            "summary": default.get(SUMMARY, ["0"] * 5),
            "trust": _trust(reading),
            "lint": reading.rows("select * from kpi_lint order by rule, kpi_id, plan_id")
            if "kpi_lint" in reading.tables
            else [],
            "has_forecast": bool(told),
            "changes": _changes(reading),
            "workbook": workbook_name(reading.default_period),
        },
        figures={},
        files=files,
        blank=work.words.blank(),
    )


def _figures(work: Work) -> Figures:
    """Every member's and period's row for every indicator, the row that sums them up, and the trend lines."""
    reading, words = work.reading, work.words
    figures: Figures = {member: {"*": {}} for member in reading.members}
    counts: dict[tuple[str, str], list[int]] = {}
    for figure in reading.figures.values():
        if figure.group != ALL or figure.member not in figures or figure.kpi_id not in reading.catalogue:
            continue
        rows = figures[figure.member].setdefault(figure.period, {})
        rows[figure.kpi_id] = list(words.cells(figure))
        count = counts.setdefault((figure.member, figure.period), [0, 0, 0, 0, 0])
        place = {"met": 0, "not_met": 1}.get(figure.status, 2)
        count[place] += 1
        if figure.change_verdict in ("improved", "worsened"):
            count[3 if figure.change_verdict == "improved" else 4] += 1
    for (member, period), count in counts.items():
        figures[member][period][SUMMARY] = [str(number) for number in count]
    for member, periods in figures.items():
        for kpi_id in reading.catalogue:
            series = reading.series(kpi_id, member, "quarter")[-QUARTERS:]
            path = charts.spark([figure.actual if figure else None for _, figure in series])
            periods["*"][f"{kpi_id}~"] = [path]
    return figures


def _trust(reading: Reading) -> dict[str, Any]:
    """How much was read and kept, what is missing, and which checks objected."""
    [rows] = reading.rows(
        "select coalesce(sum(rows_read), 0) as rows_read, coalesce(sum(rows_accepted), 0) as accepted, "
        "coalesce(sum(rows_quarantined), 0) as quarantined, count(*) as files, "
        "count(*) filter (where rows_quarantined > 0) as files_quarantined from data_quality_summary"
    )
    late = reading.one("select count(*) from deliveries_due where status = 'overdue'")
    [checks] = reading.rows(
        "select count(*) as checks, count(*) filter (where not success) as failed from validation_results"
    )
    return rows | checks | {"late": late, "missing": sorted(map(reading.source, reading.missing_sources))}


def _changes(reading: Reading) -> int | None:
    """How many figures differ from the release before; None where the release does not tell."""
    if "kpi_changes" not in reading.tables:
        return None
    return int(reading.one("select count(*) from kpi_changes where compared_with = 'release_before'"))


KIND = Kind(
    name="scorecard",
    order=10,
    needs=frozenset({"kpi_values", "kpi_catalogue", "dim_period", "data_quality_summary", "deliveries_due"}),
    make=_make,
    menu="index.html",
)

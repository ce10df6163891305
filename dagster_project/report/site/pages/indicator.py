"""A page for every indicator: what it means, how it stands, who it comes from, and the records behind it.

What does not belong here: how a figure reads (`cells.py`) or how a chart is drawn (`charts.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from dagster_project.report.site import charts
from dagster_project.report.site.outlook import changes, comments, forecasts
from dagster_project.report.site.page import Figures, Kind, Made, Work
from dagster_project.report.site.reading import ALL, Figure, Period, Reading
from dagster_project.report.site.records import write_records

SMALLEST_FUNNEL = 3  # members: fewer say nothing of what chance would do


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    breaks = _breaks(reading)
    expected, changed, commented = forecasts(reading), changes(reading), comments(reading)
    records = write_records(work)
    published = reading.rows(
        "select * from published_outcomes order by period, source, source_file, source_row"
    )
    lint = (
        reading.rows("select * from kpi_lint order by rule, plan_id") if "kpi_lint" in reading.tables else []
    )
    order = list(reading.catalogue)
    by_kpi: dict[str, list[Figure]] = {kpi_id: [] for kpi_id in order}
    for figure in reading.figures.values():
        if figure.kpi_id in by_kpi:
            by_kpi[figure.kpi_id].append(figure)
    for place, (kpi_id, row) in enumerate(reading.catalogue.items()):
        figures = _figures(work, by_kpi[kpi_id])
        period = reading.default_period
        blank = list(work.words.blank())
        with_groups = {figure.group for figure in by_kpi[kpi_id] if figure.group != ALL}
        with_members = {figure.member for figure in by_kpi[kpi_id]}
        common = reading.figures.get((kpi_id, period, ALL, ALL))
        everybody = figures.get("*", {}).get(period, {})
        context: dict[str, Any] = {
            "kpi": row,
            "head": everybody.get(f"m:{ALL}", blank),
            "figure": common,
            "example": _example(work, row, common),
            "charts": _charts(work, row, [code for code in reading.members if code in with_members], breaks),
            "member_rows": [
                (code, name, everybody.get(f"m:{code}", blank))
                for code, name in reading.members.items()
                if code != ALL and code in with_members
            ],
            "group_rows": [
                (code, name, everybody.get(f"g:{code}", blank))
                for code, name in reading.groups.items()
                if code in with_groups
            ],
            "common": everybody.get(f"m:{ALL}", blank),
            "funnel": _funnel(work, row, period, common),
            "breaks": [
                one
                for one in breaks
                if one["kpi_id"] == kpi_id and one["member_code"] == ALL and one["period_type"] == "year"
            ],
            "published": [
                one | {"words": _outcome(reading, row, one)} for one in published if one["kpi_id"] == kpi_id
            ],
            "lint": [one for one in lint if one["kpi_id"] == kpi_id],
            "forecast": expected.get(kpi_id),
            "changed": changed.get(kpi_id, []),
            "comments": commented.get(kpi_id, []),
            "tells_changes": "kpi_changes" in reading.tables,
            "records": records[kpi_id],
            "before": reading.catalogue[order[place - 1]] if place else None,
            "after": reading.catalogue[order[place + 1]] if place + 1 < len(order) else None,
        }
        yield Made(
            f"indicators/{kpi_id}.html",
            "indicator.html",
            reading.told(row, "name"),
            context,
            figures=figures,
            blank=work.words.blank(),
        )


def _figures(work: Work, rows: list[Figure]) -> Figures:
    """All members and all category groups side by side, by period."""
    figures: Figures = {}
    for figure in rows:
        cells = list(work.words.cells(figure))
        if figure.group == ALL:
            figures.setdefault("*", {}).setdefault(figure.period, {})[f"m:{figure.member}"] = cells
        elif figure.member == ALL:
            figures.setdefault("*", {}).setdefault(figure.period, {})[f"g:{figure.group}"] = cells
    return figures


def _outcome(reading: Reading, row: dict[str, Any], one: dict[str, Any]) -> dict[str, str]:
    """What the board has reported and what is counted here, in words."""
    formats, unit, kpi_id = reading.formats, row["unit"], row["kpi_id"]
    told = {"published": formats.figure(one["published"], unit, kpi_id), "computed": "–", "difference": "–"}
    if one["computed"] is not None:
        told["computed"] = formats.figure(one["computed"], unit, kpi_id)
    if one["difference"] is not None:
        told["difference"] = formats.difference(one["difference"], unit, kpi_id)
    return told


def _breaks(reading: Reading) -> list[dict[str, Any]]:
    """Where the board's plan changed a target by quarter or year, with what the chart's mark says."""
    if "kpi_breaks" not in reading.tables:
        return []
    rows = reading.rows(
        "select * from kpi_breaks where period_type in ('quarter', 'year') order by kpi_id, period_type, period"
    )
    for row in rows:
        unit = reading.catalogue.get(row["kpi_id"], {}).get("unit", "count")
        for side in ("before", "after"):
            operator, target = row[f"operator_{side}"], row[f"target_{side}"]
            row[f"words_{side}"] = (
                reading.formats.target(operator, target, unit)
                if operator is not None
                else reading.say("report.target.none")
            )
        row["told"] = reading.say(
            "report.break",
            period=reading.formats.period(row["period"]),
            kind=reading.code("break_kind", row["kind"]),
            before=row["words_before"],
            after=row["words_after"],
        )
    return rows


def _example(work: Work, row: dict[str, Any], figure: Figure | None) -> str:
    """The formula with the figure's own numbers in it; empty without a value."""
    reading, formats = work.reading, work.reading.formats
    if figure is None or figure.actual is None:
        return ""
    result = formats.figure(figure.actual, row["unit"], row["kpi_id"])
    period = formats.period(figure.period)
    if row["aggregation"] == "ratio" and figure.numerator is not None and figure.denominator:
        return reading.say(
            "report.example.ratio",
            period=period,
            numerator=formats.plain(figure.numerator),
            denominator=formats.plain(figure.denominator),
            result=result,
        )
    if row["aggregation"] == "median" and figure.denominator is not None:
        return reading.say(
            "report.example.median", period=period, count=formats.plain(figure.denominator), result=result
        )
    return reading.say(f"report.example.{row['aggregation']}", period=period, result=result)


def _charts(
    work: Work, row: dict[str, Any], members: list[str], breaks: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """By member: the line by quarter and by year; where a figure is of a sample, by whatever period was sampled."""
    drawn = []
    for member in members:
        kinds = []
        for kind in (
            ("quarter", "tertial", "half", "year")
            if row["aggregation"] == "estimate"
            else ("quarter", "year")
        ):
            series = work.reading.series(row["kpi_id"], member, kind)
            if any(figure is not None and figure.actual is not None for _, figure in series):
                kinds.append(_chart(work, row, member, kind, series, breaks))
        if kinds:
            drawn.append({"member": member, "kinds": kinds})
    return drawn


def _chart(
    work: Work,
    row: dict[str, Any],
    member: str,
    kind: str,
    series: list[tuple[Period, Figure | None]],
    breaks: list[dict[str, Any]],
) -> dict[str, Any]:
    reading, formats = work.reading, work.reading.formats
    unit, kpi_id = row["unit"], row["kpi_id"]
    notes = {
        one["period"]: one["told"]
        for one in breaks
        if (one["kpi_id"], one["member_code"], one["period_type"]) == (kpi_id, member, kind)
        and one["kind"] != "begins"
    }
    points, rows = [], []
    for period, figure in series:
        name = formats.period(period.period)
        cells = work.words.cells(figure) if figure else work.words.blank()
        points.append(
            charts.Point(
                label=period.period[:4],
                value=figure.actual if figure else None,
                told=f"{name}: {cells.outcome}",
                target=figure.target
                if figure and figure.operator in (">=", ">", "<=", "<", "abs<")
                else None,
                low=figure.low if figure else None,
                high=figure.high if figure else None,
                is_labelled=kind == "year" or period.period.endswith("1"),
                note=notes.get(period.period, ""),
            )
        )
        rows.append((name, cells))
    values = [
        value
        for point in points
        for value in (point.value, point.target, point.low, point.high)
        if value is not None
    ]
    scale = charts.Scale.around(values, limit=1.0 if unit == "share" else None)
    ticks = [
        formats.share(tick, 0) if unit == "share" else _tick(reading, tick, unit) for tick in scale.ticks
    ]
    title = reading.say(
        "report.chart.title",
        name=reading.told(row, "name"),
        kind=reading.say(f"report.by.{kind}"),
        member=reading.members[member],
    )
    svg: Markup = charts.line(points, title=title, tick=ticks, scale=scale)
    return {
        "title": reading.say(f"report.by.{kind}"),
        "svg": svg,
        "rows": rows,
        "notes": list(dict.fromkeys(notes.values())),
        "has_target": any(point.target is not None for point in points),
        "has_band": any(point.low is not None for point in points),
    }


def _tick(reading: Reading, value: float, unit: str) -> str:
    return reading.formats.amount(value) if unit == "sek" else reading.formats.plain(value)


def _funnel(work: Work, row: dict[str, Any], period: str, common: Figure | None) -> Markup | None:
    """Members' shares against what chance would give: only for shares of counted things, with enough members."""
    reading = work.reading
    if (
        row["unit"] != "share"
        or row["basis"] in ("invoice", "invoice_sample", "budget", "staff")
        or common is None
    ):
        return None
    if row.get("is_index") or common.actual is None or not 0 < common.actual < 1:
        return None
    shares: list[tuple[str, float, float, str]] = []
    counted = 0.0
    for member, name in reading.members.items():
        figure = reading.figures.get((row["kpi_id"], period, member, ALL))
        if member != ALL and figure is not None and figure.actual is not None and figure.denominator:
            told = f"{name}: {reading.formats.share(figure.actual)}, {work.words.cells(figure).basis}"
            shares.append((name, figure.actual, figure.denominator, told))
            counted += figure.actual * figure.denominator
    if len(shares) < SMALLEST_FUNNEL:
        return None
    title = reading.say(
        "report.funnel.title", name=reading.told(row, "name"), period=reading.formats.period(period)
    )
    # Against the members' own weighed together: what is shared by several counts once in the common figure.
    return charts.funnel(shares, counted / sum(count for _, _, count, _ in shares), title=title)


KIND = Kind(
    name="indicator",
    order=20,
    needs=frozenset({"kpi_values", "kpi_catalogue", "kpi_evidence", "dim_period", "published_outcomes"}),
    make=_make,
)

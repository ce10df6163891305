"""The workbook's first sheets: where the board stands, and every figure as a table to filter.

What belongs here: which figures stand there and how they are laid out. What does not: their words (`site/cells.py`,
`words.py`) and their arithmetic (the marts).
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import polars as pl
from xlsxwriter.worksheet import Worksheet

from dagster_project.messages.marts import column_heading
from dagster_project.report.site.parts import Parts, parts_of_sums
from dagster_project.report.site.reading import ALL, Period, Reading
from dagster_project.report.workbook.book import Book, Column, Told, inside
from dagster_project.report.workbook.words import worded

SIGNS = {"met": "✓", "not_met": "✗"}
UNIT_DRESS = {"share": "share", "sek": "kronor", "count": "count"}
VALUES = ("actual", "low", "high", "target", "change", "change_low", "change_high")
_FIGURES = """
    select
        values.kpi_id, catalogue.objective, {name} as name, values.member_code, values.category_group,
        values.period_type, values.period, values.actual, values.unit, values.numerator, values.denominator,
        values.low, values.high, values.target_operator, values.target, values.status, values.target_verdict,
        values.change, values.change_low, values.change_high, values.change_verdict, values.coverage, values.plan_id
    from kpi_values as values
    inner join kpi_catalogue as catalogue using (kpi_id)
    where catalogue.is_live and values.actual is not null and (
        values.period_type = $period_type
        or (values.period_type = 'quarter' and values.period_start >= $start and values.period_end <= $end)
    )
    order by catalogue.position, values.kpi_id, values.period_type, values.period,
        values.member_code <> 'ALL', values.member_code, values.category_group <> 'ALL', values.category_group
"""


def fill_scorecard(
    book: Book, sheet: Worksheet, reading: Reading, period: str, records: dict[str, str], sheets: list[str]
) -> None:
    """Every indicator by objective, each leading to its sheet in `records`, and the other sheets below."""
    title = reading.say("report.scorecard.title", name=reading.settings.display_name)
    sheet.write_string(0, 0, title, book.dress("title"))
    told = reading.say("workbook.period", period=reading.formats.period(period) if period else "–")
    mark = reading.say("report.footer", as_of=reading.as_of, fingerprint=reading.release["fingerprint"][:8])
    sheet.write_string(1, 0, f"{told} {mark}", book.dress("words"))
    headings = (
        ("report.indicator", 58), ("report.outcome", 12), ("report.records.numerator", 15),
        ("report.records.denominator", 15), ("report.target", 18), ("report.status", 16), ("report.change", 12),
        ("workbook.verdict", 22), ("report.forecast", 13), ("workbook.forecast.low", 11),
        ("workbook.forecast.high", 11), ("workbook.coverage", 11),
    )  # fmt: skip
    for place, (key, width) in enumerate(headings):
        sheet.write_string(3, place, reading.say(key), book.dress("heading"))
        sheet.set_column(place, place, width)
    sheet.freeze_panes(4, 1)
    sheet.repeat_rows(3)
    figures = {row["kpi_id"]: row for row in reading.rows(
        "select * from kpi_values where period = ? and member_code = ? and category_group = ?", [period, ALL, ALL]
    )}  # fmt: skip
    forecasts, parts = _forecasts(reading), parts_of_sums(reading)
    line = 4
    for objective, rows in groupby(reading.catalogue.values(), key=lambda row: row["objective"]):
        for place in range(len(headings)):
            sheet.write_blank(line, place, None, book.dress("objective"))
        sheet.write_string(line, 0, reading.code("objective", objective), book.dress("objective"))
        line += 1
        for row in rows:
            _write_figure(
                book, sheet, line, reading, row, figures.get(row["kpi_id"]), records.get(row["kpi_id"])
            )
            _write_forecast(book, sheet, line, row, forecasts.get(row["kpi_id"]))
            line += 1
            own = parts.get((row["kpi_id"], period, ALL, ALL))
            if own is not None:
                line = _write_parts(book, sheet, line, reading, own)
    line += 1
    sheet.write_string(line, 0, reading.say("workbook.sheets"), book.dress("objective"))
    for name in sheets:
        line += 1
        sheet.write_url(line, 0, inside(name), string=name)


def _write_figure(
    book: Book,
    sheet: Worksheet,
    line: int,
    reading: Reading,
    row: dict[str, Any],
    figure: dict[str, Any] | None,
    records: str | None,
) -> None:
    name, unit = reading.told(row, "name"), row["unit"]
    dress = book.dress(UNIT_DRESS.get(unit, "number"))
    if records:
        sheet.write_url(line, 0, inside(records), string=name)
    else:
        sheet.write_string(line, 0, name)
    if figure is None:
        return
    if figure["actual"] is None:
        sheet.write_string(line, 1, "–")
        sheet.write_string(line, 7, reading.why_missing(row["kpi_id"]), book.dress("words"))
    else:
        sheet.write_number(line, 1, figure["actual"], dress)
    for place, column in ((2, "numerator"), (3, "denominator")):
        if figure[column] is not None:
            sheet.write_number(
                line, place, figure[column], book.dress("number" if figure[column] % 1 else "count")
            )
    if figure["target_operator"] is not None:
        words = reading.formats.target(figure["target_operator"], figure["target"], unit, row["kpi_id"])
        sheet.write_string(line, 4, words)
    sign = SIGNS.get(figure["status"], "")
    sheet.write_string(line, 5, f"{sign} {reading.say('status.' + figure['status'])}".strip())
    if figure["change"] is not None:
        sheet.write_number(line, 6, figure["change"], dress)
    if figure["change_verdict"] and figure["actual"] is not None:
        sheet.write_string(line, 7, reading.code("verdict", figure["change_verdict"]))
    if figure["coverage"] is not None:
        sheet.write_number(line, 11, figure["coverage"], book.dress("share"))


def _write_parts(book: Book, sheet: Worksheet, line: int, reading: Reading, parts: Parts) -> int:
    """The parts of a sum below it, and what chance gives of them; returns the next free line."""
    amounts = [(reading.say("workbook.part", name=name), amount) for name, amount in parts.amounts]
    if parts.chance:
        amounts.append((reading.say("workbook.chance"), parts.chance))
    for name, amount in amounts:
        sheet.write_string(line, 0, name, book.dress("words"))
        sheet.write_number(line, 1, amount, book.dress("kronor"))
        line += 1
    return line


def _write_forecast(
    book: Book, sheet: Worksheet, line: int, row: dict[str, Any], forecast: dict[str, Any] | None
) -> None:
    dress = book.dress(UNIT_DRESS.get(row["unit"], "number"))
    for place, column in ((8, "expected"), (9, "low"), (10, "high")):
        if forecast and forecast[column] is not None:
            sheet.write_number(line, place, forecast[column], dress)


def _forecasts(reading: Reading) -> dict[str, dict[str, Any]]:
    if "kpi_forecast" not in reading.tables:
        return {}
    rows = reading.rows("select * from kpi_forecast where member_code = ? order by kpi_id, period", [ALL])
    return {row["kpi_id"]: row for row in rows}


def add_figures(book: Book, reading: Reading, found: Period, back: tuple[str, str]) -> str:
    """Every figure of the period, of other periods of its kind and of the quarters in it; returns the sheet's name."""
    frame = reading.frame(
        _FIGURES.format(name="catalogue.name_sv" if reading.language == "sv" else "catalogue.name_en"),
        {"period_type": found.period_type, "start": found.start, "end": found.end},
    )
    dresses = frame["unit"].replace_strict(UNIT_DRESS, default="number", return_dtype=pl.String)
    ids = frame["kpi_id"]
    shown = worded(reading, frame).with_columns(ids)
    columns = []
    for column in shown.columns:
        dress: str | pl.Series = "text"
        if column in VALUES:
            dress = dresses
        elif column in ("numerator", "denominator"):
            dress = "number"
        elif column == "coverage":
            dress = "share"
        heading = column_heading("kpi_values", column, reading.language)
        if column in ("name", "kpi_id"):
            heading = reading.say("report.indicator" if column == "name" else "workbook.id")
        columns.append(Column(heading, dress, width=50 if column == "name" else None))
    told = Told(reading.say("workbook.figures"), reading.say("workbook.figures.about"), [back])
    name = book.name_for(told.title)
    book.table(name, told, shown, columns)
    return name

"""Writes the workbook of a release: which sheets, in which order.

What does not belong here: what any sheet holds.
"""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

from dagster_project.report.downloads import workbook_name
from dagster_project.report.site.reading import Reading
from dagster_project.report.workbook.book import Book, inside
from dagster_project.report.workbook.figures import add_figures, fill_scorecard
from dagster_project.report.workbook.records import add_records
from dagster_project.report.workbook.sheets import add_sheets
from dagster_project.settings import Settings


def write_workbook(database: Path, folder: Path, settings: Settings, as_of: date) -> None:
    """Write `nyckeltal-<period>.xlsx` of the release in `database` into `folder`, which is made when missing.

    The period is the one that the site opens with. The same tables, settings and as-of date give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reading = Reading.open(database, settings, as_of)
    with closing(reading.con):
        period = reading.default_period
        title = reading.say("report.scorecard.title", name=settings.display_name)
        with Book(folder / workbook_name(period), title, reading.say("report.product"), as_of) as book:
            _fill(book, reading, period)


def _fill(book: Book, reading: Reading, period: str) -> None:
    # The first sheet leads to the others, so that it is filled when they are known.
    first = book.name_for(reading.say("report.menu.scorecard"))
    scorecard = book.sheet(first)
    back = reading.say("workbook.back"), inside(first)
    sheets: list[str] = []
    records: dict[str, str] = {}
    found = reading.periods.get(period)
    if found:
        sheets.append(add_figures(book, reading, found, back))
    sheets += add_sheets(book, reading, period, back).values()
    if found:
        records = add_records(book, reading, found, back)
    fill_scorecard(book, scorecard, reading, period, records, sheets)

"""The internal-control list of coordination that did not come about, as a workbook of its own, ready to send.

What belongs here: which rows and counts the list has. What does not: what is on it (the mart `missed_coordination`),
and how a sheet looks (`workbook/book.py`).
"""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final

from dagster_project.messages.marts import table_heading
from dagster_project.report.downloads import control_list_name
from dagster_project.report.site.reading import Reading
from dagster_project.report.workbook.book import Book, Column, Told
from dagster_project.report.workbook.words import columns, worded
from dagster_project.settings import Settings

TABLE: Final = "missed_coordination"
# By year of completion: all, each member and each category group that had something planned as coordinated.
_COUNTS: Final = """
    select period as year, member_code, category_group, denominator as planned, numerator as missed, actual as share
    from kpi_values
    where kpi_id = 'missed_coordination_share' and period_type = 'year' and actual is not null
    order by period desc, member_code <> 'ALL', member_code, category_group <> 'ALL', category_group
"""


def write_control_list(database: Path, folder: Path, settings: Settings, as_of: date) -> None:
    """Write the list of the release in `database` into `folder`; no file where nothing is on it.

    The same tables, settings and as-of date give the same bytes.
    """
    reading = Reading.open(database, settings, as_of)
    with closing(reading.con):
        if TABLE not in reading.tables:
            return
        frame = reading.frame(
            f"select * exclude (source_file, source_row) from {TABLE} order by completed_date desc, procurement_id"
        )
        if not frame.height:
            return
        folder.mkdir(parents=True, exist_ok=True)
        title = table_heading(TABLE, reading.language)
        silent = frame.filter(~frame["has_reason"]).height
        about = reading.say(
            "control_list.about",
            name=settings.display_name,
            as_of=as_of,
            count=reading.formats.number(frame.height),
            silent=reading.formats.number(silent),
        )
        author = reading.say("report.product")
        with Book(folder / control_list_name(as_of), title, author, as_of) as book:
            shown = worded(reading, frame, TABLE)
            book.table(book.name_for(title), Told(title, about), shown, columns(reading, TABLE, shown))
            _counts(book, reading)


def _counts(book: Book, reading: Reading) -> None:
    frame = worded(reading, reading.frame(_COUNTS))
    dresses = ("plain", "text", "text", "count", "count", "share")
    headings = [
        Column(reading.say(f"control_list.{name}"), dress)
        for name, dress in zip(frame.columns, dresses, strict=True)
    ]
    title = reading.say("control_list.counts")
    book.table(book.name_for(title), Told(title, reading.say("control_list.counts.about")), frame, headings)

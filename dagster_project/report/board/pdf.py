"""Sets the report: hands its content to the Typst document beside and gets a PDF back.

What belongs here: the compiler and what makes the same release give the same bytes. What does not: what the report
says (`content.py`) and how it looks (`report.typ`).
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal

import typst

from dagster_project.report.board.content import content
from dagster_project.report.site.reading import Reading
from dagster_project.settings import Settings

DOCUMENT = Path(__file__).with_name("report.typ")
STANDARD: Literal["ua-1"] = "ua-1"  # tagged, so that it can be listened to


def board_report(database: Path, settings: Settings, as_of: date, period: str) -> bytes:
    """The report of `period` from the release in `database`, as PDF.

    The same release gives the same bytes: fonts are the compiler's own and the document's date is the as-of date.
    Raises UnknownFigure when the release has no such period.
    """
    reading = Reading.open(database, settings, as_of)
    with closing(reading.con):
        told = content(reading, period)
    return typeset(told, as_of)


def typeset(told: dict[str, object], as_of: date) -> bytes:
    """The PDF of a report's content. Texts are handed over as data, so that no sign in them is markup."""
    compiler = typst.Compiler(
        DOCUMENT, ignore_system_fonts=True, sys_inputs={"report": json.dumps(told, ensure_ascii=False)}
    )
    made = compiler.compile(
        format="pdf", pdf_standards=STANDARD, timestamp=datetime.combine(as_of, time(), tzinfo=UTC)
    )
    assert isinstance(made, bytes)
    return made

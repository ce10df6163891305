"""The workbook file: its cell formats, and sheets of one table each under a title, with frozen headings and a filter.

What belongs here: how sheets look and how a table gets into one. What does not: what is in them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from dagster_project.report.workbook.cells import Style, rows_xml

HEADING_ROW = 3  # counted from 0: title, words, links, headings
NAME_LENGTH = 31  # Excel's own bound
ACCENT = "#1f4e79"
WIDEST = 60
LOOKED_AT = 200  # rows that a column's width is taken from
WIDTHS = {"date": 11, "time": 16, "money": 15, "number": 12, "count": 10, "share": 9, "boolean": 9}
# What each dress of a cell is to the format; the codes are Excel's own and read in every language's way.
DRESSES: dict[str, dict[str, Any]] = {
    "text": {},
    "quoted": {"quote_prefix": True},
    "wrapped": {"text_wrap": True},
    "strong": {"bold": True},
    "date": {"num_format": "yyyy-mm-dd", "align": "left"},
    "time": {"num_format": "yyyy-mm-dd hh:mm", "align": "left"},
    "money": {"num_format": "#,##0.00"},
    "kronor": {"num_format": "#,##0"},
    "count": {"num_format": "#,##0"},
    "number": {"num_format": "#,##0.0##"},
    "share": {"num_format": "0.0%"},
    "plain": {},
    "boolean": {},
    "title": {"bold": True, "font_size": 16, "font_color": ACCENT},
    "objective": {"bold": True, "font_color": ACCENT, "bottom": 1, "bottom_color": ACCENT},
    "heading": {
        "bold": True,
        "font_color": "#ffffff",
        "bg_color": ACCENT,
        "text_wrap": True,
        "valign": "top",
    },
    "words": {"font_color": "#555555"},
}


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its heading, and the dress of its cells, or one for each of its rows."""

    heading: str
    dress: str | pl.Series = "text"
    width: float | None = None


@dataclass(frozen=True)
class Told:
    """What stands above a table: words about it, and links (what they say, where they lead)."""

    title: str
    words: str = ""
    links: Sequence[tuple[str, str]] = field(default_factory=tuple)


class Book:
    """A workbook being written to `path`; a context manager that finishes the file when the block has ended well.

    The same calls give the same bytes. `folder` lies beside the file until then, for large sheets and what they need.
    """

    def __init__(self, path: Path, title: str, author: str, made: date) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=".workbook-", dir=path.parent))
        options = {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": False,
            "tmpdir": str(self.folder),
        }
        self._workbook = xlsxwriter.Workbook(str(path), options)
        # The day that the figures are as of, so that the same figures give the same file.
        self._workbook.set_properties(
            {"title": title, "author": author, "created": datetime.combine(made, time())}
        )
        self._formats = {name: self._workbook.add_format(dress) for name, dress in DRESSES.items()}
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._workbook.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def dress(self, name: str) -> Format:
        """The cell format of a name in DRESSES."""
        return self._formats[name]

    def name_for(self, wanted: str) -> str:
        """A name for a sheet that Excel bears and no other sheet has; it is taken from now on."""
        plain = "".join(" " if letter in "[]:*?/\\" else letter for letter in wanted)
        plain = " ".join(plain.split()).strip("'")
        name = _cut(plain, NAME_LENGTH)
        number = 1
        while name.casefold() in self._names:
            number += 1
            name = f"{_cut(plain, NAME_LENGTH - len(str(number)) - 1)} {number}"
        self._names.add(name.casefold())
        return name

    def sheet(self, name: str) -> Worksheet:
        """An empty sheet with a name from `name_for`."""
        worksheet = self._workbook.add_worksheet(name)
        _lay_out(worksheet)
        return worksheet

    def table(self, name: str, told: Told, frame: pl.DataFrame, columns: Sequence[Column]) -> None:
        """A sheet with one table: a name from `name_for`, what stands above, and a column for each of the frame's."""
        sheet = self._workbook.add_worksheet(name, _Rows)
        assert isinstance(sheet, _Rows)
        _lay_out(sheet)
        self.above(sheet, told)
        for place, column in enumerate(columns):
            sheet.write_string(HEADING_ROW, place, column.heading, self.dress("heading"))
            sheet.set_column(place, place, column.width or _width(frame.to_series(place), column))
        sheet.freeze_panes(HEADING_ROW + 1, 1)
        sheet.repeat_rows(HEADING_ROW)
        last = HEADING_ROW + frame.height
        sheet.autofilter(HEADING_ROW, 0, last, len(columns) - 1)
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last + 1}"})
        styles = [self._style(column.dress) for column in columns]
        if frame.height:
            # Removed with the folder; open until the workbook is put together.
            made = (self.folder / f"{len(self._names)}.rows").open("w+", encoding="utf-8", newline="")
            for part in rows_xml(frame, styles, HEADING_ROW + 2, self._number("quoted")):
                made.write(part)
            sheet.take(made, frame.height)

    def above(self, sheet: Worksheet, told: Told) -> None:
        """Write what stands above a table."""
        sheet.write_string(0, 0, told.title, self.dress("title"))
        if told.words:
            sheet.write_string(1, 0, told.words, self.dress("words"))
        for place, (words, target) in enumerate(told.links):
            sheet.write_url(2, place, target, string=words)

    def _style(self, dress: str | pl.Series) -> Style:
        if isinstance(dress, str):
            return self._number(dress)
        numbers: Mapping[str, int] = {name: self._number(name) for name in dress.unique(maintain_order=True)}
        return dress.replace_strict(numbers, return_dtype=pl.Int64)

    def _number(self, dress: str) -> int:
        # The library tells a format's number only here, and rows that are made beforehand must name it.
        number: int = self.dress(dress)._get_xf_index()
        return number


class _Rows(Worksheet):
    """A sheet whose rows below the headings were made beforehand: they are copied to their place in the file."""

    dim_rowmax: Any  # the library's own: the last row that it knows of
    _made: IO[str] | None = None
    _height = 0

    def take(self, made: IO[str], height: int) -> None:
        """Take `height` rows of XML."""
        self._made, self._height = made, height

    def _write_dimension(self) -> None:
        headings = self.dim_rowmax
        self.dim_rowmax = (headings or 0) + self._height
        super()._write_dimension()
        self.dim_rowmax = headings

    def _write_rows(self) -> None:
        super()._write_rows()
        if self._made is not None:
            self._made.seek(0)
            shutil.copyfileobj(self._made, self.fh, 1 << 20)
            self._made.close()


def inside(sheet: str) -> str:
    """A link to a sheet of the same workbook."""
    quoted = sheet.replace("'", "''")
    return f"internal:'{quoted}'!A1"


def _lay_out(sheet: Worksheet) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.hide_gridlines(2)


def _cut(text: str, length: int) -> str:
    """The text, at most so long, whole words where there are some."""
    if len(text) <= length:
        return text
    whole = text[: length + 1].rpartition(" ")[0]
    return (whole if len(whole) > length // 2 else text[:length]).rstrip(" ,;-'")


def _width(values: pl.Series, column: Column) -> float:
    """Wide enough for the heading's longest word, and for most of what stands below."""
    words = max(map(len, column.heading.split()), default=0) + 3
    if isinstance(column.dress, str) and column.dress in WIDTHS:
        return max(words, WIDTHS[column.dress])
    if not isinstance(column.dress, str) or values.dtype != pl.String:
        return max(words, WIDTHS["number"])
    lengths = sorted(len(text) for text in values.head(LOOKED_AT).to_list() if text)
    longest = lengths[int(len(lengths) * 0.95)] if lengths else 0
    return min(max(words, longest + 1), WIDEST)

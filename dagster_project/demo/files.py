"""How a register is spelled in a file: encodings, delimiters, headings, numbers, dates, workbooks.

What belongs here: the forms that a delivery may have, all legal. What does not: which source gets which form,
or what becomes of a row.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import xlsxwriter

from dagster_project.contracts import Source

YES_NO = {"ja": ("ja", "nej"), "j": ("j", "n"), "true": ("true", "false"), "1": ("1", "0"), "x": ("x", "")}


@dataclass(frozen=True, slots=True)
class Form:
    """One way to spell a register.

    headings: the column's own name, its Swedish label or its first alias. words: codes or their first Swedish
    word. number_codes (workbooks): columns whose codes are numbers with the format 0000, as Excel likes to
    make them.
    """

    delimiter: str = ";"
    encoding: str = "utf-8"
    headings: Literal["name", "label", "alias"] = "label"
    words: Literal["code", "sv"] = "code"
    decimal: str = ","
    thousands: str = ""
    dates: str = "%Y-%m-%d"
    booleans: str = "ja"
    orgnr: Literal["plain", "hyphen", "century", "vat"] = "plain"
    titles: tuple[str, ...] = ()
    trailing: bool = False
    number_codes: tuple[str, ...] = ()


def write_register(
    path: Path, source: Source, rows: Sequence[dict[str, Any]], form: Form, columns: Sequence[str]
) -> None:
    """Write rows (canonical column → value; text passes through as it is) in a form; the suffix says the
    format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".xlsx":
        _write_workbook(path, source, rows, form, columns)
        return
    text = io.StringIO()
    writer = csv.writer(text, delimiter=form.delimiter, lineterminator="\r\n")
    for title in form.titles:
        writer.writerow([title])
    writer.writerow([heading(source, column, form) for column in columns])
    crossed = _crossed(rows, form)
    for row in rows:
        writer.writerow(
            [cell(source, column, row.get(column), form, column in crossed) for column in columns]
        )
    if form.trailing:
        writer.writerows([[""] * len(columns)] * 2)
    data = text.getvalue().encode(form.encoding)
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    path.write_bytes(data)


def heading(source: Source, column: str, form: Form) -> str:
    """A column's heading."""
    declared = source.column(column)
    if form.headings == "name":
        return column
    return declared.aliases[0] if form.headings == "alias" and declared.aliases else declared.label_sv


def cell(source: Source, column: str, value: Any, form: Form, crossed: bool = False) -> str:
    """A value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        yes, no = YES_NO["x" if crossed else "ja" if form.booleans == "x" else form.booleans]
        return yes if value else no
    if isinstance(value, date):
        return value.strftime(form.dates)
    if isinstance(value, Decimal):
        return number(value, form)
    declared = source.column(column)
    if declared.type == "orgnr":
        return spell_orgnr(str(value), form.orgnr)
    if declared.values and form.words == "sv" and value in declared.values and declared.values[value]:
        return declared.values[value][0]
    return str(value)


def number(value: Decimal, form: Form) -> str:
    """A decimal number with the form's separators."""
    whole, _, fraction = f"{value:f}".partition(".")
    sign, whole = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    grouped = f"{int(whole):,}".replace(",", form.thousands)
    return sign + grouped + (form.decimal + fraction if fraction else "")


def spell_orgnr(number_: str, how: str) -> str:
    """A Swedish organisation number in one of its spellings; anything else as it is."""
    if len(number_) != 10 or not number_.isdigit() or number_[2] in "01":
        return number_
    return {
        "plain": number_, "hyphen": f"{number_[:6]}-{number_[6:]}", "century": f"16{number_}",
        "vat": f"SE{number_}01",
    }[how]  # fmt: skip


def _crossed(rows: Sequence[dict[str, Any]], form: Form) -> set[str]:
    """Columns that can be told with a cross alone: some yes, and nothing unknown."""
    if form.booleans != "x" or not rows:
        return set()
    return {
        column
        for column in rows[0]
        if any(row.get(column) is True for row in rows)
        and all(isinstance(row.get(column), bool) for row in rows)
    }


def _write_workbook(
    path: Path, source: Source, rows: Sequence[dict[str, Any]], form: Form, columns: Sequence[str]
) -> None:
    book = xlsxwriter.Workbook(str(path))
    book.set_properties({"created": datetime(2023, 1, 2)})
    sheet = book.add_worksheet("Register")
    day, code = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "0000"})
    at = 0
    for title in form.titles:
        sheet.write_string(at, 0, title)
        at += 1
    for position, column in enumerate(columns):
        sheet.write_string(at, position, heading(source, column, form))
    crossed = _crossed(rows, form)
    for row in rows:
        at += 1
        for position, column in enumerate(columns):
            value = row.get(column)
            if value is None:
                continue
            if isinstance(value, date):
                sheet.write_datetime(at, position, datetime(value.year, value.month, value.day), day)
            elif isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
                sheet.write_number(at, position, float(value))
            elif column in form.number_codes and str(value).isdigit():
                sheet.write_number(at, position, int(value), code)
            else:
                sheet.write_string(at, position, cell(source, column, value, form, column in crossed))
    book.close()

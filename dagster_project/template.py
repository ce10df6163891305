"""Writes the Excel template of a source, for a register that is kept by hand.

What belongs here: how a contract looks as a workbook. What does not: what the contract says, and reading a
filled template, which is a delivery like any other. The words are Swedish because the headings are.

The second row begins with `Hjälp:`. Standardise knows it by that, skips it and counts it, so that it may stay
when the file is delivered. Which columns must be filled is shown by colour and comment, never in the heading,
which must match.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from dagster_project.contracts import Column, ColumnType, Source

DATA_SHEET: Final = "Uppgifter"
EXPLANATION_SHEET: Final = "Förklaringar"
LIST_SHEET: Final = "Listor"
HELP_PREFIX: Final = "Hjälp:"

_KINDS: Final[Mapping[ColumnType, tuple[str, str]]] = {
    "code": ("Kod; inledande nollor behålls", ""),
    "text": ("Fri text", ""),
    "orgnr": ("Organisationsnummer, tio siffror", "556000-4615"),
    "date": ("Datum, ÅÅÅÅ-MM-DD", "2021-03-04"),
    "month": ("Månad, ÅÅÅÅ-MM", "2021-03"),
    "year": ("Årtal", "2021"),
    "integer": ("Heltal", "12"),
    "decimal": ("Tal", "0,5"),
    "money": ("Belopp", "12 345,67"),
    "boolean": ("Ja eller nej", "ja"),
    "enum": ("Ord ur listan", ""),
}
# Text format keeps leading zeros, and keeps Excel from reading a month or a number of dashes as a date.
_NUMBER_FORMATS: Final[Mapping[ColumnType, str]] = {
    "date": "yyyy-mm-dd",
    "year": "0",
    "integer": "0",
    "decimal": "General",
    "money": "#,##0.00",
}
_TEXT_FORMAT: Final = "@"
_YES_NO: Final = ("ja", "nej")
_LAST_ROW: Final = 1_048_575
_FIRST_DATA_ROW: Final = 2
_EXPLANATIONS: Final = (
    ("Kolumn", 30),
    ("Så fyller du i", 60),
    ("Måste fyllas i", 26),
    ("Innehåll", 28),
    ("Exempel", 26),
    ("Tillåtna ord", 60),
    ("Rubriken får också heta", 60),
)


def write_template(source: Source, path: Path) -> None:
    """Write the template of `source` to `path`, an .xlsx file; an earlier file of that name is replaced.

    Raises xlsxwriter.exceptions.FileCreateError where the file cannot be written.
    """
    with xlsxwriter.Workbook(path) as book:
        book.set_properties({"title": source.name_sv})
        data = book.add_worksheet(DATA_SHEET)
        explanations = book.add_worksheet(EXPLANATION_SHEET)
        lists = book.add_worksheet(LIST_SHEET)
        lists.hide()
        heading = {
            required: book.add_format({"bold": True, "bg_color": colour, "font_color": ink, "border": 1})
            for required, colour, ink in ((True, "#1F4E79", "#FFFFFF"), (False, "#DDEBF7", "#000000"))
        }
        small = book.add_format({"italic": True, "text_wrap": True, "valign": "top", "font_color": "#595959"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        data.freeze_panes(1, 0)
        data.set_row(1, 60)
        for position, column in enumerate(source.columns):
            cells = book.add_format({"num_format": _NUMBER_FORMATS.get(column.type, _TEXT_FORMAT)})
            data.set_column(position, position, max(14, len(column.label_sv) + 3), cells)
            data.write_string(0, position, column.label_sv, heading[_is_needed(column)])
            data.write_comment(0, position, _comment(source, column))
            help_text = column.help_sv if position else f"{HELP_PREFIX} {column.help_sv}"
            data.write_string(1, position, help_text, small)
            if words := allowed_words(column):
                _add_drop_down(data, lists, position, words)
        _write_explanations(explanations, source, heading[False], wrapped)


def allowed_words(column: Column) -> tuple[str, ...]:
    """The words that a person may choose among: the first Swedish word of each code, ja and nej, or none."""
    if column.type == "boolean":
        return _YES_NO
    return tuple(words[0] if words else code for code, words in column.values.items())


def _is_needed(column: Column) -> bool:
    return column.required or column.lookup is not None


def _needed(source: Source, column: Column) -> str:
    if column.lookup is not None:
        return f"Ja, eller {source.column(column.lookup.column).label_sv}"
    return "Ja" if column.required else "Nej"


def _example(column: Column) -> str:
    return column.example or next(iter(allowed_words(column)), _KINDS[column.type][1])


def _comment(source: Source, column: Column) -> str:
    lines = [f"Måste fyllas i: {_needed(source, column)}", _KINDS[column.type][0]]
    if example := _example(column):
        lines.append(f"Exempel: {example}")
    return "\n".join(lines)


def _add_drop_down(data: Worksheet, lists: Worksheet, position: int, words: tuple[str, ...]) -> None:
    """The words lie in the hidden sheet: a list inside the rule itself may only be 255 characters long.

    The rows there are numbered, since a word that stands alone in its row might be taken for a heading.
    """
    for row, word in enumerate(words):
        lists.write_number(row, 0, row + 1)
        lists.write_string(row, position + 1, word)
    letter = xl_col_to_name(position + 1)
    data.data_validation(
        _FIRST_DATA_ROW,
        position,
        _LAST_ROW,
        position,
        {
            "validate": "list",
            "source": f"={LIST_SHEET}!${letter}$1:${letter}${len(words)}",
            "error_title": "Okänt ord",
            "error_message": f"Välj ett ord i listan. Alla ord står på bladet {EXPLANATION_SHEET}.",
        },
    )


def _write_explanations(sheet: Worksheet, source: Source, heading: Format, wrapped: Format) -> None:
    sheet.freeze_panes(1, 1)
    for position, (name, width) in enumerate(_EXPLANATIONS):
        sheet.set_column(position, position, width)
        sheet.write_string(0, position, name, heading)
    for row, column in enumerate(source.columns, start=1):
        # With its letter before it the label is no heading, so that a reader cannot take this sheet for data.
        cells = (
            f"{xl_col_to_name(row - 1)}: {column.label_sv}",
            column.help_sv,
            _needed(source, column),
            _KINDS[column.type][0],
            _example(column),
            ", ".join(allowed_words(column)),
            ", ".join((*column.aliases, column.name)),
        )
        for position, text in enumerate(cells):
            sheet.write_string(row, position, text, wrapped)

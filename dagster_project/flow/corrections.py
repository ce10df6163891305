"""Correction workbooks: the wrong rows, per unit and source, as an Excel file that is mended and delivered again.

`quarantine/rattas/<unit>-<source>-<id>.xlsx`. What is written are the values as they were read, with persons as
pseudonyms and masks already; a cell that could not be read shows its text as the message does. The id follows from the
rows, so that the same errors give the same name and other errors another, and no workbook takes the place of one that
was delivered before. What does not belong here: finding the row that a delivered correction answers (flow/answers.py).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dagster_project.contracts import Column, Source, fold
from dagster_project.flow.answers import PARTS, content_of, parquet_of
from dagster_project.flow.parse import ParsedFile, first_choices
from dagster_project.flow.reconcile import Reconciled, dialect_of, resolved_rows
from dagster_project.flow.standardise import Choices
from dagster_project.flow.values.identity import pseudonym_key
from dagster_project.flow.values.references import (
    MESSAGE_HEADING,
    REFERENCE_HEADING,
    Place,
    write_reference,
)
from dagster_project.flow.values.words import enum_words
from dagster_project.messages import message
from dagster_project.settings import Settings, Workspace

FOLDER = "rattas"
WRITTEN = ".written.json"
MOST_ROWS = 10_000  # of one source: whoever has more mends the system that the file came from
MOST_SIGNS = 32_767  # Excel's own bound on a cell
HEADING_ROW = 3
TEXT = "@"
NUMBER_FORMATS = {
    "date": "yyyy-mm-dd",
    "year": "0",
    "integer": "0",
    "decimal": "General",
    "money": "#,##0.00",
}
LIST_SIGNS = 255  # what a drop-down list may hold within the cell's rule
YES, NO = "ja", "nej"
# Beyond this a number could be read as somebody's personal number, or lose its last digits in Excel.
PLAIN_NUMBERS = 10**9
EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Workbook:
    """A workbook that was written: whose rows (in words) of which source it has, and how many of them."""

    path: Path
    unit: str
    source: str
    rows: int


@dataclass(frozen=True)
class _Told:
    """What is wrong in one row: the columns concerned, the text of cells that could not be read, and the messages."""

    columns: set[str] = field(default_factory=set)
    raw: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    values: dict[str, Any]
    told: _Told
    reference: str
    unit: str


Spot = tuple[int, str, int]  # file number, sheet, row


def write_workbooks(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    settings: Settings,
    contracts: Mapping[str, Source],
    parsed: Mapping[str, Sequence[ParsedFile]],
    reconciled: Reconciled,
) -> list[Workbook]:
    """Write a workbook per unit and source that has open errors of its own rows, and take away those out of date.

    Rows lost with a quarantined parent are left out: they come back when it is mended. A workbook that somebody has
    changed where it lies is neither replaced nor removed. Foreign formats and e-invoices have no workbook: they are
    mended in the system that wrote them. `connection` sees what reconcile left.
    """
    errors = reconciled.issues.filter(
        (pl.col("severity") == "error")
        & pl.col("is_open")
        & pl.col("row_number").is_not_null()
        & (pl.col("rule") != "parent_quarantined")
        & pl.col("source").is_in(list(contracts))
    )
    books: dict[str, tuple[Workbook, Source, list[_Row], Choices]] = {}
    folder = workspace.quarantine / FOLDER
    key = pseudonym_key(workspace)
    units = _units(connection, settings) if errors.height else {}
    for (name,), issues in errors.group_by("source", maintain_order=True):
        source = contracts[str(name)]
        usable = [file for file in parsed.get(source.name, ()) if file.rejected is None]
        rows = _wrong_rows(connection, source, usable, issues, units, settings, key)
        choices = first_choices(source, settings, key)
        for unit in sorted({row.unit for row in rows}):
            mine = [row for row in rows if row.unit == unit]
            path = folder / f"{_plain(unit)}-{source.name}-{_id_of(mine)}.xlsx"
            whose = f"{unit} {units.get(unit, '')}".strip()
            books[path.name] = (Workbook(path, whose, source.name, len(mine)), source, mine, choices)
    _write_all(folder, books, settings)
    return [book for book, *_ in books.values()]


# -- which rows ----------------------------------------------------------------------------------------------------


def _wrong_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[ParsedFile],
    issues: pl.DataFrame,
    units: Mapping[str, str],
    settings: Settings,
    key: bytes,
) -> list[_Row]:
    numbers = {file.delivery.file: number for number, file in enumerate(files)}
    mendable = {file.delivery.file for file in files if _may_come_back(source, file)}
    told: dict[Spot, _Told] = {}
    words = "message_sv" if settings.language == "sv" else "message_en"
    where = ["file", "sheet", "row_number"]
    first = issues.select(where).unique(maintain_order=True).head(MOST_ROWS)
    for issue in issues.join(first, on=where, how="semi", nulls_equal=True).iter_rows(named=True):
        if issue["file"] not in mendable:
            continue
        spot = (numbers[issue["file"]], issue["sheet"] or "", issue["row_number"])
        one = told.setdefault(spot, _Told())
        columns = [name for name in (issue["column_name"] or "").split(", ") if name]
        one.columns.update(columns)
        if len(columns) == 1 and issue["raw_value"]:
            one.raw.setdefault(columns[0], issue["raw_value"])
        if issue[words] not in one.messages:
            one.messages.append(issue[words])
    answers = _answers(connection, source, files)
    looked_up = _looked_up_units(connection, source, told)
    rows: dict[Spot, tuple[tuple[bool, int, str, int], _Row]] = {}
    for spot, values, answered, content in _delivered(connection, source, files, told):
        if answered is not None and spot not in answers:
            continue  # it answers a row that is delivered no more
        file = files[spot[0]]
        reference = answered or write_reference(
            key, source.name, Place(file.delivery.file, *spot[1:], content)
        )
        unit = values.get(source.unit_column or "") or looked_up.get(spot, "")
        row = _Row(values, told[spot], reference, unit if unit in units else _folder_of(file, settings))
        # A correction that is wrong again takes the place of the row that it answers, the latest one first.
        rank, place = (spot in answers, *spot), answers.get(spot, spot)
        if place not in rows or rows[place][0] < rank:
            rows[place] = (rank, row)
    return [row for _, row in (rows[place] for place in sorted(rows)) if _fits(row)]


def _may_come_back(source: Source, file: ParsedFile) -> bool:
    """Whether a file's rows can be delivered under our headings: an e-invoice lacks what we must ask of a ledger."""
    dialect = dialect_of(source, file)
    return dialect is None or dialect.contract(source).required_columns == source.required_columns


def _delivered(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[ParsedFile],
    told: Mapping[Spot, _Told],
) -> list[tuple[Spot, dict[str, Any], str | None, str]]:
    """The rows as they were read: where they lie, their values, the reference that they bear, their content."""
    names = [column.name for column in source.columns]
    shown = ", ".join(f'd."{name}"' for name in names)
    found = []
    for number in sorted({spot[0] for spot in told}):
        spots = [(sheet, row) for at, sheet, row in told if at == number]
        wanted = pl.DataFrame(spots, schema={"sheet": pl.String, "row": pl.Int64}, orient="row")
        connection.register("wanted", wanted.to_arrow())
        for part in PARTS:
            told_here = f"(select *, {content_of(source)} as _content from {parquet_of(files[number], part)})"
            rows = connection.execute(
                f"select coalesce(d._sheet, ''), d._row, d._answers, d._content, {shown} "
                f"from {resolved_rows(source, files[number], told_here)} as d "
                "join wanted as w on w.sheet = coalesce(d._sheet, '') and w.row = d._row order by 1, 2"
            ).fetchall()
            for sheet, row, answered, content, *values in rows:
                found.append(((number, sheet, row), dict(zip(names, values, strict=True)), answered, content))
        connection.unregister("wanted")
    return sorted(found, key=lambda one: one[0])


def _answers(
    connection: duckdb.DuckDBPyConnection, source: Source, files: Sequence[ParsedFile]
) -> dict[Spot, Spot]:
    """Where a row of a correction lies → the place of the row that it answers."""
    if not any(file.answers for file in files):
        return {}
    rows = connection.execute(
        f"select file_no, sheet, row, base, to_sheet, to_row from arrival.{source.name}_answers "
        "where base is not null"
    ).fetchall()
    return {(at, sheet, row): (base, to_sheet, to_row) for at, sheet, row, base, to_sheet, to_row in rows}


def _units(connection: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, str]:
    """Every known unit and member with its name."""
    members = (
        {} if settings.members == "all" else {member.code: member.name or "" for member in settings.members}
    )
    known = connection.execute(
        "select unit_id, unit_name, member_code from delivered.organisations order by all"
    ).fetchall()
    return {code: "" for *_, code in known if code} | members | {unit: name for unit, name, _ in known}


def _looked_up_units(
    connection: duckdb.DuckDBPyConnection, source: Source, told: Mapping[Spot, _Told]
) -> dict[Spot, str]:
    """Whose a row is where the file names the unit in another way, such as by organisation number."""
    unit = source.unit_column
    if unit is None or source.column(unit).lookup is None:
        return {}
    schema = {"file_no": pl.Int64, "sheet": pl.String, "row": pl.Int64}
    connection.register("wanted", pl.DataFrame(list(told), schema=schema, orient="row").to_arrow())
    found = {
        (number, sheet, row): value
        for part in ("parsed", "unread")
        for number, sheet, row, value in connection.execute(
            f'select file_no, sheet, row, "{unit}" from arrival.{source.name}_{part} '
            f'join wanted using (file_no, sheet, row) where "{unit}" is not null'
        ).fetchall()
    }
    connection.unregister("wanted")
    return found


def _folder_of(file: ParsedFile, settings: Settings) -> str:
    """Who delivered a row that names no known unit: the folder within the source's, else nobody in particular."""
    folders = file.delivery.file.split("/")[2:-1]
    return folders[0] if folders else message("corrections.nobody", settings.language)


def _fits(row: _Row) -> bool:
    """Whether Excel can hold the row without cutting a text short."""
    return all(len(value) <= MOST_SIGNS for value in row.values.values() if isinstance(value, str))


def _id_of(rows: Sequence[_Row]) -> str:
    return hashlib.sha256("\n".join(sorted(row.reference for row in rows)).encode()).hexdigest()[:6]


def _plain(unit: str) -> str:
    return re.sub(r"[^\w-]+", "_", unit)[:60]


# -- files ---------------------------------------------------------------------------------------------------------


def _write_all(
    folder: Path,
    books: Mapping[str, tuple[Workbook, Source, Sequence[_Row], Choices]],
    settings: Settings,
) -> None:
    """Write what is new, leave what somebody works in, and remove what we wrote and nobody needs any more."""
    memory = folder / WRITTEN
    before: dict[str, str] = json.loads(memory.read_text("utf-8")) if memory.exists() else {}
    if not books and not before:
        return
    folder.mkdir(parents=True, exist_ok=True)
    untouched = {name for name, digest in before.items() if _digest(folder / name) == digest}
    for name in untouched - books.keys():
        (folder / name).unlink()
    written = {name: before[name] for name in before if name in books}
    made: dict[str, bytes] = {}
    for name, (book, source, rows, choices) in books.items():
        if name in untouched or not (folder / name).exists():
            made[name] = _made(book, source, rows, choices, settings)
            written[name] = hashlib.sha256(made[name]).hexdigest()
    # First what we are about to write: a run that is killed here must not take its own workbook for somebody's work.
    _put(memory, json.dumps(written, indent=1, sort_keys=True).encode())
    for name, content in made.items():
        _put(folder / name, content)


def _put(path: Path, content: bytes) -> None:
    """Write a whole file or none."""
    fresh = path.with_name(f".{path.name}.next")
    fresh.write_bytes(content)
    os.replace(fresh, path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _made(
    book: Workbook, source: Source, rows: Sequence[_Row], choices: Choices, settings: Settings
) -> bytes:
    """The workbook as a file; the same rows give the same bytes."""
    # A run without errors need not load the library.
    import xlsxwriter

    language = settings.language
    columns = _shown_columns(source, rows)
    whole = io.BytesIO()
    with xlsxwriter.Workbook(whole, {"in_memory": True}) as out:
        title = message("corrections.title", language, source=source.name_sv, unit=book.unit)
        out.set_properties({"title": title, "created": EPOCH})
        sheet = out.add_worksheet(re.sub(r"[\[\]:*?/\\]", " ", source.name_sv)[:31])
        heading = out.add_format({"bold": True, "bg_color": "#1F4E79", "font_color": "#FFFFFF", "border": 1})
        helper = out.add_format({"bold": True, "bg_color": "#D9D9D9", "border": 1})
        told = out.add_format(
            {"text_wrap": True, "valign": "top", "quote_prefix": True, "bg_color": "#F2F2F2"}
        )
        small = out.add_format({"valign": "top", "quote_prefix": True, "font_color": "#808080"})
        sheet.write_string(0, 0, title, out.add_format({"bold": True, "font_size": 14}))
        sheet.write_string(1, 0, message("corrections.how", language, source=source.name))
        sheet.freeze_panes(HEADING_ROW + 1, 1)
        sheet.set_column(0, 0, 60)
        sheet.write_string(HEADING_ROW, 0, MESSAGE_HEADING, helper)
        last = len(columns) + 1
        sheet.set_column(last, last, 30)
        sheet.write_string(HEADING_ROW, last, REFERENCE_HEADING, helper)
        sheet.write_comment(HEADING_ROW, last, message("corrections.reference", language))
        for at, column in enumerate(columns, start=1):
            style: dict[str, Any] = {"num_format": NUMBER_FORMATS.get(column.type, TEXT), "valign": "top"}
            if style["num_format"] == TEXT:
                style["quote_prefix"] = True  # a text that begins as a formula does stays a text
            plain, wrong = (
                out.add_format(style),
                out.add_format({**style, "bg_color": "#FFE699", "border": 1}),
            )
            sheet.set_column(at, at, max(12, len(column.label_sv) + 3), plain)
            sheet.write_string(HEADING_ROW, at, _heading(column, choices), heading)
            if words := _words(column, choices):
                first = HEADING_ROW + 1
                sheet.data_validation(
                    first,
                    at,
                    HEADING_ROW + len(rows),
                    at,
                    {"validate": "list", "source": words, "error_type": "warning"},
                )
            for number, row in enumerate(rows, start=HEADING_ROW + 1):
                is_wrong = column.name in row.told.columns
                value = _shown(column, row, choices)
                _write_cell(sheet, number, at, value, wrong if is_wrong else plain)
                if is_wrong:
                    sheet.write_comment(number, at, "\n".join(row.told.messages), {"x_scale": 2})
        for number, row in enumerate(rows, start=HEADING_ROW + 1):
            sheet.write_string(number, 0, "\n".join(row.told.messages), told)
            sheet.write_string(number, last, row.reference, small)
    return whole.getvalue()


def _shown_columns(source: Source, rows: Sequence[_Row]) -> list[Column]:
    """The columns that must be there, those that are filled in any row, and those that a message speaks of."""
    concerned = {name for row in rows for name in row.told.columns}
    filled = {name for row in rows for name, value in row.values.items() if value is not None}
    return [
        column
        for column in source.columns
        if column.required or column.name in concerned | filled or column.name in source.key
    ]


def _heading(column: Column, choices: Choices) -> str:
    """A heading that is read as this column with the organisation's own headings too."""
    known = (column.label_sv, column.name, *column.aliases)
    return next((word for word in known if choices.headings.get(fold(word)) == column.name), column.label_sv)


def _word(column: Column, code: str, choices: Choices) -> str:
    """The Swedish word of a code, or the code where the organisation reads that word in another way."""
    read = {**enum_words(column), **choices.words.get(column.name, {})}
    return next((word for word in (*column.values.get(code, ()), code) if read.get(fold(word)) == code), code)


def _words(column: Column, choices: Choices) -> list[str]:
    """What may be chosen among, where it fits in a drop-down list."""
    words = (
        [YES, NO] if column.type == "boolean" else [_word(column, code, choices) for code in column.values]
    )
    return words if len(",".join(words)) <= LIST_SIGNS else []


def _shown(column: Column, row: _Row, choices: Choices) -> Any:
    """What the cell is to hold: the value as read, else the text that could not be read."""
    value = row.values[column.name]
    if value is None:
        return row.told.raw.get(column.name)
    if isinstance(column.default, dict):
        day = row.values[column.default["year_of"]]
        return None if day is not None and day.year == value else value
    if isinstance(value, bool):
        return YES if value else NO
    if column.type == "enum":
        return _word(column, value, choices)
    return value


def _write_cell(sheet: Any, row: int, column: int, value: Any, style: Any) -> None:
    if value is None:
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), style)
    elif isinstance(value, Decimal | int):
        if abs(Decimal(value)) < PLAIN_NUMBERS and len(Decimal(value).normalize().as_tuple().digits) <= 15:
            sheet.write_number(row, column, value, style)
        else:
            sheet.write_string(row, column, f"{value:f}" if isinstance(value, Decimal) else str(value), style)
    else:
        sheet.write_string(row, column, value, style)

"""Which delivered row each row of a correction workbook stands for.

A row that bears a row reference stands in the place of the row that it answers: reconcile then treats it as if the
answered file had it. The row is found at its place when it says what it said; else by its content, because a file that
is delivered again may have got more rows. What does not belong here: reading the reference (flow/values/references.py)
and what becomes of the rows (reconcile).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb
import polars as pl

from dagster_project.contracts import Source
from dagster_project.flow.parse import ParsedFile
from dagster_project.flow.standardise import line_number_column
from dagster_project.flow.values.references import Place, read_reference

PARTS = ("rows", "bad")
SCHEMA = {
    "file_no": pl.Int64,
    "sheet": pl.String,
    "row": pl.Int64,
    "is_read": pl.Boolean,
    "base": pl.Int64,
    "to_sheet": pl.String,
    "to_row": pl.Int64,
    "answered": pl.String,
}
Found = tuple[int, str, int]  # file number, sheet, row


def find_answered(connection: duckdb.DuckDBPyConnection, source: Source, files: Sequence[ParsedFile]) -> bool:
    """Make `arrival.<source>_answers` where any file bears row references; whether one does.

    One row per delivered row with a reference: where it stands, whether it could be read, the row that it answers
    (`base`, `to_sheet`, `to_row`; null where that is not delivered any more), what the reference says in words
    (`answered`), and `line_no`: the line number that it has there where the answered file's lines were numbered by us.
    """
    borne = _borne(connection, files)
    if not borne:
        return False
    places = {text: read_reference(text) for *_, text in borne}
    found = _found(connection, source, files, places)
    rows = [
        (number, sheet, row, is_read, *found.get(text, (None, None, None)), f"{place.file} rad {place.row}")
        for number, sheet, row, is_read, text in borne
        for place in (places[text],)
    ]
    connection.register("answering", pl.DataFrame(rows, schema=SCHEMA, orient="row").to_arrow())
    connection.execute(
        f"create table arrival.{source.name}_answers as select *, cast(null as bigint) as line_no from answering"
    )
    connection.unregister("answering")
    _number(connection, source, files)
    return True


def content_of(source: Source) -> str:
    """SQL for the hash of what a parsed row says: its filled cells, but for a line number, which is a place."""
    counted = line_number_column(source)
    told = ", ".join(
        f'case when "{c.name}" is not null then \'{c.name}=\' || cast("{c.name}" as varchar) end'
        for c in source.columns
        if c.name != counted
    )
    return f"left(sha256(concat_ws(chr(31), {told})), 16)"


def parquet_of(file: ParsedFile, part: str) -> str:
    """SQL for one part of a parsed file."""
    path = str(file.directory / f"{part}.parquet").replace("'", "''")
    return f"read_parquet('{path}')"


def _borne(
    connection: duckdb.DuckDBPyConnection, files: Sequence[ParsedFile]
) -> list[tuple[int, str, int, bool, str]]:
    return [
        row
        for number, file in enumerate(files)
        if file.answers
        for part in PARTS
        for row in connection.execute(
            f"select {number}, coalesce(_sheet, ''), _row, {part == 'rows'}, _answers "
            f"from {parquet_of(file, part)} where _answers is not null order by all"
        ).fetchall()
    ]


def _found(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[ParsedFile],
    places: Mapping[str, Place],
) -> dict[str, Found]:
    """Reference → the row that it means. Equal rows are taken one each, in their order."""
    numbers = {file.delivery.file: number for number, file in enumerate(files)}
    found: dict[str, Found] = {}
    for name in sorted({place.file for place in places.values()} & numbers.keys()):
        number = numbers[name]
        rows = sorted({place.row for place in places.values() if place.file == name})
        wanted = f"_row in ({', '.join(map(str, rows))})"
        there = {
            (sheet, row): content
            for sheet, row, content in _rows(connection, source, [files[number]], PARTS, wanted)
        }
        for text, place in places.items():
            if place.file == name and there.get((place.sheet, place.row)) == place.content:
                found[text] = (number, place.sheet, place.row)
    elsewhere = {text: place for text, place in places.items() if text not in found}
    if not elsewhere:
        return found
    contents = ", ".join(
        f"'{content}'" for content in sorted({place.content for place in elsewhere.values()})
    )
    named = {numbers[place.file] for place in elsewhere.values() if place.file in numbers}
    taken = set(found.values())
    free: dict[str, list[Found]] = {}
    for number, file in enumerate(files):
        parts = PARTS if number in named else ("bad",)
        alike = f"{content_of(source)} in ({contents})"
        for sheet, row, content in _rows(connection, source, [file], parts, alike):
            if (number, sheet, row) not in taken:
                free.setdefault(content, []).append((number, sheet, row))
    for text, place in sorted(elsewhere.items(), key=lambda item: (item[1].file, item[1].sheet, item[1].row)):
        same = free.get(place.content, [])
        if same:
            near = next((one for one in same if one[0] == numbers.get(place.file)), same[0])
            same.remove(near)
            found[text] = near
    return found


def _rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Iterable[ParsedFile],
    parts: Sequence[str],
    wanted: str,
) -> list[tuple[str, int, str]]:
    """Sheet, row and content of delivered rows that are no corrections themselves."""
    found: list[tuple[str, int, str]] = []
    for file in files:
        free = "_answers is null and " if file.answers else ""
        for part in parts:
            found += connection.execute(
                f"select coalesce(_sheet, ''), _row, {content_of(source)} from {parquet_of(file, part)} "
                f"where {free}{wanted}"
            ).fetchall()
    return sorted(found)


def _number(connection: duckdb.DuckDBPyConnection, source: Source, files: Sequence[ParsedFile]) -> None:
    """Line numbers of answers to rows that we numbered: that of the row, or the next free one in another invoice."""
    line = line_number_column(source)
    if line is None:
        return
    within = ", ".join(f'"{column}"' for column in source.numbered_within)
    answers = f"arrival.{source.name}_answers"
    bases = connection.execute(
        f"select distinct base from {answers} where base is not null order by 1"
    ).fetchall()
    for (base,) in bases:
        if not files[base].numbered:
            continue
        whole = " union all ".join(
            f"select coalesce(_sheet, '') as sheet, _row as row, hash({within}) as g, \"{line}\" as line "
            f"from {parquet_of(files[base], part)}"
            for part in PARTS
        )
        given = " union all ".join(
            f"select {number} as file_no, coalesce(_sheet, '') as sheet, _row as row, hash({within}) as g "
            f"from {parquet_of(file, part)} where _answers is not null"
            for number, file in enumerate(files)
            if file.answers
            for part in PARTS
        )
        connection.execute(
            "create or replace temp table renumbered as with "
            f"whole as ({whole}), "
            f"mine as (select a.*, m.g, t.g as old_g, t.line from {answers} as a "
            f"join ({given}) as m using (file_no, sheet, row) "
            "join whole as t on t.sheet = a.to_sheet and t.row = a.to_row "
            f"where a.base = {base}), "
            "last as (select g, max(line) as line from whole where g in (select g from mine where g <> old_g) "
            "group by g), "
            "moved as (select file_no, sheet, row, coalesce(l.line, 0) "
            "+ dense_rank() over (partition by mine.g order by to_sheet, to_row) as line_no "
            "from mine left join last as l using (g) where g <> old_g) "
            "select file_no, sheet, row, line as line_no from mine where g = old_g union all select * from moved"
        )
        connection.execute(
            f"update {answers} as a set line_no = r.line_no from renumbered as r "
            "where a.file_no = r.file_no and a.sheet = r.sheet and a.row = r.row"
        )

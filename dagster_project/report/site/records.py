"""The records behind an indicator: the newest in the page, and as many as a file bears as a download.

The ledger's indicators rest on the same lines and share their file: its column of classes says which of them count.

What belongs here: reading `kpi_evidence` and the ledger, and writing their files. What does not: the sum of the
records, which is `kpi_values`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.messages.marts import column_heading, table_heading
from dagster_project.report.downloads import LEDGERS, REGISTER, records_file, shared_ledger
from dagster_project.report.formats import FORMULA
from dagster_project.report.site.page import Work
from dagster_project.report.site.reading import ALL, Reading

IN_PAGE = 200
IN_FILE = 200_000
BATCH = 100_000
# Why records do not count, None where they do, and how many there are.
Reasons = list[tuple[str | None, int]]
COLUMNS = (
    "record_kind",
    "record_id",
    "event_date",
    "members",
    "category_group",
    "numerator",
    "denominator",
    "exclusion",
    "source_file",
    "source_row",
)
NONE = pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String))


@dataclass(frozen=True)
class Records:
    """An indicator's records: how many there are, the newest of them, and why some do not count.

    `path` is the file to download, of which `file_total` rows exist and `in_file` are there; `shared` says what the
    rows are where the file is the ledger's and not the indicator's own.
    """

    path: str
    total: int
    in_file: int
    file_total: int
    shared: str
    newest: list[dict[str, Any]]
    reasons: list[tuple[str, int]]


def write_records(work: Work) -> dict[str, Records]:
    """Write the records of every indicator as CSV, the newest first; at most `IN_FILE` rows in a file."""
    reading = work.reading
    (work.folder / "records").mkdir(exist_ok=True)
    shared = {shared_ledger(row) for row in reading.catalogue.values()}
    ledgers = {table: _Ledger.of(reading, table) for table in LEDGERS if table in shared}
    written = {table: _write_ledger(work, table, ledger) for table, ledger in ledgers.items()}
    rows_of = _of_registers(reading)
    mine = ", ".join(repr(kpi_id) for kpi_id, row in reading.catalogue.items() if shared_ledger(row))
    if mine:
        newest = f"kpi_id in ({mine}) and {_newest(reading, ledgers)}"
        rows_of |= _by_indicator(_rows(reading, "kpi_evidence", newest, IN_PAGE))
    reasons_of = _reasons(reading)
    headings = [reading.say(f"report.records.{column}") for column in COLUMNS]
    told: dict[str, Records] = {}
    for kpi_id, row in reading.catalogue.items():
        table = shared_ledger(row)
        reasons = reasons_of.get(kpi_id, [])
        if table is None and row["has_own_dimensions"]:  # a view of its own, such as what became of savings
            rows_of[kpi_id] = _rows(reading, "kpi_evidence", f"kpi_id = '{kpi_id}'", IN_FILE)
        frame = rows_of.get(kpi_id, NONE)
        if table is None:
            in_file = _write(work.folder / records_file(row), reading, [frame.select(COLUMNS)], headings)
            told[kpi_id] = _told(
                reading, row, reasons, frame, in_file, sum(count for _, count in reasons), ""
            )
        else:
            heading = table_heading(table, reading.language)
            told[kpi_id] = _told(reading, row, reasons, frame, written[table], ledgers[table].total, heading)
    return told


def _told(
    reading: Reading,
    row: Mapping[str, Any],
    reasons: Reasons,
    frame: pl.DataFrame,
    in_file: int,
    file_total: int,
    shared: str,
) -> Records:
    return Records(
        records_file(row),
        sum(count for _, count in reasons),
        in_file,
        file_total,
        shared,
        [_worded(reading, one) for one in frame.select(COLUMNS).head(IN_PAGE).iter_rows(named=True)],
        [
            (reading.exclusion(exclusion) if exclusion else reading.say("report.counted"), count)
            for exclusion, count in sorted(reasons, key=lambda reason: reason[0] or "")
        ],
    )


def _of_registers(reading: Reading) -> dict[str, pl.DataFrame]:
    """The registers' evidence by indicator, in one look: it is a table, where the ledger's is a view of every line."""
    return _by_indicator(_rows(reading, REGISTER, "true", IN_FILE)) if REGISTER in reading.tables else {}


def _by_indicator(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(kpi_id): part for (kpi_id,), part in frame.partition_by("kpi_id", as_dict=True).items()}


@dataclass(frozen=True)
class _Ledger:
    """How many rows of a ledger's table each day has, the newest day first."""

    days: list[tuple[date, int]]
    total: int

    @classmethod
    def of(cls, reading: Reading, table: str) -> _Ledger:
        days = reading.con.execute(
            f"select booking_date, count(*) from {table} group by all order by all desc nulls last"
        ).fetchall()
        return cls([(day, count) for day, count in days if day is not None], sum(count for _, count in days))

    def first_day(self, wanted: int) -> date | None:
        """The day from which there are rows enough, so that older ones need not be sorted; None: all are needed."""
        found = 0
        for day, count in self.days:
            found += count
            if found >= wanted:
                return day
        return None


def _newest(reading: Reading, ledgers: Mapping[str, _Ledger]) -> str:
    """The condition that leaves the evidence of the ledgers' newest rows, and little more.

    It asks for rows by their number, which of millions of lines are found without unpacking the others.
    """
    days, numbers = [], set()
    for table, ledger in ledgers.items():
        day = ledger.first_day(IN_PAGE) or date.min
        newest = reading.con.execute(
            f"select source_row from {table} where booking_date >= date '{day}' "
            f"order by booking_date desc, source_file, source_row limit {IN_PAGE}"
        ).fetchall()
        days.append(day)
        numbers |= {str(number) for (number,) in newest}
    return f"event_date >= date '{min(days)}' and source_row in ({', '.join(sorted(numbers)) or 'null'})"


def _write_ledger(work: Work, table: str, ledger: _Ledger) -> int:
    """Write the newest rows of a ledger's table; returns how many the file holds."""
    reading = work.reading
    columns = [name for name, *_ in reading.con.execute(f"describe {table}").fetchall()]
    first = ledger.first_day(IN_FILE)
    since = f"booking_date >= date '{first}'" if first else "true"
    # A cursor of its own: other queries are made while these rows are read.
    batches = (
        reading.con.cursor()
        .sql(
            f"from {table} where {since} "
            f"order by booking_date desc nulls last, source_file, source_row limit {IN_FILE}"
        )
        .to_arrow_reader(BATCH)
    )
    headings = [column_heading(table, name, reading.language) for name in columns]
    frames = (pl.DataFrame(batch) for batch in batches)
    return _write(work.folder / "records" / f"{table}.csv", reading, frames, headings)


def _reasons(reading: Reading) -> dict[str, Reasons]:
    """How many records of each indicator count, and how many do not for which reason."""
    query = f"select kpi_id, exclusion, count(*) from kpi_evidence where member_code = '{ALL}' group by all"
    reasons: dict[str, Reasons] = defaultdict(list)
    for kpi_id, exclusion, count in reading.con.execute(query).fetchall():
        reasons[kpi_id].append((exclusion, count))
    return reasons


def _rows(reading: Reading, evidence: str, where: str, limit: int) -> pl.DataFrame:
    """At most `limit` records of each indicator, the newest first, each with the codes of its members."""
    order = (
        "order by kpi_id, event_date desc nulls last, record_id, source_file, source_row, numerator, "
        "category_group, exclusion"
    )
    return reading.frame(
        f"""
        with placed as materialized (select * from {evidence} where {where}),
        chosen as materialized (
            select * from placed where member_code = '{ALL}'
            qualify row_number() over (partition by kpi_id {order}) <= {limit}
        ),
        owners as (
            select kpi_id, record_id, source_file, source_row,
                string_agg(distinct member_code, ' ' order by member_code) as members
            from placed where member_code <> '{ALL}' and record_id in (select record_id from chosen)
            group by all
        )
        select
            kpi_id, record_kind, record_id, event_date, coalesce(members, '') as members, category_group, numerator,
            denominator, exclusion, source_file, source_row
        from chosen left join owners using (kpi_id, record_id, source_file, source_row)
        {order}
        """
    )


def _write(path: Path, reading: Reading, frames: Iterable[pl.DataFrame], headings: list[str]) -> int:
    """Write frames to one file as the organisation's spreadsheet reads it; returns the number of rows."""
    separator = ";" if reading.language == "sv" else ","
    rows = 0
    with path.open("wb") as file:
        head = pl.DataFrame(schema=dict.fromkeys(headings, pl.String))
        head.write_csv(file, include_bom=True, separator=separator, line_terminator="\r\n")
        for frame in frames:
            _as_text(reading, frame).write_csv(
                file, include_header=False, separator=separator, line_terminator="\r\n"
            )
            rows += frame.height
    return rows


def _as_text(reading: Reading, frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers with the decimals that they carry and the language's point; texts that begin no formula."""
    cells = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if dtype.is_decimal() or dtype.is_float():
            text = column.cast(pl.String)
            shorter = text.str.strip_chars_end("0").str.strip_chars_end(".")
            text = pl.when(text.str.contains(".", literal=True)).then(shorter).otherwise(text)
            cells.append(text.str.replace(".", ",", literal=True) if reading.language == "sv" else text)
        elif dtype == pl.String:
            begins = column.str.contains(FORMULA).fill_null(value=False)
            cells.append(
                pl.when(begins).then(pl.concat_str(pl.lit("'"), column)).otherwise(column).alias(name)
            )
        else:
            cells.append(column.cast(pl.String))
    return frame.select(cells)


def _worded(reading: Reading, row: dict[str, Any]) -> dict[str, Any]:
    """A record as the page shows it."""
    formats = reading.formats
    codes = row["members"].split()
    return {
        "id": row["record_id"],
        "date": row["event_date"],
        "codes": codes,
        "members": ", ".join(reading.members.get(code, code) for code in codes),
        "group": reading.groups.get(row["category_group"], row["category_group"] or ""),
        "numerator": "" if row["numerator"] is None else formats.plain(row["numerator"]),
        "denominator": "" if row["denominator"] is None else formats.plain(row["denominator"]),
        "exclusion": reading.exclusion(row["exclusion"]) if row["exclusion"] else "",
        "place": reading.say("report.place", file=row["source_file"], row=row["source_row"])
        if row["source_row"] is not None
        else row["source_file"] or "",
    }

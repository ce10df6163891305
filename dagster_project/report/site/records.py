"""The records behind an indicator: the newest in the page, and as many as a file bears as a download.

The ledger's indicators rest on the same lines and share their file: its column of classes says which of them count.

What belongs here: reading `kpi_evidence` and the ledger, and writing their files. What does not: the sum of the
records, which is `kpi_values`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.messages.marts import column_heading, table_heading
from dagster_project.report.downloads import LEDGERS, REGISTER, records_file, shared_ledger
from dagster_project.report.formats import FORMULA
from dagster_project.report.ledger import ledger_part
from dagster_project.report.site.page import Work
from dagster_project.report.site.reading import ALL, Reading

IN_PAGE = 200
IN_FILE = 1_000_000
BATCH = 100_000
Day = tuple[str | None, date | None, int]  # exclusion, day, records
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
    registers = _Evidence.of(reading)
    shared = {shared_ledger(row) for row in reading.catalogue.values()}
    ledgers = {table: _Ledger.of(reading, table) for table in LEDGERS if table in shared}
    # Days enough for the newest of either table.
    first = [ledger.first_day(IN_PAGE) for ledger in ledgers.values()]
    since = (
        "true" if None in first or not first else f"booking_date >= date '{min(day for day in first if day)}'"
    )
    told: dict[str, Records] = {}
    written = {table: _write_ledger(work, table, ledger) for table, ledger in ledgers.items()}
    mine = [kpi_id for kpi_id, row in reading.catalogue.items() if shared_ledger(row)]
    listed = f"kpi_id in ({', '.join(repr(kpi_id) for kpi_id in mine)})" if mine else "false"
    days_of = registers.days | _days(reading, "kpi_evidence", listed)
    with ledger_part(reading, since, work.folder) as part:
        newest = f"{listed} and {since.replace('booking_date', 'event_date')}"
        rows_of = registers.rows | _by_indicator(_rows(part, "kpi_evidence", newest, IN_PAGE))
    headings = [reading.say(f"report.records.{column}") for column in COLUMNS]
    for kpi_id, row in reading.catalogue.items():
        table = shared_ledger(row)
        days, frame = days_of.get(kpi_id, []), rows_of.get(kpi_id, NONE)
        if table is None:
            if row["has_own_dimensions"]:  # a view of its own, such as what became of savings
                own = f"kpi_id = '{kpi_id}'"
                days = _days(reading, "kpi_evidence", own)[kpi_id]
                frame = _rows(reading, "kpi_evidence", own, IN_FILE)
            held = [frame.select(COLUMNS).head(IN_FILE)]
            in_file = _write(work.folder / records_file(row), reading, held, headings)
            told[kpi_id] = _told(reading, row, days, frame, in_file, sum(count for *_, count in days), "")
        else:
            heading = table_heading(table, reading.language)
            told[kpi_id] = _told(reading, row, days, frame, written[table], ledgers[table].total, heading)
    return told


def _told(
    reading: Reading,
    row: Mapping[str, Any],
    days: Iterable[Day],
    frame: pl.DataFrame,
    in_file: int,
    file_total: int,
    shared: str,
) -> Records:
    reasons: Counter[str] = Counter()
    for exclusion, _, count in days:
        reasons[exclusion or ""] += count
    return Records(
        records_file(row),
        reasons.total(),
        in_file,
        file_total,
        shared,
        [_worded(reading, one) for one in frame.select(COLUMNS).head(IN_PAGE).iter_rows(named=True)],
        [
            (reading.exclusion(exclusion) if exclusion else reading.say("report.counted"), count)
            for exclusion, count in sorted(reasons.items())
        ],
    )


@dataclass(frozen=True)
class _Evidence:
    """The registers' evidence by indicator, in one look: it is a table, where the ledger's is a view of every line."""

    days: dict[str, list[Day]]
    rows: dict[str, pl.DataFrame]

    @classmethod
    def of(cls, reading: Reading) -> _Evidence:
        if REGISTER not in reading.tables:
            return cls({}, {})
        return cls(_days(reading, REGISTER, "true"), _by_indicator(_rows(reading, REGISTER, "true", IN_FILE)))


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


def _days(reading: Reading, evidence: str, where: str) -> dict[str, list[Day]]:
    """How many records each day has, by indicator and by why they do not count."""
    query = (
        f"select kpi_id, exclusion, event_date, count(*) from {evidence} "
        f"where member_code = '{ALL}' and {where} group by all"
    )
    days: dict[str, list[Day]] = defaultdict(list)
    for kpi_id, *day in reading.con.execute(query).fetchall():
        days[kpi_id].append(tuple(day))
    return days


def _rows(reading: Reading, evidence: str, where: str, limit: int) -> pl.DataFrame:
    """At most `limit` records of each indicator, the newest first, each with the codes of its members."""
    order = "order by kpi_id, event_date desc nulls last, record_id, source_file, source_row, numerator"
    return reading.frame(
        f"""
        with chosen as materialized (
            select * from {evidence} where member_code = '{ALL}' and {where}
            qualify row_number() over (partition by kpi_id {order}) <= {limit}
        ),
        owners as (
            select kpi_id, record_id, source_file, source_row,
                string_agg(distinct member_code, ' ' order by member_code) as members
            from {evidence}
            where member_code <> '{ALL}' and {where} and record_id in (select record_id from chosen)
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

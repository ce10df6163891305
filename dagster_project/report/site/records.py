"""The records behind an indicator: the newest in the page, and as many as a spreadsheet bears as a download.

What belongs here: reading `kpi_evidence` and writing its file. What does not: the sum of the records, which is
`kpi_values`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby, islice
from typing import Any

from dagster_project.report.formats import neutral
from dagster_project.report.site.page import Work
from dagster_project.report.site.reading import ALL, Reading

IN_PAGE = 200
IN_FILE = 100_000
BATCH = 10_000
REGISTER = "kpi_evidence_register"
Day = tuple[str, str | None, date | None, int]  # indicator, exclusion, day, records
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


@dataclass(frozen=True)
class Records:
    """An indicator's records: how many there are, how many its file holds, and the newest of them."""

    path: str
    total: int
    in_file: int
    newest: list[dict[str, Any]]
    reasons: list[tuple[str, int]]


def write_records(work: Work) -> dict[str, Records]:
    """Write every indicator's newest records as CSV; at most `IN_FILE` each, so that memory and files stay bounded."""
    reading = work.reading
    (work.folder / "records").mkdir(exist_ok=True)
    told: dict[str, Records] = {}
    if REGISTER in reading.tables:
        # One look at the registers' evidence, which is a table; the ledger's is a view over every line.
        days = _days(reading, REGISTER, "true")
        for kpi_id, rows in groupby(_rows(reading, REGISTER, "true"), key=lambda row: row[0]):
            if kpi_id in reading.catalogue:
                told[kpi_id] = _written(work, kpi_id, [one for one in days if one[0] == kpi_id], rows)
    for kpi_id in reading.catalogue:
        if kpi_id not in told:
            mine = f"kpi_id = '{kpi_id}'"
            days = _days(reading, "kpi_evidence", mine)
            first = _first_day(days)
            since = f"{mine} and event_date >= date '{first}'" if first else mine
            told[kpi_id] = _written(
                work, kpi_id, days, _rows(reading, "kpi_evidence", since, f"limit {IN_FILE}")
            )
    return told


def _written(work: Work, kpi_id: str, days: list[Day], rows: Iterable[tuple[Any, ...]]) -> Records:
    reading = work.reading
    reasons: Counter[str] = Counter()
    for _, exclusion, _, count in days:
        reasons[exclusion or ""] += count
    path = f"records/{kpi_id}.csv"
    newest: list[dict[str, Any]] = []
    in_file = 0
    with (work.folder / path).open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file, delimiter=";" if reading.language == "sv" else ",", lineterminator="\r\n")
        out.writerow([reading.say(f"report.records.{column}") for column in COLUMNS])
        for row in islice(rows, IN_FILE):
            out.writerow([_cell(reading, value) for value in row[1:]])
            in_file += 1
            if len(newest) < IN_PAGE:
                newest.append(_worded(reading, dict(zip(COLUMNS, row[1:], strict=True))))
    worded = [
        (reading.exclusion(exclusion) if exclusion else reading.say("report.counted"), count)
        for exclusion, count in sorted(reasons.items())
    ]
    return Records(path, reasons.total(), in_file, newest, worded)


def _days(reading: Reading, evidence: str, where: str) -> list[Day]:
    """How many records each day has, by indicator and by why they do not count."""
    query = (
        f"select kpi_id, exclusion, event_date, count(*) from {evidence} "
        f"where member_code = '{ALL}' and {where} group by all"
    )
    return reading.con.execute(query).fetchall()


def _first_day(days: list[Day]) -> date | None:
    """The day from which there are records enough for the file, so that an older ledger need not be sorted.

    None where all records are needed.
    """
    by_day: Counter[date] = Counter()
    for _, _, day, count in days:
        if day is not None:
            by_day[day] += count
    found = 0
    for day in sorted(by_day, reverse=True):
        found += by_day[day]
        if found >= IN_FILE:
            return day
    return None


def _rows(reading: Reading, evidence: str, where: str, limit: str = "") -> Iterator[tuple[Any, ...]]:
    """The records of each indicator, the newest first, each with the members that it belongs to."""
    order = "order by kpi_id, event_date desc nulls last, record_id, source_file, source_row, numerator"
    # A cursor of its own: other queries are made while these rows are read.
    cursor = reading.con.cursor().execute(
        f"""
        with chosen as materialized (
            select * from {evidence} where member_code = '{ALL}' and {where} {order} {limit}
        ),
        owners as (
            select kpi_id, record_id, string_agg(distinct member_code, ' ' order by member_code) as members
            from {evidence}
            where member_code <> '{ALL}' and {where} and record_id in (select record_id from chosen)
            group by kpi_id, record_id
        )
        select
            kpi_id, record_kind, record_id, event_date, coalesce(members, ''), category_group, numerator,
            denominator, exclusion, source_file, source_row
        from chosen left join owners using (kpi_id, record_id)
        {order}
        """
    )
    while batch := cursor.fetchmany(BATCH):
        yield from batch


def _cell(reading: Reading, value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = format(value.normalize(), "f")
        return text.replace(".", ",") if reading.language == "sv" else text
    if isinstance(value, date | int):
        return value
    return neutral(str(value))


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

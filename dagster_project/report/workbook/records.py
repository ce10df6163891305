"""A sheet of records for each indicator: those behind the workbook's period, counted and left out.

What belongs here: reading the evidence of one period. What does not: the sum of the records, which is `kpi_values`,
and the whole of them, which the site's downloads and the Parquet files hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from dagster_project.report.downloads import REGISTER, records_file, records_parquet
from dagster_project.report.ledger import ledger_part
from dagster_project.report.site.reading import ALL, Period, Reading
from dagster_project.report.workbook.book import Book, Column, Told

LIMIT = 100_000
MONEY = ("invoice_line", "budget_line")
SHOWN = (
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
# What lies in the period, and what it adds there; the rules are those of the figures (docs/analysts.md).
_OF_REGISTERS = f"""
    select
        evidence.kpi_id, evidence.record_id, evidence.member_code, evidence.category_group, evidence.event_date,
        case
            when catalogue.period_rule = 'stock_at_end'
                and coalesce(evidence.counts_from > $counted_until, true) then 0
            else evidence.numerator
        end as numerator,
        evidence.denominator, evidence.exclusion, evidence.source_file, evidence.source_row
    from {REGISTER} as evidence
    inner join kpi_catalogue as catalogue using (kpi_id)
    where case
        when catalogue.period_rule = 'in_force_at_end'
            then $counted_until between evidence.counts_from and evidence.counts_until
        else evidence.event_date between $period_start and $period_end
    end
"""
_OF_LEDGERS = """
    select * from kpi_evidence
    where list_contains($ledgers, kpi_id) and event_date between $period_start and $period_end
"""
_OF_A_LEDGER = """
    select * from kpi_evidence where kpi_id = $kpi_id and event_date between $period_start and $period_end
"""
# Where there are more than the sheet holds: those that count, by the size of what they add, the newest of equals. Sizes
# are told apart by their magnitude, so that a year's ledger is counted by size and not sorted.
_SIZE = "coalesce(floor(8 * log2(1 + abs(cast({} as double)))), -1)"
_WEIGHT = f"exclusion is null, {_SIZE.format('numerator')}, {_SIZE.format('denominator')}, event_date"


def records(reading: Reading, period: Period, folder: Path) -> Iterator[tuple[str, int, pl.DataFrame]]:
    """Each indicator's records of the period: how many there are, and at most `LIMIT` of them by date.

    `folder` is for what a large ledger needs meanwhile.
    """
    days: dict[str, object] = {"period_start": period.start, "period_end": period.end}
    found: dict[str, pl.DataFrame] = {}
    if REGISTER in reading.tables:
        given = days | {"counted_until": min(period.end, reading.as_of)}
        found = _by_indicator(_read(reading, _OF_REGISTERS, given, reading.groups))
    ledgers = [kpi_id for kpi_id, row in reading.catalogue.items() if row["has_own_dimensions"]]
    booked = f"booking_date between date '{period.start}' and date '{period.end}'"
    with ledger_part(reading, booked, folder) as part:
        is_large = part is not reading
        if not is_large:  # one look at all of them
            found |= _by_indicator(_read(reading, _OF_LEDGERS, days | {"ledgers": ledgers}, reading.groups))
        for kpi_id in reading.catalogue:
            if kpi_id in found:
                yield kpi_id, found[kpi_id]["total"][0], found[kpi_id]
            elif is_large and kpi_id in ledgers:
                given = days | {"kpi_id": kpi_id}
                total, lightest = _lightest(part, given)
                frame = _read(part, _OF_A_LEDGER + lightest, given, reading.groups)
                if frame.height:
                    yield kpi_id, total, frame


def _by_indicator(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(kpi_id): part for (kpi_id,), part in frame.partition_by("kpi_id", as_dict=True).items()}


def _lightest(reading: Reading, given: Mapping[str, object]) -> tuple[int, str]:
    """How many records of a ledger there are, and the condition that leaves the heaviest, little more than `LIMIT`."""
    weights = reading.con.execute(
        f"select {_WEIGHT}, count(*) from ({_OF_A_LEDGER}) where member_code = '{ALL}' group by all order by all desc",
        dict(given),
    ).fetchall()
    total = sum(count for *_, count in weights)
    kept = 0
    for counts, numerator, denominator, day, count in weights:
        kept += count
        if kept >= LIMIT:
            lightest = f"row({str(counts).lower()}, {numerator}, {denominator}, date '{day}')"
            return total, f" and row({_WEIGHT}) >= {lightest}"
    return total, ""


def _read(
    reading: Reading, placed: str, given: Mapping[str, object], groups: Mapping[str, str]
) -> pl.DataFrame:
    """At most `LIMIT` records of each indicator in `placed`, with its members; `total` is how many it has."""
    frame = reading.frame(
        f"""
        with placed as materialized ({placed}),
        chosen as (
            select *, count(*) over (partition by kpi_id) as total from placed where member_code = '{ALL}'
            qualify row_number() over (
                partition by kpi_id order by row({_WEIGHT}) desc, source_file, source_row, record_id
            ) <= {LIMIT}
        ),
        owners as (
            select kpi_id, record_id, source_file, source_row,
                string_agg(distinct coalesce(member_name, member_code), ', '
                    order by coalesce(member_name, member_code)) as members
            from placed left join dim_member using (member_code)
            where member_code <> '{ALL}'
            group by all
        )
        select chosen.* exclude (member_code), owners.members
        from chosen left join owners using (kpi_id, record_id, source_file, source_row)
        order by kpi_id, event_date, record_id, source_file, source_row, numerator
        """,
        given,
    )
    codes = frame["exclusion"].drop_nulls().unique(maintain_order=True)
    return frame.with_columns(
        pl.col("category_group").replace(groups),
        pl.col("exclusion").replace({code: reading.exclusion(code) for code in codes}),
    )


def add_records(book: Book, reading: Reading, period: Period, back: tuple[str, str]) -> dict[str, str]:
    """Write the sheet of each indicator that has records in the period; returns its name by indicator."""
    numbers = {kpi_id: number for number, kpi_id in enumerate(reading.catalogue, start=1)}
    names = {}
    for kpi_id, total, frame in records(reading, period, book.folder):
        row = reading.catalogue[kpi_id]
        told = reading.say(
            "workbook.records",
            period=reading.formats.period(period.period),
            count=reading.formats.number(total),
        )
        if frame.height < total:
            told += " " + reading.say("workbook.records.capped", shown=reading.formats.number(frame.height))
        links = [
            back,
            (reading.say("workbook.records.csv"), f"external:{records_file(row)}"),
            (reading.say("workbook.records.parquet"), f"external:../{records_parquet(row)}"),
        ]
        names[kpi_id] = book.name_for(f"{numbers[kpi_id]} {reading.told(row, 'name')}")
        book.table(
            names[kpi_id],
            Told(reading.told(row, "name"), told, links),
            frame.select(SHOWN),
            [
                Column(reading.say(f"report.records.{name}"), _dress(name, row["record_kind"]))
                for name in SHOWN
            ],
        )
    return names


def _dress(name: str, kind: str) -> str:
    if name == "event_date":
        return "date"
    if name in ("numerator", "denominator"):
        return "money" if kind in MONEY else "plain"
    return "plain" if name == "source_row" else "text"

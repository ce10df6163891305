"""A sheet of records for each indicator: those behind the workbook's period, counted and left out.

What belongs here: reading the evidence of one period. What does not: the sum of the records, which is `kpi_values`,
and the whole of them, which the site's downloads and the Parquet files hold.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from dagster_project.report.site.reading import ALL, Period, Reading
from dagster_project.report.site.records import REGISTER, download, parquet
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
_PLACED = """
    select
        evidence.kpi_id, evidence.record_id, evidence.member_code, evidence.category_group, evidence.event_date,
        case
            when catalogue.period_rule = 'stock_at_end'
                and coalesce(evidence.counts_from > $counted_until, true) then 0
            else evidence.numerator
        end as numerator,
        evidence.denominator, evidence.exclusion, evidence.source_file, evidence.source_row
    from {evidence} as evidence
    inner join kpi_catalogue as catalogue using (kpi_id)
    where {mine} and case
        when catalogue.period_rule = 'in_force_at_end'
            then $counted_until between evidence.counts_from and evidence.counts_until
        else evidence.event_date between $period_start and $period_end
    end
"""
# Where there are more than the sheet holds: those that count and weigh most.
_HEAVIEST = (
    "exclusion is not null, abs(numerator) desc nulls last, abs(denominator) desc nulls last, "
    "event_date, record_id, source_file, source_row"
)


def records(reading: Reading, period: Period) -> Iterator[tuple[str, int, pl.DataFrame]]:
    """Each indicator's records of the period: how many there are, and at most `LIMIT` of them by date."""
    found: dict[str, tuple[int, pl.DataFrame]] = {}
    if REGISTER in reading.tables:
        for total, frame in _read(reading, period, REGISTER, "true"):
            found[frame["kpi_id"][0]] = total, frame
    for kpi_id, row in reading.catalogue.items():
        if row["has_own_dimensions"]:
            for total, frame in _read(reading, period, "kpi_evidence", f"evidence.kpi_id = '{kpi_id}'"):
                yield kpi_id, total, frame
        elif kpi_id in found:
            yield kpi_id, *found.pop(kpi_id)


def _read(reading: Reading, period: Period, evidence: str, mine: str) -> Iterator[tuple[int, pl.DataFrame]]:
    placed = _PLACED.format(evidence=evidence, mine=mine)
    frame = reading.frame(
        f"""
        with placed as ({placed}),
        chosen as (
            select *, count(*) over (partition by kpi_id) as total from placed where member_code = '{ALL}'
            qualify row_number() over (partition by kpi_id order by {_HEAVIEST}) <= {LIMIT}
        ),
        owners as (
            select kpi_id, record_id, string_agg(distinct coalesce(member_name, member_code), ', '
                order by coalesce(member_name, member_code)) as members
            from placed left join dim_member using (member_code)
            where member_code <> '{ALL}' and record_id in (select record_id from chosen)
            group by all
        )
        select chosen.* exclude (member_code), owners.members
        from chosen left join owners using (kpi_id, record_id)
        order by kpi_id, event_date, record_id, source_file, source_row, numerator
        """,
        {
            "period_start": period.start,
            "period_end": period.end,
            "counted_until": min(period.end, reading.as_of),
        },
    )
    for part in frame.partition_by("kpi_id", maintain_order=True):
        yield part["total"][0], part


def add_records(book: Book, reading: Reading, period: Period, back: tuple[str, str]) -> dict[str, str]:
    """Write the sheet of each indicator that has records in the period; returns its name by indicator."""
    numbers = {kpi_id: number for number, kpi_id in enumerate(reading.catalogue, start=1)}
    names = {}
    for kpi_id, total, frame in records(reading, period):
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
            (reading.say("workbook.records.csv"), f"external:{download(row)}"),
            (reading.say("workbook.records.parquet"), f"external:../{parquet(row)}"),
        ]
        names[kpi_id] = book.name_for(f"{numbers[kpi_id]} {reading.told(row, 'name')}")
        book.table(
            names[kpi_id],
            Told(reading.told(row, "name"), told, links),
            _worded(reading, frame),
            [
                Column(reading.say(f"report.records.{name}"), _dress(name, row["record_kind"]))
                for name in SHOWN
            ],
        )
    return names


def _worded(reading: Reading, frame: pl.DataFrame) -> pl.DataFrame:
    codes = frame["exclusion"].drop_nulls().unique(maintain_order=True)
    return frame.with_columns(
        pl.col("category_group").replace(reading.groups),
        pl.col("exclusion").replace({code: reading.exclusion(code) for code in codes}),
    ).select(SHOWN)


def _dress(name: str, kind: str) -> str:
    if name == "event_date":
        return "date"
    if name in ("numerator", "denominator"):
        return "money" if kind in MONEY else "plain"
    return "plain" if name == "source_row" else "text"

"""A sheet of records for each indicator: those behind the workbook's period, counted and left out.

The indicators of a large ledger share a sheet of its heaviest lines, as many of each class; a column tells the class.

What belongs here: reading the evidence of one period. What does not: the sum of the records, which is `kpi_values`,
and the whole of them, which the site's downloads and the Parquet files hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from dagster_project.messages.marts import table_heading
from dagster_project.report.downloads import (
    INVOICES,
    LINES,
    REGISTER,
    records_file,
    records_parquet,
    shared_ledger,
)
from dagster_project.report.site.reading import ALL, Period, Reading
from dagster_project.report.workbook.book import Book, Column, Told
from dagster_project.report.workbook.words import columns, worded

LIMIT = 20_000
OF_A_CLASS = 10_000
MONEY = ("invoice_line", "budget_line", "review")
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
        when catalogue.period_rule = 'sampled_period'
            then evidence.counts_from = $period_start and evidence.counts_until = $period_end
        else evidence.event_date between $period_start and $period_end
    end
"""
_OF_LEDGERS = """
    select * from kpi_evidence
    where list_contains($ledgers, kpi_id) and event_date between $period_start and $period_end
"""
# Where there are more than the sheet holds: those that count, by the size of what they add, the newest of equals.
_SIZE = "abs(cast({} as double))"
_HEAVIEST = (
    f"exclusion is null desc, {_SIZE.format('numerator')} desc nulls last, "
    f"{_SIZE.format('denominator')} desc nulls last, event_date desc, source_file, source_row, record_id, "
    "category_group"
)


@dataclass(frozen=True)
class Ledger:
    """How the sheet of a ledger's table is made: its columns, the class and the size of a row (SQL), and its key."""

    columns: tuple[str, ...]
    kind: str
    size: str
    key: tuple[str, ...]


_LEDGERS = {
    LINES: Ledger(
        columns=(
            *("buyer_unit_id", "fiscal_year", "invoice_id", "line_no", "booking_date", "member_code"),
            *("supplier_id", "supplier_name", "category_code", "category_group", "amount_net"),
            *("compliance_class", "compliance_reason", "contract_id", "match_ambiguous"),
            *("source_file", "source_row"),
        ),
        kind="compliance_class",
        size="abs(amount_net)",
        key=("buyer_unit_id", "fiscal_year", "invoice_id", "line_no"),
    ),
    INVOICES: Ledger(
        columns=(
            *("buyer_unit_id", "fiscal_year", "invoice_id", "booking_date", "member_code", "category_group"),
            *("supplier_id", "largest_class", "is_credit_note"),
            *("classified_gross_amount", "unclassified_gross_amount", "source_file", "source_row"),
        ),
        kind="largest_class",
        size="classified_gross_amount + unclassified_gross_amount",
        key=("buyer_unit_id", "fiscal_year", "invoice_id"),
    ),
}
# What asks for something to be done stands first.
CLASSES = ("wild", "over_ceiling", "uncovered", "unclassified", "on_contract", "excluded")


def records(
    reading: Reading, period: Period, without: frozenset[str] = frozenset()
) -> dict[str, pl.DataFrame]:
    """Each indicator's records of the period, at most `LIMIT` of them, by date; `total` is how many there are.

    Indicators `without` a sheet of their own are not looked for.
    """
    days: dict[str, object] = {"period_start": period.start, "period_end": period.end}
    found: dict[str, pl.DataFrame] = {}
    if REGISTER in reading.tables:
        given = days | {"counted_until": min(period.end, reading.as_of)}
        found = _by_indicator(_read(reading, _OF_REGISTERS, given, reading.groups))
    ledgers = [
        kpi_id
        for kpi_id, row in reading.catalogue.items()
        if row["has_own_dimensions"] and kpi_id not in without
    ]
    if ledgers:
        found |= _by_indicator(_read(reading, _OF_LEDGERS, days | {"ledgers": ledgers}, reading.groups))
    return found


def large_ledgers(reading: Reading, period: Period) -> dict[str, tuple[str, ...]]:
    """The ledger's tables with more rows in the period than a sheet holds, and the indicators that rest on each."""
    shared: dict[str, list[str]] = {}
    for kpi_id, row in reading.catalogue.items():
        if table := shared_ledger(row):
            shared.setdefault(table, []).append(kpi_id)
    return {
        table: tuple(resting)
        for table, resting in shared.items()
        if (reading.one(f"select count(*) from {_within(table, period)}") or 0) > LIMIT
    }


def heaviest(reading: Reading, table: str, period: Period) -> tuple[int, float, pl.DataFrame]:
    """The heaviest rows of a ledger's table in the period, at most `OF_A_CLASS` of each class.

    Beside them how many rows there are, and which share of the money of all of them is in those that are shown.
    """
    ledger = _LEDGERS[table]
    rows = _within(table, period)
    # How heavy a row must be is found first: of the others no more than class and amount is read.
    frame = reading.frame(
        f"""
        with edges as materialized (
            select {ledger.kind} as kind, list_min(max({ledger.size}, {OF_A_CLASS})) as least from {rows} group by all
        )
        select {", ".join(ledger.columns)}, {ledger.size} as size from {rows} inner join edges
            on {ledger.kind} = edges.kind and {ledger.size} >= edges.least
        qualify row_number() over (
            partition by {ledger.kind} order by {ledger.size} desc, {", ".join(ledger.key)}
        ) <= {OF_A_CLASS}
        order by list_position($classes, {ledger.kind}), {ledger.size} desc, {", ".join(ledger.key)}
        """,
        {"classes": list(CLASSES)},
    )
    [(count, whole)] = reading.con.execute(f"select count(*), sum({ledger.size}) from {rows}").fetchall()
    return count, float(frame["size"].sum()) / float(whole or 1), frame.drop("size")


def _within(table: str, period: Period) -> str:
    return f"(from {table} where booking_date between date '{period.start}' and date '{period.end}')"


def _by_indicator(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(kpi_id): part for (kpi_id,), part in frame.partition_by("kpi_id", as_dict=True).items()}


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
                partition by kpi_id order by {_HEAVIEST}
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
        order by kpi_id, event_date, record_id, source_file, source_row, numerator, category_group, exclusion
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
    large = large_ledgers(reading, period)
    found = records(reading, period, frozenset(kpi_id for resting in large.values() for kpi_id in resting))
    for kpi_id, row in reading.catalogue.items():
        if kpi_id not in found:
            continue
        frame = found[kpi_id]
        total = frame["total"][0]
        told = reading.say(
            "workbook.records",
            period=reading.formats.period(period.period),
            count=reading.formats.number(total),
        )
        if frame.height < total:
            told += " " + reading.say("workbook.records.capped", shown=reading.formats.number(frame.height))
        names[kpi_id] = book.name_for(f"{numbers[kpi_id]} {reading.told(row, 'name')}")
        book.table(
            names[kpi_id],
            Told(reading.told(row, "name"), told, [back, *_files(reading, row)]),
            frame.select(SHOWN),
            [
                Column(reading.say(f"report.records.{name}"), _dress(name, row["record_kind"]))
                for name in SHOWN
            ],
        )
    for table, resting in large.items():
        total, share, frame = heaviest(reading, table, period)
        heading = table_heading(table, reading.language)
        told = reading.say(
            "workbook.records.heaviest",
            period=reading.formats.period(period.period),
            count=reading.formats.number(total),
            most=reading.formats.number(OF_A_CLASS),
            shown=reading.formats.number(frame.height),
            share=reading.formats.share(share),
        )
        name = book.name_for(heading)
        names |= dict.fromkeys(resting, name)
        links = [back, *_files(reading, reading.catalogue[resting[0]])]
        book.table(
            name, Told(heading, told, links), worded(reading, frame, table), columns(reading, table, frame)
        )
    return names


def _files(reading: Reading, row: Mapping[str, object]) -> list[tuple[str, str]]:
    """Links to the files that hold an indicator's records."""
    return [
        (reading.say("workbook.records.csv"), f"external:{records_file(row)}"),
        (reading.say("workbook.records.parquet"), f"external:../{records_parquet(row)}"),
    ]


def _dress(name: str, kind: str) -> str:
    if name == "event_date":
        return "date"
    if name in ("numerator", "denominator"):
        return "money" if kind in MONEY else "plain"
    return "plain" if name == "source_row" else "text"

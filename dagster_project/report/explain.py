"""Explains one published figure: its records, those left out and why, each with file and row, and the sum.

Reads the release in force and nothing else. What does not belong here: how it is shown (cli.py).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import duckdb

ALL = "ALL"
SHOWN = 200
ESTIMATED = ("survey", "invoice_sample")  # bases of which only some were asked or drawn


class UnknownFigure(Exception):
    """No such indicator, period, member or group in the release; `kind`, `given` and `known` say which."""

    def __init__(self, kind: str, given: str, known: list[str]) -> None:
        self.kind = kind
        self.given = given
        self.known = difflib.get_close_matches(given, known, n=5, cutoff=0.3) or known[:10]
        super().__init__(f"{kind}: {given}")


@dataclass(frozen=True)
class Record:
    """One record behind a figure."""

    record_id: str
    event_date: str
    numerator: str
    denominator: str
    exclusion: str | None
    source_file: str
    source_row: int | None


@dataclass(frozen=True)
class Explanation:
    """A figure as published, the records that it rests on, and what they sum to."""

    name_sv: str
    definition_sv: str
    numerator_sv: str
    denominator_sv: str
    left_out_sv: str
    weakness_sv: str
    source_document: str
    version: str
    since: str
    unit: str
    aggregation: str
    period_start: str
    period_end: str
    numerator: float | None
    denominator: float | None
    actual: float | None
    coverage: float | None
    low: float | None
    high: float | None
    is_interval: bool
    status: str
    change: float | None
    change_low: float | None
    change_high: float | None
    change_verdict: str | None
    target_verdict: str | None
    counted: list[Record]
    left_out: list[Record]
    counted_total: int
    left_out_total: int
    summed: float | None


def explain(database: Path, kpi_id: str, period: str, member: str = ALL, group: str = ALL) -> Explanation:
    """The explanation of one row of `kpi_values`; UnknownFigure when there is no such row."""
    with duckdb.connect(str(database), read_only=True) as con:
        _known(con, "kpi", kpi_id, "select kpi_id from kpi_catalogue order by kpi_id")
        _known(con, "period", period, "select period from dim_period order by period_start, period")
        if member != ALL:
            _known(con, "member", member, "select distinct member_code from kpi_values order by 1")
        if group != ALL:
            _known(con, "group", group, "select distinct category_group from kpi_values order by 1")
        key = [kpi_id, period, member, group]
        values = con.execute(
            "select period_start, period_end, numerator, denominator, actual, coverage, low, high, status, "
            "change, change_low, change_high, change_verdict, target_verdict from kpi_values "
            "where kpi_id = ? and period = ? and member_code = ? and category_group = ?",
            key,
        ).fetchall()
        if not values:
            raise UnknownFigure("figure", " ".join(key), [])
        [value] = values
        [words] = con.execute(
            "select name_sv, definition_sv, numerator_sv, coalesce(denominator_sv, ''), left_out_sv, weakness_sv, "
            "source_document, version, since, unit, aggregation, period_rule, basis "
            "from kpi_catalogue where kpi_id = ?",
            [kpi_id],
        ).fetchall()
        (
            name, definition, numerator, denominator, left_out, weakness,
            document, version, since, unit, aggregation, period_rule, basis,
        ) = words  # fmt: skip
        [(cutoff,)] = con.execute(
            "select counted_until from dim_period where period = ?", [period]
        ).fetchall()
        where = "kpi_id = ? and member_code = ?"
        arguments: list[object] = [kpi_id, member]
        if period_rule == "in_force_at_end":
            where += " and ? between counts_from and counts_until"
            arguments.append(cutoff)
        elif period_rule == "sampled_period":
            where += " and counts_from = ? and counts_until = ?"
            arguments += [value[0], value[1]]
        else:
            where += " and event_date between ? and ?"
            arguments += [value[0], value[1]]
        if group != ALL:
            where += " and category_group = ?"
            arguments.append(group)
        return Explanation(
            name_sv=name,
            definition_sv=definition,
            numerator_sv=numerator,
            denominator_sv=denominator,
            left_out_sv=left_out,
            weakness_sv=weakness,
            source_document=document,
            version=version,
            since=since,
            unit=unit,
            aggregation=aggregation,
            period_start=str(value[0]),
            period_end=str(value[1]),
            numerator=value[2],
            denominator=value[3],
            actual=value[4],
            coverage=value[5],
            low=value[6],
            high=value[7],
            is_interval=basis in ESTIMATED,
            status=value[8],
            change=value[9],
            change_low=value[10],
            change_high=value[11],
            change_verdict=value[12],
            target_verdict=value[13],
            counted=_records(con, where + " and exclusion is null", arguments),
            left_out=_records(con, where + " and exclusion is not null", arguments),
            counted_total=_count(con, where + " and exclusion is null", arguments),
            left_out_total=_count(con, where + " and exclusion is not null", arguments),
            summed=_summed(con, aggregation, period_rule, cutoff, where, arguments),
        )


def _known(con: duckdb.DuckDBPyConnection, kind: str, given: str, query: str) -> None:
    known = [str(row[0]) for row in con.execute(query).fetchall()]
    if given not in known:
        raise UnknownFigure(kind, given, known)


def _records(con: duckdb.DuckDBPyConnection, where: str, arguments: list[object]) -> list[Record]:
    rows = con.execute(
        "select record_id, cast(event_date as varchar), cast(cast(numerator as double) as varchar), "
        "cast(cast(denominator as double) as varchar), exclusion, source_file, source_row from kpi_evidence "
        f"where {where} order by event_date, record_id, source_file, source_row limit {SHOWN}",
        arguments,
    ).fetchall()
    return [Record(*row) for row in rows]


def _count(con: duckdb.DuckDBPyConnection, where: str, arguments: list[object]) -> int:
    [(count,)] = con.execute(f"select count(*) from kpi_evidence where {where}", arguments).fetchall()
    return int(count)


def _summed(
    con: duckdb.DuckDBPyConnection,
    aggregation: str,
    period_rule: str | None,
    cutoff: object,
    where: str,
    arguments: list[object],
) -> float | None:
    """The figure counted again from its records, in the way that its aggregation or period rule says.

    None where nothing counts.
    """
    numerator, denominator = "cast(sum(numerator) as double)", "cast(sum(denominator) as double)"
    if period_rule == "stock_at_end":
        numerator = f"cast(sum(case when counts_from <= date '{cutoff}' then numerator else 0 end) as double)"
    if period_rule == "mean_stock":
        denominator = "cast(sum(denominator) / count(distinct event_date) as double)"
    expression = {
        "ratio": f"{numerator} / nullif({denominator}, 0)",
        "estimate": f"{numerator} / nullif({denominator}, 0)",  # of what each record stands for
        "sum": numerator,
        "count_distinct": "cast(count(distinct record_id) as double)",
        "median": "median(cast(numerator as double))",
    }[aggregation]
    query = f"select {expression} from kpi_evidence where {where} and exclusion is null"
    [(value,)] = con.execute(query, arguments).fetchall()
    return None if value is None else float(value)

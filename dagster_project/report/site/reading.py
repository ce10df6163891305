"""Reads one release's published database for the pages, and words what it holds.

What belongs here: queries that several pages share, and the words for codes. What does not: how a page looks, and
any arithmetic on figures.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl

from dagster_project.contracts import load_contracts
from dagster_project.messages import known_keys, message
from dagster_project.report.formats import Formats
from dagster_project.settings import Settings

ALL = "ALL"
PERIOD_TYPES = ("year", "half", "tertial", "quarter", "ytd", "r12")
MEMORY_LIMIT = "1GB"


class Figure(NamedTuple):
    """One row of `kpi_values`."""

    kpi_id: str
    period: str
    member: str
    group: str
    numerator: float | None
    denominator: float | None
    actual: float | None
    low: float | None
    high: float | None
    operator: str | None
    target: float | None
    status: str
    coverage: float | None
    change: float | None
    change_verdict: str | None
    target_verdict: str | None


class Period(NamedTuple):
    """One row of `dim_period`."""

    period_type: str
    period: str
    start: date
    end: date
    is_ended: bool


@dataclass(frozen=True)
class Reading:
    """A release's database, open for reading, and the words and formats of the organisation's language."""

    con: duckdb.DuckDBPyConnection
    settings: Settings
    as_of: date

    @classmethod
    def open(cls, database: Path, settings: Settings, as_of: date) -> Reading:
        con = duckdb.connect(str(database), read_only=True)
        con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        return cls(con, settings, as_of)

    # ------------------------------------------------------------------------------------------- words

    @property
    def language(self) -> str:
        return self.settings.language

    @functools.cached_property
    def formats(self) -> Formats:
        return Formats(self.language)

    def say(self, key: str, **arguments: object) -> str:
        """The words of a key of the catalogue."""
        return message(key, self.language, **arguments)

    def code(self, kind: str, code: object) -> str:
        """The words for a code of a mart, or the code itself when the catalogue has none for it."""
        key = f"report.{kind}.{code}"
        return message(key, self.language) if key in known_keys(self.language) else str(code)

    def exclusion(self, code: str) -> str:
        """Why a record does not count: `out_of_scope:works` in words."""
        kind, _, reason = code.partition(":")
        return f"{self.say(f'exclusion.{kind}')}: {self.code('exclusion', reason)}" if reason else code

    def source(self, name: str) -> str:
        """What a source is called by those who deliver it; its contract has the name in Swedish."""
        contract = load_contracts().get(name)
        return contract.name_sv if contract and self.language == "sv" else name

    def told(self, row: dict[str, Any], column: str) -> str:
        """A column that the mart holds in each language, such as `name_sv`."""
        return row.get(f"{column}_{self.language}") or row.get(f"{column}_sv") or ""

    # ----------------------------------------------------------------------------------------- queries

    def rows(self, query: str, arguments: Sequence[object] = ()) -> list[dict[str, Any]]:
        """The rows of a query as dictionaries."""
        cursor = self.con.execute(query, list(arguments))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def frame(self, query: str, arguments: Mapping[str, object] | None = None) -> pl.DataFrame:
        """The rows of a query as a frame; `arguments` by the names that stand after `$` in it."""
        return self.con.sql(query, params=dict(arguments or {})).pl()

    def one(self, query: str, arguments: Sequence[object] = ()) -> Any:
        """The first column of a query's first row, or None."""
        found = self.con.execute(
            query, list(arguments)
        ).fetchall()  # to the end: a result half read bars the next
        return found[0][0] if found else None

    @functools.cached_property
    def tables(self) -> frozenset[str]:
        """The tables and views of the release."""
        query = "select table_name from information_schema.tables where table_schema = 'main'"
        return frozenset(row["table_name"] for row in self.rows(query))

    @functools.cached_property
    def units(self) -> dict[str, dict[str, str]]:
        """The unit of each column that has one, by table and column, from the data dictionary."""
        units: dict[str, dict[str, str]] = {}
        for row in self.rows('select "table", "column", unit from mart_columns where unit is not null'):
            units.setdefault(row["table"], {})[row["column"]] = row["unit"]
        return units

    @functools.cached_property
    def release(self) -> dict[str, Any]:
        return self.rows("select * from releases order by is_current desc, release_id desc limit 1")[0]

    @functools.cached_property
    def catalogue(self) -> dict[str, dict[str, Any]]:
        """Every live indicator by id, in the catalogue's order of objectives and positions."""
        rows = self.rows("select * from kpi_catalogue where is_live order by position, kpi_id")
        order = list(dict.fromkeys(row["objective"] for row in rows))
        rows.sort(key=lambda row: order.index(row["objective"]))
        return {row["kpi_id"]: row for row in rows}

    @functools.cached_property
    def members(self) -> dict[str, str]:
        """Name by code, `ALL` first."""
        rows = self.rows("select member_code, member_name from dim_member order by member_name, member_code")
        return {ALL: self.say("report.all_members")} | {
            row["member_code"]: row["member_name"] or row["member_code"] for row in rows
        }

    @functools.cached_property
    def groups(self) -> dict[str, str]:
        """Category group names by code."""
        rows = self.rows(
            "select group_code, any_value(group_name order by group_name) as name from dim_category "
            "where group_code is not null group by all order by group_code"
        )
        return {row["group_code"]: row["name"] or row["group_code"] for row in rows}

    @functools.cached_property
    def categories(self) -> dict[str, str]:
        """Category names by code, where they have one."""
        rows = self.rows(
            "select category_code, category_name from dim_category where category_name is not null "
            "order by category_code"
        )
        return {row["category_code"]: row["category_name"] for row in rows}

    @functools.cached_property
    def suppliers(self) -> dict[str, str]:
        """Registered suppliers' names by id."""
        rows = self.rows(
            "select supplier_id, supplier_name from dim_supplier where supplier_name is not null order by supplier_id"
        )
        return {row["supplier_id"]: row["supplier_name"] for row in rows}

    @functools.cached_property
    def periods(self) -> dict[str, Period]:
        """The published periods, each kind by time, the kinds as a reader looks for them."""
        rows = self.con.execute(
            "select period_type, period, period_start, period_end, is_ended from dim_period order by period_start"
        ).fetchall()
        found = [Period(*row) for row in rows]
        found.sort(key=lambda period: PERIOD_TYPES.index(period.period_type))
        return {period.period: period for period in found}

    @functools.cached_property
    def default_period(self) -> str:
        """The last year that has ended; before the first such, the year under way."""
        years = [period for period in self.periods.values() if period.period_type == "year"]
        ended = [period for period in years if period.is_ended]
        return (ended or years)[-1].period if years else ""

    @functools.cached_property
    def figures(self) -> dict[tuple[str, str, str, str], Figure]:
        """Every figure by indicator, period, member and group."""
        rows = self.con.execute(
            "select kpi_id, period, member_code, category_group, numerator, denominator, actual, low, high, "
            "target_operator, target, status, coverage, change, change_verdict, target_verdict from kpi_values"
        ).fetchall()
        return {row[:4]: Figure(*row) for row in rows}

    def series(self, kpi_id: str, member: str, period_type: str) -> list[tuple[Period, Figure | None]]:
        """An indicator's figures of one kind of period, by time."""
        return [
            (period, self.figures.get((kpi_id, period.period, member, ALL)))
            for period in self.periods.values()
            if period.period_type == period_type
        ]

    @functools.cached_property
    def missing_sources(self) -> frozenset[str]:
        """Sources that an indicator needs and that nothing was delivered of."""
        delivered = {row["source"] for row in self.rows("select distinct source from data_quality_summary")}
        needed = {
            name.strip()
            for row in self.catalogue.values()
            for name in (row["requires"] or "").split(",")
            if name.strip()
        }
        return frozenset(needed - delivered)

    def why_missing(self, kpi_id: str) -> str:
        """Why a figure has no value: a source that was never delivered, or nothing to count in the period."""
        needed = [name.strip() for name in (self.catalogue[kpi_id]["requires"] or "").split(",")]
        lacking = sorted(name for name in needed if name in self.missing_sources)
        if lacking:
            sources = ", ".join(self.source(name) for name in lacking)
            return self.say("report.missing.source", sources=sources)
        return self.say("report.missing.basis")

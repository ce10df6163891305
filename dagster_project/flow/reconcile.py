"""What can only be judged with all deliveries side by side: keys, repeats, corrections, references.

Works in SQL over the parsed files and worked out anew in every run, because one new file can change the fate of rows
in every other. For each source, parents before children, it decides each row's fate: accepted, quarantined or
repeated. What does not belong here: reading, types and words (standardise), or whether publication stops (validate).

In the build database it leaves, per source, the relation `delivered.<source>` (what dbt reads), and in the schema
`arrival` the working relations `<source>_parsed` (every row that could be read), `<source>_out` (rows with another
fate than accepted), `<source>_lost` (keys of quarantined rows) and, where corrections came, `<source>_answers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import numpy
import polars as pl
import pyarrow as pa

from dagster_project.contracts import Reference, Source
from dagster_project.expectations import Rule
from dagster_project.flow.adapters import DIALECTS
from dagster_project.flow.adapters.derived import Derived
from dagster_project.flow.answers import find_answered
from dagster_project.flow.dialects import Dialect
from dagster_project.flow.parse import ParsedFile
from dagster_project.flow.standardise import line_number_column
from dagster_project.flow.values.references import REFERENCE_HEADING
from dagster_project.messages import message

ISSUES_SCHEMA = {
    "severity": pl.String,
    "source": pl.String,
    "file": pl.String,
    "sheet": pl.String,
    "row_number": pl.Int64,
    "column_name": pl.String,
    "rule": pl.String,
    "raw_value": pl.String,
    "message_sv": pl.String,
    "message_en": pl.String,
    "is_open": pl.Boolean,
}

SQL_TYPES = {
    "code": "VARCHAR",
    "text": "VARCHAR",
    "orgnr": "VARCHAR",
    "enum": "VARCHAR",
    "month": "VARCHAR",
    "date": "DATE",
    "year": "BIGINT",
    "integer": "BIGINT",
    "decimal": "DECIMAL(28,10)",
    "money": "DECIMAL(18,2)",
    "boolean": "BOOLEAN",
}

PROVENANCE = ("file_no", "sheet", "row")
# Texts that differ in case and blanks only do not differ.
_FOLDED = "regexp_replace(lower(trim({})), '\\s+', ' ', 'g')"
# Up to this many files each is a query of its own; beyond it those of one kind are read together.
SINGLY_UP_TO_FILES = 200
# Below this many rows a source is kept as a table in the build database; above it, as a view over its Parquet files.
TABLE_UP_TO_ROWS = 500_000


@dataclass(frozen=True)
class FileCount:
    """The fate of one file's data rows. `read = accepted + quarantined + repeated + skipped` for every file."""

    source: str
    file: str
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_repeated: int
    rows_superseded: int
    rows_skipped: int
    rows_derived: int
    warnings: int


@dataclass(frozen=True)
class SourceOutcome:
    """How one source fared: its own open errors and the rows lost with a quarantined parent, against the tolerance."""

    source: str
    is_delivered: bool
    is_register: bool  # delivered as the source itself, not only through a foreign format
    rows_read: int
    rows_accepted: int
    own_errors: int
    lost_with_parent: int
    parents_to_mend: tuple[str, ...]
    rejected_files: tuple[str, ...]
    rows_derived: int = 0


@dataclass
class Reconciled:
    """Every file's counts, every source's outcome, every finding, and how each rule fared per file."""

    files: list[FileCount] = field(default_factory=list)
    sources: dict[str, SourceOutcome] = field(default_factory=dict)
    issues: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ISSUES_SCHEMA))


class Reconciler:
    """Decides the fate of every delivered row, in the build database `connection`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contracts: Mapping[str, Source],
        rules: Sequence[Rule],
    ) -> None:
        self._con = connection
        self._contracts = contracts
        self._rules = rules
        self._issues: list[pl.DataFrame] = []
        self._files: dict[str, list[ParsedFile]] = {}
        self._derived: dict[str, int] = {}  # source → rows that foreign formats gave it
        self._mended: set[str] = set()  # sources with rows from correction workbooks

    # -- one source ------------------------------------------------------------------------------------------------

    def source(self, source: Source, files: Sequence[ParsedFile]) -> None:
        """Decide the fate of one source's rows; its parents must have been decided before."""
        usable = [file for file in files if file.rejected is None]
        self._files[source.name] = list(files)
        if find_answered(self._con, source, usable):
            self._mended.add(source.name)
        self._create_parsed(source, usable)
        self._create_out(source)
        if usable:
            self._set_aside_unanswering(source)
            self._apply_row_rules(source)
            for reference in source.references:
                self._apply_reference(source, reference)
            self._find_meeting_rows(source)
            self._quarantine_conflicts(source)
            self._quarantine_misplaced(source)
            self._settle(source, usable)
            self._repeat_echoes(source, usable)
        self._create_lost(source)
        self._create_delivered(source, usable)

    def derive(self, source: Source, origin: str, derived: Derived) -> None:
        """Add what a foreign format gives to a source that is decided, where no delivered row says it already."""
        for statement in derived.before:
            self._con.execute(statement)
        if derived.fills:
            self._fill(source, origin, derived)
        given = [row[0] for row in self._con.execute(f"describe {derived.query}").fetchall()]
        values = {name: f'd."{name}"' for name in given}
        columns = ", ".join(
            f'cast({values.get(c.name, "null")} as {SQL_TYPES[c.type]}) as "{c.name}"' for c in source.columns
        )
        same = " and ".join(f's."{column}" = d."{column}"' for column in derived.whole)
        table = f"arrival.{source.name}_from_{origin}"
        self._con.execute(
            f"create table {table} as select {columns}, d.source_file, d.source_sheet, d.source_row, "
            f"'{origin}' as origin from ({derived.query}) as d "
            f"where not exists (select 1 from delivered.{source.name} as s where {same})"
        )
        keys = ", ".join(f'"{column}"' for column in source.key)
        twice = f"select {keys} from {table} group by all having count(*) > 1"
        if self._scalar(f"select count(*) from ({twice})"):
            raise RuntimeError(f"{origin} gives {source.name} several rows with one key")
        if self._is_view(source):
            register = self._delivered_rows(source)
            self._con.execute(
                f"create or replace view delivered.{source.name} as {register} "
                + " ".join(f"union all select * from {part}" for part in self._derived_parts(source))
            )
        else:
            self._con.execute(f"insert into delivered.{source.name} select * from {table}")
        if not derived.complements:
            rows = self._scalar(f"select count(*) from {table}")
            self._derived[source.name] = self._derived.get(source.name, 0) + rows

    def _fill(self, source: Source, origin: str, derived: Derived) -> None:
        """Where a delivered row has the key of one that a format gives: fill what it leaves empty, list what differs.

        Dates are filled only where the row still fulfils the source's row rules; the delivered value always stands.
        """
        offered = f"arrival.{source.name}_offered_by_{origin}"
        self._con.execute(f"create or replace table {offered} as {derived.query}")
        if self._is_view(source):  # what is to be filled must be rows of our own
            held = f"arrival.{source.name}_held"
            self._con.execute(f"create table {held} as select * from delivered.{source.name}")
            self._con.execute(f"drop view delivered.{source.name}")
            self._con.execute(f"create table delivered.{source.name} as select * from {held}")
            self._con.execute(f"drop table {held}")
        match = " and ".join(f's."{column}" = d."{column}"' for column in source.key)
        allowed = " and ".join(
            f"coalesce(({self._resolve(rule.holds or '', source)}), true)"
            for rule in self._rules
            if rule.source == source.name and rule.kind == "row" and rule.effect == "quarantine"
        )
        record = " || '|' || ".join(f's."{column}"' for column in source.key)
        for column in derived.fills:
            kind = SQL_TYPES[source.column(column).type]
            value = f'cast(d."{column}" as {kind})'
            others = ", ".join(
                f'{value} as "{c.name}"' if c.name == column else f's."{c.name}"' for c in source.columns
            )
            fits = "true" if not allowed else f"(select {allowed} from (select {others}) as r)"
            found = (
                f"from delivered.{source.name} as s inner join {offered} as d on {match} "
                f'where {value} is distinct from s."{column}" and {value} is not null'
            )
            self._con.execute(
                f"insert into run.source_conflicts select '{source.name}', {record}, s.procurement_id, '{column}', "
                f"case when s.\"{column}\" is null and {fits} then 'filled' else 'differs' end, "
                f'cast(s."{column}" as varchar), s.origin, s.source_file, s.source_sheet, s.source_row, '
                f"cast({value} as varchar), '{origin}', d.source_file, d.source_sheet, d.source_row {found}"
                + (
                    f" and {_FOLDED.format(value)} <> coalesce({_FOLDED.format(f's.{column}')}, '')"
                    if kind == "VARCHAR"
                    else ""
                )
            )
            self._con.execute(
                f'update delivered.{source.name} as s set "{column}" = {value} from {offered} as d '
                f'where {match} and s."{column}" is null and {value} is not null and {fits}'
            )

    def _is_view(self, source: Source) -> bool:
        """Whether a source is too big for a table, and its rows are read from its files."""
        query = f"select count(*) from duckdb_views() where schema_name = 'delivered' and view_name = '{source.name}'"
        return self._scalar(query) > 0

    def execute(self, statement: str) -> None:
        """Run a statement of a foreign format between two sources."""
        self._con.execute(statement)

    def warnings_of_sets(self) -> None:
        """Rules about rows of several sources that only warn; after every source is decided."""
        for rule in self._rules:
            if rule.kind == "set" and rule.effect == "warn" and rule.source in self._files:
                source = self._contracts[rule.source]
                offenders = self._offenders(source, rule)
                if offenders.height:
                    self._report_rule(source, rule, offenders, "warning")

    # -- relations -------------------------------------------------------------------------------------------------

    def _create_parsed(self, source: Source, files: Sequence[ParsedFile]) -> None:
        """`<source>_parsed`: contract columns plus file_no, sheet, row; missing values looked up where declared."""
        columns = ", ".join(f'cast(null as {SQL_TYPES[c.type]}) as "{c.name}"' for c in source.columns)
        empty = (
            f"select {columns}, cast(null as bigint) as file_no, cast(null as varchar) as sheet, "
            "cast(null as bigint) as row where false"
        )
        for part, target in (("rows", "parsed"), ("bad", "unread")):
            selects = [empty, *self._gathered(source, files, part)]
            for number, file in enumerate(files):
                if not file.answers and len(files) > SINGLY_UP_TO_FILES:
                    continue
                rows = f"read_parquet('{_quoted(file.directory / f'{part}.parquet')}')"
                names, mended = _names(source), ""
                if file.answers:
                    names = self._with_line_number(source)
                    mended = (
                        f" left join arrival.{source.name}_answers as a on a.file_no = {number} "
                        "and a.sheet = coalesce(_sheet, '') and a.row = _row"
                    )
                selects.append(
                    f"select {names}, {number}::bigint as file_no, coalesce(_sheet, '') as sheet, _row as row "
                    f"from {resolved_rows(source, file, rows)} as d{mended}"
                )
            body = " union all ".join(selects)
            lookups = [column for column in source.columns if column.lookup]
            for column in lookups:
                body = self._with_lookup(source, column.name, body)
            big = sum(file.rows_accepted for file in files) > TABLE_UP_TO_ROWS
            kind = "view" if big else "table"
            self._con.execute(f"create {kind} arrival.{source.name}_{target} as {body}")

    def _gathered(self, source: Source, files: Sequence[ParsedFile], part: str) -> list[str]:
        """Thousands of small files (a notice or an invoice each) in one reading per dialect: a query that names each
        by itself costs the square of their number.
        """
        if len(files) <= SINGLY_UP_TO_FILES:
            return []
        groups: dict[str, list[tuple[int, ParsedFile]]] = {}
        for number, file in enumerate(files):
            if not file.answers:
                groups.setdefault(file.dialect, []).append((number, file))
        places = [
            (str(file.directory / f"{part}.parquet"), number)
            for group in groups.values()
            for number, file in group
        ]
        table = f"arrival.{source.name}_{part}_places"
        frame = pl.DataFrame(places, schema={"filename": pl.String, "file_no": pl.Int64}, orient="row")
        self._con.register("places", frame.to_arrow())
        self._con.execute(f"create table {table} as select * from places")
        self._con.unregister("places")
        selects = []
        for group in groups.values():
            # The same content twice lies in one place.
            paths = dict.fromkeys(f"'{_quoted(file.directory / f'{part}.parquet')}'" for _, file in group)
            rows = f"read_parquet([{', '.join(paths)}], filename = true)"
            numbers = ", ".join(str(number) for number, _ in group)
            selects.append(
                f"select {_names(source, 'd')}, n.file_no, coalesce(d._sheet, '') as sheet, d._row as row "
                f"from {resolved_rows(source, group[0][1], rows)} as d inner join {table} as n using (filename)"
                + (f" where n.file_no in ({numbers})" if len(groups) > 1 else "")
            )
        return selects

    def _with_lookup(self, source: Source, name: str, body: str) -> str:
        """A missing value taken from another source: by a column that names it, if it names exactly one."""
        lookup = source.column(name).lookup
        assert lookup is not None
        preferred = "true"
        if lookup.prefer:
            column, words = next(iter(lookup.prefer.items()))
            preferred = f"{column} in ({', '.join(repr(word) for word in words)})"
        own = ", ".join(
            f'coalesce(l."{name}", found.value) as "{name}"' if c.name == name else f'l."{c.name}"'
            for c in source.columns
        )
        return (
            f"select {own}, l.file_no, l.sheet, l.row from ({body}) as l left join ("
            f'select "{lookup.by}" as given, case when count(*) = 1 then min("{lookup.value}") '
            f"when count(*) filter (where {preferred}) = 1 then "
            f'min("{lookup.value}") filter (where {preferred}) end as value '
            f'from delivered.{lookup.source} where "{lookup.by}" is not null group by all'
            f') as found on found.given = l."{lookup.column}"'
        )

    @staticmethod
    def _with_line_number(source: Source) -> str:
        """The source's columns of a correction, with the line number of the row that is answered."""
        line = line_number_column(source)
        return ", ".join(
            f'coalesce(a.line_no, d."{line}") as "{line}"' if column.name == line else f'd."{column.name}"'
            for column in source.columns
        )

    def _create_out(self, source: Source) -> None:
        self._con.execute(
            f"create table arrival.{source.name}_out "
            "(file_no bigint, sheet varchar, row bigint, fate varchar, with_parent varchar)"
        )

    def _standing(self, source: Source, among: str | None = None) -> str:
        """The rows of a source, or of those among its rows, that so far are neither quarantined nor repeated."""
        return (
            f"(select * from {among or f'arrival.{source.name}_parsed'} as p where not exists ("
            f"select 1 from arrival.{source.name}_out as o "
            "where o.file_no = p.file_no and o.sheet = p.sheet and o.row = p.row))"
        )

    def _placed(self, source: Source, among: str | None = None) -> str:
        """Standing rows with `base`, the file in whose order a row stands, and `turn`, its place in that order.

        A mended row stands in the file of the row that it answers, after that file's own rows.
        """
        standing = self._standing(source, among)
        if source.name not in self._mended:
            return f"(select *, file_no as base, file_no as turn from {standing})"
        files = len(self._files[source.name]) + 1
        return (
            f"(select s.*, coalesce(a.base, s.file_no) as base, "
            f"coalesce(a.base * {files} + s.file_no + 1, s.file_no * {files}) as turn from {standing} as s "
            f"left join arrival.{source.name}_answers as a using (file_no, sheet, row))"
        )

    def _create_lost(self, source: Source) -> None:
        """Keys of quarantined rows, with where they are: what a child refers to when its parent is set aside."""
        self._con.execute(
            f"create table arrival.{source.name}_lost as "
            f"select {_names(source)}, file_no, sheet, row, cast(null as varchar) as with_parent "
            f"from arrival.{source.name}_unread "
            f"union all select {_names(source, 'p')}, p.file_no, p.sheet, p.row, o.with_parent "
            f"from arrival.{source.name}_parsed as p "
            f"join arrival.{source.name}_out as o on o.file_no = p.file_no and o.sheet = p.sheet and o.row = p.row "
            "where o.fate = 'quarantined'"
        )

    def _create_delivered(self, source: Source, files: Sequence[ParsedFile]) -> None:
        self._con.execute(
            f"create table arrival.{source.name}_files (file_no bigint, file varchar)",
        )
        names = [(number, file.delivery.file) for number, file in enumerate(files)]
        frame = pl.DataFrame(names, schema={"file_no": pl.Int64, "file": pl.String}, orient="row")
        self._con.register("names", frame.to_arrow())
        self._con.execute(f"insert into arrival.{source.name}_files select * from names")
        self._con.unregister("names")
        big = sum(file.rows_accepted for file in files) > TABLE_UP_TO_ROWS
        self._con.execute(
            f"create {'view' if big else 'table'} delivered.{source.name} as {self._delivered_rows(source)}"
        )

    def _delivered_rows(self, source: Source) -> str:
        """A query for the accepted rows of a source with their provenance."""
        names, told = _names(source, "p"), ""
        echo = next((d.ECHO for d in DIALECTS.get(source.name, ()) if d.ECHO is not None), None)
        if echo is not None and self._scalar(
            "select count(*) from duckdb_tables() "
            f"where schema_name = 'arrival' and table_name = '{source.name}_told'"
        ):
            names = ", ".join(
                f'coalesce(p."{c.name}", t."told_{c.name}") as "{c.name}"'
                if c.name in echo.fills
                else f'p."{c.name}"'
                for c in source.columns
            )
            same = " and ".join(
                f't."{column}" is not distinct from p."{column}"'
                for column in (*echo.same, echo.who, echo.who_named)
            )
            told = f" left join arrival.{source.name}_told as t on {same}"
        return (
            f"select {names}, f.file as source_file, nullif(p.sheet, '') as source_sheet, "
            "p.row as source_row, "
            f"'register' as origin from {self._left_standing(source)} as p "
            f"join arrival.{source.name}_files as f using (file_no){told}"
        )

    def _left_standing(self, source: Source) -> str:
        """The rows that stand when all is decided: a file that has lost none is read as it is, without looking for each
        of its rows among the lost.
        """
        concerned = self._con.execute(f"select distinct file_no from arrival.{source.name}_out").fetchall()
        numbers = _listed(number for (number,) in concerned)
        if not numbers:
            return f"arrival.{source.name}_parsed"
        parsed = f"(select * from arrival.{source.name}_parsed where file_no in ({numbers}))"
        return (
            f"(select * from arrival.{source.name}_parsed where file_no not in ({numbers}) "
            f"union all select * from {self._standing(source, parsed)})"
        )

    def _derived_parts(self, source: Source) -> list[str]:
        """The relations of rows that foreign formats gave to a source."""
        names = self._con.execute(
            "select table_name from duckdb_tables() where schema_name = 'arrival' "
            "and starts_with(table_name, ?) order by table_oid",
            [f"{source.name}_from_"],
        ).fetchall()
        return [f"arrival.{name}" for (name,) in names]

    # -- rules -----------------------------------------------------------------------------------------------------

    def _apply_row_rules(self, source: Source) -> None:
        """Every rule over single rows. One look tells which files break which; only those are read again."""
        rules = [rule for rule in self._rules if rule.source == source.name and rule.kind == "row"]
        if not rules:
            return
        broken = [f"not coalesce(({self._resolve(rule.holds or '', source)}), true)" for rule in rules]
        tried = ", ".join(f"{condition} as broken_{n}" for n, condition in enumerate(broken))
        asked = ", ".join(f"list(distinct file_no) filter (where broken_{n})" for n in range(len(rules)))
        [found] = self._con.execute(
            f"select {asked} from (select r.file_no, {tried} from arrival.{source.name}_parsed as r)"
        ).fetchall()
        for rule, condition, files in zip(rules, broken, found, strict=True):
            if files:
                self._apply_row_rule(source, rule, f"r.file_no in ({_listed(files)}) and {condition}")

    def _apply_row_rule(self, source: Source, rule: Rule, is_broken: str) -> None:
        offenders = self._con.sql(
            f"select r.file_no, r.sheet, r.row, {_raw(rule.columns)} as raw_value "
            f"from arrival.{source.name}_parsed as r where {is_broken}"
        ).pl()
        if rule.effect == "quarantine":
            self._quarantine(source, offenders)
        self._report_rule(source, rule, offenders, "error" if rule.effect == "quarantine" else "warning")

    def _offenders(self, source: Source, rule: Rule) -> pl.DataFrame:
        query = self._resolve(rule.offenders or "", source)
        self._con.execute(f"create or replace temp table hits as {query}")
        files = self._con.execute("select distinct file_no from hits order by all").fetchall()
        # Only the files with a hit are read for what the rows say; of a ledger these are few.
        among = _listed(number for (number,) in files) if files else "null"
        return self._con.sql(
            f"select distinct r.file_no, r.sheet, r.row, {_raw(rule.columns)} as raw_value from hits "
            f"join arrival.{source.name}_parsed as r using (file_no, sheet, row) "
            f"where r.file_no in ({among}) order by all"
        ).pl()

    def _resolve(self, sql: str, source: Source) -> str:
        """Put relations in place of `{rows}` and `{<source>}`."""

        def relation(match: re.Match[str]) -> str:
            name = match.group(1)
            if name == "rows":
                return self._standing(source)
            if name not in self._contracts:
                raise KeyError(f"{source.name}: no such source in a rule: {name}")
            return f"delivered.{name}"

        return re.sub(r"\{(\w+)\}", relation, sql)

    def _apply_reference(self, source: Source, reference: Reference) -> None:
        if reference.if_delivered and not self._files.get(reference.to):
            return
        own = list(reference.columns)
        given = " and ".join(f'r."{column}" is not null' for column in own[:1])
        if reference.except_values:
            given += f' and r."{own[0]}" not in ({", ".join(repr(v) for v in reference.except_values)})'
        match = " and ".join(
            f'(r."{mine}" = t."{theirs}" or r."{mine}" is null)' if position else f'r."{mine}" = t."{theirs}"'
            for position, (mine, theirs) in enumerate(reference.columns.items())
        )
        # Values first, rows afterwards: a ledger of millions refers to few distinct values.
        distinct = ", ".join(f'"{column}"' for column in own)
        keys = (
            f"(select r.* from (select distinct {distinct} from {self._standing(source)}) as r where {given} "
            f"and not exists (select 1 from delivered.{reference.to} as t where {match}))"
        )
        same = " and ".join(f'k."{column}" is not distinct from r."{column}"' for column in own)
        lost_match = match.replace("t.", "q.")
        offenders = self._con.sql(
            f"select r.file_no, r.sheet, r.row, {_raw(own)} as raw_value, "
            f"(select min(coalesce(q.with_parent, f.file || chr(31) || q.row)) from arrival.{reference.to}_lost as q "
            f"join arrival.{reference.to}_files as f using (file_no) where {lost_match}) as parent "
            f"from {self._standing(source)} as r join {keys} as k on {same}"
        ).pl()
        if offenders.is_empty():
            return
        target = self._contracts[reference.to]
        columns = ", ".join(own)
        if reference.severity == "warning":
            self._report(
                source,
                "warning",
                "reference",
                columns,
                offenders,
                target=target.name,
                target_sv=target.name_sv,
            )
            return
        cascade = offenders.filter(pl.col("parent").is_not_null()).with_columns(
            parent_file=pl.col("parent").str.split("\x1f").list.get(0),
            parent_row=pl.col("parent").str.split("\x1f").list.get(1),
        )
        broken = offenders.filter(pl.col("parent").is_null())
        self._quarantine(source, broken)
        self._quarantine(source, cascade.with_columns(with_parent=pl.col("parent")))
        self._report(
            source, "error", "reference", columns, broken, target=target.name, target_sv=target.name_sv
        )
        self._report(
            source,
            "error",
            "parent_quarantined",
            columns,
            cascade,
            target=target.name,
            target_sv=target.name_sv,
        )

    # -- keys ------------------------------------------------------------------------------------------------------

    def _find_meeting_rows(self, source: Source) -> None:
        """Make `meeting`: the standing rows whose key stands on several rows. Later only fewer rows stand."""
        keys = ", ".join(f'"{column}"' for column in source.key)
        # Sorting a ledger's hashes takes a third of the time of grouping them, and as little memory.
        hashed = self._con.execute(f"select hash({keys}) as h from {self._standing(source)}").fetchnumpy()
        hashes = numpy.sort(numpy.asarray(hashed["h"]))
        met = numpy.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        self._con.register("met_keys", pa.table({"h": met}))
        self._con.execute("create or replace temp table meeting_keys as select h from met_keys")
        self._con.unregister("met_keys")
        self._con.execute(
            f"create or replace temp table meeting as select *, hash({keys}) as key_hash, "
            f"{_row_hash(source)} as row_hash from {self._placed(source)} "
            f"where {self._scalar('select count(*) from meeting_keys')} > 0 "
            f"and hash({keys}) in (select h from meeting_keys)"
        )

    def _quarantine_conflicts(self, source: Source) -> None:
        """Two different rows with one key inside one file are an error for both; equal ones are one row repeated."""
        offenders = self._con.sql(
            f"select file_no, sheet, row, {_raw(source.key, '')} as raw_value from ("
            "select *, min(row_hash) over w <> max(row_hash) over w as differs from meeting "
            "window w as (partition by key_hash, turn)) where differs order by all"
        ).pl()
        if offenders.height:
            self._quarantine(source, offenders)
            self._report(source, "error", "conflicting_rows", ", ".join(source.key), offenders)
        self._con.execute(
            f"insert into arrival.{source.name}_out select file_no, sheet, row, 'repeated', null from ("
            "select *, min(row_hash) over w <> max(row_hash) over w as differs, "
            "row_number() over (partition by key_hash, turn order by sheet, row) as n from meeting "
            "window w as (partition by key_hash, turn)) where not differs and n > 1"
        )

    # -- corrections -----------------------------------------------------------------------------------------------

    def _set_aside_unanswering(self, source: Source) -> None:
        """A correction of a row that is delivered no more goes with it, as a repeat that is told of."""
        if source.name not in self._mended:
            return
        gone = self._con.sql(
            f"select file_no, sheet, row, answered, answered as raw_value from arrival.{source.name}_answers "
            "where base is null and is_read order by all"
        ).pl()
        self._con.execute(
            f"insert into arrival.{source.name}_out select file_no, sheet, row, 'repeated', null "
            f"from arrival.{source.name}_answers where base is null and is_read"
        )
        self._report(source, "warning", "reference_gone", REFERENCE_HEADING, gone)

    def _quarantine_misplaced(self, source: Source) -> None:
        """Corrections that cannot take the place they name: two different ones of one row in one file, and one whose
        key another row of the answered file has.
        """
        if source.name not in self._mended:
            return
        self._chain_places(source)
        twice = self._con.sql(
            "select file_no, sheet, row, '' as raw_value from (select *, "
            "min(row_hash) over w <> max(row_hash) over w as differs from chain "
            "window w as (partition by key_hash, turn)) where differs order by all"
        ).pl()
        self._quarantine(source, twice)
        self._report(source, "error", "reference_twice", REFERENCE_HEADING, twice)
        self._chain_places(source)
        self._link("key_hash")
        taken = self._con.sql(
            f"select file_no, sheet, row, {_raw(source.key, '')} as raw_value from (select *, "
            "first_value(row_hash) over w as first_hash, first_value(turn) over w as first_turn "
            f"from {self._standing(source, 'meeting')} as m where not exists (select 1 from links as l "
            "where l.file_no = m.file_no and l.sheet = m.sheet and l.row = m.row "
            "and (l.is_repeat or l.turn < l.last_turn)) "
            "window w as (partition by key_hash, base order by turn, sheet, row)) "
            "where turn > first_turn and row_hash <> first_hash order by all"
        ).pl()
        self._quarantine(source, taken)
        self._report(source, "error", "key_taken", ", ".join(source.key), taken)

    def _chain_places(self, source: Source) -> None:
        """`chain`: the standing rows of every place that a correction names, the answered row first."""
        answers = f"(select * from arrival.{source.name}_answers where base is not null)"
        self._con.execute(
            "create or replace temp table chain as select *, coalesce("
            "row_hash = lag(row_hash) over (partition by key_hash order by turn, sheet, row), false) as is_repeat "
            f"from (select p.*, n.key_hash, {_row_hash(source, 'p')} as row_hash "
            f"from {self._placed(source)} as p join ("
            f"select file_no, sheet, row, hash(base, to_sheet, to_row) as key_hash from {answers} union "
            f"select base, to_sheet, to_row, hash(base, to_sheet, to_row) from {answers}"
            ") as n using (file_no, sheet, row))"
        )

    # -- order -----------------------------------------------------------------------------------------------------

    def _settle(self, source: Source, files: Sequence[ParsedFile]) -> None:
        """Repeats, corrections and rows that cannot stand together, until nothing more falls.

        Only an accepted row supersedes: where a set rule quarantines a row, what it had superseded stands again.
        """
        rules = [
            r for r in self._rules if r.kind == "set" and r.effect == "quarantine" and r.source == source.name
        ]
        while True:
            corrections = self._supersede(source, files)
            fallen = False
            for rule in rules:
                offenders = self._offenders(source, rule)
                if offenders.height:
                    self._con.execute(
                        f"delete from arrival.{source.name}_out where fate in ('superseded', 'repeated later')"
                    )
                    self._quarantine(source, offenders)
                    self._report_rule(source, rule, offenders, "error")
                    fallen = True
                    break
            if not fallen:
                self._issues.append(corrections)
                return

    def _supersede(self, source: Source, files: Sequence[ParsedFile]) -> pl.DataFrame:
        """Of rows with one key in several files the last different one stands. Returns the corrections.

        An equal row in a later file is a repeat of the one that stands. Where line numbers were given by us, the
        unit is the whole invoice, because a later file that bears the invoice replaces all its lines.
        """
        whole = [column for column in source.numbered_within if column != "buyer_orgnr"]
        numbered = [number for number, file in enumerate(files) if file.numbered]
        corrections = [pl.DataFrame(schema=ISSUES_SCHEMA)]
        if source.name in self._mended:
            self._chain_places(source)
            corrections.append(self._write_chain(source, "key_hash"))
        if whole and numbered and len(files) > 1:
            corrections.append(self._supersede_wholes(source, whole, numbered))
        if len(files) > 1 and self._scalar("select count(*) from meeting"):
            self._con.execute(
                "create or replace temp table chain as select *, "
                "row_hash = lag(row_hash) over (partition by key_hash order by turn) as is_repeat "
                f"from {self._standing(source, 'meeting')}"
            )
            corrections.append(self._write_chain(source, "key_hash"))
        return pl.concat(corrections)

    def _supersede_wholes(
        self, source: Source, whole: Sequence[str], numbered: Sequence[int]
    ) -> pl.DataFrame:
        keys = ", ".join(f'"{column}"' for column in whole)
        line = ", ".join(f'"{c.name}"' for c in source.columns if c.name not in (*whole, "line_no"))
        # Which invoices stand in several files is found from their keys alone; only those are read in full.
        self._con.execute(
            f"create or replace temp table places as select distinct hash({keys}) as whole_hash, base "
            f"from {self._placed(source)} where hash({keys}) in ("
            f"select hash({keys}) from {self._placed(source)} where base in ({_listed(numbered)}))"
        )
        self._con.execute(
            "create or replace temp table met as select whole_hash, list(base) as file_numbers from places "
            "group by whole_hash having count(*) > 1 "
            f"and bool_or(base in ({_listed(numbered)}))"
        )
        concerned = self._con.execute("select distinct unnest(file_numbers) from met order by all").fetchall()
        if not concerned:
            return pl.DataFrame(schema=ISSUES_SCHEMA)
        standing = (
            f"{self._placed(source)} where base in ({', '.join(str(number) for (number,) in concerned)})"
        )
        self._con.execute(
            f"create or replace temp table several as select hash({keys}) as whole_hash, base, "
            f"sum(hash({line})::hugeint) as row_hash from {standing} "
            f"and hash({keys}) in (select whole_hash from met) group by all"
        )
        self._con.execute(
            "create or replace temp table chain as "
            "select p.* replace (p.base as turn), d.whole_hash, hash(d.whole_hash, p.line_no) as key_hash, d.is_repeat "
            "from (select *, row_hash = lag(row_hash) over (partition by whole_hash order by base) as is_repeat "
            f"from several) as d join (select *, hash({keys}) as joined from {standing}) as p "
            "on p.joined = d.whole_hash and p.base = d.base"
        )
        return self._write_chain(source, "whole_hash")

    def _write_chain(self, source: Source, unit: str) -> pl.DataFrame:
        """Write the fates that `chain` shows: repeats, and superseded rows; returns what was corrected."""
        self._link(unit)
        self._con.execute(
            f"insert into arrival.{source.name}_out select file_no, sheet, row, "
            "case when coalesce(is_repeat, false) then 'repeated later' else 'superseded' end, null "
            "from links where coalesce(is_repeat, false) or turn < last_turn"
        )
        return self._corrections(source)

    def _link(self, unit: str) -> None:
        """`links`: `chain` with the turn of the row, or the unit's rows, that stand."""
        self._con.execute(
            "create or replace temp table links as select *, "
            f"max(turn) filter (where not coalesce(is_repeat, false)) over (partition by {unit}) as last_turn "
            "from chain"
        )

    def _corrections(self, source: Source) -> pl.DataFrame:
        """Old value, new value, both files, for every column in which a superseded row differs from its successor."""
        values = [c for c in source.columns if c.name not in source.key]
        pairs = (
            self._con.sql(
                "select n.file_no as new_file, n.sheet, n.row, o.file_no as old_file, o.row as old_row, "
                + ", ".join(
                    f'cast(n."{c.name}" as varchar) as "new_{c.name}", cast(o."{c.name}" as varchar) as "old_{c.name}"'
                    for c in values
                )
                + " from (select *, lag(row) over w as before_row, lag(file_no) over w as before_file, "
                "lag(sheet) over w as before_sheet "
                "from links where not coalesce(is_repeat, false) "
                "window w as (partition by key_hash order by turn)) as n "
                "join links as o on o.key_hash = n.key_hash and o.file_no = n.before_file and o.row = n.before_row "
                "and o.sheet = n.before_sheet order by all"
            ).pl()
            if values
            else pl.DataFrame()
        )
        found = [pl.DataFrame(schema=ISSUES_SCHEMA)]
        if pairs.is_empty():
            return found[0]
        names = self._file_names(source)
        for column in values:
            changed = pairs.filter(
                pl.col(f"new_{column.name}").ne_missing(pl.col(f"old_{column.name}"))
            ).select(
                file_no="new_file",
                sheet="sheet",
                row="row",
                raw_value=pl.col(f"new_{column.name}").fill_null(""),
                old=pl.col(f"old_{column.name}").fill_null(""),
                old_file=pl.col("old_file").replace_strict(names, return_dtype=pl.String),
                old_row=pl.col("old_row").cast(pl.String),
            )
            found.append(self._frame(source, "correction", "correction", column.name, changed, is_open=False))
        return pl.concat(found)

    def _repeat_echoes(self, source: Source, files: Sequence[ParsedFile]) -> None:
        """Count as repeated what another delivery tells better of the same purchase, and keep what it lacks.

        Leaves `<source>_told` where there is any: what to fill in, by the columns that the standing row has.
        """
        for echo in {dialect.ECHO for dialect in DIALECTS.get(source.name, ()) if dialect.ECHO is not None}:
            told = [
                n
                for n, file in enumerate(files)
                if (found := dialect_of(source, file)) and echo == found.ECHO
            ]
            if not told or len(told) == len(files):
                continue
            numbers = ", ".join(map(str, told))
            known = ", ".join(f'"{column}"' for column in (*echo.same, echo.who, echo.who_named))
            same = " and ".join(f'l."{column}" = e."{column}"' for column in echo.same)
            who = (
                f'(l."{echo.who}" = e."{echo.who}" or l."{echo.who}" is null '
                f"and {_folded(f'l.{echo.who_named}')} = {_folded(f'e.{echo.who_named}')})"
            )
            self._con.execute(
                "create or replace temp table heard as select distinct l.*, e.file_no, e.sheet, e.row "
                f"from (select distinct {known} from {self._placed(source)} where base not in ({numbers})) as l "
                f"join {self._placed(source)} as e on {same} and {who} and e.base in ({numbers})"
            )
            if not self._scalar("select count(*) from heard"):
                continue
            fills = ", ".join(
                f'case when count(distinct e."{column}") = 1 then min(e."{column}") end as "told_{column}"'
                for column in echo.fills
            )
            self._con.execute(
                f"create table arrival.{source.name}_told as select {_prefixed(known, 'h')}, {fills} "
                f"from heard as h join {self._standing(source)} as e using (file_no, sheet, row) group by all"
            )
            self._con.execute(
                f"insert into arrival.{source.name}_out "
                "select distinct file_no, sheet, row, 'repeated', null from heard"
            )

    # -- fates and findings ----------------------------------------------------------------------------------------

    def _quarantine(self, source: Source, offenders: pl.DataFrame) -> None:
        if offenders.is_empty():
            return
        if "with_parent" not in offenders.columns:
            offenders = offenders.with_columns(with_parent=pl.lit(None, dtype=pl.String))
        self._con.register("offenders", offenders.select(*PROVENANCE, "with_parent").to_arrow())
        self._con.execute(
            f"insert into arrival.{source.name}_out "
            "select distinct on (file_no, sheet, row) file_no, sheet, row, 'quarantined', with_parent "
            "from offenders as n "
            f"where not exists (select 1 from arrival.{source.name}_out as o where o.fate = 'quarantined' "
            "and o.file_no = n.file_no and o.sheet = n.sheet and o.row = n.row)"
        )
        self._con.unregister("offenders")

    def _report_rule(self, source: Source, rule: Rule, offenders: pl.DataFrame, severity: str) -> None:
        frame = self._frame(
            source,
            severity,
            rule.name,
            ", ".join(rule.columns),
            offenders,
            words=(rule.message_sv, rule.message_en),
        )
        self._issues.append(frame)

    def _report(
        self, source: Source, severity: str, rule: str, column: str, offenders: pl.DataFrame, **arguments: str
    ) -> None:
        if offenders.height:
            self._issues.append(self._frame(source, severity, rule, column, offenders, arguments=arguments))

    def _frame(
        self,
        source: Source,
        severity: str,
        rule: str,
        column: str,
        offenders: pl.DataFrame,
        words: tuple[str, str] | None = None,
        is_open: bool = True,
        arguments: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """Findings as rows; `{…}` in the words is filled from the arguments and from the offenders' own columns."""
        names = self._file_names(source)
        if words is None:
            columns = {name: f"\x00{name}\x00" for name in offenders.columns}
            words = (
                message(f"row.{rule}", "sv", **{**columns, **(arguments or {})}),
                message(f"row.{rule}", "en", **{**columns, **(arguments or {})}),
            )
        return offenders.select(
            severity=pl.lit(severity),
            source=pl.lit(source.name),
            file=pl.col("file_no").replace_strict(names, return_dtype=pl.String),
            sheet=pl.when(pl.col("sheet") == "").then(None).otherwise(pl.col("sheet")),
            row_number=pl.col("row"),
            column_name=pl.lit(column),
            rule=pl.lit(rule),
            raw_value=pl.col("raw_value"),
            message_sv=_filled(words[0]),
            message_en=_filled(words[1]),
            is_open=pl.lit(is_open),
        )

    def _file_names(self, source: Source) -> dict[int, str]:
        usable = [file for file in self._files[source.name] if file.rejected is None]
        return {number: file.delivery.file for number, file in enumerate(usable)}

    def _scalar(self, query: str) -> int:
        [(value,)] = self._con.execute(query).fetchall()
        return int(value)

    # -- the result ------------------------------------------------------------------------------------------------

    def outcome(self, foreign: Sequence[Reconciled] = ()) -> Reconciled:
        """Counts, outcomes and findings of all sources and foreign formats, after the last one was decided."""
        result = Reconciled()
        frames = [pl.DataFrame(schema=ISSUES_SCHEMA), *self._issues]
        for name, files in self._files.items():
            source = self._contracts[name]
            usable = [file for file in files if file.rejected is None]
            frames += [_parse_issues(source, file) for file in usable if file.findings]
            frames += [_file_issues(source, file) for file in files]
        issues = pl.concat([frame.cast(ISSUES_SCHEMA) for frame in frames])  # type: ignore[arg-type]
        answered = [self._answered(self._contracts[name]) for name in self._files]
        result.issues = _close_answered(issues, pl.concat(answered) if answered else None)
        warned = {
            (str(source), str(file)): int(count)
            for source, file, count in result.issues.filter(pl.col("severity") == "warning")
            .group_by("source", "file")
            .len()
            .iter_rows()
        }
        for name, files in self._files.items():
            self._count(self._contracts[name], files, warned, result)
        for name in self._contracts:
            if name not in result.sources:
                result.sources[name] = SourceOutcome(name, False, False, 0, 0, 0, 0, (), ())
        given = self._given_by_file() if foreign else {}
        for outcome in foreign:
            result.files += [replace(count, rows_derived=given.get(count.file, 0)) for count in outcome.files]
            result.sources |= outcome.sources
        result.issues = pl.concat([result.issues, *(outcome.issues for outcome in foreign)]).sort(
            "source",
            "file",
            "sheet",
            "row_number",
            "severity",
            "rule",
            "column_name",
            "raw_value",
            "message_sv",
            nulls_last=False,
        )
        return result

    def _given_by_file(self) -> dict[str, int]:
        """How many rows of our sources each foreign file gave."""
        given: dict[str, int] = {}
        for name in self._files:
            for part in self._derived_parts(self._contracts[name]):
                query = f"select source_file, count(*) from {part} group by all"
                for file, rows in self._con.execute(query).fetchall():
                    given[file] = given.get(file, 0) + rows
        return given

    def _answered(self, source: Source) -> pl.DataFrame:
        """Quarantined rows that a correction took the place of, or whose key an accepted row of a later file bears: no
        open error any more.
        """
        match = " and ".join(f'a."{column}" is not distinct from l."{column}"' for column in source.key)
        given = " and ".join(f'l."{column}" is not null' for column in self._always_given(source))
        hit = self._con.sql(
            f"select distinct f.file, nullif(l.sheet, '') as sheet, l.row as row_number "
            f"from arrival.{source.name}_lost as l join arrival.{source.name}_files as f using (file_no) "
            f"where ({given}) and exists (select 1 from {self._placed(source)} as a "
            f"where (a.file_no > l.file_no or (a.base >= l.file_no and a.base <> a.file_no)) and {match})"
            f"{self._answered_by_reference(source)}"
        ).pl()
        return hit.with_columns(source=pl.lit(source.name)).cast(
            {"file": pl.String, "sheet": pl.String, "row_number": pl.Int64}
        )

    def _answered_by_reference(self, source: Source) -> str:
        """A further part of the query: the rows at a place, answered and answering, where any correction was taken."""
        if source.name not in self._mended:
            return ""
        answers = f"arrival.{source.name}_answers"
        return (
            f" union select f.file, nullif(n.sheet, ''), n.row from ("
            f"select file_no, sheet, row, base, to_sheet, to_row from {answers} union "
            f"select base, to_sheet, to_row, base, to_sheet, to_row from {answers}) as n "
            f"join arrival.{source.name}_files as f using (file_no) "
            f"where exists (select 1 from {answers} as a where a.is_read and a.base = n.base "
            f"and a.to_sheet = n.to_sheet and a.to_row = n.to_row "
            f"and not exists (select 1 from arrival.{source.name}_lost as l "
            "where l.file_no = a.file_no and l.sheet = a.sheet and l.row = a.row))"
        )

    @staticmethod
    def _always_given(source: Source) -> list[str]:
        """The key columns that a row must have before another row can answer it."""
        return [name for name in source.key if source.column(name).required] or [source.key[0]]

    def _count(
        self,
        source: Source,
        files: Sequence[ParsedFile],
        warned: Mapping[tuple[str, str], int],
        result: Reconciled,
    ) -> None:
        fates: dict[int, dict[str, int]] = {}
        for number, fate, count in self._con.execute(
            f"select file_no, fate, count(*) from arrival.{source.name}_out group by all"
        ).fetchall():
            fates.setdefault(number, {})[fate] = count
        # Counted from what dbt will read, so that the conservation of rows is a check that can fail.
        standing = dict(
            self._con.execute(
                f"select source_file, count(*) from delivered.{source.name} where origin = 'register' group by all"
            ).fetchall()
        )
        read = accepted = 0
        number = -1
        for file in files:
            if file.rejected is None:
                number += 1
                own = fates.get(number, {})
            else:
                own = {}
            quarantined = file.rows_quarantined + own.get("quarantined", 0)
            superseded = own.get("superseded", 0)
            repeated = superseded + own.get("repeated", 0) + own.get("repeated later", 0)
            count = FileCount(
                source=source.name,
                file=file.delivery.file,
                rows_read=file.rows_read,
                rows_accepted=standing.get(file.delivery.file, 0),
                rows_quarantined=quarantined,
                rows_repeated=repeated,
                rows_superseded=superseded,
                rows_skipped=file.rows_skipped,
                rows_derived=0,
                warnings=warned.get((source.name, file.delivery.file), 0),
            )
            result.files.append(count)
            read += count.rows_read
            accepted += count.rows_accepted
        rows = result.issues.filter(
            (pl.col("source") == source.name)
            & (pl.col("severity") == "error")
            & pl.col("is_open")
            & pl.col("row_number").is_not_null()  # a rejected file has a judgement of its own
        )
        cascade = (
            rows.filter(pl.col("rule") == "parent_quarantined").select("file", "sheet", "row_number").unique()
        )
        own_rows = (
            rows.select("file", "sheet", "row_number")
            .unique()
            .join(cascade, on=["file", "sheet", "row_number"], how="anti", nulls_equal=True)
        )
        parents = self._con.execute(
            f"select with_parent, count(*) as n from arrival.{source.name}_out where with_parent is not null "
            "group by all order by n desc, with_parent limit 5"
        ).fetchall()
        result.sources[source.name] = SourceOutcome(
            source=source.name,
            is_delivered=any(file.rejected is None for file in files) or bool(self._derived.get(source.name)),
            is_register=any(file.rejected is None for file in files),
            rows_read=read,
            rows_accepted=accepted,
            own_errors=own_rows.height,
            lost_with_parent=cascade.height,
            parents_to_mend=tuple(parent.replace("\x1f", " rad ") for parent, _ in parents),
            rejected_files=tuple(file.delivery.file for file in files if file.rejected is not None),
            rows_derived=self._derived.get(source.name, 0),
        )


def _parse_issues(source: Source, file: ParsedFile) -> pl.DataFrame:
    """What standardise found in one file."""
    return pl.read_parquet(file.directory / "issues.parquet").select(
        "severity",
        source=pl.lit(source.name),
        file=pl.lit(file.delivery.file),
        sheet=pl.col("_sheet"),
        row_number=pl.col("_row"),
        column_name=pl.col("column_name"),
        rule=pl.col("rule"),
        raw_value=pl.col("raw_value"),
        message_sv=pl.col("message_sv"),
        message_en=pl.col("message_en"),
        is_open=pl.lit(True),
    )


def _file_issues(source: Source, file: ParsedFile) -> pl.DataFrame:
    """What is to be said of a file as a whole: that it was rejected, and what in it is kept out."""
    found: list[dict[str, object]] = []
    if file.rejected is not None:
        found.append(
            {
                "severity": "error",
                "rule": f"file.{file.rejected.rule}",
                "message_sv": file.rejected.sv,
                "message_en": file.rejected.en,
            }
        )
    for rule, names in (("unknown_columns", file.unknown_columns), ("ignored_sheets", file.ignored_sheets)):
        if names:
            words = {"file": file.delivery.file, "names": ", ".join(names)}
            found.append(
                {
                    "severity": "warning",
                    "rule": f"file.{rule}",
                    "raw_value": ", ".join(names),
                    "message_sv": message(f"file.{rule}", "sv", **words),
                    "message_en": message(f"file.{rule}", "en", **words),
                }
            )
    rows = [{"source": source.name, "file": file.delivery.file, "is_open": True, **entry} for entry in found]
    return pl.DataFrame(rows, schema=ISSUES_SCHEMA)


def _names(source: Source, alias: str = "") -> str:
    """The source's columns as a select list."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{column.name}"' for column in source.columns)


def _row_hash(source: Source, alias: str = "") -> str:
    return f"hash({_names(source, alias)})"


def dialect_of(source: Source, file: ParsedFile) -> Dialect | None:
    """The dialect that a file of this source came in, None for our own headings."""
    return next((found for found in DIALECTS.get(source.name, ()) if file.dialect == found.NAME), None)


def resolved_rows(source: Source, file: ParsedFile, rows: str) -> str:
    """SQL for a file's rows (themselves a relation), with what the words of its dialect stand for."""
    dialect = dialect_of(source, file)
    if dialect is None or not dialect.RESOLVED:
        return rows
    values = ", ".join(f'r_{column}.value as "{column}"' for column in dialect.RESOLVED)
    joins = " ".join(
        f'left join ({query.replace("{rows}", rows)}) as r_{column} on r_{column}.given = r."{column}"'
        for column, query in dialect.RESOLVED.items()
    )
    return f"(select r.* replace ({values}) from {rows} as r {joins})"


def _folded(column: str) -> str:
    return f"lower(trim(regexp_replace({column}, '\\s+', ' ', 'g')))"


def _prefixed(columns: str, alias: str) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns.split(", "))


def _raw(columns: Sequence[str], alias: str = "r.") -> str:
    parts = ", ".join(f"coalesce(cast({alias}\"{column}\" as varchar), '')" for column in columns)
    return f"concat_ws(' | ', {parts})"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")


def _filled(text: str) -> pl.Expr:
    """Words with NUL-framed column names as an expression that puts each row's own values in."""
    pieces = text.split("\x00")
    parts = [
        pl.lit(piece) if position % 2 == 0 else pl.col(piece).cast(pl.String).fill_null("")
        for position, piece in enumerate(pieces)
    ]
    return pl.concat_str(parts)


def _close_answered(issues: pl.DataFrame, answered: pl.DataFrame | None) -> pl.DataFrame:
    if answered is None or answered.is_empty():
        return issues
    marked = issues.join(
        answered.with_columns(is_answered=pl.lit(True)),
        on=["source", "file", "sheet", "row_number"],
        how="left",
        nulls_equal=True,
    )
    return marked.with_columns(
        is_open=pl.col("is_open")
        & ~(pl.col("is_answered").fill_null(False) & (pl.col("severity") == "error"))
    ).drop("is_answered")

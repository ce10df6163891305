"""The marts `kpi_changes` and `kpi_reported`: what differs from the release before, and from what was reported.

What belongs here: which figures differ, by which records, and how a closed period's difference is split. What does
not: computing a figure (the models, through recompute.py), and closing a period (closing.py).

A difference is split by substituting one thing at a time in what the closed release rested on, and computing the
figures anew after each: late records, corrected ones, removed ones, settings and targets. So what a record changes in
other records is part of what it did. What the program's own change did is the rest: the difference between the figure
as reported and the same rows computed now, and what is left when everything else is in place. See ADR 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import yaml

from dagster_project.contracts import Source
from dagster_project.flow.build import quoted
from dagster_project.flow.closed import SETTINGS_FILE, ClosedPeriod, closed_periods, kept_folder, kept_rows
from dagster_project.flow.recompute import figures
from dagster_project.flow.releases import PublishError, Release, current, releases
from dagster_project.settings import Workspace

CHANGES, REPORTED = "kpi_changes", "kpi_reported"
KEY = ("kpi_id", "period_type", "period", "member_code", "category_group")
# In the order of substitution; what is left is the definition's.
PARTS = ("late", "corrected", "removed", "settings")
TARGETS = "targets"  # the source whose rows are settings: they decide no figure, only what it is held against
SETTINGS_TABLES = ("settings", "members", "region", "excluded_procedures", "direct_award_thresholds")
READING = ("dates", "headers", "values")  # the settings that decide how a file is read
PROVENANCE = ("source_file", "source_sheet", "source_row", "origin")
LEDGER = "fct_invoice_line"
# Lines: above this the records of a figure over the ledger are not compared one by one.
COUNTED_UP_TO = 1_000_000
EXACT = "decimal(38, 10)"  # as evidence is; differences of such figures add up without a remainder

_CHANGES = """
create or replace table main.kpi_changes (
    compared_with varchar, release_id varchar, closed_period varchar,
    kpi_id varchar, period_type varchar, period varchar, member_code varchar, category_group varchar,
    before double, now double, difference decimal(38, 10),
    late decimal(38, 10), corrected decimal(38, 10), removed decimal(38, 10), settings decimal(38, 10),
    definition decimal(38, 10), came_with varchar,
    records_added bigint, records_removed bigint, records_changed bigint,
    target_before double, target_now double, status_before varchar, status_now varchar
)"""
_REPORTED = """
create or replace table main.kpi_reported (
    closed_period varchar, release_id varchar, closed_at timestamp,
    kpi_id varchar, period_type varchar, period varchar, member_code varchar, category_group varchar,
    unit varchar, reported double, now double, difference decimal(38, 10),
    status_reported varchar, status_now varchar
)"""


@dataclass(frozen=True)
class Moves:
    """How many keys of all sources differ, by the part that the difference belongs to."""

    late: int
    corrected: int
    removed: int
    settings: int
    reread: int


def write_changes(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    contracts: dict[str, Source],
    code_version: str,
) -> None:
    """Write both marts into the build. `connection` holds the build and finds its schemas by the search path.

    Raises PublishError when a closed period's release or rows are gone, or when its figures cannot be computed anew.
    """
    connection.execute(_CHANGES)
    connection.execute(_REPORTED)
    before = current(workspace)
    if before is not None:
        _attach(connection, before)
        _differing(connection, "true", [])
        _count_records(connection)
        _insert(connection, "release_before", before, None, "")
        connection.execute("detach then_")
    known = {release.release_id: release for release in releases(workspace)}
    for period in closed_periods(workspace).values():
        release = known.get(period.release_id)
        if release is None:
            raise PublishError("close.release_gone", period=period.period, release=period.release_id)
        _of_closed(connection, workspace, contracts, code_version, period, release)


def periods_of(period: str) -> tuple[str, str, str]:
    """The periods that are reported together: the period, the year until its end, the twelve months until its end."""
    return period, f"{period}-ytd", f"{period}-r12"


def _of_closed(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    contracts: dict[str, Source],
    code_version: str,
    period: ClosedPeriod,
    release: Release,
) -> None:
    periods = periods_of(period.period)
    _attach(connection, release)
    same_key = " and ".join(f"r.{column} = n.{column}" for column in KEY)
    keys = ", ".join(f"coalesce(r.{column}, n.{column})" for column in KEY)
    connection.execute(
        f"insert into main.kpi_reported select $1, $2, $3, {keys}, coalesce(r.unit, n.unit), r.actual, n.actual, "
        f"cast(n.actual as {EXACT}) - cast(r.actual as {EXACT}), r.status, n.status "
        "from (select * from then_.main.kpi_values where list_contains($4, period)) as r "
        "full join (select * from main.kpi_values where list_contains($4, period)) as n "
        f"on {same_key} order by all",
        [
            period.period,
            release.release_id,
            datetime.fromisoformat(period.closed_at).replace(tzinfo=None),
            list(periods),
        ],
    )
    _differing(connection, "list_contains(?, coalesce(b.period, n.period))", [list(periods)])
    if _count(connection, "from differing where before is distinct from now"):
        _split(
            connection,
            workspace,
            contracts,
            kept_folder(workspace, release.release_id),
            periods,
            software_changed=release.code_version != code_version,
        )
    else:  # other targets alone
        nothing = f"case when before is not null then cast(0 as {EXACT}) end"
        connection.execute(
            f"create or replace temp table parts as select {', '.join(KEY)}, "
            + ", ".join(f"{nothing} as {part}" for part in (*PARTS, "definition"))
            + ", cast(null as varchar) as came_with from differing"
        )
    _count_records(connection)
    _insert(connection, "closed_period", release, period.period, "parts")
    connection.execute("detach then_")


def _attach(connection: duckdb.DuckDBPyConnection, release: Release) -> None:
    connection.execute(f"attach '{quoted(release.database)}' as then_ (read_only)")


# ------------------------------------------------------------------------------------------- what differs


def _differing(connection: duckdb.DuckDBPyConnection, which: str, arguments: Sequence[object]) -> None:
    """The figures whose value, target or status is another than in the release `then_`."""
    same_key = " and ".join(f"b.{column} = n.{column}" for column in KEY)
    keys = ", ".join(f"coalesce(b.{column}, n.{column}) as {column}" for column in KEY)
    connection.execute(
        f"create or replace temp table differing as select {keys}, "
        "coalesce(n.period_start, b.period_start) as period_start, "
        "coalesce(n.period_end, b.period_end) as period_end, "
        "b.actual as before, n.actual as now, b.target as target_before, n.target as target_now, "
        "b.status as status_before, n.status as status_now "
        f"from then_.main.kpi_values as b full join main.kpi_values as n on {same_key} "
        f"where {which} and (b.actual is distinct from n.actual or b.target is distinct from n.target "
        "or b.status is distinct from n.status or b.target_operator is distinct from n.target_operator)",
        list(arguments),
    )


def _count_records(connection: duckdb.DuckDBPyConnection) -> None:
    """`counts`: by differing figure, the evidence records that came, went and changed.

    A record is compared row by row of its evidence, and belongs to a figure that it is placed in; one that moved from
    one period to another went from the one and came to the other.
    """
    [(lines,)] = connection.execute(
        "select coalesce(max(estimated_size), 0) from duckdb_tables() "
        "where table_name = ? and database_name in ('then_', current_database())",
        [LEDGER],
    ).fetchall()
    connection.execute(
        "create or replace temp table counted_kpis as select distinct d.kpi_id, c.period_rule "
        "from differing as d join main.kpi_catalogue as c using (kpi_id) "
        f"where not c.has_own_dimensions or {lines} <= {COUNTED_UP_TO}"
    )
    columns = (
        "kpi_id, record_id, member_code, category_group, event_date, numerator, denominator, exclusion, "
        "counts_from, counts_until"
    )
    # A row is known by its hash: what is the same on both sides is never held, only its eight bytes are.
    sides = {"then": "then_.main", "now": "main"}
    # Named one by one, so that the evidence of every other indicator, the ledger's first of all, is not read.
    named = [
        f"'{kpi}'" for (kpi,) in connection.execute("select kpi_id from counted_kpis order by all").fetchall()
    ]
    rows = {
        side: f"select {columns} from {database}.kpi_evidence where kpi_id in ({', '.join(named) or 'null'})"
        for side, database in sides.items()
    }
    for side, query in rows.items():
        connection.execute(
            f"create or replace temp table {side}_seen as select distinct hash({columns}) as seen from ({query})"
        )
    differing_rows = " union all ".join(
        f"(select '{side}' as side, * from ({rows[side]}) where hash({columns}) not in (select seen from {other}_seen))"
        for side, other in (("then", "now"), ("now", "then"))
    )
    figure = ", ".join(f"d.{column}" for column in KEY)
    connection.execute(
        "create or replace temp table counts as "
        "with limits as ("
        "select 'then' as side, period, counted_until from then_.main.dim_period "
        "union all select 'now' as side, period, counted_until from main.dim_period), "
        f"other as ({differing_rows}), "
        f"placed as (select {figure}, o.record_id, bool_or(o.side = 'then') as was, bool_or(o.side = 'now') as is_now "
        "from other as o join counted_kpis as k using (kpi_id) "
        "join differing as d on d.kpi_id = o.kpi_id and d.member_code = o.member_code "
        "and (d.category_group = 'ALL' or d.category_group = o.category_group) "
        "join limits as l on l.side = o.side and l.period = d.period "
        "where case when k.period_rule = 'in_force_at_end' "
        "then l.counted_until between o.counts_from and o.counts_until "
        "when k.period_rule = 'sampled_period' "
        "then o.counts_from = d.period_start and o.counts_until = d.period_end "
        "else o.event_date between d.period_start and d.period_end end group by all) "
        f"select {', '.join(KEY)}, count(*) filter (where not was) as added, "
        "count(*) filter (where not is_now) as removed, count(*) filter (where was and is_now) as changed "
        "from placed group by all"
    )
    connection.execute("drop table then_seen; drop table now_seen")


def _insert(
    connection: duckdb.DuckDBPyConnection,
    compared_with: str,
    release: Release,
    closed_period: str | None,
    parts: str,
) -> None:
    """The differing figures with their records and, from the table `parts`, how the difference is split."""
    using = ", ".join(KEY)
    names = (*PARTS, "definition", "came_with")
    split = ", ".join(f"p.{name}" if parts else "null" for name in names)
    joined = f"left join {parts} as p using ({using})" if parts else ""
    connection.execute(
        f"insert into main.kpi_changes select ?, ?, ?, {', '.join(f'd.{column}' for column in KEY)}, "
        f"d.before, d.now, cast(d.now as {EXACT}) - cast(d.before as {EXACT}), {split}, "
        + ", ".join(
            f"case when k.kpi_id is not null then coalesce(c.{name}, 0) end"
            for name in ("added", "removed", "changed")
        )
        + ", d.target_before, d.target_now, d.status_before, d.status_now from differing as d "
        f"left join counts as c using ({using}) left join counted_kpis as k on k.kpi_id = d.kpi_id {joined} "
        "order by all",
        [compared_with, release.release_id, closed_period],
    )


# --------------------------------------------------------------------------------------- how it is split


def _split(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    contracts: dict[str, Source],
    folder: Path,
    periods: tuple[str, ...],
    software_changed: bool,
) -> None:
    """`parts`: by differing figure, what each part adds. Computes anew only where a part has anything to substitute."""
    if not folder.is_dir():
        raise PublishError("close.rows_gone", folder=folder)
    moves = find_moves(connection, contracts, folder, workspace.settings_file, software_changed)
    # What is read otherwise by the same program is so because of settings.
    by_settings = moves.settings + (0 if software_changed else moves.reread)
    sizes = [moves.late, moves.corrected, moves.removed, by_settings]
    if not software_changed and not any(sizes):
        sizes[PARTS.index("corrected")] = (
            1  # the rows alone stand in another order: a file was delivered anew
        )
    # The figures as they were computed from the old rows: as reported, or anew where the program is another.
    steps = ["then_.main.kpi_values"]
    if software_changed:
        _compute(connection, workspace, contracts, folder, periods, 0, "step_0")
        steps.append("step_0")
    else:
        steps.append(steps[-1])
    for number, size in enumerate(sizes, start=1):
        if not size:
            steps.append(steps[-1])
        elif not any(sizes[number:]) and not (software_changed and moves.reread):
            steps.append("main.kpi_values")  # everything is in place: what is published now
        else:
            _compute(connection, workspace, contracts, folder, periods, number, f"step_{number}")
            steps.append(f"step_{number}")
    _write_parts(connection, [*steps, "main.kpi_values"])


def find_moves(
    connection: duckdb.DuckDBPyConnection,
    contracts: dict[str, Source],
    folder: Path,
    settings_file: Path,
    software_changed: bool,
) -> Moves:
    """`moves_<source>`: the keys whose rows differ and the part that it belongs to; how many in all.

    A row of a file that was there then, byte for byte, did not come late nor was it corrected: where the program or
    the settings for reading are others, it is read otherwise.
    """
    read_otherwise = software_changed or _reading(folder / SETTINGS_FILE) != _reading(settings_file)
    connection.execute(
        "create or replace temp table same_files as select file from run.source_files "
        f"intersect select n.file from run.source_files as n join {_kept(folder, 'run', 'source_files')} as o "
        "on n.file = o.file and n.sha256 = o.sha256"
    )
    counts: dict[str, int] = dict.fromkeys((*PARTS, "reread"), 0)
    for name, source in contracts.items():
        key = ", ".join(f'"{column}"' for column in source.key)
        then, now = _rows(connection, folder, name)
        content = ", ".join(
            f'"{column}"' for column in _columns(connection, folder, name)[0] if column not in PROVENANCE
        )
        sides = [
            f"(select {key}, sum(cast(hash({content}) as hugeint)) as content, "
            f"bool_and(source_file in (select file from same_files)) as same_file from ({query}) group by {key})"
            for query in (then, now)
        ]
        same_key = " and ".join(f'o."{column}" is not distinct from n."{column}"' for column in source.key)
        reread = str(read_otherwise).lower()
        part = (
            f"'{PARTS[3]}'"
            if name == TARGETS
            else f"case when {reread} and coalesce(o.same_file, true) and coalesce(n.same_file, true) then 'reread' "
            "when o.content is null then 'late' when n.content is null then 'removed' else 'corrected' end"
        )
        keys = ", ".join(f'coalesce(o."{column}", n."{column}") as "{column}"' for column in source.key)
        connection.execute(
            f"create or replace temp table moves_{name} as select {keys}, {part} as part "
            f"from {sides[0]} as o full join {sides[1]} as n on {same_key} "
            "where o.content is distinct from n.content"
        )
        for found, number in connection.execute(
            f"select part, count(*) from moves_{name} group by all"
        ).fetchall():
            counts[found] += number
    delivered = (
        f"from run.deliveries as n full join {_kept(folder, 'run', 'deliveries')} as o using (source) where"
    )
    for part, condition in (
        ("late", "n.is_delivered and not coalesce(o.is_delivered, false)"),
        ("removed", "o.is_delivered and not coalesce(n.is_delivered, false)"),
    ):
        counts[part] += _count(connection, f"{delivered} {condition}")
    for table in SETTINGS_TABLES:
        then, now = _run_then(connection, folder, table), f"from run.{table}"
        counts["settings"] += _count(
            connection, f"from (({then} except {now}) union all ({now} except {then}))"
        )
    return Moves(**counts)


def _reading(settings_file: Path) -> dict[str, object]:
    told = yaml.safe_load(settings_file.read_text(encoding="utf-8-sig"))
    return {name: told.get(name) for name in READING}


def _compute(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    contracts: dict[str, Source],
    folder: Path,
    periods: tuple[str, ...],
    number: int,
    into: str,
) -> None:
    """The figures after the first `number` parts are substituted."""
    relations: dict[tuple[str, str], str] = {}
    for name, source in contracts.items():
        then, now = _rows(connection, folder, name)
        relations["delivered", name] = _substituted(name, source, then, now, PARTS[:number])
    for (table,) in connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'run' order by all"
    ).fetchall():
        until = "settings" if table in SETTINGS_TABLES else "removed"
        is_then = until not in PARTS[:number]
        relations["run", table] = _run_then(connection, folder, table) if is_then else f"from run.{table}"
    if 0 < number < PARTS.index("removed") + 1:
        # A source that came late is delivered, and one that is gone is so only when removed records are taken out.
        relations["run", "deliveries"] = (
            "select * replace (is_delivered or source in (select source from "
            f"{_kept(folder, 'run', 'deliveries')} where is_delivered) as is_delivered) from run.deliveries"
        )
    figures(connection, workspace, relations, periods, into)


def _substituted(name: str, source: Source, then: str, now: str, parts: Sequence[str]) -> str:
    """A source's rows with some parts substituted: of the keys of these parts the rows now, of all others those then.

    Once corrections are in, a row that says the same stands where it stands now: a corrected file moved it.
    """
    same = " and ".join(f'm."{column}" is not distinct from t."{column}"' for column in source.key)
    listed = ", ".join(f"'{part}'" for part in parts) or "null"
    moved = f"exists (select 1 from moves_{name} as m where {same} and m.part in ({listed}))"
    if "corrected" in parts:
        kept = f"exists (select 1 from moves_{name} as m where {same} and m.part not in ({listed}))"
        return (
            f"select * from ({now}) as t where not {kept} "
            f"union all by name select * from ({then}) as t where {kept}"
        )
    return f"select * from ({then}) as t where not {moved} union all by name select * from ({now}) as t where {moved}"


def _rows(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> tuple[str, str]:
    """Queries for a source's rows then and now, in the columns that it has now."""
    shared, columns = _columns(connection, folder, name)
    quote = '"'
    then = ", ".join(
        f'cast({quote + column + quote if column in shared else "null"} as {kind}) as "{column}"'
        for column, kind in columns.items()
    )
    file = kept_rows(folder, "delivered", name)
    kept = (
        f"from {_kept(folder, 'delivered', name)}" if file.exists() else f"from delivered.{name} where false"
    )
    return f"select {then} {kept}", f"select * from delivered.{name}"


def _run_then(connection: duckdb.DuckDBPyConnection, folder: Path, table: str) -> str:
    """A query for what the run told then; a setting that the program did not know then has its value of now."""
    if not kept_rows(folder, "run", table).exists():
        return f"from run.{table}"
    kept = _kept(folder, "run", table)
    then = {row[0] for row in connection.execute(f"describe from {kept}").fetchall()}
    columns = ", ".join(
        f'"{column}"'
        if column in then
        else f'(select any_value("{column}") from run.{table}) as "{column}"'
        if table == "settings"
        else f'cast(null as {kind}) as "{column}"'
        for column, kind, *_ in connection.execute(f"describe run.{table}").fetchall()
    )
    return f"select {columns} from {kept}"


def _columns(
    connection: duckdb.DuckDBPyConnection, folder: Path, name: str
) -> tuple[list[str], dict[str, str]]:
    """The columns that a source had then too, and all that it has now with their types."""
    now = {row[0]: row[1] for row in connection.execute(f"describe delivered.{name}").fetchall()}
    if not kept_rows(folder, "delivered", name).exists():  # a source that the program did not know then
        return list(now), now
    then = {
        row[0] for row in connection.execute(f"describe from {_kept(folder, 'delivered', name)}").fetchall()
    }
    return [column for column in now if column in then], now


def _write_parts(connection: duckdb.DuckDBPyConnection, steps: Sequence[str]) -> None:
    """`parts` from the figures after each step: as reported, anew, after each part, now.

    Where a figure is missing after a step between, the step after bears what both did.
    """
    columns, joins = [], []
    for number, step in enumerate(steps):
        on = " and ".join(f"s{number}.{column} = d.{column}" for column in KEY)
        joins.append(f"left join {step} as s{number} on {on}")
        columns.append(f"cast(s{number}.actual as {EXACT}) as v{number}")
    last = len(steps) - 1
    standing = ["v0 as x0"]
    standing += [
        f"coalesce({', '.join(f'v{earlier}' for earlier in range(n, -1, -1))}) as x{n}"
        for n in range(1, last + 1)
    ]
    both = f"v0 is not null and v{last} is not null"
    split = [
        f"case when {both} then x{number} - x{number - 1} end as {part}"
        for number, part in enumerate(PARTS, start=2)
    ]
    split.append(f"case when {both} then (x1 - x0) + (x{last} - x{last - 1}) end as definition")
    # The last step at which there began or ceased to be a figure.
    named = ["definition", *PARTS, "definition"]
    turned = " ".join(
        f"when (v{number} is null) <> (v{number - 1} is null) then '{named[number - 1]}'"
        for number in range(last, 0, -1)
    )
    figure = ", ".join(KEY)
    connection.execute(
        "create or replace temp table parts as with valued as ("
        f"select {', '.join(f'd.{column}' for column in KEY)}, {', '.join(columns)} "
        f"from differing as d {' '.join(joins)}), "
        f"standing as (select *, {', '.join(standing)} from valued) "
        f"select {figure}, {', '.join(split)}, case when {both} then null {turned} end as came_with from standing"
    )


def _kept(folder: Path, schema: str, table: str) -> str:
    return f"read_parquet('{quoted(kept_rows(folder, schema, table))}')"


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    number: int = connection.execute(f"select count(*) {relation}").fetchall()[0][0]
    return number

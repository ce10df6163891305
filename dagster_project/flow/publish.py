"""Makes a release: a candidate built beside, put in force whole, or laid aside to be read.

What belongs here: which tables of the build are published, in what form and order, and what is told about
them in `release.json`. What does not: whether a candidate is good enough (`validate.py`), and the swap,
rollback and retention (`releases.py`).

The database is a copy of the file that dbt built the marts in, put in order: the build file itself is never published,
because its writer would shut readers out. What is not for reading lies in another file. Schema `sv` is made here, over
what is published.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb

from dagster_project.flow.faults import fault_key
from dagster_project.flow.lock import FolderLock
from dagster_project.flow.releases import (
    DATABASE,
    RELEASE_FILE,
    STAMP,
    Layout,
    PublishError,
    Release,
    current,
    discard,
    files_of,
    install,
    keep_for_closed_periods,
    plainly,
    release_ids,
    releases,
    retire,
    settle,
    sha256,
    sync_file,
    sync_folder,
)
from dagster_project.flow.swedish_views import make_swedish_views
from dagster_project.settings import Settings, Workspace

# No part of a release's identity: they hold run times and ids, or tell how it differs from the release before.
EXEMPT = frozenset({"releases", "source_files", "kpi_changes"})
SMALL = 1_000_000  # rows: below this a table without a key is ordered by all its columns
PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
LOOKED_AT = 100_000  # rows that tell whether a column of a large table may hold few words
FEW_WORDS = 10_000
REJECTED_KEPT = 5
MEMORY_LIMIT = "2GB"
RELEASES_TABLE = "releases"
RELEASES_DESCRIPTION = "The releases on disk when this one was published, and this one."
RELEASES_COLUMNS = {
    "release_id": ("VARCHAR", "Name of the release; sorts by time."),
    "released_at": ("TIMESTAMP", "When the release was made, UTC."),
    "as_of": ("DATE", "The day that the figures are as of."),
    "schema_version": ("VARCHAR", "Version of the published schema."),
    "code_version": ("VARCHAR", "Version of the program that made the release."),
    "fingerprint": ("VARCHAR", "Hash of deliveries, settings, code and as-of date."),
    "predecessor": ("VARCHAR", "The release that was in force before; empty for the first."),
    "is_current": ("BOOLEAN", "True for the release that this database belongs to."),
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Input:
    """One delivered file behind a release."""

    file: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class ReleaseFacts:
    """What a release tells about itself.

    `released_at` carries a time zone. `fingerprint` is the hexadecimal hash of deliveries, settings, code
    and as-of date. `gate` is the validation's result as JSON can hold it. `profile` is seconds by step.
    `key_id` names the pseudonym key that the tables were made with, without telling it; `settings` is the sha256 of
    organisation.yml.
    `sort_columns` gives the key that each table is ordered by; the key of a table of a million rows or more
    should be unique.
    """

    released_at: datetime
    as_of: date
    schema_version: str
    code_version: str
    fingerprint: str
    inputs: Sequence[Input] = ()
    gate: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, float] = field(default_factory=dict)
    predecessor: str | None = None
    key_id: str | None = None
    settings: str | None = None
    sort_columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.released_at.tzinfo is None:
            raise ValueError("released_at needs a time zone")
        if not re.fullmatch(r"[0-9a-f]{8,}", self.fingerprint):
            raise ValueError("fingerprint must be at least eight hexadecimal digits")


@dataclass(frozen=True)
class TableInfo:
    """A published table or view: a table's rows, and the sha256 of its Parquet file or of the view's definition."""

    kind: Literal["table", "view"]
    rows: int | None
    sha256: str


@dataclass(frozen=True)
class Candidate:
    """A release built beside, not in force. Reports may be laid in `directory / "reports"` before it is put
    in force.

    What is known only after the build (the gate's result, the profile) is given by replacing `about`.
    """

    directory: Path
    release_id: str
    tables: dict[str, TableInfo]
    about: ReleaseFacts

    @property
    def database(self) -> Path:
        return self.directory / DATABASE


# -------------------------------------------------------------------------------------- is it anything


def nothing_new(workspace: Workspace, fingerprint: str) -> bool:
    """Whether the release in force was made from the same deliveries, settings, code and as-of date."""
    release = current(workspace)
    return release is not None and release.fingerprint == fingerprint


def same_tables(candidate: Candidate, release: Release) -> bool:
    """Whether a candidate holds the same tables and views as a release, run times and ids left out."""
    theirs = {
        Path(path).stem: digest
        for path, digest in release.files.items()
        if Path(path).match("parquet/*.parquet")
    } | release.views
    ours = {name: table.sha256 for name, table in candidate.tables.items()}
    return _identity(ours) == _identity(theirs)


def _identity(digests: Mapping[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in digests.items() if name not in EXEMPT}


# -------------------------------------------------------------------------------------------- building


def build_candidate(build_db: Path, workspace: Workspace, about: ReleaseFacts) -> Candidate:
    """Make `procurement.duckdb` and `parquet/` of schema `main` in a folder beside the releases.

    The build database must be closed by its writer. Raises PublishError, with the release in force
    untouched, when there is nothing to publish, a view reads something outside `main`, or the disk does not
    allow it; LockHeld when another process holds the data folder.
    """
    layout = Layout(workspace.marts)
    if not build_db.is_file():
        raise PublishError("publish.no_build", path=build_db)
    with FolderLock(workspace), plainly("publish.step_build"):
        release_id = _next_id(workspace, about)
        directory = layout.building / release_id
        spill = layout.building / f"{release_id}.spill"
        _fresh(directory)
        (directory / "parquet").mkdir()
        try:
            with _duckdb(spill) as connection:
                _copy(connection, build_db, directory / DATABASE)
                if unbound := _unbound_views(connection):
                    name, reason = next(iter(unbound.items()))
                    raise PublishError("publish.view_unbound", view=name, reason=reason)
                if not _tables(connection):
                    raise PublishError("publish.nothing_built", path=build_db)
                _put_in_order(connection, about.sort_columns)
                _fill_releases(connection, workspace, release_id, about)
                make_swedish_views(connection, "rel")
                _write_parquet(connection, directory / "parquet")
                connection.execute("CHECKPOINT rel")
            with _duckdb(spill) as connection:
                tables = _look_at(connection, directory)
            shutil.rmtree(
                spill, ignore_errors=True
            )  # removed with all of `.building` at the next start otherwise
            (directory / DATABASE).chmod(0o444)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)  # the first error is the one to tell
            shutil.rmtree(spill, ignore_errors=True)
            raise
    return Candidate(directory, release_id, tables, about)


def _next_id(workspace: Workspace, about: ReleaseFacts) -> str:
    """The time and the fingerprint's first eight digits; a second after the latest when the clock went
    backwards.
    """
    stamp = about.released_at.astimezone(UTC).replace(microsecond=0)
    earlier = [*release_ids(workspace), *([about.predecessor] if about.predecessor else [])]
    if earlier:
        latest = datetime.strptime(max(earlier).partition("-")[0], STAMP).replace(tzinfo=UTC)
        stamp = max(stamp, latest + timedelta(seconds=1))
    return f"{stamp.strftime(STAMP)}-{about.fingerprint[:8]}"


@contextmanager
def _duckdb(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own that spills beside the candidate; what DuckDB says of the disk is said
    plainly.
    """
    try:
        with duckdb.connect(
            config={
                "temp_directory": str(spill),
                "memory_limit": MEMORY_LIMIT,
                "threads": "2",
                "max_vacuum_tasks": "0",  # as in dbt's profile
                "autoload_known_extensions": "false",
            }
        ) as connection:
            yield connection
    except duckdb.Error as error:
        key = fault_key(error, spill.parent) or "publish.failed"
        raise PublishError(key, step="publish.step_build", where=spill.parent, reason=error) from error


def _copy(connection: duckdb.DuckDBPyConnection, build_db: Path, target: Path) -> None:
    """Copy the build's file and attach the copy as `rel`: a ledger of millions is not written a second time."""
    connection.execute(f"ATTACH {_text(build_db)} AS build")
    connection.execute("CHECKPOINT build")  # everything in the one file
    connection.execute("DETACH build")
    shutil.copyfile(build_db, target)
    connection.execute(f"ATTACH {_text(target)} AS rel")
    connection.execute("USE rel")
    if others := connection.execute(
        "SELECT DISTINCT schema_name FROM duckdb_tables() WHERE database_name = 'rel' AND schema_name <> 'main'"
    ).fetchall():
        raise PublishError("publish.not_for_reading", schemas=", ".join(sorted(name for (name,) in others)))


def _unbound_views(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The views that find something they read neither in the copy's `main` nor in DuckDB, with the reason.

    DuckDB keeps a view's definition without the name of the database that it lies in, so that the file can be
    attached under any name; a name of another database or schema does not bind here.
    """
    unbound = {}
    for name in _views(connection):
        try:
            connection.execute(f"DESCRIBE rel.main.{_name(name)}")
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            unbound[name] = str(error)
    return unbound


def _views(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The definition of each view of the copy, by name."""
    found: list[tuple[str, str]] = connection.execute(
        "SELECT view_name, sql FROM duckdb_views()"
        " WHERE database_name = 'rel' AND schema_name = 'main' AND NOT internal ORDER BY ALL"
    ).fetchall()
    return dict(found)


def _put_in_order(connection: duckdb.DuckDBPyConnection, sort_columns: Mapping[str, Sequence[str]]) -> None:
    """Have the same rows come in the same order, whatever order they were computed in."""
    columns = _columns(connection)
    for table, comment in _tables(connection):
        order = _order(connection, table, [name for name, _ in columns[table]], sort_columns.get(table, ()))
        if order:
            name = f"rel.main.{_name(table)}"
            connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {name} AS _row{order}")
            _comment(connection, table, comment, columns[table])


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str | None]]:
    """The base tables of the copy with their comments, by name."""
    found: list[tuple[str, str | None]] = connection.execute(
        "SELECT table_name, comment FROM duckdb_tables()"
        " WHERE database_name = 'rel' AND schema_name = 'main' AND NOT internal ORDER BY ALL"
    ).fetchall()
    return found


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str | None]]]:
    columns: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for table, column, comment in connection.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns()"
        " WHERE database_name = 'rel' AND schema_name = 'main' ORDER BY table_name, column_index"
    ).fetchall():
        columns[table].append((column, comment))
    return columns


def _order(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], key: Sequence[str]
) -> str:
    """The ORDER BY of a table; empty where it keeps the order that it was built in.

    A small table is ordered by its key and then by all columns. A large one by its key and, for rows that
    share it, by the row's hash; without a key it keeps the order that it was built in, because sorting a
    whole ledger by all columns costs more than the ledger's model did.
    """
    if unknown := set(key) - set(columns):
        raise PublishError("publish.unknown_sort_column", table=table, column=", ".join(sorted(unknown)))
    [rows] = _row(connection, f"SELECT count(*) FROM rel.main.{_name(table)}")
    if rows < SMALL:
        terms = [f"_row.{_name(column)}" for column in dict.fromkeys([*key, *columns])]
    else:
        terms = [*(f"_row.{_name(column)}" for column in key), "hash(_row)"] if key else []
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def _comment(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    comment: str | None,
    columns: Sequence[tuple[str, str | None]],
) -> None:
    if comment:
        connection.execute(f"COMMENT ON TABLE {_name(table)} IS {_text(comment)}")
    for column, said in columns:
        if said:
            connection.execute(f"COMMENT ON COLUMN {_name(table)}.{_name(column)} IS {_text(said)}")


def _fill_releases(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, release_id: str, about: ReleaseFacts
) -> None:
    name = _name(RELEASES_TABLE)
    columns = ", ".join(f"{_name(column)} {kind}" for column, (kind, _) in RELEASES_COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TABLE rel.main.{name} ({columns})")
    _comment(
        connection,
        RELEASES_TABLE,
        RELEASES_DESCRIPTION,
        [(c, d) for c, (_, d) in RELEASES_COLUMNS.items()],
    )
    # By release: what every earlier one told, then this one.
    told = [
        (
            r.release_id,
            r.released_at,
            r.as_of,
            r.schema_version,
            r.code_version,
            r.fingerprint,
            r.predecessor,
            False,
        )
        for r in releases(workspace)
    ]
    own = (about.schema_version, about.code_version, about.fingerprint, about.predecessor, True)
    told.append((release_id, about.released_at, about.as_of, *own))
    connection.executemany(
        f"INSERT INTO rel.main.{name} VALUES ({', '.join('?' for _ in RELEASES_COLUMNS)})",
        [(row[0], row[1].astimezone(UTC).replace(tzinfo=None), *row[2:]) for row in told],
    )


def _write_parquet(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """One file per base table. Rows and row groups follow the table's order, so that threads leave no
    trace.
    """
    for table, _ in _tables(connection):
        file = folder / f"{table}.parquet"
        connection.execute(
            f"COPY (SELECT {_cells(connection, table)} FROM rel.main.{_name(table)}) TO {_text(file)} ({PARQUET})"
        )
    for [kind] in connection.execute(
        "SELECT type_name FROM duckdb_types() WHERE database_name = 'memory' AND NOT internal"
    ).fetchall():
        connection.execute(f"DROP TYPE memory.main.{_name(kind)}")


def _cells(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The columns of a table for its Parquet file. The texts of a large table are given as numbers of the few words
    that a column holds: the file is the same kind of text, and is written without hashing every cell.
    """
    source = f"rel.main.{_name(table)}"
    cells = []
    [rows] = _row(connection, f"SELECT count(*) FROM {source}")
    for column, kind, *_ in connection.execute(f"DESCRIBE {source}").fetchall():
        name = _name(column)
        if rows >= SMALL and kind == "VARCHAR":
            first = f"(SELECT {name} FROM {source} LIMIT {LOOKED_AT})"
            words = f"SELECT DISTINCT {name} FROM {source} WHERE {name} IS NOT NULL ORDER BY ALL"
            [found] = _row(connection, f"SELECT count(DISTINCT {name}) FROM {first}")
            if 0 < found <= FEW_WORDS and len(connection.execute(words).fetchall()) <= FEW_WORDS:
                word = f"memory.main.{_name(f'{table}.{column}')}"
                connection.execute(f"CREATE OR REPLACE TYPE {word} AS ENUM ({words})")
                name = f"TRY_CAST({name} AS {word}) AS {name}"
        cells.append(name)
    return ", ".join(cells)


def _look_at(connection: duckdb.DuckDBPyConnection, directory: Path) -> dict[str, TableInfo]:
    """Open the finished file as a reader would and count its tables; a view is known by its definition."""
    connection.execute(f"ATTACH {_text(directory / DATABASE)} AS rel (READ_ONLY)")
    tables = {
        name: TableInfo("view", None, hashlib.sha256(sql.encode()).hexdigest())
        for name, sql in _views(connection).items()
    }
    for name, _ in _tables(connection):
        [rows] = _row(connection, f"SELECT count(*) FROM rel.main.{_name(name)}")
        tables[name] = TableInfo("table", rows, sha256(directory / "parquet" / f"{name}.parquet"))
    return dict(sorted(tables.items()))


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(query).fetchall()[0]
    return row


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


# ---------------------------------------------------------------------------- putting in force, or not


def put_in_force(candidate: Candidate, workspace: Workspace, settings: Settings) -> Release:
    """Seal a candidate, swap it in, and let old releases go as `retention` says.

    On PublishError (disk, rights, no links) the release before is in force as it was. Old releases that
    cannot be removed are told in the log: by then the new one is in force. Takes the lock.
    """
    with FolderLock(workspace), plainly("publish.step_swap"):
        settle(workspace)
        keep_for_closed_periods(workspace)  # damaged: said before anything changes
        _seal(candidate)
        release = install(candidate.directory, candidate.release_id, workspace)
        try:
            with plainly("publish.step_retention"):
                retire(workspace, settings.retention.releases)
        except PublishError as error:
            _log.warning("%s", error)
        return release


def _seal(candidate: Candidate) -> None:
    """Write `release.json` over all files of the folder, and have everything on disk, read-only."""
    directory, about = candidate.directory, candidate.about
    told = {
        "release_id": candidate.release_id,
        "released_at": about.released_at.astimezone(UTC).isoformat(),
        "as_of": about.as_of.isoformat(),
        "schema_version": about.schema_version,
        "code_version": about.code_version,
        "fingerprint": about.fingerprint,
        "predecessor": about.predecessor,
        "key_id": about.key_id,
        "settings": about.settings,
        "gate": dict(about.gate),
        "inputs": [{"file": i.file, "sha256": i.sha256, "rows": i.rows} for i in about.inputs],
        "rows": {name: table.rows for name, table in candidate.tables.items() if table.kind == "table"},
        "views": {name: table.sha256 for name, table in candidate.tables.items() if table.kind == "view"},
        "files": {path: sha256(directory / path) for path in files_of(directory) if path != RELEASE_FILE},
        "profile": dict(about.profile),
    }
    _write(directory / RELEASE_FILE, json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    _make_durable(directory)


def _make_durable(directory: Path) -> None:
    for path in files_of(directory):
        (directory / path).chmod(0o444)
        sync_file(directory / path)
    for folder in [directory, *(path for path in directory.rglob("*") if path.is_dir())]:
        sync_folder(folder)


def reject(
    candidate_or_build: Candidate | Path | None,
    workspace: Workspace,
    run_id: str,
    report: Mapping[str, Any] | str,
) -> Path:
    """Lay what did not pass in `marts/rejected/<run_id>/` for reading, with its validation report; the last
    5 are kept.

    A candidate is moved there. Of a build database, schema `main` is copied; what cannot be copied (the
    views that need the rest, a build that is damaged) is named in `left_out.json`. With None, or a build
    that was never made, the report stands alone. The report is `validation_report.json` when a mapping,
    `validation_report.md` when a text. Takes the lock.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise ValueError(f"not a run id: {run_id!r}")
    layout = Layout(workspace.marts)
    with FolderLock(workspace), plainly("publish.step_reject"):
        if isinstance(candidate_or_build, Candidate):
            directory = candidate_or_build.directory
        else:
            directory = layout.building / f"rejected-{run_id}"
            _fresh(directory)
            if candidate_or_build is not None and candidate_or_build.is_file():
                _copy_for_reading(candidate_or_build, directory)
        if isinstance(report, str):
            _write(directory / "validation_report.md", report)
        else:
            text = json.dumps(report, ensure_ascii=False, indent=2, default=str)
            _write(directory / "validation_report.json", text + "\n")
        layout.rejected.mkdir(parents=True, exist_ok=True)
        place = layout.rejected / run_id
        if place.exists():
            discard(place, workspace)
        directory.rename(place)
        for old in sorted(layout.rejected.iterdir(), key=_made)[:-REJECTED_KEPT]:
            discard(old, workspace)
        return place


def _copy_for_reading(build_db: Path, directory: Path) -> None:
    try:
        with _duckdb(directory / "spill") as connection:
            _copy(connection, build_db, directory / DATABASE)
            left_out = _unbound_views(connection)
            for view in left_out:
                connection.execute(f"DROP VIEW {_name(view)}")
            connection.execute("CHECKPOINT rel")
    except PublishError as error:
        # The validation report is what matters here, and must not be lost because its database cannot be
        # read.
        left_out = {DATABASE: str(error)}
    shutil.rmtree(directory / "spill", ignore_errors=True)  # made by DuckDB only if it spilled
    if left_out:
        _write(directory / "left_out.json", json.dumps(left_out, ensure_ascii=False, indent=2) + "\n")


def _fresh(directory: Path) -> None:
    """An empty folder, whatever a killed run left under that name."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)


def _made(folder: Path) -> tuple[int, str]:
    return folder.stat().st_mtime_ns, folder.name


def _write(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)  # sealed before, when an earlier attempt at the swap failed
    file.write_text(text, encoding="utf-8")

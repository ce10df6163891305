"""Makes a release: a candidate built beside, put in force whole, or laid aside to be read.

What belongs here: which tables of the build are published, in what form and order, and what is told about
them in `release.json`. What does not: whether a candidate is good enough (`validate.py`), and the swap,
rollback and retention (`releases.py`).

Only schema `main` of the build is published. The database is a new file: the build file is never published,
because its writer would shut readers out, and because it holds what is not for reading.
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
from dagster_project.settings import Settings, Workspace

EXEMPT = frozenset({"releases", "source_files"})  # hold run times and ids: no part of a release's identity
SMALL = 1_000_000  # rows: below this a table without a key is ordered by all its columns
REJECTED_KEPT = 5
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
    `key_id` names the pseudonym key that the tables were made with, without telling it.
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
    sort_columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.released_at.tzinfo is None:
            raise ValueError("released_at needs a time zone")
        if not re.fullmatch(r"[0-9a-f]{8,}", self.fingerprint):
            raise ValueError("fingerprint must be at least eight hexadecimal digits")


@dataclass(frozen=True)
class TableInfo:
    """A published table or view: its rows, and the sha256 of its Parquet file or of the view's definition."""

    kind: Literal["table", "view"]
    rows: int
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
                views = _copy_tables(connection, build_db, directory / DATABASE, about.sort_columns)
                if unbound := _create_views(connection, views):
                    name, reason = next(iter(unbound.items()))
                    raise PublishError("publish.view_unbound", view=name, reason=reason)
                if not _tables(connection, "rel"):
                    raise PublishError("publish.nothing_built", path=build_db)
                _fill_releases(connection, workspace, release_id, about)
                _write_parquet(connection, directory / "parquet")
                connection.execute("CHECKPOINT rel")
            with _duckdb(spill) as connection:
                tables = _look_at(connection, directory, {view.name: view.sql for view in views})
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
            config={"temp_directory": str(spill), "autoload_known_extensions": "false"}
        ) as connection:
            yield connection
    except duckdb.Error as error:
        key = fault_key(error, spill.parent) or "publish.failed"
        raise PublishError(key, step="publish.step_build", where=spill.parent, reason=error) from error


@dataclass(frozen=True)
class _View:
    name: str
    sql: str
    comment: str | None
    columns: tuple[tuple[str, str], ...]  # (column, comment)


def _copy_tables(
    connection: duckdb.DuckDBPyConnection,
    build_db: Path,
    target: Path,
    sort_columns: Mapping[str, Sequence[str]],
) -> list[_View]:
    """Copy every base table of the build's `main`, ordered, with comments; the views, still to be created."""
    connection.execute(f"ATTACH {_text(build_db)} AS build (READ_ONLY)")
    connection.execute(f"ATTACH {_text(target)} AS rel")
    connection.execute("USE rel")
    columns = _columns(connection)
    for table, comment in _tables(connection, "build"):
        order = _order(connection, table, [name for name, _ in columns[table]], sort_columns.get(table, ()))
        connection.execute(
            f"CREATE TABLE rel.main.{_name(table)} AS SELECT * FROM build.main.{_name(table)} AS _row{order}"
        )
        _comment(connection, "TABLE", table, comment, columns[table])
    found = connection.execute(
        "SELECT view_name, sql, comment FROM duckdb_views()"
        " WHERE database_name = 'build' AND schema_name = 'main' AND NOT internal ORDER BY ALL"
    ).fetchall()
    # Detached before the views are created, so that none can be bound to the build.
    connection.execute("DETACH build")
    return [
        _View(name, sql, comment, tuple((column, said) for column, said in columns[name] if said))
        for name, sql, comment in found
    ]


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str | None]]:
    """The base tables of a database's `main` with their comments, by name."""
    found: list[tuple[str, str | None]] = connection.execute(
        "SELECT table_name, comment FROM duckdb_tables()"
        " WHERE database_name = ? AND schema_name = 'main' AND NOT internal ORDER BY ALL",
        [database],
    ).fetchall()
    return found


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str | None]]]:
    columns: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for table, column, comment in connection.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns()"
        " WHERE database_name = 'build' AND schema_name = 'main' ORDER BY table_name, column_index"
    ).fetchall():
        columns[table].append((column, comment))
    return columns


def _order(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], key: Sequence[str]
) -> str:
    """The ORDER BY that makes the same rows come in the same order, whatever order they were computed in.

    A small table is ordered by its key and then by all columns. A large one by its key and, for rows that
    share it, by the row's hash; without a key it keeps the order that it was built in, because sorting a
    whole ledger by all columns costs more than the ledger's model did.
    """
    if unknown := set(key) - set(columns):
        raise PublishError("publish.unknown_sort_column", table=table, column=", ".join(sorted(unknown)))
    [rows] = _row(connection, f"SELECT count(*) FROM build.main.{_name(table)}")
    if rows < SMALL:
        terms = [f"_row.{_name(column)}" for column in dict.fromkeys([*key, *columns])]
    else:
        terms = [*(f"_row.{_name(column)}" for column in key), "hash(_row)"] if key else []
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def _comment(
    connection: duckdb.DuckDBPyConnection,
    kind: Literal["TABLE", "VIEW"],
    name: str,
    comment: str | None,
    columns: Sequence[tuple[str, str | None]],
) -> None:
    if comment:
        connection.execute(f"COMMENT ON {kind} {_name(name)} IS {_text(comment)}")
    for column, said in columns:
        if said:
            connection.execute(f"COMMENT ON COLUMN {_name(name)}.{_name(column)} IS {_text(said)}")


def _create_views(connection: duckdb.DuckDBPyConnection, views: Sequence[_View]) -> dict[str, str]:
    """Create the views in an order where each finds what it reads; those that find nothing, with the reason.

    DuckDB keeps a view's definition without the name of the database that it lies in, so that the file can be
    attached under any name; a name of another database or schema does not bind here and is reported.
    """
    waiting = list(views)
    while waiting:
        unbound: dict[str, str] = {}
        for view in waiting:
            try:
                connection.execute(view.sql)
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                unbound[view.name] = str(error)
            else:
                _comment(connection, "VIEW", view.name, view.comment, view.columns)
        if len(unbound) == len(waiting):
            return unbound
        waiting = [view for view in waiting if view.name in unbound]
    return {}


def _fill_releases(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, release_id: str, about: ReleaseFacts
) -> None:
    name = _name(RELEASES_TABLE)
    columns = ", ".join(f"{_name(column)} {kind}" for column, (kind, _) in RELEASES_COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TABLE rel.main.{name} ({columns})")
    _comment(
        connection,
        "TABLE",
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
    for table, _ in _tables(connection, "rel"):
        file = folder / f"{table}.parquet"
        connection.execute(
            f"COPY (FROM rel.main.{_name(table)}) TO {_text(file)} (FORMAT parquet, COMPRESSION zstd)"
        )


def _look_at(
    connection: duckdb.DuckDBPyConnection, directory: Path, definitions: Mapping[str, str]
) -> dict[str, TableInfo]:
    """Read the finished file as a reader would, under another name: every table and view counted, or
    PublishError.
    """
    connection.execute(f"ATTACH {_text(directory / DATABASE)} AS a_reader (READ_ONLY)")
    tables: dict[str, TableInfo] = {}
    for name, kind in connection.execute(
        "SELECT table_name, table_type FROM information_schema.tables"
        " WHERE table_catalog = 'a_reader' ORDER BY ALL"
    ).fetchall():
        [rows] = _row(connection, f"SELECT count(*) FROM a_reader.main.{_name(name)}")
        if kind == "VIEW":
            digest = hashlib.sha256(definitions[name].encode()).hexdigest()
            tables[name] = TableInfo("view", rows, digest)
        else:
            tables[name] = TableInfo("table", rows, sha256(directory / "parquet" / f"{name}.parquet"))
    return tables


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
        "gate": dict(about.gate),
        "inputs": [{"file": i.file, "sha256": i.sha256, "rows": i.rows} for i in about.inputs],
        "rows": {name: table.rows for name, table in candidate.tables.items()},
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
            left_out = _create_views(connection, _copy_tables(connection, build_db, directory / DATABASE, {}))
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

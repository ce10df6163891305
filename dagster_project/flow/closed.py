"""The closed periods on disk: which there are, what was kept of each, the log of them, and whether all is as it was.

    marts/closed.json               which release each closed period was reported with, and the hashes of what is kept
    marts/closed/<release_id>/      the accepted rows and the settings behind the release, sealed by `seal.json`
    marts/closed.log                one line for every closing and reopening; each bears the hash of the one before

What belongs here: reading, writing and verifying these. What does not: whether a period may be closed (closing.py),
and what its figures have become (changes.py). Nothing here needs a network, a key or the deliveries.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from dagster_project.flow.releases import (
    RELEASE_FILE,
    Layout,
    PublishError,
    files_of,
    release_ids,
    releases,
    sha256,
    sync_file,
    sync_folder,
    verify,
)
from dagster_project.settings import Workspace

SEAL_FILE = "seal.json"
SETTINGS_FILE = "organisation.yml"
SCHEMAS = ("run", "delivered")
FIRST = "0" * 64  # what the log's first line names as the one before


@dataclass(frozen=True)
class ClosedPeriod:
    """A closed period: its release, when (UTC, ISO 8601) and by whom, and the sha256 of the release's own file and of
    the seal over its rows.
    """

    period: str
    release_id: str
    closed_at: str
    closed_by: str
    release_sha256: str
    seal_sha256: str


@dataclass(frozen=True)
class Checked:
    """What was verified and the files that are missing, changed or too many; whole when there are none."""

    name: str
    wrong: tuple[str, ...]


# ------------------------------------------------------------------------------------------- which, and where


def closed_periods(workspace: Workspace) -> dict[str, ClosedPeriod]:
    """The closed periods by name; PublishError when `closed.json` is damaged."""
    path = Layout(workspace.marts).closed
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["periods"]
        return {period: ClosedPeriod(period=period, **facts) for period, facts in sorted(told.items())}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublishError("publish.closed_unreadable", path=path, reason=error) from error


def write_closed(workspace: Workspace, periods: Mapping[str, ClosedPeriod]) -> None:
    """Put the list of closed periods in place by one rename. Call under the lock."""
    path = Layout(workspace.marts).closed
    facts = {
        name: {field: value for field, value in asdict(one).items() if field != "period"}
        for name, one in sorted(periods.items())
    }
    fresh = path.with_name(f".{path.name}.next")
    fresh.write_text(json.dumps({"periods": facts}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    sync_file(fresh)
    os.replace(fresh, path)
    sync_folder(path.parent)


def kept_folder(workspace: Workspace, release_id: str) -> Path:
    """Where the rows and settings behind a closed release are kept."""
    return workspace.marts / "closed" / release_id


def kept_rows(folder: Path, schema: str, table: str) -> Path:
    """The Parquet file of one relation in such a folder."""
    return folder / schema / f"{table}.parquet"


# ------------------------------------------------------------------------------------------------- keeping


def keep(connection: duckdb.DuckDBPyConnection, workspace: Workspace, folder: Path) -> None:
    """Write every accepted row, the run's facts and the settings into a folder, and seal it.

    Persons are pseudonymised in these rows already. `connection` finds the schemas by its search path.
    """
    found = connection.execute(
        "select table_schema, table_name from information_schema.tables where table_schema in ('run', 'delivered') "
        "order by all"
    ).fetchall()
    for schema, table in found:
        file = kept_rows(folder, schema, table)
        file.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(
            f"copy (from {schema}.{table}) to '{str(file).replace(chr(39), chr(39) * 2)}' "
            "(format parquet, compression zstd)"
        )
    (folder / SETTINGS_FILE).write_bytes(workspace.settings_file.read_bytes())
    seal = {path: sha256(folder / path) for path in files_of(folder)}
    (folder / SEAL_FILE).write_text(json.dumps(seal, indent=2) + "\n", encoding="utf-8")
    for path in files_of(folder):
        (folder / path).chmod(0o444)
        sync_file(folder / path)


# --------------------------------------------------------------------------------------------------- the log


def log_file(workspace: Workspace) -> Path:
    """The log of closings and reopenings."""
    return workspace.marts / "closed.log"


def write_log(
    workspace: Workspace, did: Literal["closed", "reopened"], period: ClosedPeriod, reason: str | None
) -> None:
    """Add a line to the log; lines are only ever added. Call under the lock."""
    path = log_file(workspace)
    lines = _log_lines(path)
    line = {
        "at": now(),
        "by": whoever(),
        "did": did,
        "period": period.period,
        "release_id": period.release_id,
        "reason": reason,
        "release_sha256": period.release_sha256,
        "seal_sha256": period.seal_sha256,
        "before": _hash(lines[-1]) if lines else FIRST,
    }
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    sync_file(path)
    sync_folder(path.parent)


def now() -> str:
    """This second, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def whoever() -> str:
    """The account that this process runs as."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account without a name, as in a container
        return str(os.getuid())


def _log_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


# -------------------------------------------------------------------------------------------------- verifying


def verified(workspace: Workspace, what: str | None = None) -> list[Checked]:
    """Whether a release, a closed period or (None) all of both and the log are as they were sealed.

    Raises PublishError when there is no such release or period.
    """
    periods = closed_periods(workspace)
    if what is None:
        # A release that cannot be read at all is damaged too.
        whole = {release.release_id: verify(release) for release in releases(workspace)}
        found = [Checked(name, tuple(whole.get(name, [RELEASE_FILE]))) for name in release_ids(workspace)]
        found += [_of_period(workspace, period) for period in periods.values()]
        return [*found, Checked(log_file(workspace).name, _log_faults(workspace, periods))]
    if what in periods:
        return [_of_period(workspace, periods[what])]
    for release in releases(workspace):
        if release.release_id == what:
            return [Checked(what, tuple(verify(release)))]
    known = [*periods, *release_ids(workspace)]
    raise PublishError("close.verify_unknown", given=what, known=", ".join(known) or "–")


def _of_period(workspace: Workspace, period: ClosedPeriod) -> Checked:
    """The release's own file and the seal are held against the list, everything else against these two."""
    layout = Layout(workspace.marts)
    wrong = []
    release_file = layout.releases / period.release_id / RELEASE_FILE
    if not release_file.is_file() or sha256(release_file) != period.release_sha256:
        wrong.append(RELEASE_FILE)
    found = next((one for one in releases(workspace) if one.release_id == period.release_id), None)
    wrong += verify(found) if found else []
    folder = kept_folder(workspace, period.release_id)
    seal_file = folder / SEAL_FILE
    if not seal_file.is_file() or sha256(seal_file) != period.seal_sha256:
        wrong.append(SEAL_FILE)
    else:
        seal: dict[str, str] = json.loads(seal_file.read_text(encoding="utf-8"))
        wrong += [
            path
            for path, expected in seal.items()
            if not (folder / path).is_file() or sha256(folder / path) != expected
        ]
        wrong += sorted(set(files_of(folder)) - set(seal) - {SEAL_FILE})
    return Checked(period.period, tuple(dict.fromkeys(wrong)))


def _log_faults(workspace: Workspace, periods: Mapping[str, ClosedPeriod]) -> tuple[str, ...]:
    """What does not hold of the log: a line that does not name the one before, a list that says something else."""
    before, latest = FIRST, dict[str, dict[str, Any]]()
    for number, line in enumerate(_log_lines(log_file(workspace)), start=1):
        try:
            told = json.loads(line)
            follows = told["before"] == before
            latest[told["period"]] = told
        except (ValueError, KeyError, TypeError):
            follows = False
        if not follows:
            return (f"{log_file(workspace).name}:{number}",)
        before = _hash(line)
    logged = {
        period: (told["release_id"], told["release_sha256"], told["seal_sha256"])
        for period, told in latest.items()
        if told["did"] == "closed"
    }
    listed = {name: (one.release_id, one.release_sha256, one.seal_sha256) for name, one in periods.items()}
    return () if logged == listed else (Layout(workspace.marts).closed.name,)

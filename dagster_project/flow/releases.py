"""The releases on disk: which there are, which is in force, how one is put in force, and which are let go.

What belongs here: the layout of `marts/`, `release.json`, the swap of the link, rollback, retention and
what a killed run left behind. What does not: making the tables of a release (`publish.py`).

    marts/current                  relative link to the release in force; changed only by one rename
    marts/releases/<release_id>/   whole releases; a folder arrives and leaves by one rename
    marts/rejected/<run_id>/       candidates that did not pass
    marts/.building/               everything unfinished; may be thrown away at any time nobody holds the lock
    marts/.publishing              names the release that is between its arrival and the swap of the link
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from dagster_project.flow.faults import BY_NUMBER, fault_key
from dagster_project.flow.lock import FolderLock
from dagster_project.messages import message
from dagster_project.settings import Workspace

DATABASE = "procurement.duckdb"
RELEASE_FILE = "release.json"
STAMP = "%Y%m%dT%H%M%SZ"
_RELEASE_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")

_log = logging.getLogger(__name__)


class PublishError(Exception):
    """Nothing was published and the release in force is untouched; the text says why in Swedish and English.

    `key` is the message's; an argument `step` is itself the key of what was being done.
    """

    def __init__(self, key: str, **arguments: object) -> None:
        self.key = key
        self.arguments = arguments
        super().__init__(f"{self.words('sv')} / {self.words('en')}")

    def words(self, language: str) -> str:
        """The text in one language."""
        arguments = dict(self.arguments)
        if "step" in arguments:
            arguments["step"] = message(str(arguments["step"]), language)
        return message(self.key, language, **arguments)


@dataclass(frozen=True)
class Release:
    """One release as its `release.json` tells it.

    `rows` counts rows by table; `views` holds the sha256 of each view's definition; `files` holds
    the sha256 of each file by its path within the folder; `profile` is seconds by step. `key_id` names the
    pseudonym key behind the release and `settings` is the sha256 of organisation.yml, None where that was not
    written down.
    """

    release_id: str
    directory: Path
    released_at: datetime
    as_of: date
    schema_version: str
    code_version: str
    fingerprint: str
    predecessor: str | None
    inputs: tuple[dict[str, Any], ...]
    gate: dict[str, Any]
    rows: dict[str, int]
    views: dict[str, str]
    files: dict[str, str]
    profile: dict[str, float]
    in_force: bool
    key_id: str | None = None
    settings: str | None = None

    @property
    def database(self) -> Path:
        return self.directory / DATABASE

    @property
    def delivered(self) -> frozenset[tuple[str, str]]:
        """The deliveries behind it: file and sha256."""
        return frozenset((entry["file"], entry["sha256"]) for entry in self.inputs)


@dataclass(frozen=True)
class Layout:
    """Where things lie under one `marts/`."""

    marts: Path

    @property
    def current(self) -> Path:
        return self.marts / "current"

    @property
    def releases(self) -> Path:
        return self.marts / "releases"

    @property
    def rejected(self) -> Path:
        return self.marts / "rejected"

    @property
    def building(self) -> Path:
        return self.marts / ".building"

    @property
    def publishing(self) -> Path:
        return self.marts / ".publishing"

    @property
    def next_link(self) -> Path:
        return self.marts / ".current.next"

    @property
    def closed(self) -> Path:
        return self.marts / "closed.json"


# --------------------------------------------------------------------------------------------- reading


def releases(workspace: Workspace) -> list[Release]:
    """The releases that can be read, oldest first. A damaged folder is left out and told in the log."""
    layout = Layout(workspace.marts)
    found = []
    for release_id in release_ids(workspace):
        try:
            found.append(_read(layout, release_id))
        except PublishError as error:
            _log.warning("%s", error)
    return found


def current(workspace: Workspace) -> Release | None:
    """The release in force, None before the first. Raises PublishError when the link or what it names
    is damaged.
    """
    layout = Layout(workspace.marts)
    release_id = _current_id(layout)
    return None if release_id is None else _read(layout, release_id)


def rolled_back_from(workspace: Workspace) -> Release | None:
    """The latest release, where an earlier one is in force: somebody has gone back from it. None as well where it
    cannot be read.
    """
    in_force = current(workspace)
    if in_force is None or release_ids(workspace)[-1] == in_force.release_id:
        return None
    latest = releases(workspace)[-1]
    return None if latest.in_force else latest


def release_ids(workspace: Workspace) -> list[str]:
    """The ids on disk, oldest first; without one whose publication was broken off before it came in force."""
    layout = Layout(workspace.marts)
    if not layout.releases.is_dir():
        return []
    names = {entry.name for entry in layout.releases.iterdir() if _RELEASE_ID.fullmatch(entry.name)}
    return sorted(names - {_never_in_force(layout)})


def verify(release: Release) -> list[str]:
    """The paths in a release's folder that are missing, changed or not named in its `release.json`;
    empty when whole.
    """
    wrong = []
    for path, expected in release.files.items():
        file = release.directory / path
        if not file.is_file() or sha256(file) != expected:
            wrong.append(path)
    return sorted({*wrong, *(set(files_of(release.directory)) - set(release.files) - {RELEASE_FILE})})


def _read(layout: Layout, release_id: str) -> Release:
    directory = layout.releases / release_id
    try:
        told = json.loads((directory / RELEASE_FILE).read_text(encoding="utf-8"))
        return Release(
            release_id=told["release_id"],
            directory=directory,
            released_at=datetime.fromisoformat(told["released_at"]),
            as_of=date.fromisoformat(told["as_of"]),
            schema_version=told["schema_version"],
            code_version=told["code_version"],
            fingerprint=told["fingerprint"],
            predecessor=told["predecessor"],
            inputs=tuple(told["inputs"]),
            gate=told["gate"],
            rows=told["rows"],
            views=told["views"],
            files=told["files"],
            profile=told["profile"],
            in_force=release_id == _current_id(layout),
            key_id=told.get("key_id"),
            settings=told.get("settings"),
        )
    except PermissionError as error:
        raise PublishError("release.closed", file=error.filename) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublishError("release.unreadable", folder=directory, reason=error) from error


def _current_id(layout: Layout) -> str | None:
    if layout.current.is_symlink():
        return Path(os.readlink(layout.current)).name
    if layout.current.exists():
        raise PublishError("publish.current_is_no_link", path=layout.current)
    return None


def _never_in_force(layout: Layout) -> str | None:
    """The release that a killed run moved into place without ever putting it in force."""
    try:
        release_id = layout.publishing.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return release_id if release_id and release_id != _current_id(layout) else None


# -------------------------------------------------------------------------------------------- swapping


def install(candidate: Path, release_id: str, workspace: Workspace) -> Release:
    """Move a finished, synced folder into `releases/` and put it in force. Call under the lock, after
    `settle`.

    Killed at any moment, the link names either the release before or this one, whole.
    """
    layout = Layout(workspace.marts)
    _current_id(layout)  # a folder where the link should be is found before anything is moved
    layout.releases.mkdir(parents=True, exist_ok=True)
    _make_link(layout, release_id)
    _write_durably(layout.publishing, release_id)
    os.rename(candidate, layout.releases / release_id)
    sync_folder(layout.releases)
    sync_folder(candidate.parent)
    _swap(layout)
    layout.publishing.unlink()
    return _read(layout, release_id)


def rollback(workspace: Workspace, release_id: str) -> Release:
    """Put an earlier (or later) release in force again; PublishError when it is unknown or not whole.

    Only the link changes: the release that is left stays until retention lets it go. Takes the lock.
    """
    layout = Layout(workspace.marts)
    with FolderLock(workspace), plainly("publish.step_rollback"):
        settle(workspace)
        known = release_ids(workspace)
        if release_id not in known:
            raise PublishError("release.unknown", release=release_id, known=", ".join(known) or "–")
        chosen = _read(layout, release_id)
        if wrong := verify(chosen):
            raise PublishError("release.not_whole", release=release_id, files=", ".join(wrong))
        if not chosen.in_force:
            _make_link(layout, release_id)
            _swap(layout)
        return _read(layout, release_id)


def _make_link(layout: Layout, release_id: str) -> None:
    layout.next_link.unlink(missing_ok=True)
    try:
        os.symlink(f"{layout.releases.name}/{release_id}", layout.next_link, target_is_directory=True)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in BY_NUMBER and error.errno != errno.EPERM:
            raise
        raise PublishError("publish.no_links", folder=layout.marts, reason=error) from error


def _swap(layout: Layout) -> None:
    os.replace(layout.next_link, layout.current)
    sync_folder(layout.marts)


# ------------------------------------------------------------------------------------------ letting go


def keep_for_closed_periods(workspace: Workspace) -> frozenset[str]:
    """The releases that closed periods were reported with (`marts/closed.json`); PublishError when it is
    damaged.

    Read before anything is published: what is to be kept for ever must not be lost to a file that cannot be
    read.
    """
    path = Layout(workspace.marts).closed
    try:
        periods = json.loads(path.read_text(encoding="utf-8"))["periods"]
        return frozenset(period["release_id"] for period in periods.values())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublishError("publish.closed_unreadable", path=path, reason=error) from error


def retire(workspace: Workspace, newest: int) -> list[str]:
    """Remove all but the `newest` releases, the one in force and those of closed periods; the ids that went.

    Folders are removed, files never cut: a reader that holds an old file open keeps it.
    """
    layout = Layout(workspace.marts)
    kept = keep_for_closed_periods(workspace) | {_current_id(layout)}
    gone = [release_id for release_id in release_ids(workspace)[:-newest] if release_id not in kept]
    for release_id in gone:
        discard(layout.releases / release_id, workspace)
    return gone


def discard(directory: Path, workspace: Workspace) -> None:
    """Remove a folder so that it is either wholly there or gone: moved aside by one rename, then deleted."""
    layout = Layout(workspace.marts)
    layout.building.mkdir(parents=True, exist_ok=True)
    aside = layout.building / f"gone-{uuid.uuid4().hex}"
    os.rename(directory, aside)
    shutil.rmtree(aside)


def settle(workspace: Workspace) -> None:
    """Finish or undo a publication that was broken off. Call under the lock."""
    layout = Layout(workspace.marts)
    orphan = _never_in_force(layout)
    if orphan is not None and (layout.releases / orphan).exists():
        discard(layout.releases / orphan, workspace)
    layout.publishing.unlink(missing_ok=True)
    layout.next_link.unlink(missing_ok=True)


def clean_leftovers(workspace: Workspace) -> None:
    """Remove what killed runs left: unfinished candidates, links never swapped in, releases never in force.
    PublishError when nothing can be written in `marts/`.

    Call at the start of a run. Takes the lock, so that another run's candidate is never mistaken for a
    leftover.
    """
    with FolderLock(workspace), plainly("publish.step_clean"):
        settle(workspace)
        building = Layout(workspace.marts).building
        # Made and removed also where nothing is left: that nothing can be published is said before all the work.
        building.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(building)


# ------------------------------------------------------------------------------------------------ disk


@contextlib.contextmanager
def plainly(step: str) -> Iterator[None]:
    """Turn what the operating system says into a PublishError that names the step (a message key) and
    the remedy.
    """
    try:
        yield
    except OSError as error:
        key = fault_key(error) or "publish.failed"
        raise PublishError(key, step=step, where=error.filename2 or error.filename, reason=error) from error


def sha256(file: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_of(directory: Path) -> list[str]:
    """Every file below a folder, as sorted paths relative to it."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def sync_file(file: Path) -> None:
    """Have a file's content on disk, so that power lost after the swap loses nothing."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(directory: Path) -> None:
    """Have a folder's entries on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_durably(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    sync_file(file)
    sync_folder(file.parent)

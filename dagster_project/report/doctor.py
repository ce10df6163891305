"""Examines an installation and its data folder: what is well, what to note, what is wrong, and what to do about it.

Every check is a function that looks and gives findings, and leaves nothing behind, so that the doctor may be asked at
any time, also while a run goes on. What does not belong here: judging deliveries (`mattstock check`), the words (the
message catalogue: `doctor.<check>.<found>`, and `.mend` for what to do), and how it looks on screen (console).
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dagster_project.flow import freshness, history, lock, releases
from dagster_project.flow.ingest import plain_name
from dagster_project.flow.refresh import SCHEMA_VERSION, code_version
from dagster_project.flow.releases import Layout, PublishError, Release
from dagster_project.flow.values.identity import KEY_FILE, BadKey, key_id, mask, read_key
from dagster_project.messages import message
from dagster_project.orchestration.alerts import STATE_FILE
from dagster_project.settings import (
    DBT_DIR,
    PROJECT_ROOT,
    SMTP_PASSWORD_VARIABLE,
    Retention,
    Settings,
    SettingsError,
    Workspace,
    load_settings,
    smtp_password,
)

DISTRIBUTION = "mattstock"
TIMER = "mattstock.timer"
LOCK_LIST = PROJECT_ROOT / "requirements.lock"
ZONE = "Europe/Stockholm"
NIGHTLY = timedelta(hours=26)  # a night's run and two hours
HELD_TOO_LONG = timedelta(hours=12)
HEARTBEAT = timedelta(minutes=5)
CLOCK_SLACK = timedelta(minutes=5)
RUNS_LOOKED_AT = 10
NAMED = 3  # how many examples a finding names
MEMORY_WANTED = 4_000_000_000  # bytes: DuckDB's bound, and as much again for Python and dbt
# Bytes on disk of a whole run, measured; see the table in docs/operations.md.
RUN_BYTES = 200_000_000
RUN_TIMES_RAW = 4
RUN_TIMES_RELEASE = 2

Status = Literal["ok", "notice", "fault"]


@dataclass(frozen=True)
class Finding:
    """What one check found: `doctor.<about>.<found>` in the catalogue, with its arguments."""

    about: str
    found: str
    status: Status = "ok"
    arguments: dict[str, object] = field(default_factory=dict)

    def words(self, language: str) -> str:
        """What was found, in one sentence."""
        return message(f"doctor.{self.about}.{self.found}", language, **self.arguments)

    def mend(self, language: str) -> str | None:
        """What to do about it; None when all is well."""
        if self.status == "ok":
            return None
        return message(f"doctor.{self.about}.{self.found}.mend", language, **self.arguments)


@dataclass(frozen=True)
class Case:
    """What is examined: a data folder, its settings (None when they cannot be read) and the time, with its zone."""

    workspace: Workspace
    settings: Settings | None
    now: datetime

    def local(self, moment: datetime) -> str:
        """A moment as people there write it."""
        zone = ZoneInfo(self.settings.timezone) if self.settings else UTC
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def examine(workspace: Workspace, now: datetime | None = None) -> tuple[list[Finding], Settings | None]:
    """All checks, in the order in which they should be read, and the settings where they can be read.

    The checks of the data folder are left out when there is none.
    """
    findings = [*python(), *packages(), *time_zones(), *encoding(), *memory()]
    if not workspace.root.is_dir():
        return [*findings, Finding("folder", "missing", "fault", {"folder": workspace.root})], None
    settings, told = organisation(workspace)
    findings += told
    case = Case(workspace, settings, now or datetime.now(UTC))
    for check in OF_THE_FOLDER:
        findings += _looked(check, case)
    return findings, settings


def _looked(check: Callable[[Case], list[Finding]], case: Case) -> list[Finding]:
    # What may not be read at all is a finding, not the end of the examination.
    try:
        return check(case)
    except OSError as error:
        arguments: dict[str, object] = {"path": error.filename, "reason": error.strerror}
        return [Finding("rights", "unreadable", "fault", arguments)]
    except PublishError:
        return []  # what is damaged in marts/ is told by `release`, once


# -- the program ---------------------------------------------------------------------------------------------------


def python() -> list[Finding]:
    """The Python that runs, against the one that the program asks for."""
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"]
    for sign, text in re.findall(r"(>=|<)\s*([0-9.]+)", wanted):
        bound = tuple(int(part) for part in text.split("."))
        if (sys.version_info[: len(bound)] >= bound) != (sign == ">="):
            return [Finding("python", "other", "fault", {"version": version, "wanted": wanted})]
    return [Finding("python", "right", arguments={"version": version})]


def packages(lock_list: Path = LOCK_LIST) -> list[Finding]:
    """What is installed, against the lock list that was tested; the packages that the program names are required."""
    installed = {_plain(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()}
    required = {
        _plain(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
        for requirement in importlib.metadata.requires(DISTRIBUTION) or []
        if "extra ==" not in requirement
    }
    findings = []
    if missing := sorted(required - set(installed)):
        findings.append(Finding("packages", "missing", "fault", {"names": _some(missing)}))
    if not Path(sys.executable).with_name("dbt").exists():
        findings.append(Finding("packages", "no_dbt", "fault", {"folder": Path(sys.executable).parent}))
    if not lock_list.is_file():
        return [*findings, Finding("packages", "no_lock", "notice", {"file": lock_list})]
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)(?=\s*\\?$)", lock_list.read_text("utf-8"), re.MULTILINE))
    other = sorted(
        f"{name} {installed[name]} (≠ {version})"
        for name, version in locked.items()
        if name in installed and installed[name] != version
    )
    if other:
        findings.append(Finding("packages", "other", "notice", {"count": len(other), "names": _some(other)}))
    return findings or [Finding("packages", "right", arguments={"count": len(locked)})]


def time_zones() -> list[Finding]:
    """Whether the time zone data are there: the settings and the schedule need them."""
    try:
        ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:
        return [Finding("zones", "missing", "fault", {"zone": ZONE})]
    return [Finding("zones", "right")]


def encoding() -> list[Finding]:
    """Whether file names are UTF-8 here, as those of deliveries are."""
    found = sys.getfilesystemencoding()
    if found.casefold().replace("-", "") != "utf8":
        return [Finding("encoding", "other", "fault", {"found": found})]
    return [Finding("encoding", "right")]


def memory() -> list[Finding]:
    """Whether the machine has the memory that a run may use."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    arguments: dict[str, object] = {"there": _bytes(there), "wanted": _bytes(MEMORY_WANTED)}
    if there < MEMORY_WANTED:
        return [Finding("memory", "little", "notice", arguments)]
    return [Finding("memory", "enough", arguments=arguments)]


# -- the data folder -----------------------------------------------------------------------------------------------


def organisation(workspace: Workspace) -> tuple[Settings | None, list[Finding]]:
    """`organisation.yml`, and the settings that it holds."""
    try:
        settings = load_settings(workspace.settings_file)
    except SettingsError as error:
        return None, [Finding("organisation", "wrong", "fault", {"reason": error})]
    return settings, [Finding("organisation", "right", arguments={"name": settings.display_name})]


def rights(case: Case) -> list[Finding]:
    """Whether this account may write where a run writes, and whether it is the folder's own account."""
    workspace = case.workspace
    findings = []
    written = [workspace.warehouse, workspace.marts, workspace.quarantine, DBT_DIR / "target"]
    if not (workspace.secrets / KEY_FILE).exists():
        written.append(workspace.secrets)
    for folder in written:
        if shut := list(_not_writable(folder, sealed=folder == workspace.marts)):
            arguments: dict[str, object] = {"count": len(shut), "path": shut[0]}
            findings.append(Finding("rights", "no_writing", "fault", arguments))
    owner = workspace.root.stat().st_uid
    if owner != os.geteuid():
        findings.append(Finding("rights", "other_account", "notice", {"owner": owner, "own": os.geteuid()}))
    return findings or [Finding("rights", "right")]


def _not_writable(folder: Path, sealed: bool) -> Iterator[Path]:
    """What may not be written from here down; of a folder that is not there, the one that it would be in. `sealed`:
    files that nobody may write are so on purpose, as those of a release are.
    """
    if not folder.exists():
        parent = next(above for above in folder.parents if above.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            yield parent
        return
    for path, _, files in os.walk(folder):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield Path(path)
        for file in (Path(path, name) for name in files):
            mode = file.lstat().st_mode
            is_sealed = sealed and not mode & stat.S_IWUSR
            if stat.S_ISREG(mode) and not is_sealed and not os.access(file, os.W_OK):
                yield file


def deliveries(case: Case) -> list[Finding]:
    """Whether there are deliveries, and whether every one of them may be read."""
    raw = case.workspace.raw
    shut, count = [], 0
    for path, folders, files in os.walk(raw):
        shut += [Path(path, name) for name in folders if not os.access(Path(path, name), os.R_OK | os.X_OK)]
        shut += [Path(path, name) for name in files if not os.access(Path(path, name), os.R_OK)]
        count += sum(not name.startswith(".") for name in files)
    if shut:
        names = sorted(mask(plain_name(path.relative_to(raw).as_posix())) for path in shut)
        return [Finding("deliveries", "unreadable", "fault", {"count": len(shut), "names": _some(names)})]
    if not count:
        return [Finding("deliveries", "none", "notice", {"folder": raw})]
    return [Finding("deliveries", "right", arguments={"count": count})]


def key(case: Case) -> list[Finding]:
    """The pseudonym key: there, whole, its owner's alone, outside what is published, and the release's own."""
    workspace = case.workspace
    path = workspace.secrets / KEY_FILE
    release = _in_force(workspace)
    if not path.exists():
        if release is None:
            return [Finding("key", "to_be_made", arguments={"file": path})]
        return [Finding("key", "missing", "fault", {"file": path})]
    try:
        own = key_id(read_key(path))
    except BadKey:
        return [Finding("key", "damaged", "fault", {"file": path})]
    findings = []
    for secret, mode in ((workspace.secrets, "700"), (path, "600")):
        if stat.S_IMODE(secret.stat().st_mode) & 0o077:
            findings.append(Finding("key", "open", "fault", {"path": secret, "mode": mode}))
    for read_by_others in (workspace.marts, workspace.raw, workspace.quarantine):
        if path.resolve().is_relative_to(read_by_others.resolve()):
            arguments: dict[str, object] = {"file": path.resolve(), "folder": read_by_others}
            findings.append(Finding("key", "published", "fault", arguments))
    if release is not None and release.key_id not in (None, own):
        findings.append(Finding("key", "other", "fault", {"file": path, "release": release.release_id}))
    return findings or [Finding("key", "right")]


def release(case: Case) -> list[Finding]:
    """The release in force: there, whole, and of a schema that this program knows."""
    workspace = case.workspace
    try:
        releases.keep_for_closed_periods(workspace)
        found = releases.current(workspace)
    except PublishError as error:
        return [Finding("release", "damaged", "fault", {"reason": error.words(_language(case.settings))})]
    if found is None:
        return [Finding("release", "none", "notice", {"folder": workspace.marts})]
    named: dict[str, object] = {"release": found.release_id}
    if wrong := releases.verify(found):
        return [Finding("release", "not_whole", "fault", {**named, "files": _some(wrong)})]
    schemas = {"theirs": found.schema_version, "ours": SCHEMA_VERSION}
    if int(found.schema_version) > int(SCHEMA_VERSION):
        return [Finding("release", "newer", "fault", {**named, **schemas})]
    if (left := releases.rolled_back_from(workspace)) is not None:
        return [Finding("release", "rolled_back", "notice", {**named, "left": left.release_id})]
    if found.code_version != code_version():
        return [Finding("release", "other_program", arguments={**named, **schemas})]
    return [Finding("release", "right", arguments={**named, "schema": SCHEMA_VERSION})]


def links(case: Case) -> list[Finding]:
    """Whether the disk can hold the link that puts a release in force: where there is none yet, one is tried."""
    if Layout(case.workspace.marts).current.is_symlink():
        return [Finding("links", "right")]
    try:
        with tempfile.TemporaryDirectory(dir=case.workspace.root, prefix=".doctor-") as folder:
            Path(folder, "link").symlink_to("nothing")
    except OSError as error:
        arguments: dict[str, object] = {"folder": case.workspace.root, "reason": error.strerror}
        return [Finding("links", "none", "fault", arguments)]
    return [Finding("links", "right")]


def disk(case: Case) -> list[Finding]:
    """Free space where a run writes, against what the next run may need at most."""
    current = Layout(case.workspace.marts).current.resolve()
    # Packed deliveries say little of what a run makes of them; the release in force does.
    need = RUN_BYTES + RUN_TIMES_RAW * _size(case.workspace.raw) + RUN_TIMES_RELEASE * _size(current)
    findings = []
    for folder in (case.workspace.warehouse, case.workspace.marts):
        place = folder if folder.exists() else case.workspace.root
        free = shutil.disk_usage(place).free
        arguments: dict[str, object] = {"folder": place, "free": _bytes(free), "need": _bytes(need)}
        if free < need:
            findings.append(Finding("disk", "little", "fault", arguments))
    return findings[:1] or [Finding("disk", "enough", arguments=arguments)]


def space(case: Case) -> list[Finding]:
    """What the data folder takes, and what is kept of old releases and rejected candidates."""
    workspace, layout = case.workspace, Layout(case.workspace.marts)
    kept = (case.settings.retention if case.settings else Retention()).releases
    count = len(releases.release_ids(workspace))
    arguments: dict[str, object] = {
        "raw": _bytes(_size(workspace.raw)),
        "releases": _bytes(_size(layout.releases)),
        "rejected": _bytes(_size(layout.rejected)),
        "warehouse": _bytes(_size(workspace.warehouse)),
        "quarantine": _bytes(_size(workspace.quarantine)),
        "count": count,
        "kept": kept,
    }
    findings = [Finding("space", "taken", arguments=arguments)]
    closed = releases.keep_for_closed_periods(workspace)
    if count > kept + len(closed) + 1:
        findings.append(Finding("space", "too_many", "notice", arguments))
    leftovers = _size(layout.building)
    if leftovers and _holder(workspace) is None:
        findings.append(Finding("space", "leftovers", "notice", {"size": _bytes(leftovers)}))
    return findings


# -- the runs ------------------------------------------------------------------------------------------------------


def held(case: Case) -> list[Finding]:
    """Whether a run holds the data folder, and for how long."""
    holder = _holder(case.workspace)
    if holder is None:
        return [Finding("held", "free")]
    since = datetime.fromisoformat(holder.since)
    arguments: dict[str, object] = {
        "command": holder.command,
        "pid": holder.pid,
        "host": holder.host,
        "since": case.local(since),
    }
    if case.now - since > HELD_TOO_LONG:
        return [Finding("held", "long", "fault", arguments)]
    return [Finding("held", "running", arguments=arguments)]


def schedule(case: Case) -> list[Finding]:
    """Whether runs come of themselves: the last one, the systemd timer, Dagster's daemon."""
    started = [run.started for run in history.last(case.workspace, 1)]
    is_scheduled = _timer_is_active() or _daemon_is_alive(case)
    if not started:
        found = "waiting" if is_scheduled else "never"
        return [Finding("schedule", found, "notice", {"timer": TIMER})]
    arguments: dict[str, object] = {"last": case.local(started[0]), "timer": TIMER}
    if case.now - started[0] <= NIGHTLY:
        return [Finding("schedule", "recent" if is_scheduled else "by_other_means", arguments=arguments)]
    if is_scheduled:
        return [Finding("schedule", "silent", "fault", arguments)]
    return [Finding("schedule", "none", "notice", arguments)]


def _timer_is_active() -> bool:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return False
    asked = [systemctl, "is-active", "--quiet", TIMER]
    return subprocess.run(asked, capture_output=True, timeout=5, check=False).returncode == 0


def _daemon_is_alive(case: Case) -> bool:
    """Whether Dagster's scheduler has given a sign of life lately. Its database is asked directly: importing Dagster
    takes seconds.
    """
    database = case.workspace.warehouse / "dagster" / "history" / "runs.db"
    if not database.is_file():
        return False
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
    except sqlite3.Error:
        return False
    try:
        [beat] = connection.execute(
            "select max(timestamp) from daemon_heartbeats where daemon_type = 'SCHEDULER'"
        ).fetchone()
        return beat is not None and case.now - datetime.fromisoformat(beat).replace(tzinfo=UTC) < HEARTBEAT
    except (sqlite3.Error, ValueError):  # another version's database is no sign of life
        return False
    finally:
        connection.close()


def runs(case: Case) -> list[Finding]:
    """How the latest runs ended; the last one decides."""
    past = history.last(case.workspace, RUNS_LOOKED_AT)
    if past and past[-1].ending is None and _holder(case.workspace) is not None:
        past = past[:-1]  # it is going on
    if not past:
        return []
    tally = Counter(run.ending or "killed" for run in past)
    language = _language(case.settings)
    endings = ", ".join(
        f"{count} {message(f'doctor.ending.{kind}', language)}" for kind, count in tally.items()
    )
    last = past[-1]
    arguments: dict[str, object] = {
        "count": len(past),
        "endings": endings,
        "last": case.local(last.started),
        "logs": case.workspace.warehouse / "logs",
    }
    if last.ending == "failed":
        return [Finding("runs", "failed", "fault", arguments)]
    if last.ending == "stopped" or last.ending is None:
        return [Finding("runs", last.ending or "killed", "notice", arguments)]
    return [Finding("runs", "well", arguments=arguments)]


def clock(case: Case) -> list[Finding]:
    """Whether something was made in the future: then a clock is, or was, wrong."""
    moments = [run.started for run in history.last(case.workspace, 1)]
    if (release := _in_force(case.workspace)) is not None:
        moments.append(release.released_at)
    latest = max(moments, default=case.now)
    if latest > case.now + CLOCK_SLACK:
        arguments: dict[str, object] = {"now": case.local(case.now), "latest": case.local(latest)}
        return [Finding("clock", "behind", "fault", arguments)]
    return [Finding("clock", "right", arguments={"now": case.local(case.now)})]


def expected(case: Case) -> list[Finding]:
    """Deliveries that were due and have not come, by what the latest run saw."""
    if case.settings is None or not case.settings.expected:
        return [Finding("expected", "none")]
    today = case.now.astimezone(ZoneInfo(case.settings.timezone)).date()
    dues = freshness.due(case.settings, freshness.remembered(case.workspace), today)
    if late := freshness.overdue(dues):
        names = [" ".join(filter(None, (one.source, one.unit, one.period))) for one in late]
        arguments: dict[str, object] = {"count": len(late), "names": _some(names)}
        return [Finding("expected", "late", "notice", arguments)]
    return [Finding("expected", "right", arguments={"count": len(case.settings.expected)})]


def alerts(case: Case) -> list[Finding]:
    """Whether anybody is told when a run is stopped or fails."""
    if case.settings is None:
        return []
    if case.settings.alerts.smtp is None and case.settings.alerts.webhook is None:
        return [Finding("alerts", "none", "notice")]
    smtp = case.settings.alerts.smtp
    if smtp is not None and smtp.user and not smtp_password():
        return [Finding("alerts", "no_password", "notice", {"variable": SMTP_PASSWORD_VARIABLE})]
    if (since := _untold_since(case.workspace)) is not None:
        arguments: dict[str, object] = {"since": case.local(since), "logs": case.workspace.warehouse / "logs"}
        return [Finding("alerts", "untold", "fault", arguments)]
    return [Finding("alerts", "right")]


def _untold_since(workspace: Workspace) -> datetime | None:
    """Since when something has been wrong that no channel took; None when everything is told."""
    try:
        told = json.loads((workspace.warehouse / STATE_FILE).read_text(encoding="utf-8"))
        wrong = told["wrong"]
        return None if wrong is None or wrong["told_at"] else datetime.fromisoformat(wrong["since"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # nothing has been told yet, or the memory is damaged and the next run makes it anew


OF_THE_FOLDER: tuple[Callable[[Case], list[Finding]], ...] = (
    rights,
    deliveries,
    key,
    release,
    links,
    disk,
    space,
    held,
    schedule,
    runs,
    clock,
    expected,
    alerts,
)


# -- looking -------------------------------------------------------------------------------------------------------


def _language(settings: Settings | None) -> str:
    return settings.language if settings else "sv"


def _in_force(workspace: Workspace) -> Release | None:
    """The release in force; None also when it is damaged, which `release` tells."""
    try:
        return releases.current(workspace)
    except PublishError:
        return None


def _holder(workspace: Workspace) -> lock.Holder | None:
    """Who holds the data folder. The words alone may be a killed run's; only then is the lock itself tried, shared and
    for a moment, so that the doctor never stands in the way of a run.
    """
    path = workspace.warehouse / lock.LOCK_FILE
    if not path.is_file() or not path.stat().st_size:
        return None
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            return lock.holder(path)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; what goes away meanwhile is left out."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(Path(path, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _bytes(count: int) -> str:
    """A size for people: `12 MB`, `3.4 GB`."""
    if count >= 10**9:
        return f"{count / 10**9:.1f} GB"
    return f"{max(1, round(count / 10**6))} MB" if count else "0 MB"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).casefold()


def _some(names: list[str]) -> str:
    more = f" … (+{len(names) - NAMED})" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

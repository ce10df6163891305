"""Closes a period with the release in force, reopens it, and finds the release that it is reported from.

What belongs here: when a period may be closed or reopened, and that what was reported comes back byte for byte. What
does not: the files (closed.py), what the figures have become since (changes.py), making a report (report/).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.flow import closed
from dagster_project.flow.closed import ClosedPeriod
from dagster_project.flow.lock import FolderLock
from dagster_project.flow.refresh import Refresh, code_version
from dagster_project.flow.releases import (
    RELEASE_FILE,
    Layout,
    PublishError,
    Release,
    current,
    discard,
    files_of,
    plainly,
    releases,
    sha256,
    verify,
)
from dagster_project.flow.values.identity import mask
from dagster_project.settings import Settings, Workspace, load_settings

REPORTS = "reports"
NAMED = 8  # of the periods that could be closed, the latest
Render = Callable[[Path, Path, Settings, date], None]


def close(workspace: Workspace, period: str) -> ClosedPeriod:
    """Fix the release in force as what the period was reported with, and keep what it rests on. Takes the lock.

    The deliveries are read once more, so that nothing but what the release was made from can be kept. PublishError
    when there is no release, it is not whole or rests on something else than lies there now, the period is unknown,
    has not ended or is closed.
    """
    with FolderLock(workspace), plainly("publish.step_close"):
        release = current(workspace)
        if release is None:
            raise PublishError("close.no_release", folder=workspace.marts)
        periods = closed.closed_periods(workspace)
        if period in periods:
            raise PublishError("close.already", period=period, release=periods[period].release_id)
        _refuse_unended(release, period)
        if wrong := verify(release):
            raise PublishError("release.not_whole", release=release.release_id, files=", ".join(wrong))
        folder = closed.kept_folder(workspace, release.release_id)
        if not (folder / closed.SEAL_FILE).is_file():
            _keep(workspace, release, folder)
        one = ClosedPeriod(
            period=period,
            release_id=release.release_id,
            closed_at=closed.now(),
            closed_by=closed.whoever(),
            release_sha256=sha256(release.directory / RELEASE_FILE),
            seal_sha256=sha256(folder / closed.SEAL_FILE),
        )
        closed.write_closed(workspace, {**periods, period: one})
        closed.write_log(workspace, "closed", one, None)
        return one


def reopen(workspace: Workspace, period: str, reason: str) -> ClosedPeriod:
    """Take a period off the list; what was kept for it alone is let go. Takes the lock.

    PublishError without a reason, or when the period is not closed.
    """
    if not reason.strip():
        raise PublishError("close.no_reason", period=period)
    with FolderLock(workspace), plainly("publish.step_reopen"):
        periods = closed.closed_periods(workspace)
        one = _closed(periods, period)
        del periods[period]
        closed.write_closed(workspace, periods)
        closed.write_log(workspace, "reopened", one, mask(reason.strip()))
        folder = closed.kept_folder(workspace, one.release_id)
        if folder.exists() and all(other.release_id != one.release_id for other in periods.values()):
            discard(folder, workspace)
        return one


def as_reported(workspace: Workspace, period: str, output: Path, render: Render | None = None) -> Release:
    """Put the report that the period was closed with into `output`, a folder that does not exist.

    It is the sealed release's own, after everything that is kept of the period has been verified. With `render` and
    the same program as then, it is made once more from the sealed tables and must be the same, byte for byte.
    PublishError when the period is not closed, something was changed, or the release has no report.
    """
    one = _closed(closed.closed_periods(workspace), period)
    if output.exists():
        raise PublishError("close.output_exists", folder=output)
    [checked] = closed.verified(workspace, period)
    if checked.wrong:
        raise PublishError("close.not_whole", period=period, files=", ".join(checked.wrong))
    release = next(found for found in releases(workspace) if found.release_id == one.release_id)
    reports = release.directory / REPORTS
    if not reports.is_dir():
        raise PublishError("close.no_report", release=release.release_id)
    if render is not None and release.code_version == code_version():
        _compare(workspace, release, reports, render)
    with plainly("publish.step_as_reported"):
        shutil.copytree(reports, output, copy_function=shutil.copyfile)
    return release


def reported_from(workspace: Workspace, period: str) -> tuple[Release, Settings]:
    """The release that a period is reported from, with its settings: the one it was closed with, else that in force.

    PublishError when there is no release, or what the period was closed with has been changed.
    """
    one = closed.closed_periods(workspace).get(period)
    if one is not None:
        [checked] = closed.verified(workspace, period)
        if checked.wrong:
            raise PublishError("close.not_whole", period=period, files=", ".join(checked.wrong))
        release = next(found for found in releases(workspace) if found.release_id == one.release_id)
        return release, load_settings(closed.kept_folder(workspace, one.release_id) / closed.SETTINGS_FILE)
    in_force = current(workspace)
    if in_force is None:
        raise PublishError("report.board.no_release", folder=workspace.marts)
    return in_force, load_settings(workspace.settings_file)


def _closed(periods: dict[str, ClosedPeriod], period: str) -> ClosedPeriod:
    if period not in periods:
        raise PublishError("close.not_closed", period=period, known=", ".join(periods) or "–")
    return periods[period]


def _refuse_unended(release: Release, period: str) -> None:
    with duckdb.connect(str(release.database), read_only=True) as connection:
        ended = dict(
            connection.execute(
                "select period, is_ended from dim_period where period_type not in ('ytd', 'r12') "
                "order by period_start, period"
            ).fetchall()
        )
    if period not in ended:
        known = ", ".join([name for name, is_ended in ended.items() if is_ended][-NAMED:])
        raise PublishError("close.unknown_period", period=period, known=known or "–")
    if not ended[period]:
        raise PublishError("close.not_ended", period=period, as_of=release.as_of)


def _keep(workspace: Workspace, release: Release, folder: Path) -> None:
    accepted = bool(release.gate.get("accept_quarantine"))
    with Refresh(workspace, release.as_of, accept_quarantine=accepted, may_publish=False) as run:
        if run.fingerprint != release.fingerprint:
            raise PublishError("close.changed_since", release=release.release_id)
        run.arrive()
        if accepted:  # what was waived is part of what the release rests on
            run.judge_arrivals(keep=False)
        aside = Layout(workspace.marts).building / f"closed-{release.release_id}"
        run.keep_rows(aside)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():  # a closing that was broken off
            discard(folder, workspace)
        aside.rename(folder)


def _compare(workspace: Workspace, release: Release, reports: Path, render: Render) -> None:
    settings = load_settings(closed.kept_folder(workspace, release.release_id) / closed.SETTINGS_FILE)
    with tempfile.TemporaryDirectory() as again:  # not in the data folder, which a run may hold
        render(release.database, Path(again), settings, release.as_of)
        ours = {path: sha256(Path(again, path)) for path in files_of(Path(again))}
    theirs = {path: sha256(reports / path) for path in files_of(reports)}
    if ours != theirs:
        wrong = sorted(path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path))
        raise PublishError("close.not_the_same", release=release.release_id, files=", ".join(wrong))

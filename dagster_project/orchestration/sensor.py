"""Watches the data folder: asks for one run when deliveries or settings have changed and come to rest.

It looks at names, sizes and times only; a run that finds the same content ends early. It also finds runs that died.
What does not belong here: reading deliveries.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, ValidationError

from dagster_project.flow.lock import FolderLock, LockHeld
from dagster_project.messages import message
from dagster_project.orchestration import alerts
from dagster_project.orchestration.jobs import refresh_job
from dagster_project.settings import Workspace, data_folder

SECONDS_BETWEEN_LOOKS = 15


class _Cursor(BaseModel):
    """What the looks before saw: the listing at the last one, the listing of the last run asked for, the listing that
    was asked for once more because its run died, how many runs were asked for, and the runs that went on while nobody
    held the data folder.
    """

    seen: str = ""
    asked: str = ""
    again: str = ""
    runs: int = 0
    silent: list[str] = []


@dg.sensor(
    job=refresh_job,
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="New, changed or removed deliveries: one run when nothing has changed between two looks.",
)
def deliveries_arrived(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One look at the data folder."""
    workspace = data_folder()
    cursor = _read(context.cursor)
    told = alerts.killed(workspace)
    cursor.silent, buried = bury(context.instance, workspace, cursor.silent)
    now = listing(workspace)
    if (told or buried) and cursor.again != now:
        # Once: deliveries that take the machine down are not to do so every minute.
        cursor.asked, cursor.again = "", now
    if now == cursor.asked:
        return _nothing(cursor, "sensor.nothing_new")
    if now != cursor.seen:
        # Files that arrive together become one run, and a file that still grows is not read.
        cursor.seen = now
        return _nothing(cursor, "sensor.not_at_rest")
    cursor.asked = now
    cursor.runs += 1
    # The number makes it a new request when the folder looks as it did at an earlier run.
    request = dg.RunRequest(run_key=f"{now}-{cursor.runs}")
    return dg.SensorResult(run_requests=[request], cursor=cursor.model_dump_json())


def listing(workspace: Workspace) -> str:
    """A hash of the names, sizes and times of what lies under raw/, and of organisation.yml."""
    digest = hashlib.sha256()
    for path in sorted([os.fsencode(workspace.settings_file), *_under(workspace.raw)]):
        try:
            status = os.stat(path)
        except OSError as error:
            told = f"{error.errno}"  # gone since it was listed, or out of reach: so it looks now
        else:
            told = f"{status.st_size} {status.st_mtime_ns}"
        digest.update(path + b"\0" + told.encode() + b"\0")
    return digest.hexdigest()[:32]


def _under(folder: Path) -> Iterator[bytes]:
    """Every file below a folder, as the system spells it; with a stack, because folders may lie very deep.

    What begins with a full stop or `~$` comes and goes with the programs that people have open.
    """
    waiting = [os.fsencode(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif not entry.name.startswith((b".", b"~$")):
                        yield entry.path
        except OSError:
            continue  # not there, or out of reach: the run says so


def bury(instance: dg.DagsterInstance, workspace: Workspace, silent: list[str]) -> tuple[list[str], bool]:
    """Mark as failed the runs that Dagster believes to go on although nobody has held the data folder at two looks.

    A machine that loses power leaves such a run, and it would hold the queue for ever. `silent` are those of the
    look before; those of this look are returned, and whether any was buried. A run that waits for the lock has
    somebody who holds it.
    """
    going_on = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
    runs = instance.get_runs(dg.RunsFilter(statuses=list(going_on)))
    if not runs:
        return [], False
    dead = [run for run in runs if run.run_id in silent]
    try:
        with FolderLock(workspace):
            for run in dead:
                instance.report_run_failed(run, message("sensor.died"))
    except LockHeld:
        return [], False
    return [run.run_id for run in runs if run not in dead], bool(dead)


def _read(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor or "{}")
    except ValidationError:
        return _Cursor()  # of another version: at worst one run too many, which finds nothing new


def _nothing(cursor: _Cursor, why: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=message(why), cursor=cursor.model_dump_json())

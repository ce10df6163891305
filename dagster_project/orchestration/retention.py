"""Keeps Dagster's own state bounded: the records, events and logs of the latest runs are kept, older ones go.

Ticks of the schedule and the sensor are bounded by Dagster itself (instance.py). What does not belong here: releases
(flow/releases.py), what was parsed (flow/parse.py) and fault logs (report/fault.py).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

RUNS_KEPT = 30


def prune(instance: dg.DagsterInstance, keep: int = RUNS_KEPT) -> int:
    """Forget all runs but the latest `keep`; how many were forgotten. Runs that wait or go on are left alone."""
    records = instance.get_run_records(order_by="id", ascending=False)
    old = [record.dagster_run for record in records[keep:] if record.dagster_run.is_finished]
    for run in old:
        instance.delete_run(run.run_id)
    kept = {record.dagster_run.run_id for record in records} - {run.run_id for run in old}
    if old:
        _forget_checks(instance, kept)
    _remove_files(Path(instance.root_directory), kept)
    return len(old)


def _forget_checks(instance: dg.DagsterInstance, kept: set[str]) -> None:
    # Dagster forgets a run's events but not the results of its checks, and has no call that would.
    table = AssetCheckExecutionsTable
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        connection.execute(table.delete().where(table.c.run_id.notin_(sorted(kept))))


def _remove_files(home: Path, kept: set[str]) -> None:
    """Dagster empties a forgotten run's event file but leaves it, and leaves its captured output."""
    for file in (home / "history" / "runs").glob("*.db*"):
        run_id = file.name.partition(".")[0]
        if run_id != "index" and run_id not in kept:
            file.unlink(missing_ok=True)
    for folder in (home / "storage").glob("*"):
        if folder.is_dir() and folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)

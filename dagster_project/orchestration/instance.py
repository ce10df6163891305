"""Dagster's own state for one data folder: where it lies, how it is bounded, and how its web interface is started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import yaml
from dagster._core.instance import InstanceRef

from dagster_project.orchestration.storage import overrides
from dagster_project.settings import DATA_VARIABLE, Workspace, environment

_TICKS = {"purge_after_days": {"skipped": 2, "success": 60, "failure": 60, "started": 60}}
CONFIG: Mapping[str, Any] = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "auto_materialize": {"enabled": False},
    # One writer: the second of two runs waits in the queue, not for the lock.
    "concurrency": {"runs": {"max_concurrent_runs": 1}},
    # A run that never got a process must not hold the queue.
    "run_monitoring": {"enabled": True, "start_timeout_seconds": 900},
    "retention": {"schedule": _TICKS, "sensor": _TICKS},
}


def home(workspace: Workspace) -> Path:
    """Dagster's home in the data folder, with `dagster.yaml` as this version wants it; made when missing."""
    folder = workspace.warehouse / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    text = yaml.safe_dump(dict(CONFIG))
    if not config.exists() or config.read_text(encoding="utf-8") != text:
        fresh = config.with_name(".dagster.yaml.next")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, config)
    return folder


@contextmanager
def instance(workspace: Workspace) -> Iterator[dg.DagsterInstance]:
    """The instance that keeps the history of runs for the data folder."""
    folder = home(workspace)
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=overrides(folder))) as found:
        yield found


def serve(workspace: Workspace, port: int) -> NoReturn:
    """Become the web interface and the daemon on this computer, until they are stopped."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "dagster",
        "dev",
        "-m",
        "dagster_project.definitions",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    variables = {**environment(), "DAGSTER_HOME": str(home(workspace)), DATA_VARIABLE: str(workspace.root)}
    # Dagster treats a request to end as it treats Ctrl-C, which a shell has its background jobs ignore.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(sys.executable, command, variables)

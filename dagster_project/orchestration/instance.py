"""Dagster's own state for one data folder: where it lies and how its web interface is started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import yaml

from dagster_project.settings import DATA_VARIABLE, Workspace, environment

_CONFIG = {"telemetry": {"enabled": False}}


def home(workspace: Workspace) -> Path:
    """Dagster's home in the data folder, with telemetry off; made when missing."""
    folder = workspace.warehouse / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        config.write_text(yaml.safe_dump(_CONFIG), encoding="utf-8")
    return folder


@contextmanager
def instance(workspace: Workspace) -> Iterator[dg.DagsterInstance]:
    """The instance that keeps the history of runs for the data folder."""
    with dg.DagsterInstance.from_config(str(home(workspace))) as found:
        yield found


def serve(workspace: Workspace, port: int) -> int:
    """Start the web interface on this computer until it is stopped; its exit code."""
    command = [
        sys.executable,
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
    return subprocess.run(command, env=variables, check=False).returncode

"""What end-to-end tests share: the command line as a child process, and one published demonstration release.

The release is made once for all test workers, because a run takes the better part of a minute.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.settings import Workspace

AS_OF = "2023-01-31"
INVOICE_LINES = 600
RUN_SECONDS = 900

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def _mattstock(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=RUN_SECONDS,
        check=False,
    )


@pytest.fixture(scope="session")
def mattstock() -> Command:
    """`mattstock(*arguments)`: the command line in a process of its own; returncode, stdout and stderr."""
    return _mattstock


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Workspace:
    """A clean demonstration organisation as of 2023-01-31, published; read it, never write in it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    workspace = Workspace(shared / "demonstration")
    with (shared / "demonstration.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not workspace.current_database.exists():
            shutil.rmtree(workspace.root, ignore_errors=True)
            made = _mattstock("demo", workspace.root, "--invoice-lines", INVOICE_LINES)
            assert made.returncode == 0, made.stderr
            run = _mattstock("run", "--data", workspace.root, "--as-of", AS_OF)
            assert run.returncode == 0, run.stdout + run.stderr
    return workspace

"""What end-to-end tests share: the command line as a child process, and one published demonstration release."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.settings import Workspace
from tests import demonstrations

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
def published(shared: Path) -> Workspace:
    """A clean demonstration organisation as of 2023-01-31, published; read it, never write in it."""
    made = demonstrations.published(shared, "clean", 3000, 1)
    assert made.exit_code == 0, made.said
    return made.workspace

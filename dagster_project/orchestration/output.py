"""What dbt and other libraries print during a run: kept in `warehouse/logs/latest-run.log`, and off the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from dagster_project.settings import Workspace


@contextmanager
def kept_off_screen(workspace: Workspace) -> Iterator[None]:
    """Send the output stream to the log of the latest run; OSError where it cannot be written."""
    log = workspace.warehouse / "logs" / "latest-run.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream, redirect_stdout(stream):
        yield

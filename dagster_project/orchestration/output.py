"""What dbt and other libraries print during a run: kept in `warehouse/logs/latest-run.log`, and off the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from dagster_project.settings import Workspace


@contextmanager
def kept_off_screen(workspace: Workspace) -> Iterator[None]:
    """Send what is printed to the log of the latest run; OSError where it cannot be written.

    Both streams: Dagster prints on the error stream what its own database could not take.
    """
    log = workspace.warehouse / "logs" / "latest-run.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream, redirect_stdout(stream), redirect_stderr(stream):
        yield

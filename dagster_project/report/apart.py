"""Reports written in a process of their own, while others are written here: Python uses one core at a time.

What belongs here: the process, on both sides of its pipe. What does not: which reports those are (render.py).
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from dagster_project.flow.dbt_process import end_with
from dagster_project.settings import Settings, environment

Write = Callable[[Path, Path, Settings, date], None]
"""Writes a report of the release in a database into a folder."""


class WrittenApart:
    """A context in which reports are written beside whatever is done in it; left when they are written.

    On leaving it raises OSError or duckdb.Error where the other process met one, RuntimeError where that died. It ends
    unbidden when this process dies or leaves the context with a fault.
    """

    def __init__(
        self, writers: Sequence[Write], database: Path, folder: Path, settings: Settings, as_of: date
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from dagster_project.report.apart import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        self._asked = pickle.dumps((tuple(writers), (database, folder, settings, as_of)))

    def __enter__(self) -> Self:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(self._asked)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died at once; what it left says so when it is waited for
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.process.kill()
        answer, _ = self.process.communicate()
        if error is not None:
            return
        if not answer:
            raise RuntimeError("the process that writes reports died")
        fault: BaseException | None = pickle.loads(answer)
        if fault is not None:
            raise fault


def serve() -> None:
    """What the process does: write what it is asked to, and say what went wrong, if anything did."""
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not garble the answer
        writers, arguments = pickle.load(sys.stdin.buffer)
        fault: BaseException | None = None
        try:
            for write in writers:
                write(*arguments)
        except (OSError, duckdb.Error) as met:
            fault = met
        pickle.dump(fault, answers)

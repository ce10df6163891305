"""dbt as Dagster starts it (the command `mattstock-dbt`): in the folder that its target folder lies in.

So the profile names the build databases without a path and is the same for every data folder, and what dbt remembers
of the parsed project serves them all. What does not belong here: which models are built (assets).
"""

from __future__ import annotations

import io
import os
import sys
import threading
from importlib.metadata import version
from pathlib import Path

from dagster_project.settings import environment


class _WholeLines(io.TextIOWrapper):
    """Standard output where what one thread writes is out before another's begins.

    dbt tells Dagster of every model in one line of JSON; two threads' long lines have been found in each other, and a
    model that is not told of is one that the run waits for.
    """

    _turn = threading.RLock()

    def write(self, text: str) -> int:
        with self._turn:
            written = super().write(text)
            self.flush()
        return written


def main() -> None:
    """Entry point. Leaves with dbt's exit code."""
    if sys.argv[1:] == ["--version"]:
        # Asked by dagster-dbt before every run; dbt itself takes seconds to answer.
        sys.stdout.write(f"Core: {version('dbt-core')}\n")
        return
    sys.stdout = _WholeLines(sys.stdout.buffer, encoding="utf-8", line_buffering=True)
    os.chdir(Path(environment()["DBT_TARGET_PATH"]).parent)
    from dbt.cli.main import cli

    cli()

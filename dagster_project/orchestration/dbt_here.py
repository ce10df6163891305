"""dbt as Dagster starts it (the command `mattstock-dbt`): in the folder that its target folder lies in.

So the profile names the build databases without a path and is the same for every data folder, and what dbt remembers
of the parsed project serves them all. What does not belong here: which models are built (assets).
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

from dagster_project.settings import environment


def main() -> None:
    """Entry point. Leaves with dbt's exit code."""
    if sys.argv[1:] == ["--version"]:
        # Asked by dagster-dbt before every run; dbt itself takes seconds to answer.
        sys.stdout.write(f"Core: {version('dbt-core')}\n")
        return
    os.chdir(Path(environment()["DBT_TARGET_PATH"]).parent)
    from dbt.cli.main import cli

    cli()

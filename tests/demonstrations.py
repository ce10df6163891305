"""Published demonstration organisations: each is generated and run once for all test workers.

Whoever uses one reads it and never writes in it; what changes something copies.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.demo import generate
from dagster_project.settings import Workspace
from tests.once import once

AS_OF = "2023-01-31"


@dataclass(frozen=True)
class Published:
    """A demonstration, what the run said, and the release's tables beside the generator's truth."""

    workspace: Workspace
    exit_code: int
    said: str

    def table(self, query: str) -> pl.DataFrame:
        """What a query gives on the release in force."""
        with duckdb.connect(str(self.workspace.current_database), read_only=True) as con:
            return con.sql(query).pl()

    def truth(self, name: str) -> pl.DataFrame:
        """One table of the generator's truth, as text."""
        return pl.read_csv(self.workspace.root / "truth" / f"{name}.csv", infer_schema=False)


def run(workspace: Workspace, *options: str) -> tuple[int, str]:
    """`mattstock run` as a user runs it: its exit code, and what it said."""
    command = [
        str(Path(sys.executable).with_name("mattstock")),
        "run",
        "--data",
        str(workspace.root),
        "--as-of",
        AS_OF,
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def published(shared: Path, variant: str, invoice_lines: int, seed: int) -> Published:
    """The demonstration in the folder that all workers share."""
    folder = shared / f"{variant}-{invoice_lines}-{seed}"
    workspace = Workspace(folder / "data")

    def made() -> tuple[int, str]:
        generate(workspace.root, organisation="demo", invoice_lines=invoice_lines, seed=seed, variant=variant)
        return run(workspace, *(["--accept-quarantine"] if variant == "dirty" else []))

    exit_code, said = once(folder, made)
    return Published(workspace, exit_code, said)

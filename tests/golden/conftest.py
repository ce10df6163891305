"""Published demonstrations, each generated and run once per session."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.demo import generate
from dagster_project.settings import Workspace

AS_OF = "2023-01-31"


@dataclass(frozen=True)
class Published:
    """A demonstration, what the run said, and the release's tables beside the generator's truth."""

    workspace: Workspace
    exit_code: int
    said: str

    def table(self, query: str) -> pl.DataFrame:
        with duckdb.connect(str(self.workspace.current_database), read_only=True) as con:
            return con.sql(query).pl()

    def truth(self, name: str) -> pl.DataFrame:
        return pl.read_csv(self.workspace.root / "truth" / f"{name}.csv", infer_schema=False)


def run(workspace: Workspace, *options: str) -> tuple[int, str]:
    """`mattstock run` as a user runs it."""
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


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A function (variant, invoice_lines, seed) → Published; the same arguments are run once."""

    @cache
    def made(variant: str, invoice_lines: int, seed: int) -> Published:
        folder = tmp_path_factory.mktemp(f"{variant}-{invoice_lines}-{seed}") / "data"
        generate(folder, organisation="demo", invoice_lines=invoice_lines, seed=seed, variant=variant)
        options = ["--accept-quarantine"] if variant == "dirty" else []
        return Published(Workspace(folder), *run(Workspace(folder), *options))

    return made

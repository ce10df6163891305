"""Computes figures anew from other rows than those delivered now, with the models as they are.

What belongs here: a build of its own beside the run's, and dbt over it, up to the figures. What does not: which rows
(changes.py). The models are the only definition of a figure, so that a figure from other rows is theirs too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from dagster_project.flow import build
from dagster_project.flow.dbt_process import REMEMBERED
from dagster_project.flow.releases import PublishError
from dagster_project.settings import Workspace, environment

FIGURES = "int_kpi_figures"
SAID = 600  # characters of what dbt said last


def figures(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    relations: Mapping[tuple[str, str], str],
    periods: Sequence[str],
    into: str,
) -> None:
    """Leave the figures of the periods in the temporary table `into`.

    `relations` gives the query for each relation that dbt reads, by schema and name; `connection` can run them.
    Raises PublishError when dbt fails.
    """
    folder = workspace.warehouse / "closing"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "target").mkdir(parents=True)
    # What dbt remembers of the parsed project holds for every folder; without it parsing costs more than computing.
    remembered = build.build_database(workspace).parent / "target" / REMEMBERED
    if remembered.exists():
        shutil.copyfile(remembered, folder / "target" / REMEMBERED)
    working = folder / f"{build.WORKING}.duckdb"
    connection.execute(f"attach '{build.quoted(working)}' as other")
    for (schema, table), query in relations.items():
        connection.execute(f"create schema if not exists other.{schema}")
        connection.execute(f"create table other.{schema}.{table} as {query}")
    connection.execute("detach other")
    _dbt(folder)
    connection.execute(f"attach '{build.quoted(working)}' as other (read_only)")
    connection.execute(
        f"create or replace temp table {into} as "
        f"select kpi_id, period_type, period, member_code, category_group, actual from other.work.{FIGURES} "
        "where list_contains(?, period)",
        [list(periods)],
    )
    connection.execute("detach other")
    shutil.rmtree(folder)


def _dbt(folder: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("mattstock-dbt")),
        *("--quiet", "run", "--select", f"+{FIGURES}"),
        *("--project-dir", str(build.DBT_DIR), "--profiles-dir", str(build.DBT_DIR)),
    ]
    target = str(folder / "target")
    done = subprocess.run(
        command,
        env={**environment(), "DBT_TARGET_PATH": target, "DBT_LOG_PATH": target},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise PublishError("close.recompute_failed", reason=(done.stdout + done.stderr).strip()[-SAID:])

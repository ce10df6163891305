"""Older and newer programs on one data folder, and the page that says what to do about exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project import cli
from dagster_project.flow import releases
from dagster_project.flow.publish import ReleaseFacts, build_candidate, put_in_force
from dagster_project.flow.refresh import SCHEMA_VERSION, Refresh
from dagster_project.settings import PROJECT_ROOT, Workspace, load_settings
from tests.deliveries import deliver

AS_OF = date(2022, 12, 31)
NEWER = str(int(SCHEMA_VERSION) + 1)


def publish(workspace: Workspace, schema_version: str) -> releases.Release:
    build = workspace.root / "procurement.duckdb"
    build.unlink(missing_ok=True)
    with duckdb.connect(str(build)) as connection:
        connection.execute(f"create table fct_line as select '{schema_version}' as line_id")
        connection.execute("create table data_quality_summary (source varchar, rows_accepted bigint)")
    about = ReleaseFacts(datetime.now(UTC), AS_OF, schema_version, "abc", "00ff00ff")
    return put_in_force(
        build_candidate(build, workspace, about), workspace, load_settings(workspace.settings_file)
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return deliver(tmp_path / "data", {})


def test_an_older_program_refuses_a_newer_release_and_touches_nothing(workspace: Workspace) -> None:
    older = publish(workspace, SCHEMA_VERSION)
    newer = publish(workspace, NEWER)
    for command in ("run", "check"):
        done = subprocess.run(
            [sys.executable, "-m", "dagster_project.cli", command, "--data", str(workspace.root)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == cli.EXIT_OTHER, done.stdout
        assert "nyare version" in done.stderr
        assert "newer version" in done.stderr
        assert "Traceback" not in done.stderr
        found = releases.current(workspace)
        assert found is not None
        assert found.release_id == newer.release_id
        assert releases.verify(found) == []
        assert releases.release_ids(workspace) == [older.release_id, newer.release_id]

    # The way out that the message names.
    releases.rollback(workspace, older.release_id)
    with Refresh(workspace, AS_OF, may_publish=False) as refresh:
        assert refresh.deliveries


def test_a_newer_program_goes_on_from_an_older_release(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(workspace, SCHEMA_VERSION)
    monkeypatch.setattr("dagster_project.flow.refresh.SCHEMA_VERSION", NEWER)
    with Refresh(workspace, AS_OF, may_publish=False) as refresh:
        assert not refresh.nothing_to_do()
        refresh.arrive()
        assert refresh.judge_arrivals(keep=False)


def test_the_operations_page_tells_of_every_exit_code() -> None:
    page = (PROJECT_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.split("## What to do for each exit code")[1].split("\n## ")[0]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert told == {value for name, value in vars(cli).items() if name.startswith("EXIT_")}

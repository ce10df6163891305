"""The dbt that waits for its run: it must not outlive it."""

from __future__ import annotations

from pathlib import Path

from dagster_project.flow.dbt_process import DbtProcess


def test_a_dbt_whose_run_is_gone_ends_by_itself_and_has_touched_no_database(tmp_path: Path) -> None:
    dbt = DbtProcess(tmp_path / "build" / "target")
    assert dbt.process.stdin is not None
    dbt.process.stdin.close()
    assert dbt.process.stdout is not None
    said = dbt.process.stdout.read()
    assert dbt.process.wait(300) == 0, said
    assert not list((tmp_path / "build").glob("*.duckdb"))
    dbt.close()

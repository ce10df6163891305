"""Reports in a process of their own: what goes wrong there is told here, and it ends with what goes wrong here."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.report.apart import WrittenApart
from dagster_project.report.workbook import write_workbook
from dagster_project.settings import Settings

SETTINGS = Settings(organisation="prov", members=["1"])
DAY = date(2022, 12, 31)


def test_a_fault_of_the_other_process_is_raised_here(tmp_path: Path) -> None:
    with (
        pytest.raises(duckdb.IOException, match=r"gone\.duckdb"),
        WrittenApart((write_workbook,), tmp_path / "gone.duckdb", tmp_path, SETTINGS, DAY),
    ):
        pass


def test_the_other_process_ends_with_a_fault_here(tmp_path: Path) -> None:
    apart = WrittenApart((write_workbook,), tmp_path / "gone.duckdb", tmp_path, SETTINGS, DAY)
    with pytest.raises(ZeroDivisionError), apart:
        raise ZeroDivisionError
    assert apart.process.returncode is not None


def test_one_that_dies_is_said_to_have_died(tmp_path: Path) -> None:
    apart = WrittenApart((write_workbook,), tmp_path / "gone.duckdb", tmp_path, SETTINGS, DAY)
    with pytest.raises(RuntimeError, match="died"), apart:
        apart.process.kill()

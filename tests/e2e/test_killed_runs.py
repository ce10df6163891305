"""Half of the runs that are killed at random moments; the other half is in `test_killed_runs_too.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.killing import Killing


def test_a_run_killed_at_any_moment_leaves_the_release_whole_and_the_next_run_needs_no_help(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    killing = Killing(tmp_path / "data", seed=20261121)
    for _ in range(pytestconfig.getoption("--kills") // 2):
        killing.strike()

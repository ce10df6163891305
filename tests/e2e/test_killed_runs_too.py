"""The other half of the runs that are killed at random moments, for another worker; see `test_killed_runs.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.killing import Killing


def test_another_run_killed_at_any_moment_leaves_the_release_whole_and_the_next_run_needs_no_help(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kills = pytestconfig.getoption("--kills")
    killing = Killing(tmp_path / "data", seed=20261122)
    for _ in range(kills - kills // 2):
        killing.strike()

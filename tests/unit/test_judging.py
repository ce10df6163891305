"""Judging in a process of its own: the same verdicts, and a plain word when the process dies."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from dagster_project.flow.judging import Expectation, JudgeApart, judge


def expected(name: str, least: int) -> Expectation:
    return Expectation(
        name=name,
        kind="judgement",
        severity="blocking",
        blocking=True,
        type="expect_column_values_to_be_between",
        arguments={"column": "rows", "min_value": least},
        why="why",
        mend_sv="sv",
        mend_en="en",
    )


def test_another_process_gives_the_verdicts_that_this_one_would_give(tmp_path: Path) -> None:
    counts = pl.DataFrame({"source": ["a", "b"], "rows": [3, 0]})
    suites = [("counts", counts, ["source"], [expected("some", 1), expected("any", 0)])]
    apart = JudgeApart(tmp_path / "logs" / "judging.log")
    try:
        first, second = apart(suites), apart(suites)
    finally:
        apart.close()
    assert first == second == judge(suites)
    assert [(verdict.name, verdict.success, verdict.examples) for verdict in first] == [
        ("some", False, "rows=0, source=b"),
        ("any", True, ""),
    ]


def test_a_judge_that_died_is_told_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "judging.log"
    apart = JudgeApart(log)
    apart._process.kill()
    apart._process.wait()
    with pytest.raises(RuntimeError, match=r"judging\.log"):
        apart([])
    apart.close()


def test_a_judge_whose_run_is_gone_ends_by_itself(tmp_path: Path) -> None:
    apart = JudgeApart(tmp_path / "judging.log")
    assert apart._process.stdin is not None
    apart._process.stdin.close()
    deadline = time.monotonic() + 120
    while apart._process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert apart._process.returncode == 0

"""Which runs there have been: written by real runs, bounded, and readable after the worst."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dagster_project.flow import history
from dagster_project.flow.refresh import Refresh
from dagster_project.settings import Workspace
from tests.deliveries import deliver

START = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


class Broken(Exception):
    """A fault that nobody foresaw."""


def broken_while(runs: list[history.PastRun]) -> None:
    assert [run.ending for run in runs] == [None]
    raise Broken


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "warehouse").mkdir()
    return Workspace(tmp_path)


def test_runs_are_told_in_the_order_in_which_they_began(workspace: Workspace) -> None:
    for number, ending in enumerate(("published", "nothing_new", "stopped")):
        begun = START + timedelta(days=number)
        history.begin(workspace, f"r{number}", begun)
        history.record(workspace, f"r{number}", ending, ended=begun + timedelta(minutes=1))
    assert [(run.run_id, run.ending) for run in history.last(workspace, 2)] == [
        ("r1", "nothing_new"),
        ("r2", "stopped"),
    ]
    assert history.last(workspace, 1)[0].ended == START + timedelta(days=2, minutes=1)


def test_a_run_that_never_ended_has_no_ending(workspace: Workspace) -> None:
    history.begin(workspace, "killed", START)
    history.begin(workspace, "next", START)
    history.record(workspace, "next", "published", "20261121T010000Z-00000000")
    killed, following = history.last(workspace, 5)
    assert (killed.ending, killed.ended) == (None, None)
    assert (following.ending, following.release) == ("published", "20261121T010000Z-00000000")


def test_lines_that_cannot_be_read_are_passed_over(workspace: Workspace) -> None:
    history.begin(workspace, "good", START)
    with history.path(workspace).open("ab") as stream:
        stream.write(
            b'{"run_id": "torn", "sta\n[1]\n\xff\xfe\n{"run_id": "unknown", "ending": "published"}\n'
        )
    history.record(workspace, "good", "failed")
    assert [(run.run_id, run.ending) for run in history.last(workspace, 9)] == [("good", "failed")]


def test_the_history_does_not_grow_without_bound(workspace: Workspace) -> None:
    earlier = '{"run_id": "old", "started": "2020-01-01T00:00:00+00:00"}\n'
    history.path(workspace).write_text(earlier * (history.KEPT_LINES + 500), encoding="utf-8")
    history.begin(workspace, "new", START)
    assert len(history.path(workspace).read_text(encoding="utf-8").splitlines()) == history.KEPT_LINES
    assert history.last(workspace, 1)[0].run_id == "new"


def test_a_history_that_cannot_be_written_is_told_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "warehouse").write_text("a file where the folder should be", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        history.begin(Workspace(tmp_path), "r", START)
    assert history.RUNS_FILE in caplog.text


def test_a_run_that_breaks_is_failed_and_a_check_is_no_run(tmp_path: Path) -> None:
    workspace = deliver(tmp_path, {})
    with Refresh(workspace, date(2022, 12, 31), may_publish=False) as refresh:
        refresh.arrive()
    assert history.last(workspace, 9) == []
    with pytest.raises(Broken), Refresh(workspace, date(2022, 12, 31)):
        broken_while(history.last(workspace, 9))
    assert [run.ending for run in history.last(workspace, 9)] == ["failed"]


def test_a_run_that_cannot_begin_is_failed_and_lets_go_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = deliver(tmp_path, {})

    def breaks(_: Workspace) -> None:
        raise Broken

    monkeypatch.setattr("dagster_project.flow.refresh.clear_scratch", breaks)
    with pytest.raises(Broken), Refresh(workspace):
        pytest.fail("the run began")
    assert [run.ending for run in history.last(workspace, 9)] == ["failed"]
    monkeypatch.undo()
    with Refresh(workspace):
        assert len(history.last(workspace, 9)) == 2

"""One run at a time on a data folder: real processes, the kernel's lock."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dagster_project.flow.lock import LOCK_FILE, FolderLock, LockHeld, LockUnavailable, holder
from dagster_project.settings import Workspace

HOLD = """
import sys, time
from pathlib import Path
from dagster_project.flow.lock import FolderLock
from dagster_project.settings import Workspace
with FolderLock(Workspace(Path(sys.argv[1])), command="mattstock run --data here"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def hold(workspace: Workspace, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace.root), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_holds_the_folder(workspace: Workspace) -> None:
    process = hold(workspace, 60)
    try:
        with pytest.raises(LockHeld) as told, FolderLock(workspace):
            pass
        assert told.value.holder is not None
        assert told.value.holder.pid == process.pid
        for words in (
            str(process.pid),
            "mattstock run --data here",
            "annan körning",
            "another run",
            "--wait",
        ):
            assert words in str(told.value)
    finally:
        process.kill()
        process.communicate()


def test_who_holds_it_is_told_without_the_reason_that_was_typed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["/opt/mattstock/.venv/bin/mattstock", "reopen", "2021", "--reason", "Anna Planterad rang"]
    monkeypatch.setattr(sys, "argv", typed)
    with FolderLock(workspace):
        told = holder(workspace.warehouse / LOCK_FILE)
    assert told is not None
    assert told.command == "mattstock reopen"


def test_a_dead_holder_does_not_block(workspace: Workspace) -> None:
    process = hold(workspace, 60)
    process.kill()
    process.communicate()
    with FolderLock(workspace):
        pass


def test_waiting_says_so_and_gets_the_folder_when_it_is_free(workspace: Workspace) -> None:
    process = hold(workspace, 0.6)
    told: list[LockHeld] = []
    began = time.monotonic()
    with FolderLock(workspace, wait=True, on_wait=told.append):
        assert time.monotonic() - began > 0.2
    process.communicate()
    assert [held.holder.pid for held in told if held.holder] == [process.pid]


def test_a_step_takes_the_lock_inside_the_run_that_holds_it(workspace: Workspace) -> None:
    with FolderLock(workspace):
        with FolderLock(workspace):
            pass
        taking = subprocess.run(
            [sys.executable, "-c", HOLD, str(workspace.root), "0"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert taking.returncode == 1
        assert "LockHeld" in taking.stderr
    hold(workspace, 0).communicate()


def test_a_lock_file_thrown_away_while_waiting_is_not_the_lock(workspace: Workspace) -> None:
    process = hold(workspace, 0.5)
    (workspace.warehouse / ".lock").unlink()
    with FolderLock(workspace):
        assert (workspace.warehouse / ".lock").exists()
    process.communicate()


def test_an_error_under_the_lock_frees_it(workspace: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), FolderLock(workspace):
        1 / 0  # noqa: B018
    hold(workspace, 0).communicate()


def test_a_folder_that_cannot_be_locked_is_said_plainly(workspace: Workspace) -> None:
    workspace.warehouse.write_text("a file where the folder should be")
    with pytest.raises(LockUnavailable, match=r"kan inte tas.*cannot be taken"), FolderLock(workspace):
        pass

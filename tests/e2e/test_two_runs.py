"""Two runs at once on one data folder: one leaves or waits, and is told for whom; a dead holder holds nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dagster_project.settings import Workspace
from tests.deliveries import deliver
from tests.e2e.conftest import Command

PATIENCE = 300  # seconds, on a machine that does other things too


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return deliver(tmp_path / "data", {})


def start(workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dagster_project.cli", *arguments, "--data", str(workspace.root)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def held_by(workspace: Workspace) -> dict[str, object]:
    """What the holder of the lock says of itself, as soon as it does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return dict(json.loads((workspace.warehouse / ".lock").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
    raise AssertionError("nobody took the lock")


def test_the_second_leaves_with_code_3_or_waits_and_gets_the_folder_when_the_first_is_killed(
    workspace: Workspace, mattstock: Command
) -> None:
    first = start(workspace, "run")
    try:
        holder = held_by(workspace)
        assert holder["pid"] == first.pid
        second = mattstock("run", "--data", workspace.root)
        assert second.returncode == 3
        for words in (
            f"process {first.pid}",
            socket.gethostname(),
            str(holder["since"]),
            "cli.py run",
            "--wait",
        ):
            assert words in second.stderr
        assert "Traceback" not in second.stderr
        waiting = start(workspace, "check", "--wait")
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        assert "Väntar på" in told
        assert f"process {first.pid}" in told
        assert first.poll() is None, "the first was done before it could be killed"
    finally:
        first.kill()
        first.communicate()
    _, said = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0, said

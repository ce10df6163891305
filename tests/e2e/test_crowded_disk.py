"""A disk that is full, read-only or closed to the account: nothing is lost, and what to do is said in plain words.

The disk is a real one of some megabytes, mounted in a namespace of its own, so that no other program sees it and
nothing is left of it when the test ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project.flow.releases import current, verify
from dagster_project.settings import Workspace
from tests.deliveries import BASE, deliver
from tests.e2e.conftest import RUN_SECONDS, Command

COMMAND = (sys.executable, "-m", "dagster_project.cli")
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
MEGABYTE = 1 << 20
ONE_MORE = BASE["procurements/p.csv"] + "P3;Kakao;K1;open;2021-02-10;2021-04-01\n"


class Disk:
    """A small disk mounted on a folder, in a namespace that lives as long as its first process."""

    def __init__(self, place: Path, megabytes: int) -> None:
        own = [] if IS_ROOT else ["--user", "--map-root-user"]
        mount = f"mount -t tmpfs -o size={megabytes}m tmpfs '{place}' && echo mounted && exec cat"
        self._first = subprocess.Popen(
            ["unshare", *own, "--mount", "sh", "-c", mount],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._first.stdout is not None
        if self._first.stdout.readline() != "mounted\n":
            _, reason = self._first.communicate()
            pytest.skip(f"no disk can be mounted here: {reason.strip()}")

    def seen_from_outside(self, path: Path) -> Path:
        return Path(f"/proc/{self._first.pid}/root{path}")

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        own = [] if IS_ROOT else ["--user", "--preserve-credentials"]
        return subprocess.run(
            ["nsenter", *own, "--mount", "--target", str(self._first.pid), "--", *map(str, command)],
            capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
        )  # fmt: skip

    def leave_free(self, size: int, place: Path) -> None:
        """Fill the disk but for `size` bytes; what filled it before is taken away first."""
        filler = self.seen_from_outside(place) / "filler"
        filler.unlink(missing_ok=True)
        room = os.statvfs(filler.parent)
        with filler.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, room.f_bavail * room.f_frsize - size)

    def close(self) -> None:
        self._first.communicate()  # its input ends, and so does it


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, mattstock: Command) -> Workspace:
    """A published data folder with one more row delivered since; copy it."""
    workspace = deliver(tmp_path_factory.mktemp("crowded") / "data", {})
    done = mattstock("run", "--data", workspace.root, "--as-of", "2022-12-31")
    assert done.returncode == 0, done.stdout + done.stderr
    (workspace.raw / "procurements" / "p.csv").write_text(ONE_MORE, encoding="utf-8")
    return workspace


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "disk"
    place.mkdir()
    return place


def check_stands(seen: Workspace, release_id: str) -> None:
    """That release is in force, and whole to the last byte."""
    release = current(seen)
    assert release is not None
    assert release.release_id == release_id
    assert verify(release) == []


def check_told(done: subprocess.CompletedProcess[str], *words: str) -> None:
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    for word in words:
        assert word in said
    assert "Traceback" not in said
    assert "sqlite" not in said.lower()


def run(disk: Disk, workspace: Workspace) -> subprocess.CompletedProcess[str]:
    return disk.run(*COMMAND, "run", "--data", workspace.root, "--as-of", "2022-12-31")


def test_a_full_disk_at_any_step_leaves_the_release_and_with_room_the_next_run_publishes(
    base: Workspace, place: Path
) -> None:
    disk = Disk(place, megabytes=100)
    try:
        assert disk.run("cp", "-a", base.root, place).returncode == 0
        workspace = Workspace(place / base.root.name)
        seen = Workspace(disk.seen_from_outside(workspace.root))
        before = current(seen)
        assert before is not None
        assert disk.run("mount", "-o", "remount,ro", place).returncode == 0
        check_told(run(disk, workspace), "Read-only file system", "kan inte tas", "cannot be taken")
        assert disk.run("mount", "-o", "remount,rw", place).returncode == 0
        # At once; at the first steps; as dbt computes.
        for size in (0, MEGABYTE, 6 * MEGABYTE):
            disk.leave_free(size, place)
            done = run(disk, workspace)
            check_told(
                done,
                *(
                    ("Disken är full", "Frigör utrymme", "The disk is full")
                    if size
                    else ("disken inte är full",)
                ),
            )
            check_stands(seen, before.release_id)
        (seen.root.parent / "filler").unlink()
        done = run(disk, workspace)
        assert done.returncode == 0, done.stdout + done.stderr
        after = current(seen)
        assert after is not None
        assert after.rows["dim_procurement"] == 3
        assert verify(after) == []
    finally:
        disk.close()


def test_a_disk_that_has_no_room_for_another_release_keeps_the_one_that_is_there(
    base: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "data")
    shutil.copytree(base.root, workspace.root, symlinks=True, ignore=shutil.ignore_patterns("marts"))
    workspace.marts.mkdir()
    disk = Disk(workspace.marts, megabytes=20)
    try:
        assert disk.run("cp", "-a", f"{base.marts}/.", workspace.marts).returncode == 0
        seen = Workspace(disk.seen_from_outside(workspace.root))
        before = current(seen)
        assert before is not None
        disk.leave_free(MEGABYTE, workspace.marts)
        check_told(
            run(disk, workspace), "Disken är full: kunde inte bygga utgåvan", "could not build the release"
        )
        check_stands(seen, before.release_id)
        assert not list((seen.marts / ".building").glob("*.duckdb"))
    finally:
        disk.close()


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that another account may pass through."""
    with tempfile.TemporaryDirectory(prefix="mattstock-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("closed", ["", "warehouse", "marts", "secrets"])
def test_missing_rights_are_named_at_the_start_and_the_release_stands(
    base: Workspace, open_to_all: Path, closed: str
) -> None:
    workspace = Workspace(open_to_all / "data")
    shutil.copytree(base.root, workspace.root, symlinks=True)
    as_nobody: list[str] = []
    if IS_ROOT:  # whom no rights bind: the run is another account's, which owns all but what is closed
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
        if subprocess.run([*as_nobody, *COMMAND, "--version"], capture_output=True, check=False).returncode:
            pytest.skip("another account cannot start the program here")
        for path in [workspace.root, *workspace.root.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    before = current(workspace)
    assert before is not None
    shutil.rmtree(workspace.warehouse)
    if closed != "":
        (workspace.root / closed).mkdir(exist_ok=True)
    (workspace.root / closed).chmod(0o500 if closed != "secrets" else 0)
    try:
        done = subprocess.run(
            [*as_nobody, *COMMAND, "run", "--data", str(workspace.root)],
            capture_output=True, text=True, timeout=RUN_SECONDS, check=False, cwd=open_to_all,
        )  # fmt: skip
    finally:
        (workspace.root / closed).chmod(0o700)
    check_told(done, str(workspace.root / closed) if closed else str(workspace.warehouse))
    assert "rätt" in done.stderr or "får skriva" in done.stderr
    check_stands(workspace, before.release_id)

"""A disk that is full, read-only or closed to the account: nothing is lost, and what to do is said in plain words.

The disk is a real one of some megabytes, mounted in a namespace of its own, so that no other program sees it and
nothing is left of it when the test ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dagster_project.flow.releases import current, verify
from dagster_project.settings import Workspace
from tests.deliveries import BASE, deliver
from tests.e2e.conftest import RUN_SECONDS, Command

COMMAND = (sys.executable, "-m", "dagster_project.cli")
IS_ROOT = os.geteuid() == 0
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


def with_rights_that_bind(*command: object) -> list[str]:
    """The command as an account that rights bind; root without its way around them."""
    if not IS_ROOT:
        return [str(word) for word in command]
    bound = [
        "setpriv",
        *(f"--{which}=-dac_override,-dac_read_search" for which in ("bounding-set", "inh-caps")),
    ]
    if subprocess.run([*bound, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root cannot be bound by rights here")
    return [*bound, "--", *map(str, command)]


def bound(command: str, workspace: Workspace) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        with_rights_that_bind(*COMMAND, command, "--data", workspace.root),
        capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
    )  # fmt: skip


# What is closed, how, and the place that is named where it is another.
CLOSED = {
    "": (0o500, "warehouse"),
    "warehouse": (0o500, "warehouse"),
    "marts": (0o500, "marts"),
    "secrets": (0, "secrets"),
    "raw": (0, "raw"),
    "organisation.yml": (0, "organisation.yml"),
    "marts/current/release.json": (0, "release.json"),
    "marts/current/procurement.duckdb": (0, "procurement.duckdb"),
}


@pytest.mark.parametrize("closed", CLOSED)
def test_missing_rights_are_named_and_the_release_stands(
    base: Workspace, tmp_path: Path, closed: str
) -> None:
    workspace = Workspace(tmp_path / "data")
    shutil.copytree(base.root, workspace.root, symlinks=True)
    before = current(workspace)
    assert before is not None
    shutil.rmtree(workspace.warehouse)
    place = workspace.root / closed
    if closed == "warehouse":
        place.mkdir()
    mode, named = CLOSED[closed]
    was = place.stat().st_mode
    place.chmod(mode)
    try:
        done = bound("run", workspace)
    finally:
        place.chmod(was)
    check_told(done, named, "rätt" if closed != "warehouse" and closed else "får skriva")
    check_stands(workspace, before.release_id)


def test_a_delivery_that_may_not_be_read_is_refused_alone_and_named(base: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    shutil.copytree(base.root, workspace.root, symlinks=True)
    before = current(workspace)
    assert before is not None
    shut = []
    for name in (
        "participants/e.csv",
        "participants/e.xlsx",
        "invoices/e.xml",
        "notices/e.xml",
        "lots/f/g.csv",
    ):
        path = workspace.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(BASE["participants/d.csv"], encoding="utf-8")
        shut.append(path.parent if name.startswith("lots") else path)
        shut[-1].chmod(0)
    try:
        done = bound("run", workspace)
    finally:
        for path in shut:
            path.chmod(0o700)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for path in shut:
        told = f"{path.relative_to(workspace.root)}: kontot som kör får inte läsa filen eller mappen"
        assert told in " ".join(done.stdout.split())
    [rejected] = (workspace.marts / "rejected").iterdir()
    with duckdb.connect(str(rejected / "procurement.duckdb"), read_only=True) as reader:
        named = reader.execute(
            "select file from data_quality_issues where rule = 'file.no_rights' and is_open"
        ).fetchall()
        read = reader.execute("select rows_accepted from data_quality_summary where file like '%/d.csv'")
        assert read.fetchall() == [(3,)]
    assert {file for (file,) in named} == {str(path.relative_to(workspace.root)) for path in shut}
    check_stands(workspace, before.release_id)

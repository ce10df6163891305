"""A killed run and open readers: at every moment there is one release in force, whole and readable."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.flow.lock import FolderLock
from dagster_project.flow.publish import ReleaseFacts, build_candidate, put_in_force
from dagster_project.flow.releases import clean_leftovers, current, release_ids, releases, verify
from dagster_project.settings import Retention, Settings, Workspace

SETTINGS = Settings(organisation="Provköping", members="all", retention=Retention(releases=2))
ROWS = 5_000

# Publishes again and again; each release holds one number, in every row and in its gate, so that a mixture
# shows.
LOOP = """
import sys, os, signal
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1])))
from test_kill_publish import publish
from dagster_project.settings import Workspace
workspace = Workspace(Path(sys.argv[2]))
print("ready", flush=True)
number = int(sys.argv[3])
while True:
    publish(workspace, number)
    number += 1
    print("published", flush=True)
"""

# The same, each time in a fork that dies at its n-th change to the disk, until one survives.
EVERY_MOMENT = """
import sys, os, signal
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1])))
from test_kill_publish import check, publish
from dagster_project.settings import Workspace
workspace = Workspace(Path(sys.argv[2]))
CHANGES = {"os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree"}
moment = 0
while True:
    child = os.fork()
    if child == 0:
        left = moment
        def die_in_time(event, arguments):
            global left
            if event in CHANGES or event == "open" and str(arguments[0]).startswith(str(workspace.marts)):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(die_in_time)
        publish(workspace, 1000 + moment)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    check(workspace, read=False)
    if os.waitstatus_to_exitcode(status) == 0:
        break
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, status
    moment += 1
print(moment)
"""

READER = """
import sys, time
import duckdb
from pathlib import Path
database = Path(sys.argv[1]) / "marts" / "current" / "procurement.duckdb"
held = duckdb.connect(str(database), read_only=True)
first = held.execute("SELECT min(number), max(number), count(*) FROM fct_line").fetchall()
print("ready", flush=True)
opened, seen = 0, set()
until = Path(sys.argv[1]) / "stop"
while not until.exists():
    with duckdb.connect(str(database), read_only=True) as reader:
        found = reader.execute("SELECT min(number), max(number), count(*) FROM evidence").fetchall()
        low, high, rows = found[0]
        assert low == high and rows == int(sys.argv[2]), (low, high, rows)
        seen.add(low)
    opened += 1
    assert held.execute("SELECT min(number), max(number), count(*) FROM fct_line").fetchall() == first
assert held.execute("SELECT min(number), max(number), count(DISTINCT word) FROM evidence").fetchall() == first
print(opened, len(seen))
"""


def publish(workspace: Workspace, number: int) -> None:
    """One run, from the start: clean up, build, put in force."""
    with FolderLock(workspace):
        clean_leftovers(workspace)
        build = workspace.warehouse / "build" / "procurement.duckdb"
        build.parent.mkdir(parents=True, exist_ok=True)
        for leftover in build.parent.iterdir():
            leftover.unlink()
        with duckdb.connect(str(build)) as c:
            c.execute(
                f"CREATE TABLE fct_line AS SELECT i, {number} AS number, 'w' || i word"
                f" FROM range({ROWS}) r(i)"
            )
            c.execute("CREATE VIEW evidence AS SELECT * FROM fct_line")
        about = ReleaseFacts(
            released_at=datetime.now(UTC),
            as_of=date(2022, 12, 31),
            schema_version="1",
            code_version="abc",
            fingerprint=f"{number:08x}",
            gate={"number": number},
        )
        put_in_force(build_candidate(build, workspace, about), workspace, SETTINGS)


def check(workspace: Workspace, *, read: bool) -> int:
    """The release in force is whole and the latest, as are all that are listed; its number."""
    listed = releases(workspace)
    assert [release.release_id for release in listed] == release_ids(workspace)
    assert [verify(release) for release in listed] == [[] for _ in listed]
    release = current(workspace)
    assert release is not None
    assert release == listed[-1]
    if read:
        with duckdb.connect(str(workspace.current_database), read_only=True) as c:
            found = c.execute("SELECT min(number), max(number), count(*) FROM evidence").fetchall()
        assert found == [(release.gate["number"], release.gate["number"], ROWS)]
    return int(release.gate["number"])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "data")
    publish(workspace, 0)
    return workspace


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_at_random_moments_the_release_in_force_is_whole(workspace: Workspace) -> None:
    chance = random.Random(20261121)
    number = 0
    for _ in range(10):
        process = start(LOOP, Path(__file__).parent, workspace.root, number + 1)
        began = time.monotonic()
        assert process.stdout is not None
        assert process.stdout.readline() == "published\n"
        # Somewhere in the next two publications, however fast this machine is just now.
        time.sleep(chance.uniform(0.0, 2.0) * (time.monotonic() - began))
        process.kill()
        process.communicate()
        number_after = check(workspace, read=True)
        assert number_after > number
        number = number_after
    publish(workspace, number + 1)
    assert check(workspace, read=True) == number + 1
    assert sorted(p.name for p in workspace.marts.iterdir()) == [".building", "current", "releases"]
    assert list((workspace.marts / ".building").iterdir()) == []


def test_killed_at_every_change_to_the_disk_the_release_in_force_is_whole(workspace: Workspace) -> None:
    for number in (1, 2):  # so that retention has something to remove
        publish(workspace, number)
    finished = subprocess.run(
        [sys.executable, "-c", EVERY_MOMENT, str(Path(__file__).parent), str(workspace.root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    moments = int(finished.stdout)
    assert moments > 20
    assert check(workspace, read=True) == 1000 + moments


def test_readers_keep_the_release_they_opened_and_new_ones_get_the_next_whole(workspace: Workspace) -> None:
    readers = [start(READER, workspace.root, ROWS) for _ in range(3)]
    for number in range(1, 31):
        publish(workspace, number)
    (workspace.root / "stop").touch()
    for reader in readers:
        told, _ = reader.communicate(timeout=120)
        assert reader.returncode == 0
        opened, seen = map(int, told.split())
        assert opened > 10
        assert seen > 3
    assert len(releases(workspace)) == SETTINGS.retention.releases

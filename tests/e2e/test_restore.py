"""The restore drill: the very commands of docs/operations.md on a published organisation, and what a lost key does."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from dagster_project.flow import releases
from dagster_project.flow.publish import EXEMPT
from dagster_project.flow.values.identity import pseudonym_key
from dagster_project.settings import PROJECT_ROOT, Workspace
from tests.demonstrations import AS_OF
from tests.e2e.conftest import Command

SECTION = "## Backup and restore"
FIGURE = ("explain", "coordinated_share", "2022")


def documented(program: str) -> list[list[str]]:
    """The commands of the section in which a program takes part, as words."""
    page = (PROJECT_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.split(SECTION)[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    return [words for words in lines if program in words]


def carried_out(words: list[str], data: Path, backup: Path) -> None:
    places = {"/srv/mattstock": str(data), "/backup": str(backup)}
    given = []
    for word in words:
        for place, ours in places.items():
            word = word.replace(place, ours)
        given.append(word)
    subprocess.run(given, check=True, capture_output=True)


def in_force(workspace: Workspace) -> releases.Release:
    release = releases.current(workspace)
    assert release is not None
    return release


def tables(workspace: Workspace) -> dict[str, bytes]:
    folder = in_force(workspace).directory / "parquet"
    return {path.stem: path.read_bytes() for path in folder.iterdir() if path.stem not in EXEMPT}


@pytest.fixture(scope="module")
def backup(published: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup made with the documented command."""
    if shutil.which("tar") is None or shutil.which("flock") is None:
        pytest.skip("tar or flock is not on this machine")
    folder = tmp_path_factory.mktemp("backup")
    [save] = [words for words in documented("tar") if "--create" in words]
    carried_out(save, published.root, folder)
    return folder


@pytest.fixture
def restored(backup: Path, tmp_path: Path) -> Workspace:
    """The backup laid out in an empty folder elsewhere."""
    data = tmp_path / "elsewhere"
    data.mkdir()
    [restore] = [words for words in documented("tar") if "--extract" in words]
    carried_out(restore, data, backup)
    return Workspace(data)


def test_what_is_restored_is_whole_explains_the_same_and_has_nothing_new(
    published: Workspace, restored: Workspace, mattstock: Command
) -> None:
    assert not restored.warehouse.exists()
    assert releases.release_ids(restored) == releases.release_ids(published)
    for release in releases.releases(restored):
        assert releases.verify(release) == []
    there, here = (mattstock(*FIGURE, "--data", where.root) for where in (published, restored))
    assert there.returncode == here.returncode == 0
    assert there.stdout == here.stdout
    run = mattstock("run", "--data", restored.root, "--as-of", AS_OF)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Inget nytt" in run.stdout
    assert mattstock("doctor", "--data", restored.root).returncode == 0


def test_without_the_releases_a_run_makes_the_same_tables_byte_for_byte(
    published: Workspace, restored: Workspace, mattstock: Command
) -> None:
    for made in restored.marts.iterdir():
        if made.is_symlink():
            made.unlink()
        elif made.name != "samples":  # what was drawn is no outcome of a run
            shutil.rmtree(made)
    run = mattstock("run", "--data", restored.root, "--as-of", AS_OF)
    assert run.returncode == 0, run.stdout + run.stderr
    assert tables(restored) == tables(published)


def test_without_the_key_the_doctor_says_what_is_lost(restored: Workspace, mattstock: Command) -> None:
    shutil.rmtree(restored.secrets)
    missing = mattstock("doctor", "--data", restored.root)
    assert missing.returncode == 1
    # A long path is folded wherever the line ends.
    assert "pseudonym.keysaknas" in "".join(missing.stdout.split())
    pseudonym_key(restored)  # as a run does that finds none
    other = mattstock("doctor", "--data", restored.root)
    assert other.returncode == 1
    assert "gjord med en annan nyckel" in " ".join(other.stdout.split())
    assert in_force(restored).release_id in "".join(other.stdout.split())

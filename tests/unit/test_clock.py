"""A clock that went backwards, or was wrong when a release was made: order, force and retention all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.flow.ingest import deliveries
from dagster_project.flow.publish import ReleaseFacts, build_candidate, put_in_force
from dagster_project.flow.refresh import Refresh
from dagster_project.flow.releases import Release, current, releases, rollback
from dagster_project.settings import Retention, Settings, Workspace
from tests.deliveries import deliver

NOW = datetime(2026, 11, 21, 6, 45, tzinfo=UTC)
AHEAD = datetime(2091, 1, 1, tzinfo=UTC)  # a battery was changed
SETTINGS = Settings(organisation="prov", members="all", retention=Retention(releases=2))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "data")
    build = workspace.warehouse / "build.duckdb"
    build.parent.mkdir(parents=True)
    with duckdb.connect(str(build)) as connection:
        connection.execute("create table plain as select 1 as a")
    return workspace


def publish(workspace: Workspace, at: datetime, number: int) -> Release:
    in_force = current(workspace)
    facts = ReleaseFacts(
        released_at=at,
        as_of=date(2022, 12, 31),
        schema_version="1",
        code_version="abc",
        fingerprint=f"{number:08x}",
        predecessor=in_force.release_id if in_force else None,
    )
    return put_in_force(
        build_candidate(workspace.warehouse / "build.duckdb", workspace, facts), workspace, SETTINGS
    )


def test_a_run_with_an_earlier_clock_becomes_the_release_in_force_and_is_listed_last(
    workspace: Workspace,
) -> None:
    ahead = publish(workspace, AHEAD, 1)
    back = publish(workspace, NOW, 2)
    assert current(workspace) == back
    assert [release.release_id for release in releases(workspace)] == [ahead.release_id, back.release_id]
    assert [release.in_force for release in releases(workspace)] == [False, True]
    assert back.released_at == NOW, "when it was made is told as the clock said"


def test_retention_lets_go_of_the_oldest_made_though_its_clock_was_ahead(workspace: Workspace) -> None:
    publish(workspace, AHEAD, 1)
    made = [publish(workspace, NOW + timedelta(hours=n), 2 + n).release_id for n in range(3)]
    assert [release.release_id for release in releases(workspace)] == made[1:]
    assert current(workspace) == releases(workspace)[-1]


def test_the_release_in_force_is_kept_when_a_clock_that_was_ahead_is_rolled_back_to(
    workspace: Workspace,
) -> None:
    ahead = publish(workspace, AHEAD, 1)
    publish(workspace, NOW, 2)
    assert rollback(workspace, ahead.release_id).in_force
    newest = publish(workspace, NOW + timedelta(hours=1), 3)
    assert current(workspace) == newest
    assert newest.release_id == releases(workspace)[-1].release_id


def test_two_releases_in_one_second_have_names_in_their_order(workspace: Workspace) -> None:
    made = [publish(workspace, NOW, number).release_id for number in (9, 1)]
    assert made == sorted(made)
    assert [release.release_id for release in releases(workspace)] == made


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_run_whose_clock_has_gone_back_leaves_the_release_and_says_what_to_do(
    workspace: Workspace, command: str
) -> None:
    deliver(workspace.root, {})
    ahead = publish(workspace, AHEAD, 1)
    done = subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", command, "--data", str(workspace.root)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1, done.stdout
    for words in ("2091-01-01", ahead.release_id, "Ställ klockan", "Set the clock", "--as-of"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert current(workspace) == ahead


def test_with_a_date_of_its_own_a_run_needs_no_clock(workspace: Workspace) -> None:
    deliver(workspace.root, {})
    publish(workspace, AHEAD, 1)
    with Refresh(workspace, date(2022, 12, 31)) as refresh:
        assert refresh.deliveries


def test_the_day_of_the_release_is_no_day_gone_back(workspace: Workspace) -> None:
    deliver(workspace.root, {})
    publish(workspace, datetime.now(UTC), 1)
    with Refresh(workspace) as refresh:
        assert refresh.deliveries


@pytest.mark.parametrize("seconds", [4_000_000_000, 100_000_000_000, -1_000_000])
def test_deliveries_from_the_future_or_from_before_time_are_read_as_any(
    workspace: Workspace, seconds: int
) -> None:
    path = workspace.raw / "suppliers" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text("supplier_id;supplier_name\n", encoding="utf-8")
    os.utime(path, (seconds, seconds))
    [delivery] = deliveries(workspace)
    assert delivery.fault is None
    assert delivery.modified_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=os.stat(path).st_mtime
    )

"""After a rollback: no run undoes it from the very deliveries behind it, and each way of mending sets runs free."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.flow import releases
from dagster_project.flow.publish import Input, ReleaseFacts, build_candidate, put_in_force
from dagster_project.flow.refresh import SCHEMA_VERSION, Ending, Refresh, code_version
from dagster_project.orchestration import alerts
from dagster_project.report import doctor
from dagster_project.settings import Workspace, load_settings
from tests.deliveries import BASE, ORGANISATION, deliver
from tests.sinks import Hook, web_hook

GOOD, BAD = "participants/d.csv", "participants/e.csv"
TONIGHT = date(2022, 12, 31)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_hook() as server:
        yield server


@pytest.fixture
def workspace(tmp_path: Path, hook: Hook) -> Workspace:
    """A release of the base deliveries, one with another file, and a rollback from the latter."""
    settings = ORGANISATION + f"alerts: {{webhook: '{hook.address}'}}\n"
    found = deliver(tmp_path / "data", {}, organisation=settings)
    chosen = publish(found)
    lay(found, BAD, "procurement_id;unit_id\nP2;u2\n")
    publish(found)
    releases.rollback(found, chosen.release_id)
    return found


def lay(workspace: Workspace, name: str, text: str | None) -> None:
    path = workspace.raw / name
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")


def publish(workspace: Workspace, **other: str) -> releases.Release:
    """A release of what is delivered now, as a run yesterday would have made it but for its tables."""
    with Refresh(workspace, date(2022, 12, 30)) as refresh:
        refresh.ending = "published"
        build = workspace.warehouse / "made.duckdb"
        build.unlink(missing_ok=True)
        with duckdb.connect(str(build)) as connection:
            connection.execute("create table fct_line as select 1 as line_id")
        about = ReleaseFacts(
            released_at=datetime.now(UTC),
            as_of=refresh.as_of,
            schema_version=SCHEMA_VERSION,
            code_version=code_version(),
            fingerprint=refresh.fingerprint,
            inputs=tuple(Input(d.file, d.sha256, 1) for d in refresh.deliveries),
            settings=refresh._settings_hash,
        )
        candidate = build_candidate(build, workspace, replace(about, **other))  # type: ignore[arg-type]
        return put_in_force(candidate, workspace, load_settings(workspace.settings_file))


def tonight(workspace: Workspace) -> Ending | None:
    """How a run ends before it begins; None where it goes to work."""
    with Refresh(workspace, TONIGHT) as refresh:
        refresh.nothing_to_do()
        if refresh.ending is not None:
            alerts.ended(refresh)
        return refresh.ending


def test_the_night_after_a_rollback_publishes_nothing_and_says_why(workspace: Workspace, hook: Hook) -> None:
    in_force, left = releases.current(workspace), releases.rolled_back_from(workspace)
    assert in_force is not None
    assert left is not None
    assert [tonight(workspace) for _ in range(3)] == ["held_back"] * 3
    assert releases.current(workspace) == in_force
    [told] = hook.posts  # once a day
    assert told["kind"] == "held_back"
    assert told["release"] == in_force.release_id
    for words in (in_force.release_id, f"mattstock rollback {left.release_id}", f"raw/{BAD}"):
        assert words in told["text"]
    assert f"raw/{GOOD}" not in told["text"]


@pytest.mark.parametrize(
    "mend",
    [
        lambda workspace: lay(workspace, BAD, "procurement_id;unit_id\nP1;u1\n"),
        lambda workspace: lay(workspace, BAD, None),
        lambda workspace: workspace.settings_file.write_text(
            ORGANISATION + "language: en\n", encoding="utf-8"
        ),
    ],
)
def test_what_is_mended_sets_the_next_run_free(
    workspace: Workspace, mend: Callable[[Workspace], object]
) -> None:
    assert tonight(workspace) == "held_back"
    mend(workspace)
    assert tonight(workspace) is None


def test_another_file_does_not_bring_back_what_somebody_went_back_from(workspace: Workspace) -> None:
    lay(workspace, "participants/f.csv", "procurement_id;unit_id\nP2;u2\n")
    assert tonight(workspace) == "held_back"


def test_a_file_that_was_taken_away_is_mended_by_putting_it_back(workspace: Workspace) -> None:
    lay(workspace, BAD, None)
    lay(workspace, GOOD, None)
    publish(workspace)
    [chosen, *_] = releases.release_ids(workspace)
    releases.rollback(workspace, chosen)
    assert tonight(workspace) == "held_back"
    lay(workspace, GOOD, BASE[GOOD])
    assert tonight(workspace) is None


def test_between_releases_of_the_same_deliveries_any_delivery_sets_runs_free(workspace: Workspace) -> None:
    before, _ = publish(workspace), publish(workspace)
    releases.rollback(workspace, before.release_id)
    assert tonight(workspace) == "held_back"
    lay(workspace, "participants/f.csv", "procurement_id;unit_id\nP2;u2\n")
    assert tonight(workspace) is None


def test_another_program_counts_anew(workspace: Workspace) -> None:
    chosen = releases.release_ids(workspace)[0]
    publish(workspace, code_version="0123456789abcdef")
    releases.rollback(workspace, chosen)
    assert tonight(workspace) is None


def test_going_forward_again_ends_it(workspace: Workspace) -> None:
    left = releases.rolled_back_from(workspace)
    assert left is not None
    releases.rollback(workspace, left.release_id)
    assert releases.rolled_back_from(workspace) is None
    assert tonight(workspace) is None


def test_a_release_that_cannot_be_read_holds_nobody_back(workspace: Workspace) -> None:
    left = releases.rolled_back_from(workspace)
    assert left is not None
    (left.directory / releases.RELEASE_FILE).unlink()
    assert tonight(workspace) is None


def test_the_doctor_tells_of_it(workspace: Workspace) -> None:
    def about_release() -> list[tuple[str, str]]:
        return [(f.found, f.status) for f in doctor.examine(workspace)[0] if f.about == "release"]

    assert about_release() == [("rolled_back", "notice")]
    left = releases.rolled_back_from(workspace)
    assert left is not None
    releases.rollback(workspace, left.release_id)
    assert about_release() == [("right", "ok")]

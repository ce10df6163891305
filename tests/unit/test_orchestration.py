"""What starts runs, what becomes of those that died, and how little of old runs is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.run_request import InstigatorType

from dagster_project.definitions import defs
from dagster_project.flow import history
from dagster_project.flow.refresh import Refresh
from dagster_project.orchestration import instance as instances
from dagster_project.orchestration import schedule
from dagster_project.orchestration.execute import execute
from dagster_project.orchestration.retention import prune
from dagster_project.orchestration.sensor import bury, deliveries_arrived, listing
from dagster_project.settings import DATA_VARIABLE, Workspace
from tests.deliveries import ORGANISATION, deliver
from tests.persons import found_below, found_in_text, invent
from tests.sinks import web_hook


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = deliver(tmp_path / "data", {})
    monkeypatch.setenv(DATA_VARIABLE, str(made.root))
    return made


@pytest.fixture
def instance(workspace: Workspace) -> Iterator[dg.DagsterInstance]:
    with instances.instance(workspace) as found:
        yield found


class Looks:
    """The sensor, look after look, as the daemon would call it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._cursor: str | None = None

    def look(self) -> str | None:
        """The run key of the run that this look asks for."""
        context = dg.build_sensor_context(instance=self._instance, cursor=self._cursor)
        result = deliveries_arrived(context)
        assert isinstance(result, dg.SensorResult)
        self._cursor = result.cursor
        keys = [request.run_key for request in result.run_requests or []]
        assert len(keys) <= 1
        return keys[0] if keys else None


def test_one_run_is_asked_for_when_files_have_come_to_rest(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    looks = Looks(instance)
    assert looks.look() is None
    assert looks.look() is not None
    assert looks.look() is None
    growing = workspace.raw / "invoices" / "l.csv"
    growing.parent.mkdir()
    for text in ("a", "ab", "abc"):
        growing.write_text(text, encoding="utf-8")
        assert looks.look() is None
    (workspace.raw / "invoices" / "m.csv").write_text("x", encoding="utf-8")
    assert looks.look() is None
    assert looks.look() is not None
    assert looks.look() is None


def test_a_run_that_died_is_asked_for_once_more_and_not_for_ever(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    looks = Looks(instance)
    asked = [looks.look() for _ in range(3)]
    for name in ("20221231T010000Z-dead", "20221231T010500Z-dead"):
        workspace.warehouse.mkdir(exist_ok=True)
        history.begin(workspace, name, datetime.now(UTC))
        asked += [looks.look() for _ in range(3)]
    assert [key is not None for key in asked] == [False, True, False, True, False, False, False, False, False]


def test_a_folder_that_looks_as_it_did_before_an_earlier_run_asks_for_another(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    looks = Looks(instance)
    extra = workspace.raw / "participants" / "e.csv"
    keys = []
    for is_there in (False, True, False):
        if is_there:
            extra.write_text("procurement_id;unit_id\n", encoding="utf-8")
        else:
            extra.unlink(missing_ok=True)
        looks.look()
        keys.append(looks.look())
    assert None not in keys
    assert len(set(keys)) == 3  # Dagster starts nothing for a key that it has seen


def test_settings_and_removed_files_are_changes_and_open_programs_files_are_none(
    workspace: Workspace,
) -> None:
    before = listing(workspace)
    (workspace.raw / "participants" / "~$d.xlsx").write_text("lock", encoding="utf-8")
    (workspace.raw / "participants" / ".d.csv.swp").write_text("lock", encoding="utf-8")
    assert listing(workspace) == before
    (workspace.raw / "participants" / "d.csv").unlink()
    removed = listing(workspace)
    assert removed != before
    workspace.settings_file.write_text(ORGANISATION + "language: en\n", encoding="utf-8")
    assert listing(workspace) != removed


def test_names_and_depths_of_any_kind_can_be_listed(workspace: Workspace) -> None:
    before = listing(workspace)
    folder = workspace.raw / "participants"
    (folder / "ny\nrad 'och' \"citat\".csv").write_text("x", encoding="utf-8")
    (folder / os.fsdecode(b"\xff\xfe.csv")).write_bytes(b"x")
    (folder / "slinga").symlink_to(folder)
    (folder / "död").symlink_to(folder / "finns inte")
    assert listing(workspace) != before
    assert listing(workspace) == listing(workspace)


def test_without_a_data_folder_a_look_is_no_fault(tmp_path: Path) -> None:
    assert listing(Workspace(tmp_path / "nowhere")) == listing(Workspace(tmp_path / "nowhere"))


def test_a_run_that_nobody_holds_the_folder_for_is_buried_at_the_second_look(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    @dg.job
    def small() -> None:
        """Nothing."""

    run = instance.create_run_for_job(small, status=dg.DagsterRunStatus.STARTED)
    silent, buried = bury(instance, workspace, [])
    assert (silent, buried) == ([run.run_id], False)
    hold = (
        "import sys, pathlib; from dagster_project.flow.lock import FolderLock;"
        "from dagster_project.settings import Workspace\n"
        "with FolderLock(Workspace(pathlib.Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == "held\n"
        assert bury(instance, workspace, silent) == (
            [],
            False,
        )  # somebody works: this run, or one that it waits for
        busy.communicate("")
    assert _status(instance, run.run_id) == dg.DagsterRunStatus.STARTED
    assert bury(instance, workspace, silent) == ([], True)
    assert _status(instance, run.run_id) == dg.DagsterRunStatus.FAILURE


def _break_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(self: Refresh, source: str) -> NoReturn:
        raise ArithmeticError(f"cannot convert 850101-1234 of {source}")

    monkeypatch.setattr(Refresh, "parse", parse)


def test_what_breaks_a_step_reaches_the_command_line_as_it_was_raised(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_a_step(monkeypatch)
    with Refresh(workspace) as refresh, pytest.raises(ArithmeticError, match="850101-1234"):
        execute(refresh)
    assert refresh.ending is None


def test_what_breaks_a_step_of_a_daemon_s_run_is_told_and_kept(
    workspace: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_a_step(monkeypatch)
    with web_hook() as hook:
        workspace.settings_file.write_text(
            ORGANISATION + f"alerts: {{webhook: '{hook.address}'}}\n", encoding="utf-8"
        )
        result = defs.resolve_job_def("refresh").execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    [told] = hook.posts
    assert told["kind"] == "failed"
    assert "ArithmeticError" in told["text"]
    assert "850101" not in told["text"]
    [log] = (workspace.warehouse / "logs").glob("fault-*.log")
    assert "in parse" in log.read_text(encoding="utf-8")
    assert [run.ending for run in history.last(workspace, 5)] == ["failed"]


def test_runs_that_could_not_begin_are_let_go_of_as_well(
    workspace: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.orchestration.resource.prune", lambda found: prune(found, keep=2))
    workspace.settings_file.write_text("organisation: [", encoding="utf-8")
    job = defs.resolve_job_def("refresh")
    for _ in range(4):
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    assert len(instance.get_runs()) <= 3  # the last one had not ended when it let the others go


def test_what_dagster_keeps_of_a_fault_holds_no_personal_number(
    workspace: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = next(invent(7)).ten

    def quoting(*_: object) -> NoReturn:
        try:
            raise OSError(5, "trouble", f"{workspace.raw}/{person}.csv")
        except OSError as error:
            raise ValueError(f"could not convert '{person}'") from error

    job = defs.resolve_job_def("refresh")
    workspace.settings_file.write_text(f'{ORGANISATION}"{person}": 1\n', encoding="utf-8")
    assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    workspace.settings_file.write_text(ORGANISATION, encoding="utf-8")
    monkeypatch.setattr(Refresh, "reconcile", quoting)
    assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    events = [
        entry.message + str(entry.dagster_event)
        for run in instance.get_runs()
        for entry in instance.all_logs(run.run_id)
    ]
    assert any("could not convert" in event for event in events)
    assert any("SettingsError" in event for event in events)
    assert found_in_text("\n".join(events), {person}) == set()
    assert found_below(workspace.warehouse, {person}) == {}


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@dg.asset(check_specs=[dg.AssetCheckSpec("fine", asset="small")])
def small() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    print("said by a step")
    yield dg.MaterializeResult(metadata={"rows": 1})
    yield dg.AssetCheckResult(passed=True, check_name="fine", asset_key="small")


def test_after_many_runs_only_the_latest_are_kept_in_every_place(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    home = instances.home(workspace)
    waiting = instance.create_run_for_job(
        dg.Definitions(assets=[small]).resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTING,
    )
    ids = [dg.materialize([small], instance=instance).run_id for _ in range(5)]
    assert prune(instance, keep=2) == 3
    assert prune(instance, keep=2) == 0
    kept = {*ids[-2:], waiting.run_id}
    assert {run.run_id for run in instance.get_runs()} == kept
    files = {file.name.partition(".")[0] for file in (home / "history" / "runs").iterdir()}
    assert files <= kept | {"index"}
    assert {folder.name for folder in (home / "storage").iterdir()} <= kept
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        for table in ("event_logs", "asset_check_executions"):
            found = connection.exec_driver_sql(f"select distinct run_id from {table}").fetchall()
            assert set(ids[-2:]) <= {run_id for (run_id,) in found} <= kept, table
    shown = instance.get_latest_materialization_event(dg.AssetKey("small"))
    assert shown is not None
    assert shown.run_id == ids[-1]


def test_the_configuration_of_an_earlier_version_is_renewed_and_holds(workspace: Workspace) -> None:
    config = instances.home(workspace) / "dagster.yaml"
    config.write_text("telemetry:\n  enabled: true\n", encoding="utf-8")
    with instances.instance(workspace) as instance:
        assert not instance.telemetry_enabled
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1
        for kind in (InstigatorType.SENSOR, InstigatorType.SCHEDULE):
            assert all(days > 0 for days in instance.get_tick_retention_settings(kind).values())
    assert yaml.safe_load(config.read_text(encoding="utf-8")) == dict(instances.CONFIG)


def test_the_night_has_its_usual_time_where_organisation_yml_cannot_be_read(workspace: Workspace) -> None:
    workspace.settings_file.write_text(ORGANISATION + "nightly: '03:15'\ntimezone: UTC\n", encoding="utf-8")
    assert (schedule._settings().nightly, schedule._settings().timezone) == ("03:15", "UTC")
    workspace.settings_file.write_text("organisation: [", encoding="utf-8")
    assert (schedule._settings().nightly, schedule._settings().timezone) == ("02:00", "Europe/Stockholm")

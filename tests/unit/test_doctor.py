"""What the doctor finds: every check is made to fail for real, on a real data folder with a real release."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.flow import history, releases
from dagster_project.flow.publish import ReleaseFacts, build_candidate, put_in_force
from dagster_project.flow.refresh import SCHEMA_VERSION, code_version
from dagster_project.flow.values.identity import key_id, pseudonym_key
from dagster_project.messages import LANGUAGES, known_keys
from dagster_project.report import doctor
from dagster_project.report.doctor import Case, Finding, Status, examine
from dagster_project.settings import PROJECT_ROOT, Workspace, load_settings
from tests.deliveries import ORGANISATION, deliver
from tests.unit.test_lock import hold

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A data folder with deliveries, a key and a release in force, and a run an hour ago."""
    found = deliver(tmp_path / "data", {})
    build = tmp_path / "procurement.duckdb"
    with duckdb.connect(str(build)) as connection:
        connection.execute("create table main.fct_line as select 1 as line_id")
    about = ReleaseFacts(
        released_at=datetime.now(UTC) - timedelta(hours=1),
        as_of=date(2022, 12, 31),
        schema_version=SCHEMA_VERSION,
        code_version=code_version(),
        fingerprint="00ff00ff",
        key_id=key_id(pseudonym_key(found)),
    )
    put_in_force(build_candidate(build, found, about), found, load_settings(found.settings_file))
    ran(found, "published", hours_ago=1)
    return found


def ran(workspace: Workspace, ending: history.RunEnding | None, hours_ago: float) -> None:
    """A run in the history; with no ending it was killed."""
    started = datetime.now(UTC) - timedelta(hours=hours_ago)
    workspace.warehouse.mkdir(exist_ok=True)
    history.begin(workspace, f"r-{started:%Y%m%dT%H%M%S%f}", started)
    if ending is not None:
        history.record(workspace, f"r-{started:%Y%m%dT%H%M%S%f}", ending)


def found(workspace: Workspace, about: str) -> dict[str, Status]:
    """What the doctor finds about one thing."""
    findings, _ = examine(workspace)
    return {finding.found: finding.status for finding in findings if finding.about == about}


def in_force(workspace: Workspace) -> releases.Release:
    release = releases.current(workspace)
    assert release is not None
    return release


def tell_otherwise(workspace: Workspace, **changes: object) -> None:
    """Change what `release.json` of the release in force says."""
    path = in_force(workspace).directory / releases.RELEASE_FILE
    told = json.loads(path.read_text(encoding="utf-8"))
    path.chmod(0o644)
    path.write_text(json.dumps({**told, **changes}), encoding="utf-8")


# -- all is well ---------------------------------------------------------------------------------------------------


def test_a_sound_folder_has_no_fault_and_only_lacks_alerts(workspace: Workspace) -> None:
    findings, settings = examine(workspace)
    assert settings is not None
    assert {f.about for f in findings if f.status != "ok"} == {"alerts"}
    assert {f.about for f in findings} >= {check.__name__ for check in doctor.OF_THE_FOLDER}


def test_the_command_tells_in_the_folders_language_and_by_its_exit_code(workspace: Workspace) -> None:
    def told() -> tuple[int, str]:
        command = [sys.executable, "-m", "dagster_project.cli", "doctor", "--data", str(workspace.root)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    code, text = told()
    assert code == 0
    assert "Inga fel. Att notera: 1." in text
    workspace.settings_file.write_text(ORGANISATION + "language: en\n", encoding="utf-8")
    (workspace.secrets / "pseudonym.key").unlink()
    code, text = told()
    assert code == 1
    assert "Faults: 1." in text
    assert "To do: Put it back from the backup" in text


def test_the_doctor_needs_none_of_the_slow_libraries(workspace: Workspace) -> None:
    program = (
        "import sys; from pathlib import Path; from dagster_project.settings import Workspace\n"
        "from dagster_project.report import console, doctor\n"
        "console.examined(doctor.examine(Workspace(Path(sys.argv[1])))[0], 'sv')\n"
        "print({'dagster', 'dbt', 'great_expectations', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(workspace.root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_every_finding_has_its_words_and_its_remedy() -> None:
    source = Path(doctor.__file__).read_text(encoding="utf-8")
    named = set(re.findall(r'Finding\(\s*"(\w+)", "(\w+)", "(?:notice|fault)"', source))
    named |= {("schedule", "waiting"), ("schedule", "never"), ("runs", "stopped"), ("runs", "killed")}
    assert len(named) > 30
    for language in LANGUAGES:
        keys = known_keys(language)
        for about, name in named:
            assert {f"doctor.{about}", f"doctor.{about}.{name}", f"doctor.{about}.{name}.mend"} <= keys
    assert Finding("alerts", "right").mend("sv") is None


# -- the program ---------------------------------------------------------------------------------------------------


def test_a_package_of_another_version_than_the_tested_one_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    text = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert [finding.found for finding in doctor.packages()] == ["right"]
    lock.write_text(re.sub(r"^(click==)\S+", r"\g<1>0.1", text, flags=re.MULTILINE), encoding="utf-8")
    [finding] = doctor.packages(lock)
    assert (finding.found, finding.status, finding.arguments["count"]) == ("other", "notice", 1)
    assert "click" in finding.words("sv")
    assert [finding.found for finding in doctor.packages(tmp_path / "none")] == ["no_lock"]


def test_another_python_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.status for finding in doctor.python()] == ["ok"]
    for version in ((3, 10, 4), (3, 13, 0)):
        monkeypatch.setattr(sys, "version_info", version)
        assert [finding.status for finding in doctor.python()] == ["fault"]


def test_missing_time_zones_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ZONE", "Europe/Nowhere")
    assert [finding.found for finding in doctor.time_zones()] == ["missing"]


def test_file_names_in_another_encoding_are_a_fault() -> None:
    program = (
        "import sys\nfrom dagster_project.report import doctor\nprint(sys.getfilesystemencoding())\n"
        "sys.getfilesystemencoding = lambda: 'iso8859-15'\nprint(doctor.encoding()[0].status)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["utf-8", "fault"]


def test_little_memory_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MEMORY_WANTED", 10**18)
    assert [finding.status for finding in doctor.memory()] == ["notice"]


# -- the data folder -----------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    assert found(Workspace(tmp_path / "none"), "folder") == {"missing": "fault"}
    assert found(Workspace(tmp_path / "none"), "key") == {}


def test_settings_that_cannot_be_used_are_told_with_the_key_and_the_rest_is_still_looked_at(
    workspace: Workspace,
) -> None:
    workspace.settings_file.write_text(ORGANISATION + "retentoin: {releases: 3}\n", encoding="utf-8")
    findings, settings = examine(workspace)
    [wrong] = [finding for finding in findings if finding.about == "organisation"]
    assert settings is None
    assert wrong.status == "fault"
    assert "retention" in wrong.words("sv")
    assert {"key", "release", "disk", "runs"} <= {finding.about for finding in findings}


def test_what_may_not_be_read_or_written_is_a_fault(workspace: Workspace) -> None:
    """The examination in a process that rights bind, also where the tests run as root."""
    bound: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("rights do not bind root, and setpriv is not here to bind it")
        bound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    (workspace.raw / "procurements" / "p 850101-1236.csv").write_text("x", encoding="utf-8")
    shut = [
        workspace.raw / "procurements" / "p 850101-1236.csv",
        workspace.raw / "participants",
        workspace.warehouse / ".lock",
        workspace.marts / "releases",
    ]
    shut[2].touch()
    program = (
        "import sys, json\nfrom pathlib import Path\nfrom dagster_project.report import doctor\n"
        "from dagster_project.settings import Workspace\n"
        "findings, _ = doctor.examine(Workspace(Path(sys.argv[1])))\n"
        "print(json.dumps([(f.about, f.found, f.words('sv')) for f in findings if f.status == 'fault']))"
    )

    def faults() -> dict[tuple[str, str], str]:
        command = [*bound, sys.executable, "-c", program, str(workspace.root)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found: dict[tuple[str, str], str] = {}
        for about, name, words in json.loads(done.stdout):
            found[about, name] = found.get((about, name), "") + words
        return found

    assert faults() == {}
    for path in shut:
        path.chmod(0o400 if path == shut[2] else 0o500 if path == shut[3] else 0)
    try:
        told = faults()
        assert [place for place in shut[2:] if str(place) in told["rights", "no_writing"]] == shut[2:]
        assert "2 filer" in told["deliveries", "unreadable"]
        assert "850101" not in told["deliveries", "unreadable"]
        workspace.secrets.chmod(0)
        assert "pseudonym.key" in faults()["rights", "unreadable"]
    finally:
        for path in (*shut, workspace.secrets):
            path.chmod(0o700)


def test_an_examination_by_another_account_is_noted(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: workspace.root.stat().st_uid + 1)
    assert found(workspace, "rights") == {"other_account": "notice"}


def test_a_delivery_that_leads_nowhere_is_a_fault(workspace: Workspace) -> None:
    (workspace.raw / "procurements" / "link.csv").symlink_to("gone.csv")
    assert found(workspace, "deliveries") == {"unreadable": "fault"}


def test_no_deliveries_are_noted(workspace: Workspace) -> None:
    shutil.rmtree(workspace.raw)
    assert found(workspace, "deliveries") == {"none": "notice"}


def test_a_lost_key_is_a_fault_only_when_something_was_made_with_it(workspace: Workspace) -> None:
    (workspace.secrets / "pseudonym.key").unlink()
    assert found(workspace, "key") == {"missing": "fault"}
    shutil.rmtree(workspace.marts)
    assert found(workspace, "key") == {"to_be_made": "ok"}


def test_a_key_that_is_not_the_releases_is_a_fault(workspace: Workspace) -> None:
    (workspace.secrets / "pseudonym.key").unlink()
    pseudonym_key(workspace)
    assert found(workspace, "key") == {"other": "fault"}
    tell_otherwise(workspace, key_id=None)  # a release from before it was written down says nothing
    assert found(workspace, "key") == {"right": "ok"}


@pytest.mark.parametrize("text", ["", "abcd\n", "not a key\n"])
def test_a_damaged_key_is_a_fault(workspace: Workspace, text: str) -> None:
    (workspace.secrets / "pseudonym.key").write_text(text, encoding="utf-8")
    assert found(workspace, "key") == {"damaged": "fault"}


def test_a_key_that_others_can_read_is_a_fault(workspace: Workspace) -> None:
    (workspace.secrets / "pseudonym.key").chmod(0o644)
    workspace.secrets.chmod(0o755)
    told = [f.mend("sv") for f in examine(workspace)[0] if f.about == "key" and f.found == "open"]
    assert told == [
        f"chmod 700 {workspace.secrets}",
        f"chmod 600 {workspace.secrets / 'pseudonym.key'}",
    ]


def test_a_key_among_what_is_published_is_a_fault(workspace: Workspace) -> None:
    shutil.move(workspace.secrets, workspace.marts / "secrets")
    workspace.secrets.symlink_to(workspace.marts / "secrets")
    assert found(workspace, "key") == {"published": "fault"}


def test_a_release_that_was_tampered_with_is_a_fault(workspace: Workspace) -> None:
    database = in_force(workspace).database
    database.chmod(0o644)
    with database.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\x00\x01\x02")
    assert found(workspace, "release") == {"not_whole": "fault"}
    shutil.rmtree(in_force(workspace).directory)
    assert found(workspace, "release") == {"damaged": "fault"}


def test_a_release_of_another_program_is_told_and_one_of_a_newer_schema_is_a_fault(
    workspace: Workspace,
) -> None:
    tell_otherwise(workspace, code_version="earlier")
    assert found(workspace, "release") == {"other_program": "ok"}
    tell_otherwise(workspace, schema_version=str(int(SCHEMA_VERSION) + 1))
    assert found(workspace, "release") == {"newer": "fault"}


def test_no_release_and_a_damaged_list_of_closed_periods_are_told(workspace: Workspace) -> None:
    (workspace.marts / "closed.json").write_text("{", encoding="utf-8")
    assert found(workspace, "release") == {"damaged": "fault"}
    shutil.rmtree(workspace.marts)
    assert found(workspace, "release") == {"none": "notice"}
    assert found(workspace, "links") == {"right": "ok"}
    assert not list(workspace.root.glob(".doctor*"))


def test_a_disk_without_links_is_a_fault(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(workspace.marts)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refused)
    assert found(workspace, "links") == {"none": "fault"}


def test_a_full_disk_is_a_fault_before_a_run_meets_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = workspace.raw / "invoices" / "large.csv"
    large.parent.mkdir()
    with large.open("wb") as stream:
        stream.truncate(500_000_000)  # sparse: takes no room
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 2_000_000_000))
    assert found(workspace, "disk") == {"little": "fault"}
    large.unlink()
    assert found(workspace, "disk") == {"enough": "ok"}


def test_what_was_left_behind_is_noted(workspace: Workspace) -> None:
    workspace.settings_file.write_text(ORGANISATION + "retention: {releases: 1}\n", encoding="utf-8")
    layout = releases.Layout(workspace.marts)
    for number in range(3):
        shutil.copytree(
            in_force(workspace).directory, layout.releases / f"2020010{number + 1}T000000Z-00000000"
        )
    (layout.building / "half").mkdir(parents=True)
    (layout.building / "half" / "procurement.duckdb").write_bytes(b"0" * 2_000_000)
    assert found(workspace, "space") == {"taken": "ok", "too_many": "notice", "leftovers": "notice"}


# -- the runs ------------------------------------------------------------------------------------------------------


def test_a_run_in_progress_is_named_and_one_without_end_is_a_fault(workspace: Workspace) -> None:
    process = hold(workspace, 600)
    try:
        assert found(workspace, "held") == {"running": "ok"}
        [told] = doctor.held(Case(workspace, None, datetime.now(UTC) + timedelta(hours=13)))
        assert (told.found, told.status) == ("long", "fault")
        assert str(process.pid) in told.words("sv")
    finally:
        process.kill()
        process.communicate()
    assert found(workspace, "held") == {"free": "ok"}  # its words are still in the file


def test_a_schedule_that_has_gone_silent_is_a_fault_and_none_is_noted(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(workspace, "schedule") == {"by_other_means": "ok"}
    history.path(workspace).unlink()
    assert found(workspace, "schedule") == {"never": "notice"}
    ran(workspace, "published", hours_ago=40)
    assert found(workspace, "schedule") == {"none": "notice"}

    # A systemctl that knows the timer as active, first on the path.
    programs = tmp_path / "programs"
    programs.mkdir()
    systemctl = programs / "systemctl"
    systemctl.write_text('#!/bin/sh\n[ "$*" = "is-active --quiet mattstock.timer" ]\n', encoding="utf-8")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    assert found(workspace, "schedule") == {"silent": "fault"}
    ran(workspace, "published", hours_ago=2)
    assert found(workspace, "schedule") == {"recent": "ok"}
    history.path(workspace).unlink()
    assert found(workspace, "schedule") == {"waiting": "notice"}


def test_the_daemons_sign_of_life_is_seen(workspace: Workspace) -> None:
    database = workspace.warehouse / "dagster" / "history" / "runs.db"
    database.parent.mkdir(parents=True)
    with sqlite3.connect(database) as connection:
        connection.execute("create table daemon_heartbeats (daemon_type varchar, timestamp timestamp)")
        connection.execute("insert into daemon_heartbeats values ('SCHEDULER', datetime('now'))")
    connection.close()
    assert found(workspace, "schedule") == {"recent": "ok"}
    with sqlite3.connect(database) as connection:
        connection.execute("update daemon_heartbeats set timestamp = datetime('now', '-1 hour')")
    connection.close()
    assert found(workspace, "schedule") == {"by_other_means": "ok"}
    database.write_bytes(b"no database at all")
    assert found(workspace, "schedule") == {"by_other_means": "ok"}


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("published", {"well": "ok"}),
        ("nothing_new", {"well": "ok"}),
        ("stopped", {"stopped": "notice"}),
        ("failed", {"failed": "fault"}),
        (None, {"killed": "notice"}),
    ],
)
def test_the_last_run_decides(
    workspace: Workspace, ending: history.RunEnding | None, expected: dict[str, str]
) -> None:
    ran(workspace, "failed", hours_ago=0.5)
    ran(workspace, ending, hours_ago=0.1)
    assert found(workspace, "runs") == expected


def test_a_run_in_progress_is_not_taken_for_a_killed_one(workspace: Workspace) -> None:
    process = hold(workspace, 600)
    try:
        ran(workspace, None, hours_ago=0.1)
        assert found(workspace, "runs") == {"well": "ok"}
    finally:
        process.kill()
        process.communicate()


def test_something_made_in_the_future_shows_that_the_clock_is_wrong(workspace: Workspace) -> None:
    assert found(workspace, "clock") == {"right": "ok"}
    tell_otherwise(workspace, released_at=(datetime.now(UTC) + timedelta(days=2)).isoformat())
    assert found(workspace, "clock") == {"behind": "fault"}


def test_a_delivery_that_is_late_is_named(workspace: Workspace) -> None:
    assert found(workspace, "expected") == {"none": "ok"}
    late = "expected: [{source: invoices, every: month}]\n"
    workspace.settings_file.write_text(ORGANISATION + late, encoding="utf-8")
    [finding] = [f for f in examine(workspace)[0] if f.about == "expected"]
    assert (finding.found, finding.status) == ("late", "notice")
    assert "invoices" in finding.words("sv")
    early = "expected: [{source: invoices, every: month, days_after: 400}]\n"
    workspace.settings_file.write_text(ORGANISATION + early, encoding="utf-8")
    assert found(workspace, "expected") == {"right": "ok"}


def test_alerts_that_cannot_be_sent_or_were_not_are_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = "alerts: {smtp: {host: localhost, user: a, starttls: true, to: [b@example.org]}}\n"
    workspace.settings_file.write_text(ORGANISATION + smtp, encoding="utf-8")
    monkeypatch.delenv("MATTSTOCK_SMTP_PASSWORD", raising=False)
    assert found(workspace, "alerts") == {"no_password": "notice"}
    monkeypatch.setenv("MATTSTOCK_SMTP_PASSWORD", "a secret")
    assert found(workspace, "alerts") == {"right": "ok"}
    state = workspace.warehouse / "alerts.json"
    wrong = {"cause": "x", "since": "2026-11-20T01:00:00Z", "told_at": None}
    state.write_text(json.dumps({"wrong": wrong}), encoding="utf-8")
    assert found(workspace, "alerts") == {"untold": "fault"}
    wrong["told_at"] = "2026-11-20T01:00:10Z"
    state.write_text(json.dumps({"wrong": wrong}), encoding="utf-8")
    assert found(workspace, "alerts") == {"right": "ok"}


def test_a_case_tells_the_time_as_people_there_do(workspace: Workspace) -> None:
    noon = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    case = Case(workspace, load_settings(workspace.settings_file), noon)
    assert case.local(noon) == "2026-07-01 14:00"
    assert replace(case, settings=None).local(noon) == "2026-07-01 12:00"

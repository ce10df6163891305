"""Alerts reach a real mail server and a real web hook, when there is news and never with a delivered value."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dagster_project.flow import history
from dagster_project.flow.lock import LockHeld
from dagster_project.flow.refresh import Ending, Refresh
from dagster_project.orchestration import alerts
from dagster_project.report import fault
from dagster_project.settings import SettingsError, Workspace, load_settings
from tests.deliveries import ORGANISATION, deliver
from tests.sinks import Hook, MailServer, mail_server, web_hook

AS_OF = date(2022, 12, 31)
PERSON = "850101-1234"  # no person's: the check digit is wrong, so that only leaving the value out hides it
REAL_PERSON = "811228-9874"  # the tax agency's own example
BROKEN = f"procurement_id;unit_id\n{PERSON};u1\nP9;u1\nP8;u1\n"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_hook() as server:
        yield server


@pytest.fixture
def workspace(tmp_path: Path, mail: MailServer, hook: Hook) -> Workspace:
    made = deliver(tmp_path / "data", {}, organisation=ORGANISATION + channels(mail, hook))
    made.warehouse.mkdir()
    return made


def channels(mail: MailServer, hook: Hook) -> str:
    smtp = f"{{host: 127.0.0.1, port: {mail.port}, from: mattstock@example.se, to: [a@example.se, b@example.se]}}"
    return f"alerts: {{smtp: {smtp}, webhook: '{hook.address}'}}\n"


def run(workspace: Workspace, ending: Ending | None = None) -> Refresh:
    """A run that is judged at its first border, or that ends as told."""
    with Refresh(workspace, AS_OF) as refresh:
        if ending is None:
            refresh.arrive()
            refresh.judge_arrivals(keep=False)
        refresh.ending = refresh.ending or ending
        alerts.ended(refresh)
    return refresh


def subjects(mail: MailServer) -> list[str]:
    return [str(one["Subject"]) for one in mail.mails]


def test_a_stop_is_told_once_with_file_column_rule_and_count_and_then_that_it_works_again(
    workspace: Workspace, mail: MailServer, hook: Hook
) -> None:
    run(workspace, "published")
    assert mail.mails == []
    bad = workspace.raw / "participants" / f"z {REAL_PERSON}.csv"
    bad.write_text(BROKEN, encoding="utf-8")
    stopped = run(workspace)
    assert stopped.ending == "stopped"
    [one] = mail.mails
    text = one.get_content()
    assert one["Subject"] == "Måttstock, Provorganisationen: publiceringen är stoppad"
    assert one["To"] == "a@example.se, b@example.se"
    assert "kolumn procurement_id, antal rader 3" in text
    assert "finns inte i" in text
    assert "participants: 3 rader" in text
    assert "ingen publicering har gjorts än" in text
    for value in (PERSON, REAL_PERSON, "P9", "P8"):
        assert value not in text
    [posted] = hook.posts
    assert posted == {
        "organisation": "prov",
        "kind": "stopped",
        "subject": str(one["Subject"]),
        "text": posted["text"],
        "run_id": stopped.run_id,
        "release": None,
    }
    assert posted["text"].split() == text.split()

    run(workspace)
    assert len(mail.mails) == 1  # the same cause on the same day

    bad.unlink()
    run(workspace, "published")
    run(workspace, "published")
    assert subjects(mail)[1:] == ["Måttstock, Provorganisationen: det fungerar igen"]
    assert [one["kind"] for one in hook.posts] == ["stopped", "works_again"]


def test_a_stop_is_told_again_when_its_cause_changes_and_when_a_day_has_passed(
    workspace: Workspace, mail: MailServer
) -> None:
    (workspace.raw / "participants" / "z.csv").write_text(BROKEN, encoding="utf-8")
    run(workspace)
    (workspace.raw / "participants" / "y.csv").write_text(BROKEN, encoding="utf-8")
    run(workspace)
    assert len(mail.mails) == 2
    assert "raw/participants/y.csv" in mail.mails[1].get_content()
    state = workspace.warehouse / alerts.STATE_FILE
    memory = json.loads(state.read_text(encoding="utf-8"))
    # A run of the next night, a few minutes earlier than the last; and a clock that was far ahead then.
    for number, ago in enumerate((timedelta(hours=23, minutes=50), -timedelta(days=400)), start=3):
        memory["wrong"]["told_at"] = (datetime.now(UTC) - ago).isoformat()
        state.write_text(json.dumps(memory), encoding="utf-8")
        run(workspace)
        assert len(mail.mails) == number


def test_a_rejected_file_is_told_without_what_stands_in_it(workspace: Workspace, mail: MailServer) -> None:
    text = f"Anna Hemlig;{PERSON}\n1;2\n"
    (workspace.raw / "participants" / "kvitto.csv").write_text(text, encoding="utf-8")
    run(workspace)
    told = mail.mails[0].get_content()
    assert "raw/participants/kvitto.csv" in told
    assert "Hemlig" not in told
    assert PERSON not in told


def test_a_fault_that_nobody_foresaw_is_told_by_its_kind_and_a_foreseen_one_in_words(
    workspace: Workspace, mail: MailServer
) -> None:
    with pytest.raises(ValueError, match="850101"), alerts.watching(workspace):
        raise ValueError(f"cannot convert {PERSON}")
    with pytest.raises(SettingsError), alerts.watching(workspace):
        raise SettingsError("retension: okänd nyckel")
    unforeseen, foreseen = (one.get_content() for one in mail.mails)
    assert "ValueError" in unforeseen
    assert PERSON not in unforeseen
    assert "retension: okänd nyckel" in foreseen


def test_a_broken_organisation_yml_is_told_through_the_channels_of_the_run_before(
    workspace: Workspace, mail: MailServer
) -> None:
    run(workspace, "published")
    good = workspace.settings_file.read_text(encoding="utf-8")
    workspace.settings_file.write_text("organisation: prov\nmembars: []\n", encoding="utf-8")
    with pytest.raises(SettingsError), alerts.watching(workspace), Refresh(workspace, AS_OF):
        pytest.fail("a broken organisation.yml was accepted")
    workspace.settings_file.write_text(good, encoding="utf-8")
    run(workspace, "nothing_new")
    assert [subject.partition(": ")[2] for subject in subjects(mail)] == [
        "körningen misslyckades",
        "det fungerar igen",
    ]
    assert "members" in mail.mails[0].get_content()


def test_a_lock_that_is_held_is_no_failure(workspace: Workspace, mail: MailServer) -> None:
    with pytest.raises(LockHeld), alerts.watching(workspace):
        raise LockHeld(workspace.root, None)
    assert mail.mails == []


def test_a_run_that_never_ended_is_told_once_and_the_next_says_that_it_works_again(
    workspace: Workspace, mail: MailServer
) -> None:
    run(workspace, "published")
    history.begin(workspace, "20260701T233000Z-dead", datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
    alerts.killed(workspace)
    alerts.killed(workspace)
    [one] = mail.mails
    # By the clock on the wall in Stockholm.
    assert "20260701T233000Z-dead började 2026-07-02 01:30 och avslutades aldrig" in one.get_content()
    run(workspace, "published")
    assert subjects(mail)[1:] == ["Måttstock, Provorganisationen: det fungerar igen"]


def test_without_a_daemon_the_next_run_tells_of_the_one_that_never_ended(
    workspace: Workspace, mail: MailServer
) -> None:
    history.begin(workspace, "20221231T010000Z-dead", datetime.now(UTC))
    run(workspace, "published")
    [one] = mail.mails
    assert one["Subject"] == "Måttstock, Provorganisationen: det fungerar igen"
    assert "20221231T010000Z-dead" in one.get_content()


def test_a_run_that_another_process_goes_on_with_is_not_said_to_be_dead(
    workspace: Workspace, mail: MailServer
) -> None:
    history.begin(workspace, "20221231T010000Z-busy", datetime.now(UTC))
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
        alerts.killed(workspace)
        assert mail.mails == []
        busy.communicate("")
    alerts.killed(workspace)
    assert len(mail.mails) == 1


def test_an_overdue_delivery_is_reminded_of_once(tmp_path: Path, mail: MailServer, hook: Hook) -> None:
    expected = "expected: [{source: staff, every: quarter, days_after: 10}]\n"
    workspace = deliver(tmp_path / "data", {}, organisation=ORGANISATION + expected + channels(mail, hook))
    run(workspace, "published")
    run(workspace, "nothing_new")
    [one] = mail.mails
    assert one["Subject"] == "Måttstock, Provorganisationen: en väntad leverans har inte kommit"
    assert "staff, perioden 2022-Q3: skulle ha kommit senast 2022-10-10" in one.get_content()


def test_a_channel_that_fails_is_said_and_tried_again_by_the_next_run(
    tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server() as gone:
        port = gone.port
    settings = (
        ORGANISATION + f"alerts: {{smtp: {{host: 127.0.0.1, port: {port}, to: [a@example.se]}},"
        f" webhook: '{hook.address}'}}\n"
    )
    workspace = deliver(tmp_path / "data", {"participants/z.csv": BROKEN}, organisation=settings)
    hook.status = 500
    with caplog.at_level(logging.WARNING):
        assert run(workspace).ending == "stopped"
    assert [record.message.partition(":")[0] for record in caplog.records if "Larmet" in record.message] == [
        "Larmet kunde inte skickas till smtp 127.0.0.1",
        "Larmet kunde inte skickas till webhook",
    ]
    log = (workspace.warehouse / "logs" / alerts.LOG_FILE).read_text(encoding="utf-8")
    assert "ConnectionRefusedError" in log
    assert "hemlig" not in log  # the web hook's address is often a secret in itself
    hook.status = 200
    run(workspace)
    assert [one["kind"] for one in hook.posts] == ["stopped", "stopped"]


def test_the_memory_is_for_its_owner_alone(workspace: Workspace) -> None:
    run(workspace, "published")
    assert (workspace.warehouse / alerts.STATE_FILE).stat().st_mode & 0o077 == 0


def test_a_mail_user_logs_in_with_the_password_from_the_environment(
    tmp_path: Path, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTSTOCK_SMTP_PASSWORD", "hemligt")
    smtp = f"{{host: 127.0.0.1, port: {mail.port}, to: [a@example.se], user: larm}}"
    settings = ORGANISATION + f"alerts: {{smtp: {smtp}}}\n"
    run(deliver(tmp_path / "data", {"participants/z.csv": BROKEN}, organisation=settings))
    assert mail.users == ["larm:hemligt"]
    assert len(mail.mails) == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("alerts: {webhook: 'file:///etc/hostname'}", "alerts.webhook"),
        ("alerts: {smtp: {host: mail.example.se, to: [a@b.se], user: larm}}", "starttls"),
        ("nightly: '24:00'", "nightly"),
    ],
)
def test_settings_that_would_be_unsafe_or_mean_nothing_are_refused(
    tmp_path: Path, wrong: str, told: str
) -> None:
    path = tmp_path / "organisation.yml"
    path.write_text(ORGANISATION + wrong, encoding="utf-8")
    with pytest.raises(SettingsError, match=told):
        load_settings(path)


@pytest.mark.parametrize("text", ["nightly: 12:30", "nightly: '12:30'"])
def test_the_time_of_the_night_may_be_written_with_or_without_quotes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "organisation.yml"
    path.write_text(ORGANISATION + text, encoding="utf-8")
    assert load_settings(path).nightly == "12:30"


def test_fault_logs_are_bounded_and_hold_no_personal_number(tmp_path: Path) -> None:
    workspace = deliver(tmp_path, {})
    for number in range(fault.KEPT + 5):
        last = fault.keep(workspace, ValueError(f"{number}: {REAL_PERSON}"))
    assert len(list(last.parent.glob("fault-*.log"))) == fault.KEPT
    assert REAL_PERSON not in last.read_text(encoding="utf-8")
    assert f"ValueError: {fault.KEPT + 4}" in last.read_text(encoding="utf-8")

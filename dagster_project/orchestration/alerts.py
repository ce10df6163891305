"""Tells people how runs end, when it is news: by mail and web hook, from the command line as from Dagster.

    ended(refresh)              a run came to its end: published, nothing new, held back, or stopped
    failed(workspace, error)    a run broke, or could not begin
    killed(workspace)           a run that nobody ended is told of (asked by the sensor and before a run)
    watching(workspace)         a context that tells of what breaks inside it

What is news: a stop or a failure whose cause is new or still there the night after it was told; the first run that goes
well after one; a delivery that has become overdue, once. What has been told is remembered in `warehouse/alerts.json`,
together with the latest channels that could be read, so that a broken organisation.yml is told of too.

A channel that fails never fails the run: it is said in the log (on screen, and in `warehouse/logs/alerts.log`), and
what no channel took is tried again by the next run. What does not belong here: the words (report/alert.py).
"""

from __future__ import annotations

import json
import logging
import os
import smtplib
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from http.client import HTTPException
from pathlib import Path

from pydantic import BaseModel, ValidationError

from dagster_project.flow import freshness, history, releases
from dagster_project.flow.lock import FolderLock, LockHeld
from dagster_project.flow.refresh import Refresh
from dagster_project.messages import message
from dagster_project.report import alert as words
from dagster_project.report.alert import Alert
from dagster_project.settings import (
    Alerts,
    Settings,
    SettingsError,
    Smtp,
    Workspace,
    load_settings,
    smtp_password,
)

STATE_FILE = "alerts.json"
LOG_FILE = "alerts.log"
LOG_LINES = 500
# By the next night, also where its run is told of a little earlier than the last one was.
AGAIN_AFTER = timedelta(hours=20)
CHANNEL_SECONDS = 15

_log = logging.getLogger(__name__)


class _Wrong(BaseModel):
    """What is wrong now: its cause, since when, and when somebody was last told (None = nobody could be)."""

    cause: str
    since: datetime
    told_at: datetime | None = None


class _Channels(BaseModel):
    """Who tells whom, as organisation.yml last said it."""

    organisation: str
    name: str
    language: str
    timezone: str
    alerts: Alerts


class _State(BaseModel):
    wrong: _Wrong | None = None
    reminded: list[str] = []
    killed: str | None = None
    channels: _Channels | None = None


# -- what happened -------------------------------------------------------------------------------------------------


def ended(refresh: Refresh) -> None:
    """Tell of a run that came to its end, of a run before it that never did, and of overdue deliveries.

    Called while the run holds the data folder's lock.
    """
    workspace = refresh.workspace
    state = _read(workspace)
    state.channels = _channels(refresh.settings)
    in_force = releases.current(workspace)
    release = in_force.release_id if in_force else None
    cut_short = _cut_short(workspace, state, refresh.run_id)
    if cut_short is not None:
        state.killed = cut_short.run_id
        state.wrong = state.wrong or _Wrong(cause=cut_short.run_id, since=cut_short.started)
    if refresh.ending == "stopped":
        _tell_what_is_wrong(words.stopped(refresh, release), state, workspace)
    elif refresh.ending == "held_back":
        _tell_what_is_wrong(words.held_back(refresh, release), state, workspace)
    elif state.wrong is not None:
        alert = words.works_again(refresh, release, state.wrong.since, cut_short)
        if _send(alert, state.channels, workspace):
            state.wrong = None
    _remind(refresh, release, state)
    _write(state, workspace)


def failed(workspace: Workspace, error: Exception) -> None:
    """Tell of a run that broke with `error`, or could not begin."""
    state = _read(workspace)
    channels = _known_channels(workspace, state)
    if channels is None:
        return
    _tell_what_is_wrong(words.failed(error, workspace, channels.name, channels.language), state, workspace)
    _write(state, workspace)


def killed(workspace: Workspace) -> bool:
    """Tell of a run that began and never ended; whether there is one that had not been told of.

    Nothing happens while a run holds the data folder.
    """
    if not any(run.ending is None for run in history.last(workspace, 1)):
        return False
    try:
        with FolderLock(workspace):
            state = _read(workspace)
            channels = _known_channels(workspace, state)
            cut_short = _cut_short(workspace, state, "")
            if cut_short is None:
                return False
            state.killed = cut_short.run_id
            if channels is not None:
                alert = words.killed(cut_short, channels.name, channels.language, channels.timezone)
                _tell_what_is_wrong(alert, state, workspace)
            _write(state, workspace)
            return True
    except LockHeld:
        return False  # it has not ended because it runs


@contextmanager
def watching(workspace: Workspace) -> Iterator[None]:
    """Tell of what breaks inside, and let it go on. A lock that another run holds is no failure."""
    try:
        yield
    except LockHeld:
        raise
    except Exception as error:
        failed(workspace, error)
        raise


def _cut_short(workspace: Workspace, state: _State, own_run: str) -> history.PastRun | None:
    """The latest run that never ended, unless it has been told of; asked under the lock, so that it is not running."""
    runs = [run for run in history.last(workspace, 2) if run.run_id != own_run]
    if runs and runs[-1].ending is None and runs[-1].run_id != state.killed:
        return runs[-1]
    return None


def _tell_what_is_wrong(alert: Alert, state: _State, workspace: Workspace) -> None:
    now = datetime.now(UTC)
    before = state.wrong
    if before is None or before.cause != alert.cause:
        since = before.since if before else now
        state.wrong = before = _Wrong(cause=alert.cause, since=since)
    # What was told in the future was told by a clock that was wrong, and is told again.
    is_told = before.told_at is not None and timedelta(0) <= now - before.told_at < AGAIN_AFTER
    if not is_told and _send(alert, state.channels, workspace):
        before.told_at = now


def _remind(refresh: Refresh, release: str | None, state: _State) -> None:
    late = freshness.overdue(refresh.due)
    state.reminded = [name for name in state.reminded if name in {one.name for one in late}]
    fresh = [one for one in late if one.name not in state.reminded]
    if fresh and _send(words.overdue(refresh, fresh, release), state.channels, refresh.workspace):
        state.reminded += [one.name for one in fresh]


# -- who is told ---------------------------------------------------------------------------------------------------


def _channels(settings: Settings) -> _Channels:
    return _Channels(
        organisation=settings.organisation,
        name=settings.display_name,
        language=settings.language,
        timezone=settings.timezone,
        alerts=settings.alerts,
    )


def _known_channels(workspace: Workspace, state: _State) -> _Channels | None:
    """The channels that organisation.yml names, else those that it named when it could last be read."""
    with suppress(SettingsError):
        state.channels = _channels(load_settings(workspace.settings_file))
    return state.channels


def _send(alert: Alert, channels: _Channels | None, workspace: Workspace) -> bool:
    """Whether somebody was told, or nobody is to be."""
    if channels is None or (channels.alerts.smtp is None and channels.alerts.webhook is None):
        return True
    told = False
    if channels.alerts.smtp is not None:
        try:
            _mail(alert, channels.alerts.smtp)
            told = True
            _note(workspace, f"{alert.kind} {alert.cause} smtp")
        except (OSError, smtplib.SMTPException, ValueError) as error:
            _trouble(workspace, channels, f"smtp {channels.alerts.smtp.host}", error)
    if channels.alerts.webhook is not None:
        try:
            _post(alert, channels.organisation, channels.alerts.webhook)
            told = True
            _note(workspace, f"{alert.kind} {alert.cause} webhook")
        except (OSError, HTTPException, ValueError) as error:
            _trouble(workspace, channels, "webhook", error)
    return told


def _mail(alert: Alert, smtp: Smtp) -> None:
    mail = EmailMessage()
    mail["From"] = smtp.sender
    mail["To"] = ", ".join(smtp.to)
    mail["Subject"] = alert.subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=smtp.sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # keeps holiday replies away
    mail.set_content(alert.text)
    with smtplib.SMTP(smtp.host, smtp.port, timeout=CHANNEL_SECONDS) as server:
        if smtp.starttls:
            server.starttls(context=ssl.create_default_context())
        if smtp.user:
            server.login(smtp.user, smtp_password() or "")
        server.send_message(mail)


def _post(alert: Alert, organisation: str, address: str) -> None:
    told = {
        "organisation": organisation,
        "kind": alert.kind,
        "subject": alert.subject,
        "text": alert.text,
        "run_id": alert.run_id,
        "release": alert.release,
    }
    # settings.py lets nothing but http and https through.
    request = urllib.request.Request(
        address,
        data=json.dumps(told, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json; charset=utf-8"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=CHANNEL_SECONDS):
        pass


# -- what is remembered --------------------------------------------------------------------------------------------


def _read(workspace: Workspace) -> _State:
    try:
        return _State.model_validate_json((workspace.warehouse / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        # Never told anything, or a memory that cannot be read: an alert too many is better than one too few.
        return _State()


def _write(state: _State, workspace: Workspace) -> None:
    path = workspace.warehouse / STATE_FILE
    fresh = path.with_name(f".{STATE_FILE}.next")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Owner only: the address of a web hook is often a secret in itself.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(state.model_dump_json(by_alias=True))
        os.replace(fresh, path)
    except OSError as error:
        _log.warning("%s", message("alert.state_failed", file=path, reason=error.strerror))


def _trouble(workspace: Workspace, channels: _Channels, channel: str, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"
    told = message("alert.channel_failed", channels.language, channel=channel, reason=reason)
    _log.warning("%s", told)
    _note(workspace, told)


def _note(workspace: Workspace, text: str) -> None:
    log: Path = workspace.warehouse / "logs" / LOG_FILE
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        old = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        line = f"{datetime.now(UTC).isoformat(timespec='seconds')} {' '.join(text.split())}"
        log.write_text("\n".join([*old[1 - LOG_LINES :], line]) + "\n", encoding="utf-8")
    except OSError as error:
        _log.warning("%s", message("alert.state_failed", file=log, reason=error.strerror))

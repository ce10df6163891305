"""The real daemon and web server: files are dropped, runs follow, releases appear, and people are told."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from dagster_project.flow import history
from dagster_project.settings import Workspace
from tests.deliveries import BASE, ORGANISATION, deliver
from tests.sinks import MailServer, mail_server

PATIENCE = 600.0  # seconds for one thing to happen, on a slow and busy machine
NIGHTLY_AFTER = timedelta(minutes=2)
TICKS = """
{ scheduleOrError(scheduleSelector: {repositoryName: "__repository__",
    repositoryLocationName: "dagster_project.definitions", scheduleName: "nightly"}) {
    ... on Schedule { executionTimezone scheduleState { status ticks { status runIds } } } }
  sensorOrError(sensorSelector: {repositoryName: "__repository__",
    repositoryLocationName: "dagster_project.definitions", sensorName: "deliveries_arrived"}) {
    ... on Sensor { sensorState { status ticks { status runIds } } } }
  runsOrError { ... on Runs { results { runId status } } } }
"""
METADATA = """
{ assetOrError(assetKey: {path: ["reconciled", "participants"]}) { ... on Asset {
    assetMaterializations(limit: 1) { metadataEntries { label
      ... on TableMetadataEntry { table { records schema { columns { name } } } } } } } } }
"""


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Workspace:
    """A data folder without participants, whose night falls two minutes from now."""
    night = datetime.now(ZoneInfo("Europe/Stockholm")) + NIGHTLY_AFTER
    choices = (
        f"nightly: '{night:%H:%M}'\n"
        f"alerts: {{smtp: {{host: 127.0.0.1, port: {mail.port}, to: [larm@example.se]}}}}\n"
    )
    files = {name: text for name, text in BASE.items() if not name.startswith("participants/")}
    return deliver(
        tmp_path_factory.mktemp("daemon") / "data", files, organisation=ORGANISATION + choices, base=False
    )


class Interface:
    """`mattstock dev` on the data folder, and what its web interface answers."""

    def __init__(self, port: int, log: Path) -> None:
        self._address = f"http://127.0.0.1:{port}/graphql"
        self._log = log

    def ask(self, query: str) -> dict[str, Any]:
        request = urllib.request.Request(
            self._address,
            data=json.dumps({"query": query}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
        assert "errors" not in told, told
        return told["data"]  # type: ignore[no-any-return]

    def wait_for(self, what: str, happened: Callable[[], Any]) -> Any:
        """What `happened` gives as soon as it gives something."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if found := happened():
                    return found
            time.sleep(0.5)
        pytest.fail(f"{what} did not happen. {self._log.read_text(encoding='utf-8')[-4000:]}")


@pytest.fixture(scope="module")
def interface(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("daemon-log") / "dev.log"
    command = [
        str(Path(sys.executable).with_name("mattstock")),
        "dev",
        "--data",
        str(workspace.root),
        "--port",
        str(port),
    ]
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield Interface(port, log)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def subjects(mail: MailServer) -> list[str]:
    return [str(one["Subject"]).partition(": ")[2] for one in mail.mails]


def in_force(workspace: Workspace) -> str | None:
    link = workspace.marts / "current"
    return link.resolve().name if link.exists() else None


def drop(workspace: Workspace, name: str, text: str) -> None:
    path = workspace.raw / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_files_that_are_dropped_become_an_alert_and_then_a_release(
    workspace: Workspace, interface: Interface, mail: MailServer
) -> None:
    drop(workspace, "participants/d.csv", "procurement_id;unit_id\nP8;u1\nP9;u1\n")
    interface.wait_for("the alert", lambda: mail.mails)
    text = mail.mails[0].get_content()
    assert subjects(mail) == ["publiceringen är stoppad"]
    assert "Rätta de utpekade raderna" in text
    assert "raw/participants/d.csv, kolumn procurement_id, antal rader 2" in text
    assert "P8" not in text
    assert in_force(workspace) is None

    drop(workspace, "participants/d.csv", BASE["participants/d.csv"])
    release = interface.wait_for("the release", lambda: in_force(workspace))
    with duckdb.connect(str(workspace.current_database), read_only=True) as con:
        assert con.execute("select count(*) from kpi_values").fetchall()[0][0] > 0
    interface.wait_for("the good news", lambda: len(mail.mails) > 1)
    assert subjects(mail)[1:] == ["det fungerar igen"]
    assert release in mail.mails[1].get_content()


def test_the_night_comes_and_no_run_is_one_too_many(
    workspace: Workspace, interface: Interface, mail: MailServer
) -> None:
    def nightly_runs() -> list[str]:
        state = interface.ask(TICKS)["scheduleOrError"]["scheduleState"]
        return [run for tick in state["ticks"] if tick["status"] == "SUCCESS" for run in tick["runIds"]]

    [run] = interface.wait_for("the nightly tick", nightly_runs)

    def all_ended() -> dict[str, Any] | None:
        told = interface.ask(TICKS)
        statuses = {one["runId"]: one["status"] for one in told["runsOrError"]["results"]}
        return told if run in statuses and set(statuses.values()) <= {"SUCCESS", "FAILURE"} else None

    told = interface.wait_for("the end of every run", all_ended)
    assert told["scheduleOrError"]["executionTimezone"] == "Europe/Stockholm"
    ticks = told["sensorOrError"]["sensorState"]["ticks"]
    asked = [run for tick in ticks for run in tick["runIds"]]
    # Stopped until the file was replaced, then one release; the night comes before or after that.
    endings = [past.ending or "" for past in history.last(workspace, 10)]
    assert re.fullmatch(r"(stopped )+published (published |nothing_new )*", " ".join([*endings, ""])), endings
    assert len(asked) + 1 == len(endings) == len(told["runsOrError"]["results"])
    assert len(asked) <= 3
    assert subjects(mail) == ["publiceringen är stoppad", "det fungerar igen"]


def test_the_interface_shows_the_fate_of_every_file_s_rows(interface: Interface) -> None:
    [materialised] = interface.ask(METADATA)["assetOrError"]["assetMaterializations"]
    [table] = [entry["table"] for entry in materialised["metadataEntries"] if entry["label"] == "by_file"]
    rows = [json.loads(record) for record in table["records"]]
    assert [(row["file"], row["rows_read"], row["rows_accepted"]) for row in rows] == [
        ("raw/participants/d.csv", 3, 3)
    ]

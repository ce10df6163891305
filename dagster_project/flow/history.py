"""Which runs there have been and how they ended: `warehouse/runs.jsonl`, two lines a run, the newest last.

    begin(workspace, run_id, started)             the run has the lock and starts
    record(workspace, run_id, ending, release)    the run has ended
    last(workspace, n)                            the latest n runs, newest last

A run that began and never ended was killed, or is the one that holds the lock now. Only a run that may publish is
written down: not `check`, and not one that never got the lock. Written under the lock, so there is one writer.
What does not belong here: why a run ended as it did (validation results, logs), and what is done about it (alerts).
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from dagster_project.messages import message
from dagster_project.settings import Workspace

RUNS_FILE = "runs.jsonl"
KEPT_LINES = 1000  # two a run: more than a year of nights
RunEnding = Literal["published", "nothing_new", "held_back", "stopped", "failed"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PastRun:
    """One run. Times are UTC; `ended` and `ending` are None for a run that never ended; `release` is the id of the
    release that it published, else None.
    """

    run_id: str
    started: datetime
    ended: datetime | None = None
    ending: RunEnding | None = None
    release: str | None = None


def begin(workspace: Workspace, run_id: str, started: datetime) -> None:
    """Write down that a run starts."""
    _append(workspace, {"run_id": run_id, "started": _text(started)})


def record(
    workspace: Workspace,
    run_id: str,
    ending: RunEnding,
    release: str | None = None,
    ended: datetime | None = None,
) -> None:
    """Write down how a run ended, now or at `ended`."""
    when = _text(ended or datetime.now(UTC))
    _append(workspace, {"run_id": run_id, "ended": when, "ending": ending, "release": release})


def last(workspace: Workspace, n: int) -> list[PastRun]:
    """The latest n runs in the order in which they began, newest last. Lines that cannot be read (edited by hand,
    power lost) are passed over.
    """
    runs: dict[str, PastRun] = {}
    for line in _lines(workspace):
        try:
            told = json.loads(line)
            if "started" in told:
                runs[told["run_id"]] = PastRun(told["run_id"], datetime.fromisoformat(told["started"]))
            elif told["run_id"] in runs and told["ending"] in get_args(RunEnding):
                runs[told["run_id"]] = replace(
                    runs[told["run_id"]],
                    ended=datetime.fromisoformat(told["ended"]),
                    ending=told["ending"],
                    release=told["release"],
                )
        except (ValueError, KeyError, TypeError):
            continue
    return list(runs.values())[-n:]


def path(workspace: Workspace) -> Path:
    """Where the history lies."""
    return workspace.warehouse / RUNS_FILE


def _append(workspace: Workspace, line: dict[str, Any]) -> None:
    # A run is not to fail because its history cannot be written: what fills the disk or takes the rights away is
    # told by the step that needs them.
    try:
        kept = _lines(workspace)
        fresh = path(workspace).with_name(f".{RUNS_FILE}.next")
        text = "".join(f"{old}\n" for old in [*kept[1 - KEPT_LINES :], json.dumps(line)])
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path(workspace))
    except OSError as error:
        _log.warning("%s", message("history.unwritten", file=path(workspace), reason=error.strerror))


def _lines(workspace: Workspace) -> list[str]:
    try:
        text = path(workspace).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")

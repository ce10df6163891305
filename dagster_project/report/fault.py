"""What a fault means to a person: foreseen and told in a plain sentence, or kept with its details for a technician.

    foreseen(error, workspace)    the fault behind it whose own words are plain, or None
    keep(workspace, error)        the details of one that nobody foresaw, in `warehouse/logs/fault-*.log`

What does not belong here: who is told (the command line, report/alert.py).
"""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.contracts import ContractError
from dagster_project.expectations import ExpectationError
from dagster_project.flow.faults import chain, fault_key, place_of, reason_of
from dagster_project.flow.lock import LockError
from dagster_project.flow.releases import PublishError
from dagster_project.flow.samples import SampleError
from dagster_project.flow.values.identity import BadKey, mask
from dagster_project.settings import SettingsError, Workspace

KEPT = 20
# Their words are written for people and quote no delivered value.
PLAIN = (SettingsError, PublishError, LockError, BadKey, ContractError, SampleError, ExpectationError)


def foreseen(error: BaseException, workspace: Workspace) -> BaseException | None:
    """The plain fault that stands behind an error: one of ours, else what the disk, rights or memory make of it."""
    ours = next((link for link in chain(error) if isinstance(link, PLAIN)), None)
    if ours is not None:
        return ours
    key = fault_key(error, workspace.warehouse)
    if key is None:
        return None
    where = place_of(error) or workspace.warehouse
    return PublishError(key, step="publish.step_run", where=where, reason=reason_of(error))


def keep(workspace: Workspace, error: BaseException) -> Path:
    """Write the fault with its trace down, personal numbers masked, and let the oldest go; the file.

    Raises OSError where it cannot be written.
    """
    folder = workspace.warehouse / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"fault-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.log"
    log.write_text(mask("".join(traceback.format_exception(error))), encoding="utf-8")
    for old in sorted(folder.glob("fault-*.log"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return log

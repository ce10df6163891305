"""The run that the assets share: one `Refresh` per Dagster run, opened when the run starts and closed when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from dagster_project.flow.refresh import Refresh
from dagster_project.orchestration import alerts
from dagster_project.orchestration.output import kept_off_screen, persons_masked
from dagster_project.orchestration.retention import prune
from dagster_project.report import fault
from dagster_project.settings import data_folder


class RefreshResource(dg.ConfigurableResource):
    """Which data folder, as of which date, and whether quarantined rows are accepted. Empty text = the default."""

    data: str = ""
    as_of: str = ""
    accept_quarantine: bool = False
    _run: Refresh | None = PrivateAttr(default=None)
    _fault: BaseException | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[RefreshResource]:
        """Hold the data folder's lock for as long as the run lasts, and tell how it ended.

        Waits while another run holds the folder: a daemon's run has nobody to tell that it is held. A run given by
        the caller is left open, and the caller tells.
        """
        if self._run is not None:
            yield self
            return
        workspace = data_folder(Path(self.data) if self.data else None)
        as_of = date.fromisoformat(self.as_of) if self.as_of else None
        try:
            with (
                persons_masked(),
                alerts.watching(workspace),
                Refresh(workspace, as_of, self.accept_quarantine, wait=True) as run,
                kept_off_screen(workspace),
            ):
                self._run = run
                yield self
                if run.ending is not None:
                    alerts.ended(run)
                elif isinstance(self._fault, Exception):
                    if fault.foreseen(self._fault, workspace) is None:
                        fault.keep(workspace, self._fault)
                    alerts.failed(workspace, self._fault)
        finally:
            # Also after a run that could not begin: settings that are wrong for a year are a run of each night.
            if context.instance is not None:
                prune(context.instance)

    def share(self, run: Refresh) -> None:
        """Use a run that the caller has opened and will close."""
        self._run = run

    @property
    def run(self) -> Refresh:
        """The run in progress."""
        assert self._run is not None
        return self._run

    @property
    def fault(self) -> BaseException | None:
        """What broke a step, as it was raised."""
        return self._fault

    def broke(self, error: BaseException | None) -> None:
        """Keep what broke a step; a method, because a resource takes no attributes that are not its settings."""
        self._fault = error

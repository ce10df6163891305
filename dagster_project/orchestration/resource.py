"""The run that the assets share: one `Refresh` per Dagster run, opened when the run starts and closed when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from dagster_project.flow.refresh import Refresh
from dagster_project.settings import data_folder


class RefreshResource(dg.ConfigurableResource):
    """Which data folder, as of which date, and whether quarantined rows are accepted. Empty text = the default."""

    data: str = ""
    as_of: str = ""
    accept_quarantine: bool = False
    _run: Refresh | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[RefreshResource]:
        """Hold the data folder's lock for as long as the run lasts; a run given by the caller is left open."""
        if self._run is not None:
            yield self
            return
        workspace = data_folder(Path(self.data) if self.data else None)
        as_of = date.fromisoformat(self.as_of) if self.as_of else None
        with Refresh(workspace, as_of, self.accept_quarantine) as run:
            self._run = run
            yield self

    def share(self, run: Refresh) -> None:
        """Use a run that the caller has opened and will close."""
        self._run = run

    @property
    def run(self) -> Refresh:
        """The run in progress."""
        assert self._run is not None
        return self._run

"""Foreign formats: each adapter is one module that turns what other systems export into rows of our sources.

The seam has three steps, as for our own sources. `parse` reads one file by a contract of the format's own,
and is remembered. `settle` decides the fate of every foreign row with all files side by side. The settlement
says which rows the accepted ones give to each of our sources. flow/refresh.py calls them; a new format is a
new module and a place in `ADAPTERS`. What does not belong here: our sources' contracts, and what becomes of
derived rows (reconcile).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import duckdb

from dagster_project.flow.adapters import uhm_statistics
from dagster_project.flow.ingest import Delivery
from dagster_project.flow.parse import ParsedFile
from dagster_project.flow.reconcile import Derived, Reconciled
from dagster_project.settings import Settings, Workspace


class Settlement(Protocol):
    """Foreign rows with their fates decided."""

    def derived(self, source: str) -> Derived | None:
        """The rows that they give to one of our sources; None where they give it nothing."""

    def outcome(self) -> Reconciled:
        """Counts per file, one outcome and all findings, named FORMAT; when every source has its rows."""


class Adapter(Protocol):
    """What a module must offer to stand behind the seam."""

    @property
    def FORMAT(self) -> str:
        """The format's name: `origin` of its rows, `source` in the counts, key of its tolerance."""

    @property
    def FOLDER(self) -> str:
        """The folder under raw/ where its files arrive; ordinary deliveries may share it."""

    def recognises(self, delivery: Delivery) -> bool:
        """Whether a file in the folder is of this format, judged by its content."""

    def parse(self, delivery: Delivery, settings: Settings, workspace: Workspace) -> ParsedFile:
        """Read one file, or recall what was read before; never raises for what the file holds."""

    def settle(self, connection: duckdb.DuckDBPyConnection, files: Sequence[ParsedFile]) -> Settlement:
        """Decide every foreign row's fate, in the build database."""


ADAPTERS: Mapping[str, Adapter] = {adapter.FORMAT: adapter for adapter in (uhm_statistics,)}

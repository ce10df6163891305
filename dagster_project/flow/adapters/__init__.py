"""Foreign formats: each adapter is one module that turns what another system exports into rows of our sources.

The seam has three steps, as for our own sources: `parse` reads one file by a contract of the format's own and is
remembered; `settle` decides the fate of every foreign row with all files side by side; `derived` says which rows of
our sources the accepted ones give. Flow/refresh.py calls them; a new format is a new module and a line in `ADAPTERS`.
What does not belong here: the sources' own contracts, and what becomes of derived rows (reconcile).
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


class Adapter(Protocol):
    """What a module must offer to stand behind the seam."""

    @property
    def FORMAT(self) -> str:  # noqa: N802 (a module's constant)
        """The format's name: `origin` of its rows, `source` of its files in the counts, and its tolerance's key."""

    @property
    def FOLDER(self) -> str:  # noqa: N802
        """The folder under raw/ where its files arrive; other formats and ordinary deliveries may share it."""

    def recognises(self, delivery: Delivery) -> bool:
        """Whether a file in the folder is of this format, judged by its content."""

    def parse(self, delivery: Delivery, settings: Settings, workspace: Workspace) -> ParsedFile:
        """Read one file, or recall what was read before; never raises for what the file holds."""

    def settle(self, connection: duckdb.DuckDBPyConnection, files: Sequence[ParsedFile]) -> Reconciled:
        """Decide every foreign row's fate: counts per file, one outcome and all findings, all named FORMAT."""

    def derived(self, source: str) -> Derived | None:
        """The rows that settled deliveries give to one of our sources; None where they give it nothing."""


ADAPTERS: Mapping[str, Adapter] = {adapter.FORMAT: adapter for adapter in (uhm_statistics,)}

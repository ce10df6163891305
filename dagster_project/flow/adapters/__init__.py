"""Foreign formats: each adapter is one module that turns what other systems export into rows of our sources.

`parse` reads one file by a contract of the format's own, and is remembered. The rest is declared: the
parts of a format with their keys, rules over its rows, relations over the accepted ones, and the rows
that these give to our sources. flow/foreign.py makes it happen in every run; a new format is a new
module and a place in `ADAPTERS`. What is only another way of writing one of our own sources is a dialect of it
(flow/dialects.py), with a place in `DIALECTS`. What does not belong here: our sources' contracts, and what becomes of
derived rows (reconcile).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dagster_project.contracts import Source
from dagster_project.expectations import Rule
from dagster_project.flow.adapters import notices, open_ledger, ubl, uhm_statistics
from dagster_project.flow.adapters.derived import Derived, Note
from dagster_project.flow.dialects import Dialect
from dagster_project.flow.ingest import Delivery
from dagster_project.flow.parse import ParsedFile
from dagster_project.settings import Settings, Workspace


class Adapter(Protocol):
    """What a module must offer to stand behind the seam."""

    @property
    def FORMAT(self) -> str:
        """The format's name: `origin` of its rows, `source` in the counts, key of its tolerance."""

    @property
    def FOLDER(self) -> str:
        """The folder under raw/ where its files arrive; ordinary deliveries may share it."""

    def recognises(self, delivery: Delivery) -> bool:
        """Whether a file in the folder is of this format, judged by its content; one with a `fault` cannot be
        opened.
        """

    def parse(self, delivery: Delivery, settings: Settings, workspace: Workspace) -> ParsedFile:
        """Read one file, or recall what was read before; never raises for what the file holds."""

    @property
    def PARTS(self) -> Mapping[str, Source]:
        """The kinds of rows that the format has, each with its key, by name; all read by one parse."""

    def part_of(self, file: ParsedFile) -> str:
        """The kind of rows that a file holds."""

    @property
    def RULES(self) -> tuple[Rule, ...]:
        """What the parts' rows may not say."""

    @property
    def RELATIONS(self) -> tuple[str, ...]:
        """Statements that make relations in schema `arrival` over the accepted rows, `delivered.<part>`."""

    @property
    def DERIVED(self) -> Mapping[str, Derived]:
        """Our source → the rows that the format gives it."""

    @property
    def NOTES(self) -> tuple[Note, ...]:
        """Warnings for whole files, asked when every source has its rows."""


ADAPTERS: Mapping[str, Adapter] = {adapter.FORMAT: adapter for adapter in (notices, uhm_statistics)}
DIALECTS: Mapping[str, tuple[Dialect, ...]] = {"invoices": (ubl, open_ledger)}

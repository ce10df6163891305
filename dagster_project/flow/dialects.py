"""What it takes to write one of our own sources in a foreign way: other forms of file, other headings.

A dialect is told by what a file holds, and gives tables with our headings; from there its rows go the way of all
rows, through the source's contract, so that types, keys, repeats and personal data are treated once. What does not
belong here: any one dialect (`adapters/`), and formats whose rows are of no one source of ours (`adapters/`, Adapter).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dagster_project.contracts import Source
from dagster_project.flow.readers import Table


@dataclass(frozen=True)
class Echo:
    """How a delivery in another form is known to tell of the same purchase.

    Rows are of one purchase where `same` are equal and so is `who`, or, where the other row lacks it, `who_named`.
    The other form's row stands, and gets from this one what it lacks of `fills`, where this one says one thing only.
    """

    same: tuple[str, ...]
    who: str
    who_named: str
    fills: tuple[str, ...]


class Dialect(Protocol):
    """What a dialect must offer."""

    @property
    def NAME(self) -> str:
        """The dialect's name, as `ParsedFile.dialect` bears it."""

    @property
    def RESOLVED(self) -> Mapping[str, str]:
        """Column → a query of (given, value) over what is delivered and the file's `{rows}`: what a word stands for.

        A word that the query does not give stands for nothing. Asked in every run, after the sources that the
        query reads were decided.
        """

    @property
    def ECHO(self) -> Echo | None:
        """How it is known that a delivery not in this dialect tells of the same purchase, and tells it better."""

    def opens(self, own: Path) -> bool:
        """Whether this dialect has a form of file of its own, and the file is of it; by content, never by name."""

    def read(self, own: Path, folder: Path) -> list[Table]:
        """The tables of a file that it opens, spooled in `folder`. Raises UnreadableDelivery."""

    def speaks(self, tables: Sequence[Table]) -> bool:
        """Whether tables that were read, by whatever reader, are in this dialect."""

    def translate(self, tables: Sequence[Table], folder: Path) -> list[Table]:
        """The same rows under our headings, spooled in `folder`."""

    def contract(self, source: Source) -> Source:
        """The source's contract as it can be asked of this dialect."""

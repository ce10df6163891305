"""The row reference of a correction workbook: which delivered row a mended one stands for.

`raw/invoices/a.csv | blad Blad1 | rad 17 | 0f3ac2…-91be…`: place and content, readable by a person, and a keyed seal,
so that a reference that was typed or changed by hand is seen. What does not belong here: finding that row among the
deliveries (flow/answers.py), and writing the workbook (flow/corrections.py).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dagster_project.contracts import fold
from dagster_project.flow.values import Reading, by_distinct

ANSWERS = "_answers"
REFERENCE_HEADING = "Radreferens"
MESSAGE_HEADING = "Vad är fel"
# A heading that begins so is there for whoever reads a workbook that comes back, and says nothing of the row.
EVIDENCE = ("Underlag:", "Evidence:")
HELPER_HEADINGS = frozenset(map(fold, (REFERENCE_HEADING, MESSAGE_HEADING)))
SEPARATOR = " | "
_SEAL = 12
_PARTS = re.compile(
    rf"(?P<file>.+?){re.escape(SEPARATOR)}(?:blad (?P<sheet>.+){re.escape(SEPARATOR)})?"
    rf"rad (?P<row>[0-9]{{1,12}}){re.escape(SEPARATOR)}(?P<content>[0-9a-f]{{16}})-(?P<seal>[0-9a-f]{{{_SEAL}}})"
)


@dataclass(frozen=True)
class Place:
    """A delivered row: its file as shown, its sheet ('' where there is none), row number, and its content's hash."""

    file: str
    sheet: str
    row: int
    content: str


def write_reference(key: bytes, source: str, place: Place) -> str:
    """The reference of one row of a source."""
    sheet = (f"blad {place.sheet}",) if place.sheet else ()
    told = SEPARATOR.join((place.file, *sheet, f"rad {place.row}", place.content))
    return f"{told}-{_seal(key, source, told)}"


def read_reference(text: str) -> Place:
    """The place in a reference that `read_references` let through."""
    found = _PARTS.fullmatch(text)
    assert found is not None, text
    return Place(found["file"], found["sheet"] or "", int(found["row"]), found["content"])


def read_references(text: pl.Series, key: bytes, source: str) -> Reading:
    """References as they are (String), null where the seal is not that of this source's row. Rule: forged_reference."""

    def read(word: str) -> tuple[str | None, str | None, str | None]:
        found = _PARTS.fullmatch(word)
        if found is None:
            return None, "forged_reference", None
        seal = _seal(key, source, word[: -_SEAL - 1])
        return (
            (word, None, None)
            if hmac.compare_digest(seal, found["seal"])
            else (None, "forged_reference", None)
        )

    return by_distinct(text, read, pl.String)


def is_helper(heading: str) -> bool:
    """Whether a heading is one of the workbook's own beside the source's columns."""
    return fold(heading) in HELPER_HEADINGS or heading.startswith(EVIDENCE)


def reference_position(header: Sequence[str]) -> int | None:
    """Where the references stand, None in any file but a correction."""
    return next((i for i, cell in enumerate(header) if fold(cell) == fold(REFERENCE_HEADING)), None)


def _seal(key: bytes, source: str, told: str) -> str:
    return hmac.new(key, f"row {source} {told}".encode(), hashlib.sha256).hexdigest()[:_SEAL]

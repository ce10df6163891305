"""Reads cells: a module per family (numbers, dates, words, identity).

Each function takes a column of trimmed text and gives a `Reading`. What does not belong here: files,
messages, and which column is of which type.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

# Findings that let the row through.
WARNINGS = frozenset({"check_digit", "rounded", "set_aside"})


@dataclass(frozen=True)
class Reading:
    """A column read: `value` (typed, null where nothing could be read), `rule` (String, what is wrong with
    the cell, null when nothing is), `note` (String, what the message adds: the nearest allowed word, the
    rounded amount).
    """

    value: pl.Series
    rule: pl.Series
    note: pl.Series


@functools.lru_cache(maxsize=16)
def nothing(height: int) -> pl.Series:
    """A column of texts without any: what most columns have for a rule and a note. It is as large as any other, and so
    it is one for all of them; whoever writes in it must clone it.
    """
    return pl.repeat(None, height, dtype=pl.String, eager=True)


def by_distinct(
    text: pl.Series,
    read: Callable[[str], tuple[Any, str | None, str | None]],
    dtype: pl.DataType | type[pl.DataType],
) -> Reading:
    """Read each distinct text once. `read` gives (value, rule, note)."""
    encoded = text.to_arrow().dictionary_encode()
    places = pl.Series(encoded.indices)
    results = [read(word) for word in encoded.dictionary.to_pylist()]
    value, rule, note = zip(*results, strict=True) if results else ((), (), ())

    def told(what: tuple[str | None, ...]) -> pl.Series:
        is_said = any(word is not None for word in what)
        return pl.Series(what, dtype=pl.String).gather(places) if is_said else nothing(len(text))

    return Reading(pl.Series(value, dtype=dtype).gather(places), told(rule), told(note))

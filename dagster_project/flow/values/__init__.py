"""Reads cells: a module per family (numbers, dates, words, identity).

Each function takes a column of trimmed text and gives a `Reading`. What does not belong here: files,
messages, and which column is of which type.
"""

from __future__ import annotations

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


def by_distinct(
    text: pl.Series,
    read: Callable[[str], tuple[Any, str | None, str | None]],
    dtype: pl.DataType | type[pl.DataType],
) -> Reading:
    """Read each distinct text once. `read` gives (value, rule, note)."""
    distinct = text.drop_nulls().unique()
    results = [read(word) for word in distinct.to_list()]
    known = pl.DataFrame(
        {
            "text": distinct,
            "value": pl.Series([result[0] for result in results], dtype=dtype),
            "rule": pl.Series([result[1] for result in results], dtype=pl.String),
            "note": pl.Series([result[2] for result in results], dtype=pl.String),
        }
    )
    found = text.alias("text").to_frame().join(known, on="text", how="left", maintain_order="left")
    return Reading(found["value"], found["rule"], found["note"])

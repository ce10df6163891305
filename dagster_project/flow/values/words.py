"""Words with a fixed meaning: yes and no, and the allowed codes of an enum."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from dagster_project.contracts import Column, fold
from dagster_project.flow.values import Reading, by_distinct

YES = frozenset({"ja", "j", "x", "true", "sant", "yes", "y", "1"})
NO = frozenset({"nej", "n", "false", "falskt", "no", "0"})
CROSS = "x"


def read_booleans(text: pl.Series, empty_means_no: bool) -> Reading:
    """Booleans. `empty_means_no`: the column's only filled value is `x`. Rule: unknown_boolean."""
    reading = by_distinct(text, _boolean, pl.Boolean)
    if not empty_means_no:
        return reading
    return Reading(reading.value.fill_null(False), reading.rule, reading.note)


def only_crosses(column: str) -> pl.Expr:
    """Whether the only filled value of a text column is `x`."""
    given = pl.col(column)
    return given.is_not_null().any() & (given.is_null() | (given.str.to_lowercase() == CROSS)).all()


def _boolean(word: str) -> tuple[bool | None, str | None, str | None]:
    folded = word.casefold()
    if folded in YES:
        return True, None, None
    if folded in NO:
        return False, None, None
    return None, "unknown_boolean", None


def enum_words(column: Column) -> dict[str, str]:
    """Folded word → code, for the codes themselves and every word of the contract."""
    return {fold(word): code for code, words in column.values.items() for word in (code, *words)}


def read_enum(text: pl.Series, words: Mapping[str, str], shown: Mapping[str, str]) -> Reading:
    """Codes of an enum (String). Rule: unknown_code, its note the nearest allowed word.

    `words`: folded word → code; `shown`: folded word → the word as people write it.
    """

    def read(word: str) -> tuple[str | None, str | None, str | None]:
        folded = fold(word)
        if folded in words:
            return words[folded], None, None
        nearest = process.extractOne(folded, list(shown), scorer=JaroWinkler.similarity)
        return None, "unknown_code", shown[nearest[0]] if nearest else ""

    return by_distinct(text, read, pl.String)

"""What an adapter says about the rows that it gives; here because adapters and reconcile both speak of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Derived:
    """Rows that a foreign format gives to one of our sources.

    `query` gives some of the source's columns and source_file, source_sheet, source_row; one row per key.
    The board's own rows win: where a delivered row has the same `whole`, none of the derived ones is added.
    `before`: statements that the query rests on, run when the source is decided. `fills`: columns that the format may
    fill where a delivered row with the same key leaves them empty; where both say something and differ, the delivered
    value stands and the difference is listed.
    `complements`: the rows only explain what other rows bear (names of codes), so the source does not count
    as delivered by them and delivered rows are not judged by them.
    """

    query: str
    whole: tuple[str, ...]
    before: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    complements: bool = False


@dataclass(frozen=True)
class Note:
    """A warning for a whole file: `query` gives files and the number for the message's `{count}`."""

    rule: str
    message: str
    column: str
    query: str

"""Reads one delivered file as text: a module per form (csv, excel, parquet).

Here is what they share: the table that they give, how a heading row is found, and how a file is refused. What
does not belong here: contracts, types, words.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

ROW = "_row"
EXTRA = "_extra"
BATCH_ROWS = 250_000
HEADER_WITHIN = 50
EXTRA_SEPARATOR = " | "

Score = Callable[[list[str]], int]


class UnreadableDelivery(Exception):
    """A file that cannot be read at all; `rule` and `arguments` give the message `file.<rule>`."""

    def __init__(self, rule: str, **arguments: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.arguments = arguments


@dataclass(frozen=True)
class Table:
    """One sheet (or one text file) as text.

    Its rows are spooled to disk: columns `c0`, `c1`, … (String, trimmed, empty = null; one per heading),
    `_row` (Int64, the row number as Excel shows it: from 1, titles, heading and blank rows counted) and
    `_extra` (String, what stood in cells beyond the last heading, else null). Blank rows are left out.
    `typed`: numbers and dates had types of their own (Excel, Parquet) and were written out in one canonical
    way.
    """

    sheet: str | None
    header: list[str]
    path: Path
    rows: int
    typed: bool
    ignored_sheets: tuple[str, ...] = ()
    keep: tempfile.TemporaryDirectory[str] | None = None

    def scan(self) -> pl.LazyFrame:
        """All rows, lazily."""
        return pl.scan_parquet(self.path)

    @property
    def batches(self) -> Iterator[pl.DataFrame]:
        """The rows in file order, at most BATCH_ROWS at a time; a new iterator at every call."""
        for start in range(0, self.rows, BATCH_ROWS):
            yield self.scan().slice(start, BATCH_ROWS).collect()


def columns_of(width: int) -> list[str]:
    """The names by position."""
    return [f"c{position}" for position in range(width)]


def find_header(records: Sequence[Sequence[str]], score: Score) -> tuple[int, int] | None:
    """Index and score of the heading row among the first rows; None where too few headings are known.

    Two known headings are asked for, or one where every row has one cell only.
    """
    best: tuple[int, int] | None = None
    for index, record in enumerate(records[:HEADER_WITHIN]):
        points = score([cell.strip() for cell in record])
        if points and (best is None or points > best[1]):
            best = (index, points)
    widest = max((sum(1 for cell in record if cell.strip()) for record in records), default=0)
    return best if best and best[1] >= (2 if widest > 1 else 1) else None


def trimmed_header(cells: Sequence[str]) -> list[str]:
    """The headings without empty ones at the end."""
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    return header


def tidy(frame: pl.LazyFrame, width: int, extra: Sequence[str]) -> pl.LazyFrame:
    """Cells trimmed, empty ones null, cells beyond the headings gathered in `_extra`; blank rows are still
    there.
    """
    names = columns_of(width)
    gathered = (
        pl.concat_str(
            [_trimmed(pl.col(name)) for name in extra], separator=EXTRA_SEPARATOR, ignore_nulls=True
        )
        if extra
        else pl.lit(None, dtype=pl.String)
    )
    return frame.select(
        *(_trimmed(pl.col(name)) for name in names),
        pl.col(ROW).cast(pl.Int64),
        _trimmed(gathered).alias(EXTRA),
    )


def filled(width: int) -> pl.Expr:
    """Whether any cell of a tidy row is filled."""
    return pl.any_horizontal(pl.col(*columns_of(width), EXTRA).is_not_null())


def _trimmed(cell: pl.Expr) -> pl.Expr:
    text = cell.str.strip_chars()
    return pl.when(text.str.len_bytes() > 0).then(text)

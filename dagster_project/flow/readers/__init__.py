"""Reads one delivered file as text: a module per form (csv, excel, parquet).

Here is what they share: the table that they give, how a heading row is found, how a file is refused, and how
large one may be before it is. The bounds are far beyond what a register holds, and keep a hostile file from
taking the memory or the disk of the run. What does not belong here: contracts, types, words.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dagster_project.flow.faults import fault_key

ROW = "_row"
EXTRA = "_extra"
BATCH_ROWS = 250_000
HEADER_WITHIN = 50
EXTRA_SEPARATOR = " | "
BATCH_CELLS = 25_000_000  # of a wide table fewer rows are held at a time
MAX_COLUMNS = 2_000
MAX_CELL_BYTES = 1 << 20  # Excel's own bound is 32 767 characters
MAX_RATIO = 200  # a ledger packs to a tenth, a bomb to a thousandth
RATIO_FROM_BYTES = 64 << 20

Score = Callable[[list[str]], int]


class UnreadableDelivery(Exception):
    """A file that cannot be read at all; `rule` and `arguments` give the message `file.<rule>`."""

    def __init__(self, rule: str, **arguments: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.arguments = arguments


class PassingFault(UnreadableDelivery):
    """A fault that lies not in the content but in the moment (rights, a change meanwhile): never remembered."""


def is_of_the_disk(error: BaseException) -> bool:
    """Whether a fault is about room, rights or memory where we write, and so tells nothing of the file."""
    return fault_key(error) not in (None, "publish.failed", "publish.out_of_memory")


@dataclass(frozen=True)
class Table:
    """One sheet (or one text file) as text.

    Its rows are `content`: a Parquet file that they are spooled to, or themselves where they are known to have room.
    Columns `c0`, `c1`, … (String, trimmed, empty = null; one per heading),
    `_row` (Int64, the row number as Excel shows it: from 1, titles, heading and blank rows counted) and
    `_extra` (String, what stood in cells beyond the last heading, else null). Blank rows are left out.
    `typed`: numbers and dates had types of their own (Excel, Parquet) and were written out in one canonical
    way. `dialect`: the foreign way of writing that it came in. `places`: by row, from row 1, where in the file it
    stands, in place of a sheet. `findings`: what the reader found wrong with rows (standardise's FINDINGS).
    """

    sheet: str | None
    header: list[str]
    content: Path | pl.DataFrame
    rows: int
    typed: bool
    ignored_sheets: tuple[str, ...] = ()
    keep: tempfile.TemporaryDirectory[str] | None = None
    dialect: str = ""
    places: pl.Series | None = None
    findings: tuple[Mapping[str, object], ...] = ()

    def scan(self) -> pl.LazyFrame:
        """All rows, lazily."""
        if isinstance(self.content, pl.DataFrame):
            return self.content.lazy()
        return pl.scan_parquet(self.content, glob=False)

    @property
    def batches(self) -> Iterator[pl.DataFrame]:
        """The rows in file order, at most BATCH_ROWS at a time; a new iterator at every call."""
        rows = batch_rows(len(self.header))
        for start in range(0, self.rows, rows):
            yield self.scan().slice(start, rows).collect()


def batch_rows(width: int) -> int:
    """How many rows of a table with so many columns are held at a time."""
    return max(1, min(BATCH_ROWS, BATCH_CELLS // max(width, 1)))


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


def refuse_wide(columns: int, **where: object) -> None:
    """Refuse a table with more columns than any register has."""
    if columns > MAX_COLUMNS:
        raise UnreadableDelivery("too_many_columns", columns=columns, most=MAX_COLUMNS, **where)


def refuse_large_cells(rows: pl.LazyFrame, width: int, **where: object) -> None:
    """Refuse a tidy table with a cell that no one can have written, naming its row."""
    cells = pl.col(*columns_of(width), EXTRA).str.len_bytes()
    longest = rows.select(pl.max_horizontal(cells.max())).collect(engine="streaming").item()
    if longest is not None and longest > MAX_CELL_BYTES:
        large = rows.filter(pl.any_horizontal(cells > MAX_CELL_BYTES)).select(pl.col(ROW).min())
        raise UnreadableDelivery("cell_too_large", row=large.collect(engine="streaming").item(), **where)


def refuse_swollen(packed: int, unpacked: int, most: int) -> None:
    """Refuse what unpacks to more than `most` bytes, or out of all proportion to its packed size."""
    if unpacked > most or (unpacked > RATIO_FROM_BYTES and unpacked > MAX_RATIO * max(packed, 1)):
        raise UnreadableDelivery("too_large_unpacked")


def tidy(
    frame: pl.LazyFrame, width: int, extra: Sequence[str], trim: Container[int] | None = None
) -> pl.LazyFrame:
    """Cells trimmed, empty ones null, cells beyond the headings gathered in `_extra`; blank rows are still
    there. `trim`: the positions of the columns that need it, where that is known.
    """
    cells = [
        _trimmed(pl.col(name)) if trim is None or position in trim else pl.col(name)
        for position, name in enumerate(columns_of(width))
    ]
    gathered = (
        pl.concat_str(
            [_trimmed(pl.col(name)) for name in extra], separator=EXTRA_SEPARATOR, ignore_nulls=True
        )
        if extra
        else pl.lit(None, dtype=pl.String)
    )
    return frame.select(
        *cells,
        pl.col(ROW).cast(pl.Int64),
        _trimmed(gathered).alias(EXTRA),
    )


def filled(width: int) -> pl.Expr:
    """Whether any cell of a tidy row is filled."""
    return pl.any_horizontal(pl.col(*columns_of(width), EXTRA).is_not_null())


def _trimmed(cell: pl.Expr) -> pl.Expr:
    text = cell.str.strip_chars()
    return pl.when(text.str.len_bytes() > 0).then(text)

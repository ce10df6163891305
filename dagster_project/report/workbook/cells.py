"""Turns a frame into the rows of a sheet, as the XML that a workbook holds, whole columns at a time.

What belongs here: how a value becomes a cell. What does not: which values, and how a cell is dressed.
A library that is given one cell at a time takes a minute for what a ledger's records come to; this takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl
from xlsxwriter.utility import xl_col_to_name

from dagster_project.report.formats import FORMULA

SLICE = 20_000  # rows made at a time, so that memory stays bounded
LONGEST = 32_000  # letters in a cell; Excel bears a few more
_DAY_ZERO = (date(1970, 1, 1) - date(1899, 12, 30)).days
_DAY_IN_MICROSECONDS = 86_400_000_000
_NOT_IN_XML = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\ufffe\uffff]"

Style = int | pl.Series  # the number of a cell format: a whole column's, or one for each of its rows


def rows_xml(frame: pl.DataFrame, styles: Sequence[Style], first_row: int, quoted: int) -> Iterator[str]:
    """The rows of `frame` from the sheet's row `first_row` (counted from 1), a slice at a time.

    `styles` has one for each column. `quoted` is the format of a text that would begin a formula where somebody edits
    it: it stays a text. Text, numbers, decimals, booleans, dates and times can stand in a column; NULL, NaN and
    infinity give no cell.
    """
    # Places, not names: a heading may come twice, and a name may be anything.
    given = pl.DataFrame([column.alias(str(place)) for place, column in enumerate(frame.get_columns())])
    given = given.hstack(
        [style.alias(f"style {place}") for place, style in enumerate(styles) if isinstance(style, pl.Series)]
    )
    row = pl.int_range(pl.len()).cast(pl.Int64)
    cells = [
        _cell(
            pl.col(str(place)),
            dtype,
            pl.col(f"style {place}").cast(pl.String) if isinstance(style, pl.Series) else pl.lit(str(style)),
            xl_col_to_name(place),
            quoted,
        )
        for place, (dtype, style) in enumerate(zip(frame.dtypes, styles, strict=True))
    ]
    made = pl.concat_str(pl.lit('<row r="'), pl.col("row"), pl.lit('">'), *cells, pl.lit("</row>"))
    for start in range(0, frame.height, SLICE):
        part = given.slice(start, SLICE).lazy()
        part = part.with_columns((row + first_row + start).cast(pl.String).alias("row"))
        yield "".join(part.select(made).collect().to_series())


def _cell(value: pl.Expr, dtype: pl.DataType, style: pl.Expr, letter: str, quoted: int) -> pl.Expr:
    kind, opening, ending = "", "<v>", "</v></c>"
    if dtype == pl.Boolean:
        kind = ' t="b"'
        content = value.cast(pl.Int8).cast(pl.String)
    elif dtype == pl.Date:
        content = (value.cast(pl.Int32) + _DAY_ZERO).cast(pl.String)
    elif isinstance(dtype, pl.Datetime):
        days = value.cast(pl.Datetime("us")).cast(pl.Int64) / _DAY_IN_MICROSECONDS
        content = (days + _DAY_ZERO).cast(pl.String)
    elif dtype.is_integer():
        content = value.cast(pl.String)
    elif dtype.is_numeric():
        broken = value.cast(pl.Float64)
        content = pl.when(broken.is_finite()).then(broken.cast(pl.String).str.strip_suffix(".0"))
    else:
        kind, opening, ending = ' t="inlineStr"', '<is><t xml:space="preserve">', "</t></is></c>"
        text = value.cast(pl.String).str.slice(0, LONGEST)
        begins = text.str.contains(FORMULA).fill_null(value=False)
        style = pl.when(begins).then(pl.lit(str(quoted))).otherwise(style)
        content = escaped(text)
    opened, place = pl.lit(f'"{kind}>{opening}'), pl.lit(f'<c r="{letter}')
    cell = pl.concat_str(place, pl.col("row"), pl.lit('" s="'), style, opened, content, pl.lit(ending))
    return pl.when(content.is_not_null()).then(cell).otherwise(pl.lit(""))


def escaped(text: pl.Expr) -> pl.Expr:
    """Text as it stands in XML; what XML cannot hold is marked, and what Excel would decode is kept from it."""
    return (
        text.str.replace_many(["&", "<", ">", "\r"], ["&amp;", "&lt;", "&gt;", "&#13;"])
        .str.replace_all(_NOT_IN_XML, "\ufffd")
        .str.replace_all("_(x[0-9A-Fa-f]{4}_)", "_x005F_$1")
    )

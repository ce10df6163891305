"""Reads Parquet as text: column names are the headings, typed values are written out canonically."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from dagster_project.flow.readers import (
    ROW,
    Score,
    Table,
    UnreadableDelivery,
    columns_of,
    filled,
    tidy,
    trimmed_header,
)

FIRST_DATA_ROW = 2  # the headings are row 1, as they would be in Excel
SIGNIFICANT_DIGITS = 15


def read_parquet(
    path: Path, score: Score, scratch: Path, keep: tempfile.TemporaryDirectory[str] | None = None
) -> list[Table]:
    """The file as one table. Raises UnreadableDelivery when it is no Parquet file or has no known headings."""
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableDelivery("broken_parquet") from error
    header = trimmed_header(list(schema))
    if score(header) < (2 if len(header) > 1 else 1):
        raise UnreadableDelivery("no_header", headings=", ".join(header[:8]))
    names = columns_of(len(header))
    texts = [
        _text(name, dtype).alias(alias) for (name, dtype), alias in zip(schema.items(), names, strict=False)
    ]
    spool = scratch / "parquet.parquet"
    frame = pl.scan_parquet(path).select(texts).with_row_index(ROW, offset=FIRST_DATA_ROW)
    try:
        tidy(frame, len(names), []).filter(filled(len(names))).sink_parquet(spool, compression="lz4")
    except pl.exceptions.PolarsError as error:
        raise UnreadableDelivery("broken_parquet") from error
    rows = pl.scan_parquet(spool).select(pl.len()).collect().item()
    return [Table(None, header, spool, rows, typed=True, keep=keep)]


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_float():
        return column.map_batches(_float_text, return_dtype=pl.String)
    if dtype == pl.Datetime:
        return column.dt.strftime("%Y-%m-%d %H:%M:%S")
    if dtype.is_nested() or dtype == pl.Binary:
        raise UnreadableDelivery("nested_column", column=name)
    if dtype.is_decimal():
        # A decimal with exactly three decimals could be read as thousands.
        text = column.cast(pl.String)
        return pl.when(text.str.contains(r"\.[0-9]{3}$")).then(text + "0").otherwise(text)
    return column.cast(pl.String)


def _float_text(values: pl.Series) -> pl.Series:
    from dagster_project.flow.values.numbers import canonical_float

    distinct = values.drop_nulls().unique()
    texts = pl.Series([canonical_float(value) for value in distinct.to_list()], dtype=pl.String)
    return values.replace_strict(distinct, texts, default=None, return_dtype=pl.String)

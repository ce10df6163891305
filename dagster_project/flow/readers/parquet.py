"""Reads Parquet as text: column names are the headings, typed values are written out canonically.

Through pyarrow, which refuses a damaged file in words where polars stops the process.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from dagster_project.flow.readers import (
    BATCH_ROWS,
    EXTRA,
    ROW,
    Score,
    Table,
    UnreadableDelivery,
    columns_of,
    filled,
    tidy,
    trimmed_header,
)
from dagster_project.flow.values.numbers import canonical_float

FIRST_DATA_ROW = 2  # the headings are row 1, as they would be in Excel


def read_parquet(
    path: Path, score: Score, scratch: Path, keep: tempfile.TemporaryDirectory[str] | None = None
) -> list[Table]:
    """The file as one table. Raises UnreadableDelivery: broken, without known headings, nested columns."""
    spool = scratch / "parquet.parquet"
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            header = trimmed_header(file.schema_arrow.names)
            _check(file.schema_arrow, header, score)
            rows = _spool(file, header, spool)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnreadableDelivery("broken_parquet") from error
    return [Table(None, header, spool, rows, typed=True, keep=keep)]


def _check(schema: pa.Schema, header: list[str], score: Score) -> None:
    if score(header) < (2 if len(header) > 1 else 1):
        raise UnreadableDelivery("no_header", headings=", ".join(header[:8]))
    for field in schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            raise UnreadableDelivery("nested_column", column=field.name)


def _spool(file: pyarrow.parquet.ParquetFile, header: list[str], spool: Path) -> int:
    names = columns_of(len(header))
    empty = pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW: pl.Int64, EXTRA: pl.String})
    count = 0
    first = FIRST_DATA_ROW
    with pyarrow.parquet.ParquetWriter(spool, empty.to_arrow().schema, compression="lz4") as writer:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            batch.validate(full=True)
            text = pl.DataFrame(
                [_text(pl.Series(name, column)) for name, column in zip(names, batch.columns, strict=False)]
            )
            numbered = text.with_row_index(ROW, offset=first).lazy()
            table = tidy(numbered, len(names), []).filter(filled(len(names))).collect()
            writer.write_table(table.to_arrow())
            count += table.height
            first += batch.num_rows
    return count


def _text(values: pl.Series) -> pl.Series:
    if values.dtype.is_float():
        distinct = values.drop_nulls().unique()
        texts = pl.Series([canonical_float(value) for value in distinct.to_list()], dtype=pl.String)
        return values.replace_strict(distinct, texts, default=None, return_dtype=pl.String)
    if values.dtype == pl.Datetime:
        return values.dt.strftime("%Y-%m-%d %H:%M:%S")
    text = values.cast(pl.String)
    if values.dtype.is_decimal():
        # Exactly three decimals could be read as thousands.
        return (
            text.to_frame("t")
            .select(
                pl.when(pl.col("t").str.contains(r"\.[0-9]{3}$"))
                .then(pl.col("t") + "0")
                .otherwise(pl.col("t"))
            )["t"]
            .rename(values.name)
        )
    return text

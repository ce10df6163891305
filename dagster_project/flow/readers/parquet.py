"""Reads Parquet as text: column names are the headings, typed values are written out canonically.

Through pyarrow, which refuses a damaged file in words where polars stops the process. Texts are read as
references into their dictionary, so that what they come to is known before it is laid out. What does not belong
here: contracts, types, words.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from dagster_project.flow.readers import (
    EXTRA,
    MAX_CELL_BYTES,
    ROW,
    Score,
    Table,
    UnreadableDelivery,
    batch_rows,
    columns_of,
    filled,
    is_of_the_disk,
    refuse_swollen,
    refuse_wide,
    tidy,
    trimmed_header,
)
from dagster_project.flow.values.numbers import canonical_float

FIRST_DATA_ROW = 2  # the headings are row 1, as they would be in Excel
MAX_BYTES = 64 << 30  # of all pages, unpacked: what no delivery comes to
MAX_BATCH_BYTES = 1 << 30  # of one column's texts, laid out
ROWS_FREELY = 1_000_000  # below this many rows a file may hold less than a byte for each


def read_parquet(
    path: Path, score: Score, scratch: Path, keep: tempfile.TemporaryDirectory[str] | None = None
) -> list[Table]:
    """The file as one table. Raises UnreadableDelivery: broken, without known headings, nested columns."""
    spool = scratch / "parquet.parquet"
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            refuse_wide(len(schema.names))
            header = trimmed_header(schema.names)
            _check(schema, header, score)
            _refuse_swollen(file.metadata, path.stat().st_size)
        texts = [field.name for field in schema if _is_text(field.type)]
        with pyarrow.parquet.ParquetFile(path, read_dictionary=texts) as file:
            rows = _spool(file, header, spool)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if is_of_the_disk(error):
            raise
        raise UnreadableDelivery("broken_parquet") from error
    return [Table(None, header, spool, rows, typed=True, keep=keep)]


def _check(schema: pa.Schema, header: list[str], score: Score) -> None:
    if score(header) < (2 if len(header) > 1 else 1):
        raise UnreadableDelivery("no_header", headings=", ".join(header[:8]))
    for field in schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            raise UnreadableDelivery("nested_column", column=field.name)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _refuse_swollen(about: pyarrow.parquet.FileMetaData, size: int) -> None:
    """Refuse a file that tells of more rows or bytes than its size can mean; one value may fill any number."""
    told = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    refuse_swollen(size, told, MAX_BYTES)
    if about.num_rows > max(ROWS_FREELY, size):
        raise UnreadableDelivery("too_large_unpacked")


def _laid_out(column: pa.Array, first: int) -> pa.Array:
    """A column of texts in full, when it is known to have room. Raises UnreadableDelivery when it has not."""
    if not pa.types.is_dictionary(column.type) or not len(column.dictionary):
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    lengths = pc.binary_length(column.dictionary)
    if (pc.max(lengths).as_py() or 0) > MAX_CELL_BYTES:
        large = pc.index(pc.greater(pc.take(lengths, column.indices), MAX_CELL_BYTES), True).as_py()
        raise UnreadableDelivery("cell_too_large", row=first + max(large, 0))
    if (pc.sum(pc.take(lengths, column.indices)).as_py() or 0) > MAX_BATCH_BYTES:
        raise UnreadableDelivery("too_large_unpacked")
    return column.dictionary_decode()


def _spool(file: pyarrow.parquet.ParquetFile, header: list[str], spool: Path) -> int:
    names = columns_of(len(header))
    empty = pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW: pl.Int64, EXTRA: pl.String})
    count = 0
    first = FIRST_DATA_ROW
    with pyarrow.parquet.ParquetWriter(spool, empty.to_arrow().schema, compression="lz4") as writer:
        for batch in file.iter_batches(batch_size=batch_rows(len(names))):
            batch.validate(full=True)
            columns = [_laid_out(column, first) for column in batch.columns]
            text = pl.DataFrame(
                [_text(pl.Series(name, column)) for name, column in zip(names, columns, strict=False)]
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

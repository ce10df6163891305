"""Reads delimited text: encodings, delimiters, quotes, blank and ragged lines, gzip.

A file without broken quotes or cells of several lines goes through polars; any other goes record by record
through the standard library, so that row numbers stay right. Both give the same rows. What does not belong
here: types.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import itertools
import re
import tempfile
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import charset_normalizer
import numpy as np
import polars as pl
import pyarrow.parquet

from dagster_project.flow.readers import (
    EXTRA,
    EXTRA_SEPARATOR,
    HEADER_WITHIN,
    MAX_CELL_BYTES,
    ROW,
    Score,
    Table,
    UnreadableDelivery,
    columns_of,
    filled,
    find_header,
    refuse_large_cells,
    refuse_swollen,
    refuse_wide,
    tidy,
    trimmed_header,
)

DELIMITERS = (";", ",", "\t", "|")
CHUNK_BYTES = 1 << 17  # what the processor keeps close; a larger piece costs thrice as much
MAX_LINE_BYTES = 1 << 23
HEAD_CHARACTERS = 1 << 18
WINDOWS = "cp1252"
GUESS_BYTES = 1 << 18
SLOW_CHUNK_RECORDS = 100_000
SLOW_CHUNK_CELLS = 2_500_000
HELD_BYTES = (
    192 << 20
)  # a text up to this size is held in memory once it is read; two files are read at a time
SPARE_COLUMNS = 8  # room for cells beyond the headings on the fast way; a row with more takes the exact way
MAX_UNPACKED_BYTES = 16 << 30
SEPARATOR_HINT = re.compile(r"sep=.\r?\n")  # a line for Excel only, which does not show it as a row
END_MARK = "\x00end of file\x00"
# å ä ö Å Ä Ö é in UTF-8: where they stand in a file that is not UTF-8 throughout, two encodings were mixed.
UTF8_SWEDISH = tuple(letter.encode() for letter in "åäöÅÄÖé")
# What Unicode's blanks begin with in UTF-8, and how many bytes they have.
BLANKS = {b" ": 1, b"\t": 1, b"\v": 1, b"\f": 1, b"\xc2": 2, b"\xe1": 3, b"\xe2": 3, b"\xe3": 3}
MANY_BLANKS = CHUNK_BYTES >> 10  # in one chunk; with more than these, looking for them is no gain
SNIFFED_BYTES = 4096
OTHER_FORMS = {b"PK\x03\x04": ".xlsx", b"PAR1": ".parquet"}
NEVER_TEXT = (b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"%PDF-", b"SQLite format 3\x00")
# What text may hold of the lowest 32 bytes: tab, line ends, form feed, the end mark of DOS, escape.
CONTROLS = bytes(set(range(1, 32)) - {9, 10, 12, 13, 26, 27})

csv.field_size_limit(MAX_CELL_BYTES)


@dataclass(frozen=True)
class _Text:
    """A UTF-8 file and what its bytes say: line ends, quotes, zero bytes (dropped), returns inside lines."""

    path: Path
    newlines: int
    quotes: int
    has_zero_bytes: bool
    has_stray_returns: bool
    ends_with_newline: bool


@dataclass(frozen=True)
class _Layout:
    delimiter: str
    header: list[str]
    header_record: int  # the heading's row number, from 1
    header_lines: int  # physical lines up to and with the heading
    is_ragged: bool  # one of the first rows has cells beyond the heading


def read_csv(
    path: Path, score: Score, scratch: Path, keep: tempfile.TemporaryDirectory[str] | None = None
) -> list[Table]:
    """The file as one table. Raises UnreadableDelivery for what is no text, broken gzip, mixed encodings, no
    heading, open quotes, and what is beyond all bounds.
    """
    plain = _unpacked(path, scratch)
    _refuse_binary(plain)
    text = _as_utf8(plain, scratch)
    layout = _layout(text.path, score)
    spool = scratch / "csv.parquet"
    content = _read_fast(text, layout, spool)
    if content is None:
        _read_exactly(text.path, layout, spool)
        content = spool
    table = Table(None, layout.header, content, 0, typed=False, keep=keep)
    return [replace(table, rows=table.scan().select(pl.len()).collect().item())]


# -- bytes to UTF-8
# ------------------------------------------------------------------------------------------------


def _unpacked(path: Path, scratch: Path) -> Path:
    with path.open("rb") as stream:
        if stream.read(2) != b"\x1f\x8b":
            return path
    plain = scratch / "unpacked.txt"
    packed = path.stat().st_size
    written = 0
    try:
        with gzip.open(path, "rb") as stream, plain.open("wb") as out:
            while chunk := stream.read(CHUNK_BYTES):
                written += len(chunk)
                refuse_swollen(packed, written, MAX_UNPACKED_BYTES)
                out.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableDelivery("broken_gzip") from error
    return plain


def _refuse_binary(path: Path) -> None:
    """Refuse what only bears the name of a text; UTF-16 has zero bytes too, but no more than every other."""
    with path.open("rb") as stream:
        start = stream.read(SNIFFED_BYTES)
    for mark, ending in OTHER_FORMS.items():
        if start.startswith(mark):
            raise UnreadableDelivery("wrong_ending", ending=ending)
    controls = len(start) - len(start.translate(None, CONTROLS))
    zeros = start.count(0)
    if start.startswith(NEVER_TEXT) or 50 * controls > len(start) or 100 * zeros > 55 * max(len(start), 100):
        raise UnreadableDelivery("not_text")


def _as_utf8(path: Path, scratch: Path) -> _Text:
    """The file itself when it already is UTF-8 with `\\n` or `\\r\\n`, else a copy that is."""
    encoding = _encoding(path)
    if encoding == "utf-8":
        counted = _count(path)
        if counted is not None:
            return counted
    copy = scratch / "utf8.txt"
    for candidate in itertools.chain([encoding], _guesses(path) if encoding == WINDOWS else ()):
        try:
            _convert(path, candidate, copy)
        except UnicodeDecodeError:
            continue
        counted = _count(copy)
        assert counted is not None
        return counted
    raise UnreadableDelivery("unknown_encoding")


def _convert(path: Path, encoding: str, copy: Path) -> None:
    """Write the file anew in UTF-8, bare returns as newlines."""
    bare_returns = _has_bare_returns(path, encoding)
    with copy.open("w", encoding="utf-8", newline="") as out:
        for number, text in enumerate(_decoded(path, encoding)):
            piece = text.replace("\r", "\n") if bare_returns else text
            out.write(piece if number else piece.removeprefix("\ufeff"))


def _decoded(path: Path, encoding: str) -> Iterator[str]:
    if encoding == WINDOWS:
        for chunk in _chunks(path):
            # Latin-1 is read in a third of the time, and is the same but for 0x80 to 0x9f.
            differs = (np.frombuffer(chunk, np.int8) < -0x60).any()
            yield chunk.decode(WINDOWS if differs else "latin-1")
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    yield from map(decoder.decode, _chunks(path))
    yield decoder.decode(b"", final=True)


def _guesses(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        guess = charset_normalizer.from_bytes(stream.read(GUESS_BYTES)).best()
    if guess is not None:
        yield guess.encoding


def _encoding(path: Path) -> str:
    """By the mark at the start; else UTF-16 by its zero bytes, UTF-8 if all of it is, else presumably Windows-1252."""
    with path.open("rb") as stream:
        start = stream.read(SNIFFED_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.count(0) > len(start) // 4:
        return "utf-16-le" if start[1::2].count(0) >= start[0::2].count(0) else "utf-16-be"
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig" if not _is_utf8(path) else "utf-8"
    if _is_utf8(path):
        return "utf-8"
    lead = UTF8_SWEDISH[0][:1]  # the same for all; where it does not stand, none of them does
    if any(sequence in chunk for chunk in _chunks(path) if lead in chunk for sequence in UTF8_SWEDISH):
        raise UnreadableDelivery("mixed_encoding")
    return WINDOWS


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="strict")
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _has_bare_returns(path: Path, encoding: str) -> bool:
    """Whether lines end with `\\r` alone (old Macintosh): there is a return and not one newline."""
    width = 2 if encoding.startswith("utf-16") else 1
    if width == 2:
        with path.open("rb") as stream:
            text = stream.read(HEAD_CHARACTERS).decode(encoding, errors="ignore")
        return "\r" in text and "\n" not in text
    seen = False
    for chunk in _chunks(path):
        if b"\n" in chunk:
            return False
        seen = seen or b"\r" in chunk
    return seen


def _count(path: Path) -> _Text | None:
    """Newlines and quotes of a UTF-8 file; None where lines end with a bare return.

    Refuses a line of megabytes before any reader takes the whole of it into memory.
    """
    newlines, quotes, zeros, returns, stray, last, line = 0, 0, False, False, False, b"", 0
    for chunk in _chunks(path):
        signs = np.frombuffer(chunk, np.uint8)
        is_newline = signs == ord("\n")
        ends = int(np.count_nonzero(is_newline))
        newlines += ends
        line = 0 if ends or b"\r" in chunk else line + len(chunk)
        if line > MAX_LINE_BYTES:
            raise UnreadableDelivery("cell_too_large", row=newlines + 1)
        if b"\r" in chunk or last == b"\r":
            is_return = signs == ord("\r")
            # A return at the chunk's end belongs to the newline that begins the next one.
            began = last == b"\r"
            paired = np.count_nonzero(is_return[:-1] & is_newline[1:]) + (began and chunk.startswith(b"\n"))
            alone = np.count_nonzero(is_return) - chunk.endswith(b"\r") + began
            stray = stray or bool(alone > paired)
            returns = True
        quotes += chunk.count(b'"') if b'"' in chunk else 0
        zeros = zeros or b"\x00" in chunk
        last = chunk[-1:]
    if returns and not newlines:
        return None
    return _Text(path, newlines, quotes, zeros, stray or last == b"\r", last in (b"\n", b""))


def _with_blanks(path: Path, layout: _Layout) -> Container[int]:
    """The columns of a UTF-8 file without quotes where a cell may begin or end with a blank: those where one does, and
    those where it does with another sign that is coded like a blank. Where there are many such cells, every column.
    """
    delimiter = layout.delimiter.encode()
    found: set[int] = set()
    rest = b"\n"
    for chunk in itertools.chain(_chunks(path), [b"\n"]):
        piece = rest + chunk
        end = piece.rfind(b"\n")
        signs = np.frombuffer(piece, np.uint8, count=end + 1)
        is_border = (signs == ord(delimiter)) | (signs == ord("\n"))
        if b"\r" in piece:
            is_border |= signs == ord("\r")
        places: list[int] = []
        for first, length in BLANKS.items():
            if first in piece and first != delimiter:
                is_blank = signs == ord(first)
                places += (np.flatnonzero(is_border[:-1] & is_blank[1:]) + 1).tolist()
                places += np.flatnonzero(is_blank[:-length] & is_border[length:]).tolist()
        if len(places) > MANY_BLANKS:
            return range(len(layout.header))
        found.update(piece.count(delimiter, piece.rfind(b"\n", 0, place), place) for place in places)
        rest = piece[end:]
    return found


# -- delimiter and heading
# -----------------------------------------------------------------------------------------


def _layout(path: Path, score: Score) -> _Layout:
    with path.open("r", encoding="utf-8-sig", newline="\n") as stream:
        head = stream.read(HEAD_CHARACTERS)
        whole = not stream.read(1)
    if not whole and "\n" not in head:
        refuse_wide(max(map(head.count, DELIMITERS)) + 1)
        raise UnreadableDelivery("cell_too_large", row=1)
    hint = 1 if SEPARATOR_HINT.match(head) else 0
    best: tuple[tuple[int, int], _Layout] | None = None
    for delimiter in DELIMITERS:
        reader = csv.reader(map(_line, _lines(head)), delimiter=delimiter)
        records, ends = [], []
        for record in itertools.islice(reader, HEADER_WITHIN + 1):
            records.append(record)
            ends.append(reader.line_num)
        if not whole and len(records) <= HEADER_WITHIN and len(records) > 1:
            records.pop()  # cut off by the end of the head
        found = find_header(records, score)
        if found is None:
            continue
        index, points = found
        header = trimmed_header(records[index])
        alike = sum(1 for record in records[index:] if len(record) == len(records[index]))
        rank = (points, alike)
        if best is None or rank > best[0]:
            is_ragged = max(map(len, records[index:])) > len(header)
            best = (rank, _Layout(delimiter, header, index + 1 - hint, ends[index], is_ragged))
    if best is None:
        first = next((line.strip() for line in head.splitlines() if line.strip()), "")
        # A row of data may name a person; headings seldom hold digits.
        shown = "…" if any(sign.isdigit() for sign in first) else first[:120]
        raise UnreadableDelivery("no_header", headings=shown)
    refuse_wide(len(best[1].header))
    return best[1]


def _lines(text: str) -> Iterator[str]:
    """Lines by `\\n` only: other line separators of Unicode may stand in a text cell."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


# -- rows
# ----------------------------------------------------------------------------------------------------------


def _read_fast(text: _Text, layout: _Layout, spool: Path) -> Path | pl.DataFrame | None:
    """Read with polars, into memory or, where the file is large, streaming into a file beside `spool`; None where the
    file needs the exact way.
    """
    # With an odd number of quotes one is never closed, and polars would take the rest of the file for one cell.
    if text.has_zero_bytes or text.has_stray_returns or text.quotes % 2:
        return None
    width = len(layout.header)
    lines = text.newlines + (0 if text.ends_with_newline else 1) - layout.header_lines
    if lines <= 0:
        _write_empty(width, spool)
        return spool
    whole = spool.with_name("csv-whole.parquet")
    trim = range(width) if text.quotes else _with_blanks(text.path, layout)
    content = None
    for spare in (SPARE_COLUMNS,) if layout.is_ragged else (0, SPARE_COLUMNS):
        try:
            content = _scanned(text, layout, spare, trim, whole)
            break
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
            continue
    if content is None:
        return None
    read = content.lazy() if isinstance(content, pl.DataFrame) else pl.scan_parquet(content, glob=False)
    quotes = pl.lit(False)
    if text.quotes:
        quotes = pl.any_horizontal(pl.col(*columns_of(width), EXTRA).str.contains('"', literal=True).any())
    rows, with_cells, has_quotes = (
        read.select(pl.len(), filled(width).sum(), quotes.alias("quotes")).collect(engine="streaming").row(0)
    )
    if rows != lines or has_quotes:
        return None
    refuse_large_cells(read, width)
    if with_cells == rows:
        return content
    if isinstance(content, pl.DataFrame):
        return content.filter(filled(width))
    read.filter(filled(width)).sink_parquet(spool, compression="lz4")
    content.unlink()
    return spool


def _scanned(
    text: _Text, layout: _Layout, spare: int, trim: Container[int], spool: Path
) -> Path | pl.DataFrame:
    """What polars reads, with room for so many cells beyond the heading. Raises its errors for a row with more."""
    width = len(layout.header)
    beyond = [f"x{position}" for position in range(spare)]
    frame = pl.scan_csv(
        text.path,
        separator=layout.delimiter,
        has_header=False,
        skip_lines=layout.header_lines,
        quote_char='"' if text.quotes else None,
        schema=dict.fromkeys([*columns_of(width), *beyond], pl.String),
        missing_columns="insert",
        row_index_name=ROW,
        row_index_offset=layout.header_record + 1,
        infer_schema=False,
        glob=False,
    )
    tidied = tidy(frame, width, beyond, trim)
    if text.path.stat().st_size <= HELD_BYTES:
        return tidied.collect()
    tidied.sink_parquet(spool, compression="lz4")
    return spool


def _read_exactly(path: Path, layout: _Layout, spool: Path) -> None:
    """Read record by record; refuses a quote that is never closed, naming its row."""
    width = len(layout.header)
    schema = {**dict.fromkeys(columns_of(width), pl.String), ROW: pl.Int64, EXTRA: pl.String}
    writer: pyarrow.parquet.ParquetWriter | None = None
    try:
        with path.open("r", encoding="utf-8-sig", newline="\n") as stream:
            for rows in _chunked(_records(stream, layout, width), width):
                frame = pl.DataFrame(rows, schema=schema, orient="row").lazy()
                table = (
                    tidy(frame.rename({EXTRA: "x0"}), width, ["x0"])
                    .filter(filled(width))
                    .collect()
                    .to_arrow()
                )
                writer = writer or pyarrow.parquet.ParquetWriter(spool, table.schema, compression="lz4")
                writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        _write_empty(width, spool)


def _write_empty(width: int, spool: Path) -> None:
    schema = {**dict.fromkeys(columns_of(width), pl.String), ROW: pl.Int64, EXTRA: pl.String}
    pl.DataFrame(schema=schema).write_parquet(spool)


def _records(stream: TextIO, layout: _Layout, width: int) -> Iterator[list[object]]:
    lines = itertools.chain(itertools.islice(map(_line, stream), layout.header_lines, None), [END_MARK])
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    number = layout.header_record
    last: list[str] = []
    try:
        for last in reader:
            number += 1
            if last == [END_MARK]:
                continue
            extra = EXTRA_SEPARATOR.join(cell.strip() for cell in last[width:] if cell.strip())
            if len(extra) > MAX_CELL_BYTES:
                raise UnreadableDelivery("cell_too_large", row=number)
            cells: list[object] = [*last[:width], *[None] * (width - len(last))]
            yield [*cells, number, extra]
    except csv.Error as error:
        if "field limit" in str(error):
            raise UnreadableDelivery("cell_too_large", row=number + 1) from error
        # A quote closed before the cell ended: read on, and rows would vanish into one cell.
        raise UnreadableDelivery("broken_quotes", row=number + 1) from error
    if last != [END_MARK]:
        raise UnreadableDelivery("broken_quotes", row=number)


def _line(line: str) -> str:
    return line.rstrip("\r\n").replace("\r", " ").replace("\x00", "") + "\n"


def _chunked(records: Iterator[list[object]], width: int) -> Iterator[list[list[object]]]:
    size = max(1, min(SLOW_CHUNK_RECORDS, SLOW_CHUNK_CELLS // max(width, 1)))
    while chunk := list(itertools.islice(records, size)):
        yield chunk

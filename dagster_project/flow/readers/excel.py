"""Reads Excel workbooks (.xlsx) as text: typed cells are written out canonically, text cells stay as they
are.

Nothing reads the delivered archive but `_repacked`, which writes the parts that hold cells to an archive of our
own with their true lengths, so that no two readers can see different things in it; macros, pictures and what
else there may be stay behind. Each sheet is then surveyed before the library lays it out in memory. What does
not belong here: contracts, types, words.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.parsers import expat

import polars as pl
import pyarrow.parquet
import python_calamine
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from dagster_project.flow.readers import (
    HEADER_WITHIN,
    MAX_CELL_BYTES,
    ROW,
    Score,
    Table,
    UnreadableDelivery,
    columns_of,
    filled,
    find_header,
    is_of_the_disk,
    refuse_large_cells,
    refuse_swollen,
    refuse_wide,
    tidy,
    trimmed_header,
)
from dagster_project.flow.values.numbers import canonical_float

MAX_BYTES = 2_000_000_000
MAX_STRINGS_BYTES = 256 << 20
MAX_CONTROL_BYTES = 16 << 20
MAX_PROLOG_BYTES = 1 << 16
MAX_PARTS = 10_000
PROLOG_STEP = 1 << 14
MAX_TEXT_BYTES = 1 << 30  # of one sheet's cells, laid out
CHUNK_ROWS = 50_000
CHUNK_CELLS = 2_500_000
SCAN_BYTES = 1 << 20
WORKBOOK = "xl/workbook.xml"
STRINGS = "xl/sharedStrings.xml"
STYLES = "xl/styles.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"
# Parts that are read into memory whole, with what they may hold; kept to what workbooks have.
BOUNDED = {
    WORKBOOK: MAX_CONTROL_BYTES,
    STYLES: MAX_CONTROL_BYTES,
    RELATIONS: MAX_CONTROL_BYTES,
    STRINGS.casefold(): MAX_STRINGS_BYTES,
}
OLE_MAGIC = b"\xd0\xcf\x11\xe0"
SPARE_COLUMNS = 8
PADDING = re.compile(r"0[0\-\s]*0")
EXCEL_FRACTION = re.compile(r"\.0+$")
MAX_ROWS = 1_048_576
MAX_CELLS = 50_000_000
MAX_OVERRIDES = 5_000_000
NARROW_COLUMNS = MAX_CELLS // MAX_ROWS
# What a sheet's tags say about how far it reaches: XML allows either quotation mark and spaces round the sign.
ROW_TAG = re.compile(rb"<(?:\w+:)?row\b[^>]*>")
CELL_TAG = re.compile(rb"<(?:\w+:)?c[\s/>]")
OWN_NUMBER = re.compile(rb"""\br\s*=\s*["']([0-9]+)["']""")
FAR_OUT = re.compile(
    rb"""<(?:\w+:)?c\s[^>]*?\br\s*=\s*["'](?:([A-Za-z]{2,})([0-9]+)|[A-Za-z]([0-9]{7,}))"""
)  # beyond column Z, or beyond a million rows
ANY_DEPTH = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br\s*=\s*["'][A-Za-z]+([0-9]+)""")
SHARED_CELL = re.compile(rb"""\bt\s*=\s*["']s["']""")
SHARED_VALUE = re.compile(rb"""\bt\s*=\s*["']s["'][^>]*>\s*<(?:\w+:)?v>([0-9]{1,9})<""")
SHARED_ITEM = re.compile(rb"<(?:\w+:)?si[\s/>]")
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,  # a part that is not there, an encoding that does not exist
    ValueError,
    OSError,
    ParseError,
    DefusedXmlException,
    expat.ExpatError,
    python_calamine.CalamineError,
)
ENCRYPTED = (NotImplementedError, RuntimeError)  # zipfile: an encrypted entry or an unknown compression
NOTHING: Mapping[int, str] = {}

Overrides = Mapping[int, Mapping[int, str]]  # row → column → text, both from 0


def read_excel(
    path: Path, score: Score, scratch: Path, keep: tempfile.TemporaryDirectory[str] | None = None
) -> list[Table]:
    """Every data sheet as a table.

    Raises UnreadableDelivery: encrypted, old or broken workbook, one that unpacks out of proportion or
    declares a document type, or no sheet with known headings.
    """
    own = scratch / "own.xlsx"
    _repacked(path, own)
    tables: list[Table] = []
    ignored: list[str] = []
    try:
        with zipfile.ZipFile(own) as archive:
            parts = _sheet_parts(archive)
            padded = _padded_formats(archive)
            strings = _string_bytes(archive)
            has_errors = {name: _surveyed(archive, part, strings) for name, part in parts.items()}
            workbook = python_calamine.load_workbook(str(own))
            for position, name in enumerate(workbook.sheet_names):
                if name not in parts:
                    ignored.append(name)  # a sheet of its own kind, such as a chart, has no cells
                    continue
                overrides = _overrides(archive, parts[name], has_errors[name], padded)
                sheet = workbook.get_sheet_by_name(name)
                table = _table(name, sheet, overrides, score, scratch / f"sheet-{position}.parquet", keep)
                if table is None:
                    ignored.append(name)
                else:
                    tables.append(table)
    except python_calamine.PasswordError as error:
        raise UnreadableDelivery("encrypted_excel") from error
    except BROKEN as error:
        if is_of_the_disk(error):
            raise
        raise UnreadableDelivery("broken_excel") from error
    if not tables:
        raise UnreadableDelivery("no_header", headings=", ".join(workbook.sheet_names)[:120])
    return [
        Table(t.sheet, t.header, t.content, t.rows, t.typed, ignored_sheets=tuple(ignored), keep=keep)
        for t in tables
    ]


# -- guards
# --------------------------------------------------------------------------------------------------------


def _repacked(path: Path, own: Path) -> None:
    """Write the parts that may be read to an archive of our own; refuses what is encrypted, broken or swollen."""
    with path.open("rb") as stream:
        if stream.read(4) == OLE_MAGIC:
            raise UnreadableDelivery("encrypted_excel")
    packed = path.stat().st_size
    written = 0
    seen: set[str] = set()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(own, "w") as ours:
            entries = archive.infolist()
            if len(entries) > MAX_PARTS:
                raise UnreadableDelivery("too_large_unpacked")
            for entry in entries:
                name = entry.filename.replace("\\", "/").casefold()
                if name in seen:
                    raise UnreadableDelivery("broken_excel")  # readers differ about which of the two holds
                seen.add(name)
                if not name.endswith((".xml", ".rels")):
                    continue
                told, length = entry.file_size, 0
                entry.file_size = sys.maxsize  # to its true end: what it tells of its length may be a lie
                with archive.open(entry) as part, ours.open(entry.filename, "w") as out:
                    prolog = _Prolog()
                    while chunk := part.read(SCAN_BYTES):
                        prolog.feed(chunk)
                        length += len(chunk)
                        refuse_swollen(packed, written + length, MAX_BYTES)
                        if length > BOUNDED.get(name, MAX_BYTES):
                            raise UnreadableDelivery("too_large_unpacked")
                        out.write(chunk)
                if length != told:
                    raise UnreadableDelivery("broken_excel")
                written += length
    except ENCRYPTED as error:
        raise UnreadableDelivery("encrypted_excel") from error
    except BROKEN as error:
        if is_of_the_disk(error):
            raise
        raise UnreadableDelivery("broken_excel") from error


class _Prolog:
    """Reads a part up to its first element, before which alone a document type can stand, and refuses one."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = _no_document_type
        self._parser.StartElementHandler = self._reached
        self._read = 0
        self._is_past = False

    def _reached(self, *_: object) -> None:
        self._is_past = True

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the part. Raises UnreadableDelivery, expat.ExpatError."""
        for start in range(0, len(chunk), PROLOG_STEP):
            if self._is_past:
                return
            if self._read > MAX_PROLOG_BYTES:
                raise UnreadableDelivery("broken_excel")
            self._parser.Parse(chunk[start : start + PROLOG_STEP], False)
            self._read += PROLOG_STEP


def _no_document_type(*_: object) -> None:
    raise UnreadableDelivery("document_type")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    targets: dict[str, str] = {}
    with archive.open(RELATIONS) as part:
        for _, element in iterparse(part, forbid_dtd=True):
            if _local(element.tag) == "Relationship":
                target = element.attrib["Target"]
                targets[element.attrib["Id"]] = (
                    target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                )
    sheets: dict[str, str] = {}
    with archive.open(WORKBOOK) as part:
        for _, element in iterparse(part, forbid_dtd=True):
            if _local(element.tag) == "sheet":
                relation = next((v for k, v in element.attrib.items() if _local(k) == "id"), "")
                if "/worksheets/" in targets.get(relation, ""):
                    sheets[element.attrib["name"]] = targets[relation]
    return sheets


# -- what typed cells do not tell
# ----------------------------------------------------------------------------------


def _padded_formats(archive: zipfile.ZipFile) -> dict[int, str]:
    """Cell style → number format that pads with zeros (such as `0000` or `000000-0000`)."""
    if STYLES not in archive.namelist():
        return {}
    formats: dict[int, str] = {}
    styles: dict[int, str] = {}
    with archive.open(STYLES) as part:
        inside = False
        for event, element in iterparse(part, events=("start", "end"), forbid_dtd=True):
            tag = _local(element.tag)
            if tag == "cellXfs":
                inside = event == "start"
                position = -1
            elif tag == "numFmt" and event == "end":
                pattern = _padding(element.attrib.get("formatCode", ""))
                if pattern:
                    formats[int(element.attrib["numFmtId"])] = pattern
            elif tag == "xf" and inside and event == "start":
                position += 1
                number = int(element.attrib.get("numFmtId", "0"))
                if number in formats:
                    styles[position] = formats[number]
    return styles


def _padding(code: str) -> str | None:
    """The plain pattern of a zero-padding format (zeros, hyphens and spaces); None for any other."""
    pattern = code.split(";")[0].replace("\\", "").replace('"', "").strip().rstrip("@_ ")
    return pattern if PADDING.fullmatch(pattern) else None


def _surveyed(archive: zipfile.ZipFile, part: str, strings: Sequence[int]) -> bool:
    """Refuse a sheet that would be laid out beyond reason; gives whether it has error values.

    The library lays out every cell between the outermost ones, and a copy of a shared text for every cell that
    shows it, so that a few kilobytes may ask for more memory than there is.
    """
    has_errors = False
    row = rows = shared = in_row = 0
    columns = 1
    for piece in _pieces(archive, part):
        has_errors = has_errors or b'"e"' in piece or b"'e'" in piece
        shared += piece.count(b'"s"') + piece.count(b"'s'")
        place = 0
        for tag in ROW_TAG.finditer(piece):
            in_row += len(CELL_TAG.findall(piece, place, tag.start()))
            columns, in_row, place = max(columns, in_row), 0, tag.end()
            number = OWN_NUMBER.search(tag[0])
            row = int(number[1]) if number else row + 1
            rows = max(rows, row)
        in_row += len(CELL_TAG.findall(piece, place))
        far_out = FAR_OUT.findall(piece)
        rows = max([rows, *(int(wide or deep) for _, wide, deep in far_out)])
        names = {letters for letters, _, _ in far_out}
        columns = max([columns, *(_column_index(letters.decode()) + 1 for letters in names)])
    columns = max(columns, in_row)
    if columns > NARROW_COLUMNS:
        pieces = _pieces(archive, part)
        rows = max([rows, *(int(match[1]) for piece in pieces for match in ANY_DEPTH.finditer(piece))])
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise UnreadableDelivery("too_large_unpacked")
    longest = max(strings, default=0)
    if shared * longest > MAX_TEXT_BYTES and _shared_bytes(archive, part, strings) > MAX_TEXT_BYTES:
        raise UnreadableDelivery("too_large_unpacked")
    return has_errors


def _string_bytes(archive: zipfile.ZipFile) -> list[int]:
    """The length of every shared text with its markup, in order."""
    if STRINGS not in archive.namelist():
        return []
    lengths: list[int] = []
    for piece in _pieces(archive, STRINGS):
        starts = [match.start() for match in SHARED_ITEM.finditer(piece)]
        if lengths:
            lengths[-1] += starts[0] if starts else len(piece)
        lengths += [end - start for start, end in itertools.pairwise([*starts, len(piece)])]
    return lengths


def _shared_bytes(archive: zipfile.ZipFile, part: str, strings: Sequence[int]) -> int:
    """What a sheet's shared texts come to, laid out; a cell written in an unusual way counts as the longest."""
    total = 0
    longest = max(strings)
    for piece in _pieces(archive, part):
        shown = [int(index) for index in SHARED_VALUE.findall(piece)]
        total += sum(strings[index] for index in shown if index < len(strings))
        total += longest * (len(SHARED_CELL.findall(piece)) - len(shown))
    return total


def _pieces(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A part piece by piece, each of whole tags.

    Refuses what Excel never writes there and hides text from a survey of tags: comments, instructions, sections
    of bare characters; and a text beyond all bounds.
    """
    rest = b""
    row = 0
    with archive.open(part) as stream:
        while chunk := stream.read(SCAN_BYTES):
            rest += chunk
            end = rest.rfind(b">") + 1
            piece, rest = rest[:end], rest[end:]
            if b"<!" in piece or b"<?" in piece[1:]:
                raise UnreadableDelivery("broken_excel")
            if len(rest) > 2 * MAX_CELL_BYTES:
                raise UnreadableDelivery("cell_too_large", row=row)
            row += piece.count(b"<row")
            yield piece


def _overrides(archive: zipfile.ZipFile, part: str, has_errors: bool, padded: Mapping[int, str]) -> Overrides:
    """Cells whose text the typed reading loses: zero-padded numbers, and error values such as `#N/A`."""
    if not padded and not has_errors:
        return {}
    scan = _CellScan(padded)
    parser = expat.ParserCreate()
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.CharacterDataHandler = scan.text
    parser.StartDoctypeDeclHandler = _no_document_type
    parser.buffer_text = True
    with archive.open(part) as stream:
        parser.ParseFile(stream)
    return scan.found


class _CellScan:
    """Collects the cells of one sheet that need their own text; `found` is row → column → text, from 0."""

    def __init__(self, padded: Mapping[int, str]) -> None:
        self.found: dict[int, dict[int, str]] = {}
        self._padded = {str(style): pattern for style, pattern in padded.items()}
        self._row = -1
        self._count = 0
        self._cell = -1  # the column, counted where the file leaves references out
        self._pattern: str | None = None  # that of the cell being read; empty for an error value
        self._value: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Called for every element of a sheet, millions of times: the plain cell leaves first."""
        if name == "c" or name.endswith(":c"):
            self._cell += 1
            kind = attributes.get("t")
            if kind is None or kind == "n":
                self._pattern = self._padded.get(attributes.get("s", "0"))
            else:
                self._pattern = "" if kind == "e" else None
            if self._pattern is not None and "r" in attributes:
                self._cell = _column_index(attributes["r"])
        elif self._pattern is not None and (name == "v" or name.endswith(":v")):
            self._value = []
        elif name == "row" or name.endswith(":row"):
            self._row = int(attributes["r"]) - 1 if "r" in attributes else self._row + 1
            self._cell = -1

    def text(self, data: str) -> None:
        if self._value is not None:
            self._value.append(data)

    def end(self, name: str) -> None:
        if self._value is not None and (name == "v" or name.endswith(":v")):
            self._count += 1
            if self._count > MAX_OVERRIDES:
                raise UnreadableDelivery("too_large_unpacked")
            value = "".join(self._value)
            text = _padded(value, self._pattern) if self._pattern else value
            self.found.setdefault(self._row, {})[self._cell] = text
            self._value = None
            self._pattern = None


def _column_index(reference: str) -> int:
    index = 0
    for letter in reference:
        if not letter.isalpha():
            break
        index = index * 26 + ord(letter.upper()) - ord("A") + 1
    return index - 1


def _padded(value: str, pattern: str) -> str:
    """`180` with `0000` is `0180`; what is no whole number is left to read as it is."""
    digits = EXCEL_FRACTION.sub("", value)
    if not digits.isdecimal():
        return value
    digits = digits.zfill(pattern.count("0"))
    shown: list[str] = []
    rest = list(digits)
    for sign in reversed(pattern):
        shown.append(rest.pop() if sign == "0" else sign)
    return "".join(rest) + "".join(reversed(shown))


# -- cells to text
# -------------------------------------------------------------------------------------------------


def _table(
    name: str,
    sheet: python_calamine.CalamineSheet,
    overrides: Overrides,
    score: Score,
    spool: Path,
    keep: tempfile.TemporaryDirectory[str] | None,
) -> Table | None:
    if sheet.start is None:
        return None
    rows = _text_rows(sheet, overrides)
    head = list(itertools.islice(rows, HEADER_WITHIN))
    found = find_header([[cell or "" for cell in cells] for cells in head], score)
    if found is None:
        return None
    index = found[0]
    header = trimmed_header([cell or "" for cell in head[index]])
    width = len(header)
    refuse_wide(width, sheet=name)
    beyond = max(len(head[index]) - width, 0)
    spare = [f"x{position}" for position in range(beyond)]
    schema = dict.fromkeys([*columns_of(width), *spare], pl.String)
    writer: pyarrow.parquet.ParquetWriter | None = None
    first = index + 2
    count = 0
    rest = itertools.chain(head[index + 1 :], rows)
    chunk_rows = max(1, min(CHUNK_ROWS, CHUNK_CELLS // (width + beyond)))
    try:
        while True:
            chunk = list(itertools.islice(rest, chunk_rows))
            if not chunk and writer is not None:
                break
            frame = pl.DataFrame(chunk, schema=schema, orient="row").with_row_index(ROW, offset=first)
            table = tidy(frame.lazy(), width, spare).filter(filled(width)).collect()
            refuse_large_cells(table.lazy(), width, sheet=name)
            first += len(chunk)
            count += table.height
            arrow = table.to_arrow()
            writer = writer or pyarrow.parquet.ParquetWriter(spool, arrow.schema, compression="lz4")
            writer.write_table(arrow)
    finally:
        if writer is not None:
            writer.close()
    return Table(name, header, spool, count, typed=True, keep=keep)


def _text_rows(sheet: python_calamine.CalamineSheet, overrides: Overrides) -> Iterator[list[str | None]]:
    """Rows from Excel's row 1 and column A, every cell as text or None."""
    assert sheet.start is not None
    left: list[str | None] = [None] * sheet.start[1]
    for number, cells in enumerate(sheet.iter_rows()):
        texts = left + [cell if type(cell) is str else WRITERS[type(cell)](cell) for cell in cells]
        for column, text in overrides.get(number, NOTHING).items():
            if column < len(texts):
                texts[column] = text
        yield texts


def _datetime_text(value: dt.datetime) -> str:
    midnight = value.hour == value.minute == value.second == 0
    return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")


def _duration_text(value: dt.timedelta) -> str:
    return canonical_float(value.total_seconds() / 86_400)


WRITERS: dict[type, Callable[[Any], str]] = {
    float: canonical_float,
    int: str,
    bool: lambda value: "true" if value else "false",
    dt.datetime: _datetime_text,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: _duration_text,
}

"""Reads Excel workbooks (.xlsx) as text: typed cells are written out canonically, text cells stay as they
are.

Guards against hostile files before anything is unpacked: sizes, ratios, document types. What does not belong
here: contracts, types, words.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

import polars as pl
import pyarrow.parquet
import python_calamine
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from dagster_project.flow.readers import (
    HEADER_WITHIN,
    ROW,
    Score,
    Table,
    UnreadableDelivery,
    columns_of,
    filled,
    find_header,
    tidy,
    trimmed_header,
)
from dagster_project.flow.values.numbers import canonical_float

MAX_BYTES = 2 << 30
MAX_RATIO = 200
RATIO_FROM_BYTES = 64 << 20
CHUNK_ROWS = 50_000
SCAN_BYTES = 1 << 20
OLE_MAGIC = b"\xd0\xcf\x11\xe0"
SPARE_COLUMNS = 8
PADDING = re.compile(r"0[0\-\s]*0")
EXCEL_FRACTION = re.compile(r"\.0+$")
SCAN_OVERLAP = 64
MAX_ROWS = 1_048_576
MAX_CELLS = 100_000_000
NARROW_COLUMNS = MAX_CELLS // MAX_ROWS
# References to columns beyond Z or rows beyond 999 999: a stray cell far out makes a reader lay out all
# between.
WIDE = re.compile(rb'\br="([A-Z]{2,3})[0-9]')
DEEP = re.compile(rb'\br="[A-Z]{0,3}([0-9]{7,})"')
ANY_ROW = re.compile(rb'row [^>]*?\br="([0-9]{1,9})"')
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
NOTHING: Mapping[int, str] = {}

Overrides = Mapping[int, Mapping[int, str]]  # row → column → text, both from 0


def read_excel(
    path: Path, score: Score, scratch: Path, keep: tempfile.TemporaryDirectory[str] | None = None
) -> list[Table]:
    """Every data sheet as a table.

    Raises UnreadableDelivery: encrypted, old or broken workbook, one that unpacks out of proportion or
    declares a document type, or no sheet with known headings.
    """
    parts = _inspected(path)
    tables: list[Table] = []
    ignored: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            padded = _padded_formats(archive)
            has_errors = {name: _surveyed(archive, part) for name, part in parts.items()}
            workbook = python_calamine.load_workbook(str(path))
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
        raise UnreadableDelivery("broken_excel") from error
    if not tables:
        raise UnreadableDelivery("no_header", headings=", ".join(workbook.sheet_names)[:120])
    return [
        Table(t.sheet, t.header, t.path, t.rows, t.typed, ignored_sheets=tuple(ignored), keep=keep)
        for t in tables
    ]


# -- guards
# --------------------------------------------------------------------------------------------------------


def _inspected(path: Path) -> dict[str, str]:
    """Look at the parts before they are read; gives sheet name → part."""
    with path.open("rb") as stream:
        if stream.read(4) == OLE_MAGIC:
            raise UnreadableDelivery("encrypted_excel")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            packed = sum(entry.compress_size for entry in entries)
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > MAX_BYTES or (
                unpacked > RATIO_FROM_BYTES and unpacked > MAX_RATIO * max(packed, 1)
            ):
                raise UnreadableDelivery("too_large_unpacked")
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels")):
                    with archive.open(entry) as part:
                        _refuse_document_type(part)
            return _sheet_parts(archive)
    except (
        NotImplementedError,
        RuntimeError,
    ) as error:  # zipfile: an encrypted entry or an unknown compression
        raise UnreadableDelivery("encrypted_excel") from error
    except BROKEN as error:
        raise UnreadableDelivery("broken_excel") from error


class _RootReached(Exception):
    """The first element: a document type can only stand before it."""


def _refuse_document_type(part: IO[bytes]) -> None:
    parser = expat.ParserCreate()

    def element(*_: object) -> None:
        raise _RootReached

    parser.StartDoctypeDeclHandler = _no_document_type
    parser.StartElementHandler = element
    try:
        while chunk := part.read(1 << 14):
            parser.Parse(chunk, False)
    except _RootReached:
        return


def _no_document_type(*_: object) -> None:
    raise UnreadableDelivery("document_type")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    targets: dict[str, str] = {}
    with archive.open("xl/_rels/workbook.xml.rels") as part:
        for _, element in iterparse(part, forbid_dtd=True):
            if _local(element.tag) == "Relationship":
                target = element.attrib["Target"]
                targets[element.attrib["Id"]] = (
                    target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                )
    sheets: dict[str, str] = {}
    with archive.open("xl/workbook.xml") as part:
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
    if "xl/styles.xml" not in archive.namelist():
        return {}
    formats: dict[int, str] = {}
    styles: dict[int, str] = {}
    with archive.open("xl/styles.xml") as part:
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


def _surveyed(archive: zipfile.ZipFile, part: str) -> bool:
    """Refuse a sheet that would be laid out beyond reason; gives whether it has error values."""
    has_errors = False
    rows, columns = 0, 1
    for piece in _pieces(archive, part):
        has_errors = has_errors or b't="e"' in piece
        rows = max([rows, *(int(match[1]) for match in DEEP.finditer(piece))])
        columns = max([columns, *(_column_index(match[1].decode()) + 1 for match in WIDE.finditer(piece))])
    if columns > NARROW_COLUMNS:
        rows = max(
            [0, *(int(match[1]) for piece in _pieces(archive, part) for match in ANY_ROW.finditer(piece))]
        )
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise UnreadableDelivery("too_large_unpacked")
    return has_errors


def _pieces(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    rest = b""
    with archive.open(part) as stream:
        while chunk := stream.read(SCAN_BYTES):
            yield rest + chunk
            rest = (rest + chunk)[-SCAN_OVERLAP:]


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
    beyond = max(len(head[index]) - width, 0)
    spare = [f"x{position}" for position in range(beyond)]
    schema = dict.fromkeys([*columns_of(width), *spare], pl.String)
    writer: pyarrow.parquet.ParquetWriter | None = None
    first = index + 2
    count = 0
    rest = itertools.chain(head[index + 1 :], rows)
    try:
        while True:
            chunk = list(itertools.islice(rest, CHUNK_ROWS))
            if not chunk and writer is not None:
                break
            frame = pl.DataFrame(chunk, schema=schema, orient="row").with_row_index(ROW, offset=first)
            table = tidy(frame.lazy(), width, spare).filter(filled(width)).collect()
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

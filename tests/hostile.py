"""Hostile and unlucky deliveries: how each is made, and the rule that refuses it.

Each is made within a second or so, large ones by repeating a compressed stretch instead of compressing it anew.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import xlsxwriter

HEADINGS = ("procurement_id", "unit_id")
HEADER = b"procurement_id;unit_id\n"
MIB = 1 << 20
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
SHEET_START = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
)
SHEET_END = b"</sheetData></worksheet>"
HEADING_ROW = (
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>procurement_id</t></is></c>'
    b'<c r="B1" t="inlineStr"><is><t>unit_id</t></is></c></row>'
)

Make = Callable[[], bytes]


# -- building stones ------------------------------------------------------------------------------------


def workbook(rows: int = 1) -> bytes:
    """An ordinary workbook as Excel would write it."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("Data")
        sheet.write_row(0, 0, HEADINGS)
        for row in range(rows):
            sheet.write_row(row + 1, 0, ["P1", "u1"])
    return out.getvalue()


def changed(part: str, change: Callable[[bytes], bytes]) -> bytes:
    """An ordinary workbook with one part changed."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return out.getvalue()


def sheet_of(cells: bytes) -> bytes:
    """An ordinary workbook whose sheet holds the headings and then these rows, as XML."""
    return changed(SHEET, lambda _: SHEET_START + HEADING_ROW + cells + SHEET_END)


def with_document_type(declaration: bytes, part: str) -> bytes:
    """An ordinary workbook with a document type in one part."""

    def declared(xml: bytes) -> bytes:
        head, _, rest = xml.partition(b"?>")
        return head + b"?>" + declaration + rest

    return changed(part, declared)


def swollen(
    part: str,
    before: bytes,
    stretch: bytes,
    times: int,
    after: bytes,
    told: int | None = None,
    beside: Callable[[], bytes] | None = None,
) -> bytes:
    """An archive where one part is `stretch` repeated; `told` is the size that it claims to have, and the other parts
    are those of an ordinary workbook, or of the archive that `beside` makes.
    """
    plain = zipfile.ZipInfo(part)
    whole = len(before) + len(stretch) * times + len(after)
    crc = zlib.crc32(before)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = [packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)]
    one = packer.compress(stretch) + packer.flush(zlib.Z_FULL_FLUSH)
    packed += [one] * times
    packed.append(packer.compress(after) + packer.flush(zlib.Z_FINISH))
    for _ in range(times):
        crc = zlib.crc32(stretch, crc)
    crc = zlib.crc32(after, crc)
    if told is not None:
        crc = zlib.crc32((before + stretch)[:told])
    body = b"".join(packed)
    plain.compress_type = zipfile.ZIP_DEFLATED
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO((beside or workbook)())) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name))
        offset = out.tell()
        name = part.encode()
        size = whole if told is None else told
        out.write(struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(body), size, len(name), 0))
        out.write(name + body)
        plain.header_offset, plain.CRC, plain.compress_size, plain.file_size = offset, crc, len(body), size
        new.filelist.append(plain)
        new.NameToInfo[part] = plain
        new.start_dir = out.tell()
        new._didModify = True
    return out.getvalue()


def table(columns: dict[str, object], **options: object) -> bytes:
    """A Parquet file of these columns."""
    out = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def constant(value: str, rows: int) -> pa.DictionaryArray:
    """One value in many rows, stored once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))


def gzip_of_zeros(mebibytes: int) -> bytes:
    """A gzip file of newlines out of all proportion: one packed member many times over."""
    return gzip.compress(HEADER) + gzip.compress(b"\n" * (16 * MIB), 9) * (mebibytes // 16)


def strings_repeated() -> bytes:
    """One long text of the workbook shown in half a million cells: small on disk, huge when laid out."""
    cells = b"".join(
        b'<row r="%d"><c r="A%d" t="s"><v>4</v></c></row>' % (row, row) for row in range(2, 500_002)
    )
    book = sheet_of(cells)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == STRINGS:
                data = data.replace(b"</sst>", b"<si><t>" + b"x" * 32_000 + b"</t></si></sst>")
            new.writestr(name, data)
    return out.getvalue()


def twice_the_same_part() -> bytes:
    """Two parts of one name: readers differ about which of them counts."""
    out = io.BytesIO(workbook())
    with zipfile.ZipFile(out, "a") as book:
        info = zipfile.ZipInfo(SHEET.upper())
        book.writestr(info, SHEET_START + SHEET_END)
    return out.getvalue()


def many_parts() -> bytes:
    """A workbook with twenty thousand parts."""
    out = io.BytesIO(workbook())
    with zipfile.ZipFile(out, "a") as book:
        for number in range(20_000):
            book.writestr(f"xl/worksheets/extra{number}.xml", b"<a/>")
    return out.getvalue()


def encrypted_part() -> bytes:
    """A workbook whose sheet claims to be encrypted inside the archive."""
    data = bytearray(workbook())
    place = data.rfind(SHEET.encode()) - 46
    data[place + 8] |= 1
    return bytes(data)


BILLION_LAUGHS = (
    b'<!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (97 + n, b"&%c;" % (96 + n) * 10) for n in range(1, 10))
    + b"]>"
)
EXTERNAL = b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40
EXE = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(range(256)) * 40
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def duckdb_file() -> bytes:
    """The beginning of a DuckDB database."""
    return b"\x12\x34\x56\x78\0\0\0\0DUCK\x40\0\0\0\0\0\0\0" + bytes(4096)


def zip_bomb(told: int | None) -> bytes:
    """A zip with one document of a gibibyte of blanks; `told` is the size that it claims to have."""
    return swollen("l.xml", b"<l>", b" " * MIB, 1024, b"</l>", told=told, beside=empty_zip)


def empty_zip() -> bytes:
    """An archive of nothing."""
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    return out.getvalue()


def encrypted_zip() -> bytes:
    """A zip whose document claims to be encrypted."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("l.xml", b"<l/>")
    data = bytearray(out.getvalue())
    data[6] |= 1
    data[data.rfind(b"PK\1\2") + 8] |= 1
    return bytes(data)


# -- the deliveries -------------------------------------------------------------------------------------

SMALL: dict[str, tuple[str, Make]] = {
    "billion laughs.xlsx": ("document_type", lambda: with_document_type(BILLION_LAUGHS, SHEET)),
    "external entity.xlsx": ("document_type", lambda: with_document_type(EXTERNAL, STRINGS)),
    "entity in relations.xlsx": (
        "document_type",
        lambda: with_document_type(EXTERNAL, "xl/_rels/workbook.xml.rels"),
    ),
    "old.xlsx": ("encrypted_excel", lambda: OLD_EXCEL),
    "encrypted part.xlsx": ("encrypted_excel", encrypted_part),
    "twice the part.xlsx": ("broken_excel", twice_the_same_part),
    "many parts.xlsx": ("too_large_unpacked", many_parts),
    "two cells far apart.xlsx": (
        "too_large_unpacked",
        lambda: sheet_of(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    ),
    "far apart in single quotes.xlsx": (
        "too_large_unpacked",
        lambda: sheet_of(b"<row r='1048576'><c r = 'XFD1048576'><v>1</v></c></row>"),
    ),
    "below its row.xlsx": (
        "too_large_unpacked",
        lambda: sheet_of(b'<row r="2"><c r="AA9999999"><v>1</v></c></row>'),
    ),
    "wide and below its row.xlsx": (
        "too_large_unpacked",
        lambda: sheet_of(b'<row r="2"><c r="ZZ2"><v>1</v></c><c r="A900000"><v>1</v></c></row>'),
    ),
    "without references.xlsx": (
        "too_large_unpacked",
        lambda: sheet_of(b"<row/>" * 400_000 + b"<row>" + b"<c/>" * 16_000 + b"<c><v>1</v></c></row>"),
    ),
    "one text many times.xlsx": ("too_large_unpacked", strings_repeated),
    "longer than told.xlsx": (
        "broken_excel",
        lambda: swollen(SHEET, SHEET_START + HEADING_ROW, b"<row/>" * 1000, 2, SHEET_END, told=1000),
    ),
    "a csv.xlsx": ("broken_excel", lambda: HEADER + b"P1;u1\n"),
    "cut off.xlsx": ("broken_excel", lambda: workbook()[:-200]),
    "a csv.parquet": ("broken_parquet", lambda: HEADER + b"P1;u1\n"),
    "damaged.parquet": (
        "broken_parquet",
        lambda: table({name: ["P1"] * 1000 for name in HEADINGS})[:-300] + b"x" * 292 + b"\x20\0\0\0PAR1",
    ),
    "nested.parquet": ("nested_column", lambda: table({"procurement_id": ["P1"], "unit_id": [["u1"]]})),
    "one text many times.parquet": (
        "too_large_unpacked",
        lambda: table(
            {"procurement_id": constant("P" * 900_000, 200_000), "unit_id": constant("u", 200_000)}
        ),
    ),
    "many columns.parquet": (
        "too_many_columns",
        lambda: table({name: ["1"] for name in (*HEADINGS, *(f"x{n}" for n in range(20_000)))}),
    ),
    "picture.csv": ("not_text", lambda: PNG),
    "program.csv": ("not_text", lambda: EXE),
    "database.csv": ("not_text", duckdb_file),
    "excel.csv": ("wrong_ending", workbook),
    "parquet.csv": ("wrong_ending", lambda: table({name: ["P1"] for name in HEADINGS})),
    "old excel.csv": ("not_text", lambda: OLD_EXCEL),
    "packed picture.csv.gz": ("not_text", lambda: gzip.compress(PNG)),
    "packed twice.csv.gz": ("not_text", lambda: gzip.compress(gzip.compress(HEADER + b"P1;u1\n"))),
    "empty.csv": ("no_header", lambda: b""),
    "empty.csv.gz": ("broken_gzip", lambda: b"\x1f\x8b"),
    "nothing.csv.gz": ("no_header", lambda: gzip.compress(b"")),
    "invoice.xml": ("unsupported_format", lambda: b"<?xml version='1.0'?>" + BILLION_LAUGHS + b"<l>&j;</l>"),
    "binary in the middle.csv": ("mixed_encoding", lambda: HEADER + "P1;å\n".encode() * 1000 + PNG),
    "no mark.csv": ("unknown_encoding", lambda: "procurement_id;unit_id\n".encode("utf-16-le") + b"\0\xd8x"),
}

LARGE: dict[str, tuple[str, Make]] = {
    "zip bomb.xlsx": (
        "too_large_unpacked",
        lambda: swollen(SHEET, SHEET_START + HEADING_ROW, b"<row/>" * (2 * MIB), 64, SHEET_END),
    ),
    "zip bomb that lies.xlsx": (
        "too_large_unpacked",
        lambda: swollen(SHEET, SHEET_START + HEADING_ROW, b"<row/>" * (2 * MIB), 64, SHEET_END, told=1000),
    ),
    "strings that lie.xlsx": (
        "too_large_unpacked",
        lambda: swollen(STRINGS, b"<sst>", b"<si><t>a</t></si>" * MIB, 40, b"</sst>", told=1000),
    ),
    "bomb of strings.xlsx": (
        "too_large_unpacked",
        lambda: swollen(STRINGS, b"<sst>", b"<si><t>a</t></si>" * MIB, 40, b"</sst>"),
    ),
    "one large cell.xlsx": (
        "cell_too_large",
        lambda: sheet_of(
            b'<row r="2"><c r="A2" t="inlineStr"><is><t>' + b"x>" * (15 * MIB) + b"</t></is></c></row>"
        ),
    ),
    "gzip bomb.csv.gz": ("too_large_unpacked", lambda: gzip_of_zeros(1024)),
    "one large cell.csv": ("cell_too_large", lambda: HEADER + b"P1;" + b"x" * (100 * MIB) + b"\n"),
    "open quote.csv": ("cell_too_large", lambda: HEADER + b'P1;"u1\n' + b"P1;u1\n" * (16 * MIB)),
    "one large heading.csv": ("cell_too_large", lambda: b"x" * (100 * MIB) + b";" + HEADER),
    "many columns.csv": (
        "too_many_columns",
        lambda: b"procurement_id;unit_id" + b";x" * 1_000_000 + b"\nP1;u1\n",
    ),
    "many cells.csv": ("cell_too_large", lambda: HEADER + b"P1;u1" + b";x" * 1_000_000 + b"\n"),
    "newlines only.csv": ("no_header", lambda: b"\n" * (100 * MIB)),
    "zero bytes.csv": ("not_text", lambda: bytes(100 * MIB)),
    "many rows.parquet": (
        "too_large_unpacked",
        lambda: table({name: constant("P1", 4_000_000) for name in HEADINGS}),
    ),
    "one large cell.parquet": (
        "cell_too_large",
        lambda: table({"procurement_id": ["P" * (20 * MIB)], "unit_id": ["u1"]}),
    ),
}

EVERY = SMALL | LARGE

# Of e-invoices and of notices alike: XML, and XML in a zip. Without a rule: a document of an archive, which is
# quarantined as a row.
XML: dict[str, tuple[str, Make]] = {
    "billion laughs.xml": ("xml_document_type", lambda: BILLION_LAUGHS + b"<l>&j;</l>"),
    "external entity.xml": ("xml_document_type", lambda: EXTERNAL + b"<l>&a;</l>"),
    "external entity in UTF-16.xml": (
        "xml_document_type",
        lambda: (EXTERNAL + b"<l>&a;</l>").decode().encode("utf-16"),
    ),
    "external type.xml": (
        "xml_document_type",
        lambda: b'<!DOCTYPE l SYSTEM "http://127.0.0.1:9/l.dtd"><l/>',
    ),
    "parameter entity.xml": (
        "xml_document_type",
        lambda: b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY % a SYSTEM "file:///etc/passwd">%a;]><l/>',
    ),
    "type far down.xml": ("xml_document_type", lambda: b"<!--" + b" " * 9000 + b"-->" + EXTERNAL + b"<l/>"),
    "zero bytes.xml": ("broken_xml", lambda: b"<l>\0\0</l>"),
    "half.xml": ("broken_xml", lambda: b"<l><m>"),
    "deep.xml": ("broken_xml", lambda: b"<l>" * 1_000_000),
    "many attributes.xml": (
        "broken_xml",
        lambda: b"<l" + b"".join(b' a%d="1"' % n for n in range(1_000_000)) + b"/>",
    ),
    "one large cell.xml": ("xml_too_large", lambda: b"<l>" + b"x" * (100 * MIB) + b"</l>"),
    "one rather large cell.xml": ("broken_xml", lambda: b"<l>" + b"x" * (20 * MIB) + b"</l>"),
    "nothing but elements.xml": ("too_large_unpacked", lambda: b"<l>" + b"x<m/>" * (6 * MIB) + b"</l>"),
    "zip bomb.zip": ("too_large_unpacked", lambda: zip_bomb(None)),
    "zip bomb that lies.zip": ("", lambda: zip_bomb(1000)),
    "encrypted.zip": ("broken_zip", encrypted_zip),
}


def write(folder: Path, name: str) -> Path:
    """Write one of the deliveries; its path."""
    path = folder / name
    path.write_bytes((EVERY | XML)[name][1]())
    return path

"""Excel workbooks: typed cells as text, sheets, and hostile files."""

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from dagster_project.flow.readers import Table, UnreadableDelivery
from dagster_project.flow.readers import excel as reader

KNOWN = {"id", "name", "amount", "date"}
Fill = Callable[[xlsxwriter.Workbook], None]


def score(cells: list[str]) -> int:
    return sum(cell.casefold() in KNOWN for cell in cells)


def write(path: Path, fill: Fill) -> Path:
    with xlsxwriter.Workbook(path) as book:
        fill(book)
    return path


def read(tmp_path: Path, fill: Fill) -> list[Table]:
    return reader.read_excel(write(tmp_path / "a.xlsx", fill), score, tmp_path)


def cells(table: Table) -> list[tuple[object, ...]]:
    return pl.concat(table.batches).rows()


def test_row_numbers_are_excels_below_titles_and_blank_rows_and_beside_empty_columns(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Data")
        sheet.write(2, 1, "Titel")
        sheet.write_row(4, 1, ["id", "name"])
        sheet.write_row(5, 1, ["1", "a"])
        sheet.write_row(8, 1, ["2", "b"])

    (table,) = read(tmp_path, fill)
    assert table.header == ["", "id", "name"]
    assert cells(table) == [(None, "1", "a", 6, None), (None, "2", "b", 9, None)]


def test_typed_cells_become_text_that_can_be_read_one_way(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["id", "name"])
        for row, value in enumerate([180, 1.234, 12.5, True, 1234.5699999999999], start=1):
            sheet.write(row, 0, value)
        sheet.write_string(1, 1, "1.234")
        sheet.write_datetime(2, 1, dt.datetime(2021, 3, 4), day)
        sheet.write_datetime(3, 1, dt.datetime(2021, 3, 4, 13, 45), day)
        sheet.write_formula(4, 1, "=1/0", None, "#DIV/0!")
        sheet.write_formula(5, 1, "=1+1", None, 2)

    (table,) = read(tmp_path, fill)
    assert [row[0] for row in cells(table)] == ["180", "1.2340", "12.5", "true", "1234.57"]
    assert [row[1] for row in cells(table)] == ["1.234", "2021-03-04", "2021-03-04 13:45:00", "#DIV/0!", "2"]


@pytest.mark.parametrize(
    ("number_format", "value", "text"),
    [
        ("0000", 180, "0180"),
        ("00", 0, "00"),
        ("000000-0000", 5560004615, "556000-4615"),
        ('000000"-"0000', 12345678, "001234-5678"),
        ("000\\ 00", 79171, "791 71"),
        ("0000", 12345, "12345"),
        ("0000", 1.5, "1.5"),
        ("0", 180, "180"),
        ("0.00", 180, "180"),
        ("#,##0", 1800, "1800"),
    ],
)
def test_a_number_padded_by_its_format_keeps_its_zeros(
    tmp_path: Path, number_format: str, value: float, text: str
) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "name"])
        sheet.write(3, 0, value, book.add_format({"num_format": number_format}))

    (table,) = read(tmp_path, fill)
    assert cells(table) == [(text, None, 4, None)]


def test_sheets_without_known_headings_are_listed_and_left(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("Läs mig").write(0, 0, "Hej")
        for name in ("Jan", "Feb"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["id", "amount"])
            sheet.write_row(1, 0, [name, 1])
        book.add_worksheet("Tomt")
        chart = book.add_chart({"type": "bar"})
        chart.add_series({"values": "=Jan!$B$2:$B$2"})
        book.add_chartsheet("Diagram").set_chart(chart)

    tables = read(tmp_path, fill)
    assert [table.sheet for table in tables] == ["Jan", "Feb"]
    assert set(tables[0].ignored_sheets) == {"Läs mig", "Tomt", "Diagram"}


def test_cells_beyond_the_headings_are_kept_apart(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "amount"])
        sheet.write_row(1, 0, ["1", 2, None, "lapp"])

    (table,) = read(tmp_path, fill)
    assert cells(table) == [("1", "2", 2, "lapp")]


def test_no_sheet_with_headings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDelivery) as refused:
        read(tmp_path, lambda book: book.add_worksheet("Blad1").write(0, 0, "x") and None)
    assert refused.value.rule == "no_header"


def rezipped(tmp_path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet().write_row(0, 0, ["id", "name"])

    source = write(tmp_path / "whole.xlsx", fill)
    target = tmp_path / "changed.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return target


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "encrypted_excel"),
        (b"id;name\n", "broken_excel"),
        (b"PK\x03\x04 not a zip", "broken_excel"),
        (b"", "broken_excel"),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(UnreadableDelivery) as refused:
        reader.read_excel(path, score, tmp_path)
    assert refused.value.rule == rule


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    part = "xl/sharedStrings.xml"

    def change(xml: bytes) -> bytes:
        head, _, rest = xml.partition(b"?>")
        return head + b'?><!DOCTYPE sst [<!ENTITY a "aaaa">]>' + rest

    with pytest.raises(UnreadableDelivery) as refused:
        reader.read_excel(rezipped(tmp_path, part, change), score, tmp_path)
    assert refused.value.rule == "document_type"


def test_a_sheet_out_of_proportion_is_refused(tmp_path: Path) -> None:
    path = rezipped(tmp_path, "xl/worksheets/sheet1.xml", lambda xml: xml + b" " * (70 << 20))
    with pytest.raises(UnreadableDelivery) as refused:
        reader.read_excel(path, score, tmp_path)
    assert refused.value.rule == "too_large_unpacked"


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"]
)
def test_a_workbook_with_a_damaged_part_is_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(UnreadableDelivery) as refused:
        reader.read_excel(rezipped(tmp_path, part, lambda xml: xml[: len(xml) // 2] + b"<<"), score, tmp_path)
    assert refused.value.rule in {"broken_excel", "no_header"}


def test_a_stray_cell_far_out_is_refused_before_all_between_is_laid_out(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "name"])
        sheet.write(1_048_575, 16_383, "x")

    with pytest.raises(UnreadableDelivery) as refused:
        read(tmp_path, fill)
    assert refused.value.rule == "too_large_unpacked"


def test_a_wide_short_sheet_is_read(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "name", *(f"extra {n}" for n in range(200))])
        sheet.write_row(1, 0, ["1", "a"])

    assert read(tmp_path, fill)[0].rows == 1

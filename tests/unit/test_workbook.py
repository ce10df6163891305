"""A book of one table, read back: what hostile and odd values become, and which names sheets get."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from dagster_project.report.workbook import cells
from dagster_project.report.workbook.book import Book, Column, Told

HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x";"y")']
ODD = ["<b>&amp;</b>", "a\nb", "  rand  ", "é\u20ac\U0001f600", "", "0123", "bell\x07"]


def made(path: Path, frame: pl.DataFrame, columns: list[Column], title: str = "Titel") -> Path:
    with Book(path, "En bok", "Måttstock", date(2023, 1, 31)) as book:
        book.table(book.name_for(title), Told(title), frame, columns)
    return path


def test_a_text_that_would_be_a_formula_stays_a_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"text": HOSTILE})
    path = made(tmp_path / "bok.xlsx", frame, [Column("=1+1")])
    sheet = openpyxl.load_workbook(path).worksheets[0]
    read = [sheet.cell(row=row, column=1) for row in range(4, 5 + len(HOSTILE))]
    assert [cell.value for cell in read] == ["=1+1", *HOSTILE]
    assert {cell.data_type for cell in read} <= {"s", "inlineStr"}
    assert all(cell.quotePrefix for cell in read[1:])
    with ZipFile(path) as file:
        assert b"<f>" not in file.read("xl/worksheets/sheet1.xml")


def test_odd_texts_come_back_as_they_were(tmp_path: Path) -> None:
    path = made(tmp_path / "bok.xlsx", pl.DataFrame({"text": ODD}), [Column("Text")])
    sheet = openpyxl.load_workbook(path).worksheets[0]
    read = [sheet.cell(row=row, column=1).value or "" for row in range(5, 5 + len(ODD))]
    assert read == [*ODD[:-1], "bell\ufffd"]


def test_what_excel_would_decode_is_kept_from_it() -> None:
    told = pl.DataFrame({"text": ["_x0041_", "x0041_"]}).select(cells.escaped(pl.col("text")))
    assert told["text"].to_list() == ["_x005F_x0041_", "x0041_"]


def test_values_keep_their_kinds(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "day": [date(2022, 3, 1), None],
            "time": [datetime(2022, 3, 1, 12, 30), None],
            "money": [Decimal("12345678901.25"), None],
            "number": [0.1, float("nan")],
            "whole": [2**40, None],
            "yes": [True, None],
        },
        schema_overrides={"money": pl.Decimal(18, 2)},
    )
    dresses = ["date", "time", "money", pl.Series(["share", "number"]), "count", "boolean"]
    columns = [Column(name, dress) for name, dress in zip(frame.columns, dresses, strict=True)]
    path = made(tmp_path / "bok.xlsx", frame, columns)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert [cell.value for cell in sheet[5]] == [
        datetime(2022, 3, 1), datetime(2022, 3, 1, 12, 30), 12345678901.25, 0.1, 2**40, True
    ]  # fmt: skip
    assert [cell.number_format for cell in sheet[5]][:4] == [
        "yyyy-mm-dd",
        "yyyy-mm-dd hh:mm",
        "#,##0.00",
        "0.0%",
    ]
    assert all(cell.value is None for cell in sheet[6])
    other = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    assert other[4][:3] == [date(2022, 3, 1), datetime(2022, 3, 1, 12, 30), 12345678901.25]


def test_rows_are_made_in_slices_that_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SLICE", 3)
    frame = pl.DataFrame({"n": list(range(10)), "style": ["text"] * 10})
    columns = [Column("n", pl.Series(["count", "share"] * 5)), Column("Ord")]
    sheet = openpyxl.load_workbook(made(tmp_path / "bok.xlsx", frame, columns)).worksheets[0]
    assert [sheet.cell(row=row, column=1).value for row in range(5, 15)] == list(range(10))
    assert [sheet.cell(row=row, column=1).number_format for row in (5, 6, 13, 14)] == ["#,##0", "0.0%"] * 2
    assert sheet.dimensions == "A1:B14"


def test_names_of_sheets_are_short_plain_and_of_one_kind_each(tmp_path: Path) -> None:
    with Book(tmp_path / "bok.xlsx", "En bok", "Måttstock", date(2023, 1, 31)) as book:
        wanted = [
            "Andel [a/b]: x?",
            "Andel a b x",
            "ANDEL A B X",
            "Leverantörstrohet " * 3,
            "L" * 40,
            "L" * 40,
        ]
        names = [book.name_for(name) for name in wanted]
        for name in names:
            book.sheet(name)
    assert names[:3] == ["Andel a b x", "Andel a b x 2", "ANDEL A B X 3"]
    assert all(len(name) <= 31 for name in names)
    assert len({name.casefold() for name in names}) == len(names)


def test_nothing_is_left_beside_the_book(tmp_path: Path) -> None:
    made(tmp_path / "bok.xlsx", pl.DataFrame({"a": [1]}), [Column("A", "count")])
    assert [path.name for path in tmp_path.iterdir()] == ["bok.xlsx"]
    with pytest.raises(ZeroDivisionError), Book(tmp_path / "b.xlsx", "B", "M", date(2023, 1, 31)):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["bok.xlsx"]

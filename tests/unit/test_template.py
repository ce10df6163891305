"""The Excel templates: what a person fills in must come back as the contract's columns."""

from pathlib import Path

import openpyxl
import polars as pl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from dagster_project.contracts import Source, fold, load_contracts
from dagster_project.flow.readers import EXTRA, ROW
from dagster_project.flow.readers.excel import read_excel
from dagster_project.flow.standardise import HELP_ROW, NUMBERS, Choices, standardise
from dagster_project.template import DATA_SHEET, EXPLANATION_SHEET, LIST_SHEET, allowed_words, write_template

CONTRACTS = load_contracts()
EACH_SOURCE = pytest.mark.parametrize("source", CONTRACTS.values(), ids=CONTRACTS)


def opened(source: Source, folder: Path) -> openpyxl.Workbook:
    path = folder / f"{source.name}.xlsx"
    write_template(source, path)
    return openpyxl.load_workbook(path)


def drop_downs(book: openpyxl.Workbook) -> dict[int, list[str]]:
    """Column number → the words that the drop-down list offers."""
    found = {}
    for rule in book[DATA_SHEET].data_validations.dataValidation:
        assert rule.type == "list"
        sheet, area = rule.formula1.split("!")
        (cells,) = rule.sqref.ranges
        assert cells.min_row == 3
        found[cells.min_col] = [row[0].value for row in book[sheet][area.replace("$", "")]]
    return found


def headings(sheet: Worksheet) -> list[str]:
    return [str(cell.value) for cell in sheet[1]]


@EACH_SOURCE
def test_every_heading_leads_back_to_its_column(source: Source, tmp_path: Path) -> None:
    known = source.headers()
    found = [known[fold(heading)] for heading in headings(opened(source, tmp_path)[DATA_SHEET])]
    assert found == [column.name for column in source.columns]


@EACH_SOURCE
def test_codes_and_booleans_have_drop_downs_whose_words_mean_every_code_once(
    source: Source, tmp_path: Path
) -> None:
    lists = drop_downs(opened(source, tmp_path))
    for position, column in enumerate(source.columns, start=1):
        if column.type == "boolean":
            assert lists.pop(position) == ["ja", "nej"]
        elif column.values:
            meaning = {fold(word): code for code, words in column.values.items() for word in (code, *words)}
            assert [meaning[fold(word)] for word in lists.pop(position)] == list(column.values)
    assert not lists


@EACH_SOURCE
def test_the_reader_takes_the_first_sheet_only_and_the_help_row_is_known_as_such(
    source: Source, tmp_path: Path
) -> None:
    path = tmp_path / "template.xlsx"
    write_template(source, path)
    known = source.headers()
    (table,) = read_excel(path, lambda cells: sum(fold(cell) in known for cell in cells), tmp_path)
    assert table.sheet == DATA_SHEET
    rows = pl.concat(table.batches)
    assert rows.height == 1
    assert rows["c0"].str.contains(HELP_ROW).all()


@EACH_SOURCE
def test_a_row_of_the_templates_own_examples_is_accepted(source: Source, tmp_path: Path) -> None:
    rows = list(opened(source, tmp_path)[EXPLANATION_SHEET].iter_rows(min_row=2, values_only=True))
    batch = pl.DataFrame(
        {f"c{position}": [row[4]] for position, row in enumerate(rows)} | {ROW: [3], EXTRA: [None]},
        schema_overrides={ROW: pl.Int64, EXTRA: pl.String},
    )
    signs = {column.name: "," for column in source.columns if column.type in NUMBERS}
    choices = Choices(
        key=b"k" * 32, headings={heading: (name,) for heading, name in source.headers().items()}, signs=signs
    )
    found = standardise(batch, [column.name for column in source.columns], source, choices).findings
    assert found.filter(pl.col("severity") == "error").is_empty(), found


def test_the_list_sheet_is_hidden_and_the_heading_stays_in_view(tmp_path: Path) -> None:
    book = opened(CONTRACTS["procurements"], tmp_path)
    assert book.sheetnames == [DATA_SHEET, EXPLANATION_SHEET, LIST_SHEET]
    assert book[LIST_SHEET].sheet_state == "hidden"
    assert book[DATA_SHEET].freeze_panes == "A2"


def test_codes_are_text_cells_so_that_leading_zeros_survive_and_dates_are_dates(tmp_path: Path) -> None:
    source = CONTRACTS["workplaces"]
    sheet = opened(source, tmp_path)[DATA_SHEET]
    formats = {
        column.name: sheet.column_dimensions[openpyxl.utils.get_column_letter(position)].number_format
        for position, column in enumerate(source.columns, start=1)
    }
    assert formats["supplier_id"] == formats["municipality_code"] == "@"
    assert formats["valid_from"] == "yyyy-mm-dd"


def test_required_columns_are_told_by_colour_and_comment_and_not_by_the_heading(tmp_path: Path) -> None:
    source = CONTRACTS["savings"]
    cells = dict(zip((c.name for c in source.columns), opened(source, tmp_path)[DATA_SHEET][1], strict=True))
    assert cells["assumptions"].fill.fgColor.rgb != cells["uncertainty_share"].fill.fgColor.rgb
    assert "Måste fyllas i: Ja" in cells["assumptions"].comment.text
    assert "Måste fyllas i: Nej" in cells["uncertainty_share"].comment.text


def test_a_column_that_another_can_stand_in_for_says_so(tmp_path: Path) -> None:
    cell = opened(CONTRACTS["invoices"], tmp_path)[DATA_SHEET]["A1"]
    assert "eller Köparens organisationsnummer" in cell.comment.text


def test_every_column_is_explained_with_an_allowed_word_for_each_code(tmp_path: Path) -> None:
    source = CONTRACTS["requirements"]
    rows = list(opened(source, tmp_path)[EXPLANATION_SHEET].iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == ["A: Diarienummer", "B: Kravområde", "C: Kravnivå"]
    assert [row[5] or "" for row in rows] == [", ".join(allowed_words(column)) for column in source.columns]


def test_no_cell_is_a_formula_even_where_a_word_looks_like_one(tmp_path: Path) -> None:
    targets = CONTRACTS["targets"]
    operator = targets.column("operator").model_copy(update={"help_sv": "=1+1", "label_sv": "=Jämförelse"})
    columns = tuple(operator if c.name == "operator" else c for c in targets.columns)
    book = opened(targets.model_copy(update={"columns": columns}), tmp_path)
    types = {cell.data_type for sheet in book.worksheets for row in sheet.iter_rows() for cell in row}
    assert "f" not in types

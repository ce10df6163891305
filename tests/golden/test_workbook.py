"""The workbook of a release, read back: figures and records are the marts', dates are dates, links lead somewhere.

How a value becomes a cell, and what another reader makes of it, is tested in `tests/unit/test_workbook.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from dagster_project.messages import message
from dagster_project.messages.marts import column_heading, table_heading
from dagster_project.report.formats import Formats
from dagster_project.report.workbook import records as sheets_of_records
from dagster_project.report.workbook import write_workbook
from dagster_project.report.workbook.sheets import SHEETS
from dagster_project.settings import load_settings
from tests.demonstrations import AS_OF, Published

HEADINGS = 4  # the row of the headings
Row = dict[str, Any]


class Sheets:
    """What a reader finds in a workbook: rows by heading, of a sheet by its name or by the title in its first cell."""

    def __init__(self, path: Path) -> None:
        read = CalamineWorkbook.from_path(str(path))
        self.cells = {
            name: read.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in read.sheet_names
        }
        self.by_title = {cells[0][0]: name for name, cells in self.cells.items()}

    def rows(self, name: str) -> list[Row]:
        cells = self.cells[name]
        return [dict(zip(cells[HEADINGS - 1], row, strict=True)) for row in cells[HEADINGS:]]


@pytest.fixture(scope="module")
def release(published) -> Published:  # type: ignore[no-untyped-def]
    return published("clean", 3000, 1)


@pytest.fixture(scope="module")
def path(release: Published) -> Path:
    return release.workspace.current_database.parent / "reports" / "nyckeltal-2022.xlsx"


@pytest.fixture(scope="module")
def book(path: Path) -> Sheets:
    return Sheets(path)


def written(release: Published, database: Path, folder: Path) -> None:
    settings = load_settings(release.workspace.settings_file)
    write_workbook(database, folder, settings, date.fromisoformat(AS_OF))


def value(number: float | None, missing: str = "") -> Any:
    return missing if number is None else pytest.approx(number)


def test_the_first_sheet_has_every_indicator_as_the_mart_has_it(release: Published, book: Sheets) -> None:
    shown = {row["Nyckeltal"]: row for row in book.rows("Läget") if row["Status"]}
    figures = release.table(
        "select name_sv, actual, numerator, denominator, coverage, status from kpi_values "
        "join kpi_catalogue using (kpi_id) where period = '2022' and member_code = 'ALL' "
        "and category_group = 'ALL' and is_live"
    ).rows()
    assert len(figures) > 40
    for name, actual, numerator, denominator, coverage, status in figures:
        row = shown[name]
        assert row["Utfall"] == value(actual, "–"), name
        assert row["Täljare"] == value(numerator), name
        assert row["Nämnare"] == value(denominator), name
        assert row["Täckning"] == value(coverage), name
        assert message(f"status.{status}") in row["Status"], name


def test_all_figures_are_the_marts(release: Published, book: Sheets) -> None:
    figures = {
        row[:4]: row[4]
        for row in release.table(
            "select kpi_id, period, m.member_name, g.name, actual from kpi_values "
            "left join dim_member as m using (member_code) left join (select group_code as category_group, "
            "any_value(group_name) as name from dim_category group by all) as g using (category_group) "
            "where actual is not null and (period_type = 'year' or period_type = 'quarter' and period like '2022%')"
        ).iter_rows()
    }
    shown = {
        (
            row["Nyckeltalets id"],
            row["Period"],
            None if row["Medlem"] == "Alla medlemmar" else row["Medlem"],
            None if row["Kategorigrupp"] == "Alla grupper" else row["Kategorigrupp"],
        ): row["Utfall"]
        for row in book.rows("Alla nyckeltal")
    }
    assert len(shown) > 5000
    assert shown == pytest.approx(figures)


def test_the_records_of_a_sheet_add_up_to_the_figure(release: Published, book: Sheets) -> None:
    figures = release.table(
        "select name_sv, numerator, denominator from kpi_values join kpi_catalogue using (kpi_id) "
        "where period = '2022' and member_code = 'ALL' and category_group = 'ALL' "
        "and aggregation in ('ratio', 'estimate') "
        "and is_live and actual is not null and coalesce(period_rule, '') <> 'mean_stock'"
    ).rows()
    assert len(figures) > 20
    for name, numerator, denominator in figures:
        rows = book.rows(book.by_title[name])
        counted = [row for row in rows if not row["Varför den inte räknas"]]
        assert sum(row["Täljare"] for row in counted) == pytest.approx(numerator), name
        assert sum(row["Nämnare"] for row in counted) == pytest.approx(denominator), name
        assert all(isinstance(row["Datum"], date) for row in rows), name


def test_every_registered_mart_has_its_sheet(release: Published, book: Sheets) -> None:
    tables = set(release.table("select table_name from information_schema.tables")["table_name"])
    for sheet in SHEETS:
        if sheet.table not in tables or not release.table(f"from {sheet.table} limit 1").height:
            continue
        headings = book.cells[table_heading(sheet.table)][HEADINGS - 1]
        described = release.table(f"describe {sheet.table}")["column_name"].to_list()
        for column in sheet.columns or described:
            if not column.endswith("_en"):
                assert column_heading(sheet.table, column) in headings, (sheet.table, column)


def test_a_sheets_order_leaves_nothing_to_chance(release: Published) -> None:
    tables = set(release.table("select table_name from information_schema.tables")["table_name"])
    for sheet in SHEETS:
        if sheet.table in tables:
            key = sheet.order.replace(" desc", "")
            where = sheet.where.replace("$period_start", "date '2022-01-01'")
            where = where.replace("$period_end", "date '2022-12-31'").replace("$period", "'2022'")
            [(total, distinct)] = release.table(
                f"select count(*), count(distinct ({key})) from {sheet.table} where {where}"
            ).rows()
            assert total == distinct, sheet.table


def test_every_link_leads_somewhere(path: Path, book: Sheets) -> None:
    outside, inside = set(), set()
    with ZipFile(path) as file:
        for name in file.namelist():
            text = file.read(name).decode("utf-8")
            if name.startswith("xl/worksheets/_rels/"):
                found = re.findall(r'hyperlink" Target="([^"]+)"', text)
                outside |= {target.replace("\\", "/") for target in found}
            elif name.startswith("xl/worksheets/"):
                inside |= set(re.findall(r"<hyperlink [^>]*location=\"'(.+?)'!A1\"", text))
    assert len(outside) > 50
    assert [target for target in sorted(outside) if not (path.parent / target).is_file()] == []
    assert len(inside) > 50
    assert {name.replace("''", "'").replace("&amp;", "&") for name in inside} <= set(book.cells)


def test_the_same_tables_give_the_same_bytes(release: Published, path: Path, tmp_path: Path) -> None:
    written(release, release.workspace.current_database, tmp_path)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_the_indicators_of_a_large_ledger_share_its_heaviest_rows_of_each_class(
    release: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets_of_records, "LIMIT", 200)
    monkeypatch.setattr(sheets_of_records, "OF_A_CLASS", 20)
    written(release, release.workspace.current_database, tmp_path)
    path = tmp_path / "nyckeltal-2022.xlsx"
    book = Sheets(path)
    for table, kind, size in (
        ("fct_invoice_line", "compliance_class", "abs(amount_net)"),
        ("fct_invoice", "largest_class", "classified_gross_amount + unclassified_gross_amount"),
    ):
        rows = f"{table} where booking_date between date '2022-01-01' and date '2022-12-31'"
        heaviest = release.table(
            f"select {kind}, {size} as size from {rows} "
            f"qualify row_number() over (partition by {kind} order by size desc) <= 20"
        )
        [(total, money)] = release.table(f"select count(*), sum({size}) from {rows}").rows()
        sheet = book.rows(table_heading(table))
        assert 0 < len(sheet) == heaviest.height < total
        shown = Counter(row[column_heading(table, kind)] for row in sheet)
        assert shown == Counter(message(f"report.class.{code}") for code in heaviest[kind])
        words = book.cells[table_heading(table)][1][0]
        assert words.startswith(f"{Formats('sv').number(total)} rader i 2022. Bladet visar {len(sheet)}:")
        assert Formats("sv").share(float(heaviest["size"].sum()) / float(money)) in words
    lines = book.rows(table_heading("fct_invoice_line"))
    assert lines[0][column_heading("fct_invoice_line", "compliance_class")] == message("report.class.wild")
    names = release.table(
        "select name_sv, record_kind from kpi_catalogue where kpi_id in ('supplier_count', 'off_contract_rate_count')"
    ).rows()
    with ZipFile(path) as file:
        first = file.read("xl/worksheets/sheet1.xml").decode("utf-8")
    for name, kind in names:
        assert name not in book.by_title
        table = "fct_invoice" if kind == "invoice" else "fct_invoice_line"
        assert f"location=\"'{table_heading(table)}'!A1\"" in first
        assert f'display="{name}"' in first


def test_more_records_than_a_sheet_holds_leave_the_heaviest(
    release: Published, book: Sheets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets_of_records, "LIMIT", 50)
    written(release, release.workspace.current_database, tmp_path)
    fewer = Sheets(tmp_path / "nyckeltal-2022.xlsx")
    [title] = [
        name
        for (name,) in release.table(
            "select name_sv from kpi_catalogue where kpi_id = 'realised_savings'"
        ).rows()
    ]
    name = book.by_title[title]
    kept, whole = fewer.rows(name), book.rows(name)
    assert len(kept) == 50 < len(whole)
    assert "Bladet visar 50" in fewer.cells[name][1][0]
    lightest = min(abs(row["Täljare"]) for row in kept)
    left_out = [row for row in whole if row not in kept and not row["Varför den inte räknas"]]
    assert all(not row["Varför den inte räknas"] for row in kept)
    assert all(abs(row["Täljare"]) <= lightest for row in left_out)


def test_a_release_without_periods_has_a_workbook_all_the_same(release: Published, tmp_path: Path) -> None:
    database = tmp_path / "less.duckdb"
    with duckdb.connect(str(database)) as con:
        con.execute(f"attach '{release.workspace.current_database}' as whole (read_only)")
        con.execute("copy from database whole to less")
        con.execute("detach whole")
        con.execute("delete from dim_period")
    written(release, database, tmp_path / "reports")
    made = Sheets(tmp_path / "reports" / "nyckeltal.xlsx")
    assert "Definitioner" in made.cells
    assert "Alla nyckeltal" not in made.cells

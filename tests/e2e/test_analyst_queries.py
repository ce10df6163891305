"""docs/analysts.md is executed: its queries run on a published release, and its list of tables is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import Workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analysts.md"
EXAMPLE = re.compile(r"^### (?P<heading>[^\n]+)\n+```sql\n(?P<query>.+?)^```$", re.MULTILINE | re.DOTALL)
TABLE_ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
RESUMMED = "Re-sum every figure from its records"

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = {match["heading"]: match["query"] for match in EXAMPLE.finditer(TEXT)}


@pytest.fixture
def release(published: Workspace) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(published.current_database), read_only=True) as connection:
        yield connection


def test_the_page_holds_ten_examples() -> None:
    assert len(EXAMPLES) == 10
    assert len(EXAMPLES) == TEXT.count("```sql")


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_gives_rows(heading: str, release: duckdb.DuckDBPyConnection) -> None:
    assert release.execute(EXAMPLES[heading]).fetchall()


def test_every_figure_that_adds_up_is_the_sum_of_its_records(release: duckdb.DuckDBPyConnection) -> None:
    columns = "kpi_id, period_type, period, member_code, category_group, actual"
    query = EXAMPLES[RESUMMED].rstrip().removesuffix(";")
    resummed = set(release.execute(f"select {columns} from ({query})").fetchall())
    published = release.execute(
        f"select {columns} from kpi_values join kpi_catalogue using (kpi_id) where period_rule is null"
    ).fetchall()
    assert len(resummed) == len(published)
    assert sorted(set(published) - resummed, key=str) == []


def test_every_kind_of_aggregation_is_among_the_figures_that_are_summed_again(
    release: duckdb.DuckDBPyConnection,
) -> None:
    kinds = release.execute(
        "select distinct aggregation from kpi_values join kpi_catalogue using (kpi_id) "
        "where period_rule is null and actual > 0"
    ).fetchall()
    assert {kind for (kind,) in kinds} == {"ratio", "sum", "count_distinct", "median"}


def test_the_page_lists_every_published_table_and_no_other(release: duckdb.DuckDBPyConnection) -> None:
    published = release.execute(
        "select table_name from information_schema.tables where table_schema = 'main'"
    ).fetchall()
    assert sorted(TABLE_ROW.findall(TEXT)) == sorted(name for (name,) in published)


def test_the_parquet_files_hold_the_tables_and_not_the_views(
    release: duckdb.DuckDBPyConnection, published: Workspace
) -> None:
    tables = release.execute(
        "select table_name from information_schema.tables where table_type = 'BASE TABLE'"
    ).fetchall()
    files = (published.marts / "current" / "parquet").glob("*.parquet")
    assert sorted(path.stem for path in files) == sorted(name for (name,) in tables)

"""Every published table and column has a Swedish name, and no two of them get the same view or column."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from dagster_project.flow.publish import RELEASES_COLUMNS, RELEASES_TABLE
from dagster_project.messages.marts import is_named, table_heading, view_column, view_name

DBT = Path(__file__).resolve().parents[2] / "dbt"


def published() -> dict[str, list[str]]:
    """The columns of every published table as declared: the marts but the indicators, and what is written after."""
    found: dict[str, list[str]] = {}
    for path in sorted(DBT.glob("models/marts/**/*.yml")):
        if path.parent.name != "kpi":
            for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
                found[model["name"]] = [column["name"] for column in model.get("columns", [])]
    after = yaml.safe_load((DBT / "written_after_dbt.yml").read_text(encoding="utf-8"))["tables"]
    found |= {table["name"]: list(table["columns"]) for table in after}
    return found | {RELEASES_TABLE: list(RELEASES_COLUMNS)}


def test_every_published_table_and_column_has_a_swedish_name() -> None:
    tables = published()
    assert len(tables) > 30
    assert [table for table in tables if not is_named(table)] == []
    missing = [
        f"{table}.{column}"
        for table, columns in tables.items()
        for column in columns
        if not is_named(table, column)
    ]
    assert missing == [], "give them names in dagster_project/messages/marts_sv.yml"


def test_no_two_columns_of_a_table_have_one_name() -> None:
    for table, columns in published().items():
        named = Counter(view_column(table, column) for column in columns)
        assert [name for name, count in named.items() if count > 1] == [], table


def test_no_two_tables_have_one_name() -> None:
    assert len({view_name(table) for table in published()}) == len(published())
    assert len({table_heading(table)[:31].lower() for table in published()}) == len(published())


def test_the_list_is_in_alphabetical_order() -> None:
    text = (DBT.parent / "dagster_project" / "messages" / "marts_sv.yml").read_text(encoding="utf-8")
    for part in ("tables", "columns", "of_table"):
        names = list(yaml.safe_load(text)[part])
        assert names == sorted(names), part

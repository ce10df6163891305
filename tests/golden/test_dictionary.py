"""The published schema: every table and column is described, and the tables that the specification names are there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from dagster_project.kpis import load_indicators
from dagster_project.settings import PROJECT_ROOT
from tests.demonstrations import Published

PROMISED = {
    "kpi_values", "kpi_catalogue", "kpi_evidence", "published_outcomes", "fct_invoice_line", "off_contract_rates",
    "dim_procurement", "dim_lot", "dim_contract", "dim_supplier", "dim_unit", "dim_member", "dim_category",
    "dim_period", "savings", "savings_summary", "savings_parts", "fct_contract_purchase",
    "realised_savings", "coordination_benefit", "missed_coordination", "coordination_comparison", "lessons_learned",
    "lessons_calibration", "savings_target_footing",
    "fct_bid", "fct_requirement", "fct_followup", "environment_levels", "data_quality_summary", "data_quality_issues",
    "validation_results", "source_files", "releases", "mart_columns", "kpi_lint",
    "kpi_forecast", "kpi_forecast_backtest", "kpi_breaks", "kpi_changes", "kpi_reported",
    "supplier_matches", "ceiling_forecast", "contract_entitlements",
    "invoice_sample", "invoice_sample_estimate",
    "deliveries_due", "source_conflicts", "maturity", "ambition_graph", "kpi_comments",
    "spend_cube", "supplier_concentration", "direct_award_watch", "environmental_spend",
    "contract_calendar", "coordination_potential", "preparedness",
}  # fmt: skip


@pytest.fixture(scope="module")
def release(published: Callable[..., Published]) -> Published:
    return published("clean", 3000, 1)


def test_every_published_column_is_described(release: Published) -> None:
    missing = release.table(
        "select c.table_name, c.column_name from information_schema.columns as c "
        'left join mart_columns as m on m."table" = c.table_name and m."column" = c.column_name '
        "where c.table_schema = 'main' and coalesce(m.description, '') = ''"
    )
    assert missing.rows() == []


def test_the_promised_tables_are_published(release: Published) -> None:
    tables = set(release.table("select table_name from information_schema.tables")["table_name"])
    assert not PROMISED - tables


def test_what_the_auditors_page_names_is_published(release: Published) -> None:
    page = (PROJECT_ROOT / "docs" / "savings.md").read_text(encoding="utf-8")
    codes = {"basket", "negotiation", "market_price", "not_identified"}
    named = {name for name in re.findall(r"`([a-z_.]+)`", page) if not name.startswith("test_")} - codes
    published = release.table(
        'select "table" || \'.\' || "column" as name from mart_columns union select "table" from mart_columns '
        'union select "column" from mart_columns union select kpi_id from kpi_catalogue'
    )
    assert len(named) > 40
    assert not named - set(published["name"])


def test_the_catalogue_is_the_list_in_its_order(release: Published) -> None:
    catalogue = release.table("select kpi_id, name_sv from kpi_catalogue order by position")
    assert catalogue["kpi_id"].to_list() == list(load_indicators())
    assert catalogue["name_sv"].to_list() == [indicator.name_sv for indicator in load_indicators().values()]


def test_money_is_decimal_and_dates_are_dates(release: Published) -> None:
    types = release.table('select "column", type from mart_columns where "table" = \'fct_invoice_line\'')
    found = dict(types.iter_rows())
    assert found["amount_net"] == "DECIMAL(18,2)"
    assert found["booking_date"] == "DATE"

"""A first run with the three required sources alone: what rests on anything else is no_data, never a zero."""

from __future__ import annotations

from dagster_project.flow import build
from dagster_project.kpis import load_indicators
from tests.dbt.conftest import NEW, SmallWorld

DELIVERED = {"organisations", "procurements", "participants"}


def test_what_rests_on_a_missing_source_has_no_value_in_any_period(small_world: SmallWorld) -> None:
    resting = [
        indicator.id
        for indicator in load_indicators().values()
        if not set(indicator.requires) <= DELIVERED
        or (indicator.requires_any and not set(indicator.requires_any) & DELIVERED)
    ]
    assert len(resting) > 40
    with build.connect(small_world.workspace) as con:
        told = con.execute(
            "select distinct kpi_id, status, numerator, actual from kpi_values where list_contains(?, kpi_id)",
            [resting],
        ).fetchall()
    assert sorted(told) == [(kpi_id, "no_data", None, None) for kpi_id in sorted(resting)]


def test_what_was_delivered_is_counted(small_world: SmallWorld) -> None:
    with build.connect(small_world.workspace) as con:
        [(value, status)] = con.execute(
            "select actual, status from kpi_values "
            "where kpi_id = 'coordinated_share' and period = '2021' and member_code = 'ALL' and category_group = 'ALL'"
        ).fetchall()
    assert (value, status) == (0.5, "no_target")


def test_every_indicator_has_every_period_all_the_same(small_world: SmallWorld) -> None:
    with build.connect(small_world.workspace) as con:
        rows = con.execute(
            "select kpi_id, count(*) from kpi_values where member_code = 'ALL' and category_group = 'ALL' "
            "group by kpi_id"
        ).fetchall()
        [(periods,)] = con.execute("select count(*) from dim_period").fetchall()
    assert dict(rows) == dict.fromkeys([*load_indicators(), NEW], periods)


def test_marts_about_what_is_missing_are_there_and_empty(small_world: SmallWorld) -> None:
    with build.connect(small_world.workspace) as con:
        for table in (
            "maturity", "ambition_graph", "kpi_lint", "published_outcomes", "kpi_comments",
            "spend_cube", "supplier_concentration", "direct_award_watch", "environmental_spend",
            "contract_calendar", "coordination_potential", "preparedness", "savings_target_footing",
            "fct_contract_purchase", "realised_savings", "missed_coordination", "lessons_learned",
            "lessons_calibration",
            "supplier_matches", "ceiling_forecast", "contract_entitlements",
            "invoice_sample", "invoice_sample_estimate",
        ):  # fmt: skip
            assert con.execute(f"select count(*) from {table}").fetchall() == [(0,)], table

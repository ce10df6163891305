"""The pipeline against the generator's truth: every figure, every line's class, every file's rows.

The truth is counted from the planted facts in another way than the models do, by other hands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dagster_project.demo.facts import World
from dagster_project.demo.faults import SOLE_TRADERS, plant_faults
from dagster_project.demo.gains import HOURLY_RATES
from dagster_project.demo.ledger import Ledger
from dagster_project.demo.worlds import build_world
from dagster_project.flow.values.identity import pseudonym, pseudonym_key
from dagster_project.settings import load_settings
from tests.demonstrations import AS_OF, Published
from tests.golden import compared_purchases
from tests.golden.compared_purchases import purchases_in
from tests.golden.compared_savings import bought_in, differences
from tests.golden.counted_purchases import CountedPurchases
from tests.golden.counted_savings import Counted

WORLDS = [("clean", 3000, 1), ("clean", 20000, 7), ("dirty", 3000, 2), ("corrected", 3000, 3)]
KEY = ["kpi_id", "period_type", "period", "member_code", "category_group"]
NUMBERS = ["numerator", "denominator", "actual", "coverage", "target"]
TOLERANCE = 1e-9


@pytest.fixture(params=WORLDS, ids=lambda world: "-".join(map(str, world)))
def world(request: pytest.FixtureRequest, published: Callable[..., Published]) -> Published:
    made = published(*request.param)
    assert made.exit_code == 0, made.said
    return made


def differing(ours: pl.DataFrame, theirs: pl.DataFrame, key: list[str], columns: list[str]) -> pl.DataFrame:
    """Rows that only one side has, or in which a column differs."""
    both = ours.join(theirs, on=key, how="full", suffix="_truth", coalesce=True, nulls_equal=True)
    wrong = [
        ((pl.col(c) - pl.col(f"{c}_truth")).abs() > TOLERANCE * (1 + pl.col(c).abs()))
        | (pl.col(c).is_null() != pl.col(f"{c}_truth").is_null())
        if c in NUMBERS
        else pl.col(c).ne_missing(pl.col(f"{c}_truth"))
        for c in columns
    ]
    return both.filter(
        pl.any_horizontal(pl.lit(False), *wrong) | pl.col("here").is_null() | pl.col("there").is_null()
    )


def test_every_figure_is_the_truth(world: Published) -> None:
    ours = world.table(
        f"select {', '.join(KEY)}, numerator, denominator, actual, coverage, status, target_operator, target, "
        "1 as here from kpi_values"
    )
    truth = world.truth("kpi_values").with_columns(
        *(pl.col(c).replace("", None).cast(pl.Float64) for c in NUMBERS),
        pl.col("target_operator").replace("", None),
        there=pl.lit(1),
    )
    # What was lost beyond the tolerance, and computed without on order, is part of what is not known.
    accepted = world.table("select kpi_id, accepted_share from kpi_catalogue")
    truth = truth.join(accepted, on="kpi_id").with_columns(pl.col("coverage") * pl.col("accepted_share"))
    wrong = differing(ours, truth, KEY, [*NUMBERS, "status", "target_operator"])
    assert wrong.is_empty(), f"{wrong.height} of {truth.height} differ:\n{wrong.head(20)}"


def told_in(request: pytest.FixtureRequest) -> tuple[World, Ledger]:
    """The facts that the world's deliveries tell, and its ledger."""
    variant, lines, seed = request.node.callspec.params["world"]
    facts = build_world("demo", lines, seed)
    faults = plant_faults(facts, personal=variant != "clean")
    ledger = Ledger(facts)
    if variant != "dirty":
        return facts, ledger
    standing = facts.without(faults.gone(facts))
    return standing, ledger.of(standing)


def test_the_marts_of_savings_coordination_and_lessons_are_the_truth(
    world: Published, request: pytest.FixtureRequest
) -> None:
    facts, ledger = told_in(request)
    counted = Counted(facts, bought_in(facts, ledger), date.fromisoformat(AS_OF), HOURLY_RATES)
    assert len(counted.coordinated) > 50
    assert counted.lessons()
    assert counted.calibration()
    assert differences(lambda query: world.table(query).to_dicts(), counted) == []


def test_the_marts_of_purchases_and_contracts_to_act_on_are_the_truth(
    world: Published, request: pytest.FixtureRequest
) -> None:
    facts, ledger = told_in(request)
    settings = load_settings(world.workspace.settings_file)
    thresholds = {row.from_: int(row.amount) for row in settings.direct_award_thresholds}
    counted = CountedPurchases(
        facts,
        purchases_in(facts, ledger),
        date.fromisoformat(AS_OF),
        thresholds,
        settings.planning_window_months,
    )
    # What is to be acted on is there, of every kind.
    assert {kind for _, kind, _, _ in counted.calendar()} == {"ending", "option", "followup"}
    assert {"exceeded", "ended", "exhausts", "lasts"} <= {
        row["status"] for row in counted.ceilings().values()
    }
    assert {row["is_over_threshold"] for row in counted.direct_awards().values()} == {True, False}
    assert {row["is_sole_source"] for row in counted.preparedness().values()} >= {True, False}
    assert len(counted.potential()) > 10
    key = pseudonym_key(world.workspace)
    renamed = {twelve[2:]: pseudonym(key, twelve[2:]) for twelve, _ in SOLE_TRADERS}
    found = compared_purchases.differences(lambda query: world.table(query).to_dicts(), counted, renamed)
    assert found == []


def test_every_line_has_its_class(world: Published) -> None:
    key = ["buyer_unit_id", "fiscal_year", "invoice_id", "line_no"]
    columns = ["compliance_class", "compliance_reason", "contract_id"]
    ours = world.table(
        "select buyer_unit_id, cast(fiscal_year as varchar) as fiscal_year, invoice_id, "
        "cast(line_no as varchar) as line_no, compliance_class, compliance_reason, contract_id, 1 as here "
        "from fct_invoice_line"
    )
    truth = world.truth("invoice_lines").with_columns(
        *(pl.col(c).replace("", None) for c in columns), there=pl.lit(1)
    )
    wrong = differing(ours, truth, key, columns)
    assert wrong.is_empty(), f"{wrong.height} of {truth.height} differ:\n{wrong.head(20)}"


def test_every_file_has_its_rows(world: Published) -> None:
    columns = [
        "rows_read",
        "rows_accepted",
        "rows_quarantined",
        "rows_repeated",
        "rows_superseded",
        "rows_skipped",
    ]
    texts = ", ".join(f"cast({column} as varchar) as {column}" for column in columns)
    ours = world.table(f"select source, file, {texts}, 1 as here from data_quality_summary")
    wrong = differing(ours, world.truth("files").with_columns(there=pl.lit(1)), ["source", "file"], columns)
    assert wrong.is_empty(), wrong


def test_environment_levels_are_the_truth(world: Published) -> None:
    key = ["period_type", "period", "area", "level"]
    ours = world.table(
        "select period_type, period, area, level, cast(procurements as varchar) as procurements, 1 as here "
        "from environment_levels where member_code = 'ALL'"
    )
    truth = world.truth("environment_levels").with_columns(there=pl.lit(1))
    wrong = differing(ours, truth, key, ["procurements"])
    assert wrong.is_empty(), wrong


def test_no_personal_number_reaches_a_table(world: Published) -> None:
    listed = world.workspace.root / "truth" / "personal_numbers.txt"
    if not listed.exists():
        assert "dirty" not in str(world.workspace.root)
        return
    numbers = [line for line in listed.read_text(encoding="utf-8").splitlines() if line]
    assert numbers
    for path in (world.workspace.root / "marts").rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not [number for number in numbers if number.encode() in content], path


def test_accepted_quarantine_lowers_the_coverage_of_what_it_touches(world: Published) -> None:
    lost = dict(
        world.truth("files")
        .group_by("source")
        .agg(pl.col("rows_quarantined").cast(pl.Int64).sum())
        .iter_rows()
    )
    touched = world.table(
        "select kpi_id, requires, accepted_share from kpi_catalogue where accepted_share < 1"
    )
    for kpi_id, requires, _ in touched.iter_rows():
        assert any(lost.get(source, 0) > 1 for source in requires.split(", ")), kpi_id
    assert touched.is_empty() == ("--accept-quarantine" not in world.said)

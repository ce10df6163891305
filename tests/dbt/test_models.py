"""Every dbt unit test, over empty relations made from the contracts. A worked example that fails names its model."""

from __future__ import annotations

from datetime import date

import pytest

from dagster_project.contracts import load_contracts
from dagster_project.expectations import arrival_rules
from dagster_project.flow import build
from dagster_project.flow.reconcile import Reconciler
from dagster_project.kpis import load_indicators
from dagster_project.settings import Settings, Workspace
from tests.dbt_here import dbt_in


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The outcome of every node of `dbt build --empty` by unique id."""
    workspace = Workspace(tmp_path_factory.mktemp("empty"))
    settings = Settings(organisation="prov", members=["1"])
    connection = build.fresh(workspace, settings, date(2022, 12, 31))
    reconciler = Reconciler(connection, load_contracts(), arrival_rules())
    for source in load_contracts().values():
        reconciler.source(source, [])
    build.write_arrivals(connection, reconciler.outcome(), [])
    build.write_expected(connection, [])
    connection.close()
    return dbt_in(workspace, "build", "--empty")


def test_every_model_builds_and_every_worked_example_holds(results: dict[str, str]) -> None:
    failed = {
        name: told for name, told in results.items() if not told.startswith(("success", "pass", "warn"))
    }
    assert failed == {}


def test_every_indicator_has_worked_examples(results: dict[str, str]) -> None:
    examples = [name for name in results if name.startswith("unit_test.")]
    without = [
        kpi_id for kpi_id in load_indicators() if not any(f".kpi_{kpi_id}." in name for name in examples)
    ]
    assert without == []


def test_worked_examples_are_sentences_with_the_model_first(results: dict[str, str]) -> None:
    for name in results:
        if name.startswith("unit_test."):
            _, _, model, sentence = name.split(".")
            assert sentence.startswith(f"{model}__"), name

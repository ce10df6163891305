"""`mattstock explain` counts every published figure again from its records."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dagster_project.kpis import load_indicators
from dagster_project.report.explain import UnknownFigure, explain
from tests.demonstrations import Published


@pytest.fixture(scope="module")
def release(published: Callable[..., Published]) -> Published:
    return published("clean", 3000, 1)


def test_the_records_sum_to_figures_of_every_kind(release: Published) -> None:
    database = release.workspace.current_database
    with duckdb.connect(str(database), read_only=True) as con:
        figures = con.execute(
            "select kpi_id, period, member_code, category_group, actual from kpi_values "
            "where period in ('2021', '2022', '2022-Q2', '2021-Q3-r12') and actual is not null "
            "and (member_code in ('ALL', '9101') and category_group in ('ALL', '03'))"
        ).fetchall()
    assert {figure[0] for figure in figures} == set(load_indicators())
    for kpi_id, period, member, group, actual in figures:
        explained = explain(database, kpi_id, period, member, group)
        # A count of events that did not happen has no records.
        assert (explained.summed or 0.0) == pytest.approx(actual, abs=1e-12), (kpi_id, period, member, group)
        assert all(record.source_file and record.source_row for record in explained.counted)


def test_the_catalogues_words_stand_above_the_records(release: Published) -> None:
    command = [str(Path(sys.executable).with_name("mattstock")), "explain", "coordinated_share", "2021"]
    done = subprocess.run(
        [*command, "--data", str(release.workspace.root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    told = load_indicators()["coordinated_share"]
    words = (
        told.name_sv, told.definition_sv, told.numerator_sv, told.denominator_sv, told.left_out_sv,
        told.weakness_sv, told.source_document, f"version {told.version}", told.since,
    )  # fmt: skip
    places = [said.index(text) for text in words]
    assert places == sorted(places)
    record = explain(release.workspace.current_database, "coordinated_share", "2021").counted[0]
    assert places[-1] < said.index(record.record_id)


def test_an_unknown_indicator_is_answered_with_the_nearest(release: Published) -> None:
    with pytest.raises(UnknownFigure) as told:
        explain(release.workspace.current_database, "bid_mean", "2021")
    assert "bids_mean" in told.value.known

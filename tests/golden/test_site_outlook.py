"""What the pages say of changes, comments and self-assessments is what the marts hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.report.site import charts
from dagster_project.report.site.cells import Words
from dagster_project.report.site.outlook import changes, comments
from dagster_project.report.site.page import Work
from dagster_project.report.site.pages import maturity, release
from dagster_project.report.site.reading import Reading
from dagster_project.settings import load_settings
from tests.demonstrations import AS_OF, Published


@pytest.fixture(scope="module")
def published_once(published) -> Published:  # type: ignore[no-untyped-def]
    return published("clean", 3000, 1)


@pytest.fixture(scope="module")
def reading(published_once: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    """The release with one figure of a closed quarter that three things have changed, and one that one has."""
    workspace = published_once.workspace
    database = tmp_path_factory.mktemp("changed") / "procurement.duckdb"
    database.write_bytes(workspace.current_database.read_bytes())
    with duckdb.connect(str(database)) as con:
        con.execute(
            "insert into kpi_changes (compared_with, closed_period, kpi_id, period_type, period, member_code, "
            "category_group, before, now, difference, late, corrected, removed, settings, definition) values "
            "('closed_period', '2022-Q1', 'coordinated_share', 'quarter', '2022-Q1', 'ALL', 'ALL', "
            "0.5, 0.47, -0.03, 0.05, -0.02, -0.06, 0, 0), "
            "('closed_period', '2022-Q1', 'contract_followup_count', 'quarter', '2022-Q1', 'ALL', 'ALL', "
            "9, 11, 2, 2, 0, 0, 0, 0)"
        )
    opened = Reading.open(database, load_settings(workspace.settings_file), date.fromisoformat(AS_OF))
    yield opened
    opened.con.close()


def work(reading: Reading) -> Work:
    return Work(reading, Words(reading), Path())


def test_a_difference_with_several_parts_is_drawn_step_by_step(reading: Reading) -> None:
    told = changes(reading)
    [split] = [one for one in told["coordinated_share"] if one["waterfall"]]
    for words in ("50,0", "+5,0", "−2,0", "−6,0", "47,0", "sent inkommet", "rättat", "borttaget"):
        assert words in split["waterfall"]
    assert all(one["waterfall"] is None for one in told["contract_followup_count"])


def test_the_steps_of_a_waterfall_meet() -> None:
    drawn = charts.waterfall([0.5, 0.6, 0.4], [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")], title="t")
    assert drawn.count("<rect") == 2
    assert drawn.count('class="end-mark"') == 2
    with pytest.raises(ValueError, match="zip"):
        charts.waterfall([0.5, 0.6], [("a", "1")], title="t")


def test_the_release_page_counts_the_closed_figures_that_differ(reading: Reading) -> None:
    [page] = release.KIND.make(work(reading))
    [row] = page.context["closed"]
    assert (row["closed_period"], row["differing"], row["late"], row["corrected"], row["removed"]) == (
        "2022-Q1", 2, 2, 1, 1,
    )  # fmt: skip
    assert row["kpis"] == ["coordinated_share", "contract_followup_count"]


def test_every_comment_stands_at_its_indicator(reading: Reading) -> None:
    told = [one["text"] for of_kpi in comments(reading).values() for one in of_kpi]
    assert sorted(told) == [
        row["text"] for row in reading.rows("select text from kpi_comments order by text")
    ]
    assert [one["period"] for one in comments(reading)["coordinated_share"]] == ["2022", "2021"]


def test_the_self_assessments_are_the_marts(reading: Reading) -> None:
    [page] = maturity.KIND.make(work(reading))
    [graph] = page.context["graphs"]
    told = {(one["assessment_id"], one["role"], one["vertical"], one["horizontal"]) for one in graph["rows"]}
    held = reading.rows("select assessment_id, role, vertical, horizontal from ambition_graph")
    assert told == {tuple(row.values()) for row in held}
    [model] = page.context["models"]
    counted = sum(sum(part["items"].values()) for part in model["parts"])
    assert counted == reading.one(
        "select sum(items) from maturity where assessment_id = ?", [model["assessment"]]
    )
    assert sum(part["span"] for part in model["parts"]) == len(model["parts"])


def test_names_beside_points_cover_no_point() -> None:
    places = [(100.0, 100.0), (120.0, 100.0)]
    at_x, at_y, anchor = charts._beside(100.0, 100.0, 40.0, places)
    assert anchor == "end" or abs(at_y - 104) > 10 or at_x > 128

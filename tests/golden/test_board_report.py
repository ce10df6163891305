"""The report to the board: made from the session's release, every figure as the mart has it, texts never markup."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from dagster_project.cli import cli
from dagster_project.flow.closing import reported_from
from dagster_project.flow.releases import PublishError
from dagster_project.report.board import board_report
from dagster_project.report.board.content import content
from dagster_project.report.board.pdf import typeset
from dagster_project.report.formats import Formats
from dagster_project.report.site.reading import Reading
from dagster_project.settings import Workspace, load_settings
from tests.demonstrations import AS_OF, Published

PERIOD = "2022-Q4"
DAY = date.fromisoformat(AS_OF)


@pytest.fixture(scope="module")
def release(published) -> Published:  # type: ignore[no-untyped-def]
    return published("clean", 3000, 1)


def read(release: Published, database: Path | None = None, period: str = PERIOD) -> dict[str, Any]:
    workspace = release.workspace
    reading = Reading.open(
        database or workspace.current_database, load_settings(workspace.settings_file), DAY
    )
    try:
        return content(reading, period)
    finally:
        reading.con.close()


@pytest.fixture(scope="module")
def told(release: Published) -> dict[str, Any]:
    return read(release)


def test_the_command_writes_the_same_bytes_every_time(release: Published, tmp_path: Path) -> None:
    made = []
    for name in ("one.pdf", "two.pdf"):
        path = tmp_path / name
        done = CliRunner().invoke(
            cli, ["report", "--period", PERIOD, "--data", str(release.workspace.root), "--output", str(path)]
        )
        assert done.exit_code == 0, done.output
        made.append(path.read_bytes())
    assert made[0].startswith(b"%PDF-")
    assert made[0] == made[1]


def test_every_figure_is_the_marts(release: Published, told: dict[str, Any]) -> None:
    formats = Formats("sv")
    rows = {
        row["name"]: row
        for objective in told["objectives"]
        for row in objective["rows"] + objective["others"]
    }
    figures = release.table(
        "select name_sv, v.kpi_id, v.unit, actual, status from kpi_values as v inner join kpi_catalogue using (kpi_id) "
        "where period = '2022-Q4-ytd' and member_code = 'ALL' and category_group = 'ALL' and actual is not null "
        "and status in ('met', 'not_met', 'baseline', 'measured')"
    )
    assert figures.height > 20
    for name, kpi_id, unit, actual, status in figures.iter_rows():
        assert (rows[name]["outcome"], rows[name]["state"]) == (
            formats.figure(actual, unit, kpi_id),
            status,
        ), kpi_id


def test_every_indicator_is_told_once_with_a_value_or_why_it_has_none(
    release: Published, told: dict[str, Any]
) -> None:
    names = [row["name"] for one in told["objectives"] for row in one["rows"] + one["others"]]
    without = ", ".join(one["names"] for one in told["missing"])
    catalogue = release.table("select name_sv from kpi_catalogue where is_live")["name_sv"].to_list()
    assert len(names) == len(set(names))
    assert {name for name in catalogue if name not in names} == {
        name for name in catalogue if name in without
    }


def test_what_misses_its_target_by_more_than_chance_is_a_deviation(
    release: Published, told: dict[str, Any]
) -> None:
    missed = release.table(
        "select name_sv from kpi_values inner join kpi_catalogue using (kpi_id) where period = '2022-Q4-ytd' "
        "and member_code = 'ALL' and category_group = 'ALL' and status = 'not_met' "
        "and target_verdict is distinct from 'within_interval'"
    )["name_sv"].to_list()
    shown = [one["name"] for one in told["deviations"]] + told["more_deviations"]
    assert missed
    assert set(missed) <= set(shown)


def test_nothing_after_the_period_is_drawn(release: Published) -> None:
    early = read(release, period="2020-Q2")
    marks = [len(run) for one in early["deviations"] if one["chart"] for run in one["chart"]["runs"]]
    quarters = release.table(
        "select count(*) as n from dim_period where period_type = 'quarter' and period_end <= date '2020-06-30'"
    )["n"].item()
    assert marks
    assert max(marks) <= quarters


def test_comments_on_periods_that_end_the_same_day_are_told(release: Published, told: dict[str, Any]) -> None:
    texts = [one["text"] for one in told["comments"]] + [one["comment"] for one in told["deviations"]]
    wanted = release.table("select text from kpi_comments where period in ('2022', '2022-Q4')")[
        "text"
    ].to_list()
    assert wanted
    assert all(any(text in one for one in texts) for text in wanted)
    assert not any("årsrapporten" in one for one in texts)  # what was said of 2021


@pytest.mark.parametrize(
    "text", ['#panic("no")', "*fet* _kursiv_ $x$", '"citat" \\ #let it = 1', "// borta", "@nowhere <label>"]
)
def test_no_sign_in_a_comment_is_markup(told: dict[str, Any], text: str) -> None:
    comment = {"name": text, "member": text, "text": text}
    spoiled = told | {
        "comments": [comment],
        "deviations": [one | {"comment": text, "name": text} for one in told["deviations"]],
    }
    assert typeset(spoiled, DAY).startswith(b"%PDF-")


def test_a_release_without_forecast_comments_and_targets_gives_a_report(
    release: Published, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.duckdb"
    bare.write_bytes(release.workspace.current_database.read_bytes())
    with duckdb.connect(str(bare)) as con:
        for table in ("kpi_forecast", "kpi_comments", "kpi_changes", "kpi_breaks"):
            con.execute(f"delete from {table}")
        con.execute(
            "update kpi_values set actual = null, status = 'no_data', change_verdict = null, target = null"
        )
    told = read(release, bare)
    assert (told["deviations"], told["comments"], told["panels"], told["improved"]) == ([], [], [], [])
    assert board_report(bare, load_settings(release.workspace.settings_file), DAY, PERIOD).startswith(
        b"%PDF-"
    )


def test_an_unknown_period_and_a_folder_without_release_are_told_plainly(
    release: Published, tmp_path: Path
) -> None:
    done = CliRunner().invoke(cli, ["report", "--period", "2035-Q1", "--data", str(release.workspace.root)])
    assert done.exit_code == 1
    assert "2035-Q1" in done.output
    with pytest.raises(PublishError, match="mattstock run"):
        reported_from(Workspace(tmp_path), PERIOD)


def test_the_paragraph_on_savings_names_every_method_and_what_chance_gives(
    release: Published, told: dict[str, Any]
) -> None:
    formats = Formats("sv")
    rows = release.table(
        "select method, saving_amount, artefact_amount from savings_summary where period = '2022-Q4-ytd' "
        "and member_code = 'ALL' and category_group = 'ALL'"
    )
    said = " ".join(told["savings"])
    assert rows.height == 4
    for method, saving, chance in rows.iter_rows():
        grade = {"basket": "(A)", "negotiation": "(B)", "market_price": "(C)", "ALL": ""}[method]
        assert f"{formats.amount(saving)} {grade}".rstrip() in said, method
        assert chance is None or formats.amount(chance) in said, method
    [(net,)] = release.table(
        "select net_amount from coordination_benefit where level = 'year' and year = 2022"
    ).rows()
    assert formats.amount(net) in said

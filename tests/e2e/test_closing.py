"""A quarter is closed, and then everything happens to it at once: what was reported stands, and every difference is
split. The expected parts are counted by hand below.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from dagster_project.cli import cli
from dagster_project.flow import build, closed, closing, refresh, releases
from dagster_project.flow.refresh import Refresh
from dagster_project.flow.releases import PublishError
from dagster_project.report.board import board_report
from dagster_project.report.render import render
from dagster_project.settings import Settings, Workspace, load_settings
from tests.dbt_here import dbt_in
from tests.deliveries import ORGANISATION, deliver

AS_OF = date(2022, 12, 31)
QUARTER = "2022-Q3"
HEADER = "procurement_id;title;category_code;procedure;announced_date;completed_date;questions_count\n"
THEN = {
    "procurements/p.csv": HEADER
    + "P1;Kaffe;K1;open;2022-07-10;2022-08-01;\nP2;Te;K1;open;2022-07-11;2022-08-15;\n"
    + "P3;Salt;K1;open;2022-07-12;2022-09-01;\nP4;Socker;K1;selective;2022-07-13;2022-09-10;\n",
    "participants/d.csv": "procurement_id;unit_id\nP1;u1\nP1;u2\nP2;u1\nP3;u1\nP3;u2\nP4;u1\nP4;u2\n",
}
SINCE = {
    # Late: a procurement, and a member's part in one that was there already. Corrected: the day of P1.
    "procurements/p2.csv": HEADER
    + "P5;Mjöl;K1;open;2022-07-14;2022-09-20;4\nP1;Kaffe;K1;open;2022-07-10;2022-10-05;\n",
    "participants/d2.csv": "procurement_id;unit_id\nP2;u2\nP5;u1\nP5;u2\n",
    # Removed: that u2 took part in P3.
    "participants/d.csv": THEN["participants/d.csv"].replace("P3;u2\n", ""),
}
# Another scope, and no more releases kept than one.
SETTINGS = (
    ORGANISATION
    + "scope: {exclude_procedures: [direct_award, lov, framework_call, selective]}\nretention: {releases: 1}\n"
)
# What the program counted before it was changed: also what one member alone had procured.
DEFINITION = "        when not participation.is_coordinated then 'not_met:one_member'\n"
PARTS = ("definition", "late", "corrected", "removed", "settings")


@dataclass(frozen=True)
class Story:
    """A data folder whose quarter was closed with `first`; `second` was published after all that came since."""

    workspace: Workspace
    first: releases.Release
    second: releases.Release

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.second.database), read_only=True) as connection:
            return connection.sql(query, params=list(arguments)).pl().to_dicts()

    def figure(self, kpi: str, member: str = "ALL", compared_with: str = "closed_period") -> dict[str, Any]:
        [found] = self.rows(
            "select * from kpi_changes where compared_with = ? and kpi_id = ? and period = ? and member_code = ? "
            "and category_group = 'ALL'",
            *(compared_with, kpi, QUARTER, member),
        )
        return found


def published(workspace: Workspace) -> releases.Release:
    with Refresh(workspace, AS_OF) as run:
        run.arrive()
        target = run.open_for_dbt().target
        told = dbt_in(workspace, "run")
        assert all(said.startswith("success") for said in told.values()), told
        run.judge_marts(target / "manifest.json")
        assert run.ending is None, run.verdicts
        release = run.publish(render)
    assert release is not None
    return release


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("closing")
    project = Path(shutil.copytree(build.DBT_DIR, folder / "dbt", ignore=shutil.ignore_patterns("target")))
    model = project / "models" / "marts" / "kpi" / "kpi_coordinated_count.sql"
    assert DEFINITION in model.read_text(encoding="utf-8")
    model.write_text(model.read_text(encoding="utf-8").replace(DEFINITION, ""), encoding="utf-8")
    workspace = deliver(folder / "data", THEN)
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(build, "DBT_DIR", project)
        earlier.setattr("tests.dbt_here.build.DBT_DIR", project)
        earlier.setattr(refresh, "code_version", lambda: "another program")
        first = published(workspace)
        closing.close(workspace, QUARTER)
    deliver(workspace.root, SINCE, SETTINGS, base=False)
    return Story(workspace, first, published(workspace))


# | coordinated_count       | P1 | P2 | P3 | P4 | P5 | sum |
# | as reported, also alone | x  | x  | x  | x  |    |  4  |
# | definition              | x  |    | x  | x  |    |  3  |
# | late                    | x  | x  | x  | x  | x  |  5  |
# | corrected               |    | x  | x  | x  | x  |  4  |
# | removed                 |    | x  |    | x  | x  |  3  |
# | settings                |    | x  |    |    | x  |  2  |
def test_a_late_record_bears_what_it_changes_in_others(story: Story) -> None:
    figure = story.figure("coordinated_count")
    assert (figure["before"], figure["now"], figure["difference"]) == (4, 2, -2)
    assert [figure[part] for part in PARTS] == [-1, 2, -1, -1, -1]


def test_a_members_figure_is_split_by_itself(story: Story) -> None:
    figure = story.figure("coordinated_count", "9102")
    assert (figure["before"], figure["now"]) == (3, 2)
    assert [figure[part] for part in PARTS] == [0, 2, -1, -1, -1]


def test_a_share_is_split_exactly_although_it_has_no_last_decimal(story: Story) -> None:
    figure = story.figure("coordinated_share")  # 3/4, late 5/5, corrected 4/4, removed 3/4, settings 2/3
    parts = [str(figure[part]) for part in PARTS]
    assert [float(part) for part in parts] == [0, 0.25, 0, -0.25, -0.0833333333]
    assert sum(figure[part] for part in PARTS) == figure["difference"]


def test_the_parts_of_every_figure_sum_to_the_whole(story: Story) -> None:
    [found] = story.rows(
        "select count(*) as figures, count(*) filter (where difference is distinct from "
        "definition + late + corrected + removed + settings) as wrong, "
        "count(*) filter (where (difference is null) <> (came_with is not null)) as unexplained "
        "from kpi_changes where compared_with = 'closed_period' and before is distinct from now"
    )
    assert found["figures"] >= 16
    assert (found["wrong"], found["unexplained"]) == (0, 0)


def test_a_figure_that_came_to_be_says_what_it_came_with(story: Story) -> None:
    figure = story.figure("questions_mean")
    assert (figure["before"], figure["now"], figure["difference"]) == (None, 4, None)
    assert [figure[part] for part in PARTS] == [None] * 5
    assert figure["came_with"] == "late"


@pytest.mark.parametrize("compared_with", ["closed_period", "release_before"])
def test_records_that_came_went_and_changed_are_counted(story: Story, compared_with: str) -> None:
    figure = story.figure("coordinated_count", compared_with=compared_with)
    # P5 came, P1 went to another quarter; P3 and P4 do not count any more. P2 counts as it did.
    assert [figure[f"records_{what}"] for what in ("added", "removed", "changed")] == [1, 1, 2]


def test_every_figure_of_a_closed_quarter_is_there_as_reported_and_as_now(story: Story) -> None:
    with duckdb.connect(str(story.first.database), read_only=True) as connection:
        then = dict(
            connection.execute(
                "select (kpi_id, period, member_code, category_group)::varchar, actual from kpi_values "
                "where starts_with(period, ?)",
                [QUARTER],
            ).fetchall()
        )
    told = story.rows(
        "select (kpi_id, period, member_code, category_group)::varchar as figure, reported from kpi_reported "
        "where closed_period = ? and status_reported is not null",
        QUARTER,
    )
    assert {row["figure"]: row["reported"] for row in told} == then


def test_every_column_of_both_marts_is_described(story: Story) -> None:
    missing = story.rows(
        "select * from mart_columns where \"table\" in ('kpi_changes', 'kpi_reported') and description is null"
    )
    assert missing == []
    assert story.rows("select count(*) as n from mart_columns where \"table\" = 'kpi_changes'") != [{"n": 0}]


def test_retention_never_takes_a_closed_release(story: Story) -> None:
    assert releases.retire(story.workspace, 1) == []
    assert releases.release_ids(story.workspace) == [story.first.release_id, story.second.release_id]


def test_a_closing_rests_on_nothing_but_what_the_release_was_made_from(story: Story, tmp_path: Path) -> None:
    workspace = copied(story, tmp_path)
    (workspace.raw / "participants" / "d2.csv").unlink()
    with pytest.raises(PublishError, match=story.second.release_id):
        closing.close(workspace, "2022-Q2")


@pytest.mark.parametrize(("period", "key"), [("2022-Q3", "already"), ("2031-Q1", "unknown_period")])
def test_what_cannot_be_closed_is_refused(story: Story, period: str, key: str) -> None:
    with pytest.raises(PublishError) as refused:
        closing.close(story.workspace, period)
    assert refused.value.key == f"close.{key}"


def copied(story: Story, folder: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(story.workspace.root, folder / "data", symlinks=True)))


def told(workspace: Workspace, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [*arguments, "--data", str(workspace.root)])
    return result.exit_code, result.output


def changed(file: Path) -> None:
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "file",
    [
        "marts/closed/{first}/delivered/procurements.parquet",
        "marts/closed/{first}/seal.json",
        "marts/releases/{first}/procurement.duckdb",
        "marts/releases/{first}/release.json",
    ],
)
def test_one_changed_bit_in_what_was_sealed_is_found(story: Story, tmp_path: Path, file: str) -> None:
    workspace = copied(story, tmp_path)
    assert told(workspace, "verify", QUARTER)[0] == 0
    file = file.format(first=story.first.release_id)
    changed(workspace.root / file)
    code, words = told(workspace, "verify", QUARTER)
    assert code == 1
    assert Path(file).name in words


def test_a_line_taken_out_of_the_log_or_a_period_off_the_list_is_found(story: Story, tmp_path: Path) -> None:
    workspace = copied(story, tmp_path)
    assert told(workspace, "verify")[0] == 0
    listed = workspace.marts / "closed.json"
    kept = listed.read_text(encoding="utf-8")
    listed.write_text('{"periods": {}}', encoding="utf-8")
    assert told(workspace, "verify")[0] == 1
    listed.write_text(kept, encoding="utf-8")
    closing.reopen(workspace, QUARTER, "fel fil")
    assert told(workspace, "verify")[0] == 0
    log = closed.log_file(workspace)
    log.write_text(log.read_text(encoding="utf-8").split("\n", 1)[1], encoding="utf-8")
    assert told(workspace, "verify")[0] == 1


def test_reopening_needs_a_reason_and_is_in_the_log(story: Story, tmp_path: Path) -> None:
    workspace = copied(story, tmp_path)
    with pytest.raises(PublishError) as refused:
        closing.reopen(workspace, QUARTER, "  ")
    assert refused.value.key == "close.no_reason"
    assert QUARTER in closed.closed_periods(workspace)
    code, _ = told(workspace, "reopen", QUARTER, "--reason", "Fel budgetfil")
    assert code == 0
    assert closed.closed_periods(workspace) == {}
    lines = [json.loads(line) for line in closed.log_file(workspace).read_text("utf-8").splitlines()]
    assert [(line["did"], line["reason"]) for line in lines] == [
        ("closed", None),
        ("reopened", "Fel budgetfil"),
    ]
    # Nothing holds the release any more.
    assert releases.retire(workspace, 1) == [story.first.release_id]


def test_the_report_comes_back_byte_for_byte_or_not_at_all(story: Story, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    deliver(workspace.root, {})
    release, period = reported(story, workspace)

    def otherwise(database: Path, folder: Path, settings: Settings, as_of: date) -> None:
        (folder / "page.html").write_text("something else", "utf-8")

    with pytest.MonkeyPatch.context() as same:
        same.setattr(closing, "code_version", lambda: release.code_version)
        closing.as_reported(workspace, period, tmp_path / "report", render)
        assert releases.files_of(tmp_path / "report") == releases.files_of(release.directory / "reports")
        for file in releases.files_of(tmp_path / "report"):
            given, sealed = tmp_path / "report" / file, release.directory / "reports" / file
            assert given.read_bytes() == sealed.read_bytes(), file
        with pytest.raises(PublishError) as refused:
            closing.as_reported(workspace, period, tmp_path / "again", otherwise)
        assert refused.value.key == "close.not_the_same"
    changed(release.directory / "reports" / "index.html")
    with pytest.raises(PublishError) as refused:
        closing.as_reported(workspace, period, tmp_path / "again")
    assert refused.value.key == "close.not_whole"
    assert not (tmp_path / "again").exists()


def test_the_board_reads_a_closed_quarter_from_the_release_that_closed_it(
    story: Story, tmp_path: Path
) -> None:
    release, settings = closing.reported_from(story.workspace, QUARTER)
    assert release.release_id == story.first.release_id
    kept = closed.kept_folder(story.workspace, release.release_id) / closed.SETTINGS_FILE
    assert settings == load_settings(kept)
    assert settings != load_settings(story.workspace.settings_file)
    later, now = closing.reported_from(story.workspace, "2021")
    assert (later.release_id, now) == (
        story.second.release_id,
        load_settings(story.workspace.settings_file),
    )
    made = board_report(release.database, settings, release.as_of, QUARTER)
    assert made == board_report(release.database, settings, release.as_of, QUARTER)
    assert made != board_report(later.database, now, later.as_of, QUARTER)

    workspace = Workspace(tmp_path / "data")
    deliver(workspace.root, {})
    release, period = reported(story, workspace)
    changed(release.database)
    with pytest.raises(PublishError) as refused:
        closing.reported_from(workspace, period)
    assert refused.value.key == "close.not_whole"


def reported(story: Story, workspace: Workspace) -> tuple[releases.Release, str]:
    """The first release, closed, in a data folder of its own."""
    place = workspace.marts / "releases" / story.first.release_id
    shutil.copytree(story.first.directory, place)
    release_file = place / releases.RELEASE_FILE
    kept = closed.kept_folder(workspace, story.first.release_id)
    shutil.copytree(closed.kept_folder(story.workspace, story.first.release_id), kept)
    one = closed.ClosedPeriod(
        period=QUARTER,
        release_id=story.first.release_id,
        closed_at=closed.now(),
        closed_by="prov",
        release_sha256=releases.sha256(release_file),
        seal_sha256=releases.sha256(kept / closed.SEAL_FILE),
    )
    closed.write_closed(workspace, {QUARTER: one})
    [release] = releases.releases(workspace)
    return release, QUARTER

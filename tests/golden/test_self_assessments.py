"""The two self-assessments against the same answers scored here by hand, question by question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from statistics import mean, median_low

import pytest

from tests.demonstrations import Published

Answers = dict[tuple[str, str], dict[str, float]]


@pytest.fixture(scope="module")
def release(published: Callable[..., Published]) -> Published:
    return published("clean", 3000, 1)


@pytest.fixture(scope="module")
def answers(release: Published) -> Answers:
    """Answer by question, per assessment and respondent, as delivered."""
    found: Answers = defaultdict(dict)
    [file] = (release.workspace.root / "raw" / "maturity_answers").iterdir()
    for line in file.read_text(encoding="utf-8-sig").splitlines()[1:]:
        assessment, respondent, question, _, _, _, answer = line.split(";")
        found[assessment, respondent][question] = float(answer.replace(",", "."))
    return found


def vertical(given: dict[str, float]) -> float | None:
    """The vertical axis of one respondent; None where a question is left out."""
    try:
        first = sum(given[f"V1.{number}"] for number in range(1, 6)) / 19 * 4
        second = mean(given[f"V2.{number}"] for number in range(1, 5))
        followed = given["V3.4b"] if "V3.4b" in given else 0.5 * given["V3.4a"]
        third = (given["V3.1"] + given["V3.2"] + given["V3.3"] + followed + given["V3.5"]) / 5
    except KeyError:
        return None
    return (first + second + third) / 3


@pytest.mark.parametrize("year", [2021, 2022])
def test_the_axes_are_the_means_over_the_respondents(release: Published, answers: Answers, year: int) -> None:
    given = [told for (assessment, _), told in answers.items() if assessment == f"ambition-{year}"]
    axes = [vertical(told) for told in given]
    known = [axis for axis in axes if axis is not None]
    horizontal = mean(mean(told[f"H{number}"] for number in range(1, 6)) for told in given)
    row = release.table(
        "select respondents, vertical_respondents, missing_answers, vertical, horizontal, "
        "is_vertical_systematic, is_horizontal_systematic "
        f"from ambition_graph where assessment_id = 'ambition-{year}' and role = 'ALL'"
    ).to_dicts()
    assert row == [
        {
            "respondents": 5,
            "vertical_respondents": len(known),
            "missing_answers": axes.count(None),
            "vertical": pytest.approx(mean(known)),
            "horizontal": pytest.approx(horizontal),
            "is_vertical_systematic": mean(known) >= 2.5,
            "is_horizontal_systematic": horizontal >= 2.5,
        }
    ]


def test_one_respondent_left_a_question_out_and_every_role_has_its_row(release: Published) -> None:
    rows = release.table(
        "select assessment_id, role, respondents, respondents - vertical_respondents as without from ambition_graph"
    ).rows()
    assert sorted(rows) == [
        ("ambition-2021", "ALL", 5, 0),
        ("ambition-2021", "chef", 2, 0),
        ("ambition-2021", "inköpare", 3, 0),
        ("ambition-2022", "ALL", 5, 1),
        ("ambition-2022", "chef", 2, 0),
        ("ambition-2022", "inköpare", 3, 1),
    ]


def test_every_item_of_the_dalarna_model_is_at_its_level(release: Published, answers: Answers) -> None:
    for year in (2021, 2022):
        given = [told for (assessment, _), told in answers.items() if assessment == f"dalamodell-{year}"]
        levels = {item: int(median_low([told[item] for told in given])) for item in given[0]}
        rows = release.table(
            f"select level_rank, item_list from maturity where assessment_id = 'dalamodell-{year}' and items > 0"
        ).rows()
        found = {item.split(" ")[0]: level for level, listed in rows for item in listed.split("; ")}
        assert found == levels
        assert len(found) == 37


def test_shares_of_a_step_and_perspective_are_one_whole_and_the_change_is_from_the_year_before(
    release: Published,
) -> None:
    wholes = release.table(
        "select sum(share) as whole, count(distinct level) as levels from maturity "
        "group by assessment_id, step, perspective"
    )
    assert wholes["whole"].to_list() == pytest.approx([1.0] * wholes.height)
    assert set(wholes["levels"]) == {4}
    assert wholes.height == 2 * 17
    off = release.table(
        "select count(*) from maturity as now join maturity as before "
        "on before.assessment_id = now.previous_assessment_id and before.step = now.step "
        "and before.perspective is not distinct from now.perspective and before.level = now.level "
        "where abs(now.change - (now.share - before.share)) > 1e-12"
    )
    assert off.rows() == [(0,)]
    firsts = release.table("select distinct assessment_id from maturity where change is null")
    assert firsts.rows() == [("dalamodell-2021",)]

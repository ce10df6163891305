"""Numbers, amounts and periods as people write them."""

from __future__ import annotations

import re

import pytest

from dagster_project.report.formats import FORMULA, Formats

SV, EN = Formats("sv"), Formats("en")


def plainly(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "unit", "kpi_id", "written"),
    [
        (0.6031746, "share", "", "60,3 %"),
        (4.0, "mean", "bids_mean", "4,0 anbud"),
        (1234567.0, "sek", "", "1,2 mkr"),
        (12345.0, "sek", "", "12 tkr"),
        (-980.4, "sek", "", "\u2212980 kr"),
        (1234.0, "count", "", "1 234"),
        (-0.00001, "share", "", "0,0 %"),
    ],
)
def test_a_figure_is_written_with_its_unit(value: float, unit: str, kpi_id: str, written: str) -> None:
    assert plainly(SV.figure(value, unit, kpi_id)) == written


def test_a_change_of_a_share_is_in_percentage_points_with_its_sign() -> None:
    assert plainly(SV.difference(0.006, "share")) == "+0,6 procentenheter"
    assert plainly(EN.difference(-0.006, "share")) == "\u22120.6 percentage points"


def test_a_target_has_no_more_decimals_than_it_carries() -> None:
    assert plainly(SV.target(">=", 0.6, "share")) == "minst 60 %"
    assert plainly(SV.target("<", 0.125, "share")) == "mindre än 12,5 %"
    assert plainly(SV.target(">=", 1200.0, "count")) == "minst 1 200"
    assert SV.target("decrease", None, "share") == "ska minska"


@pytest.mark.parametrize(
    ("period", "written"),
    [
        ("2021", "2021"),
        ("2021-Q3", "2021 kvartal 3"),
        ("2021-T2", "2021 tertial 2"),
        ("2021-H1", "2021 halvår 1"),
        ("2021-Q3-ytd", "2021 till och med september"),
        ("2021-Q4-r12", "tolv månader till och med december 2021"),
        ("whenever", "whenever"),
    ],
)
def test_a_period_is_written_in_words(period: str, written: str) -> None:
    assert SV.period(period) == written


@pytest.mark.parametrize("text", ["=1+1", "+46", "-1", "@sum", "\tx"])
def test_what_a_spreadsheet_would_count_is_known(text: str) -> None:
    assert re.search(FORMULA, text)


def test_plain_text_is_left_alone() -> None:
    assert not re.search(FORMULA, "A-2021-001=+@")

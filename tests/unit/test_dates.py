"""Dates and months as people and systems write them."""

from datetime import date

import polars as pl
import pytest

from dagster_project.flow.values.dates import read_dates, read_months

FOURTH_OF_MARCH = date(2021, 3, 4)


@pytest.mark.parametrize(
    "text",
    ["2021-03-04", "20210304", "2021/03/04", "04.03.2021", "4.3.2021", "2021-03-04 00:00:00",
     "2021-03-04T00:00:00", "2021-03-04T00:00:00.000Z", "2021-03-04 00:00", "44259", "44259.0", "2021-3-4"],
)  # fmt: skip
def test_a_date_in_a_known_form_is_read(text: str) -> None:
    reading = read_dates(pl.Series([text]))
    assert (reading.value[0], reading.rule[0]) == (FOURTH_OF_MARCH, None)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2021-02-30", "impossible_date"),
        ("20211301", "impossible_date"),
        ("31.04.2021", "impossible_date"),
        ("0001-01-01", "impossible_date"),
        ("03/04/2021", "ambiguous_date"),
        ("210304", "unreadable_date"),
        ("2021-03-04 13:45:00", "unreadable_date"),
        ("19999", "unreadable_date"),
        ("80001", "unreadable_date"),
        ("44259.5", "unreadable_date"),
        ("mars 2021", "unreadable_date"),
        ("2021-03/04", "unreadable_date"),
    ],
)
def test_a_date_that_cannot_be_is_told_from_one_that_cannot_be_read(text: str, rule: str) -> None:
    reading = read_dates(pl.Series([text]))
    assert (reading.value[0], reading.rule[0]) == (None, rule)


def test_a_pattern_of_the_organisation_settles_the_order_of_day_and_month() -> None:
    assert (
        read_dates(pl.Series(["04/03/2021", "2021-03-04"]), "%d/%m/%Y").value.to_list()
        == [FOURTH_OF_MARCH] * 2
    )


def test_an_empty_date_is_nothing_wrong() -> None:
    reading = read_dates(pl.Series([None], dtype=pl.String))
    assert (reading.value[0], reading.rule[0]) == (None, None)


@pytest.mark.parametrize("text", ["2021-03", "202103", "2021/03", "2021-03-04", "20210304", "44259"])
def test_a_month_in_a_known_form_is_read(text: str) -> None:
    assert read_months(pl.Series([text])).value[0] == "2021-03"


@pytest.mark.parametrize("text", ["2021-13", "2021", "mars", "03-2021"])
def test_a_month_that_is_none_is_unreadable(text: str) -> None:
    assert read_months(pl.Series([text])).rule[0] == "unreadable_month"

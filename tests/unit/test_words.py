"""Yes, no, and the allowed codes."""

import polars as pl
import pytest

from dagster_project.contracts import Column
from dagster_project.flow.values.words import enum_words, only_crosses, read_booleans, read_enum

PROCEDURE = Column(
    name="procedure",
    description="Kind.",
    type="enum",
    label_sv="Förfarande",
    values={"open": ("öppet", "öppet förfarande"), "direct_award": ("direktupphandling",)},
)
SHOWN = {"oppet": "öppet", "oppetforfarande": "öppet förfarande", "direktupphandling": "direktupphandling"}


@pytest.mark.parametrize("text", ["ja", "J", "X", "true", "SANT", "yes", "1"])
def test_yes_in_its_spellings(text: str) -> None:
    assert read_booleans(pl.Series([text]), False).value[0] is True


@pytest.mark.parametrize("text", ["nej", "N", "False", "falskt", "no", "0"])
def test_no_in_its_spellings(text: str) -> None:
    assert read_booleans(pl.Series([text]), False).value[0] is False


def test_another_word_is_neither_yes_nor_no() -> None:
    reading = read_booleans(pl.Series(["kanske", "2", None]), False)
    assert reading.value.to_list() == [None, None, None]
    assert reading.rule.to_list() == ["unknown_boolean", "unknown_boolean", None]


def test_empty_means_no_only_beside_crosses() -> None:
    assert read_booleans(pl.Series(["x", None]), True).value.to_list() == [True, False]
    assert read_booleans(pl.Series(["ja", None]), False).value.to_list() == [True, None]


@pytest.mark.parametrize(
    ("values", "answer"),
    [(["x", None], True), (["X", "x"], True), (["x", "nej"], False), (["ja", None], False), ([None], False)],
)
def test_a_column_of_crosses_holds_nothing_but_crosses(values: list[str | None], answer: bool) -> None:
    assert pl.DataFrame({"c": values}, schema={"c": pl.String}).select(only_crosses("c")).item() is answer


def test_an_enum_is_read_by_code_and_by_word_whatever_its_case() -> None:
    reading = read_enum(
        pl.Series(["open", "ÖPPET", "Öppet-förfarande", "Direkt upphandling"]), enum_words(PROCEDURE), SHOWN
    )
    assert reading.value.to_list() == ["open", "open", "open", "direct_award"]


def test_an_unknown_code_names_the_nearest_allowed_word() -> None:
    reading = read_enum(pl.Series(["direktupphandl"]), enum_words(PROCEDURE), SHOWN)
    assert (reading.value[0], reading.rule[0], reading.note[0]) == (None, "unknown_code", "direktupphandling")

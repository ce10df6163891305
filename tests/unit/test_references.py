"""The row reference of a correction workbook: read as it was written, and seen where it was changed."""

from __future__ import annotations

import polars as pl
import pytest

from dagster_project.flow.values.references import (
    Place,
    is_helper,
    read_reference,
    read_references,
    reference_position,
    write_reference,
)

KEY = bytes(range(32))
PLACE = Place("raw/invoices/lön | mars.csv", "Blad 1", 17, "0123456789abcdef")


@pytest.mark.parametrize("place", [PLACE, Place("raw/invoices/a.csv", "", 2, "f" * 16)])
def test_a_reference_is_read_as_it_was_written(place: Place) -> None:
    text = write_reference(KEY, "invoices", place)
    assert f"rad {place.row}" in text
    reading = read_references(pl.Series([text, None]), KEY, "invoices")
    assert reading.value.to_list() == [text, None]
    assert reading.rule.to_list() == [None, None]
    assert read_reference(text) == place


def test_a_reference_that_was_changed_is_refused() -> None:
    text = write_reference(KEY, "invoices", PLACE)
    changed = [text.replace("rad 17", "rad 18"), text[:-1], "rad 17", text.replace("mars", "april")]
    reading = read_references(pl.Series(changed), KEY, "invoices")
    assert reading.rule.to_list() == ["forged_reference"] * 4
    assert reading.value.null_count() == 4


@pytest.mark.parametrize(("key", "source"), [(b"another", "invoices"), (KEY, "contracts")])
def test_a_reference_holds_for_one_source_and_one_data_folder(key: bytes, source: str) -> None:
    text = write_reference(KEY, "invoices", PLACE)
    assert read_references(pl.Series([text]), key, source).rule.to_list() == ["forged_reference"]


def test_the_workbooks_own_headings_are_known_in_any_spelling() -> None:
    assert [is_helper(word) for word in ("radreferens", "VAD ÄR FEL", "Titel")] == [True, True, False]
    assert reference_position(["Titel", "Rad-referens"]) == 1
    assert reference_position(["Titel"]) is None

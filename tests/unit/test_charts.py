"""The charts' geometry: what a mark's size says."""

from __future__ import annotations

import re

import pytest

from dagster_project.report.site import charts


def sides(svg: str) -> list[tuple[float, float]]:
    """Width and height of every filled rectangle."""
    return [
        (float(width), float(height))
        for width, height in re.findall(r'class="column"[^>]* width="([\d.]+)" height="([\d.]+)"', svg)
    ]


def test_a_value_is_the_area_of_its_square_and_nothing_is_drawn_for_zero() -> None:
    drawn = charts.areas(
        [("ends", [(400.0, "much"), (100.0, "a quarter of it"), (0.0, "nothing")])],
        [("Q1", "2023"), ("Q2", ""), ("Q3", "")],
        title="Endings",
    )
    (wide, tall), (narrow, low) = sides(drawn)
    assert wide == tall
    assert narrow == low
    assert wide / narrow == pytest.approx(2, rel=0.01)
    assert "nothing" not in drawn


def test_an_empty_window_is_drawn_without_marks() -> None:
    assert sides(charts.areas([("ends", [(0.0, "")])], [("Q1", "2023")], title="Endings")) == []

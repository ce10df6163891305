"""How the console writes a figure."""

import pytest

from dagster_project.report.console import of_few


@pytest.mark.parametrize(
    ("unit", "numerator", "denominator", "written"),
    [
        ("share", 7.0, 12.0, " (7/12)"),
        ("share", 0.0, 1.0, " (0/1)"),
        ("share", 7.0, 20.0, ""),
        ("share", 7.5, 12.0, ""),
        ("share", None, 12.0, ""),
        ("share", 0.0, 0.0, ""),
        ("count", 7.0, None, ""),
        ("mean", 7.0, 12.0, ""),
    ],
)
def test_a_share_of_few_says_of_how_many(
    unit: str, numerator: float | None, denominator: float | None, written: str
) -> None:
    assert of_few(unit, numerator, denominator) == written

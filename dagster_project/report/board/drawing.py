"""Places the points of the report's small charts on a unit square; Typst draws them.

What belongs here: where things stand, as fractions of a chart's width and height from its lower left. What does not:
line widths and colours (`report.typ`), and which figures are drawn (`content.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dagster_project.report.site.charts import Scale

DECIMALS = 4


@dataclass(frozen=True)
class Mark:
    """One quarter of a line: its value, the target in force, and whether what is measured changed there."""

    label: str
    value: float | None
    target: float | None
    breaks: bool


def line(marks: Sequence[Mark], scale: Scale, ticks: Sequence[str]) -> dict[str, Any]:
    """A line with axis: runs of known values, the target as steps, breaks, ticks with their words."""
    gap = 1 / max(len(marks), 1)
    xs = [(index + 0.5) * gap for index in range(len(marks))]

    def up(value: float) -> float:
        return round((value - scale.bottom) / (scale.top - scale.bottom), DECIMALS)

    return {
        "runs": _runs(
            [(x, None if mark.value is None else up(mark.value)) for x, mark in zip(xs, marks, strict=True)]
        ),
        "target": [
            [round(x - gap / 2, DECIMALS), round(x + gap / 2, DECIMALS), up(mark.target)]
            for x, mark in zip(xs, marks, strict=True)
            if mark.target is not None and scale.bottom <= mark.target <= scale.top
        ],
        "breaks": [round(x - gap / 2, DECIMALS) for x, mark in zip(xs, marks, strict=True) if mark.breaks],
        "ticks": [[up(place), words] for place, words in zip(scale.ticks, ticks, strict=True)],
        "labels": [[round(x, DECIMALS), mark.label] for x, mark in zip(xs, marks, strict=True) if mark.label],
    }


def spark(values: Sequence[float | None]) -> dict[str, Any] | None:
    """A line without axis between its lowest and highest value; None when fewer than two are known."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = 1 / (len(values) - 1)
    return {
        "runs": _runs(
            [
                (index * step, None if value is None else round((value - low) / span, DECIMALS))
                for index, value in enumerate(values)
            ]
        )
    }


def _runs(points: Sequence[tuple[float, float | None]]) -> list[list[list[float]]]:
    """Points that follow each other without a gap, run by run."""
    runs: list[list[list[float]]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append([round(x, DECIMALS), y])
    return [run for run in runs if run]

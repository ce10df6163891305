"""What each indicator is to give in each span: what was published, and else something near it.

What belongs here: the figures aimed at, and whether a fraction shows as the published figure does. What does
not: records.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

from dagster_project.demo.boards.plan import FOLDER, Board, BoardError
from dagster_project.demo.scorecard import Period
from dagster_project.shipped import read_yaml

VARIATION = 0.08
"""How far an unpublished year strays from the nearest published one."""
NEVER_ABOVE = Fraction(97, 100)
"""No unpublished share is larger."""
ACCUMULATING = ("staff_turnover", "training_hours_per_employee", "enabled_savings")
"""What grows over the year, beside the counts: half a year gives half."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A value to come out. `decimals` is the precision in which it was published, None where it was not."""

    value: Fraction
    decimals: int | None

    def is_met_by(self, numerator: int, denominator: int) -> bool:
        """Whether the fraction, rounded to the published precision, is the published value."""
        if self.decimals is None:
            return True
        if denominator == 0:
            return False
        half = Fraction(1, 2) / Fraction(10) ** self.decimals
        return abs(Fraction(numerator, denominator) - self.value) < half

    def part_of(self, whole: int) -> int | None:
        """The numerator over `whole` nearest to the value, None where no numerator shows as published."""
        numerator = min(round(self.value * whole), whole)
        return numerator if self.is_met_by(numerator, whole) else None


class Levels:
    """The figures that a board's registers are to give."""

    def __init__(self, board: Board, rng: random.Random) -> None:
        self._board = board
        self._rng = rng
        self._usual = read_yaml(FOLDER / "usual.yml")
        self._published = {
            (outcome.kpi_id, outcome.period): Aim(Fraction(outcome.value), outcome.decimals)
            for outcome in board.outcomes
        }
        self._made: dict[tuple[str, str], Aim] = {}

    def is_published(self, kpi_id: str, span: Period | None = None) -> bool:
        """Whether the board has published the indicator, for the span or for any."""
        return any(
            kpi_id == found and span in (None, _span(self._board, at)) for found, at in self._published
        )

    def of(self, kpi_id: str, span: Period) -> Aim:
        """The published value, else one near the nearest published, else near what is usual."""
        key = (kpi_id, span.name)
        if key in self._published:
            return self._published[key]
        if key not in self._made:
            stray = Fraction(str(round(self._rng.uniform(1 - VARIATION, 1 + VARIATION), 3)))
            value = self._nearest(kpi_id, span) * stray
            if _accumulates(kpi_id):
                value = value * len(span.months) / 12
            elif kpi_id.endswith(("_share", "_index")):
                value = min(value, NEVER_ABOVE)
            self._made[key] = Aim(value, None)
        return self._made[key]

    def count(self, kpi_id: str, span: Period) -> int:
        """The number of things or persons: exactly as published, or within the precision of an 'about'."""
        aim = self.of(kpi_id, span)
        if aim.decimals is None or aim.decimals >= 0:
            return round(aim.value)
        reach = 10**-aim.decimals // 2 - 1
        return round(aim.value) + self._rng.randint(-reach, reach)

    def share(self, kpi_id: str, span: Period, whole: int) -> int:
        """How many of `whole` give the share; BoardError where no number does."""
        aim = self.of(kpi_id, span)
        part = aim.part_of(whole)
        if part is None:
            raise BoardError(f"{kpi_id} {span.name}: no part of {whole} shows as {float(aim.value)}")
        return part

    def _nearest(self, kpi_id: str, span: Period) -> Fraction:
        """A whole year's value: of the nearest published span that is not zero, else the usual one."""
        found = []
        for (published, name), aim in self._published.items():
            if published == kpi_id and aim.value:
                other = _span(self._board, name)
                a_year = Fraction(12, len(other.months)) if _accumulates(kpi_id) else Fraction(1)
                found.append((abs(other.first.year - span.first.year), aim.value * a_year))
        return min(found)[1] if found else Fraction(str(self._usual[kpi_id]))


def _accumulates(kpi_id: str) -> bool:
    return kpi_id.endswith("_count") or kpi_id in ACCUMULATING


def _span(board: Board, name: str) -> Period:
    return board.periods[board.spans.index(name)]

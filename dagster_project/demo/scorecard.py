"""Periods, sums, targets and status, for the truth: plain Python, kept apart from what is counted.

What belongs here: the common rules. What does not: any indicator's own definition (`figures.py`,
`spending.py`).
"""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from dagster_project.demo.facts import Target

ALL = "ALL"
Cell = tuple[str, str]
"""(member_code, category_group)."""


@dataclass(frozen=True, slots=True)
class Period:
    """A published period. `months` are (year, month)."""

    kind: str
    name: str
    first: date
    last: date

    @property
    def months(self) -> list[tuple[int, int]]:
        found, day = [], self.first
        while day <= self.last:
            found.append((day.year, day.month))
            day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return found

    def holds(self, day: date) -> bool:
        """Whether a day falls in the period."""
        return self.first <= day <= self.last


def month_end(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def periods(first_year: int, last_year: int) -> list[Period]:
    """Every period of whole calendar years; r12 begins with the first full twelve months."""
    found: list[Period] = []
    for year in range(first_year, last_year + 1):
        for kind, letter, length in (("quarter", "Q", 3), ("tertial", "T", 4), ("half", "H", 6)):
            for number in range(1, 12 // length + 1):
                first = date(year, (number - 1) * length + 1, 1)
                found.append(
                    Period(kind, f"{year}-{letter}{number}", first, month_end(year, number * length))
                )
        found.append(Period("year", str(year), date(year, 1, 1), date(year, 12, 31)))
        for quarter in range(1, 5):
            last = month_end(year, quarter * 3)
            found.append(Period("ytd", f"{year}-Q{quarter}-ytd", date(year, 1, 1), last))
            if year > first_year or quarter == 4:
                after = last + timedelta(days=1)
                found.append(
                    Period("r12", f"{year}-Q{quarter}-r12", date(after.year - 1, after.month, 1), last)
                )
    return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """One record in an indicator's basis.

    `unknown` records lower coverage and count nowhere else; `uncertain` ones lower coverage though they are
    summed. `distinct`: what is counted where the indicator counts distinct things.
    """

    day: date
    members: frozenset[str] = frozenset()
    group: str | None = None
    numerator: Fraction = Fraction(0)
    denominator: Fraction = Fraction(0)
    unknown: bool = False
    uncertain: bool = False
    distinct: Hashable = None

    @property
    def cells(self) -> list[Cell]:
        found: list[Cell] = [(ALL, ALL), *((member, ALL) for member in self.members)]
        if self.group is not None:
            found.append((ALL, self.group))
        return found


@dataclass(frozen=True, slots=True)
class Value:
    """One figure before targets."""

    numerator: Fraction | None
    denominator: Fraction | None
    actual: float | None
    coverage: float | None


NOTHING = Value(None, None, None, None)


@dataclass(slots=True)
class Figure:
    """What an indicator's truth is made of: how it is aggregated, its evidence, and what an empty period
    gives.
    """

    kpi_id: str
    aggregation: str
    evidence: list[Evidence] = field(default_factory=list)
    counts_events: bool = False


def float_of(value: Fraction | None) -> float | None:
    """The nearest float, None for None."""
    return None if value is None else value.numerator / value.denominator


def exact_sum(values: Iterable[Fraction]) -> Fraction:
    """The sum, added up as whole numbers per denominator, which is much faster than fraction by fraction."""
    whole: dict[int, int] = {}
    for value in values:
        whole[value.denominator] = whole.get(value.denominator, 0) + value.numerator
    return sum((Fraction(top, below) for below, top in whole.items()), Fraction(0))


def sum_up(figure: Figure, records: Iterable[Evidence]) -> Value:
    """The figure of one cell and period from its records."""
    records = list(records)
    known = [r for r in records if not r.unknown]
    sure = sum(1 for r in known if not r.uncertain)
    coverage = sure / len(records) if records else None
    if not known:
        empty = Value(Fraction(0), None, 0.0, coverage) if figure.counts_events and not records else NOTHING
        return Value(empty.numerator, None, empty.actual, coverage)
    if figure.aggregation == "median":
        middle = statistics.median([r.numerator for r in known])
        return Value(None, Fraction(len(known)), float_of(Fraction(middle)), coverage)
    if figure.aggregation == "count_distinct":
        total = Fraction(len({r.distinct for r in known if r.numerator > 0}))
        return Value(total, None, float_of(total), coverage)
    total = exact_sum(r.numerator for r in known)
    if figure.aggregation == "sum":
        return Value(total, None, float_of(total), coverage)
    below = exact_sum(r.denominator for r in known)
    actual = float_of(total / below) if below else None
    return Value(total, below, actual, coverage)


def values_of(figure: Figure, records: Iterable[Evidence]) -> dict[Cell, Value]:
    """Every published cell of a figure from a period's records; (ALL, ALL) always."""
    cells: dict[Cell, list[Evidence]] = {(ALL, ALL): []}
    for record in records:
        for cell in record.cells:
            cells.setdefault(cell, []).append(record)
    return {cell: sum_up(figure, records) for cell, records in cells.items()}


def month_buckets(evidence: Iterable[Evidence]) -> dict[tuple[int, int], list[Evidence]]:
    """Evidence by (year, month) of its day."""
    found: dict[tuple[int, int], list[Evidence]] = {}
    for record in evidence:
        found.setdefault((record.day.year, record.day.month), []).append(record)
    return found


ACCUMULATING = ("sum", "count_distinct")
ACCUMULATING_RATIO = "training_hours_per_employee"
QUARTERS_ONLY = "bidder_survey_procurements"


@dataclass(frozen=True, slots=True)
class Verdict:
    operator: str | None
    target: float | None
    status: str


def judge(
    kpi_id: str,
    aggregation: str,
    period: Period,
    cell: Cell,
    actual: float | None,
    a_year_earlier: float | None,
    targets: Iterable[Target],
) -> Verdict:
    """Status of one published row. `targets`: those of this organisation and indicator."""
    target = _target_for(kpi_id, aggregation, period, cell, targets)
    if target is None:
        return Verdict(None, None, "no_data" if actual is None else "no_target")
    goal = float(target.target_value) if target.target_value is not None else None
    if goal is not None and period.kind == "ytd" and _accumulates(kpi_id, aggregation):
        goal = goal * len(period.months) / 12
    if actual is None:
        return Verdict(target.operator, goal, "no_data")
    return Verdict(target.operator, goal, _status(target.operator, actual, goal, a_year_earlier))


def _accumulates(kpi_id: str, aggregation: str) -> bool:
    return aggregation in ACCUMULATING or kpi_id == ACCUMULATING_RATIO


def _target_for(
    kpi_id: str, aggregation: str, period: Period, cell: Cell, targets: Iterable[Target]
) -> Target | None:
    member, group = cell
    if group != ALL:
        return None
    if kpi_id == QUARTERS_ONLY:
        if period.kind != "quarter":
            return None
    elif _accumulates(kpi_id, aggregation) and period.kind not in ("year", "ytd"):
        return None
    valid = [t for t in targets if t.valid_from <= period.last <= (t.valid_to or date.max)]
    own = [t for t in valid if t.member_code == member]
    common = [t for t in valid if t.member_code is None]
    if member == ALL:
        return common[0] if common else None
    if own:
        return own[0]
    return common[0] if common and not _accumulates(kpi_id, aggregation) else None


def _status(operator: str, actual: float, goal: float | None, a_year_earlier: float | None) -> str:
    if operator == "baseline":
        return "baseline"
    if operator == "measure":
        return "measured"
    if operator == "decrease":
        if a_year_earlier is None:
            return "baseline"
        return "met" if actual < a_year_earlier else "not_met"
    assert goal is not None
    met = {
        ">=": actual >= goal, ">": actual > goal, "<=": actual <= goal, "<": actual < goal,
        "abs<": abs(actual) < goal,
    }[operator]  # fmt: skip
    return "met" if met else "not_met"


def earlier(period: Period) -> str:
    """The name of the same period a year before."""
    return f"{int(period.name[:4]) - 1}{period.name[4:]}"

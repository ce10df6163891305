"""Words a figure for a row of a page: outcome, what it rests on, target, status, change.

What belongs here: the one wording of a figure, shared by every page and by the filters. What does not: markup, and
which figures a page shows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

from dagster_project.report.site.parts import parts_of_sums
from dagster_project.report.site.reading import ALL, Figure, Reading

MONEY = ("invoice_line", "budget_line", "review")  # records that are amounts
COUNTED = ("share", "mean", "median", "hours", "rank")


class Cells(NamedTuple):
    """A figure in words; the order is what the filters in the pages count on. States are codes, not words.

    `position` is where the figure stands on its indicator's axis, in per cent, or None without a value.
    """

    outcome: str
    basis: str
    target: str
    state: str
    status: str
    margin: str
    change: str
    verdict: str
    verdict_text: str
    coverage: str
    position: str


class Words:
    """Words figures; keeps what it has worded, for the same few words come back in thousands of figures."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.target = functools.cache(reading.formats.target)
        self.code = functools.cache(reading.code)
        self.status = functools.cache(lambda code: reading.say(f"status.{code}"))
        self.why_missing = functools.cache(reading.why_missing)
        self.parts = parts_of_sums(reading)
        self.tops = self._tops(reading.figures.values())
        self._worded: dict[tuple[str, ...], Cells] = {}

    def _tops(self, figures: Iterable[Figure]) -> dict[str, float]:
        """The largest value of each indicator's rows for members and groups: the end of its axis; shares end at 1."""
        tops: dict[str, float] = {}
        for figure in figures:
            if figure.actual is not None and (figure.member != ALL or figure.group != ALL):
                tops[figure.kpi_id] = max(tops.get(figure.kpi_id, 0), figure.actual, figure.target or 0)
        for kpi_id, row in self.reading.catalogue.items():
            if row["unit"] == "share" and tops.get(kpi_id, 1) <= 1:
                tops[kpi_id] = 1.0
        return tops

    def cells(self, figure: Figure) -> Cells:
        """One figure in words."""
        key = figure[:4]
        if key not in self._worded:
            self._worded[key] = self._cells(figure)
        return self._worded[key]

    def _cells(self, figure: Figure) -> Cells:
        formats, kpi_id = self.reading.formats, figure.kpi_id
        unit = self.reading.catalogue[kpi_id]["unit"]
        target = ""
        if figure.operator is not None:
            target = self.target(figure.operator, figure.target, unit, kpi_id)
        if figure.actual is None:
            status = self.status(figure.status)
            return Cells("–", self.why_missing(kpi_id), target, figure.status, status, "", "", "", "", "", "")
        change = ""
        if figure.change is not None and figure.group == ALL:
            change = formats.difference(figure.change, unit, kpi_id)
        margin = self.code("margin", figure.target_verdict) if figure.target_verdict else ""
        verdict = figure.change_verdict or ""
        coverage = ""
        if figure.coverage is not None and figure.coverage < 0.9995:
            coverage = self.reading.say("report.coverage", share=formats.share(figure.coverage, 0))
        top = self.tops.get(kpi_id, 0)
        position = f"{max(0.0, min(100.0, figure.actual / top * 100)):.1f}" if top > 0 else ""
        return Cells(
            outcome=formats.figure(figure.actual, unit, kpi_id),
            basis=self._basis(figure, unit),
            target=target,
            state=figure.status,
            status=self.status(figure.status),
            margin=margin,
            change=change,
            verdict=verdict,
            verdict_text=self.code("verdict", verdict) if verdict else "",
            coverage=coverage,
            position=position,
        )

    def blank(self) -> Cells:
        """What stands where a member, group or period has no row of an indicator."""
        missing = self.reading.say("report.missing.row")
        return Cells("–", missing, "", "no_data", self.status("no_data"), "", "", "", "", "", "")

    def _basis(self, figure: Figure, unit: str) -> str:
        """What the value was counted from: 40 of 59, the interval of an estimate, a sum's parts by method."""
        formats = self.reading.formats
        basis = ""
        if unit in COUNTED and figure.denominator is not None:
            denominator = self._size(figure.kpi_id, figure.denominator)
            if figure.numerator is None:
                basis = f"n = {denominator}"
            else:
                numerator = self._size(figure.kpi_id, figure.numerator)
                key = "report.of" if unit == "share" else "report.over"
                basis = self.reading.say(key, numerator=numerator, denominator=denominator)
        if figure.low is not None and figure.high is not None:
            low = formats.figure(figure.low, unit, figure.kpi_id)
            high = formats.figure(figure.high, unit, figure.kpi_id)
            interval = self.reading.say("report.interval", low=low, high=high)
            basis = f"{basis}; {interval}" if basis else interval
        parts = self.parts.get(figure[:4])
        if parts is not None:
            told = ", ".join(parts.lines(self.reading))
            basis = f"{basis}; {told}" if basis else told
        return basis

    def _size(self, kpi_id: str, value: float) -> str:
        is_money = self.reading.catalogue[kpi_id]["record_kind"] in MONEY
        return self.reading.formats.amount(value) if is_money else self.reading.formats.plain(value)

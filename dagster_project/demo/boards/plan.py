"""What a board's demonstration rests on: who the board is, what it has published, what its plans aim at.

What belongs here: reading and checking `<organisation>/board.yml`, `published_outcomes.csv` and `targets.csv`.
What does not: any record, and what is to come out where nothing was published (`levels.py`).
"""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from dagster_project.demo.facts import PublishedOutcome, Target
from dagster_project.demo.scorecard import Period, periods
from dagster_project.settings import Region, Threshold
from dagster_project.shipped import read_yaml

FOLDER = Path(__file__).parent
BOARDS = tuple(sorted(path.parent.name for path in FOLDER.glob("*/board.yml")))


class BoardError(ValueError):
    """A board's data contradict each other; the text names the file and what cannot be."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BoardMember(_Strict):
    """A member: `weight` says how large it is beside the others."""

    code: str
    name: str
    weight: int


class Workplaces(_Strict):
    """Municipality codes where suppliers have workplaces, inside the board's region and outside it."""

    inside: tuple[str, ...]
    outside: tuple[str, ...]


class Board(_Strict):
    """A board as its folder describes it.

    `spans` name the periods that the registers cover, one after the other without a gap: whole years, and a half
    year at the end where the last year was published for its first half only.
    """

    organisation: str
    name: str
    members: tuple[BoardMember, ...]
    member_kind: Literal["municipality", "region"]
    administrations: tuple[str, ...]
    region: Region
    workplaces: Workplaces
    coordination_hourly_rate: int | dict[int, int]
    direct_award_thresholds: tuple[Threshold, ...]
    spans: tuple[str, ...]
    procurements_per_year: int
    outcomes: tuple[PublishedOutcome, ...]
    targets: tuple[Target, ...]

    @cached_property
    def periods(self) -> tuple[Period, ...]:
        """The spans with their days, in order."""
        years = [int(span[:4]) for span in self.spans]
        named = {period.name: period for period in periods(min(years), max(years))}
        return tuple(named[span] for span in self.spans)

    @property
    def first(self) -> date:
        """The first day of the registers."""
        return self.periods[0].first

    @property
    def last(self) -> date:
        """The last day of the registers; nothing is dated after it."""
        return self.periods[-1].last

    def span_of(self, day: date | None) -> Period | None:
        """The span that a day falls in; None for no day and for days outside."""
        return next((p for p in self.periods if p.holds(day)), None) if day else None


def load_board(organisation: str) -> Board:
    """A board by the name of its folder; BoardError where an outcome was published for no span."""
    folder = FOLDER / organisation
    described = read_yaml(folder / "board.yml")
    outcomes = tuple(_outcome(row) for row in _rows(folder / "published_outcomes.csv"))
    targets = tuple(_target(row) for row in _rows(folder / "targets.csv"))
    board = Board(organisation=organisation, outcomes=outcomes, targets=targets, **described)
    for outcome in outcomes:
        if outcome.period not in board.spans:
            raise BoardError(f"{organisation}: {outcome.kpi_id} is published for {outcome.period}, no span")
    return board


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _outcome(row: dict[str, str]) -> PublishedOutcome:
    return PublishedOutcome(
        row["organisation"], row["kpi_id"], row["period"], Decimal(row["value"]), int(row["decimals"]),
        row["source"],
    )  # fmt: skip


def _target(row: dict[str, str]) -> Target:
    return Target(
        organisation=row["organisation"],
        plan_id=row["plan_id"],
        kpi_id=row["kpi_id"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        member_code=None,
        operator=row["operator"],
        target_value=Decimal(row["target_value"]) if row["target_value"] else None,
        note=row["note"] or None,
    )

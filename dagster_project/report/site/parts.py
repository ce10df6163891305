"""The parts by method of every sum of savings, so that none is shown without them.

What belongs here: which parts a published sum has, and their words. What does not: arithmetic (the marts), and where a
report shows them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from dagster_project.report.site.reading import ALL, Reading

GRADES: Final = {"basket": "A", "negotiation": "B", "market_price": "C"}
"""The grade of evidence by method, in the order in which the methods count."""
Cell = tuple[str, str, str, str]
"""(kpi_id, period, member_code, category_group)."""


@dataclass(frozen=True)
class Parts:
    """What a sum consists of: names and amounts that add up to it, and how much of it chance alone gives."""

    amounts: tuple[tuple[str, float], ...]
    chance: float | None = None

    def words(self, reading: Reading) -> str:
        """The parts in a line."""
        amount = reading.formats.amount
        told = ", ".join(f"{name} {amount(value)}" for name, value in self.amounts)
        if self.chance:
            told += f", {reading.say('report.parts.chance', amount=amount(self.chance))}"
        return told


def method(reading: Reading, code: str) -> str:
    """A method by name, with its grade."""
    return f"{reading.code('method', code)} ({GRADES[code]})"


def parts_of_sums(reading: Reading) -> dict[Cell, Parts]:
    """The parts of every sum that the release has them of.

    Enabled savings: every period, member and group. Realised savings: quarters and years of the whole. Net benefit of
    coordination: years of the whole, with the cost as a part.
    """
    found: dict[Cell, Parts] = {}
    if "savings_summary" in reading.tables:
        found |= _enabled(reading)
    if "realised_savings" in reading.tables:
        found |= _realised(reading)
    if "coordination_benefit" in reading.tables:
        found |= _net(reading)
    return found


def _enabled(reading: Reading) -> dict[Cell, Parts]:
    amounts: dict[Cell, dict[str, float]] = defaultdict(dict)
    chance: dict[Cell, float] = {}
    for row in reading.rows(
        "select period, member_code, category_group, method, saving_amount, artefact_amount "
        "from savings_summary where saving_amount is not null"
    ):
        cell = ("enabled_savings", row["period"], row["member_code"], row["category_group"])
        if row["method"] in GRADES:
            amounts[cell][row["method"]] = float(row["saving_amount"])
        elif row["artefact_amount"] is not None:
            chance[cell] = float(row["artefact_amount"])
    return {cell: Parts(_ordered(reading, told), chance.get(cell)) for cell, told in amounts.items()}


def _realised(reading: Reading) -> dict[Cell, Parts]:
    amounts: dict[Cell, dict[str, float]] = defaultdict(dict)
    for row in reading.rows(
        "select period, method, sum(realised_saving_amount) as amount from realised_savings "
        "where realised_saving_amount is not null group by period, method"
    ):
        amounts["realised_savings", row["period"], ALL, ALL][row["method"]] = float(row["amount"])
    return {cell: Parts(_ordered(reading, told)) for cell, told in amounts.items()}


def _net(reading: Reading) -> dict[Cell, Parts]:
    found: dict[Cell, Parts] = {}
    for row in reading.rows(
        "select * from coordination_benefit where level = 'year' and net_amount is not null"
    ):
        told = {
            code: float(row[f"{code}_saving_amount"])
            for code in GRADES
            if row[f"{code}_saving_amount"] is not None
        }
        cost = float(row["net_amount"] - row["enabled_saving_amount"])
        amounts = (*_ordered(reading, told), (reading.say("report.parts.cost"), cost))
        chance = float(row["net_amount"] - row["net_without_artefact_amount"])
        found["net_coordination_benefit", str(row["year"]), ALL, ALL] = Parts(amounts, chance)
    return found


def _ordered(reading: Reading, told: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple((method(reading, code), told[code]) for code in GRADES if code in told)

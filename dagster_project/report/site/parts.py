"""The parts by method of every sum of savings, so that none is shown without them.

What belongs here: which parts a published sum has, and their words. What does not: arithmetic (the marts), and where a
report shows them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from dagster_project.report.site.reading import Reading

GRADES: Final = {"basket": "A", "negotiation": "B", "market_price": "C"}
"""The grade of evidence by method, in the order in which the methods count."""
COST: Final = "cost"
Cell = tuple[str, str, str, str]
"""(kpi_id, period, member_code, category_group)."""


@dataclass(frozen=True)
class Parts:
    """What a sum consists of: names and amounts that add up to it, and how much of it chance alone gives."""

    amounts: tuple[tuple[str, float], ...]
    chance: float | None = None

    def lines(self, reading: Reading) -> list[str]:
        """Each part in words, and what chance gives last."""
        amount = reading.formats.amount
        told = [f"{name} {amount(value)}" for name, value in self.amounts]
        if self.chance:
            told.append(reading.say("report.parts.chance", amount=amount(self.chance)))
        return told


def method(reading: Reading, code: str) -> str:
    """A method by name, with its grade."""
    return f"{reading.code('method', code)} ({GRADES[code]})"


def parts_of_sums(reading: Reading) -> dict[Cell, Parts]:
    """The parts of every sum of savings that the release publishes, in the order in which the methods count."""
    if "savings_parts" not in reading.tables:
        return {}
    amounts: dict[Cell, list[tuple[str, float]]] = defaultdict(list)
    chance: dict[Cell, float] = {}
    rows = reading.rows("select * from savings_parts")
    for row in sorted(rows, key=lambda row: [*GRADES, COST].index(row["part"])):
        cell = (row["kpi_id"], row["period"], row["member_code"], row["category_group"])
        amounts[cell].append((_name(reading, row["part"]), float(row["amount"])))
        if row["artefact_amount"] is not None:
            chance[cell] = float(row["artefact_amount"])
    return {cell: Parts(tuple(told), chance.get(cell)) for cell, told in amounts.items()}


def _name(reading: Reading, part: str) -> str:
    return reading.code("method", part) if part == COST else method(reading, part)

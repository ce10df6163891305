"""What was bought on contracts whose procurement saved something, counted line by line in plain Python.

Written from the definitions alone, by other hands than the models. Where those are silent: the saving belongs to the
month of booking, the buyer's member and the line's category group; coverage is of the money (absolute amounts) bought
on contracts of procurements in scope, or of none that is known. A procurement that paid nothing after it saved has no
saving per krona.

What belongs here: the sums of `realised_savings`. What does not: what a procurement saved (`gains.py`), classes of
lines (`ladder.py`).
"""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from dagster_project.demo.facts import World
from dagster_project.demo.figures import NONE, Register
from dagster_project.demo.gains import Gain, counted_gains, gains_of
from dagster_project.demo.ladder import ON_CONTRACT, OVER_CEILING
from dagster_project.demo.ledger import Ledger
from dagster_project.demo.scorecard import ALL, Cell, Period, Value, float_of

ORE = 100
OUT_OF_SCOPE = "out of scope"


class Realised:
    """Takes classified chunks one by one, and gives the realised savings of a period afterwards."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        register = Register(world)
        self._member = [register.owner.get(u.unit_id) for u in ledger.world.organisations]
        self._group = [c.group_code for c in ledger.world.categories]
        self._per_krona = [
            saving_per_krona(world, register, name) if name in register.contract else None
            for name in ledger.contract_ids
        ]
        self._bought: dict[tuple[int, int], list[tuple[int, int, int, int, int]]] = {}

    def add(self, chunk: pl.DataFrame) -> None:
        """Boil a classified chunk down to what each unit bought on each contract, by month and category."""
        cell = ["year", "month", "chosen", "unit", "category_known"]
        sums = (
            chunk.filter(pl.col("compliance").is_in((ON_CONTRACT, OVER_CEILING)))
            .with_columns(year=pl.col("booking_date").dt.year(), month=pl.col("booking_date").dt.month())
            .group_by(cell)
            .agg(bought=pl.col("amount").sum(), size=pl.col("amount").abs().sum())
            .sort(cell)
        )
        for year, month, *rest in sums.iter_rows():
            contract, unit, category, bought, size = rest
            self._bought.setdefault((year, month), []).append((contract, unit, category, bought, size))

    def values(self, period: Period) -> dict[Cell, Value]:
        """Every published cell of a period; (ALL, ALL) always."""
        saved: dict[Cell, Fraction] = {}
        sizes: dict[Cell, tuple[int, int]] = {}
        for month in period.months:
            for contract, unit, category, bought, size in self._bought.get(month, ()):
                share = self._per_krona[contract]
                if share == OUT_OF_SCOPE:
                    continue
                cells: list[Cell] = [(ALL, ALL)]
                member = self._member[unit]
                if member is not None:
                    cells.append((member, ALL))
                if category >= 0:
                    cells.append((ALL, self._group[category]))
                for cell in cells:
                    known, all_ = sizes.get(cell, (0, 0))
                    sizes[cell] = (known + (size if share is not None else 0), all_ + size)
                    if share is not None:
                        assert isinstance(share, Fraction)
                        saved[cell] = saved.get(cell, NONE) + share * Fraction(bought, ORE)
        found: dict[Cell, Value] = {(ALL, ALL): Value(None, None, None, None)}
        for cell, (known, all_) in sizes.items():
            sum_ = saved.get(cell)
            found[cell] = Value(sum_, None, float_of(sum_), known / all_ if all_ else None)
        return found


def saving_per_krona(world: World, register: Register, contract_id: str) -> Fraction | str | None:
    """What a krona paid on the contract saves; None where that is unknown, `OUT_OF_SCOPE` where it is not asked for."""
    procurement = register.procurement.get(register.contract[contract_id][0].procurement_id or "")
    if procurement is None:
        return None
    if not register.in_scope(procurement):
        return OUT_OF_SCOPE
    counted = counted_gains(gains_of(world, register, procurement.procurement_id))
    return per_krona(counted)


def per_krona(counted: list[Gain]) -> Fraction | None:
    """Saving over the amount after, of the comparisons that count together."""
    after = sum((gain.after for gain in counted), NONE)
    return sum((gain.saving for gain in counted), NONE) / after if after else None

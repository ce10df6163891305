"""The evidence of what procurements save, taken from the planted facts in plain Python.

Written from the definitions alone, by other hands than the models. Where those are silent: bids are compared with the
bids that name the same lot; a saving registered for the whole covers those of its lots by the same method; the only
winner's price before negotiation is a negotiation where none is registered; what coordination took is known where hours
or costs are; of saving and cost the one that is known is summed, and the procurement is uncertain. The year of an
hour's rate is that of completion.

What belongs here: savings, and what coordination costs. What does not: sums and periods (`scorecard.py`), what was then
bought (`realised.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from dagster_project.demo.facts import Bid, World
from dagster_project.demo.figures import NONE, Register, yes
from dagster_project.demo.scorecard import Figure

HOURLY_RATES: Mapping[int, int] = {2019: 800, 2020: 800, 2021: 850, 2022: 900}
"""Kronor an hour, as the demonstration's organisation.yml says."""
METHODS = ("basket", "negotiation", "market_price")
"""In the order in which they count."""
FEWEST_BIDS = 3
NOT_NEGOTIATED = ("open", "selective")
"""Procedures in which a first price that equals the last is none."""


@dataclass(frozen=True, slots=True)
class Gain:
    """One comparison of prices: of a lot, or of the whole procurement where `lot_id` is None.

    `is_registered`: as somebody calculated it, with the uncertainty stated (`share`); else the bids say it, and
    `others` are the prices of those that did not win, where bids are compared.
    """

    method: str
    lot_id: str | None
    before: Fraction
    after: Fraction
    is_registered: bool = False
    share: Fraction | None = None
    others: tuple[Fraction, ...] = ()

    @property
    def saving(self) -> Fraction:
        return self.before - self.after

    @property
    def bounds(self) -> tuple[Fraction, Fraction] | None:
        """Low and high: as stated, or with one of the other bids left out; None where nothing is stated."""
        if self.others:
            total, number = sum(self.others, self.after), len(self.others)
            found = [(total - other) / number - self.after for other in self.others]
            return min(found), max(found)
        if self.share is None:
            return None
        width = abs(self.saving) * self.share
        return self.saving - width, self.saving + width


def savings_figures(world: World) -> list[Figure]:
    """Enabled savings, how many could be computed, and what is left of the coordinated ones after their costs."""
    register = Register(world)
    enabled = Figure("enabled_savings", "sum")
    share = Figure("savings_coverage", "ratio")
    net = Figure("net_coordination_benefit", "sum")
    for p, day in register.completed():
        saving = enabled_saving(world, register, p.procurement_id)
        enabled.evidence.append(register.record(p, day, saving or NONE, NONE, unknown=saving is None))
        share.evidence.append(register.record(p, day, yes(saving is not None)))
        members_known = register.members_known(p)
        if members_known and len(register.members(p.procurement_id)) < 2:
            continue
        cost = coordination_cost(p.coordination_hours, p.coordination_cost, day.year)
        unknown = not members_known or (saving is None and cost is None)
        record = register.record(p, day, (saving or NONE) - (cost or NONE), NONE, unknown=unknown)
        net.evidence.append(replace(record, uncertain=saving is None or cost is None))
    return [enabled, share, net]


def coordination_cost(
    hours: Decimal | None, cost: Decimal | None, year: int, rates: Mapping[int, int] = HOURLY_RATES
) -> Fraction | None:
    """What coordination took, as far as anybody has written it down."""
    if hours is None and cost is None:
        return None
    return Fraction(hours or 0) * rates[year] + Fraction(cost or 0)


def enabled_saving(world: World, register: Register, procurement_id: str) -> Fraction | None:
    """By the first method that applies: same basket, negotiation, mean of the bids; None where none does."""
    counted = counted_gains(gains_of(world, register, procurement_id))
    return sum((gain.saving for gain in counted), NONE) if counted else None


def counted_gains(gains: list[Gain]) -> list[Gain]:
    """Those of the first method that there are any of, without lots whose whole is told by the same method."""
    for method in METHODS:
        found = [gain for gain in gains if gain.method == method]
        if found:
            whole = [gain for gain in found if gain.is_registered and gain.lot_id is None]
            return whole or found
    return []


def gains_of(world: World, register: Register, procurement_id: str) -> list[Gain]:
    """Every comparison that can be made of a procurement, by whatever method."""
    registered = [
        Gain(
            row.method, row.lot_id, Fraction(row.before_amount), Fraction(row.after_amount), True,
            None if row.uncertainty_share is None else Fraction(row.uncertainty_share),
        )
        for row in world.savings
        if row.procurement_id == procurement_id
    ]  # fmt: skip
    told_of = {gain.method for gain in registered}
    lots: dict[str | None, dict[str, Bid]] = {}
    for bid in register.bids.get(procurement_id, ()):
        if bid.status == "qualified":
            lots.setdefault(bid.lot_id, {})[bid.bidder_id] = bid
    found = []
    for lot_id, bids in lots.items():
        priced = {name: Fraction(bid.bid_price) for name, bid in bids.items() if bid.bid_price is not None}
        winning = [name for name, bid in bids.items() if bid.winner]
        if len(winning) != 1 or winning[0] not in priced:
            continue
        won, first = priced[winning[0]], bids[winning[0]].first_price
        if first is not None and "negotiation" not in told_of:
            procedure = register.procurement[procurement_id].procedure
            if first != won or procedure not in NOT_NEGOTIATED:
                found.append(Gain("negotiation", lot_id, Fraction(first), won))
        if len(priced) >= FEWEST_BIDS:
            mean = sum(priced.values(), NONE) / len(priced)
            others = tuple(price for name, price in priced.items() if name != winning[0])
            found.append(Gain("market_price", lot_id, mean, won, others=others))
    return [*registered, *found]

"""The evidence of what procurements save, taken from the planted facts in plain Python.

Written from the definitions alone, by other hands than the models. Where those are silent: bids are compared with the
bids that name the same lot; the winner's price before negotiation is a negotiation where none is registered; what
coordination took is known where hours or costs are; of saving and cost the one that is known is summed, and the
procurement is uncertain. The year of an hour's rate is that of completion.

What belongs here: savings, and what coordination costs. What does not: sums and periods (`scorecard.py`), invoices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from dagster_project.demo.facts import World
from dagster_project.demo.figures import NONE, Register, yes
from dagster_project.demo.scorecard import Figure

HOURLY_RATES: Mapping[int, int] = {2019: 800, 2020: 800, 2021: 850, 2022: 900}
"""Kronor an hour, as the demonstration's organisation.yml says."""
METHODS = ("basket", "negotiation")
FEWEST_BIDS = 3


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
        cost = _cost(p.coordination_hours, p.coordination_cost, day.year)
        unknown = not members_known or (saving is None and cost is None)
        record = register.record(p, day, (saving or NONE) - (cost or NONE), NONE, unknown=unknown)
        net.evidence.append(replace(record, uncertain=saving is None or cost is None))
    return [enabled, share, net]


def _cost(hours: Decimal | None, cost: Decimal | None, year: int) -> Fraction | None:
    """What coordination took, as far as anybody has written it down."""
    if hours is None and cost is None:
        return None
    return Fraction(hours or 0) * HOURLY_RATES[year] + Fraction(cost or 0)


def enabled_saving(world: World, register: Register, procurement_id: str) -> Fraction | None:
    """By the first method that applies: same basket, negotiation, mean of the bids; None where none does."""
    for method in METHODS:
        rows = [s for s in world.savings if s.procurement_id == procurement_id and s.method == method]
        if rows:
            return sum((Fraction(s.before_amount) - Fraction(s.after_amount) for s in rows), NONE)
    negotiated = [
        Fraction(bid.first_price) - Fraction(bid.bid_price)
        for bid in register.bids.get(procurement_id, ())
        if bid.winner and bid.first_price is not None and bid.bid_price is not None
    ]
    if negotiated:
        return sum(negotiated, NONE)
    lots: dict[str | None, dict[str, tuple[Fraction, bool]]] = {}
    for bid in register.bids.get(procurement_id, ()):
        if bid.status == "qualified" and bid.bid_price is not None:
            lots.setdefault(bid.lot_id, {})[bid.bidder_id] = (Fraction(bid.bid_price), bid.winner)
    found = [
        sum((price for price, _ in bids.values()), NONE) / len(bids) - winning[0]
        for bids in lots.values()
        if len(bids) >= FEWEST_BIDS
        and len(winning := [price for price, is_winner in bids.values() if is_winner]) == 1
    ]
    return sum(found, NONE) if found else None

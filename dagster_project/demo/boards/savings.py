"""Savings of a board: which procurements they can be computed for, by which method, and registered amounts.

Of those completed in a span six in ten can be computed, as the audit found; the bids give some, and what they do not
give of the published sum stands in the register.

What belongs here: registered savings, and bids whose prices nobody can compare. What does not: how a saving is counted
where a board has published none.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from dagster_project.demo.boards.levels import Levels
from dagster_project.demo.boards.plan import Board, BoardError
from dagster_project.demo.boards.procurements import Case, completed_in
from dagster_project.demo.facts import Bid, Procurement, Saving, World
from dagster_project.demo.scorecard import Period

COMPUTED = Fraction(6, 10)
BY_BIDS = 0.55
"""So large a part of the computed ones rests on bids alone, where there are bids enough."""
DEARER_CHANCE = 0.08
ASSUMPTIONS = {
    "basket": (
        "Samma varukorg till gamla och nya priser, volym enligt statistik för det senaste året",
        "Tidigare avtalspriser uppräknade med index, volym för hela avtalstiden",
        "De femtio mest köpta artiklarna, resten antas följa dem",
    ),
    "negotiation": (
        "Första pris minus förhandlat pris, volym enligt förfrågningsunderlaget",
        "Anbudspris före och efter förhandling, inga optioner medräknade",
    ),
}


def add_savings(
    world: World,
    board: Board,
    levels: Levels,
    cases: Sequence[Case],
    offers: Mapping[str, list[Bid]],
    rng: random.Random,
) -> None:
    """Registered savings that give, with those of the bids, what the board has published; none where it has not.

    Raises BoardError where the bids alone give more than was published.
    """
    if not levels.is_published("enabled_savings"):
        return
    for span in board.periods:
        _settle_span(world, span, levels, [c.procurement for c in completed_in(cases, span)], offers, rng)


def _settle_span(
    world: World,
    span: Period,
    levels: Levels,
    completed: Sequence[Procurement],
    offers: Mapping[str, list[Bid]],
    rng: random.Random,
) -> None:
    wanted = round(COMPUTED * len(completed))
    told = {p.procurement_id: market_price(offers.get(p.procurement_id, ())) for p in completed}
    by_bids = {name: amount for name, amount in told.items() if amount is not None}
    kept = set(rng.sample(sorted(by_bids), k=min(len(by_bids), round(wanted * BY_BIDS))))
    rest = [p for p in completed if p.procurement_id not in kept]
    registered = rng.sample(rest, k=wanted - len(kept))
    for name in by_bids.keys() - kept - {p.procurement_id for p in registered}:
        for bid in offers[name]:  # judged by unit prices that nobody can compare
            bid.bid_price = None
    missing = Fraction(levels.of("enabled_savings", span).value) - sum(by_bids[name] for name in kept)
    if missing <= 0:
        raise BoardError(f"enabled_savings {span.name}: the bids alone give more than was published")
    _register(world, registered, missing, rng)


def market_price(bids: Iterable[Bid]) -> Fraction | None:
    """The mean of the qualified bids less the winning one, summed over the lots where it can be told."""
    lots: dict[str | None, list[Bid]] = {}
    for bid in bids:
        if bid.status == "qualified" and bid.bid_price is not None:
            lots.setdefault(bid.lot_id, []).append(bid)
    found = []
    for offers in lots.values():
        winning = [bid for bid in offers if bid.winner]
        if len(offers) >= 3 and len(winning) == 1:
            prices = [Fraction(bid.bid_price or 0) for bid in offers]
            found.append(sum(prices, Fraction(0)) / len(prices) - Fraction(winning[0].bid_price or 0))
    return sum(found, Fraction(0)) if found else None


def _register(world: World, procurements: Sequence[Procurement], total: Fraction, rng: random.Random) -> None:
    """Savings that sum to `total` to the öre, larger where the procurement is; now and then the price rose."""
    signs = [-1 if position and rng.random() < DEARER_CHANCE else 1 for position in range(len(procurements))]
    sizes = [sign * Fraction(p.estimated_value or 1) for sign, p in zip(signs, procurements, strict=True)]
    left = Decimal(str(round(float(total), 2)))
    for position, (p, size) in enumerate(zip(procurements, sizes, strict=True)):
        is_last = position == len(procurements) - 1
        saving = left if is_last else Decimal(round(total * size / sum(sizes)))
        left -= saving
        share = Decimal(rng.randint(30, 180)) / 1000
        before = (abs(saving) / share).quantize(Decimal(1000)) + abs(saving)
        method = "negotiation" if p.procedure == "negotiated" or rng.random() < 0.25 else "basket"
        uncertainty = rng.choice((None, Decimal("0.1"), Decimal("0.15"), Decimal("0.25")))
        world.savings.append(
            Saving(
                p.procurement_id, None, method, before, before - saving, uncertainty,
                rng.choice(ASSUMPTIONS[method]),
            )
        )  # fmt: skip
    world.savings.sort(key=lambda saving: saving.procurement_id)

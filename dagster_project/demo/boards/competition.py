"""Suppliers of a board and their bids: how many, from whom, on which lots, at what price.

What belongs here: the market. What does not: who wins and signs (`contracts.py`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dagster_project.demo.boards.levels import Levels
from dagster_project.demo.boards.plan import Board, BoardError
from dagster_project.demo.boards.procurements import Case, completed_in
from dagster_project.demo.boards.settle import around, settle, weighted_sample
from dagster_project.demo.facts import Bid, Lot, Supplier, Workplace, World
from dagster_project.demo.invent import company_name, orgnr
from dagster_project.demo.scorecard import Period

FIRST_SERIAL = 2000
SUPPLIERS_PER_GROUP = 30
MOST_BIDS = 14
REGIONAL_OF_GROUP = 15
"""So many of a group's suppliers have a workplace in the board's region: no fewer than any procurement's bids."""
SIZES = (0, 3, 8, 17, 40, 95, 180, 249, 600, 4000, None)
KNOWN_BIDS_CHANCE, LOTS_CHANCE = 0.95, 0.3


@dataclass(frozen=True, slots=True)
class Market:
    """The suppliers of a category group by where they are, each with how often it bids."""

    regional: tuple[str, ...]
    others: tuple[str, ...]
    weights: dict[str, float]

    def draw(self, rng: random.Random, regional: int, others: int) -> list[str]:
        """So many different suppliers from within and from outside the region."""
        found = []
        for names, count in ((self.regional, regional), (self.others, others)):
            found += weighted_sample(rng, names, [self.weights[name] for name in names], count)
        return found


def add_suppliers(world: World, board: Board, rng: random.Random) -> None:
    """Suppliers of every group, half of them with a workplace in the region as long as the registers go."""
    groups = sorted({c.group_code for c in world.categories})
    for serial in range(len(groups) * SUPPLIERS_PER_GROUP):
        number = orgnr(FIRST_SERIAL + serial)
        world.suppliers.append(
            Supplier(number, company_name(serial), rng.choice(SIZES), rng.random() < 0.04, None)
        )
        outside = rng.sample(board.workplaces.outside, k=rng.choice((1, 1, 2)))
        if _is_regional(serial):
            inside = rng.sample(board.workplaces.inside, k=rng.choice((1, 1, 2)))
            since = date(rng.randint(1990, board.first.year - 1), 1, 1)
            world.workplaces += [Workplace(number, code, since, None) for code in inside]
            outside = outside[: rng.choice((0, 0, 1))]
        world.workplaces += [Workplace(number, code, None, None) for code in outside]


def _is_regional(serial: int) -> bool:
    return serial % SUPPLIERS_PER_GROUP < REGIONAL_OF_GROUP


def markets(world: World) -> dict[str, Market]:
    """Who sells in each category, by category code."""
    found: dict[str, Market] = {}
    groups = sorted({c.group_code for c in world.categories})
    for position, group in enumerate(groups):
        start = position * SUPPLIERS_PER_GROUP
        sellers = [(start + n, world.suppliers[start + n].supplier_id) for n in range(SUPPLIERS_PER_GROUP)]
        market = Market(
            tuple(name for serial, name in sellers if _is_regional(serial)),
            tuple(name for serial, name in sellers if not _is_regional(serial)),
            # Some bid on nearly everything, most now and then.
            {name: 1.0 + 8.0 / (1 + n % REGIONAL_OF_GROUP) for n, (_, name) in enumerate(sellers)},
        )
        found |= {c.category_code: market for c in world.categories if c.group_code == group}
    return found


def add_bids(
    world: World, board: Board, levels: Levels, cases: Sequence[Case], rng: random.Random
) -> dict[str, list[Bid]]:
    """Bids and lots of every procurement past its deadline; gives the bids of each procurement that has some."""
    sellers = markets(world)
    counts: dict[str, tuple[int, int]] = {}
    for span in board.periods:
        counts |= _counts(span, levels, completed_in(cases, span), rng)
    offers: dict[str, list[Bid]] = {}
    for case in cases:
        p = case.procurement
        if p.tender_deadline is None:
            continue
        if p.procurement_id not in counts and (not case.is_in_scope or not case.is_completed):
            bids = min(around(rng, 3.5), MOST_BIDS)
            counts[p.procurement_id] = (bids, bids // 2)
        bids, regional = counts.get(p.procurement_id, (0, 0))
        if bids:
            names = sellers[p.category_code].draw(rng, regional, bids - regional)
            offers[p.procurement_id] = _offers(world, p.procurement_id, p.estimated_value, names, rng)
            _stray_bids(world, p.procurement_id, sellers[p.category_code], names, rng)
    return offers


def _counts(
    span: Period, levels: Levels, completed: Sequence[Case], rng: random.Random
) -> dict[str, tuple[int, int]]:
    """(bids, bids from the region) of each procurement with known bids, so that both figures come out."""
    known = [c for c in completed if rng.random() < KNOWN_BIDS_CHANCE]
    mean, share = levels.of("bids_mean", span), levels.of("regional_bid_share", span)
    drawn = [around(rng, float(mean.value) - 1, 1.5) + 1 for _ in known]
    nearest = round(mean.value * len(known))
    for total in sorted(range(nearest - 20, nearest + 21), key=lambda t: abs(t - nearest)):
        if not mean.is_met_by(total, len(known)):
            continue
        bids = settle(rng, drawn, total, [(1, MOST_BIDS)] * len(known))
        # Regional activity is asked about the day of the announcement.
        asked = [i for i, case in enumerate(known) if case.procurement.announced_date is not None]
        regional_total = share.part_of(sum(bids[i] for i in asked))
        if regional_total is None:
            continue
        regional = [_regional(rng, n, float(share.value)) for n in bids]
        settled = settle(rng, [regional[i] for i in asked], regional_total, [(0, bids[i]) for i in asked])
        for i, value in zip(asked, settled, strict=True):
            regional[i] = value
        return {case.procurement.procurement_id: (bids[i], regional[i]) for i, case in enumerate(known)}
    raise BoardError(f"bids {span.name}: no number of bids gives both {mean.value} and {share.value}")


def _regional(rng: random.Random, bids: int, share: float) -> int:
    """How many of a procurement's bids come from the region: often about the share, now and then by chance alone."""
    if rng.random() < 0.25:
        return sum(rng.random() < share for _ in range(bids))
    return int(bids * share + rng.random())


def _offers(
    world: World, procurement_id: str, value: Decimal | None, names: Sequence[str], rng: random.Random
) -> list[Bid]:
    """One bid of each supplier, on the whole or on some of the lots."""
    lots: list[str] = []
    if rng.random() < LOTS_CHANCE:
        lots = [str(number) for number in range(1, rng.randint(2, 5) + 1)]
        world.lots += [Lot(procurement_id, lot, f"Del {lot}") for lot in lots]
    found = []
    for position, name in enumerate(sorted(names)):
        level = rng.uniform(0.75, 1.3)
        status = "rejected" if position and rng.random() < 0.08 else "qualified"
        for lot in rng.sample(lots, k=rng.randint(1, len(lots))) if lots else (None,):
            price = ((value or Decimal(0)) * round(level * 1000) / 1000 / max(len(lots), 1)).quantize(
                Decimal(1)
            )
            found.append(Bid(procurement_id, lot, name, name, price, None, status))
    world.bids += found
    return found


def _stray_bids(
    world: World, procurement_id: str, market: Market, names: Sequence[str], rng: random.Random
) -> None:
    """Now and then a bid that came too late or was taken back: a row, but not a bid."""
    if rng.random() < 0.05:
        others = [name for name in (*market.regional, *market.others) if name not in names]
        name, status = rng.choice(others), rng.choice(("late", "withdrawn"))
        world.bids.append(Bid(procurement_id, None, name, name, None, None, status))

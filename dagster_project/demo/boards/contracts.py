"""Contracts of a board: who wins and signs, older contracts, terminations and follow-ups.

What belongs here: what follows an award. What does not: bids (`competition.py`) and purchases (`ledger.py`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from dagster_project.demo.boards.competition import Market, markets
from dagster_project.demo.boards.levels import Levels
from dagster_project.demo.boards.plan import Board, BoardError
from dagster_project.demo.boards.procurements import Case
from dagster_project.demo.boards.settle import after, settle, some_workday
from dagster_project.demo.facts import Bid, Contract, ContractBuyer, Followup, World
from dagster_project.demo.scorecard import Period

SIGNED_CHANCE, FRAMEWORK_CHANCE = 0.93, 0.25
OLDER_CONTRACTS = 300
CLASSES = {"A": 1, "B": 2, "C": 4, "D": 3}
MEETING_CLASSES = ("A", "B")
"""Classes that only a meeting follows up."""


@dataclass(slots=True)
class _Award:
    """A procurement to be signed: how many win, and the bidders from within the region and from outside."""

    case: Case
    signed: date
    winners: int
    regional: list[str]
    others: list[str]
    regional_winners: int = 0

    @property
    def bounds(self) -> tuple[int, int]:
        return max(0, self.winners - len(self.others)), min(self.winners, len(self.regional))


def add_contracts(
    world: World,
    board: Board,
    levels: Levels,
    cases: Sequence[Case],
    offers: dict[str, list[Bid]],
    rng: random.Random,
) -> None:
    """Contracts from awards and from before the registers, then what happens to them."""
    sellers = markets(world)
    _add_older(world, board, sellers, rng)
    awards = [
        _award(case, board, offers, sellers, rng)
        for case in cases
        if case.is_completed and rng.random() < SIGNED_CHANCE
    ]
    awards = [award for award in awards if award.signed <= board.last]
    for span in board.periods:
        _choose_regional_winners(
            span,
            levels,
            [
                award
                for award in awards
                if span.holds(award.signed)
                and award.case.is_in_scope
                and award.case.procurement.announced_date is not None
            ],
            rng,
        )
    units: dict[str, list[str]] = {}
    for participant in world.participants:
        units.setdefault(participant.procurement_id, []).append(participant.unit_id)
    for award in awards:
        _sign(world, award, units[award.case.procurement.procurement_id], offers, rng)
    for span in board.periods:
        _terminate(world, span, levels, rng)
        _follow_up(world, span, levels, rng)
    world.contract_followups.sort(key=lambda f: (f.followup_date, f.contract_id, f.form))


def _award(
    case: Case,
    board: Board,
    offers: dict[str, list[Bid]],
    sellers: dict[str, Market],
    rng: random.Random,
) -> _Award:
    p = case.procurement
    assert p.completed_date is not None
    market = sellers[p.category_code]
    bidders = {bid.bidder_id for bid in offers.get(p.procurement_id, ()) if bid.status == "qualified"}
    if not bidders:  # who bid is not in the register
        bidders = set(market.draw(rng, 2, 2))
    regional = [name for name in market.regional if name in bidders]
    others = [name for name in market.others if name in bidders]
    # Of a framework's bidders about half get a place.
    winners = max(1, min(len(bidders) // 2, 4)) if rng.random() < FRAMEWORK_CHANCE else 1
    award = _Award(case, after(p.completed_date, rng.randint(0, 14)), winners, regional, others)
    low, high = award.bounds
    award.regional_winners = rng.randint(low, high)
    return award


def _choose_regional_winners(
    span: Period, levels: Levels, awards: Sequence[_Award], rng: random.Random
) -> None:
    signed = sum(award.winners for award in awards)
    if not signed:
        return
    total = levels.share("regional_award_share", span, signed)
    value = float(levels.of("regional_award_share", span).value)
    drawn = [sum(rng.random() < value for _ in range(award.winners)) for award in awards]
    settled = settle(rng, drawn, total, [award.bounds for award in awards])
    for award, regional in zip(awards, settled, strict=True):
        award.regional_winners = regional


def _sign(
    world: World, award: _Award, units: Iterable[str], offers: dict[str, list[Bid]], rng: random.Random
) -> None:
    p = award.case.procurement
    winners = [
        *rng.sample(award.regional, k=award.regional_winners),
        *rng.sample(award.others, k=award.winners - award.regional_winners),
    ]
    bids = [bid for bid in offers.get(p.procurement_id, ()) if bid.supplier_id in winners]
    cheapest = min(
        (bid.bid_price or Decimal(0) for bid in offers.get(p.procurement_id, ())), default=Decimal(0)
    )
    won: set[str] = set()
    for bid in bids:
        if bid.supplier_id not in won:  # a winner wins one lot, or the whole
            won.add(bid.supplier_id)
            bid.winner = True
            bid.bid_price = min(bid.bid_price or cheapest, cheapest + len(won) * 1000)
    _contract(
        world, f"A{p.procurement_id[2:]}", p.procurement_id, winners, p.category_code, award.signed, rng
    )
    _open(world, f"A{p.procurement_id[2:]}", units, award.case.is_coordinated and rng.random() < 0.4)


def _contract(
    world: World,
    contract_id: str,
    procurement_id: str | None,
    suppliers: Iterable[str],
    category: str,
    signed: date,
    rng: random.Random,
) -> None:
    valid_from = signed + timedelta(days=rng.randint(1, 30))
    valid_to = valid_from + timedelta(days=rng.choice((730, 1095, 1460, 1460)) - 1)
    contract_class = rng.choices(list(CLASSES), weights=list(CLASSES.values()))[0]
    annual = Decimal(rng.randint(2, 200)) * 25_000
    is_critical = contract_class == "A" and rng.random() < 0.4
    world.contracts += [
        Contract(
            contract_id=contract_id,
            supplier_id=supplier_id,
            procurement_id=procurement_id,
            title=f"Avtal {contract_id[2:]}",
            category_code=category,
            signed_date=signed,
            valid_from=valid_from,
            valid_to=valid_to,
            contract_class=contract_class,
            annual_value=annual,
            expected_volume=annual * 4,
            extension_until=valid_to + timedelta(days=365) if annual > 2_000_000 else None,
            critical=is_critical,
            continuity_plan=is_critical and annual > 1_000_000,
        )
        for supplier_id in suppliers
    ]


def _open(world: World, contract_id: str, units: Iterable[str], to_all: bool) -> None:
    names = ["ALL"] if to_all else sorted(set(units))
    world.contract_buyers += [ContractBuyer(contract_id, unit_id) for unit_id in names]


def _add_older(world: World, board: Board, sellers: dict[str, Market], rng: random.Random) -> None:
    """Contracts from before the registers: their procurements are in none of them."""
    units = [unit.unit_id for unit in world.organisations]
    for number in range(1, OLDER_CONTRACTS + 1):
        signed = some_workday(rng, board.first - timedelta(days=1000), board.first - timedelta(days=40))
        category = rng.choice(world.categories).category_code
        winners = sellers[category].draw(rng, rng.randint(0, 1), rng.randint(1, 2))
        contract_id = f"A-{signed.year}-G{number:03d}"
        _contract(world, contract_id, None, winners, category, signed, rng)
        _open(world, contract_id, rng.sample(units, k=rng.randint(1, 5)), rng.random() < 0.3)


def _terminate(world: World, span: Period, levels: Levels, rng: random.Random) -> None:
    """End as many contracts early as the span is to have, each for all its suppliers."""
    rows: dict[str, list[Contract]] = {}
    for contract in world.contracts:
        if contract.valid_from < span.first and span.last < contract.last_day:
            rows.setdefault(contract.contract_id, []).append(contract)
    for contract_id in rng.sample(sorted(rows), k=levels.count("terminated_contract_count", span)):
        day = some_workday(rng, span.first, span.last)
        for contract in rows[contract_id]:
            contract.terminated_date, contract.termination_reason = day, "Bristande leverans"


def _follow_up(world: World, span: Period, levels: Levels, rng: random.Random) -> None:
    """As many follow-ups in the required form as the span is to have, and some that do not suffice."""
    running = {}
    for contract in world.contracts:
        first, last = max(contract.valid_from, span.first), min(contract.last_day, span.last)
        if (last - first).days >= 30:
            running[contract.contract_id] = (contract, first, last)
    if not running:
        raise BoardError(f"contract_followup_count {span.name}: no contract is in force")
    important = {"A": 6, "B": 4, "C": 2, "D": 1}
    names = sorted(running)
    weights = [important[running[name][0].contract_class or "D"] for name in names]
    wanted = levels.count("contract_followup_count", span)
    taken: set[tuple[str, date, str]] = set()
    enough = 0
    while enough < wanted:
        contract, first, last = running[rng.choices(names, weights=weights)[0]]
        needs_meeting = contract.contract_class in MEETING_CLASSES
        form = rng.choices(("meeting", "phone", "email"), weights=(12, 1, 1) if needs_meeting else (3, 2, 2))[
            0
        ]
        day = some_workday(rng, first, last)
        if (contract.contract_id, day, form) in taken:
            continue
        taken.add((contract.contract_id, day, form))
        enough += form == "meeting" or not needs_meeting
        score = rng.randint(2, 5) if rng.random() < 0.7 else None
        world.contract_followups.append(Followup(contract.contract_id, day, form, score, rng.random() < 0.15))

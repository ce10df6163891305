"""The random procurements: their dates, buyers, lots, requirements and bids.

What belongs here: plausible procurements of every kind. What does not: planted cases (`traps.py`) and
contracts.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from dagster_project.demo.buyers import OUTSIDE_UNIT
from dagster_project.demo.facts import (
    ENVIRONMENT_AREAS,
    FIRST_YEAR,
    LAST_DAY,
    LAST_YEAR,
    SOCIAL_AREAS,
    Bid,
    Lot,
    Participant,
    Procurement,
    Requirement,
    Saving,
    World,
)
from dagster_project.demo.invent import day_between
from dagster_project.demo.market import UNREGISTERED

PROCEDURES = {
    "open": 52, "simplified": 12, "selective": 4, "negotiated": 4, "competitive_dialogue": 1, "dps_setup": 2,
    "innovation_partnership": 1, "dps_call": 6, "own_procedure": 2, "framework_call": 6,
    "direct_award": 7, "lov": 3,
}  # fmt: skip
REQUIREMENT_CHANCE = {
    "environment_management": 0.45, "reuse": 0.25, "climate_transport": 0.3, "climate_other": 0.2,
    "chemicals": 0.3,
    "environment_other": 0.1, "employment": 0.5, "labour_terms": 0.2, "accessibility": 0.15,
    "gender_equality": 0.08,
}  # fmt: skip
FOOD_CHANCE = {"organic_food": 0.6, "local_food": 0.4, "plant_based_food": 0.3}


def add_procurements(world: World, rng: random.Random) -> None:
    """`size.procurements_per_year` procurements for every year, none with an event after the last day."""
    categories = [c for c in world.categories if c.category_code not in world.reserved_categories]
    food = [c.category_code for c in categories if c.is_food]
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for number in range(1, world.size.procurements_per_year + 1):
            category = rng.choice(food) if rng.random() < 0.12 else rng.choice(categories).category_code
            procurement = _procurement(rng, f"UH-{year}-{number:03d}", year, category)
            world.procurements.append(procurement)
            _participants(world, rng, procurement)
            _requirements(world, rng, procurement, category in food)
            _bids(world, rng, procurement)


def _procurement(rng: random.Random, procurement_id: str, year: int, category: str) -> Procurement:
    p = Procurement(
        procurement_id=procurement_id,
        title=f"Upphandling {procurement_id[3:]}, område {category}",
        category_code=category,
        procedure=rng.choices(list(PROCEDURES), weights=list(PROCEDURES.values()))[0],
        works=rng.random() < 0.07,
        above_threshold=rng.random() < 0.5,
        planned_coordinated=rng.random() < 0.6,
        reserved=rng.random() < 0.03,
        new_solution=rng.random() < 0.05,
        questions_count=rng.randint(0, 14) if rng.random() < 0.9 else None,
        participants_complete=False if rng.random() < 0.04 else rng.choice((True, None)),
        environment_applicable=True if rng.random() < 0.9 else None,
        estimated_value=Decimal(rng.randint(5, 900)) * 10_000,
        coordination_hours=Decimal(rng.randint(5, 120)) if rng.random() < 0.8 else None,
        coordination_cost=Decimal(rng.randint(0, 60)) * 1000 if rng.random() < 0.5 else None,
    )
    if rng.random() < 0.06:
        p.environment_applicable = False
        p.environment_exemption_reason = "Inget miljökrav är möjligt" if rng.random() < 0.7 else None
    if p.planned_coordinated and rng.random() < 0.1:
        p.coordination_deviation_code = "tid"
        p.coordination_deviation_reason = "En medlem behövde avtalet tidigare"
    announced = day_between(rng, date(year, 1, 1), date(year, 12, 31))
    p.planned_completion_date = min(announced + timedelta(days=rng.randint(60, 200)), LAST_DAY)
    if rng.random() < 0.02:  # cancelled before anything was announced
        p.cancelled_date, p.cancellation_reason = announced, "Behovet upphörde"
        return p
    p.announced_date = announced
    deadline = announced + timedelta(days=rng.randint(20, 55))
    award = deadline + timedelta(days=rng.randint(5, 80))
    completed = award + timedelta(days=rng.randint(10, 30))
    if deadline <= LAST_DAY:
        p.tender_deadline = deadline
    if rng.random() < 0.07:
        cancelled = day_between(rng, announced, completed)
        if cancelled <= LAST_DAY:
            p.cancelled_date, p.cancellation_reason = (
                cancelled,
                rng.choice(("Inga anbud", "Bristande konkurrens")),
            )
            return p
    if award <= LAST_DAY:
        p.award_date = award if rng.random() < 0.97 else None
        if rng.random() < 0.06:
            applied = award + timedelta(days=rng.randint(1, 10))
            if applied <= LAST_DAY:
                p.review_applied_date, p.review_outcome = (
                    applied,
                    rng.choice(("Avslag", "Bifall", "Avskriven")),
                )
    if completed <= LAST_DAY:
        p.completed_date = completed
        if rng.random() < 0.5:
            p.bidders_contacted_date = min(completed + timedelta(days=rng.randint(0, 20)), LAST_DAY)
    return p


def _participants(world: World, rng: random.Random, p: Procurement) -> None:
    if p.announced_date and rng.random() < 0.02:
        return  # its members are unknown
    units = [u.unit_id for u in world.organisations if u.unit_id != OUTSIDE_UNIT]
    count = rng.choice((1, 1, 1, 2, 3, 5, 9))
    chosen = rng.sample(units, k=count) + ([OUTSIDE_UNIT] if rng.random() < 0.05 else [])
    world.participants += [Participant(p.procurement_id, unit_id) for unit_id in sorted(chosen)]


def _requirements(world: World, rng: random.Random, p: Procurement, is_food: bool) -> None:
    exempt = p.environment_applicable is False
    chances = dict(REQUIREMENT_CHANCE) | (FOOD_CHANCE if is_food else {})
    for area, chance in chances.items():
        if rng.random() >= chance or (exempt and area in ENVIRONMENT_AREAS):
            continue
        plain = area in SOCIAL_AREAS and area != "employment"
        level = "base" if plain else rng.choices(("base", "advanced", "spearhead"), weights=(5, 4, 1))[0]
        world.requirements.append(Requirement(p.procurement_id, area, level))


def _bids(world: World, rng: random.Random, p: Procurement) -> None:
    lots = [f"{n}" for n in range(1, rng.randint(1, 5) + 1)] if rng.random() < 0.35 else []
    chance = rng.random()
    if p.tender_deadline is None:
        how = "nothing"
    elif chance < 0.83:
        how = "bids"
    elif chance < 0.92 and lots:
        how = "counts"
    else:
        how = "nothing"
    for lot in lots:
        received = rng.randint(0, 6) if how == "counts" or rng.random() < 0.3 else None
        small = rng.randint(0, received) if received is not None else None
        value = Decimal(rng.randint(2, 300)) * 10_000 if p.completed_date and rng.random() < 0.7 else None
        own = p.category_code if rng.random() < 0.3 else None
        world.lots.append(Lot(p.procurement_id, lot, f"Del {lot}", own, received, small, None, value))
    if how != "bids":
        return
    bidders = rng.sample(world.suppliers, k=rng.randint(1, 8))
    level = (p.estimated_value or Decimal(0)) / 10_000
    offers: list[Bid] = []
    for bidder in bidders:
        where: list[str | None] = [None]
        if lots and rng.random() < 0.8:
            where = list(rng.sample(lots, k=rng.randint(1, len(lots))))
        for lot_id in where:
            price = (level * rng.randint(70, 130)).quantize(Decimal(1)) * 100
            first = price + Decimal(rng.randint(0, 50)) * 1000 if p.procedure == "negotiated" else None
            status = rng.choices(
                ("qualified", "submitted", "rejected", "withdrawn", "late"), weights=(75, 8, 10, 4, 3)
            )
            offers.append(
                Bid(p.procurement_id, lot_id, bidder.supplier_id, bidder.supplier_id, price, first, status[0])
            )
    if rng.random() < 0.1:
        number = rng.choice(UNREGISTERED)
        offers.append(Bid(p.procurement_id, None, number, number, None, None, "qualified"))
    if p.completed_date:
        _choose_winners(offers)
        _savings(world, rng, p)
    world.bids += offers


def _choose_winners(offers: list[Bid]) -> None:
    cheapest: dict[str | None, Bid] = {}
    for offer in offers:
        if offer.status == "qualified" and offer.bid_price is not None:
            best = cheapest.get(offer.lot_id)
            if best is None or best.bid_price is None or offer.bid_price < best.bid_price:
                cheapest[offer.lot_id] = offer
    for offer in cheapest.values():
        offer.winner = True


def _savings(world: World, rng: random.Random, p: Procurement) -> None:
    if rng.random() < 0.15:
        before = Decimal(rng.randint(10, 500)) * 10_000
        after = before * rng.randint(80, 104) / 100
        method = "negotiation" if p.procedure == "negotiated" else "basket"
        share = Decimal("0.1") if rng.random() < 0.6 else None
        world.savings.append(
            Saving(p.procurement_id, None, method, before, after, share, "Samma korg, priser utan moms")
        )

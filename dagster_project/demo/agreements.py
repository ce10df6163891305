"""The random contracts: from completed procurements and from before the first year; buyers, classes,
follow-ups.

What belongs here: plausible agreements of every kind. What does not: planted cases (`traps.py`).
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from dagster_project.demo.buyers import OUTSIDE_UNIT
from dagster_project.demo.facts import (
    FIRST_YEAR,
    LAST_DAY,
    Contract,
    ContractBuyer,
    ContractCategory,
    Followup,
    Procurement,
    World,
)
from dagster_project.demo.invent import day_between

MEAN_LINE_SEK = 9_000
"""About what an invoice line comes to (`ledger.py`); ceilings are set so that some are passed at every scale.
"""


def add_contracts(world: World, rng: random.Random) -> None:
    """`size.contracts` contracts: most from completed procurements, the rest older than the register."""
    completed = [p for p in world.procurements if p.completed_date and p.completed_date < date(2022, 12, 1)]
    from_register = rng.sample(completed, k=min(len(completed), world.size.contracts * 2 // 3))
    from_register.sort(key=lambda p: p.procurement_id)
    winners: dict[str, list[str]] = {}
    for bid in world.bids:
        if bid.winner and bid.supplier_id not in winners.setdefault(bid.procurement_id, []):
            winners[bid.procurement_id].append(bid.supplier_id)
    participants: dict[str, list[str]] = {}
    for participant in world.participants:
        participants.setdefault(participant.procurement_id, []).append(participant.unit_id)

    for p in from_register:
        suppliers = winners.get(p.procurement_id) or [rng.choice(world.suppliers).supplier_id]
        contract_id = f"A-{p.procurement_id[3:]}"
        _contract(
            world, rng, contract_id, p, suppliers, p.category_code, participants.get(p.procurement_id, [])
        )
    free = [c.category_code for c in world.categories if c.category_code not in world.reserved_categories]
    for number in range(1, world.size.contracts - len(from_register) + 1):
        suppliers = [s.supplier_id for s in rng.sample(world.suppliers, k=rng.choice((1, 1, 1, 2, 4)))]
        units = [u.unit_id for u in rng.sample(world.organisations, k=rng.randint(1, 6))]
        _contract(world, rng, f"A-{FIRST_YEAR - 1}-{number:03d}", None, suppliers, rng.choice(free), units)


def _contract(
    world: World,
    rng: random.Random,
    contract_id: str,
    procurement: Procurement | None,
    suppliers: list[str],
    category: str,
    units: list[str],
) -> None:
    if procurement is not None and procurement.completed_date is not None:
        signed = min(procurement.completed_date + timedelta(days=rng.randint(0, 25)), LAST_DAY)
        valid_from = signed + timedelta(days=rng.randint(0, 30))
    else:
        signed = day_between(rng, date(2016, 1, 1), date(2018, 11, 30))
        valid_from = signed + timedelta(days=rng.randint(0, 30))
    valid_to = None if rng.random() < 0.08 else valid_from + timedelta(days=365 * rng.randint(1, 4) - 1)
    contract_class = rng.choices(("A", "B", "C", "D", None), weights=(15, 25, 35, 20, 5))[0]
    expected_lines = world.size.invoice_lines * 0.6 / world.size.contracts
    ceiling = None
    if rng.random() < 0.2:
        ceiling = Decimal(max(int(expected_lines * MEAN_LINE_SEK * rng.uniform(0.2, 1.5)), 20_000)).quantize(
            Decimal(1)
        )
    terminated = None
    if valid_to is not None and rng.random() < 0.05:
        day = valid_from + (valid_to - valid_from) / 2
        terminated = day if date(FIRST_YEAR, 1, 1) <= day <= LAST_DAY else None
    for position, supplier_id in enumerate(suppliers):
        later = timedelta(days=14 * position) if rng.random() < 0.3 else timedelta(0)
        world.contracts.append(
            Contract(
                contract_id=contract_id,
                supplier_id=supplier_id,
                procurement_id=procurement.procurement_id if procurement else None,
                title=f"Avtal {contract_id[2:]}",
                category_code=category,
                signed_date=min(signed + later, LAST_DAY),
                valid_from=valid_from,
                valid_to=valid_to,
                terminated_date=terminated,
                termination_reason="Bristande leverans" if terminated else None,
                contract_class=contract_class,
                annual_value=Decimal(rng.randint(1, 500)) * 10_000,
                expected_volume=Decimal(rng.randint(1, 900)) * 10_000 if rng.random() < 0.6 else None,
                ceiling_value=ceiling,
                extension_until=valid_to + timedelta(days=365) if valid_to and rng.random() < 0.3 else None,
                critical=rng.random() < 0.1,
                continuity_plan=rng.random() < 0.05,
            )
        )
    if rng.random() < 0.2:
        free = [c.category_code for c in world.categories if c.category_code not in world.reserved_categories]
        for extra in rng.sample([c for c in free if c != category], k=rng.randint(1, 2)):
            world.contract_categories.append(ContractCategory(contract_id, extra))
    _buyers(world, rng, contract_id, units)
    _followups(
        world, rng, contract_id, valid_from, min(valid_to or LAST_DAY, terminated or LAST_DAY, LAST_DAY)
    )


def _buyers(world: World, rng: random.Random, contract_id: str, units: list[str]) -> None:
    chance = rng.random()
    if chance < 0.3:
        world.contract_buyers.append(ContractBuyer(contract_id, "ALL"))
    elif chance < 0.45:
        owner = rng.choice(list(world.members))
        own = [u.unit_id for u in world.organisations if u.member_code == owner]
        world.contract_buyers += [ContractBuyer(contract_id, unit_id) for unit_id in own]
    elif chance < 0.97:
        names = sorted(set(units)) or [OUTSIDE_UNIT]
        world.contract_buyers += [ContractBuyer(contract_id, unit_id) for unit_id in names]


def _followups(world: World, rng: random.Random, contract_id: str, first: date, last: date) -> None:
    first = max(first, date(FIRST_YEAR, 1, 1))
    if first >= last:
        return
    taken: set[tuple[date, str]] = set()
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        day, form = day_between(rng, first, last), rng.choice(("meeting", "meeting", "phone", "email"))
        if (day, form) not in taken:
            taken.add((day, form))
            score = rng.randint(1, 5) if rng.random() < 0.7 else None
            world.contract_followups.append(Followup(contract_id, day, form, score, rng.random() < 0.2))

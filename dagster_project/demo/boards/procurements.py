"""Units and procurements of a board: dates, members, requirements, questions, the plan, cancellations, reviews.

Dates are drawn first, and say which procurements each span's figures rest on; what is counted over them is dealt
out afterwards. What does not belong here: who bids and who wins (`competition.py`), contracts.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from dagster_project.demo.boards.levels import Levels
from dagster_project.demo.boards.plan import Board, BoardError
from dagster_project.demo.boards.settle import (
    after,
    around,
    busy_workdays,
    settle,
    some_workday,
    weighted_sample,
)
from dagster_project.demo.facts import Participant, Procurement, Requirement, Unit, World
from dagster_project.demo.invent import orgnr
from dagster_project.demo.scorecard import Period

FIRST_UNIT, COMPANY_SERIAL = 1001, 500
LONGEST_DAYS = 150
"""No procurement takes longer from announcement to completion."""
PROCEDURES = {
    "open": 58, "simplified": 12, "selective": 3, "negotiated": 4, "dps_call": 8, "dps_setup": 2,
    "own_procedure": 2, "innovation_partnership": 1, "framework_call": 5, "direct_award": 4, "lov": 1,
}  # fmt: skip
MEMBERS_OWN = ("framework_call", "direct_award", "lov")
"""Procedures that the members answer for themselves."""
WORKS_CHANCE, FOOD_CHANCE, EXEMPT_CHANCE, UNKNOWN_MEMBERS_CHANCE = 0.04, 0.1, 0.04, 0.03
ADVANCED_AREAS = {
    "environment_management_share": "environment_management", "reuse_share": "reuse",
    "climate_transport_share": "climate_transport", "climate_other_share": "climate_other",
    "chemicals_share": "chemicals",
}  # fmt: skip
FOOD_AREAS = {
    "organic_food_share": "organic_food", "local_food_share": "local_food",
    "plant_based_food_share": "plant_based_food",
}  # fmt: skip
BASE_CHANCE = 0.15


@dataclass(slots=True)
class Case:
    """A procurement with what its register does not say: its scope, and when it would have been completed."""

    procurement: Procurement
    is_in_scope: bool
    is_coordinated: bool
    end: date

    @property
    def is_completed(self) -> bool:
        return self.procurement.completed_date is not None


def add_units(world: World, board: Board) -> None:
    """The members' administrations, and a company that the largest half of the members own."""
    serial = 0
    for position, member in enumerate(board.members):
        for administration in board.administrations:
            name = f"{member.name}, {administration}"
            world.organisations.append(
                Unit(f"{FIRST_UNIT + serial}", name, orgnr(serial), member.code, board.member_kind)
            )
            serial += 1
        if position <= len(board.members) // 2:
            name = f"Påhittat bolag {position + 1} AB"
            number = orgnr(COMPANY_SERIAL + position)
            world.organisations.append(Unit(f"{FIRST_UNIT + serial}", name, number, member.code, "company"))
            serial += 1


def add_procurements(world: World, board: Board, levels: Levels, rng: random.Random) -> list[Case]:
    """Procurements of every span, and those under way when the register began; gives them all in order."""
    cases = _cases(world, board, rng)
    for span in board.periods:
        _cancel(board, span, levels, cases, rng)
    for case in cases:
        _forget_the_future(case.procurement, board.last)
    # Of what had begun before the register did, it holds what was completed later.
    cases = [c for c in cases if c.procurement.announced_date or c.is_completed]
    for span in board.periods:
        completed = [
            c for c in cases if c.is_in_scope and span.holds(c.procurement.completed_date or date.max)
        ]
        announced = [
            c for c in cases if c.is_in_scope and span.holds(c.procurement.announced_date or date.max)
        ]
        _coordinate(span, levels, completed, rng)
        _flags(span, levels, completed, rng)
        _ask(span, levels, announced, rng)
        _require(world, span, levels, announced, rng)
        _review(span, levels, cases, rng)
    _plan(board, levels, cases, rng)
    for case in cases:
        _take_part(world, board, case, rng)
    world.procurements += [case.procurement for case in cases]
    world.requirements.sort(key=lambda r: (r.procurement_id, r.area))
    return cases


def _cases(world: World, board: Board, rng: random.Random) -> list[Case]:
    food = [c.category_code for c in world.categories if c.is_food]
    other = [c.category_code for c in world.categories if not c.is_food]
    begun = board.first - timedelta(days=LONGEST_DAYS)
    found: list[Case] = []
    for first, last in (
        (begun, board.first - timedelta(days=1)),
        *((p.first, p.last) for p in board.periods),
    ):
        count = round(board.procurements_per_year * ((last - first).days + 1) / 365)
        for announced in busy_workdays(rng, first, last, count):
            category = rng.choice(food if rng.random() < FOOD_CHANCE else other)
            found.append(_case(rng, f"UH-{announced.year}-{len(found) + 1:04d}", announced, category))
    for case in found:
        p = case.procurement
        if p.announced_date is not None and p.announced_date < board.first:
            # The register began later: the announcement is not in it.
            p.announced_date = None
            if case.end < board.first:
                p.completed_date = None
    return found


def _case(rng: random.Random, procurement_id: str, announced: date, category: str) -> Case:
    procedure = rng.choices(list(PROCEDURES), weights=list(PROCEDURES.values()))[0]
    works = rng.random() < WORKS_CHANCE
    deadline = after(announced, rng.randint(25, 45))
    award = after(deadline, rng.randint(8, 55))
    completed = after(award, rng.randint(12, 25))
    procurement = Procurement(
        procurement_id=procurement_id,
        title=f"Upphandling {procurement_id[3:]}, område {category}",
        category_code=category,
        procedure=procedure,
        works=works,
        above_threshold=rng.random() < 0.45,
        announced_date=announced,
        tender_deadline=deadline,
        award_date=award,
        completed_date=completed,
        participants_complete=rng.random() >= UNKNOWN_MEMBERS_CHANCE,
        estimated_value=Decimal(around(rng, 60, 0.8) + 3) * 50_000,
        environment_applicable=True,
    )
    if rng.random() < EXEMPT_CHANCE:
        procurement.environment_applicable = False
        procurement.environment_exemption_reason = "Inget miljökrav är möjligt"
    return Case(procurement, procedure not in MEMBERS_OWN and not works, rng.random() < 0.4, completed)


def _cancel(board: Board, span: Period, levels: Levels, cases: Sequence[Case], rng: random.Random) -> None:
    """Cancel as many as the span is to have, and as large a part of the members' own."""

    def could_be(case: Case) -> bool:
        p = case.procurement
        return (
            p.cancelled_date is None
            and p.announced_date is not None
            and p.tender_deadline is not None
            and span.first <= p.tender_deadline
            and case.end <= span.last
        )

    chosen = rng.sample(
        [c for c in cases if c.is_in_scope and could_be(c)], k=levels.count("cancelled_count", span)
    )
    own = [c for c in cases if not c.is_in_scope and could_be(c)]
    for case in [*chosen, *rng.sample(own, k=len(own) // 20)]:
        p = case.procurement
        assert p.tender_deadline is not None
        p.cancelled_date = some_workday(rng, p.tender_deadline, case.end)
        p.cancellation_reason = rng.choice(("Inga anbud", "Bristande konkurrens", "Behovet har upphört"))
        p.award_date = p.completed_date = None


def _forget_the_future(p: Procurement, last: date) -> None:
    """Nothing is known after the register's last day."""
    if p.tender_deadline and p.tender_deadline > last:
        p.tender_deadline = None
    if p.award_date and p.award_date > last:
        p.award_date = None
    if p.completed_date and p.completed_date > last:
        p.completed_date = None


def _coordinate(span: Period, levels: Levels, completed: Sequence[Case], rng: random.Random) -> None:
    known = [c for c in completed if c.procurement.participants_complete]
    if levels.is_published("coordinated_count", span):
        count = levels.count("coordinated_count", span)
    else:
        count = levels.share("coordinated_share", span, len(known))
    chosen = {c.procurement.procurement_id for c in rng.sample(known, k=count)}
    for case in known:
        case.is_coordinated = case.procurement.procurement_id in chosen


def _flags(span: Period, levels: Levels, completed: Sequence[Case], rng: random.Random) -> None:
    for case in rng.sample(completed, k=levels.count("reserved_count", span)):
        case.procurement.reserved = True
    for case in rng.sample(completed, k=levels.count("new_solution_count", span)):
        case.procurement.new_solution = True
    for case in rng.sample(completed, k=levels.count("bidders_contacted_count", span)):
        p = case.procurement
        assert p.award_date is not None
        assert p.completed_date is not None
        p.bidders_contacted_date = some_workday(rng, p.award_date, p.completed_date)


def _ask(span: Period, levels: Levels, announced: Sequence[Case], rng: random.Random) -> None:
    known = [c for c in announced if rng.random() < 0.96]
    mean = levels.of("questions_mean", span)
    total = round(mean.value * len(known))
    drawn = [around(rng, float(mean.value), 1.2) for _ in known]
    questions = settle(rng, drawn, total, [(0, 60)] * len(known))
    for case, asked in zip(known, questions, strict=True):
        case.procurement.questions_count = asked


def _require(
    world: World, span: Period, levels: Levels, announced: Sequence[Case], rng: random.Random
) -> None:
    """Environmental requirements on as many as the span is to have, and in each area at the level it is to have."""
    possible = [c.procurement for c in announced if c.procurement.environment_applicable]
    with_any = rng.sample(possible, k=levels.share("environment_any_share", span, len(possible)))
    levels_of: dict[str, dict[str, str]] = {p.procurement_id: {} for p in with_any}
    for kpi_id, area in ADVANCED_AREAS.items():
        high = rng.sample(with_any, k=levels.share(kpi_id, span, len(possible)))
        for p in high:
            levels_of[p.procurement_id][area] = "spearhead" if rng.random() < 0.15 else "advanced"
        for p in with_any:
            if area not in levels_of[p.procurement_id] and rng.random() < BASE_CHANCE:
                levels_of[p.procurement_id][area] = "base"
    food_codes = {c.category_code for c in world.categories if c.is_food}
    food = [p for p in with_any if p.category_code in food_codes]
    all_food = sum(1 for c in announced if c.procurement.category_code in food_codes)
    for kpi_id, area in FOOD_AREAS.items():
        count = round(levels.of(kpi_id, span).value * all_food)
        for p in rng.sample(food, k=min(count, len(food))):
            levels_of[p.procurement_id][area] = rng.choice(("base", "advanced"))
    for p in with_any:
        if not levels_of[p.procurement_id]:
            levels_of[p.procurement_id]["environment_other"] = rng.choice(("base", "base", "advanced"))
    everyone = [c.procurement for c in announced]
    employment = rng.sample(everyone, k=levels.share("employment_requirement_share", span, len(everyone)))
    advanced = {p.procurement_id for p in employment}
    for p in everyone:
        areas = levels_of.setdefault(p.procurement_id, {})
        if p.procurement_id in advanced:
            areas["employment"] = "spearhead" if rng.random() < 0.05 else "advanced"
        elif rng.random() < BASE_CHANCE:
            areas["employment"] = "base"
        for area, chance in (("accessibility", 0.12), ("gender_equality", 0.05)):
            if rng.random() < chance:
                areas[area] = "base"
    for p in rng.sample(everyone, k=levels.count("labour_terms_count", span)):
        levels_of[p.procurement_id]["labour_terms"] = "base"
    world.requirements += [
        Requirement(procurement_id, area, level)
        for procurement_id, areas in levels_of.items()
        for area, level in areas.items()
    ]


def _review(span: Period, levels: Levels, cases: Sequence[Case], rng: random.Random) -> None:
    """A review is applied for between the award decision and the day that the contract may be signed."""
    reviewable = [
        c
        for c in cases
        if c.is_in_scope
        and c.procurement.award_date is not None
        and span.holds(c.procurement.award_date)
        and c.end <= span.last
    ]
    for case in rng.sample(reviewable, k=levels.count("review_count", span)):
        p = case.procurement
        assert p.award_date is not None
        p.review_applied_date = some_workday(rng, p.award_date + timedelta(days=1), case.end)
        p.review_outcome = rng.choices(("Avslag", "Bifall", "Avskriven"), weights=(6, 2, 2))[0]


def _plan(board: Board, levels: Levels, cases: Sequence[Case], rng: random.Random) -> None:
    """The day that each procurement was planned to be completed; late ones were planned for the span before."""
    late: set[str] = set()
    for span in board.periods:
        planned = [c for c in cases if c.is_in_scope and c.procurement.procurement_id not in late]
        done = [c for c in planned if span.holds(c.procurement.completed_date or date.max)]
        done = [c for c in done if rng.random() < 0.92]
        cancelled = [c for c in planned if span.holds(c.procurement.cancelled_date or date.max)]
        on_time, missed = _planned_and_missed(span, levels, len(done))
        done = done[:on_time]
        cancelled = cancelled[:missed]
        tardy = [
            c
            for c in cases
            if c.is_in_scope
            and c.end > span.last
            and c.procurement.announced_date is not None
            and c.procurement.announced_date <= span.last - timedelta(days=20)
            and c.procurement.cancelled_date is None
        ]
        tardy = rng.sample(tardy, k=missed - len(cancelled))
        for case in [*done, *cancelled]:
            end = case.procurement.cancelled_date or case.end
            earliest = max(end - timedelta(days=30), span.first)
            latest = min(end + timedelta(days=20), span.last)
            case.procurement.planned_completion_date = some_workday(rng, earliest, latest)
        for case in tardy:
            late.add(case.procurement.procurement_id)
            announced = case.procurement.announced_date
            assert announced is not None
            earliest = max(announced + timedelta(days=10), span.first)
            case.procurement.planned_completion_date = some_workday(rng, earliest, span.last)


def _planned_and_missed(span: Period, levels: Levels, at_most: int) -> tuple[int, int]:
    """How many in the plan were completed in time and how many were not, as many as can be."""
    aim = levels.of("plan_completion_share", span)
    for on_time in range(at_most, 0, -1):
        missed = round(on_time / aim.value) - on_time
        if aim.is_met_by(on_time, on_time + missed):
            return on_time, missed
    raise BoardError(f"plan_completion_share {span.name}: no plan gives {float(aim.value)}")


def _take_part(world: World, board: Board, case: Case, rng: random.Random) -> None:
    """Two or more members for a coordinated procurement, else one, with one or two units of each."""
    p, count = case.procurement, 1
    if case.is_coordinated:
        larger = range(2, len(board.members) + 1)
        count = rng.choices(larger, weights=[1 / n for n in larger])[0]
        p.coordination_hours = Decimal(rng.randint(8, 90))
        p.coordination_cost = Decimal(rng.randint(0, 40)) * 1000 if rng.random() < 0.6 else None
    p.planned_coordinated = rng.random() < (0.92 if case.is_coordinated else 0.1)
    if p.planned_coordinated and not case.is_coordinated and case.is_completed:
        p.coordination_deviation_code = rng.choice(("tid", "behov"))
        p.coordination_deviation_reason = "Övriga medlemmar valde att avstå"
    weights = [member.weight for member in board.members]
    for member in weighted_sample(rng, board.members, weights, count):
        units = _units_of(world, member.code)
        for unit in rng.sample(units, k=min(rng.choice((1, 1, 2)), len(units))):
            world.participants.append(Participant(p.procurement_id, unit.unit_id))


def _units_of(world: World, member_code: str) -> list[Unit]:
    return [unit for unit in world.organisations if unit.member_code == member_code]


def completed_in(cases: Iterable[Case], span: Period) -> list[Case]:
    """The procurements in scope that were completed in the span."""
    return [c for c in cases if c.is_in_scope and span.holds(c.procurement.completed_date or date.max)]

"""The board's own office: surveys, activities, internships, trainings, staff, budget, deviations, rankings.

What belongs here: registers of events and months. What does not: procurements and contracts.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from dagster_project.demo.boards.levels import Levels
from dagster_project.demo.boards.plan import Board, BoardError
from dagster_project.demo.boards.procurements import Case, completed_in
from dagster_project.demo.boards.settle import after, around, busy_workdays, settle, some_workday
from dagster_project.demo.facts import (
    Activity,
    Answer,
    BudgetLine,
    ClimateRank,
    Deviation,
    Internship,
    StaffMonth,
    Training,
    World,
)
from dagster_project.demo.scorecard import Period, month_end

HEADCOUNT = 27
HOURS_A_MONTH = 150
"""Ordinary hours of one person in a month, vacations taken off."""
QUESTIONS, RESPONDENTS, LOWEST, HIGHEST = ("F1", "F2", "F3", "F4"), 64, 1, 10
WORST_RANK = 290
SICKNESS = (1.5, 1.6, 1.3, 1.0, 0.8, 0.7, 0.5, 0.7, 0.9, 1.0, 1.1, 1.3)
"""How sick people are in each month, beside the others."""
BUDGET = {"staff": 1_350_000, "premises": 90_000, "systems": 140_000, "external": 160_000, "other": 70_000}
"""What a month costs, by line."""
SETTLED_LINE = "staff"
"""The line whose outcomes are moved, all months alike, until the year's deviation fits."""


def add_centre(world: World, board: Board, levels: Levels, cases: Sequence[Case], rng: random.Random) -> None:
    """All registers of this module."""
    members = [member.code for member in board.members for _ in range(member.weight)]
    for span in board.periods:
        _customers(world, span, levels, members, rng)
        _bidders(world, board, span, levels, cases, rng)
        _events(world, span, levels, cases, members, rng)
        _staff(world, span, levels, rng)
        _budget(world, span, levels, rng)
        _ranks(world, board, span, levels, rng)


def _customers(
    world: World, span: Period, levels: Levels, members: Sequence[str], rng: random.Random
) -> None:
    """Everyone answers every question, over three weeks before the span ends."""
    sent = after(span.last - timedelta(days=70), 0)
    aim = levels.of("customer_satisfaction_index", span)
    answers = [(respondent, question) for respondent in range(1, RESPONDENTS + 1) for question in QUESTIONS]
    reach = HIGHEST - LOWEST
    drawn = [round(reach * rng.betavariate(7, 1.2)) for _ in answers]
    points = settle(rng, drawn, round(aim.value * reach * len(answers)), [(0, reach)] * len(answers))
    days = {n: some_workday(rng, sent, sent + timedelta(days=21)) for n in range(1, RESPONDENTS + 1)}
    owners = {n: rng.choice(members) for n in range(1, RESPONDENTS + 1)}
    for (respondent, question), score in zip(answers, points, strict=True):
        world.survey_answers.append(
            Answer(
                "nki", f"K{span.name}-{respondent:03d}", question, days[respondent], None, owners[respondent],
                LOWEST + score, LOWEST, HIGHEST,
            )
        )  # fmt: skip


def _bidders(
    world: World, board: Board, span: Period, levels: Levels, cases: Sequence[Case], rng: random.Random
) -> None:
    """Some bidders of a sample of each quarter's procurements."""
    mean = float(levels.of("bidder_satisfaction_index", span).value)
    completed = [c.procurement for c in completed_in(cases, span)]
    for year, month in span.months[::3]:
        first, last = date(year, month, 1), month_end(year, month + 2)
        sample = [p for p in completed if p.completed_date and first <= p.completed_date <= last]
        for p in rng.sample(sample, k=min(rng.randint(5, 9), len(sample))):
            assert p.completed_date is not None
            for number in range(1, rng.randint(2, 4) + 1):
                answered = min(after(p.completed_date, rng.randint(3, 25)), board.last)
                score = round(10 * rng.betavariate(6 * mean, 6 * (1 - mean)))
                world.survey_answers.append(
                    Answer(
                        "nai",
                        f"{p.procurement_id}-{number}",
                        "A1",
                        answered,
                        p.procurement_id,
                        None,
                        score,
                        0,
                        10,
                    )
                )


def _events(
    world: World,
    span: Period,
    levels: Levels,
    cases: Sequence[Case],
    members: Sequence[str],
    rng: random.Random,
) -> None:
    ids = [
        c.procurement.procurement_id for c in cases if span.holds(c.procurement.announced_date or date.max)
    ]
    kinds = ("early_dialogue", "rfi", "supplier_meeting", "other")
    count = levels.count("information_activity_count", span)
    for number, day in enumerate(busy_workdays(rng, span.first, span.last, count), start=1):
        kind = rng.choices(kinds, weights=(4, 3, 3, 2))[0]
        about = rng.choice(ids) if kind in ("early_dialogue", "rfi") else None
        member = rng.choice(members) if about is None and rng.random() < 0.7 else None
        world.activities.append(
            Activity(f"AK-{span.name}-{number:03d}", day, kind, about, member, 1 + around(rng, 12))
        )

    persons = levels.count("internship_count", span)
    placed = 0
    while placed < persons:
        many = min(rng.choice((1, 1, 1, 2)), persons - placed)
        day = some_workday(rng, span.first, span.last)
        world.internships.append(
            Internship(f"P-{span.name}-{placed + 1:03d}", day, many, None, rng.choice(members))
        )
        placed += many

    for number, member in enumerate(sorted(set(members)), start=1):
        if rng.random() < 0.85:
            day = some_workday(rng, span.first, span.last)
            world.trainings.append(
                Training(f"U-{span.name}-{number}", day, member, "Avtalstrohet", 4 + around(rng, 15))
            )
    for number in range(1, levels.count("deviation_count", span) + 1):
        day = some_workday(rng, span.first, span.last)
        document = rng.choice(("Inköpspolicy", "Riktlinjer för upphandling", "Delegationsordning"))
        world.deviations.append(
            Deviation(f"AV-{span.name}-{number}", day, document, rng.random() < 0.2, "Avsteg noterat")
        )


def _staff(world: World, span: Period, levels: Levels, rng: random.Random) -> None:
    months = span.months
    heads, leavers = _people(span, levels)
    drawn = [round(heads / len(months)) + rng.choice((-1, 0, 0, 1)) for _ in months]
    headcounts = settle(rng, drawn, heads, [(HEADCOUNT // 2, HEADCOUNT * 2)] * len(months))
    left = settle(rng, [0] * len(months), leavers, [(0, 2)] * len(months))
    ordinary = [count * HOURS_A_MONTH for count in headcounts]
    sick_total = round(levels.of("sick_leave", span).value * sum(ordinary))
    sick = _parted(rng, sick_total, [SICKNESS[month - 1] for _, month in months])
    taught_total = round(levels.of("training_hours_per_employee", span).value * heads / len(months))
    taught = _parted(rng, taught_total, [0.2 if month == 7 else 1.0 for _, month in months])
    for position, (year, month) in enumerate(months):
        world.staff.append(
            StaffMonth(
                f"{year}-{month:02d}", Decimal(headcounts[position]), left[position],
                Decimal(ordinary[position]), Decimal(sick[position]), Decimal(taught[position]),
            )
        )  # fmt: skip


def _people(span: Period, levels: Levels) -> tuple[int, int]:
    """The sum of the months' headcounts, near the usual one, and the leavers that give the turnover."""
    turnover, months = levels.of("staff_turnover", span), len(span.months)
    usual = HEADCOUNT * months
    for heads in sorted(range(usual - 60, usual + 61), key=lambda found: abs(found - usual)):
        leavers = round(turnover.value * heads / months)
        if turnover.is_met_by(leavers * months, heads):
            return heads, leavers
    raise BoardError(f"staff_turnover {span.name}: no headcount near {HEADCOUNT} gives {turnover.value}")


def _budget(world: World, span: Period, levels: Levels, rng: random.Random) -> None:
    """Outcomes near the budget, then moved alike in all months so that the deviation fits to the krona."""
    months = [f"{year}-{month:02d}" for year, month in span.months]
    gross = sum(BUDGET.values()) * len(months)
    wanted = round(levels.of("budget_deviation", span).value * gross)
    rows: list[BudgetLine] = []
    deviation = 0
    for month in months:
        for line, budget in {"income": sum(BUDGET.values()), **BUDGET}.items():
            outcome = round(budget * rng.uniform(0.97, 1.03))
            deviation += outcome - budget if line == "income" else budget - outcome
            rows.append(BudgetLine(month, line, Decimal(budget), Decimal(outcome)))
    shares = _even(wanted - deviation, len(months))
    for row, share in zip((r for r in rows if r.line == SETTLED_LINE), shares, strict=True):
        row.outcome_amount -= share
    world.budget += rows


def _ranks(world: World, board: Board, span: Period, levels: Levels, rng: random.Random) -> None:
    """A rank a year for each member, where the board reports them."""
    if not levels.is_published("business_climate_rank_mean") or len(span.months) < 12:
        return
    mean = levels.of("business_climate_rank_mean", span).value
    drawn = [round(mean) + rng.randint(-60, 60) for _ in board.members]
    ranks = settle(rng, drawn, round(mean * len(board.members)), [(1, WORST_RANK)] * len(board.members))
    for member, rank in zip(board.members, ranks, strict=True):
        world.business_climate.append(ClimateRank(span.first.year, member.code, rank))


def _parted(rng: random.Random, total: int, weights: Sequence[float]) -> list[int]:
    """A whole number parted about as the weights say."""
    uneven = [weight * rng.uniform(0.8, 1.2) for weight in weights]
    drawn = [int(total * weight / sum(uneven)) for weight in uneven]
    return settle(rng, drawn, total, [(0, total)] * len(drawn))


def _even(total: int, parts: int) -> list[int]:
    """A whole number in parts as equal as can be."""
    whole, rest = divmod(total, parts)
    return [whole + (position < rest) for position in range(parts)]

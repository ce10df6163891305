"""Running the centre: surveys, activities, staff, budget, deviations, rankings, targets and earlier reports.

What belongs here: the random part of those registers. What does not: planted cases (`traps.py`).
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from dagster_project.demo.buyers import NEIGHBOUR
from dagster_project.demo.facts import (
    FIRST_DAY,
    FIRST_YEAR,
    LAST_DAY,
    LAST_YEAR,
    Activity,
    Answer,
    BudgetLine,
    Classification,
    ClimateRank,
    Comment,
    Deviation,
    Internship,
    Lesson,
    MaturityAnswer,
    PublishedOutcome,
    StaffMonth,
    Target,
    Training,
    World,
)
from dagster_project.demo.invent import day_between

BUDGET_LINES = ("income", "staff", "premises", "systems", "external", "other")
MONTHS = tuple(f"{y}-{m:02d}" for y in range(FIRST_YEAR, LAST_YEAR + 1) for m in range(1, 13))

AMBITION_QUESTIONS = (
    "V1.1", "V1.2", "V1.3", "V1.4", "V1.5", "V2.1", "V2.2", "V2.3", "V2.4", "V3.1", "V3.2", "V3.3", "V3.4a",
    "V3.4b", "V3.5", "H1", "H2", "H3", "H4", "H5",
)  # fmt: skip
DALARNA_ITEMS = (
    "1.S.1", "1.S.2", "1.S.3", "1.S.4", "1.S.5", "1.S.6", "1.V.1", "1.V.2", "1.R.1", "1.R.2", "1.R.3",
    "1.M.1", "2.S.1", "2.S.2", "2.S.3", "2.V.1", "2.R.1", "2.R.2", "2.R.3", "2.M.1", "2.M.2", "3.S.1",
    "3.S.2", "3.S.3", "3.S.4", "3.S.5", "3.V.1", "3.R.1", "3.M.1", "3.M.2", "4.S.1", "4.V.1", "4.R.1",
    "4.R.2", "4.M.1", "K.1", "K.2",
)  # fmt: skip


def add_operations(world: World, rng: random.Random) -> None:
    """All registers of this module."""
    _surveys(world, rng)
    _events(world, rng)
    _running(world, rng)
    _reported(world, rng)
    # Random numbers of their own: what is drawn after them does not depend on how many questions there are.
    _self_assessments(world, random.Random(f"self-assessments:{world.seed}"))
    _expectations(world, random.Random(f"expectations:{world.seed}"))


def _surveys(world: World, rng: random.Random) -> None:
    members = list(world.members)
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        day = date(year, 10, 1)
        for respondent in range(1, 22):
            member = members[respondent % len(members)]
            for question in ("F1", "F2"):
                answered = day + timedelta(days=respondent)
                world.survey_answers.append(
                    Answer(
                        "nki",
                        f"K{year}-{respondent:02d}",
                        question,
                        answered,
                        None,
                        member,
                        rng.randint(2, 5),
                        1,
                        5,
                    )
                )
    asked = [p for p in world.procurements if p.completed_date and _in_scope(p.procedure, p.works)]
    for p in rng.sample(asked, k=min(len(asked), 40)):
        assert p.completed_date is not None
        answered = min(p.completed_date + timedelta(days=rng.randint(5, 40)), LAST_DAY)
        for respondent in range(rng.randint(1, 3)):
            name = f"{p.procurement_id}-{respondent}"
            world.survey_answers.append(
                Answer("nai", name, "A1", answered, p.procurement_id, None, rng.randint(0, 10), 0, 10)
            )


def _in_scope(procedure: str, works: bool) -> bool:
    return procedure not in ("direct_award", "lov", "framework_call") and not works


def _events(world: World, rng: random.Random) -> None:
    members = list(world.members)
    for number in range(1, 91):
        kind = rng.choice(("early_dialogue", "rfi", "supplier_meeting", "other"))
        owner = rng.choice(members) if rng.random() < 0.6 else None
        procurement = (
            rng.choice(world.procurements).procurement_id if owner is None and rng.random() < 0.5 else None
        )
        day = day_between(rng, FIRST_DAY, LAST_DAY)
        people = rng.randint(1, 60) if rng.random() < 0.8 else None
        world.activities.append(Activity(f"AK-{number:03d}", day, kind, procurement, owner, people))
    contracts = [c.contract_id for c in world.contracts]
    for number in range(1, 31):
        contract = rng.choice(contracts) if rng.random() < 0.7 else None
        day = day_between(rng, FIRST_DAY, LAST_DAY)
        world.internships.append(
            Internship(f"P-{number:03d}", day, rng.randint(1, 4), contract, rng.choice(members))
        )
    for number in range(1, 26):
        day = day_between(rng, FIRST_DAY, LAST_DAY)
        world.trainings.append(
            Training(f"U-{number:03d}", day, rng.choice(members), "Avtalstrohet", rng.randint(3, 40))
        )
    for number in range(1, 15):
        day = day_between(rng, FIRST_DAY, LAST_DAY)
        document = rng.choice(("Inköpspolicy", "Samverkansavtal", "Delegationsordning"))
        world.deviations.append(
            Deviation(f"AV-{number:02d}", day, document, rng.random() < 0.3, "Avsteg noterat")
        )


def _running(world: World, rng: random.Random) -> None:
    for month in MONTHS:
        headcount = Decimal(rng.randint(20, 26))
        ordinary = headcount * 160
        sick = Decimal(rng.randint(40, 300))
        training = Decimal(rng.randint(50, 260))
        leavers = 1 if rng.random() < 0.15 else 0
        world.staff.append(StaffMonth(month, headcount, leavers, ordinary, sick, training))
        for line in BUDGET_LINES:
            budget = Decimal(rng.randint(800, 1400)) * (1000 if line in ("income", "staff") else 100)
            outcome = (budget * rng.randint(90, 110) / 100).quantize(Decimal("0.01"))
            world.budget.append(BudgetLine(month, line, budget, outcome))
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for code in [*world.members, NEIGHBOUR]:
            world.business_climate.append(ClimateRank(year, code, rng.randint(1, 290)))


TARGETS: tuple[tuple[str, int, int, str | None, str, str | None], ...] = (
    # indicator, first year, last year, member, operator, value
    ("coordinated_share", 2019, 2020, None, ">=", "0.5"),
    ("coordinated_share", 2021, 2022, None, ">=", "0.6"),
    ("coordinated_share", 2021, 2022, "9102", ">=", "0.9"),
    ("coordinated_share_announced", 2021, 2022, None, ">", "0.5"),
    ("coordinated_count", 2022, 2022, None, ">=", "30"),
    ("coordinated_count", 2022, 2022, "9101", ">=", "10"),
    ("missed_coordination_share", 2021, 2022, None, "<=", "0.2"),
    ("customer_satisfaction_index", 2020, 2022, None, ">", "0.7"),
    ("contract_followup_count", 2021, 2022, None, ">=", "24"),
    ("loyalty_training_members", 2021, 2022, None, ">=", "7"),
    ("off_contract_rate_value", 2020, 2022, None, "<", "0.15"),
    ("off_contract_rate_count", 2020, 2022, None, "<", "0.2"),
    ("contract_compliance_value", 2020, 2022, None, ">=", "0.7"),
    ("ceiling_exceeded_count", 2021, 2022, None, "<=", "0"),
    ("supplier_count", 2021, 2022, None, "decrease", None),
    ("bidders_contacted_count", 2021, 2022, None, ">=", "25"),
    ("bidder_satisfaction_index", 2021, 2022, None, "baseline", None),
    ("bidder_survey_procurements", 2021, 2022, None, ">=", "3"),
    ("employment_requirement_share", 2019, 2022, None, ">=", "0.25"),
    ("environment_any_share", 2019, 2022, None, ">=", "0.8"),
    ("environment_advanced_share", 2019, 2022, None, ">=", "0.5"),
    ("reuse_share", 2021, 2022, None, ">=", "0.1"),
    ("chemicals_share", 2021, 2022, None, "decrease", None),
    ("organic_food_share", 2021, 2022, None, ">=", "0.5"),
    ("organic_food_share", 2021, 2022, "9103", ">=", "0.8"),
    ("regional_bid_share", 2021, 2022, None, "measure", None),
    ("regional_award_share", 2022, 2022, None, "measure", None),
    ("business_climate_rank_mean", 2019, 2022, None, "decrease", None),
    ("new_solution_count", 2022, 2022, None, "baseline", None),
    ("budget_deviation", 2020, 2022, None, "abs<", "0.03"),
    ("plan_completion_share", 2020, 2022, None, ">", "0.7"),
    ("training_hours_per_employee", 2021, 2022, None, ">=", "80"),
    ("sick_leave", 2021, 2022, None, "<", "0.05"),
    ("bids_median", 2020, 2022, None, ">=", "4"),
    ("decision_days_median", 2020, 2022, None, "decrease", None),
    ("questions_mean", 2020, 2022, None, "<=", "7"),
    ("cancelled_count", 2021, 2022, None, "decrease", None),
    ("savings_coverage", 2021, 2022, None, ">=", "0.4"),
)
SAVED_PER_PROCUREMENT = Decimal(400_000)
"""The target for savings, by how many procurements a year the organisation has."""


def _reported(world: World, rng: random.Random) -> None:
    for kpi_id, first, last, member, operator, value in TARGETS:
        world.targets.append(
            Target(
                world.organisation, f"plan_{first}_{last}", kpi_id, date(first, 1, 1),
                date(last, 12, 31), member,
                operator, Decimal(value) if value is not None else None,
            )
        )  # fmt: skip
    aimed = world.size.procurements_per_year * SAVED_PER_PROCUREMENT
    for year in (2021, 2022):
        world.targets.append(
            Target(
                world.organisation, f"plan_{year}", "enabled_savings", date(year, 1, 1), date(year, 12, 31), None, ">=",
                aimed,
            )
        )  # fmt: skip
    world.targets.append(
        Target(
            "another",
            "plan_x",
            "coordinated_share",
            date(2019, 1, 1),
            None,
            None,
            ">=",
            Decimal("0.99"),
            "inte vår",
        )
    )
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for kpi_id, decimals in (("coordinated_share", 2), ("bids_mean", 1), ("contract_followup_count", 0)):
            reported = Decimal(rng.randint(40, 70)) / 10**decimals
            world.published_outcomes.append(
                PublishedOutcome(
                    world.organisation, kpi_id, str(year), reported, decimals, "Påhittad årsrapport"
                )
            )
    world.comments += [
        Comment("2021", "coordinated_share", None, "Fler medlemmar deltog; se årsrapporten"),
        Comment("2022", "coordinated_share", "9102", "Påhittsvik avstod; egna behov"),
        Comment("2022-Q4", "off_contract_rate_value", None, "Nytt ramavtal från december"),
    ]
    completed = [p for p in world.procurements if p.completed_date]
    for p in rng.sample(completed, k=6):
        assert p.completed_date is not None
        world.lessons.append(
            Lesson(
                p.procurement_id, p.completed_date, "lesson", "Börja tidigare", rng.randint(2, 6), None, None
            )
        )
    world.classifications += [
        Classification("STI", f"{30000000 + 1000 * i}", c.category_code)
        for i, c in enumerate(world.categories[:20])
    ]


def _expectations(world: World, rng: random.Random) -> None:
    """What was expected of some procurements, most of it noted before the announcement; a little too hopeful."""
    bidders: dict[str, set[str]] = {}
    for bid in world.bids:
        bidders.setdefault(bid.procurement_id, set()).add(bid.bidder_id)
    for p in world.procurements:
        if p.announced_date is None or rng.random() > 0.15:
            continue
        noted = p.announced_date - timedelta(days=rng.randint(-3, 40))
        expected = max(1, len(bidders.get(p.procurement_id, ())) + rng.randint(-1, 2))
        price = (p.estimated_value or Decimal(0)) * rng.randint(75, 105) / 100
        world.lessons.append(
            Lesson(
                p.procurement_id, noted, "expectation", "Väntat utfall enligt strategin", expected,
                price if rng.random() < 0.8 else None, Decimal(rng.choice((2, 5, 10, 20))) / 100,
            )
        )  # fmt: skip


def _self_assessments(world: World, rng: random.Random) -> None:
    """Each method twice, by five respondents of two roles; in the ambition graph of 2022 one leaves a question out."""
    for year in (2021, 2022):
        for respondent in range(1, 6):
            who, role = f"M{respondent}", ("chef", "inköpare")[respondent % 2]
            day = date(year, 5, respondent)
            for question in AMBITION_QUESTIONS:
                # V1.1 is a yes/no question (3 or 0), the others are graded 1-4
                answer = rng.choice((0, 3)) if question == "V1.1" else rng.randint(1, 4)
                if (year, respondent, question) != (2022, 3, "V2.1"):
                    world.maturity_answers.append(
                        MaturityAnswer(
                            f"ambition-{year}", who, question, world.name, role, day, Decimal(answer)
                        )
                    )
            for item in DALARNA_ITEMS:
                level = Decimal(min(3, rng.randint(0, 2) + (year - 2021) * rng.randint(0, 1)))
                world.maturity_answers.append(
                    MaturityAnswer(f"dalamodell-{year}", who, item, world.name, role, day, level)
                )

"""What a board expects of its procurements before they are announced, and what it says of them afterwards.

What belongs here: invented expectations around what came out, some noted too late to be predictions. What does not: how
they are held against the outcome.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from dagster_project.demo.boards.plan import Board
from dagster_project.demo.boards.procurements import Case
from dagster_project.demo.facts import Bid, Lesson, World

EXPECTED_CHANCE, LATE_CHANCE, LESSON_CHANCE = 0.2, 0.15, 0.08
LESSONS = (
    "Fler anbud väntades efter dialogen; kravet på referenser stängde ute de mindre",
    "Medlemmarnas volymer kom sent och ändrades två gånger",
    "Uppdelningen i anbudsområden gav fler anbudsgivare",
    "Utvärderingsmodellen ledde till frågor som kunde ha undvikits",
)


def add_lessons(
    world: World, board: Board, cases: Sequence[Case], offers: Mapping[str, list[Bid]], rng: random.Random
) -> None:
    """Expectations of some procurements, a little too hopeful on average, and a lesson of some completed ones."""
    for case in cases:
        p = case.procurement
        if not case.is_in_scope or p.announced_date is None:
            continue
        if rng.random() < EXPECTED_CHANCE:
            is_late = rng.random() < LATE_CHANCE
            days = rng.randint(1, 20) if is_late else -rng.randint(5, 60)
            noted = p.announced_date + timedelta(days=days)
            bidders = len({bid.bidder_id for bid in offers.get(p.procurement_id, ())})
            if noted <= board.last:
                world.lessons.append(
                    Lesson(
                        p.procurement_id,
                        noted,
                        "expectation",
                        "Väntat utfall enligt upphandlingsstrategin",
                        max(1, bidders + rng.randint(-1, 2)),
                        (p.estimated_value or Decimal(0)) * rng.randint(75, 105) / 100,
                        Decimal(rng.choice((2, 5, 10, 20))) / 100,
                    )
                )
        if p.completed_date is not None and rng.random() < LESSON_CHANCE:
            noted = p.completed_date + timedelta(days=rng.randint(5, 40))
            if noted <= board.last:
                world.lessons.append(
                    Lesson(p.procurement_id, noted, "lesson", rng.choice(LESSONS), None, None, None)
                )
    world.lessons.sort(key=lambda lesson: (lesson.procurement_id, lesson.recorded_date))

"""Draws as a year's work usually looks, then settles the draws until they sum to what is to come out.

What belongs here: arithmetic and chance over plain numbers, and the days on which people work. What does not:
any record.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import TypeVar

from dagster_project.demo.boards.plan import BoardError

T = TypeVar("T")

CLOSED = {(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)}
"""(month, day) of holidays that never move."""
BUSY = (0.8, 1.0, 1.15, 1.05, 1.1, 1.0, 0.3, 0.8, 1.2, 1.2, 1.2, 0.8)
"""How much is begun in each month."""


@cache
def workdays(first: date, last: date) -> tuple[date, ...]:
    """Mondays to Fridays from `first` to `last` but for fixed holidays."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return tuple(day for day in days if day.weekday() < 5 and (day.month, day.day) not in CLOSED)


def some_workday(rng: random.Random, first: date, last: date) -> date:
    """A working day between two days, or the first of them where none lies between."""
    return rng.choice(workdays(first, last) or (first,))


def busy_workdays(rng: random.Random, first: date, last: date, count: int) -> list[date]:
    """`count` working days in order, more of them in the busy months."""
    days = workdays(first, last)
    return sorted(rng.choices(days, weights=[BUSY[day.month - 1] for day in days], k=count))


def after(day: date, days: int) -> date:
    """The first working day at least `days` days later."""
    found = day + timedelta(days=days)
    return workdays(found, found + timedelta(days=10))[0]


def around(rng: random.Random, mean: float, shape: float = 2.0) -> int:
    """A whole number from 0 up, skewed to the right, with the mean; a smaller shape spreads more."""
    if mean <= 0:
        return 0
    limit, product, count = math.exp(-rng.gammavariate(shape, mean / shape)), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def settle(
    rng: random.Random, values: Sequence[int], total: int, bounds: Sequence[tuple[int, int]]
) -> list[int]:
    """The values, nudged by one here and there until they sum to `total`, each within its bounds.

    Raises BoardError where the bounds do not allow the total.
    """
    found = [min(max(value, low), high) for value, (low, high) in zip(values, bounds, strict=True)]
    if not sum(low for low, _ in bounds) <= total <= sum(high for _, high in bounds):
        raise BoardError(f"{len(found)} records cannot sum to {total}")
    while (missing := total - sum(found)) != 0:
        step = 1 if missing > 0 else -1
        free = [i for i, (low, high) in enumerate(bounds) if low <= found[i] + step <= high]
        for i in rng.sample(free, k=min(abs(missing), len(free))):
            found[i] += step
    return found


def weighted_sample(rng: random.Random, items: Sequence[T], weights: Sequence[float], count: int) -> list[T]:
    """`count` different items, the heavy ones more often."""
    keyed = sorted(range(len(items)), key=lambda i: -(rng.random() ** (1 / weights[i])))
    return [items[i] for i in keyed[:count]]

"""Ledgers of which the truth is known, many samples of each at once, and the estimates' formulas in arrays.

What belongs here: worlds, the draw and review of thousands of samples, and the same estimates as the model
`invoice_sample_estimate` gives, so that a coverage can be measured in seconds. What does not: what is expected of them
(tests/property/test_sample_estimates.py), which also holds these formulas against the model's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from dagster_project.flow import sampling

Array = np.ndarray[Any, np.dtype[Any]]
WILD, COVERED, OUTSIDE, CREDIT = range(4)
CLASSES = ("wild", "on_contract", "uncovered")
IN_AREA = 0.85
CREDITS = 0.03
CREDIT_SIZE = 0.3
FEW = 10
Z = sampling.Z


@dataclass(frozen=True)
class World:
    """A kind of ledger: members with so many lines, the share that is wild, and how often the rule says otherwise.

    `missed` is the chance that the rule calls a wild line on contract, `alarmed` the opposite, `moved` that it places
    a line inside the areas with contracts that is outside, or the opposite. `skew` is the spread of the amounts'
    logarithms, `slope` how wild purchases follow the amount, `unlike` how members differ in their share, `uneven` in
    the size of their amounts. `drawn` lines are drawn of each member, or as many as `precision` asks for.
    """

    wild: float = 0.25
    missed: float = 0.1
    alarmed: float = 0.05
    moved: float = 0.0
    drawn: int = 100
    members: int = 1
    lines: int = 1200
    skew: float = 1.2
    slope: float = 0.0
    unlike: float = 0.0
    uneven: float = 0.0
    precision: float | None = None


@dataclass(frozen=True)
class Lines:
    """Lines of one member: amounts, the reviewer's class and the rule's (numbers of CLASSES)."""

    amount: Array
    verdict: Array
    rule: Array

    def at(self, place: Array) -> Lines:
        return Lines(self.amount[place], self.verdict[place], self.rule[place])


@dataclass(frozen=True)
class Drawn:
    """Samples of one ledger, a row each: the reviewed lines, their strata, and what they stand for.

    `chance` is that of a line's being drawn and reviewed. `strata` are all strata: number, whether of credits, and the
    rule's amounts by class. `lines` counts the reviewed lines of a stratum.
    """

    amount: Array
    chance: Array
    stratum: Array
    verdict: Array
    rule: Array
    strata: list[tuple[int, Array]] = field(default_factory=list)


def ledger(world: World, rng: np.random.Generator) -> list[Lines]:
    """A ledger of this kind, by member."""
    members = []
    for member in range(world.members):
        place = member - (world.members - 1) / 2
        size = rng.normal(8, world.skew, world.lines)
        credit = rng.random(world.lines) < CREDITS
        amount = np.exp(size + world.uneven * place) * np.where(credit, -CREDIT_SIZE, 1.0)
        in_area = rng.random(world.lines) < IN_AREA
        chance = world.wild * (1 + world.unlike * place) * np.exp(world.slope * (size - 8))
        wild = in_area & (rng.random(world.lines) < chance)
        turned = rng.random(world.lines) < np.where(wild, world.missed, world.alarmed)
        rule = np.where(in_area, np.where(wild ^ turned, WILD, COVERED), OUTSIDE)
        moved = rng.random(world.lines) < world.moved
        rule = np.where(moved, np.where(in_area, OUTSIDE, rng.integers(0, 2, world.lines)), rule)
        verdict = np.where(wild, WILD, np.where(in_area, COVERED, OUTSIDE))
        members.append(
            Lines(np.where(amount > 0, 1, -1) * np.maximum(np.abs(amount), 0.01).round(2), verdict, rule)
        )
    return members


def frame_of(lines: list[Lines]) -> pl.DataFrame:
    """The ledger as the draw takes it."""
    return pl.concat(
        pl.DataFrame(
            {
                "member_code": [f"{member}"] * len(one.amount),
                "amount_net": one.amount,
                "rule_class": np.array(CLASSES)[one.rule],
            }
        )
        for member, one in enumerate(lines)
    )


def truth(lines: list[Lines]) -> float:
    """The wild share of the whole ledger."""
    wild = sum(float(one.amount[one.verdict == WILD].sum()) for one in lines)
    return wild / sum(float(one.amount[one.verdict != OUTSIDE].sum()) for one in lines)


def rule_quality(lines: list[Lines]) -> tuple[float, float]:
    """The rule's precision and recall, by amount, credit notes left out."""
    amount = np.concatenate([np.maximum(one.amount, 0) for one in lines])
    verdict, rule = (np.concatenate([getattr(one, name) for one in lines]) for name in ("verdict", "rule"))
    both = amount[(verdict == WILD) & (rule == WILD)].sum()
    return float(both / amount[rule == WILD].sum()), float(both / amount[verdict == WILD].sum())


def sizes(world: World, lines: list[Lines]) -> dict[str, int]:
    """How many lines are drawn of each member."""
    if world.precision is not None:
        return sampling.planned(frame_of(lines), None, False, world.precision)
    return {f"{member}": world.drawn for member in range(world.members)}


def draw(lines: list[Lines], drawn: dict[str, int], samples: int, rng: np.random.Generator) -> Drawn:
    """So many samples of the ledger by the strata and chances of flow/sampling.py, every line reviewed."""
    parts: list[tuple[Array, ...]] = []
    strata: list[tuple[int, Array]] = []
    for member, whole in enumerate(lines):
        n = drawn[f"{member}"]
        sign = whole.amount < 0
        share = float(np.abs(whole.amount[sign]).sum() / np.abs(whole.amount).sum())
        credits = sampling._credit_size(n, int(sign.sum()), share)
        for credit, of_sign, size in ((False, ~sign, max(n - credits, 1)), (True, sign, credits)):
            one = whole.at(np.flatnonzero(of_sign))
            if not one.amount.size:
                continue
            chance = sampling.probabilities(np.abs(one.amount), size)
            taken = chance >= 1
            place = _chosen(chance, min(size, one.amount.size), samples, rng)
            numbers = 3 * member + np.where(credit, CREDIT - 1, np.where(taken, 0, 1))
            parts.append(
                (one.amount[place], chance[place], numbers[place], one.verdict[place], one.rule[place])
            )
            for number in np.unique(numbers):
                inside = one.at(np.flatnonzero(numbers == number))
                by_class = np.bincount(inside.rule, inside.amount, 3)
                strata.append(
                    (
                        int(number),
                        np.append(np.zeros(3), by_class.sum()) if credit else np.append(by_class, 0.0),
                    )
                )
    return Drawn(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)), strata)


def _chosen(chance: Array, n: int, samples: int, rng: np.random.Generator) -> Array:
    """The places of n lines in each sample: Pareto sampling."""
    if n == len(chance):
        return np.tile(np.arange(n), (samples, 1))
    u = rng.random((samples, len(chance)), dtype=np.float32)
    with np.errstate(divide="ignore"):
        rank = np.where(chance >= 1, -1.0, u / (1 - u) * ((1 - chance) / chance)).astype(np.float32)
    return np.argpartition(rank, n - 1, axis=1)[:, :n]


def answering(drawn: Drawn, share: float, rng: np.random.Generator) -> Array:
    """The places of the lines of each sample that the reviewers answer for: so large a share, by chance alone."""
    samples, lines = drawn.amount.shape
    return rng.permuted(np.tile(np.arange(lines), (samples, 1)), axis=1)[:, : round(share * lines)]


def answered(drawn: Drawn, place: Array) -> Drawn:
    """The samples with the lines at these places reviewed: they stand for the rest of their stratum, by money.

    A stratum of purchases that nothing was reviewed of is stood for by the member's other one.
    """
    weight = np.abs(drawn.amount) / drawn.chance
    is_reviewed = np.zeros(weight.shape, dtype=bool)
    np.put_along_axis(is_reviewed, place, values=True, axis=1)
    response = np.ones(weight.shape)
    held = {number: weight * (drawn.stratum == number) for number, _ in drawn.strata}
    for number, inside in held.items():
        member, kind = divmod(number, 3)
        fellow = held.get(3 * member + 1 - kind, 0.0 * weight) if kind < 2 else 0.0 * weight
        together = inside + fellow
        merged = ((inside * is_reviewed).sum(1) == 0) | (
            ((fellow * is_reviewed).sum(1) == 0) & (fellow.sum(1) > 0)
        )
        of = np.where(merged[:, None], together, inside)
        whole, answered_for = of.sum(1), (of * is_reviewed).sum(1)
        share = answered_for / np.where(whole > 0, whole, 1)
        response = np.where((drawn.stratum == number) & is_reviewed, share[:, None], response)
    return Drawn(
        *(
            np.take_along_axis(values, place, axis=1)
            for values in (drawn.amount, drawn.chance * response, drawn.stratum, drawn.verdict, drawn.rule)
        ),
        drawn.strata,
    )


Estimate = tuple[Array, Array, Array]  # share, low, high of each sample


def by_design(drawn: Drawn) -> Estimate:
    """The share of two expanded totals, with Taylor's variance by stratum."""
    top, bottom = drawn.verdict == WILD, drawn.verdict != OUTSIDE
    expanded = drawn.amount / drawn.chance
    left_out = 1 - drawn.chance
    total = (expanded * bottom).sum(1)
    share = (expanded * top).sum(1) / total
    moves = expanded * (top - share[:, None] * bottom) / total[:, None]
    variance, degrees = np.zeros(len(share)), np.zeros(len(share))
    for number, _ in drawn.strata:
        inside = drawn.stratum == number
        lines, weight = inside.sum(1), left_out * inside
        whole = weight.sum(1)
        centre = (weight * moves).sum(1) / np.where(whole > 0, whole, 1)
        variance += (weight * (moves - centre[:, None]) ** 2).sum(1) * lines / np.maximum(lines - 1, 1)
        degrees += np.where(whole > 0, lines - 1, 0)
    squares = (left_out * (expanded * bottom) ** 2).sum(1)
    even = np.where(squares > 0, total**2 / np.where(squares > 0, squares, 1), np.nan)
    seen = (variance > 0) & (share > 0) & (share < 1)
    like = share * (1 - share) / np.where(seen, variance, 1) * (Z / student(degrees)) ** 2
    by_chance = left_out > 0
    fewest = np.minimum((top & by_chance).sum(1), (bottom & ~top & by_chance).sum(1))
    lines = np.where(seen, np.where(fewest < FEW, np.minimum(like, even), like), even)
    low, high = cai(np.clip(share, 0, 1), lines)
    # Where every line was reviewed nothing is left to chance. Credit notes may take a share beyond 0 and 1.
    known = np.isnan(even)
    return (
        share,
        np.where(known, share, np.minimum(low, share)),
        np.where(known, share, np.maximum(high, share)),
    )


def of_the_rule(drawn: Drawn) -> dict[str, Estimate]:
    """The rule's precision and recall over purchases, credit notes left out."""
    left_out = 1 - drawn.chance
    debit = drawn.amount > 0
    wild = drawn.verdict == WILD
    expanded = drawn.amount / drawn.chance
    known = sum((amounts for _, amounts in drawn.strata), np.zeros(4))
    ends, found = {}, {}
    for is_called in (True, False):
        inside = debit & ((drawn.rule == WILD) == is_called)
        by_chance = inside & (left_out > 0)
        certain = drawn.amount * (inside & (left_out <= 0))
        rest = (known[WILD] if is_called else known[COVERED] + known[OUTSIDE]) - certain.sum(1)
        whole = (expanded * by_chance).sum(1)
        seen = whole > 0
        share = (expanded * (by_chance & wild)).sum(1) / np.where(seen, whole, 1)
        lines = np.where(
            seen, whole**2 / np.where(seen, (left_out * (expanded * by_chance) ** 2).sum(1), 1), 1
        )
        low, high = cai(share, lines)
        # What was not reviewed at all says nothing, unless there is nothing of it.
        rest = np.where(seen, rest, np.where(np.abs(rest) < 0.005, 0.0, np.nan))
        ends[is_called] = rest * (share - low), rest * (high - share)
        found[is_called] = (certain * wild).sum(1) + rest * share
    called = known[WILD] if known[WILD] > 0 else np.nan
    both = found[True] + found[False]
    both = np.where(both > 0, both, np.nan)
    precision, recall = found[True] / called, found[True] / both
    below, above = (
        np.hypot((1 - recall) * ends[True][end], recall * ends[False][1 - end]) / both for end in (0, 1)
    )
    return {
        "precision": (
            precision,
            np.maximum(precision - ends[True][0] / called, 0),
            np.minimum(precision + ends[True][1] / called, 1),
        ),
        "recall": (recall, np.maximum(recall - below, 0), np.minimum(recall + above, 1)),
    }


def assisted(drawn: Drawn) -> Estimate:
    """By the rule's classes, whose amounts are known: each class's shares put together with MOVER."""
    left_out = 1 - drawn.chance
    by_chance = left_out > 0
    of_class = np.where(drawn.amount < 0, CREDIT, drawn.rule)
    expanded = drawn.amount / drawn.chance
    in_area = drawn.verdict != OUTSIDE
    known = sum((amounts for _, amounts in drawn.strata), np.zeros(4))
    inside = [(of_class == number) & by_chance for number in range(4)]
    lines = np.stack([one.sum(1) for one in inside], 1)
    amounts = np.stack(
        [known[number] - (drawn.amount * ((of_class == number) & ~by_chance)).sum(1) for number in range(4)],
        1,
    )
    # The names of the classes in their order decide where two have equally many: wild, then outside, then covered.
    order = np.array([2, 0, 1])
    largest = (lines[:, :CREDIT] * 4 + order).argmax(1)
    unseen = lines == 0
    amounts[np.arange(len(amounts)), largest] += (amounts * unseen).sum(1)
    amounts = np.where(unseen, 0.0, amounts)

    def total(of: Array, power: int = 1) -> Array:
        weight = left_out if power == 2 else 1.0
        return np.stack([(weight * (expanded * of * one) ** power).sum(1) for one in inside], 1)

    def safe(divisor: Array) -> Array:
        return np.where(divisor == 0, 1.0, divisor)

    everything = np.ones_like(in_area)
    whole, area, wild = total(everything), total(in_area), total(drawn.verdict == WILD)
    area_share = np.clip(area / safe(whole), 0, 1)
    wild_share = np.clip(wild / safe(area), 0, 1)
    even = np.where(unseen, 1.0, whole**2 / safe(total(everything, 2)))
    area_even = np.where(area == 0, 1.0, area**2 / safe(total(in_area, 2)))
    certain = drawn.amount * ~by_chance
    top = (certain * (drawn.verdict == WILD)).sum(1) + (amounts * area_share * wild_share).sum(1)
    bottom = (certain * in_area).sum(1) + (amounts * area_share).sum(1)
    share = top / bottom
    below = above = np.zeros(len(share))
    for p, n, by in ((wild_share, area_even, area_share), (area_share, even, wild_share - share[:, None])):
        moves = amounts * by / bottom[:, None]
        low, high = cai(p, n)
        down, up = np.where(moves > 0, p - low, high - p), np.where(moves > 0, high - p, p - low)
        below = below + ((moves * down) ** 2).sum(1)
        above = above + ((moves * up) ** 2).sum(1)
    return (
        share,
        np.minimum(np.maximum(share - np.sqrt(below), 0), share),
        np.maximum(np.minimum(share + np.sqrt(above), 1), share),
    )


def cai(share: Array, lines: Array) -> tuple[Array, Array]:
    """Cai's second-order corrected interval of a share of so many lines."""
    square, spread = Z**2, share * (1 - share)
    eta = square / 3 + 1 / 6
    correction = (square / 18 + 7 / 36) - (13 * square / 18 + 17 / 18) * spread
    middle = (share * lines + eta) / (lines + 2 * eta)
    half = Z * np.sqrt(np.maximum(spread + correction / lines, 0) / lines)
    return np.maximum(np.minimum(middle - half, share), 0), np.minimum(np.maximum(middle + half, share), 1)


def student(degrees: Array) -> Array:
    """Student's quantile, as the macro `t_quantile` expands it."""
    v = np.maximum(degrees, 1)
    result: Array = (
        Z
        + (Z**3 + Z) / 4 / v
        + (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96 / v**2
        + (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384 / v**3
    )
    return result


def in_rows(drawn: Drawn, sample: str, reviewed: Array | None = None) -> pl.DataFrame:
    """The lines of every sample as `invoice_sample` has them; only those at the places `reviewed` have a verdict."""
    count, lines = drawn.amount.shape
    is_reviewed = np.ones(drawn.amount.shape, dtype=bool)
    if reviewed is not None:
        is_reviewed[:] = False
        np.put_along_axis(is_reviewed, reviewed, values=True, axis=1)
    member, kind = np.divmod(drawn.stratum.ravel(), 3)
    numbers = np.repeat(np.arange(count), lines)
    return pl.DataFrame(
        {
            "sample_id": [f"{sample}|{number}" for number in numbers],
            "member_code": member.astype(str),
            "stratum": np.array(["take_all", "debit", "credit"])[kind],
            "inclusion_probability": drawn.chance.ravel(),
            "weight": 1 / drawn.chance.ravel(),
            "amount_net": drawn.amount.ravel(),
            "rule_class": np.array(CLASSES)[drawn.rule.ravel()],
            "verdict": np.array(CLASSES)[drawn.verdict.ravel()],
            "is_reviewed": is_reviewed.ravel(),
        }
    ).with_columns(verdict=pl.when("is_reviewed").then("verdict"))


def strata_in_rows(drawn: Drawn, sample: str) -> pl.DataFrame:
    """The strata of every sample as they are recorded."""
    rows = []
    for number, amounts in drawn.strata:
        member, kind = divmod(number, 3)
        # What the rule says of credit notes is in no estimate.
        rows.append(
            {
                "member_code": f"{member}",
                "stratum": ("take_all", "debit", "credit")[kind],
                "rule_wild_amount": float(amounts[WILD]),
                "rule_area_amount": float(amounts[WILD] + amounts[COVERED]),
                "amount": float(amounts.sum()),
            }
        )
    samples = pl.DataFrame({"sample_id": [f"{sample}|{number}" for number in range(len(drawn.amount))]})
    return samples.join(pl.DataFrame(rows), how="cross")

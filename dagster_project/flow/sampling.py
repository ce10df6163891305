"""Plans and draws a sample of invoice lines for review: stratified by member, with chance proportional to amount.

The frame is every line of the period (by booking date) that the rule does not class as `excluded` and whose amount is
not zero. Within a member the lines that are larger than the sampling interval are all taken, credit notes are a
stratum of their own, and the rest are drawn by Pareto sampling: each line has a number between 0 and 1 from a digest of
the sample's name and the line's key, so that the same frame gives the same sample. What does not belong here: the
record on disk (samples.py), the estimates (the models), the workbook (report/reviews.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import polars as pl

from dagster_project.flow import samples
from dagster_project.flow.closing import NAMED
from dagster_project.flow.lock import FolderLock
from dagster_project.flow.releases import current, plainly
from dagster_project.flow.samples import SampleError
from dagster_project.settings import Workspace

AREA: Final = ("on_contract", "over_ceiling", "wild")
FEWEST: Final = 12  # of a member: with fewer its estimate says nothing
FEWEST_CREDITS: Final = 2  # without two nothing is known of how they vary
Z: Final = 1.959963985
# A rule that finds nothing wild (or all) does not show that there is nothing to find: the plan allows for this much.
LEAST_SHARE: Final = 0.05
KEYS: Final = ("buyer_unit_id", "fiscal_year", "invoice_id", "line_no")
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Drawn:
    """A sample that was recorded: its folder, and how many lines of each member (empty: units without a member)."""

    sample_id: str
    folder: Path
    database: Path
    strata: pl.DataFrame
    lines: pl.DataFrame

    @property
    def by_member(self) -> dict[str, int]:
        found = self.lines.group_by("member_code").len().sort("member_code")
        return dict(found.iter_rows())


def draw(
    workspace: Workspace, period: str, size: int | None, per_member: bool, precision: float | None
) -> Drawn:
    """Draw a sample of the period from the release in force and record it. Takes the lock.

    `size` is the number of lines, of each member where `per_member`; `precision` a wanted half width of the interval
    (a share), which gives the size where none is stated. SampleError when there is no release, the period is unknown
    or without lines, or neither is stated.
    """
    if size is None and precision is None:
        raise SampleError("sample.no_size")
    with FolderLock(workspace), plainly("publish.step_sample"):
        release = current(workspace)
        if release is None:
            raise SampleError("sample.no_release", folder=workspace.marts)
        first, last = days_of(release.database, period)
        frame = frame_of(release.database, period, first, last)
        earlier = [name for name in samples.sample_ids(workspace) if name.rsplit("-S", 1)[0] == period]
        number = 1 + max((int(name.rsplit("-S", 1)[1]) for name in earlier), default=0)
        sample_id = f"{period}-S{number}"
        sizes = planned(frame, size, per_member, precision)
        strata, lines = drawn(frame, sizes, sample_id)
        design = {
            "sample_id": sample_id,
            "period": period,
            "period_start": str(first),
            "period_end": str(last),
            "number": number,
            "release_id": release.release_id,
            "recorded_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "size": size,
            "per_member": per_member,
            "precision": precision,
            "sizes": sizes,
        }
        folder = samples.record(workspace, design, strata, lines)
        return Drawn(sample_id, folder, release.database, strata, lines)


def days_of(database: Path, period: str) -> tuple[date, date]:
    """The first and last day of a period that a sample can be drawn from; SampleError when it is unknown."""
    with duckdb.connect(str(database), read_only=True) as con:
        days = {
            name: (first, last)
            for name, first, last in con.execute(
                "select period, period_start, period_end from dim_period where period_type not in ('ytd', 'r12') "
                "order by period_start, period"
            ).fetchall()
        }
    if period not in days:
        raise SampleError("sample.unknown_period", period=period, known=", ".join(list(days)[-NAMED:]) or "–")
    return days[period]


def frame_of(database: Path, period: str, first: date, last: date) -> pl.DataFrame:
    """The lines booked on the days of the period that a sample is drawn from, by key; SampleError where none are."""
    with duckdb.connect(str(database), read_only=True) as con:
        frame = con.sql(
            f"""
            select {", ".join(KEYS)}, coalesce(member_code, '') as member_code, booking_date, amount_net,
                compliance_class as rule_class
            from fct_invoice_line
            where booking_date between $first and $last and compliance_class <> 'excluded' and amount_net <> 0
            order by {", ".join(KEYS)}
            """,
            params={"first": first, "last": last},
        ).pl()
    if frame.is_empty():
        raise SampleError("sample.no_lines", period=period)
    return frame


def planned(
    frame: pl.DataFrame, size: int | None, per_member: bool, precision: float | None
) -> dict[str, int]:
    """How many lines of each member. A stated size is shared by absolute amount, at least FEWEST to each."""
    amounts = _amounts(frame)
    if per_member and size is None and precision is not None:
        return {code: needed(frame.filter(member_code=code), precision) for code in amounts}
    if per_member and size is not None:
        return dict.fromkeys(amounts, size)
    return _shared(amounts, size if size is not None else needed(frame, precision or 0.0))


def _amounts(frame: pl.DataFrame) -> dict[str, float]:
    """The absolute amount of each member."""
    totals = frame.group_by("member_code").agg(pl.col("amount_net").abs().sum()).sort("member_code")
    return {code: float(total) for code, total in totals.iter_rows()}


def _shared(amounts: dict[str, float], size: int) -> dict[str, int]:
    whole = sum(amounts.values())
    return {code: max(FEWEST, round(size * amount / whole)) for code, amount in amounts.items()}


def _credit_size(n: int, credits: int, credit_share: float) -> int:
    """How many of a member's `n` lines are credit notes: by their share of the absolute amount."""
    return min(credits, max(FEWEST_CREDITS, round(n * credit_share))) if credits else 0


def needed(frame: pl.DataFrame, precision: float) -> int:
    """The smallest number of lines whose design-based interval may be expected to reach `precision` either way.

    They are shared by amount over the members of the frame. What is expected to vary is taken from the rule's own share
    of wild purchases and of purchases in areas with contracts; what is taken in full does not vary.
    """
    amount = frame["amount_net"].cast(pl.Float64).to_numpy()
    sizes = np.abs(amount)
    in_area = float(sizes[frame["rule_class"].is_in(AREA).to_numpy()].sum())
    wild = float(sizes[(frame["rule_class"] == "wild").to_numpy()].sum())
    share = wild / in_area if in_area else 0.5
    share = min(max(share, LEAST_SHARE), 1 - LEAST_SHARE)
    area_share = max(in_area / float(sizes.sum()), LEAST_SHARE)
    owners = frame["member_code"].to_numpy()
    amounts = _amounts(frame)
    strata = {
        code: (sizes[(owners == code) & (amount > 0)], sizes[(owners == code) & (amount < 0)])
        for code in amounts
    }
    low, high = FEWEST, max(len(sizes), FEWEST)
    while low < high:
        n = (low + high) // 2
        spread = 0.0
        for code, of_member in _shared(amounts, n).items():
            debits, credits = strata[code]
            credit_size = _credit_size(of_member, len(credits), float(credits.sum()) / amounts[code])
            for of_sign, drawn_lines in ((debits, max(of_member - credit_size, 1)), (credits, credit_size)):
                chance = probabilities(of_sign, drawn_lines)
                spread += float(((1 - chance) / chance * of_sign**2).sum())
        # How many lines of equal amount, drawn with replacement, would tell as much of the share.
        worth = area_share * float(sizes.sum()) ** 2 / spread if spread else np.inf
        if _half_width(share, worth * (1 - 1 / n), n - 1) <= precision:
            high = n
        else:
            low = n + 1
    return low


def _half_width(share: float, lines: float, degrees: int) -> float:
    """Half the interval of a share as the model has it (the macros `sampled_share` and `cai`)."""
    lines *= (
        1 + (Z**2 + 1) / 4 / degrees
    ) ** -2  # Student's quantile in place of the normal one, to its first term
    spread = share * (1 - share)
    return (
        Z * ((spread + ((7 / 36 + Z**2 / 18) - (17 / 18 + Z**2 * 13 / 18) * spread) / lines) / lines) ** 0.5
    )


def probabilities(sizes: Array, n: int) -> Array:
    """The chance of each line when n are drawn by size: 1 where a line is as large as the sampling interval."""
    chance = np.zeros(len(sizes))
    if n >= len(sizes):
        return np.ones(len(sizes))
    taken = np.zeros(len(sizes), dtype=bool)
    while True:
        left = n - int(taken.sum())
        rest = float(sizes[~taken].sum())
        more = ~taken & (sizes * left >= rest)
        if left <= 0 or not more.any():
            break
        taken |= more
    chance[taken] = 1.0
    if left > 0 and rest > 0:
        chance[~taken] = sizes[~taken] * left / rest
    return chance


def drawn(frame: pl.DataFrame, sizes: dict[str, int], sample_id: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The strata and the drawn lines, as samples.py records them; `sizes` as `planned` gives them."""
    parts: list[pl.DataFrame] = []
    for (member,), lines in frame.group_by("member_code", maintain_order=True):
        credit = lines["amount_net"] < 0
        n = sizes[str(member)]
        parts_of = {"debit": lines.filter(~credit), "credit": lines.filter(credit)}
        whole = float(lines["amount_net"].abs().sum())
        credits = parts_of["credit"]
        share = float(credits["amount_net"].abs().sum()) / whole
        credit_size = _credit_size(n, len(credits), share)
        for stratum, of in (("debit", max(n - credit_size, 1)), ("credit", credit_size)):
            if len(parts_of[stratum]):
                parts.append(_stratum(parts_of[stratum], stratum, of, sample_id))
    chosen = pl.concat(parts).with_columns(sample_id=pl.lit(sample_id))
    area, wild = pl.col("rule_class").is_in(AREA), pl.col("rule_class") == "wild"
    strata = (
        chosen.group_by("sample_id", "member_code", "stratum")
        .agg(
            population_lines=pl.len().cast(pl.Int64),
            drawn_lines=pl.col("is_drawn").sum().cast(pl.Int64),
            amount=pl.col("amount_net").sum().cast(samples.MONEY),
            absolute_amount=pl.col("amount_net").abs().sum().cast(samples.MONEY),
            rule_wild_amount=pl.col("amount_net").filter(wild).sum().cast(samples.MONEY),
            rule_area_amount=pl.col("amount_net").filter(area).sum().cast(samples.MONEY),
        )
        .sort("member_code", "stratum")
    )
    return strata, chosen.filter("is_drawn").sort("member_code", *KEYS)


def _stratum(lines: pl.DataFrame, stratum: str, n: int, sample_id: str) -> pl.DataFrame:
    """The lines of one sign with stratum, chance, and whether they are drawn."""
    sizes = lines["amount_net"].abs().cast(pl.Float64).to_numpy()
    chance = probabilities(sizes, n)
    numbers = np.array([_number(sample_id, key) for key in lines.select(KEYS).iter_rows()])
    open_ = chance < 1
    with np.errstate(divide="ignore"):
        rank = np.where(open_, numbers / (1 - numbers) * (1 - chance) / chance, -1.0)
    is_drawn = ~open_
    left = max(n - int(is_drawn.sum()), 0)
    is_drawn[np.argsort(rank, kind="stable")[int((~open_).sum()) :][:left]] = True
    names = np.where(open_, stratum, "take_all") if stratum == "debit" else np.full(len(lines), stratum)
    return lines.with_columns(
        stratum=pl.Series(names, dtype=pl.String),
        inclusion_probability=pl.Series(chance),
        is_drawn=pl.Series(is_drawn),
    )


def _number(sample_id: str, key: tuple[Any, ...]) -> float:
    """A line's own number between 0 and 1 in this sample."""
    digest = hashlib.md5("|".join([sample_id, *map(str, key)]).encode(), usedforsecurity=False).digest()
    return (int.from_bytes(digest[:8], "big") + 0.5) / 2**64

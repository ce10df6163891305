"""The demonstration's spot check: a sample of the last year's invoice lines, recorded before the reviewers answered.

It is drawn as `mattstock sample` draws (flow/sampling.py), from the classes that are true of the lines. What the
reviewers say is made here: they agree with the rule but now and then, and some lines are not answered for. What belongs
here: the draw, the answers, and the truth of the estimate, counted from the record and the answers in plain Python.
What does not: the interval, which is held by simulation (tests/property/test_sample_estimates.py).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl

from dagster_project.demo.facts import LAST_YEAR, InvoiceReview, World
from dagster_project.demo.ladder import CLASSES, EXCLUDED
from dagster_project.demo.ledger import Ledger
from dagster_project.demo.scorecard import ALL, NOTHING, Cell, Value
from dagster_project.flow import samples, sampling
from dagster_project.settings import Workspace

KPI = "off_contract_rate_sample"
PERIOD, NUMBER = f"{LAST_YEAR}", 1
FIRST, LAST = date(LAST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
SAMPLE = f"{PERIOD}-S{NUMBER}"
SIZE = 180
MOST_LINES = 200_000
"""Demonstrations for measuring are larger, and carry no sample: their lines are not held together."""
NOT_REVIEWED = "not_reviewed"
UNANSWERED = 0.04
# How often the reviewers say something else than the rule, what, and why.
OTHERWISE: dict[str, tuple[tuple[float, str, str | None], ...]] = {
    "on_contract": ((0.04, "wild", "Köpt utanför sortimentet"),),
    "over_ceiling": ((0.04, "wild", "Köpt utanför sortimentet"),),
    "wild": ((0.12, "on_contract", "Avropat på avtalet, fel kategori i ledgern"),),
    "uncovered": ((0.05, "wild", "Avtalet täcker även detta"),),
    "unclassified": ((0.6, "on_contract", None), (0.25, "wild", None), (0.15, "uncovered", None)),
}
AREA = ("on_contract", "wild")
LEAST_REVIEWED, LEAST_RESPONSE, MOST_UNANSWERED = 10, 0.5, 0.02


class Frame:
    """The lines that the sample is drawn from, taken out of the classified chunks as they pass."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        owners = {u.unit_id: u.member_code for u in world.organisations if u.member_code in world.members}
        units = [u.unit_id for u in ledger.world.organisations]
        self._units = pl.Series(units)
        self._owners = pl.Series([owners.get(unit, "") for unit in units], dtype=pl.String)
        self._classes = pl.Series(CLASSES)
        self._parts: list[pl.DataFrame] = []

    def add(self, chunk: pl.DataFrame) -> None:
        """Take the chunk's lines that were booked in the period, purchases only."""
        lines = chunk.filter(
            pl.col("booking_date").is_between(FIRST, LAST)
            & (pl.col("compliance") != EXCLUDED)
            & (pl.col("amount") != 0)
        )
        unit = lines["unit"].cast(pl.UInt32)
        self._parts.append(
            lines.select(
                buyer_unit_id=self._units.gather(unit),
                fiscal_year=pl.col("fiscal_year").cast(pl.Int64),
                invoice_id="invoice_id",
                line_no=pl.col("line_no").cast(pl.Int64),
                member_code=self._owners.gather(unit),
                booking_date="booking_date",
                amount_net=(pl.col("amount") / 100).round(2).cast(samples.MONEY),
                rule_class=self._classes.gather(lines["compliance"].cast(pl.UInt32)),
            )
        )

    def lines(self) -> pl.DataFrame:
        """What was taken, by key."""
        return pl.concat(self._parts).sort(sampling.KEYS)


@dataclass(frozen=True)
class SpotCheck:
    """What was drawn and what the reviewers said; empty where there was nothing to draw."""

    lines: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=samples.LINES_SCHEMA))
    reviews: tuple[InvoiceReview, ...] = ()

    def values(self) -> dict[Cell, Value]:
        """The estimate of the whole and of each member, where enough was reviewed."""
        verdicts = {
            (r.buyer_unit_id, r.fiscal_year, r.invoice_id, r.line_no): r.verdict for r in self.reviews
        }
        drawn = [
            _Line(
                row["member_code"],
                row["stratum"],
                row["amount_net"],
                row["inclusion_probability"],
                verdicts[tuple(row[key] for key in sampling.KEYS)],
            )
            for row in self.lines.iter_rows(named=True)
        ]
        members = sorted({line.member for line in drawn} - {""})
        found: dict[Cell, Value] = {(ALL, ALL): _value(drawn)}
        for member in members:
            value = _value([line for line in drawn if line.member == member])
            if value is not NOTHING:
                found[member, ALL] = value
        return found


@dataclass(frozen=True, slots=True)
class _Line:
    member: str
    stratum: str
    amount: Decimal
    chance: float
    verdict: str

    @property
    def is_reviewed(self) -> bool:
        return self.verdict != NOT_REVIEWED

    @property
    def drawn_amount(self) -> float:
        """What the line stands for by the draw alone, in absolute money."""
        return abs(float(self.amount)) / self.chance


def _value(lines: list[_Line]) -> Value:
    """The wild share of what the reviewed lines stand for, each for its part of its stratum."""
    strata: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    for line in lines:
        strata[line.member, line.stratum].append(line)
    for member in {line.member for line in lines}:
        purchases = [key for key in strata if key[0] == member and key[1] != "credit"]
        if any(not any(line.is_reviewed for line in strata[key]) for key in purchases):
            # What nobody reviewed of a member's purchases is stood for by the rest of them.
            strata[member, "purchases"] = [line for key in purchases for line in strata.pop(key)]
    drawn = sum(line.drawn_amount for line in lines)
    reviewed = sum(line.drawn_amount for line in lines if line.is_reviewed)
    unanswered = sum(
        line.drawn_amount
        for one in strata.values()
        if not any(line.is_reviewed for line in one)
        for line in one
    )
    if (
        sum(line.is_reviewed for line in lines) < LEAST_REVIEWED
        or reviewed < LEAST_RESPONSE * drawn
        or unanswered > MOST_UNANSWERED * drawn
    ):
        return NOTHING
    wild = area = 0.0
    for one in strata.values():
        whole = sum(line.drawn_amount for line in one)
        answered = sum(line.drawn_amount for line in one if line.is_reviewed)
        for line in one:
            if line.is_reviewed:
                stands_for = float(line.amount) / line.chance * whole / answered
                wild += stands_for if line.verdict == "wild" else 0.0
                area += stands_for if line.verdict in AREA else 0.0
    return Value(Fraction(wild), Fraction(area), wild / area, reviewed / drawn)


def drawn(frame: pl.DataFrame, folder: Path) -> SpotCheck:
    """Draw and record the sample in the data folder, and let the reviewers answer."""
    if frame.is_empty() or len(frame) > MOST_LINES:
        return SpotCheck()
    sizes = sampling.planned(frame, SIZE, False, None)
    strata, lines = sampling.drawn(frame, sizes, SAMPLE)
    design = {
        "sample_id": SAMPLE,
        "period": PERIOD,
        "period_start": str(FIRST),
        "period_end": str(LAST),
        "number": NUMBER,
        "release_id": "demo",  # drawn before any release, from the classes that are true
        "recorded_at": f"{LAST_YEAR + 1}-01-16T08:00:00Z",
        "size": SIZE,
        "per_member": False,
        "precision": None,
        "sizes": sizes,
    }
    samples.record(Workspace(folder), design, strata, lines)
    return SpotCheck(lines, tuple(_answers(lines.iter_rows(named=True))))


def _answers(lines: Iterable[dict[str, object]]) -> Iterator[InvoiceReview]:
    for line in lines:
        unit, year, invoice, number = (line[key] for key in sampling.KEYS)
        rule = str(line["rule_class"])
        verdict, comment = ("on_contract" if rule == "over_ceiling" else rule), None
        left = _chance("answer", unit, year, invoice, number)
        for share, other, why in OTHERWISE[rule]:
            if 0 <= left < share:
                verdict, comment = other, why
            left -= share
        if _chance("review", unit, year, invoice, number) < UNANSWERED:
            verdict, comment = NOT_REVIEWED, None
        reviewer = None if verdict == NOT_REVIEWED else f"Ekonom {line['member_code'] or '–'}"
        yield InvoiceReview(
            SAMPLE, str(unit), int(str(year)), str(invoice), int(str(number)), verdict, reviewer, comment
        )


def _chance(*about: object) -> float:
    digest = hashlib.sha256("|".join(map(str, about)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

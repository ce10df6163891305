"""The marts of savings, coordination and lessons, counted from the planted facts in plain Python.

Written from the definitions (`docs/choices.md`, the marts' columns in words) by other hands than the models; what a
procurement saved is `dagster_project.demo.gains`. Rows are dicts by the marts' column names; amounts are exact.

What belongs here: counting. What does not: how a mart is held against it (`compared_savings.py`), and the interval of
what chance leaves over, which a simulation tests (`tests/property/test_savings_by_chance.py`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

import numpy as np
from scipy import stats

from dagster_project.demo.facts import Bid, Contract, Procurement, Target, World
from dagster_project.demo.figures import NONE, ONE, Register, bid_count
from dagster_project.demo.gains import METHODS, Gain, coordination_cost, counted_gains, gains_of
from dagster_project.demo.realised import OUT_OF_SCOPE, per_krona, saving_per_krona
from dagster_project.demo.scorecard import ALL, Cell, Period, periods

MAYBE_CHANCE = ("not_identified", "rests_on_chance")
"""The verdict on bids alone, unless the interval of what chance leaves over lies beside zero."""
FEWEST = 5
"""So many on either side, or there is nothing to compare with."""
SHARES = ("single_bid_share", "review_share", "cancelled_share", "deviation_share", "above_threshold_share")
"""Measures that are yes or no."""
HISTORY_YEARS, HISTORY_RECORDS = 3, 10
SIZE = "size"
"""In a counted row beside the mart's columns: the sum of the amounts before, which is what chance is a share of; of
means side by side, the width of the widest interval."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bought:
    """A classified purchase: by whom, of what, on which contract if any. Amounts in kronor."""

    compliance_class: str
    contract_id: str | None
    unit_id: str
    category_code: str | None
    invoice_date: date
    booking_date: date
    amount: Fraction


class Counted:
    """Every count over one world and its classified purchases, as of a day. `rates`: kronor an hour by year."""

    def __init__(self, world: World, bought: Sequence[Bought], as_of: date, rates: Mapping[int, int]) -> None:
        self.world, self.bought, self.as_of, self.rates = world, bought, as_of, rates
        self.register = Register(world)
        self.gains: dict[str, list[Gain]] = {
            p.procurement_id: gains_of(world, self.register, p.procurement_id) for p in world.procurements
        }
        self.counted = {name: counted_gains(gains) for name, gains in self.gains.items()}
        years = {p.completed_date.year for p in world.procurements if p.completed_date}
        self.years = sorted(years)

        self.contracts_of: dict[str, list[str]] = defaultdict(list)
        for name, rows in self.register.contract.items():
            if rows[0].procurement_id:
                self.contracts_of[rows[0].procurement_id].append(name)
        self.on_contract: dict[str, list[Bought]] = defaultdict(list)
        for line in bought:
            if line.contract_id and line.compliance_class in ("on_contract", "over_ceiling"):
                self.on_contract[line.contract_id].append(line)

    # What is known of a procurement.

    def saving(self, name: str) -> Fraction | None:
        counted = self.counted[name]
        return sum((gain.saving for gain in counted), NONE) if counted else None

    def before(self, name: str) -> Fraction:
        return sum((gain.before for gain in self.counted[name]), NONE)

    def bounds(self, name: str) -> tuple[Fraction, Fraction] | None:
        """Low and high, where every part has them."""
        found = [gain.bounds for gain in self.counted[name]]
        if not found or None in found:
            return None
        return sum((b[0] for b in found if b), NONE), sum((b[1] for b in found if b), NONE)

    def cost(self, p: Procurement) -> tuple[Fraction | None, Fraction | None]:
        """Priced hours and direct cost, each None where it is not registered."""
        assert p.completed_date is not None
        hours = None
        if p.coordination_hours is not None:
            hours = coordination_cost(p.coordination_hours, None, p.completed_date.year, self.rates)
        return hours, None if p.coordination_cost is None else Fraction(p.coordination_cost)

    def is_coordinated(self, p: Procurement) -> bool | None:
        """None where the members are not all known."""
        if not self.register.members_known(p):
            return None
        return len(self.register.members(p.procurement_id)) >= 2

    def is_separate(self, p: Procurement) -> bool:
        return self.register.members_known(p) and len(self.register.members(p.procurement_id)) == 1

    def cells(self, p: Procurement) -> list[Cell]:
        return self.register.record(p, self.as_of).cells

    @cached_property
    def completed(self) -> list[Procurement]:
        return [p for p, _ in self.register.completed()]

    # savings

    def savings(self) -> dict[tuple[str, str, str], Row]:
        """By procurement, lot and method: every saving that can be computed, in scope or not."""
        found = {}
        for name, gains in self.gains.items():
            for gain in gains:
                chance = artefact(gain)
                low, high = gain.bounds or (None, None)
                found[name, gain.lot_id or "", gain.method] = {
                    "evidence_grade": {"basket": "A", "negotiation": "B", "market_price": "C"}[gain.method],
                    "is_counted": gain in self.counted[name],
                    "before_amount": gain.before,
                    "after_amount": gain.after,
                    "saving_amount": gain.saving,
                    "low_amount": low,
                    "high_amount": high,
                    "artefact_amount": chance,
                    "remainder_amount": None if chance is None else float(gain.saving) - chance,
                    "without_winner_amount": mean(gain.others) - gain.after if gain.others else None,  # type: ignore[operator]
                    "next_bid_amount": min(gain.others) - gain.after if gain.others else None,
                    SIZE: gain.before,
                }
        return found

    # savings_summary

    def summary(self) -> dict[tuple[str, ...], Row]:
        """By period type, period, member, group and method; only where some procurement is completed."""
        found: dict[tuple[str, ...], list[Procurement]] = defaultdict(list)
        spans = [s for s in periods(self.years[0], self.years[-1]) if _begun(s) <= self.as_of]
        for p in self.completed:
            counted = self.counted[p.procurement_id]
            methods = [ALL, counted[0].method] if counted else [ALL]
            for period in (s for s in spans if p.completed_date and s.holds(p.completed_date)):
                for cell in self.cells(p):
                    for method in methods:
                        found[period.kind, period.name, *cell, method].append(p)
        return {key: self._summary_row(rows) for key, rows in found.items()}

    def _summary_row(self, procurements: list[Procurement]) -> Row:
        names = [p.procurement_id for p in procurements]
        known = [(name, saving) for name in names if (saving := self.saving(name)) is not None]
        stated = [self.bounds(name) for name, _ in known]
        total = sum((saving for _, saving in known), NONE)
        low = sum((b[0] if b else s for b, (_, s) in zip(stated, known, strict=True)), NONE)
        high = sum((b[1] if b else s for b, (_, s) in zip(stated, known, strict=True)), NONE)
        prices = [g for name in names for g in self.counted[name] if g.method == "market_price"]
        by_chance = [(gain, told) for gain in prices if (told := artefact(gain)) is not None]
        return {
            "procurements": len(names),
            "computed_procurements": len(known),
            "not_computed_procurements": len(names) - len(known),
            "before_amount": sum((self.before(n) for n, _ in known), NONE) if known else None,
            "after_amount": sum((self.before(n) - s for n, s in known), NONE) if known else None,
            "saving_amount": total if known else None,
            "low_amount": low if known else None,
            "high_amount": high if known else None,
            "interval_procurements": sum(b is not None for b in stated),
            "contracted_saving_amount": self._contracted(names),
            "contracted_procurements": sum(self._contracted([name]) is not None for name in names),
            "artefact_amount": sum(t for _, t in by_chance) if by_chance else None,
            "without_artefact_amount": float(total) - sum(t for _, t in by_chance) if known else None,
            "remainder_amount": sum(float(g.saving) - t for g, t in by_chance) if by_chance else None,
            SIZE: sum((self.before(n) for n, _ in known), NONE),
            "if_unknown_alike_amount": total / len(known) * len(names) if known else None,
        }

    # savings_parts

    def parts(self) -> dict[tuple[str, ...], Row]:
        """By indicator, period type, period, member, group and part."""
        spans = [s for s in periods(*self._span_of_years()) if _begun(s) <= self.as_of]
        found: dict[tuple[str, ...], Row] = defaultdict(
            lambda: {"amount": NONE, "artefact_amount": None, SIZE: NONE}
        )

        def add(
            kpi_id: str,
            day: date,
            cells: list[Cell],
            part: str,
            amount: Fraction,
            gains: list[Gain],
            share: Fraction,
        ) -> None:
            chances = [told for gain in gains if (told := artefact(gain)) is not None]
            for span in (s for s in spans if s.holds(day)):
                for cell in cells:
                    row = found[kpi_id, span.kind, span.name, *cell, part]
                    row["amount"] += amount
                    row[SIZE] += abs(share) * sum((gain.before for gain in gains), NONE)
                    if chances:
                        row["artefact_amount"] = (row["artefact_amount"] or 0.0) + float(share) * sum(chances)

        for p in self.completed:
            assert p.completed_date is not None
            gains, saving = self.counted[p.procurement_id], self.saving(p.procurement_id)
            about = (p.completed_date, self.cells(p))
            if saving is not None:
                add("enabled_savings", *about, gains[0].method, saving, gains, ONE)
            if self.is_coordinated(p):
                if saving is not None:
                    add("net_coordination_benefit", *about, gains[0].method, saving, gains, ONE)
                hours, direct = self.cost(p)
                if (hours, direct) != (None, None):
                    cost = (hours or NONE) + (direct or NONE)
                    add("net_coordination_benefit", *about, "cost", -cost, [], ONE)
        for contract, lines in self.on_contract.items():
            saved = self.share(contract)
            gains = (
                self.counted[self.register.contract[contract][0].procurement_id or ""]
                if saved is not None
                else []
            )
            months: dict[tuple[date, str | None, str | None], Fraction] = defaultdict(Fraction)
            for line in lines if saved is not None else []:
                owner = self.register.owner.get(line.unit_id)
                group = self.register.group_of.get(line.category_code or "")
                months[line.booking_date.replace(day=1), owner, group] += line.amount
            after = sum((gain.after for gain in gains), NONE)
            for (day, owner, group), amount in months.items():
                cells = [(ALL, ALL), *([(owner, ALL)] if owner else []), *([(ALL, group)] if group else [])]
                assert saved is not None
                add("realised_savings", day, cells, gains[0].method, saved * amount, gains, amount / after)
        return dict(found)

    def _span_of_years(self) -> tuple[int, int]:
        """The first and last year in which anything is completed or booked."""
        booked = [line.booking_date.year for line in self.bought]
        return min(*booked, *self.years), max(*booked, *self.years)

    # realised_savings

    def share(self, contract_id: str) -> Fraction | None:
        """Saving per krona paid on the contract; None where it cannot be told or is not asked for."""
        if contract_id not in self.register.contract:
            return None
        found = saving_per_krona(self.world, self.register, contract_id)
        return None if found == OUT_OF_SCOPE or isinstance(found, str) else found

    def old_price_share(self, contract_id: str) -> Fraction:
        """Saving per krona at the price before."""
        name = self.register.contract[contract_id][0].procurement_id
        counted = self.counted[name or ""]
        return sum((g.saving for g in counted), NONE) / sum((g.before for g in counted), NONE)

    @cached_property
    def leaks(self) -> list[tuple[Bought, list[str]]]:
        """Wild purchases with the contracts of a known saving that would have covered them that day, for that unit."""
        units = defaultdict(set)
        for buyer in self.world.contract_buyers:
            everyone = buyer.unit_id == "ALL"
            units[buyer.contract_id] |= set(self.register.owner) if everyone else {buyer.unit_id}
        extra = defaultdict(set)
        for more in self.world.contract_categories:
            extra[more.contract_id].add(more.category_code)
        saving = [name for name in self.register.contract if self.share(name) is not None]
        found = []
        in_category = defaultdict(list)
        for name in saving:
            rows = self.register.contract[name]
            for category in {row.category_code for row in rows} | extra[name]:
                in_category[category].append(name)
        for line in self.bought:
            if line.compliance_class == "wild":
                fitting = [
                    name
                    for name in in_category[line.category_code]
                    if line.unit_id in units[name]
                    and any(
                        c.valid_from <= line.invoice_date <= c.last_day
                        and line.category_code in {c.category_code, *extra[name]}
                        for c in self.register.contract[name]
                    )
                ]
                found.append((line, fitting))
        return found

    def realised(self) -> dict[tuple[str, str, str], Row]:
        """By period type, period and contract: quarters and years in which something was bought or leaked, or in which
        the contract could have been used and its saving is known."""
        spans = [
            s
            for s in periods(*self._span_of_years())
            if s.kind in ("quarter", "year") and s.first <= self.as_of
        ]
        amounts: dict[tuple[str, Period], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))

        def add(contract: str, day: date, what: str, amount: Fraction) -> None:
            for span in spans:
                if span.holds(day):
                    amounts[contract, span][what] += amount

        for contract, lines in self.on_contract.items():
            for line in lines:
                add(contract, line.booking_date, line.compliance_class, line.amount)
        for line, fitting in self.leaks:
            for name in fitting:
                add(name, line.booking_date, "wild", line.amount / len(fitting))
        for name, rows in self.register.contract.items():
            if self.share(name) is not None:
                begun, ended = min(row.valid_from for row in rows), max(row.last_day for row in rows)
                for span in spans:
                    if begun <= span.last and ended >= span.first:
                        amounts[name, span]["on_contract"] += NONE
        found = {}
        for (name, span), sums in amounts.items():
            share, volume = self.share(name), expected_volume(self.register.contract[name])
            so_far = sum((b.amount for b in self.on_contract[name] if b.booking_date <= span.last), NONE)
            bought = sums["on_contract"] + sums["over_ceiling"]
            found[span.kind, span.name, name] = {
                "saving_share": share,
                "on_contract_amount": sums["on_contract"],
                "over_ceiling_amount": sums["over_ceiling"],
                "realised_saving_amount": None if share is None else share * bought,
                "contracted_saving_amount": None if share is None or volume is None else share * volume,
                "expected_volume_amount": volume,
                "bought_to_date_amount": so_far,
                "take_up_share": so_far / volume if volume else None,
                "wild_amount": sums["wild"] if share is not None else None,
                "lost_saving_amount": sums["wild"] * self.old_price_share(name)
                if share is not None
                else None,
            }
        return found

    # coordination_benefit

    @cached_property
    def coordinated(self) -> list[Procurement]:
        return [p for p in self.completed if self.is_coordinated(p)]

    @cached_property
    def separate(self) -> list[Procurement]:
        return [p for p in self.completed if self.is_separate(p)]

    def benefit_of_procurements(self) -> dict[str, Row]:
        """By procurement, the coordinated ones completed in scope; low and high only where they are stated."""
        found = {}
        for p in self.coordinated:
            low, high = self.bounds(p.procurement_id) or (None, None)
            row = self._benefit([p]) | {"enabled_low_amount": low, "enabled_high_amount": high}
            row["verdict"], row["reason"] = self._verdict(p, row)
            found[p.procurement_id] = row
        return found

    def _verdict(self, p: Procurement, row: Row) -> tuple[str, str | None]:
        """Whether a procurement is a gain, and else why that cannot be told; MAYBE_CHANCE where bids alone say so."""
        if row["enabled_saving_amount"] is None:
            return "not_identified", "no_saving"
        if row["costed_procurements"] == 0:
            return "not_identified", "no_cost"
        if self.counted[p.procurement_id][0].method == "market_price" and row["enabled_saving_amount"] > 0:
            return MAYBE_CHANCE
        return ("gain" if row["net_amount"] > 0 else "loss"), None

    def benefit_of_years(self) -> dict[int, Row]:
        """By year of completion, with the two groups side by side."""
        found = {}
        for year in self.years:
            inside = [p for p in self.coordinated if p.completed_date and p.completed_date.year == year]
            if inside:
                alone = [p for p in self.separate if p.completed_date and p.completed_date.year == year]
                found[year] = self._benefit(inside) | self._side_by_side(inside, alone)
        return found

    def _benefit(self, procurements: list[Procurement]) -> Row:
        names = [p.procurement_id for p in procurements]
        savings = [s for name in names if (s := self.saving(name)) is not None]
        costs = [self.cost(p) for p in procurements]
        hours = [h for h, _ in costs if h is not None]
        direct = [c for _, c in costs if c is not None]
        computed, costed = len(savings), sum(c != (None, None) for c in costs)
        cost = sum(hours, NONE) + sum(direct, NONE)
        enabled = sum(savings, NONE)
        known = [(self.bounds(n), self.saving(n)) for n in names if self.saving(n) is not None]
        low = sum((b[0] if b else s or NONE for b, s in known), NONE)
        high = sum((b[1] if b else s or NONE for b, s in known), NONE)
        chance = sum(told for n in names for gain in self.counted[n] if (told := artefact(gain)) is not None)
        process = [amount for p in procurements if (amount := self._process_saving(p)) is not None]
        return {
            "procurements": len(names),
            "computed_procurements": computed,
            "costed_procurements": costed,
            "coverage": Fraction(min(computed, costed), len(names)),
            "enabled_saving_amount": enabled if savings else None,
            "enabled_low_amount": low if savings else None,
            "enabled_high_amount": high if savings else None,
            **{f"{method}_saving_amount": self._by_method(names, method) for method in METHODS},
            "contracted_saving_amount": self._contracted(names),
            "realised_saving_amount": self._realised(names),
            "coordination_hours": sum_or_none(
                Fraction(p.coordination_hours) for p in procurements if p.coordination_hours is not None
            ),
            "hours_amount": sum(hours, NONE) if hours else None,
            "direct_cost_amount": sum(direct, NONE) if direct else None,
            "net_amount": enabled - cost if savings else None,
            "net_low_amount": low - cost if savings else None,
            "net_high_amount": high - cost if savings else None,
            "net_without_artefact_amount": float(enabled - cost) - chance if savings else None,
            SIZE: sum((self.before(name) for name in names), NONE),
            "process_saving_amount": sum(process, NONE) if process else None,
        }

    def _by_method(self, names: list[str], method: str) -> Fraction | None:
        """The part of the enabled saving that this method gives."""
        return sum_or_none(g.saving for name in names for g in self.counted[name] if g.method == method)

    def _contracted(self, names: list[str]) -> Fraction | None:
        """The saving if everything expected is bought."""
        found = []
        for name in names:
            share = per_krona(self.counted[name]) if self.counted[name] else None
            own = self.contracts_of[name]
            volumes = [v for c in own if (v := expected_volume(self.register.contract[c])) is not None]
            if share is not None and volumes:
                found.append(share * sum(volumes, NONE))
        return sum_or_none(found)

    def _realised(self, names: list[str]) -> Fraction | None:
        """The saving on what has been bought so far."""
        found = []
        for name in names:
            share = per_krona(self.counted[name]) if self.counted[name] else None
            lines = [
                line.amount for contract in self.contracts_of[name] for line in self.on_contract[contract]
            ]
            if share is not None and lines:
                found.append(share * sum(lines, NONE))
        return sum_or_none(found)

    def _process_saving(self, p: Procurement) -> Fraction | None:
        """Procurements that nobody had to make: as many hours as those for one member take on average."""
        hours = [Fraction(s.coordination_hours) for s in self.separate if s.coordination_hours is not None]
        if len(hours) < FEWEST or p.completed_date is None:
            return None
        members = len(self.register.members(p.procurement_id))
        return (members - 1) * sum(hours, NONE) / len(hours) * self.rates[p.completed_date.year]

    def _side_by_side(self, inside: list[Procurement], alone: list[Procurement]) -> Row:
        shares = []
        for group in (inside, alone):
            known = [p.procurement_id for p in group if self.saving(p.procurement_id) is not None]
            shares.append([float((self.saving(n) or NONE) / self.before(n)) for n in known if self.before(n)])
        ours, theirs = shares
        low, high = difference(ours, theirs)
        return {
            "coordinated_saving_share": float(np.mean(ours)) if ours else None,
            "separate_saving_share": float(np.mean(theirs)) if theirs else None,
            "separate_procurements": len(theirs),
            "saving_share_difference": float(np.mean(ours) - np.mean(theirs)) if ours and theirs else None,
            "saving_share_difference_low": low,
            "saving_share_difference_high": high,
        }

    # coordination_comparison

    def comparison(self) -> dict[tuple[str, str], Row]:
        """By year (and ALL) and measure: what is known of coordinated procurements and of those for one member."""
        known: dict[tuple[str, str], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))

        def add(p: Procurement, day: date | None, measure: str, value: float | int | Fraction | None) -> None:
            coordinated = self.is_coordinated(p)
            if day is not None and value is not None and (coordinated or self.is_separate(p)):
                for year in (ALL, str(day.year)):
                    known[year, measure][0 if coordinated else 1].append(float(value))

        for p in self.completed:
            day, before = p.completed_date, self.before(p.procurement_id)
            bids, saving = bid_count(self.register, p.procurement_id), self.saving(p.procurement_id)
            add(p, day, "bids", bids)
            add(p, day, "single_bid_share", None if bids is None else int(bids == 1))
            add(p, day, "review_share", int(p.review_applied_date is not None))
            add(p, day, "questions", p.questions_count)
            add(p, day, "lead_time", (day - p.announced_date).days if day and p.announced_date else None)
            add(p, day, "hours", None if p.coordination_hours is None else Fraction(p.coordination_hours))
            add(p, day, "saving_share", saving / before if saving is not None and before else None)
            value = p.estimated_value
            add(p, day, "estimated_value", None if value is None else Fraction(value) / 1_000_000)
            add(p, day, "above_threshold_share", int(p.above_threshold))
        for p in self.register.scoped():
            ended = p.cancelled_date or p.completed_date
            add(p, ended, "cancelled_share", int(p.cancelled_date is not None))
        for followup in self.world.contract_followups:
            rows = self.register.contract.get(followup.contract_id)
            of = self.register.procurement.get(rows[0].procurement_id or "") if rows else None
            if of is not None and self.register.in_scope(of):
                add(of, followup.followup_date, "quality_score", followup.quality_score)
                deviation = followup.deviation_found
                add(
                    of,
                    followup.followup_date,
                    "deviation_share",
                    None if deviation is None else int(deviation),
                )
        return {key: _sides(*sides, is_share=key[1] in SHARES) for key, sides in known.items()}

    # missed_coordination

    def missed(self) -> dict[str, Row]:
        """By procurement: planned as coordinated, completed for one member."""
        names = {c.category_code: c.category_name for c in self.world.categories}
        return {
            p.procurement_id: {
                "title": p.title,
                "category_group": self.register.group_of.get(p.category_code),
                "category_code": p.category_code,
                "category_name": names.get(p.category_code),
                "member_codes": ", ".join(sorted(self.register.members(p.procurement_id))),
                "planned_completion_date": p.planned_completion_date,
                "completed_date": p.completed_date,
                "estimated_value_amount": p.estimated_value,
                "coordination_deviation_code": p.coordination_deviation_code,
                "coordination_deviation_reason": p.coordination_deviation_reason,
                "has_reason": bool(p.coordination_deviation_code or p.coordination_deviation_reason),
            }
            for p in self.separate
            if p.planned_coordinated
        }

    # lessons

    def lessons(self) -> dict[tuple[str, date], Row]:
        """By procurement and day of recording."""
        found = {}
        for lesson in self.world.lessons:
            p = self.register.procurement[lesson.procurement_id]
            later = (p.tender_deadline, p.award_date, p.cancelled_date, p.completed_date)
            begun = p.announced_date or min((day for day in later if day), default=None)
            ahead = begun is None or lesson.recorded_date < begun
            done = p.completed_date is not None
            bids = bid_count(self.register, p.procurement_id) if done else None
            price = self._price(p.procurement_id) if done else None
            reviewed = p.review_applied_date is not None if done else None
            expected = lesson.expected_price
            chance = None if lesson.expected_review is None else Fraction(lesson.expected_review)
            found[lesson.procurement_id, lesson.recorded_date] = {
                "kind": lesson.kind,
                "counts_as": "prediction" if lesson.kind == "expectation" and ahead else "comment",
                "expected_bids": lesson.expected_bids,
                "actual_bids": bids,
                "expected_price_amount": expected,
                "actual_price_amount": price,
                "expected_review_probability": chance,
                "is_reviewed": reviewed,
                "bids_error": None if None in (bids, lesson.expected_bids) else bids - lesson.expected_bids,  # type: ignore[operator]
                "price_error_share": price / Fraction(expected) - 1
                if price is not None and expected
                else None,
                "review_error": (
                    (int(reviewed) - chance) ** 2 if reviewed is not None and chance is not None else None
                ),
                "completed_date": p.completed_date,
            }
        return found

    def _price(self, name: str) -> Fraction | None:
        """The winning bids together; None without any, or with one of unknown price."""
        won: dict[tuple[str | None, str], Bid] = {}
        for bid in self.register.bids.get(name, ()):
            if bid.winner:
                won[bid.lot_id, bid.bidder_id] = bid
        prices = [bid.bid_price for bid in won.values()]
        return None if not prices or None in prices else sum((Fraction(p or 0) for p in prices), NONE)

    def calibration(self) -> dict[str, Row]:
        """By year of completion, and ALL: predictions whose procurement is completed."""
        by_year: dict[str, list[Row]] = defaultdict(list)
        for row in self.lessons().values():
            if row["counts_as"] == "prediction" and row["completed_date"] is not None:
                by_year[str(row["completed_date"].year)].append(row)
                by_year[ALL].append(row)
        found = {}
        # Who each time says the share of all years.
        usual = mean(int(r["is_reviewed"]) for r in by_year[ALL] if r["review_error"] is not None)
        for year, rows in by_year.items():
            bids = [r for r in rows if r["bids_error"] is not None]
            prices = [r["price_error_share"] for r in rows if r["price_error_share"] is not None]
            reviews = [r for r in rows if r["review_error"] is not None]
            found[year] = {
                "predictions": len(rows),
                "bids_predictions": len(bids),
                "expected_bids": mean(r["expected_bids"] for r in bids),
                "actual_bids": mean(r["actual_bids"] for r in bids),
                "bids_absolute_error": mean(abs(r["bids_error"]) for r in bids),
                "price_predictions": len(prices),
                "price_error_share": mean(prices),
                "price_absolute_error_share": mean(abs(price) for price in prices),
                "review_predictions": len(reviews),
                "expected_review_share": mean(r["expected_review_probability"] for r in reviews),
                "actual_review_share": mean(int(r["is_reviewed"]) for r in reviews),
                "review_error": mean(r["review_error"] for r in reviews),
                "review_base_error": mean(
                    (int(r["is_reviewed"]) - usual) ** 2 for r in reviews if usual is not None
                ),
            }
        return found

    # savings_target_footing

    def footing(self, organisation: str) -> dict[tuple[str, str, int], Row]:
        """By indicator, plan and year, of common targets that state a level for the whole year."""
        found = {}
        for target in self.world.targets:
            if (
                target.organisation == organisation
                and target.member_code is None
                and target.target_value is not None
                and target.kpi_id in MEASURES
            ):
                ahead = self.as_of.year + 1
                last = min(target.valid_to.year if target.valid_to else ahead, ahead)
                for year in range(target.valid_from.year, last + 1):
                    found[target.kpi_id, target.plan_id, year] = self._footing(target, year)
        return found

    def _footing(self, target: Target, year: int) -> Row:
        measure, adds = MEASURES[target.kpi_id]
        by_year: dict[int, list[Procurement]] = defaultdict(list)
        for p in self.completed:
            assert p.completed_date is not None
            by_year[p.completed_date.year].append(p)
        years = [y for y in range(year - HISTORY_YEARS, year) if by_year.get(y)]
        history = [v for y in years for p in by_year[y] if (v := measure(self, p)) is not None]
        planned = [
            p
            for p in self.register.scoped()
            if p.planned_completion_date and p.planned_completion_date.year == year
        ]
        before = by_year.get(year - 1, [])
        row: Row = {
            "target_operator": target.operator,
            "target": float(target.target_value or 0),
            "history_years": len(years),
            "history_records": len(history),
            # A year that nobody has planned for is not known to be empty.
            "planned_procurements": len(planned) or None,
            "planned_coordinated_procurements": sum(p.planned_coordinated for p in planned)
            if planned
            else None,
            "computed_share": (
                Fraction(sum(self.saving(p.procurement_id) is not None for p in before), len(before))
                if before
                else None
            ),
            "expected": None,
            "low": None,
            "high": None,
            "verdict": "no_footing",
        }
        if len(history) >= HISTORY_RECORDS:
            usual = Fraction(len(history), len(years))
            number = len(planned) if len(planned) * 2 >= usual and adds != "own" else usual
            if target.kpi_id == "missed_coordination_share" and row["planned_coordinated_procurements"]:
                number = row["planned_coordinated_procurements"]
            # So many draws from a population that is itself known from so many.
            values = [float(value) for value in history]
            width = stats.norm.ppf(0.975) * np.std(values) * math.sqrt(1 / number + 1 / len(values))
            size = float(number) if adds else 1.0
            row["expected"] = np.mean(values) * size
            row["low"], row["high"] = row["expected"] - width * size, row["expected"] + width * size
            row["verdict"] = _reach(row)
        return row


def _reach(row: Row) -> str:
    """A target beyond the interval on the hard side is out of reach, beyond it on the easy side too low."""
    is_least = row["target_operator"] in (">=", ">")
    if row["target"] > row["high"]:
        return "out_of_reach" if is_least else "too_low"
    if row["target"] < row["low"]:
        return "too_low" if is_least else "out_of_reach"
    return "within_reach"


def _one(condition: bool | None) -> Fraction | None:
    return None if condition is None else Fraction(int(condition))


def _begun(period: Period) -> date:
    """The day from which a period is published; a year so far and twelve months begin with their last quarter."""
    return (
        period.last.replace(month=period.last.month - 2, day=1)
        if period.kind in ("ytd", "r12")
        else period.first
    )


def _net(counted: Counted, p: Procurement) -> Fraction | None:
    if counted.is_coordinated(p) is None:
        return NONE
    if not counted.is_coordinated(p):
        return None
    hours, direct = counted.cost(p)
    saving = counted.saving(p.procurement_id)
    return (saving or NONE) - (hours or NONE) - (direct or NONE)


def _missed(counted: Counted, p: Procurement) -> Fraction | None:
    return (
        _one(counted.is_separate(p)) if p.planned_coordinated and counted.register.members_known(p) else None
    )


Measure = Callable[[Counted, Procurement], Fraction | None]
MEASURES: dict[str, tuple[Measure, str]] = {
    # indicator: a procurement's part of it, and whether parts add up ("own": over procurements of its own kind)
    "enabled_savings": (lambda counted, p: counted.saving(p.procurement_id) or NONE, "sum"),
    "savings_coverage": (lambda counted, p: _one(counted.saving(p.procurement_id) is not None), ""),
    "coordinated_count": (lambda counted, p: _one(bool(counted.is_coordinated(p))), "sum"),
    "coordinated_share": (lambda counted, p: _one(counted.is_coordinated(p)), ""),
    "missed_coordination_share": (_missed, ""),
    "net_coordination_benefit": (_net, "own"),
}


def expected_volume(rows: Sequence[Contract]) -> Fraction | None:
    """The contract's: stated once or alike on every supplier's row it is the whole, else each supplier's part."""
    stated = [Fraction(row.expected_volume) for row in rows if row.expected_volume is not None]
    if not stated:
        return None
    return stated[0] if len(set(stated)) == 1 else sum(stated, NONE)


def artefact(gain: Gain) -> float | None:
    """What chance alone gives a market price: bids vary by per cent about a level, and the winner has its place.

    None for other methods, more than twenty bids, or a bid of nothing.
    """
    prices = sorted([*gain.others, gain.after])
    if gain.method != "market_price" or len(prices) > 20 or prices[0] <= 0:
        return None
    z = normal_places(len(prices))
    place = prices.index(gain.after)
    weights = 2 * np.arange(1, len(prices)) - len(prices)
    others = np.sort(np.log([float(price) for price in gain.others]))
    spread = float(weights @ others) / float(weights @ np.delete(z, place))
    level = float(np.mean(np.log([float(price) for price in prices]))) + spread * z[place]
    return float(gain.before) - math.exp(level)


@cache
def normal_places(number: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Expected values of so many standard normal draws in ascending order, by numerical integration."""
    x = np.linspace(-9, 9, 20_001)
    found = []
    for place in range(1, number + 1):
        density = stats.beta.pdf(stats.norm.cdf(x), place, number - place + 1) * stats.norm.pdf(x)
        found.append(float(np.trapezoid(x * density, x)))
    return np.array(found)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float | None, float | None]:
    """Student's 95 % interval of a difference of means, with the smaller group's degrees of freedom."""
    if min(len(ours), len(theirs)) < FEWEST:
        return None, None
    a, b = np.var(ours, ddof=1) / len(ours), np.var(theirs, ddof=1) / len(theirs)
    width = stats.t.ppf(0.975, min(len(ours), len(theirs)) - 1) * math.sqrt(a + b)
    center = float(np.mean(ours) - np.mean(theirs))
    return center - width, center + width


def mean(values: Iterable[Any]) -> Fraction | None:
    """The mean, None of nothing."""
    found = [Fraction(value) for value in values]
    return sum(found, NONE) / len(found) if found else None


def _sides(ours: list[float], theirs: list[float], *, is_share: bool) -> Row:
    """Both sides with their intervals (Wilson's of a share, Student's of a mean), and the difference with its own."""
    row: Row = {SIZE: 0.0}
    center, ends = [], []
    for side, values in (("coordinated", ours), ("separate", theirs)):
        low, high = _interval(values, is_share=is_share)
        center.append(float(np.mean(values)) if values else None)
        ends.append((low, high))
        row[SIZE] = max(row[SIZE], high - low if low is not None else 0.0)
        row |= {f"{side}_records": len(values), f"{side}_value": center[-1]}
        row |= {f"{side}_low": low, f"{side}_high": high}
    row |= {"difference": None, "difference_low": None, "difference_high": None}
    a, b = center
    if a is not None and b is not None:
        row["difference"] = a - b
        (a_low, a_high), (b_low, b_high) = ends
        if None not in (a_low, b_low):
            row["difference_low"] = a - b - math.hypot(a - a_low, b_high - b)
            row["difference_high"] = a - b + math.hypot(a_high - a, b - b_low)
    return row


def _interval(values: list[float], *, is_share: bool) -> tuple[Any, Any]:
    if is_share and values:
        n, share, z = len(values), float(np.mean(values)), float(stats.norm.ppf(0.975))
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        width = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
        return middle - width, middle + width
    if len(values) < FEWEST:
        return None, None
    width = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return float(np.mean(values)) - width, float(np.mean(values)) + width


def sum_or_none(values: Iterable[Fraction]) -> Fraction | None:
    """The sum, None of nothing."""
    found = list(values)
    return sum(found, NONE) if found else None

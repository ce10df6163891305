"""The evidence of every indicator that rests on registers, taken from the planted facts in plain Python.

Choices where the definitions are silent: an answer, activity or placement belongs to the member that it
names, else to the members of the procurement or contract that it names, and to that one's category group. A
contract belongs to the members of its buyers. A follow-up of a contract without a class, and one in the wrong
form, is in the basis and counts nothing. A consortium's size is unknown where a partner's is, unless another
partner is known to be large. A follow-up window of twelve months begins the day after the same day a year
earlier. What has no end is not terminated early.
The coverage of the shares of bids is over bids: a procurement whose bids are unknown has none to count there.

What belongs here: numerator, denominator, unknown. What does not: sums and periods (`scorecard.py`),
invoices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction

from dagster_project.demo.facts import ENVIRONMENT_AREAS, Bid, Contract, Procurement, World
from dagster_project.demo.scorecard import Evidence, Figure, Period

COUNTED_BIDS = ("submitted", "qualified", "rejected")
HIGH = ("advanced", "spearhead")
OUT_OF_SCOPE = ("direct_award", "lov", "framework_call")
SMALL_BELOW = 250

ONE, NONE = Fraction(1), Fraction(0)


def yes(condition: bool) -> Fraction:
    """1 or 0."""
    return ONE if condition else NONE


class Register:
    """The world's registers, looked up the ways that figures need."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.group_of = {c.category_code: c.group_code for c in world.categories}
        self.food = {c.category_code for c in world.categories if c.is_food}
        self.owner = {u.unit_id: u.member_code for u in world.organisations if u.member_code in world.members}
        self.procurement = {p.procurement_id: p for p in world.procurements}
        self.units_of: dict[str, list[str]] = {}
        for participant in world.participants:
            self.units_of.setdefault(participant.procurement_id, []).append(participant.unit_id)
        self.level: dict[str, dict[str, str]] = {}
        for requirement in world.requirements:
            self.level.setdefault(requirement.procurement_id, {})[requirement.area] = requirement.level
        self.bids: dict[str, list[Bid]] = {}
        for bid in world.bids:
            self.bids.setdefault(bid.procurement_id, []).append(bid)
        self.lots = {
            p: [lot for lot in world.lots if lot.procurement_id == p]
            for p in {x.procurement_id for x in world.lots}
        }
        self.supplier = {s.supplier_id: s for s in world.suppliers}
        self.workplaces: dict[str, list[tuple[str, date, date]]] = {}
        for place in world.workplaces:
            self.workplaces.setdefault(place.supplier_id, []).append(
                (place.municipality_code, place.valid_from or date.min, place.valid_to or date.max)
            )
        self.contract: dict[str, list[Contract]] = {}
        for contract in world.contracts:
            self.contract.setdefault(contract.contract_id, []).append(contract)
        self.buyers: dict[str, set[str]] = {}
        for buyer in world.contract_buyers:
            known = self.buyers.setdefault(buyer.contract_id, set())
            if buyer.unit_id == "ALL":
                known.update(world.members)
            elif buyer.unit_id in self.owner:
                known.add(self.owner[buyer.unit_id])

    def in_scope(self, p: Procurement) -> bool:
        return p.procedure not in OUT_OF_SCOPE and not p.works

    def members(self, procurement_id: str) -> frozenset[str]:
        return frozenset(self.owner[u] for u in self.units_of.get(procurement_id, ()) if u in self.owner)

    def members_known(self, p: Procurement) -> bool:
        return p.participants_complete is not False and bool(self.units_of.get(p.procurement_id))

    def scoped(self) -> list[Procurement]:
        return [p for p in self.world.procurements if self.in_scope(p)]

    def announced(self) -> list[tuple[Procurement, date]]:
        return [(p, p.announced_date) for p in self.scoped() if p.announced_date]

    def completed(self) -> list[tuple[Procurement, date]]:
        return [(p, p.completed_date) for p in self.scoped() if p.completed_date and not p.cancelled_date]

    def is_regional(self, supplier_id: str, day: date) -> bool:
        for municipality, first, last in self.workplaces.get(supplier_id, ()):
            inside = (
                municipality[:2] in self.world.region_counties
                or municipality in self.world.region_municipalities
            )
            if inside and first <= day <= last:
                return True
        return False

    def record(
        self,
        p: Procurement,
        day: date,
        numerator: Fraction = NONE,
        denominator: Fraction = ONE,
        unknown: bool = False,
    ) -> Evidence:
        """A procurement as evidence, with its members and group."""
        group = self.group_of.get(p.category_code)
        return Evidence(
            day,
            self.members(p.procurement_id),
            group,
            numerator,
            denominator,
            unknown,
            distinct=p.procurement_id,
        )


def register_figures(world: World) -> list[Figure]:
    """Every indicator that needs no invoices and no period's last day, with its evidence."""
    register = Register(world)
    return [
        *_coordination(register), *_requirements(register), *_bids(register), *_lots(register),
        *_awards(register),
        *_procurements(register), *_contracts(register), *_answers(register), *_centre(register),
    ]  # fmt: skip


def _coordination(r: Register) -> Iterable[Figure]:
    def evidence(basis: list[tuple[Procurement, date]]) -> list[Evidence]:
        return [
            r.record(p, day, yes(len(r.members(p.procurement_id)) >= 2), unknown=not r.members_known(p))
            for p, day in basis
        ]

    yield Figure("coordinated_share", "ratio", evidence(r.completed()))
    yield Figure("coordinated_share_announced", "ratio", evidence(r.announced()))
    yield Figure("coordinated_count", "count_distinct", evidence(r.completed()))
    planned = [(p, day) for p, day in r.completed() if p.planned_coordinated]
    yield Figure(
        "missed_coordination_share",
        "ratio",
        [
            r.record(p, d, yes(len(r.members(p.procurement_id)) == 1), unknown=not r.members_known(p))
            for p, d in planned
        ],
    )


def _requirements(r: Register) -> Iterable[Figure]:
    def has(p: Procurement, areas: Iterable[str], levels: tuple[str, ...]) -> Fraction:
        held = r.level.get(p.procurement_id, {})
        return yes(any(held.get(area) in levels for area in areas))

    any_level = ("base", *HIGH)
    announced = r.announced()
    possible = [
        (p, day)
        for p, day in announced
        if not (p.environment_applicable is False and p.environment_exemption_reason)
    ]
    food = [(p, day) for p, day in announced if p.category_code in r.food]
    for kpi_id, basis, areas, levels in (
        ("environment_any_share", possible, ENVIRONMENT_AREAS, any_level),
        ("environment_advanced_share", possible, ENVIRONMENT_AREAS, HIGH),
        ("environment_management_share", possible, ("environment_management",), HIGH),
        ("reuse_share", possible, ("reuse",), HIGH),
        ("climate_transport_share", possible, ("climate_transport",), HIGH),
        ("climate_other_share", possible, ("climate_other",), HIGH),
        ("chemicals_share", possible, ("chemicals",), HIGH),
        ("organic_food_share", food, ("organic_food",), any_level),
        ("local_food_share", food, ("local_food",), any_level),
        ("plant_based_food_share", food, ("plant_based_food",), any_level),
        ("employment_requirement_share", announced, ("employment",), HIGH),
    ):
        yield Figure(kpi_id, "ratio", [r.record(p, day, has(p, areas, levels)) for p, day in basis])
    for kpi_id, area in (
        ("labour_terms_count", "labour_terms"),
        ("accessibility_count", "accessibility"),
        ("gender_equality_count", "gender_equality"),
    ):
        yield Figure(
            kpi_id, "count_distinct", [r.record(p, d, has(p, (area,), any_level)) for p, d in announced]
        )


def bid_count(r: Register, procurement_id: str) -> int | None:
    """Distinct bidders of a procurement; None where unknown."""
    bids = r.bids.get(procurement_id)
    if bids:
        return len({b.bidder_id for b in bids if b.status in COUNTED_BIDS})
    lots = r.lots.get(procurement_id, [])
    return lots[0].tenders_received if len(lots) == 1 else None


def _bids(r: Register) -> Iterable[Figure]:
    mean, median, single = (
        Figure("bids_mean", "ratio"),
        Figure("bids_median", "median"),
        Figure("single_bid_share", "ratio"),
    )
    regional, small = Figure("regional_bid_share", "ratio"), Figure("sme_bid_share", "ratio")
    for p, day in r.completed():
        count = bid_count(r, p.procurement_id)
        unknown, bids = count is None, Fraction(count or 0)
        mean.evidence.append(r.record(p, day, bids, unknown=unknown))
        median.evidence.append(r.record(p, day, bids, unknown=unknown))
        single.evidence.append(r.record(p, day, yes(count == 1), unknown=unknown))
        if not r.bids.get(p.procurement_id):
            # Unknown is never zero: a procurement without bid rows lowers the coverage of the shares of bids.
            regional.evidence.append(r.record(p, day, unknown=True))
            small.evidence.append(r.record(p, day, unknown=True))
        partners: dict[str, set[str]] = {}
        for bid in r.bids.get(p.procurement_id, ()):
            if bid.status in COUNTED_BIDS:
                partners.setdefault(bid.bidder_id, set()).add(bid.supplier_id)
        for suppliers in partners.values():
            regional.evidence += _regional(r, p, day, suppliers)
            sizes = [r.supplier[s].employees if s in r.supplier else None for s in suppliers]
            large = any(size is not None and size >= SMALL_BELOW for size in sizes)
            small.evidence.append(r.record(p, day, yes(not large), unknown=not large and None in sizes))
    yield from (mean, median, single, regional, small)


def _regional(r: Register, p: Procurement, day: date, suppliers: set[str]) -> list[Evidence]:
    """A bid or an award: in the denominator always, and uncertain where no register can say."""
    registered = [s for s in suppliers if s in r.supplier]
    assert p.announced_date is not None
    regional = any(r.is_regional(s, p.announced_date) for s in registered)
    record = r.record(p, day, yes(regional))
    return [replace(record, uncertain=not regional and len(registered) < len(suppliers))]


def _lots(r: Register) -> Iterable[Figure]:
    mean, median = Figure("bids_per_lot_mean", "ratio"), Figure("bids_per_lot_median", "median")
    single = Figure("single_bid_lot_share", "ratio")
    for p, day in r.completed():
        bids, counts = r.bids.get(p.procurement_id, []), []
        for lot in r.lots.get(p.procurement_id, []):
            on_lot = [b for b in bids if b.lot_id in (lot.lot_id, None)]
            if on_lot:
                counts.append(len({b.bidder_id for b in on_lot if b.status in COUNTED_BIDS}))
            else:
                counts.append(lot.tenders_received)  # type: ignore[arg-type]
        if not r.lots.get(p.procurement_id):
            counts.append(bid_count(r, p.procurement_id))  # type: ignore[arg-type]
        for count in counts:
            unknown = count is None
            mean.evidence.append(r.record(p, day, Fraction(count or 0), unknown=unknown))
            median.evidence.append(r.record(p, day, Fraction(count or 0), unknown=unknown))
            single.evidence.append(r.record(p, day, yes(count == 1), unknown=unknown))
    yield from (mean, median, single)


def _awards(r: Register) -> Iterable[Figure]:
    first: dict[tuple[str, str], date] = {}
    for contract in r.world.contracts:
        if contract.signed_date and contract.procurement_id in r.procurement:
            award = (contract.procurement_id, contract.supplier_id)
            first[award] = min(first.get(award, date.max), contract.signed_date)
    figure = Figure("regional_award_share", "ratio")
    for (procurement_id, supplier), day in first.items():
        p = r.procurement[procurement_id]
        if r.in_scope(p):
            figure.evidence += _regional(r, p, day, {supplier})
    yield figure


def _procurements(r: Register) -> Iterable[Figure]:
    completed, announced = r.completed(), r.announced()
    yield Figure(
        "questions_mean",
        "ratio",
        [
            r.record(p, d, Fraction(p.questions_count or 0), unknown=p.questions_count is None)
            for p, d in announced
        ],
    )
    for kpi_id, flag in (
        ("bidders_contacted_count", lambda p: p.bidders_contacted_date is not None),
        ("reserved_count", lambda p: p.reserved),
        ("new_solution_count", lambda p: p.new_solution),
    ):
        test: Callable[[Procurement], bool] = flag
        yield Figure(kpi_id, "count_distinct", [r.record(p, day, yes(test(p))) for p, day in completed])
    days_taken = [
        (p, d, p.award_date - p.tender_deadline if p.award_date and p.tender_deadline else None)
        for p, d in completed
    ]
    yield Figure(
        "decision_days_median",
        "median",
        [
            r.record(p, d, Fraction(taken.days if taken else 0), unknown=taken is None)
            for p, d, taken in days_taken
        ],
    )
    for kpi_id, dated in (
        ("review_count", [(p, p.review_applied_date) for p in r.scoped()]),
        ("cancelled_count", [(p, p.cancelled_date) for p in r.scoped()]),
    ):
        yield Figure(
            kpi_id, "count_distinct", [r.record(p, day, ONE) for p, day in dated if day], counts_events=True
        )


def _contracts(r: Register) -> Iterable[Figure]:
    followups = Figure("contract_followup_count", "sum", counts_events=True)
    for f in r.world.contract_followups:
        klass = r.contract[f.contract_id][0].contract_class
        fulfils = klass in ("C", "D") or (klass in ("A", "B") and f.form == "meeting")
        followups.evidence.append(_contract_record(r, f.contract_id, f.followup_date, yes(fulfils)))
    yield followups
    terminated = Figure("terminated_contract_count", "count_distinct", counts_events=True)
    for contract in r.world.contracts:
        day, end = contract.terminated_date, contract.valid_to
        if day and end and day < end:
            terminated.evidence.append(_contract_record(r, contract.contract_id, day, ONE))
    yield terminated


def _contract_record(
    r: Register, contract_id: str, day: date, numerator: Fraction, denominator: Fraction = ONE
) -> Evidence:
    group = r.group_of.get(r.contract[contract_id][0].category_code)
    members = frozenset(r.buyers.get(contract_id, set()))
    return Evidence(day, members, group, numerator, denominator, distinct=contract_id)


def _answers(r: Register) -> Iterable[Figure]:
    figures = {
        "nki": Figure("customer_satisfaction_index", "ratio"),
        "nai": Figure("bidder_satisfaction_index", "ratio"),
    }
    surveyed = Figure("bidder_survey_procurements", "count_distinct", counts_events=True)
    for a in r.world.survey_answers:
        members, group = _belongs(r, a.member_code, a.procurement_id, None)
        share = Fraction(a.score - a.scale_min, a.scale_max - a.scale_min)
        figures[a.survey].evidence.append(Evidence(a.answered_date, members, group, share, ONE))
        if a.survey == "nai" and a.procurement_id:
            surveyed.evidence.append(
                Evidence(a.answered_date, members, group, ONE, distinct=a.procurement_id)
            )
    yield from (*figures.values(), surveyed)


def _belongs(
    r: Register, member: str | None, procurement_id: str | None, contract_id: str | None
) -> tuple[frozenset[str], str | None]:
    members, group = frozenset[str](), None
    if procurement_id in r.procurement:
        members, group = (
            r.members(procurement_id),
            r.group_of.get(r.procurement[procurement_id].category_code),
        )
    elif contract_id in r.contract:
        members = frozenset(r.buyers.get(contract_id, set()))
        group = r.group_of.get(r.contract[contract_id][0].category_code)
    if member is not None:
        members = frozenset({member} & set(r.world.members))
    return members, group


def _centre(r: Register) -> Iterable[Figure]:
    world = r.world
    activities = Figure("information_activity_count", "sum", counts_events=True)
    for activity in world.activities:
        members, group = _belongs(r, activity.member_code, activity.procurement_id, None)
        activities.evidence.append(
            Evidence(activity.activity_date, members, group, ONE, distinct=activity.activity_id)
        )
    placements = Figure("internship_count", "sum", counts_events=True)
    for place in world.internships:
        members, group = _belongs(r, place.member_code, None, place.contract_id)
        placements.evidence.append(Evidence(place.start_date, members, group, Fraction(place.persons)))
    trainings = Figure("loyalty_training_members", "count_distinct", counts_events=True)
    for training in world.trainings:
        if training.member_code in world.members:
            members = frozenset({training.member_code})
            trainings.evidence.append(
                Evidence(training.training_date, members, None, ONE, distinct=training.member_code)
            )
    deviations = Figure("deviation_count", "sum", counts_events=True)
    deviations.evidence = [
        Evidence(d.deviation_date, numerator=ONE, distinct=d.deviation_id) for d in world.deviations
    ]
    budget = Figure("budget_deviation", "ratio")
    for row in world.budget:
        difference = Fraction(row.budget_amount) - Fraction(row.outcome_amount)
        income = row.line == "income"
        budget.evidence.append(
            Evidence(
                first_of(row.month), numerator=-difference if income else difference,
                denominator=NONE if income else Fraction(row.budget_amount),
            )
        )  # fmt: skip
    sick = Figure("sick_leave", "ratio")
    sick.evidence = [
        Evidence(first_of(s.month), numerator=Fraction(s.sick_hours), denominator=Fraction(s.ordinary_hours))
        for s in world.staff
    ]
    yield from (activities, placements, trainings, deviations, budget, sick)


def first_of(month: str) -> date:
    """The first day of a month written YYYY-MM."""
    return date(int(month[:4]), int(month[5:7]), 1)


def staff_mean(world: World, period: Period, kpi_id: str) -> list[Evidence]:
    """Leavers or training hours over mean headcount: one record, since a mean does not add up."""
    months = [s for s in world.staff if period.holds(first_of(s.month))]
    if not months:
        return []
    total = sum(
        (Fraction(s.leavers if kpi_id == "staff_turnover" else s.training_hours) for s in months), NONE
    )
    heads = sum((Fraction(s.headcount) for s in months), NONE)
    return [Evidence(period.last, numerator=total, denominator=heads / len(months))]


def plan_completion(r: Register, period: Period) -> list[Evidence]:
    """Planned procurements of the period, completed on or before its last day."""
    found = []
    for p in r.scoped():
        planned = p.planned_completion_date
        if planned and period.holds(planned):
            done = p.completed_date is not None and not p.cancelled_date and p.completed_date <= period.last
            found.append(r.record(p, planned, yes(done)))
    return found


def followup_coverage(r: Register, period: Period) -> list[Evidence]:
    """A and B contracts in force on the period's last day, with a meeting in the twelve months up to it."""
    found, last = [], period.last
    met = {
        f.contract_id
        for f in r.world.contract_followups
        if f.form == "meeting" and _year_before(last) < f.followup_date <= last
    }
    for contract_id, rows in r.contract.items():
        if rows[0].contract_class in ("A", "B") and any(c.valid_from <= last <= c.last_day for c in rows):
            found.append(_contract_record(r, contract_id, last, yes(contract_id in met)))
    return found


def _year_before(last: date) -> date:
    """The last day of the same month a year before (periods end with months)."""
    after = date(last.year + last.month // 12, last.month % 12 + 1, 1)
    return date.fromordinal(date(after.year - 1, after.month, 1).toordinal() - 1)


def climate_rank(world: World, period: Period) -> list[Evidence]:
    """The members' ranks of the year; nothing for other periods."""
    if period.kind != "year":
        return []
    return [
        Evidence(period.last, frozenset({c.member_code}), None, Fraction(c.rank), ONE)
        for c in world.business_climate
        if str(c.year) == period.name and c.member_code in world.members
    ]

"""The truth of the demonstration organisations, held against figures counted by hand on small worlds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from dagster_project.demo.facts import (
    Bid,
    Category,
    Contract,
    ContractBuyer,
    Followup,
    Lot,
    Participant,
    Procurement,
    Requirement,
    Size,
    StaffMonth,
    Supplier,
    Target,
    Unit,
    Workplace,
    World,
)
from dagster_project.demo.faults import plant_faults
from dagster_project.demo.figures import (
    Register,
    followup_coverage,
    plan_completion,
    register_figures,
    staff_mean,
)
from dagster_project.demo.ladder import CLASSES, REASONS, classified
from dagster_project.demo.ledger import Ledger
from dagster_project.demo.scorecard import ALL, Figure, Period, Value, earlier, judge, periods, values_of
from dagster_project.demo.spending import Spending
from dagster_project.demo.traps import PLANTED
from dagster_project.demo.truth import environment_levels
from dagster_project.demo.worlds import build_world

YEAR = Period("year", "2021", date(2021, 1, 1), date(2021, 12, 31))
DAY = date(2021, 5, 1)


def _world() -> World:
    world = World("mini", "Mini", 1, Size(0, 0, 0, 0), {"9101": "Ett", "9102": "Två"}, ("91",), ("9205",))
    world.organisations = [
        Unit("A", "Ettan", "4200000001", "9101", "municipality"),
        Unit("B1", "Bolag 1", "4200000002", "9102", "company"),
        Unit("B2", "Bolag 2", "4200000003", "9102", "company"),
        Unit("X", "Utanför", "4200000004", "9201", "municipality"),
    ]
    world.categories = [
        Category("0101", "Mejeri", "01", "Mat", True),
        Category("0201", "Datorer", "02", "IT", False),
    ]
    world.suppliers = [Supplier("S1", "Ett", 10), Supplier("S2", "Två", 300), Supplier("S3", "Tre", None)]
    world.workplaces = [
        Workplace("S1", "9101", None, None),
        Workplace("S2", "9101", None, date(2021, 1, 9)),
        Workplace("S3", "9205", date(2021, 1, 10), None),
    ]
    return world


def _procure(world: World, name: str, *units: str, category: str = "0201", **other: Any) -> None:
    values = {"procedure": "open", "announced_date": date(2021, 1, 10), "completed_date": DAY, **other}
    world.procurements.append(Procurement(name, name, category, **values))
    world.participants += [Participant(name, unit) for unit in units]


def _figures(world: World) -> dict[str, dict[tuple[str, str], Value]]:
    found = {}
    for figure in register_figures(world):
        found[figure.kpi_id] = values_of(figure, [e for e in figure.evidence if YEAR.holds(e.day)])
    return found


def test_two_companies_of_one_owner_are_one_member_and_outsiders_are_none() -> None:
    world = _world()
    _procure(world, "two members", "A", "B1")
    _procure(world, "one owner", "B1", "B2")
    _procure(world, "with an outsider", "A", "X")
    value = _figures(world)["coordinated_share"]
    assert value[ALL, ALL] == Value(Fraction(1), Fraction(3), 1 / 3, 1.0)
    assert value["9102", ALL].actual == 0.5
    assert value[ALL, "02"].denominator == 3
    assert "9201" not in {member for member, _ in value}


def test_unknown_participants_leave_the_figure_and_lower_coverage() -> None:
    world = _world()
    _procure(world, "known", "A", "B1")
    _procure(world, "nobody listed")
    _procure(world, "incomplete", "A", "B1", participants_complete=False)
    value = _figures(world)["coordinated_share"][ALL, ALL]
    assert (value.numerator, value.denominator) == (1, 1)
    assert value.coverage == pytest.approx(1 / 3)


def test_what_is_out_of_scope_does_not_lower_coverage() -> None:
    world = _world()
    _procure(world, "in", "A", "B1")
    others: list[dict[str, Any]] = [{"procedure": p} for p in ("direct_award", "lov", "framework_call")]
    others.append({"works": True})
    for number, other in enumerate(others):
        _procure(world, f"out {number}", "A", **other)
    _procure(world, "call inside a system", "A", procedure="dps_call")
    _procure(world, "cancelled", "A", completed_date=None, cancelled_date=DAY)
    figures = _figures(world)
    assert figures["coordinated_share"][ALL, ALL] == Value(Fraction(1), Fraction(2), 0.5, 1.0)
    assert figures["coordinated_share_announced"][ALL, ALL].denominator == 3
    assert figures["cancelled_count"][ALL, ALL].actual == 1


def test_bids_are_counted_once_per_bidder_and_unknown_is_never_zero() -> None:
    world = _world()
    for name in ("two", "late only", "one lot", "three lots", "unknown"):
        _procure(world, name, "A")
    world.bids = [
        Bid("two", "1", "S1", "S1"),
        Bid("two", "2", "S1", "S1"),
        Bid("two", None, "K", "S2", status="rejected"),
        Bid("two", None, "K", "S3", status="rejected"),
        Bid("late only", None, "S1", "S1", status="late"),
    ]
    world.lots = [
        Lot("two", "1"),
        Lot("two", "2"),
        Lot("one lot", "1", tenders_received=4),
        Lot("three lots", "1", tenders_received=1),
        Lot("three lots", "2", tenders_received=5),
        Lot("three lots", "3"),
    ]
    figures = _figures(world)
    assert figures["bids_mean"][ALL, ALL] == Value(Fraction(6), Fraction(3), 2.0, 0.6)
    assert figures["bids_median"][ALL, ALL] == Value(None, Fraction(3), 2.0, 0.6)
    assert figures["single_bid_share"][ALL, ALL].actual == 0.0
    # lots: 2 and 2 (the consortium bids on both), 0, 4, 1, 5; a third lot and a procurement are unknown
    assert figures["bids_per_lot_mean"][ALL, ALL] == Value(Fraction(14), Fraction(6), 14 / 6, 0.75)
    assert figures["single_bid_lot_share"][ALL, ALL].numerator == 1
    # S1 is small; the consortium has a large partner; three procurements have no bid rows, and are unknown
    assert figures["sme_bid_share"][ALL, ALL] == Value(Fraction(1), Fraction(2), 0.5, 0.4)


def test_regional_activity_is_that_of_the_announcement_date_and_strangers_count_below_only() -> None:
    world = _world()
    _procure(world, "p", "A")
    world.bids = [Bid("p", None, s, s) for s in ("S1", "S2", "S3", "S9")]
    value = _figures(world)["regional_bid_share"][ALL, ALL]
    # S2 closed the day before; S3 opened that day in a municipality of the settings; S9 is in no register
    assert value == Value(Fraction(2), Fraction(4), 0.5, 0.75)


def test_an_award_counts_once_at_its_first_signing() -> None:
    world = _world()
    _procure(world, "p", "A")
    for name, signed in (("C1", date(2021, 6, 1)), ("C2", date(2022, 6, 1))):
        world.contracts.append(Contract(name, "S1", "p", None, "0201", signed, signed, None))
    figure = next(f for f in register_figures(world) if f.kpi_id == "regional_award_share")
    assert [e.day for e in figure.evidence] == [date(2021, 6, 1)]


def test_environment_leaves_out_exemptions_with_a_reason_only() -> None:
    world = _world()
    _procure(world, "base", "A")
    _procure(world, "high", "A", category="0101")
    _procure(world, "reason", "A", environment_applicable=False, environment_exemption_reason="Rättighet")
    _procure(world, "no reason", "A", environment_applicable=False)
    world.requirements = [
        Requirement("base", "reuse", "base"),
        Requirement("high", "chemicals", "spearhead"),
        Requirement("high", "organic_food", "base"),
    ]
    figures = _figures(world)
    assert figures["environment_any_share"][ALL, ALL] == Value(Fraction(2), Fraction(3), 2 / 3, 1.0)
    assert figures["environment_advanced_share"][ALL, ALL].numerator == 1
    assert figures["reuse_share"][ALL, ALL].numerator == 0
    assert figures["organic_food_share"][ALL, ALL] == Value(Fraction(1), Fraction(1), 1.0, 1.0)
    levels = {(area, level): (n, share) for _, _, area, level, n, share in environment_levels(world, [YEAR])}
    assert levels["reuse", "base"] == (1, 0.25)
    assert levels["reuse", "none"] == (3, 0.75)


def test_figures_of_the_last_day_look_back_twelve_months() -> None:
    world = _world()
    contract = {"procurement_id": None, "title": None, "category_code": "0201", "signed_date": None}
    for name, klass, end in (
        ("in time", "A", None),
        ("too old", "B", None),
        ("ended", "A", date(2021, 12, 30)),
    ):
        world.contracts.append(
            Contract(name, "S1", valid_from=date(2020, 1, 1), valid_to=end, contract_class=klass, **contract)  # type: ignore[arg-type]
        )
        world.contract_buyers.append(ContractBuyer(name, "ALL"))
    world.contract_followups = [
        Followup("in time", date(2021, 1, 1), "meeting"),
        Followup("too old", date(2020, 12, 31), "meeting"),
        Followup("too old", date(2021, 3, 1), "phone"),
    ]
    value = values_of(Figure("followup_coverage_ab", "ratio"), followup_coverage(Register(world), YEAR))
    assert value[ALL, ALL] == Value(Fraction(1), Fraction(2), 0.5, 1.0)
    assert value["9101", ALL].actual == 0.5
    followups = _figures(world)["contract_followup_count"]
    assert followups[ALL, ALL].actual == 1  # the call does not fulfil class B


def test_a_planned_procurement_must_be_completed_by_the_last_day() -> None:
    world = _world()
    _procure(world, "in time", "A", planned_completion_date=date(2021, 3, 1))
    _procure(world, "late", "A", planned_completion_date=date(2021, 3, 1), completed_date=date(2022, 1, 1))
    value = values_of(Figure("plan_completion_share", "ratio"), plan_completion(Register(world), YEAR))
    assert value[ALL, ALL].actual == 0.5


def test_turnover_is_over_the_mean_headcount_of_the_months_with_data() -> None:
    world = _world()
    hours = (Decimal(160), Decimal(8), Decimal(4))
    world.staff = [
        StaffMonth("2021-01", Decimal(10), 1, *hours),
        StaffMonth("2021-02", Decimal(20), 0, *hours),
    ]
    value = values_of(Figure("staff_turnover", "ratio"), staff_mean(world, YEAR, "staff_turnover"))
    assert value[ALL, ALL] == Value(Fraction(1), Fraction(15), 1 / 15, 1.0)


def test_an_empty_population_has_no_value_and_no_event_is_zero() -> None:
    figures = _figures(_world())
    assert figures["coordinated_count"][ALL, ALL] == Value(None, None, None, None)
    assert figures["cancelled_count"][ALL, ALL].actual == 0.0


def test_periods_are_named_as_published_and_r12_begins_with_the_first_full_year() -> None:
    found = {p.name: p for p in periods(2020, 2021)}
    assert "2020-Q3-r12" not in found
    assert found["2020-Q4-r12"].first == date(2020, 1, 1)
    assert found["2021-Q1-r12"].first == date(2020, 4, 1)
    assert found["2021-Q3-ytd"].last == date(2021, 9, 30)
    assert found["2021-T2"].months == [(2021, 5), (2021, 6), (2021, 7), (2021, 8)]
    assert earlier(found["2021-Q3-ytd"]) == "2020-Q3-ytd"


def _target(operator: str, value: str | None, member: str | None = None) -> Target:
    goal = Decimal(value) if value else None
    return Target("mini", "plan", "k", date(2021, 1, 1), date(2021, 12, 31), member, operator, goal)


@pytest.mark.parametrize(
    ("aggregation", "period", "cell", "status"),
    [
        ("ratio", YEAR, (ALL, ALL), "met"),
        ("ratio", YEAR, ("9101", ALL), "met"),
        ("ratio", YEAR, (ALL, "01"), "no_target"),
        ("ratio", YEAR, ("9102", ALL), "not_met"),
        ("sum", YEAR, ("9101", ALL), "no_target"),
        ("sum", Period("quarter", "2021-Q1", date(2021, 1, 1), date(2021, 3, 31)), (ALL, ALL), "no_target"),
        ("sum", Period("ytd", "2021-Q1-ytd", date(2021, 1, 1), date(2021, 3, 31)), (ALL, ALL), "met"),
        ("ratio", Period("year", "2022", date(2022, 1, 1), date(2022, 12, 31)), (ALL, ALL), "no_target"),
    ],
)
def test_a_member_target_goes_before_the_common_one_and_groups_have_none(
    aggregation: str, period: Period, cell: tuple[str, str], status: str
) -> None:
    targets = [_target(">=", "10"), _target(">=", "99", "9102")]
    assert judge("k", aggregation, period, cell, 12.0, None, targets).status == status


def test_a_yearly_target_is_judged_pro_rata_over_the_year_so_far() -> None:
    so_far = Period("ytd", "2021-Q3-ytd", date(2021, 1, 1), date(2021, 9, 30))
    assert judge("k", "sum", so_far, (ALL, ALL), 9.0, None, [_target(">=", "12")]).target == 9.0
    assert judge("k", "ratio", so_far, (ALL, ALL), 9.0, None, [_target(">=", "12")]).target == 12.0


@pytest.mark.parametrize(
    ("operator", "value", "actual", "before", "status"),
    [
        ("decrease", None, 5.0, 6.0, "met"),
        ("decrease", None, 6.0, 6.0, "not_met"),
        ("decrease", None, 6.0, None, "baseline"),
        ("baseline", None, 1.0, 2.0, "baseline"),
        ("measure", None, 1.0, 2.0, "measured"),
        ("abs<", "0.03", -0.02, None, "met"),
        ("abs<", "0.03", -0.03, None, "not_met"),
        ("<=", "0", None, None, "no_data"),
    ],
)
def test_every_operator_has_its_status(
    operator: str, value: str | None, actual: float | None, before: float | None, status: str
) -> None:
    assert judge("k", "ratio", YEAR, (ALL, ALL), actual, before, [_target(operator, value)]).status == status


EXPECTED_CLASSES = {
    # invoice → class, reason, contract of its first line; worked out by hand from the planted contracts
    "T01": ("on_contract", None, "P-01"),
    "T02": ("on_contract", None, "P-02"),
    "T03": ("uncovered", "expired", None),
    "T04": ("uncovered", "no_contract", None),
    "T05": ("on_contract", None, "P-02"),
    "T06": ("on_contract", None, "P-01"),
    "T07": ("on_contract", None, "P-01"),
    "T08": ("uncovered", "other_category", None),
    "T09": ("on_contract", None, "P-03"),
    "T10": ("wild", "expired", None),
    "T11": ("on_contract", None, "P-04"),
    "T12": ("uncovered", "not_entitled", None),
    "T13": ("on_contract", None, "P-05"),
    "T14": ("wild", "other_category", None),
    "T15": ("wild", "no_contract", None),
    "T16": ("uncovered", "no_contract", None),
    "T17": ("excluded", None, None),
    "T18": ("unclassified", None, None),
    "T19": ("on_contract", None, "P-01"),
    "T20": ("on_contract", None, "P-01"),
    "T21": ("on_contract", None, "P-01"),
    "T22": ("excluded", None, None),
    "T23": ("wild", "no_contract", None),
    "T24": ("unclassified", None, None),
    "T25": ("unclassified", None, None),
    "T26": ("on_contract", None, "P-01"),
    "T27": ("uncovered", "not_entitled", None),
    "T28": ("wild", "no_contract", None),
    "T32": ("on_contract", None, "P-04"),
    "T40": ("on_contract", None, "P-06"),
    "T41": ("on_contract", None, "P-06"),
    "T42": ("over_ceiling", None, "P-06"),
    "T43": ("on_contract", None, "P-06"),
    "T44": ("on_contract", None, "P-06"),
    "T45": ("over_ceiling", None, "P-06"),
}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_planted_line_gets_the_class_that_was_worked_out_by_hand(seed: int) -> None:
    world = build_world("demo", 480, seed)
    plant_faults(world, personal=False)
    ledger = Ledger(world)
    found = {}
    for chunk in classified(world, ledger):
        for row in chunk.filter(chunk["line_no"] == 1).iter_rows(named=True):
            contract = ledger.contract_ids[row["chosen"]] if row["chosen"] >= 0 else None
            found[row["invoice_id"]] = (CLASSES[row["compliance"]], REASONS[row["reason"]], contract)
    assert {invoice: found[invoice] for invoice in EXPECTED_CLASSES} == EXPECTED_CLASSES


@pytest.mark.parametrize("seed", range(1, 6))
def test_shares_of_spend_stay_between_nothing_and_all(seed: int) -> None:
    world = build_world("demo", 3000, seed)
    ledger = Ledger(world)
    spending = Spending(world, ledger)
    for chunk in classified(world, ledger):
        spending.add(chunk)
    for period in periods(2019, 2022):
        for kpi_id, cells in spending.values(period).items():
            for cell, value in cells.items():
                if value.denominator is not None:
                    assert value.actual is not None, (kpi_id, period.name, cell)
                    assert 0 <= value.actual <= 1, (kpi_id, period.name, cell)


def test_an_invoice_is_wild_when_its_largest_class_is() -> None:
    """T34: 800 on contract, −900 wild, 300 excluded. T35: 400 of each: the ladder's first wins."""
    world = build_world("demo", 0, 1)
    world.planted_lines = [x for x in world.planted_lines if x.invoice_id in ("T33", "T34", "T35")]
    ledger = Ledger(world)
    spending = Spending(world, ledger)
    for chunk in classified(world, ledger):
        spending.add(chunk)
    quarter = Period("quarter", "2021-Q1", date(2021, 1, 1), date(2021, 3, 31))
    value = spending.values(quarter)["off_contract_rate_count"][ALL, ALL]
    assert (value.numerator, value.denominator) == (1, 2)  # T33 is a credit note


def test_every_planted_trap_is_a_procurement_of_the_world() -> None:
    world = build_world("demo", 480, 3)
    assert set(PLANTED.values()) <= {p.procurement_id for p in world.procurements}


def test_the_truth_reads_no_sql() -> None:
    package = Path(__file__).resolve().parents[2] / "dagster_project" / "demo"
    for module in package.glob("*.py"):
        assert "duckdb" not in module.read_text(encoding="utf-8"), module.name

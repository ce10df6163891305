"""What both boards have published comes out of records that are made, delivered, run and counted.

Each board is made and run once; a few figures are counted here as well, from the delivered files and in plain
Python, so that the models are not held against themselves.
"""

from __future__ import annotations

import csv
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.demo.boards import board_world
from dagster_project.demo.boards.plan import Board, load_board
from dagster_project.settings import Workspace
from tests.golden.compared_savings import differences
from tests.golden.counted_savings import Bought, Counted

LAST_DAY = {"uhc": "2023-12-31", "sormland_vastmanland": "2025-06-30"}
LINES = 1500
NOT_IN_SCOPE = ("direct_award", "lov", "framework_call")
COUNTED_BIDS = ("submitted", "qualified", "rejected")
Row = dict[str, str]


class Delivered:
    """A board's data folder after a run: its delivered files, and the tables of its release."""

    def __init__(self, organisation: str, folder: Path) -> None:
        self.organisation = organisation
        self.workspace = Workspace(folder)

    def rows(self, source: str) -> list[Row]:
        found = []
        for path in sorted((self.workspace.raw / source).glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                found += list(csv.DictReader(file, delimiter=";"))
        return found

    def table(self, query: str) -> pl.DataFrame:
        with duckdb.connect(str(self.workspace.current_database), read_only=True) as con:
            return con.sql(query).pl()

    def status(self, kpi_id: str, period: str) -> tuple[str, str | None]:
        rows = self.table(
            f"select status, plan_id from kpi_values where kpi_id = '{kpi_id}' and period = '{period}' "
            "and member_code = 'ALL' and category_group = 'ALL'"
        ).rows()
        assert len(rows) == 1
        return rows[0]


def _mattstock(*words: str) -> None:
    command = [str(Path(sys.executable).with_name("mattstock")), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Delivered]:
    """A function organisation → Delivered; each is made and run once."""
    made: dict[str, Delivered] = {}

    def board(organisation: str) -> Delivered:
        if organisation not in made:
            folder = tmp_path_factory.mktemp("boards") / organisation
            _mattstock("demo", str(folder), "--organisation", organisation, "--invoice-lines", f"{LINES}")
            _mattstock("run", "--data", str(folder), "--as-of", LAST_DAY[organisation])
            made[organisation] = Delivered(organisation, folder)
        return made[organisation]

    return board


@pytest.fixture(params=LAST_DAY)
def board(request: pytest.FixtureRequest, delivered: Callable[[str], Delivered]) -> Delivered:
    return delivered(request.param)


def test_every_published_outcome_comes_out(board: Delivered) -> None:
    compared = board.table(
        "select kpi_id, period, published, computed, difference, agrees from published_outcomes"
    )
    assert compared.height == len(board.rows("published_outcomes"))
    assert not compared.is_empty()
    assert compared.filter(~pl.col("agrees").fill_null(False)).rows() == []
    assert compared["difference"].to_list() == [0.0] * compared.height


def test_four_in_ten_savings_of_the_two_regions_cannot_be_computed(
    delivered: Callable[[str], Delivered],
) -> None:
    region = delivered("sormland_vastmanland")
    years = region.table(
        "select period, procurements, not_computed_procurements, saving_amount, artefact_amount, "
        "without_artefact_amount, if_unknown_alike_amount from savings_summary where period_type = 'year' "
        "and period < '2025' and member_code = 'ALL' and category_group = 'ALL' and method = 'ALL' order by period"
    )
    assert years["period"].to_list() == ["2022", "2023", "2024"]
    assert [float(amount) for amount in years["saving_amount"]] == [85e6, 74.4e6, 68.1e6]
    for year in years.iter_rows(named=True):
        assert abs(year["not_computed_procurements"] / year["procurements"] - 0.4) < 0.005
        # What the published sum does not say: that a part is chance, and that it is a part of all procurements only.
        assert 0 < year["artefact_amount"] == year["saving_amount"] - year["without_artefact_amount"]
        assert year["if_unknown_alike_amount"] > 1.6 * float(year["saving_amount"])


def test_the_marts_of_savings_coordination_and_lessons_are_counted_by_other_hands(board: Delivered) -> None:
    seed = 1
    plan = load_board(board.organisation)
    facts = board_world(plan, LINES, seed, random.Random(f"{board.organisation}:{seed}"))
    lines = board.table(
        "select compliance_class, contract_id, buyer_unit_id, category_code, invoice_date, booking_date, amount_net "
        "from fct_invoice_line"
    ).rows()
    bought = [Bought(*told, Fraction(amount)) for *told, amount in lines]
    as_of = date.fromisoformat(LAST_DAY[board.organisation])
    counted = Counted(facts, bought, as_of, _rates(plan))
    assert counted.calibration()
    assert counted.missed()
    assert differences(lambda query: board.table(query).to_dicts(), counted) == []


def _rates(plan: Board) -> dict[int, int]:
    """Kronor an hour by year: one for every year, or those from which it changes."""
    told = plan.coordination_hourly_rate
    years = range(2015, 2031)
    if not isinstance(told, dict):
        return dict.fromkeys(years, int(told))
    return {year: int(told[max(y for y in told if y <= year)]) for year in years if year >= min(told)}


def test_every_delivered_row_is_accepted_without_a_remark(board: Delivered) -> None:
    totals = board.table(
        "select sum(rows_read) as read, sum(rows_accepted) as accepted, sum(warnings) as warnings "
        "from data_quality_summary"
    ).row(0, named=True)
    assert totals["read"] == totals["accepted"] > 10_000
    assert totals["warnings"] == 0
    assert board.table("select rule, message_en from data_quality_issues").rows() == []


def test_counted_by_hand_the_records_give_what_was_published(board: Delivered) -> None:
    # A half year's figure is counted over its year: the registers end with the published half.
    counted = 0
    for outcome in board.rows("published_outcomes"):
        by_hand = BY_HAND.get(outcome["kpi_id"])
        if by_hand is not None:
            value = by_hand(board, outcome["period"][:4])
            digits = int(outcome["decimals"])
            assert round(value, digits) == float(outcome["value"].replace(",", ".")), outcome
            counted += 1
    assert counted >= (12 if board.organisation == "uhc" else 7)


def _in_scope(board: Delivered) -> Iterator[Row]:
    for row in board.rows("procurements"):
        if row["procedure"] not in NOT_IN_SCOPE and row["works"] == "nej":
            yield row


def _completed(board: Delivered, year: str) -> list[str]:
    rows = (r for r in _in_scope(board) if r["completed_date"].startswith(year) and not r["cancelled_date"])
    return [row["procurement_id"] for row in rows]


def _coordinated(board: Delivered, year: str) -> tuple[int, int]:
    owner = {unit["unit_id"]: unit["member_code"] for unit in board.rows("organisations")}
    incomplete = {
        r["procurement_id"] for r in board.rows("procurements") if r["participants_complete"] == "nej"
    }
    members = defaultdict(set)
    for row in board.rows("participants"):
        members[row["procurement_id"]].add(owner[row["unit_id"]])
    known = [name for name in _completed(board, year) if name not in incomplete]
    return sum(len(members[name]) >= 2 for name in known), len(known)


def _coordinated_share(board: Delivered, year: str) -> float:
    coordinated, known = _coordinated(board, year)
    return coordinated / known


def _enabled_savings(board: Delivered, year: str) -> float:
    """The first method that applies, from the delivered files: registered, else the bids' mean less the lowest."""
    registered: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in board.rows("savings"):
        saving = _amount(row["before_amount"]) - _amount(row["after_amount"])
        registered[row["procurement_id"]][row["method"]] += saving
    lots: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for bid in board.rows("bids"):
        if bid["status"] == "qualified" and bid["bid_price"]:
            lots[bid["procurement_id"], bid["lot_id"]].append(bid)
    by_bids: dict[str, float] = {}
    for (name, _), bids in lots.items():
        won = [_amount(bid["bid_price"]) for bid in bids if bid["winner"] == "ja"]
        if len(bids) >= 3 and len(won) == 1:
            mean = sum(_amount(bid["bid_price"]) for bid in bids) / len(bids)
            by_bids[name] = by_bids.get(name, 0) + mean - won[0]
    found = 0.0
    for name in _completed(board, year):
        methods = registered.get(name, {})
        found += methods.get("basket", methods.get("negotiation", by_bids.get(name, 0.0)))
    return found


def _amount(text: str) -> float:
    return float(text.replace(",", "."))


def _bids_mean(board: Delivered, year: str) -> float:
    completed, bidders = set(_completed(board, year)), defaultdict(set)
    for bid in board.rows("bids"):
        if bid["procurement_id"] in completed and bid["status"] in COUNTED_BIDS:
            bidders[bid["procurement_id"]].add(bid["bidder_id"])
    return sum(map(len, bidders.values())) / len(bidders)


def _followups(board: Delivered, year: str) -> float:
    classes = {row["contract_id"]: row["contract_class"] for row in board.rows("contracts")}
    held = [row for row in board.rows("contract_followups") if row["followup_date"].startswith(year)]
    return sum(row["form"] == "meeting" or classes[row["contract_id"]] in "CD" for row in held)


def _environment_any(board: Delivered, year: str) -> float:
    announced = [
        row["procurement_id"]
        for row in _in_scope(board)
        if row["announced_date"].startswith(year) and row["environment_applicable"] == "ja"
    ]
    social = ("employment", "labour_terms", "accessibility", "gender_equality")
    asked = {row["procurement_id"] for row in board.rows("requirements") if row["area"] not in social}
    return sum(name in asked for name in announced) / len(announced)


def _plan_completion(board: Delivered, year: str) -> float:
    planned = [row for row in _in_scope(board) if row["planned_completion_date"].startswith(year)]
    return sum("" < row["completed_date"] <= f"{year}-12-31" for row in planned) / len(planned)


def _regional_bids(board: Delivered, year: str) -> float:
    regional = {
        row["supplier_id"] for row in board.rows("workplaces") if row["municipality_code"][:2] == "20"
    }
    announced = {row["procurement_id"] for row in board.rows("procurements") if row["announced_date"]}
    counted = set(_completed(board, year)) & announced
    bids = {
        (bid["procurement_id"], bid["bidder_id"])
        for bid in board.rows("bids")
        if bid["procurement_id"] in counted and bid["status"] in COUNTED_BIDS
    }
    return sum(bidder in regional for _, bidder in bids) / len(bids)


BY_HAND: dict[str, Callable[[Delivered, str], float]] = {
    "coordinated_share": _coordinated_share,
    "coordinated_count": lambda board, year: _coordinated(board, year)[0],
    "bids_mean": _bids_mean,
    "enabled_savings": _enabled_savings,
    "contract_followup_count": _followups,
    "environment_any_share": _environment_any,
    "plan_completion_share": _plan_completion,
    "regional_bid_share": _regional_bids,
    "cancelled_count": lambda board, year: sum(
        row["cancelled_date"].startswith(year) for row in _in_scope(board)
    ),
}


def test_targets_of_both_plans_judge_their_own_years(delivered: Callable[[str], Delivered]) -> None:
    board = delivered("uhc")
    early, late = "plan_2021_2023", "plan_2023_2025"
    assert board.status("coordinated_share", "2020") == ("no_target", None)
    assert board.status("coordinated_share", "2021") == ("not_met", early)
    assert board.status("coordinated_share", "2023") == ("not_met", late)
    levels = board.table(
        "select period, target from kpi_values where kpi_id = 'climate_other_share' and period_type = 'year' "
        "and member_code = 'ALL' and category_group = 'ALL' order by period"
    )
    assert levels["target"].to_list() == [None, 0.2, 0.2, 0.05]


def test_every_way_of_judging_is_used(delivered: Callable[[str], Delivered]) -> None:
    board, region = delivered("uhc"), delivered("sormland_vastmanland")
    # The mean rank rose from 199 to 220, and was to decrease.
    assert board.status("business_climate_rank_mean", "2021")[0] == "not_met"
    assert board.status("plant_based_food_share", "2023")[0] == "baseline"
    assert board.status("regional_award_share", "2023")[0] == "measured"
    judged = board.table(
        "select abs(actual) < target as is_near, status, target_operator from kpi_values "
        "where kpi_id = 'budget_deviation' and period_type in ('year', 'quarter') and period_start >= '2023-01-01'"
    )
    assert judged.height == 5
    for is_near, status, operator in judged.rows():
        assert (status, operator) == ("met" if is_near else "not_met", "abs<")
    assert region.status("coordinated_count", "2023") == ("met", "vp_2023")
    assert region.status("coordinated_count", "2024") == ("met", "vp_2024")
    assert region.status("coordinated_share", "2025-H1") == ("not_met", "vp_2025")


def _breaks(board: Delivered, columns: str, kpi_id: str) -> list[tuple[object, ...]]:
    return board.table(
        f"select {columns} from kpi_breaks where kpi_id = '{kpi_id}' and period_type = 'year' order by period"
    ).rows()


def test_a_break_between_plans_is_marked_in_the_first_period_after_it(
    delivered: Callable[[str], Delivered],
) -> None:
    board, region = delivered("uhc"), delivered("sormland_vastmanland")
    columns = "period, kind, is_target_changed, target_before, target_after, breaks_with"
    assert _breaks(board, columns, "climate_other_share") == [
        ("2021", "begins", True, None, 0.2, None),
        ("2023", "changes", True, 0.2, 0.05, "climate_transport_share"),
    ]
    assert _breaks(board, "period, kind, is_target_changed, is_wording_changed", "reuse_share")[1:] == [
        ("2023", "changes", False, True)
    ]
    columns = "period, kind, is_unit_changed, breaks_with"
    assert _breaks(region, columns, "coordinated_count")[-1] == ("2025", "ends", True, "coordinated_share")
    assert _breaks(region, columns, "coordinated_share") == [("2025", "begins", True, "coordinated_count")]


def test_every_break_is_the_break_of_a_published_figure(board: Delivered) -> None:
    lonely = board.table(
        "select * from kpi_breaks anti join kpi_values using (kpi_id, period_type, period, member_code)"
    )
    assert lonely.rows() == []
    assert board.table("select count(*) from kpi_breaks").item() > 0
    twice = board.table(
        "select kpi_id from kpi_breaks group by kpi_id, period_type, period, member_code having count(*) > 1"
    )
    assert twice.rows() == []

"""The demonstrations of boards that exist: repeatable, plausible, and whatever the seed, with what was published."""

from __future__ import annotations

import csv
import hashlib
import random
from collections import Counter
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from dagster_project.cli import cli
from dagster_project.demo import generate
from dagster_project.demo.boards import BOARDS, board_world, plan
from dagster_project.demo.boards.levels import Aim
from dagster_project.demo.boards.plan import Board, BoardError, load_board
from dagster_project.demo.boards.settle import around, settle, workdays
from dagster_project.demo.facts import World

LINES = 400


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture(scope="module")
def world(board: Board) -> World:
    return board_world(board, LINES, 1, random.Random(1))


@pytest.fixture(scope="module")
def folder(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("board") / board.organisation
    generate(target, organisation=board.organisation, invoice_lines=LINES, seed=1)
    return target


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_both_boards_are_there() -> None:
    assert set(BOARDS) == {"uhc", "sormland_vastmanland"}


def test_the_same_arguments_give_the_same_bytes(board: Board, folder: Path, tmp_path: Path) -> None:
    generate(tmp_path / "again", organisation=board.organisation, invoice_lines=LINES, seed=1)
    assert _hashes(tmp_path / "again") == _hashes(folder)


def test_another_seed_gives_other_registers_and_the_same_published_outcomes(
    board: Board, folder: Path, tmp_path: Path
) -> None:
    generate(tmp_path / "other", organisation=board.organisation, invoice_lines=LINES, seed=2)
    ours, other = _hashes(folder), _hashes(tmp_path / "other")
    assert {name for name in ours if ours[name] == other[name]} >= {"truth/published_outcomes.csv"}
    for source in ("procurements", "bids", "contracts", "requirements", "staff"):
        assert ours[f"raw/{source}/{source}.csv"] != other[f"raw/{source}/{source}.csv"]


def test_every_seed_can_give_what_was_published(board: Board) -> None:
    for seed in range(2, 8):
        assert board_world(board, 0, seed, random.Random(seed)).procurements


def test_every_quarter_has_its_part_of_the_work(board: Board, world: World) -> None:
    completed = [p.completed_date for p in world.procurements if p.completed_date]
    announced = [p.announced_date for p in world.procurements if p.announced_date]
    for days in (completed, announced):
        quarters = Counter((day.year, (day.month - 1) // 3) for day in days)
        assert len(quarters) == sum(len(span.months) for span in board.periods) // 3
        assert min(quarters.values()) * 3 > max(quarters.values())
        assert all(day.weekday() < 5 for day in days)
        assert len(set(days)) > len(days) // 3


def test_dates_come_in_order_and_none_after_the_last_day(board: Board, world: World) -> None:
    for p in world.procurements:
        steps = (p.announced_date, p.tender_deadline, p.award_date, p.completed_date)
        days = [day for day in steps if day]
        assert days == sorted(days), p.procurement_id
        assert not (p.completed_date and p.cancelled_date)
        every = (*steps, p.cancelled_date, p.review_applied_date, p.planned_completion_date)
        assert all(day <= board.last for day in every if day), p.procurement_id
    assert all(board.first <= f.followup_date <= board.last for f in world.contract_followups)


def test_every_member_takes_part_and_the_largest_most(board: Board, world: World) -> None:
    owner = {unit.unit_id: unit.member_code for unit in world.organisations}
    members = Counter(owner[participant.unit_id] for participant in world.participants)
    assert set(members) == {member.code for member in board.members}
    largest = max(board.members, key=lambda member: member.weight)
    assert members[largest.code] == max(members.values())


def test_figures_are_made_by_many_records_and_no_single_one(world: World) -> None:
    bids = Counter(
        bid.procurement_id for bid in {(b.procurement_id, b.bidder_id): b for b in world.bids}.values()
    )
    assert len(set(bids.values())) > 8
    assert max(bids.values()) <= 15
    questions = [p.questions_count for p in world.procurements if p.questions_count]
    assert max(questions) * 30 < sum(questions)
    assert max(place.persons for place in world.internships) <= 2
    winners = Counter(contract.supplier_id for contract in world.contracts)
    assert max(winners.values()) * 40 < winners.total()
    assert sum(1 for count in winners.values() if count > 1) > len(winners) // 2
    scores = Counter(answer.score for answer in world.survey_answers if answer.survey == "nki")
    assert len(scores) > 5


def test_requirements_of_an_area_stand_at_several_levels(world: World) -> None:
    for area in ("reuse", "climate_other", "chemicals", "employment"):
        assert {r.level for r in world.requirements if r.area == area} == {"base", "advanced", "spearhead"}


def test_the_records_refer_to_each_other(world: World) -> None:
    procurements = {p.procurement_id for p in world.procurements}
    suppliers = {s.supplier_id for s in world.suppliers}
    contracts = {c.contract_id for c in world.contracts}
    assert {p.procurement_id for p in world.participants} == procurements
    for record in (*world.bids, *world.lots, *world.requirements):
        assert record.procurement_id in procurements
    assert {bid.supplier_id for bid in world.bids} <= suppliers
    assert {b.contract_id for b in world.contract_buyers} == contracts
    bidders = {(bid.procurement_id, bid.supplier_id) for bid in world.bids if bid.winner}
    signed = {(c.procurement_id, c.supplier_id) for c in world.contracts}
    assert bidders <= signed


def test_the_ledger_has_about_the_lines_asked_for(board: Board, folder: Path) -> None:
    lines = 0
    for path in (folder / "raw" / "invoices").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            lines += sum(1 for _ in csv.DictReader(file, delimiter=";"))
    assert LINES <= lines <= LINES + 5


def test_a_board_has_no_faulty_variant(board: Board, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="clean"):
        generate(tmp_path, organisation=board.organisation, variant="dirty")
    asked = ["demo", str(tmp_path / "x"), "--organisation", board.organisation, "--variant", "dirty"]
    answer = CliRunner().invoke(cli, asked)
    assert answer.exit_code == 1
    assert board.organisation in answer.stderr
    assert not (tmp_path / "x").exists()


def test_an_outcome_for_a_period_without_records_is_refused(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / board.organisation
    copy.mkdir()
    for path in (plan.FOLDER / board.organisation).iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    with (copy / "published_outcomes.csv").open("a", encoding="utf-8") as file:
        file.write(f"{board.organisation},bids_mean,1999,4.0,x,1\n")
    monkeypatch.setattr(plan, "FOLDER", tmp_path)
    with pytest.raises(BoardError, match="1999"):
        load_board(board.organisation)


def test_an_aim_is_met_in_the_precision_in_which_it_was_published() -> None:
    assert Aim(Fraction(59, 100), 2).is_met_by(148, 250)
    assert not Aim(Fraction(59, 100), 2).is_met_by(149, 250)
    assert Aim(Fraction(100), -1).is_met_by(104, 1)
    assert not Aim(Fraction(100), -1).is_met_by(106, 1)
    assert Aim(Fraction(23, 40), 3).part_of(2) is None


def test_draws_are_settled_within_their_bounds() -> None:
    rng = random.Random(1)
    bounds = [(0, 3), (2, 9), (0, 0), (1, 4)]
    settled = settle(rng, [9, 0, 5, 2], 12, bounds)
    assert sum(settled) == 12
    assert all(low <= value <= high for value, (low, high) in zip(settled, bounds, strict=True))
    with pytest.raises(BoardError):
        settle(rng, [1, 1], 9, [(0, 2), (0, 2)])


def test_draws_have_the_mean_asked_for() -> None:
    rng = random.Random(1)
    drawn = [around(rng, 4.0) for _ in range(4000)]
    assert sum(drawn) / len(drawn) == pytest.approx(4.0, rel=0.1)
    assert min(drawn) == 0


def test_working_days_are_neither_weekends_nor_fixed_holidays() -> None:
    days = workdays(date(2021, 4, 26), date(2021, 5, 9))
    assert len(days) == 10
    assert date(2021, 1, 6) not in workdays(date(2021, 1, 1), date(2021, 1, 10))

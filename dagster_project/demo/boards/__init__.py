"""Demonstrations of boards that exist: made-up registers whose records, counted, give what the board published.

Members, published outcomes and targets are data (`<organisation>/`); every record is invented. What must come
out is known before the first record is made (`plan`, `levels`), so that the registers (`procurements`,
`competition`, `contracts`, `centre`, `savings`, `lessons`, `ledger`) are drawn as a year's work usually looks
and then settled (`settle`) until the figures fit. What does not belong here: planted traps and faults, which the
invented organisation has (`dagster_project.demo`), and how an indicator is counted.
"""

from __future__ import annotations

import random
from pathlib import Path

from dagster_project.demo.boards.centre import add_centre
from dagster_project.demo.boards.competition import add_bids, add_suppliers
from dagster_project.demo.boards.contracts import add_contracts
from dagster_project.demo.boards.delivery import write_deliveries
from dagster_project.demo.boards.ledger import invoice_rows
from dagster_project.demo.boards.lessons import add_lessons
from dagster_project.demo.boards.levels import Levels
from dagster_project.demo.boards.plan import BOARDS, Board, load_board
from dagster_project.demo.boards.procurements import add_procurements, add_units
from dagster_project.demo.boards.savings import add_savings
from dagster_project.demo.buyers import add_categories
from dagster_project.demo.facts import Size, World

__all__ = ["BOARDS", "board_world", "write_board"]


def write_board(target: Path, organisation: str, invoice_lines: int, seed: int) -> None:
    """Write a board's organisation.yml, raw/<source>/ and truth/ (what it has published) into `target`.

    The same arguments give the same bytes. Raises ValueError where no records can give what was published.
    """
    board = load_board(organisation)
    rng = random.Random(f"{organisation}:{seed}")
    world = board_world(board, invoice_lines, seed, rng)
    write_deliveries(target, board, world, invoice_rows(world, board, rng))


def board_world(board: Board, invoice_lines: int, seed: int, rng: random.Random) -> World:
    """The registers of a board, without its ledger; ValueError where no records can give what was published."""
    world = World(
        organisation=board.organisation,
        name=board.name,
        seed=seed,
        size=Size(board.procurements_per_year, 0, 0, invoice_lines),
        members={member.code: member.name for member in board.members},
        region_counties=board.region.counties,
        region_municipalities=board.region.municipalities,
        targets=list(board.targets),
        published_outcomes=list(board.outcomes),
    )
    levels = Levels(board, rng)
    add_units(world, board)
    add_categories(world)
    add_suppliers(world, board, rng)
    cases = add_procurements(world, board, levels, rng)
    offers = add_bids(world, board, levels, cases, rng)
    add_contracts(world, board, levels, cases, offers, rng)
    add_centre(world, board, levels, cases, rng)
    add_savings(world, board, levels, cases, offers, rng)
    add_lessons(world, board, cases, offers, rng)
    return world

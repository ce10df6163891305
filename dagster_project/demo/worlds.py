"""Assembles an invented demonstration organisation: registers in their order, then the planted cases.

What belongs here: which invented organisations there are. What does not: any record, and the boards that exist
(`boards`).
"""

from __future__ import annotations

import random
from collections.abc import Callable

from dagster_project.demo.agreements import add_contracts
from dagster_project.demo.boards import BOARDS
from dagster_project.demo.buyers import MEMBERS, SETTINGS_MUNICIPALITY, add_buyers, add_categories
from dagster_project.demo.facts import Size, World
from dagster_project.demo.market import add_spellings, add_suppliers
from dagster_project.demo.operations import add_operations
from dagster_project.demo.procurement import add_procurements
from dagster_project.demo.traps import plant


def build_world(organisation: str, invoice_lines: int, seed: int) -> World:
    """The planted facts of an organisation; ValueError names the known organisations."""
    try:
        build = ORGANISATIONS[organisation]
    except KeyError:
        known = ", ".join(sorted((*ORGANISATIONS, *BOARDS)))
        raise ValueError(f"no demonstration organisation {organisation!r}; known: {known}") from None
    return build(invoice_lines, seed)


def _demo(invoice_lines: int, seed: int) -> World:
    world = World(
        organisation="demo",
        name="Övningsinköp Exempelbygden",
        seed=seed,
        size=Size.of(invoice_lines),
        members=dict(MEMBERS),
        region_counties=("91",),
        region_municipalities=(SETTINGS_MUNICIPALITY,),
    )
    rng = random.Random(f"demo:{seed}")
    add_buyers(world)
    add_categories(world)
    add_suppliers(world, rng)
    add_procurements(world, rng)
    add_contracts(world, rng)
    add_operations(world, rng)
    add_spellings(world, rng)
    plant(world)
    return world


ORGANISATIONS: dict[str, Callable[[int, int], World]] = {"demo": _demo}

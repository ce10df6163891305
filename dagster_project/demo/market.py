"""Who sells: suppliers, their workplaces, the aliases and the spellings that a ledger knows them by.

What belongs here: the random part of the market. What does not: the suppliers that planted cases need
(`traps.py`).
"""

from __future__ import annotations

import random
from datetime import date

from dagster_project.demo.buyers import NEIGHBOUR, SETTINGS_MUNICIPALITY
from dagster_project.demo.facts import Spelling, Supplier, SupplierAlias, Workplace, World
from dagster_project.demo.invent import company_name, day_between, orgnr

FIRST_SUPPLIER_SERIAL = 1000
FIRST_UNREGISTERED_SERIAL = 5000
UNREGISTERED = tuple(orgnr(FIRST_UNREGISTERED_SERIAL + i) for i in range(8))
"""Organisation numbers that bid and sell but are in no supplier register."""
SPELLINGS_PER_SUPPLIER = 2
UNKNOWN_NAMES = ("Okänd leverantör", "Diverse utlägg", "Kortinköp")
MISSPELLED, PAYEE = 2, 3
"""The supplier whose name somebody has misspelled, and the one whose bankgiro stands on the last unknown name."""
UNKNOWN = len(UNKNOWN_NAMES) + 1


def add_suppliers(world: World, rng: random.Random) -> None:
    """Suppliers of all sizes (some unknown), half of them with a workplace in the region at some time."""
    for serial in range(world.size.suppliers):
        number = orgnr(FIRST_SUPPLIER_SERIAL + serial)
        employees = rng.choice((None, 0, 3, 8, 17, 40, 95, 180, 249, 250, 600, 4000))
        parent = rng.choice(world.suppliers).supplier_id if serial > 20 and rng.random() < 0.1 else None
        world.suppliers.append(Supplier(number, company_name(serial), employees, rng.random() < 0.05, parent))
        inside = [*world.members, "9150", SETTINGS_MUNICIPALITY]
        places = rng.sample(inside, k=rng.choice((0, 0, 1, 1, 2))) + (
            [NEIGHBOUR] if rng.random() < 0.4 else []
        )
        for municipality in places:
            first = day_between(rng, date(2005, 1, 1), date(2021, 6, 30)) if rng.random() < 0.7 else None
            last = None
            if rng.random() < 0.15:
                last = day_between(rng, first or date(2018, 1, 1), date(2023, 12, 31))
            world.workplaces.append(Workplace(number, municipality, first, last))


def add_spellings(world: World, rng: random.Random) -> None:
    """Per supplier one spelling by number and one by exact name; then aliases; then what nobody can know.

    The order matters to the ledger: spelling 2i is supplier i by number, 2i + 1 the same by another way.
    """
    for position, supplier in enumerate(world.suppliers):
        number, name = supplier.supplier_id, supplier.supplier_name
        giro = f"{5000 + position}-{rng.randint(1000, 9999)}"
        world.spellings.append(Spelling(number, name, giro, number))
        if position % 4 == 0:
            alias = f"{name.split()[1]} {position:03d} filialen"
            world.supplier_aliases.append(SupplierAlias("name", alias, number))
            world.spellings.append(Spelling(None, alias, None, number))
        elif position % 4 == 1:
            world.supplier_aliases.append(SupplierAlias("bankgiro", giro, number))
            world.spellings.append(Spelling(None, f"Faktura via bankgiro {position}", giro, number))
        elif position % 4 == 2:
            old = orgnr(7000 + position)
            world.supplier_aliases.append(SupplierAlias("orgnr", old, number))
            world.spellings.append(Spelling(old, f"{name} (tidigare bolag)", None, number))
        else:
            world.spellings.append(Spelling(None, f" {name.upper().replace(' ', '  ')} ", None, number))
    world.spellings += [
        Spelling(number, f"Oregistrerad {number[-4:]}", None, number) for number in UNREGISTERED
    ]
    # Nobody knows whose these are; a person may guess for two of them.
    misspelled = world.suppliers[MISSPELLED].supplier_name.replace("i", "", 1)
    payees = world.spellings[SPELLINGS_PER_SUPPLIER * PAYEE].bankgiro
    world.spellings += [Spelling(None, name, None, None) for name in (misspelled, *UNKNOWN_NAMES[:-1])]
    world.spellings.append(Spelling(None, UNKNOWN_NAMES[-1], payees, None))

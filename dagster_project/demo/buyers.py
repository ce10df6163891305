"""Who buys and what: members, their units, categories and account ranges of the demonstration organisation.

What belongs here: registers that do not change with the seed's randomness. What does not: suppliers and
events.
"""

from __future__ import annotations

from decimal import Decimal

from dagster_project.demo.facts import AccountRange, Category, Unit, World
from dagster_project.demo.invent import orgnr

MEMBERS = {
    "9101": "Exempelhult",
    "9102": "Påhittsvik",
    "9103": "Sagolunda",
    "9104": "Tänktorp",
    "9105": "Modellstad",
    "9106": "Diktnäs",
    "9107": "Övningsfors",
}
NEIGHBOUR = "9201"
"""A municipality outside the organisation and outside its counties."""
SETTINGS_MUNICIPALITY = "9205"
"""In another county, yet in the region because the settings name it."""

ADMINISTRATIONS = ("utbildningsförvaltningen", "omsorgsförvaltningen", "tekniska förvaltningen")
COMPANY_OWNERS = ("9101", "9101", "9102", "9103", "9104", "9105")
FEDERATION_UNIT, CENTRE_UNIT, OUTSIDE_UNIT = "0128", "0129", "0130"
COMPANIES_OF_ONE_OWNER = ("0122", "0123")

GROUPS = (
    "Livsmedel", "IT och telefoni", "Bygg och anläggning", "Fastighet", "Fordon och transport",
    "Vård och omsorg",
    "Utbildning", "Kontor och tryck", "Konsulttjänster", "Energi och miljö", "Kläder och textil",
    "Övriga tjänster",
)  # fmt: skip
KINDS = ("grundsortiment", "tillbehör", "service", "hyra", "utveckling")
FOOD_NAMES = ("mejeri", "kött och chark", "frukt och grönt", "storköksutrustning", "transport av måltider")
FOOD_CATEGORIES = ("0101", "0102", "0103")
RESERVED_CATEGORIES = ("1203", "1204", "1205")
"""Categories that only planted cases use."""

CATEGORIES_WITH_ACCOUNTS = 40
ACCOUNTS_OF_A_CATEGORY = 20
FIRST_ACCOUNT = 4000
UNCATEGORISED_ACCOUNT = 4850
"""A purchase account in a range that names no category."""
EXCLUDED_ACCOUNTS = (5010, 5110, 5210, 5310, 5410)
RANGELESS_ACCOUNT = 6910
RESERVED_ACCOUNT = 4900
"""In a range whose category only planted cases use."""


def add_buyers(world: World) -> None:
    """Units: three administrations a member, six companies, a federation, a centre, and one whose owner is
    outside.
    """
    serial = 1
    for code, name in world.members.items():
        for administration in ADMINISTRATIONS:
            unit_id = f"{100 + serial:04d}"
            world.organisations.append(
                Unit(unit_id, f"{name}s kommun, {administration}", orgnr(serial), code, "municipality")
            )
            serial += 1
    for number, owner in enumerate(COMPANY_OWNERS, start=1):
        name = f"Bolag {number} i {world.members[owner]} AB"
        world.organisations.append(Unit(f"{100 + serial:04d}", name, orgnr(serial), owner, "company"))
        serial += 1
    for unit_id, name, owner, kind in (
        (FEDERATION_UNIT, "Räddningsförbundet Påhittsleden", "9103", "federation"),
        (CENTRE_UNIT, world.name, "9101", "centre"),
        (OUTSIDE_UNIT, "Grannebygds kommun", NEIGHBOUR, "municipality"),
    ):
        world.organisations.append(Unit(unit_id, name, orgnr(serial), owner, kind))
        serial += 1


def add_categories(world: World) -> None:
    """Twelve groups of five categories (three are food) and the account ranges that lead to them."""
    for group_number, group_name in enumerate(GROUPS, start=1):
        for number in range(1, 6):
            code = f"{group_number:02d}{number:02d}"
            what = FOOD_NAMES[number - 1] if group_number == 1 else KINDS[number - 1]
            factor = Decimal(group_number * 3 + number) / 1000 if group_number % 3 else None
            world.categories.append(
                Category(
                    category_code=code,
                    category_name=f"{group_name}: {what}",
                    group_code=f"{group_number:02d}",
                    group_name=group_name,
                    is_food=code in FOOD_CATEGORIES,
                    emission_kg_per_sek=factor,
                    emission_source="Påhittad schablon" if factor else None,
                    emission_year=2021 if factor else None,
                )
            )
    world.reserved_categories.update(RESERVED_CATEGORIES)
    free = [c.category_code for c in world.categories if c.category_code not in RESERVED_CATEGORIES]
    for position, code in enumerate(free[:CATEGORIES_WITH_ACCOUNTS]):
        first = FIRST_ACCOUNT + position * ACCOUNTS_OF_A_CATEGORY
        world.accounts.append(AccountRange(str(first), str(first + ACCOUNTS_OF_A_CATEGORY - 1), code, True))
    world.accounts += [
        AccountRange("4800", "4899", None, True),
        AccountRange("4900", "4919", RESERVED_CATEGORIES[0], True),
        AccountRange("5000", "5099", None, False),  # wages
        AccountRange("5100", "5199", None, False),  # grants
        AccountRange("5200", "5299", None, False),  # taxes
        AccountRange("5300", "5399", None, False),  # interest
        AccountRange("5400", "5499", None, False),  # internal settlement
    ]

"""The ladder of contract fidelity over random small worlds: the models against a brute force of the rules.

What belongs here: the plain Python reading of the ladder, the worlds it is tried on, and the comparison line
by line. What does not: worked examples of one rule at a time (unit tests beside the models).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.contracts import load_contracts
from dagster_project.flow import build
from dagster_project.settings import Workspace
from tests.dbt_here import dbt_in

AS_OF = date(2021, 6, 30)
FIRST_DAY = date(2021, 3, 20)
WORLDS = 80
LINES_PER_WORLD = 120
LADDER = ("excluded", "unclassified", "on_contract", "over_ceiling", "wild", "uncovered")
FIGURES = (
    "contract_coverage_value",
    "supplier_compliance_value",
    "contract_compliance_value",
    "off_contract_rate_value",
    "off_contract_rate_count",
    "ceiling_exceeded_count",
    "supplier_count",
)
COLUMN_TYPES = {
    "date": "date",
    "year": "bigint",
    "integer": "bigint",
    "decimal": "decimal(28, 10)",
    "money": "decimal(18, 2)",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Unit:
    id: str
    orgnr: str
    owner: str
    is_member: bool


@dataclass(frozen=True)
class Contract:
    """One supplier's row of a contract."""

    id: str
    supplier: str
    category: str
    valid_from: date
    valid_to: date | None
    terminated: date | None
    ceiling: Decimal | None


@dataclass(frozen=True)
class Line:
    unit: str
    year: int
    invoice: str
    number: int
    supplier_id: str | None
    supplier_name: str | None
    bankgiro: str | None
    invoice_date: date
    booking_date: date
    account: str
    category: str | None
    contract: str | None
    amount: Decimal

    @property
    def key(self) -> tuple[str, int, str, int]:
        return (self.unit, self.year, self.invoice, self.number)


@dataclass
class World:
    units: list[Unit] = field(default_factory=list)
    accounts: list[tuple[str, str, str | None, bool]] = field(default_factory=list)
    suppliers: list[tuple[str, str]] = field(default_factory=list)
    aliases: list[tuple[str, str, str]] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    buyers: set[tuple[str, str]] = field(default_factory=set)
    further: set[tuple[str, str]] = field(default_factory=set)
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """What the ladder says of one line."""

    supplier: str | None
    match: str
    category: str | None
    category_source: str | None
    klass: str
    reason: str | None
    contract: str | None
    ambiguous: bool
    supplier_has_contract: bool


Verdicts = dict[tuple[str, int, str, int], Verdict]


def some_day(rng: random.Random, earliest: int = 0, latest: int = 24) -> date:
    return FIRST_DAY + timedelta(days=rng.randint(earliest, latest))


def random_world(number: int, rng: random.Random) -> World:
    """A world so small that its few contracts, units and categories run into each other all the time."""
    world = World()
    members = [f"w{number}m{i}" for i in range(2)]
    stranger = f"stranger{number}"
    for i in range(5):
        owner = stranger if i == 4 else members[i % 2]
        world.units.append(Unit(f"w{number}u{i}", f"77{number:04d}{i:04d}", owner, owner != stranger))
    categories = [f"w{number}c{i}" for i in range(3)]
    suppliers = [f"55{number:04d}{i:04d}" for i in range(4)]
    base = 10_000 + number * 100
    world.accounts = [
        (str(base), str(base + 9), categories[0], True),
        (str(base + 10), str(base + 19), categories[1], True),
        (str(base + 20), str(base + 29), None, True),
        (str(base + 30), str(base + 39), None, False),
        (f"W{number:03d}A", f"W{number:03d}M", categories[2], True),
    ]
    accounts = [str(base + offset) for offset in (3, 12, 29, 35, 70)] + [f"W{number:03d}C", f"W{number:03d}Z"]
    weights = [3, 3, 8, 1, 2, 1, 1]
    world.suppliers = [
        (suppliers[0], f"Värld {number} Ett AB"),
        (suppliers[1], f"Värld {number} Två AB"),
        (suppliers[2], f"Värld {number} Dubbel"),
        (suppliers[3], f"VÄRLD {number}  dubbel"),
    ]
    world.aliases = [
        ("name", f"Ettan i värld {number}", suppliers[0]),
        ("bankgiro", f"{100 + number}-{1000 + number}", suppliers[1]),
        ("orgnr", f"66{number:04d}0000", suppliers[2]),
    ]
    for i in range(rng.randint(2, 6)):
        contract_id = f"w{number}a{i}"
        category = rng.choice(categories)
        ceiling = Decimal(rng.randint(1, 8) * 100) if rng.random() < 0.4 else None
        for holder in rng.sample(suppliers, rng.choice([1, 1, 2])):
            valid_from = some_day(rng, -8, 20)
            world.contracts.append(
                Contract(
                    contract_id,
                    holder,
                    category,
                    valid_from,
                    valid_from + timedelta(days=rng.randint(0, 15)) if rng.random() < 0.7 else None,
                    some_day(rng, -4, 24) if rng.random() < 0.25 else None,
                    ceiling,
                )
            )
        for unit in rng.sample([u.id for u in world.units], rng.randint(0, 3)):
            world.buyers.add((contract_id, unit))
        if rng.random() < 0.3:
            world.buyers.add((contract_id, "ALL"))
        if rng.random() < 0.3:
            world.further.add((contract_id, rng.choice(categories)))
    contract_ids = [*sorted({c.id for c in world.contracts}), f"w{number}nowhere"]
    supplier_ids = [*suppliers, f"66{number:04d}0000", f"88{number:04d}0000"]
    names = [f"ettan i  VÄRLD {number}", f"värld {number} två ab", f"Värld {number} Dubbel", "Okänd"]
    while len(world.lines) < LINES_PER_WORLD:
        unit = rng.choice(world.units).id
        invoice = f"v{len(world.lines)}"
        for number_in_invoice in range(1, rng.choice([1, 1, 2, 3]) + 1):
            invoice_date = some_day(rng)
            name: str | None = None
            bankgiro: str | None = None
            supplier: str | None = None
            if rng.random() < 0.75:
                supplier = rng.choice([*supplier_ids, rng.choice(world.units).orgnr])
            else:
                name = rng.choice([None, *names])
                bankgiro = rng.choice([None, None, f"{100 + number}{1000 + number}", "1-1"])
            world.lines.append(
                Line(
                    unit,
                    2021,
                    invoice,
                    number_in_invoice,
                    supplier,
                    name,
                    bankgiro,
                    invoice_date,
                    invoice_date + timedelta(days=rng.choice([0, 1, 2, 30, 90])),
                    rng.choices(accounts, weights)[0],
                    rng.choice(categories) if rng.random() < 0.4 else None,
                    rng.choice(contract_ids) if rng.random() < 0.3 else None,
                    Decimal(rng.randint(-200, 600)),
                )
            )
    return world


# ---- The rules, read one by one ----


def squeezed(text: str) -> str:
    return "".join(text.split()).lower()


def resolve_supplier(world: World, line: Line) -> tuple[str | None, str]:
    if line.supplier_id is not None:
        for kind, alias, supplier in world.aliases:
            if kind == "orgnr" and alias == line.supplier_id:
                return supplier, "orgnr_alias"
        return line.supplier_id, "id"
    if line.supplier_name is not None:
        for kind, alias, supplier in world.aliases:
            if kind == "name" and squeezed(alias) == squeezed(line.supplier_name):
                return supplier, "name_alias"
    if line.bankgiro is not None:
        for kind, alias, supplier in world.aliases:
            if kind == "bankgiro" and alias.replace("-", "") == line.bankgiro.replace("-", ""):
                return supplier, "bankgiro_alias"
    if line.supplier_name is not None:
        bearers = {s for s, name in world.suppliers if squeezed(name) == squeezed(line.supplier_name)}
        if len(bearers) == 1:
            return bearers.pop(), "name"
    return None, "unknown"


def account_range(world: World, account: str) -> tuple[str | None, bool] | None:
    for first, last, category, is_purchase in world.accounts:
        if account.isdigit() and first.isdigit() and last.isdigit():
            if int(first) <= int(account) <= int(last):
                return category, is_purchase
        elif first <= account <= last:
            return category, is_purchase
    return None


def resolve_category(world: World, line: Line, supplier: str | None) -> tuple[str | None, str | None]:
    if line.category is not None:
        return line.category, "line"
    if line.contract is not None:
        rows = [c for c in world.contracts if c.id == line.contract]
        own = [c.category for c in rows if c.supplier == supplier]
        if rows:
            return (own[0] if own else min(c.category for c in rows)), "contract"
    found = account_range(world, line.account)
    if found is not None and found[0] is not None:
        return found[0], "account"
    return None, None


def last_valid_day(contract: Contract) -> date:
    ends = [contract.valid_to or date.max]
    if contract.terminated is not None and contract.terminated <= AS_OF:
        ends.append(contract.terminated)
    return min(ends)


def is_valid(contract: Contract, day: date) -> bool:
    return contract.valid_from <= day <= last_valid_day(contract)


def is_open(world: World, contract: Contract, unit_id: str) -> bool:
    if (contract.id, unit_id) in world.buyers:
        return True
    is_member = next(u.is_member for u in world.units if u.id == unit_id)
    return is_member and (contract.id, "ALL") in world.buyers


def covers(world: World, contract: Contract, category: str | None) -> bool:
    if category is None:
        return False
    return contract.category == category or (contract.id, category) in world.further


def usable_contracts(world: World, line: Line, supplier: str | None) -> list[Contract]:
    own = [c for c in world.contracts if c.supplier == supplier]
    return [c for c in own if is_open(world, c, line.unit) and is_valid(c, line.invoice_date)]


def fitting_contracts(world: World, line: Line, supplier: str | None, category: str | None) -> list[Contract]:
    return [
        c
        for c in usable_contracts(world, line, supplier)
        if covers(world, c, category) or c.id == line.contract or category is None
    ]


def first_verdict(world: World, line: Line) -> Verdict:
    """Everything but the ceilings."""
    supplier, match = resolve_supplier(world, line)
    category, category_source = resolve_category(world, line, supplier)
    day = line.invoice_date
    own = [c for c in world.contracts if c.supplier == supplier]
    usable = usable_contracts(world, line, supplier)
    fitting = fitting_contracts(world, line, supplier, category)

    unplaced = Verdict(supplier, match, category, category_source, "", None, None, False, bool(usable))

    found = account_range(world, line.account)
    if found is not None and not found[1]:
        return replace(unplaced, klass="excluded")
    if supplier in {u.orgnr for u in world.units if u.is_member}:
        return replace(unplaced, klass="excluded")
    if supplier is None or (category is None and not fitting):
        return replace(unplaced, klass="unclassified")
    if fitting:
        if line.contract in {c.id for c in fitting}:
            return replace(unplaced, klass="on_contract", contract=line.contract)
        latest = max(c.valid_from for c in fitting)
        chosen = min(c.id for c in fitting if c.valid_from == latest)
        is_ambiguous = len({c.id for c in fitting}) > 1
        return replace(unplaced, klass="on_contract", contract=chosen, ambiguous=is_ambiguous)
    in_category = [c for c in own if covers(world, c, category)]
    if any(is_open(world, c, line.unit) and last_valid_day(c) < day for c in in_category):
        reason = "expired"
    elif any(is_valid(c, day) for c in in_category):
        reason = "not_entitled"
    elif usable:
        reason = "other_category"
    else:
        reason = "no_contract"
    others = [c for c in world.contracts if c.supplier != supplier and covers(world, c, category)]
    if any(is_open(world, c, line.unit) and is_valid(c, day) for c in others):
        return replace(unplaced, klass="wild", reason=reason)
    return replace(unplaced, klass="uncovered", reason=reason)


def climb(world: World) -> Verdicts:
    """The verdict of every line that exists on the as-of date."""
    lines = [line for line in world.lines if line.booking_date <= AS_OF]
    return under_ceilings(world, {line.key: first_verdict(world, line) for line in lines})


def under_ceilings(world: World, first: Verdicts) -> Verdicts:
    """The verdicts with what is above a ceiling, each line being on the contract that `first` gives it."""
    verdicts = dict(first)
    lines = [line for line in world.lines if line.key in first]
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for line in sorted(lines, key=lambda x: (x.invoice_date, x.booking_date, x.unit, x.invoice, x.number)):
        contract = verdicts[line.key].contract
        if contract is not None:
            spent[contract] += line.amount
            ceiling = next(c.ceiling for c in world.contracts if c.id == contract)
            if ceiling is not None and spent[contract] > ceiling:
                verdicts[line.key] = replace(verdicts[line.key], klass="over_ceiling")
    return verdicts


# ---- The same worlds through the models ----


def write_world_tables(workspace: Workspace, worlds: Sequence[World]) -> None:
    """Every world in one database; nothing in a world is shared with another."""
    connection = build.connect(workspace)
    for source in load_contracts().values():
        columns = ", ".join(f'"{c.name}" {COLUMN_TYPES.get(c.type, "varchar")}' for c in source.columns)
        connection.execute(
            f"create table delivered.{source.name} "
            f"({columns}, source_file varchar, source_sheet varchar, source_row bigint, origin varchar)"
        )
    connection.execute(f"create table run.settings as select date '{AS_OF}' as as_of, false as all_members")
    connection.execute("create table run.members (member_code varchar, member_name varchar)")
    members = sorted({u.owner for w in worlds for u in w.units if u.is_member})
    insert(connection, "run.members", [{"member_code": m, "member_name": m} for m in members])
    insert(
        connection,
        "delivered.organisations",
        [
            {"unit_id": u.id, "unit_name": u.id, "orgnr": u.orgnr, "member_code": u.owner}
            for w in worlds
            for u in w.units
        ],
    )
    insert(
        connection,
        "delivered.accounts",
        [
            {"account_from": first, "account_to": last, "category_code": category, "purchase": is_purchase}
            for w in worlds
            for first, last, category, is_purchase in w.accounts
        ],
    )
    categories = sorted({c for w in worlds for _, _, c, _ in w.accounts if c is not None})
    insert(
        connection,
        "delivered.categories",
        [
            {"category_code": c, "category_name": c, "group_code": group_of(c), "group_name": c}
            for c in categories
        ],
    )
    insert(
        connection,
        "delivered.suppliers",
        [{"supplier_id": s, "supplier_name": name} for w in worlds for s, name in w.suppliers],
    )
    insert(
        connection,
        "delivered.supplier_aliases",
        [{"alias_kind": k, "alias": a, "supplier_id": s} for w in worlds for k, a, s in w.aliases],
    )
    insert(
        connection,
        "delivered.contracts",
        [
            {
                "contract_id": c.id,
                "supplier_id": c.supplier,
                "category_code": c.category,
                "valid_from": c.valid_from,
                "valid_to": c.valid_to,
                "terminated_date": c.terminated,
                "ceiling_value": c.ceiling,
            }
            for w in worlds
            for c in w.contracts
        ],
    )
    insert(
        connection,
        "delivered.contract_buyers",
        [{"contract_id": c, "unit_id": u} for w in worlds for c, u in sorted(w.buyers)],
    )
    insert(
        connection,
        "delivered.contract_categories",
        [{"contract_id": c, "category_code": k} for w in worlds for c, k in sorted(w.further)],
    )
    insert(
        connection,
        "delivered.invoices",
        [
            {
                "buyer_unit_id": x.unit,
                "fiscal_year": x.year,
                "invoice_id": x.invoice,
                "line_no": x.number,
                "supplier_id": x.supplier_id,
                "supplier_name": x.supplier_name,
                "supplier_bankgiro": x.bankgiro,
                "invoice_date": x.invoice_date,
                "booking_date": x.booking_date,
                "account": x.account,
                "category_code": x.category,
                "contract_id": x.contract,
                "amount_net": x.amount,
                "currency": "SEK",
            }
            for w in worlds
            for x in w.lines
        ],
    )
    connection.execute(
        "create table main.dim_period as "
        "select 'quarter' as period_type, '2021-Q' || q as period, "
        "make_date(2021, 3 * q - 2, 1) as period_start, last_day(make_date(2021, 3 * q, 1)) as period_end "
        "from range(1, 3) as t(q) "
        "union all select 'year', '2021', date '2021-01-01', date '2021-12-31'"
    )
    connection.close()


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    connection.register("incoming", pl.DataFrame(rows, infer_schema_length=None).to_arrow())
    connection.execute(f"insert into {table} by name select * from incoming")
    connection.unregister("incoming")


def group_of(category: str) -> str:
    """Two of a world's three categories share a group."""
    return "g" + category[:-2] + ("0" if category.endswith(("0", "1")) else "1")


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    rng = random.Random(20210630)
    return [random_world(number, rng) for number in range(WORLDS)]


@pytest.fixture(scope="module")
def verdicts(worlds: list[World]) -> Verdicts:
    found: Verdicts = {}
    for world in worlds:
        found |= climb(world)
    return found


@pytest.fixture(scope="module")
def warehouse(worlds: list[World], tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    workspace = Workspace(tmp_path_factory.mktemp("ladder"))
    build.build_database(workspace).parent.mkdir(parents=True)
    write_world_tables(workspace, worlds)
    indicators = [f"kpi_{figure}" for figure in FIGURES]
    for command in (
        ["run", "--select", "+fct_invoice", "int_ledger_cells", "int_ceiling_bounds", "off_contract_rates"],
        ["compile", "--select", *indicators],
    ):
        outcome = dbt_in(workspace, *command)
        assert all(told.startswith("success") for told in outcome.values()), outcome
    target = build.build_database(workspace).with_name("target")
    connection = build.connect(workspace)
    # Evidence over the ledger is never stored: here it is read through views.
    for indicator in indicators:
        (compiled,) = target.glob(f"compiled/**/{indicator}.sql")
        connection.execute(f"create or replace view work.{indicator} as {compiled.read_text('utf-8')}")
    return connection


def test_every_line_has_the_class_reason_and_contract_of_the_rules(
    warehouse: duckdb.DuckDBPyConnection, verdicts: Verdicts
) -> None:
    rows = warehouse.execute(
        "select buyer_unit_id, fiscal_year, invoice_id, line_no, supplier_id, supplier_match, category_code, "
        "category_source, compliance_class, compliance_reason, contract_id, match_ambiguous, "
        "supplier_has_contract from main.fct_invoice_line"
    ).fetchall()
    computed = {tuple(row[:4]): Verdict(*row[4:]) for row in rows}
    assert len(computed) == len(rows)
    assert computed.keys() == verdicts.keys()
    different = {key: (computed[key], told) for key, told in verdicts.items() if computed[key] != told}
    assert not different, next(iter(different.items()))


def test_the_worlds_meet_every_rung_and_every_reason(verdicts: Verdicts) -> None:
    assert {v.klass for v in verdicts.values()} == set(LADDER)
    reasons = {"expired", "not_entitled", "other_category", "no_contract"}
    assert {v.reason for v in verdicts.values()} == reasons | {None}
    matches = {"id", "orgnr_alias", "name_alias", "bankgiro_alias", "name", "unknown"}
    assert {v.match for v in verdicts.values()} == matches
    assert {v.category_source for v in verdicts.values()} == {"line", "contract", "account", None}
    assert {v.ambiguous for v in verdicts.values()} == {True, False}


def test_the_worlds_meet_every_boundary(worlds: list[World], verdicts: Verdicts) -> None:
    met: dict[str, int] = defaultdict(int)
    for world in worlds:
        rows = {(c.id, c.supplier): c for c in world.contracts}
        used: dict[str, set[str | None]] = defaultdict(set)
        for line in world.lines:
            if (verdict := verdicts.get(line.key)) is None:
                continue
            day = line.invoice_date
            own = [c for c in world.contracts if c.supplier == verdict.supplier]
            if verdict.reason == "expired":
                met["day after the last"] += any(last_valid_day(c) == day - timedelta(days=1) for c in own)
            if verdict.reason == "not_entitled":
                met["open to others only"] += any(
                    is_valid(c, day) and any(is_open(world, c, u.id) for u in world.units) for c in own
                )
            if verdict.contract is None or verdict.supplier is None:
                continue
            contract = rows[verdict.contract, verdict.supplier]
            used[contract.id].add(verdict.supplier)
            met["first day"] += contract.valid_from == day
            met["last day"] += contract.valid_to == day
            met["day of termination"] += contract.terminated == day and contract.valid_to != day
            met["credit note"] += line.amount < 0 and verdict.klass == "on_contract"
            met["credit note above a ceiling"] += line.amount < 0 and verdict.klass == "over_ceiling"
            met["ambiguous"] += verdict.ambiguous
            unnamed = first_verdict(world, replace(line, contract=None, category=verdict.category))
            met["named against the rule"] += line.contract == verdict.contract and unnamed.contract not in (
                None,
                verdict.contract,
            )
        met["several suppliers in a framework"] += any(len(suppliers) > 1 for suppliers in used.values())
    assert len(met) == 10
    assert [boundary for boundary, times in met.items() if not times] == []


def invoices_of(worlds: Iterable[World], verdicts: Verdicts) -> dict[tuple[str, int, str], list[Line]]:
    invoices: dict[tuple[str, int, str], list[Line]] = defaultdict(list)
    for world in worlds:
        for line in world.lines:
            if line.key in verdicts:
                invoices[line.key[:3]].append(line)
    return invoices


def chosen_otherwise(world: World, verdicts: Verdicts, rng: random.Random) -> Verdicts:
    """The verdicts as they would be with each ambiguous line on any one of the contracts that fit it."""
    first = {}
    for line in world.lines:
        if (verdict := verdicts.get(line.key)) is None:
            continue
        if verdict.ambiguous:
            fitting = fitting_contracts(world, line, verdict.supplier, verdict.category)
            verdict = replace(verdict, contract=rng.choice(sorted({c.id for c in fitting})))
        first[line.key] = replace(verdict, klass="on_contract") if verdict.contract else verdict
    return under_ceilings(world, first)


def test_low_and_high_hold_whichever_fitting_contract_an_ambiguous_line_is_on(
    warehouse: duckdb.DuckDBPyConnection, worlds: list[World], verdicts: Verdicts
) -> None:
    owners = {u.id: (u.owner if u.is_member else None) for w in worlds for u in w.units}
    rows = warehouse.execute(
        "select period, member_code, category_group, supplier_id, over_ceiling_low_amount, over_ceiling_amount, "
        "over_ceiling_high_amount from main.off_contract_rates"
    ).fetchall()
    bounds = {tuple(row[:4]): row[4:] for row in rows}
    contracts = dict(
        warehouse.execute(
            "select period, (contracts_low_change, contracts_high_change) from work.int_ceiling_bounds "
            "where member_code = 'ALL' and category_group = 'ALL' and supplier_id = 'ALL'"
        ).fetchall()
    )
    assert {period for period, change in contracts.items() if change[0] < 0 < change[1]}
    assert sum(low < high for low, _, high in bounds.values()) > 50
    assert all(low <= told <= high for low, told, high in bounds.values())

    def exceeded(told: Verdicts) -> dict[str, set[str | None]]:
        found: dict[str, set[str | None]] = defaultdict(set)
        for world in worlds:
            for line in world.lines:
                if line.key in told and told[line.key].klass == "over_ceiling":
                    quarter = f"2021-Q{(line.booking_date.month + 2) // 3}"
                    for period in (quarter, "2021"):
                        found[period].add(told[line.key].contract)
        return found

    rng = random.Random(6)
    now = exceeded(verdicts)
    differing = set()
    for _ in range(12):
        told: Verdicts = {}
        for world in worlds:
            told |= chosen_otherwise(world, verdicts, rng)
        over: dict[tuple[str | None, ...], Decimal] = defaultdict(Decimal)
        for world in worlds:
            for line in world.lines:
                if line.key not in told or told[line.key].klass != "over_ceiling":
                    continue
                category = verdicts[line.key].category
                group = None if category is None else group_of(category)
                quarter = f"2021-Q{(line.booking_date.month + 2) // 3}"
                for period in (quarter, "2021"):
                    for member in ("ALL", owners[line.unit]):
                        for place in (("ALL", "ALL"), (group, "ALL"), ("ALL", verdicts[line.key].supplier)):
                            over[period, member, *place] += line.amount
        for place, (low, published, high) in bounds.items():
            assert low <= over[place] <= high, place
            if over[place] != published:
                differing.add(place)
        for period, found in exceeded(told).items():
            low, high = contracts.get(period, (0, 0))
            assert len(now[period]) + low <= len(found) <= len(now[period]) + high, period
    assert len(differing) > 30


def largest_class(lines: Sequence[Line], verdicts: Verdicts) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[verdicts[line.key].klass] += line.amount
    return max(sums, key=lambda klass: (abs(sums[klass]), -LADDER.index(klass)))


def test_the_figures_are_the_sums_of_the_rules(
    warehouse: duckdb.DuckDBPyConnection, worlds: list[World], verdicts: Verdicts
) -> None:
    lines = [line for world in worlds for line in world.lines if line.key in verdicts]

    def amount(*classes: str) -> Decimal:
        return sum((line.amount for line in lines if verdicts[line.key].klass in classes), Decimal(0))

    purchases = amount(*LADDER[1:])
    in_area = amount("on_contract", "over_ceiling", "wild")
    loyal = sum(
        line.amount
        for line in lines
        if verdicts[line.key].klass != "excluded" and verdicts[line.key].supplier_has_contract
    )
    invoices = invoices_of(worlds, verdicts).values()
    debits = [
        largest_class(of_invoice, verdicts)
        for of_invoice in invoices
        if sum(line.amount for line in of_invoice) >= 0
    ]
    expected = {
        "contract_coverage_value": (in_area, purchases),
        "supplier_compliance_value": (loyal, purchases),
        "contract_compliance_value": (amount("on_contract"), in_area),
        "off_contract_rate_value": (amount("wild"), in_area),
        "off_contract_rate_count": (
            debits.count("wild"),
            sum(klass in ("on_contract", "over_ceiling", "wild") for klass in debits),
        ),
    }
    for figure, (numerator, denominator) in expected.items():
        row = warehouse.execute(
            f"select sum(numerator), sum(denominator) from work.kpi_{figure} where exclusion is null"
        ).fetchone()
        assert row == (numerator, denominator), figure
    weights = {
        warehouse.execute(f"select sum(known_weight), sum(unknown_weight) from work.kpi_{figure}").fetchone()
        for figure in FIGURES
        if figure
        != "off_contract_rate_count"  # counts invoices, and shares the coverage of the rate by value
    }
    gross = {klass: sum(abs(x.amount) for x in lines if verdicts[x.key].klass == klass) for klass in LADDER}
    assert weights == {(sum(gross[klass] for klass in LADDER[2:]), gross["unclassified"])}
    exceeded = {verdicts[x.key].contract for x in lines if verdicts[x.key].klass == "over_ceiling"}
    suppliers = {
        verdicts[x.key].supplier
        for x in lines
        if verdicts[x.key].klass != "excluded" and x.amount > 0 and verdicts[x.key].supplier is not None
    }
    for figure, records in {"ceiling_exceeded_count": exceeded, "supplier_count": suppliers}.items():
        found = warehouse.execute(
            f"select distinct record_id from work.kpi_{figure} where exclusion is null"
        ).fetchall()
        assert {record for (record,) in found} == records, figure


def test_the_published_rates_hold_every_class_by_member_group_and_supplier(
    warehouse: duckdb.DuckDBPyConnection, worlds: list[World], verdicts: Verdicts
) -> None:
    owners = {u.id: (u.owner if u.is_member else None) for w in worlds for u in w.units}
    amounts: dict[tuple[str, ...], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    vouchers: dict[tuple[str, ...], dict[str, set[tuple[str, int, str]]]] = defaultdict(
        lambda: defaultdict(set)
    )
    ballots: dict[tuple[str, ...], list[str]] = defaultdict(list)

    def places(line: Line) -> Iterable[tuple[str, str, str, str]]:
        verdict = verdicts[line.key]
        group = None if verdict.category is None else group_of(verdict.category)
        quarter = f"2021-Q{(line.booking_date.month + 2) // 3}"
        for period in (quarter, "2021"):
            for member in ("ALL", owners[line.unit]):
                for place in (("ALL", "ALL"), (group, "ALL"), ("ALL", verdict.supplier)):
                    if member is not None and None not in place:
                        yield period, member, *place

    for key, lines in invoices_of(worlds, verdicts).items():
        for line in lines:
            for place in places(line):
                amounts[place][verdicts[line.key].klass] += line.amount
                vouchers[place][verdicts[line.key].klass].add(key)
        if sum(line.amount for line in lines) >= 0:
            largest = max(lines, key=lambda x: (abs(x.amount), -x.number))
            for place in places(largest):
                ballots[place].append(largest_class(lines, verdicts))

    columns = [f"{klass}_amount" for klass in LADDER] + [f"{klass}_invoices" for klass in LADDER]
    rows = warehouse.execute(
        f"select period, member_code, category_group, supplier_id, off_contract_rate_count, "
        f"{', '.join(columns)} from main.off_contract_rates"
    ).fetchall()
    computed = {tuple(row[:4]): row[4:] for row in rows}
    assert len(computed) == len(rows)
    assert computed.keys() == amounts.keys()
    for place, (rate, *measures) in computed.items():
        expected = [amounts[place][klass] for klass in LADDER] + [
            len(vouchers[place][klass]) for klass in LADDER
        ]
        assert measures == expected, place
        in_area = [b for b in ballots[place] if b in ("on_contract", "over_ceiling", "wild")]
        assert rate == (in_area.count("wild") / len(in_area) if in_area else None), place

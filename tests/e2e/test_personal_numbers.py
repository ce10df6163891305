"""A thousand personal identity numbers in every column, name and spelling, and none in anything that a run leaves."""

from __future__ import annotations

import csv
import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from dagster_project.contracts import Column, Source, load_contracts
from dagster_project.settings import Workspace
from tests.deliveries import ORGANISATION, deliver
from tests.e2e.conftest import Command
from tests.persons import Person, alone, found_below, found_in_text, invent, within

SURNAME = "Planterad"  # of every person whose number stands in the same row
PARENTS = {
    "procurement_id": "P1",
    "unit_id": "u1",
    "buyer_unit_id": "u1",
    "category_code": "K1",
    "contract_id": "C1",
}
SAMPLES = {"date": "2021-03-04", "month": "2021-03", "year": "2021", "integer": "3", "decimal": "3",
           "money": "1234,50", "boolean": "ja"}  # fmt: skip
SETTLED = {"currency": "SEK", "cancelled_date": "", "account_from": "4010", "account_to": "4019",
           "likeness": "0,5"}  # fmt: skip
KNOWN = {
    "categories/0.csv": "category_code;category_name;group_code;group_name\nK1;Kaffe;G1;Dryck\n",
    "contracts/0.csv": "contract_id;supplier_id;category_code;valid_from\nC1;556000-4615;K1;2021-01-01\n",
}
AS_OF = "2022-12-31"


class Planter:
    """Gives the next person's number in the next spelling, and remembers who was planted."""

    def __init__(self) -> None:
        self._persons = invent(20261121)
        self._turn = itertools.count()
        self.planted: set[str] = set()

    def person(self) -> Person:
        person = next(self._persons)
        self.planted.add(person.ten)
        return person

    def alone(self) -> str:
        spellings = alone(self.person())
        return spellings[next(self._turn) % len(spellings)]

    def anyhow(self) -> str:
        person = self.person()
        spellings = within(person) + alone(person)
        return spellings[next(self._turn) % len(spellings)]


@dataclass(frozen=True)
class World:
    """A data folder full of planted numbers, and what was said on screen while it was run."""

    workspace: Workspace
    planted: frozenset[str]
    said: str


def usable(source: Source, plant: Planter) -> list[str]:
    """A row that can be computed with: numbers of persons where ids and texts stand."""
    row = []
    for column in source.columns:
        referred = any(column.name in reference.columns for reference in source.references)
        if column.personal == "name":
            row.append(f"Anna {SURNAME}")
        elif referred and column.name in PARENTS:
            row.append(PARENTS[column.name])
        elif column.name in SETTLED:
            row.append(SETTLED[column.name])
        elif column.type == "orgnr" or column.personal == "id":
            row.append(plant.alone())
        elif column.type in ("code", "text"):
            row.append(plant.anyhow())
        else:
            row.append(sample(column))
    return row


def sample(column: Column) -> str:
    return column.example or next(iter(column.values), "") or SAMPLES[column.type]


def hopeless(source: Source, plant: Planter) -> list[str]:
    """A row where every cell is somebody's number."""
    return [f"Bo {SURNAME}" if c.personal == "name" else plant.alone() for c in source.columns]


def plant_everywhere(folder: Path, plant: Planter) -> Workspace:
    workspace = deliver(folder, KNOWN)
    for source in load_contracts().values():
        heads = [column.name for column in source.columns]
        unknown = plant.anyhow()  # a heading that nobody knows
        for number, kind in enumerate(("csv", "xlsx")):
            rows = [
                usable(source, plant),
                usable(source, plant),
                hopeless(source, plant),
                hopeless(source, plant),
            ]
            table = [[*heads, unknown], *([*row, plant.alone()] for row in rows)]
            name = f"{source.name} {plant.alone()} {number}"
            below = workspace.raw / source.name / (plant.alone() if number else "")
            below.mkdir(parents=True, exist_ok=True)
            if kind == "csv":
                with (below / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
                    csv.writer(stream, delimiter=";").writerows(table)
            else:
                write_workbook(below / f"{name}.xlsx", table, plant)
        (workspace.raw / source.name / f"{plant.alone()}.pdf").write_bytes(b"%PDF")
    headless = workspace.raw / "suppliers" / "headless.csv"
    headless.write_text(f"{plant.anyhow()};{plant.alone()}\n{plant.alone()};x\n", encoding="utf-8")
    strange = workspace.raw / plant.alone() / f"{plant.alone()}.csv"
    strange.parent.mkdir()
    strange.write_text("a;b\n1;2\n", encoding="utf-8")
    return workspace


def write_workbook(path: Path, table: list[list[str]], plant: Planter) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet(plant.person().ten)
        for place, row in enumerate(table):
            for column, cell in enumerate(row):
                if cell.isdecimal() and cell.isascii() and not cell.startswith("0"):
                    sheet.write_number(place, column, int(cell))
                else:
                    sheet.write_string(place, column, cell)
        book.add_worksheet(f"om {plant.person().ten}").write_string(0, 0, plant.anyhow())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, mattstock: Command) -> World:
    """Stopped, judged, published with what could be used, explained, listed, and broken by settings."""
    plant = Planter()
    workspace = plant_everywhere(tmp_path_factory.mktemp("persons") / "data", plant)
    data = ("--data", workspace.root)
    done: list[subprocess.CompletedProcess[str]] = []

    def command(expected: int, *arguments: object) -> None:
        done.append(mattstock(*arguments))
        assert done[-1].returncode == expected, done[-1].stdout + done[-1].stderr

    command(2, "run", *data, "--as-of", AS_OF)
    command(2, "check", *data)
    command(0, "run", *data, "--as-of", AS_OF, "--accept-quarantine")
    command(0, "explain", "coordinated_share", "2021", *data)
    command(0, "releases", *data)
    wrong = f'headers: {{invoices: {{"{plant.alone()}": "{plant.alone()}"}}}}\n'
    (workspace.root / "organisation.yml").write_text(ORGANISATION + wrong, encoding="utf-8")
    command(1, "check", *data)
    (workspace.root / "organisation.yml").write_text(ORGANISATION, encoding="utf-8")
    said = "".join(each.stdout + each.stderr for each in done)
    return World(workspace, frozenset(plant.planted), said)


def outputs(workspace: Workspace) -> Iterator[Path]:
    """Everything in the data folder that is no delivery and no setting."""
    yield from (path for path in workspace.root.iterdir() if path.is_dir() and path != workspace.raw)


def test_a_thousand_were_planted_and_the_search_finds_every_one_where_they_were_delivered(
    world: World,
) -> None:
    assert len(world.planted) > 1000
    found = found_below(world.workspace.raw, world.planted)
    assert len(set.union(*found.values())) == len(world.planted) - 2  # two stood in organisation.yml


def test_no_planted_number_is_in_anything_that_the_runs_left(world: World) -> None:
    assert {folder.name for folder in outputs(world.workspace)} >= {"marts", "quarantine", "warehouse"}
    found = {folder.name: found_below(folder, world.planted) for folder in outputs(world.workspace)}
    assert found == {folder.name: {} for folder in outputs(world.workspace)}


def test_no_planted_number_was_said_on_screen(world: World) -> None:
    assert found_in_text(world.said, world.planted) == set()


def test_the_rows_were_computed_with_all_the_same_and_every_file_kept_a_name_of_its_own(world: World) -> None:
    with duckdb.connect(str(world.workspace.current_database), read_only=True) as release:
        used = dict(
            release.execute(
                "select source, sum(rows_accepted) from data_quality_summary group by all"
            ).fetchall()
        )
        names = [name for (name,) in release.execute("select file from source_files").fetchall()]
        [(suppliers,)] = release.execute(
            "select count(*) from dim_supplier where supplier_id like 'PN-%'"
        ).fetchall()
    with_rows = {source for source, rows in used.items() if rows}
    # Rows of a register of reviews point at invoices by number, and no two numbers here are one person's.
    assert set(load_contracts()) - with_rows == {"invoice_reviews"}
    assert len(set(names)) == len(names) == sum(path.is_file() for path in world.workspace.raw.rglob("*"))
    assert suppliers > 10


def test_no_name_of_a_person_beside_a_number_is_in_anything_that_the_runs_left(world: World) -> None:
    for folder in outputs(world.workspace):
        holding = [
            path for path in folder.rglob("*") if path.is_file() and SURNAME.encode() in path.read_bytes()
        ]
        assert holding == []
    with duckdb.connect(str(world.workspace.current_database), read_only=True) as release:
        [(shown,)] = release.execute(
            "select count(*) from dim_supplier where supplier_name like ?", [f"%{SURNAME}%"]
        ).fetchall()
    assert shown == 0

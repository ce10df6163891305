"""A thousand personal identity numbers in every column, name and spelling, and none in anything that a run leaves."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from dagster_project.contracts import Column, Source, load_contracts
from dagster_project.report.board.content import content
from dagster_project.report.site.reading import Reading
from dagster_project.settings import Workspace, load_settings
from tests import notices, ubl
from tests.deliveries import ORGANISATION, deliver
from tests.e2e.conftest import Command
from tests.persons import Person, alone, found_below, found_in_text, invent, within
from tests.sinks import Hook, MailServer, mail_server, web_hook

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
ACCOUNTABLE = "212000-0142"  # the number of the unit u1
TYPED = 9  # were never delivered: two stood in organisation.yml, seven in commands
LIKE = (("556012-5790", "Eva Kaffehandel", "AB"), ("", "Eva Kafehandel", "AB"))  # a proposal of who is meant


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
    alerts: tuple[str, ...]


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
    lay_e_invoices(workspace.raw / "invoices" / plant.alone(), plant)
    lay_notices(workspace.raw / "notices" / plant.alone(), plant)
    lay_open_ledgers(workspace.raw / "invoices", plant)
    lay_statistics(workspace.raw / "uhm_statistics", plant)
    lay_names_alike(workspace.raw, plant)
    strange = workspace.raw / plant.alone() / f"{plant.alone()}.csv"
    strange.parent.mkdir()
    strange.write_text("a;b\n1;2\n", encoding="utf-8")
    return workspace


def lay_e_invoices(folder: Path, plant: Planter) -> None:
    """Documents that can be counted, and one for each way of not being one; in a zip, an envelope and alone."""

    def person(**other: str) -> str:
        filled = {
            "supplier": other.get("supplier") or plant.alone(),
            "supplier_name": f"Anna {SURNAME}",
            "contract": plant.anyhow(),
            "order": plant.anyhow(),
            "total": "30.00",
            **other,
        }
        lines = [
            ("10.00", plant.anyhow(), {"TSP": plant.alone(), plant.alone(): plant.anyhow()}),
            ("20.00", plant.anyhow(), {}),
        ]
        text = ubl.invoice(plant.anyhow(), lines, **filled)  # type: ignore[arg-type]
        extra = (
            f"<cbc:Note>{plant.anyhow()}</cbc:Note><cbc:AccountingCost>{plant.anyhow()}</cbc:AccountingCost>"
        )
        payment = (
            "<cac:PaymentMeans><cac:PayeeFinancialAccount>"
            f"<cbc:ID>{plant.alone()}</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>SE:BANKGIRO</cbc:ID>"
            "</cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>"
        )
        return text.replace("<cbc:DocumentCurrencyCode>", f"{extra}<cbc:DocumentCurrencyCode>", 1).replace(
            "<cac:LegalMonetaryTotal>", f"{payment}<cac:LegalMonetaryTotal>", 1
        )

    documents = {
        "": person(),
        "buyer": person(buyer=plant.alone()),
        "number": person(buyer=ACCOUNTABLE, supplier="5560004615", supplier_name="Kaffe AB"),
        "sum": person(total=digits(plant)),
        "whole sum": person().replace(">30.00<", ">0.00<").replace(">10.00<", f">{digits(plant)}<"),
        "amount": person(total=plant.anyhow()),
        "line": person().replace(">10.00<", f">{plant.anyhow()}<"),
        "currency": person(currency=plant.alone()),
        "date": person(issued=plant.alone()),
        "kind": person(kind=plant.alone()),
        "incomplete": ubl.invoice(plant.anyhow(), [], total="0.00"),
        "broken": person()[:-9],
        "entity": f"<!DOCTYPE x [<!ENTITY p '{plant.alone()}'>]>{person()}",
        "strange": f"<P{digits(plant)}>{plant.alone()}</P{digits(plant)}>",
        "root": f"<P{digits(plant)}/>",
    }
    folder.mkdir(parents=True)
    packed = {
        f"{plant.alone()}/{plant.anyhow()} {name}.xml": text.encode() for name, text in documents.items()
    }
    (folder / f"{plant.alone()}.zip").write_bytes(notices.zipped(packed))
    (folder / f"kuvert {plant.alone()}.xml").write_text(f"<kuvert>{person()}{person()}</kuvert>", "utf-8")
    for name in ("", "amount", "broken", "entity", "root"):
        (folder / f"{plant.anyhow()} {name}.xml").write_text(documents[name], encoding="utf-8")
    # The first Svefaktura is no UBL 2, and is refused by its name space.
    older = (
        '<Invoice xmlns="urn:sfti:documents:BasicInvoice:1:0">'
        f"<ID>{plant.alone()}</ID><!-- {plant.alone()} --><Note>{plant.anyhow()}</Note></Invoice>"
    )
    (folder / f"svefaktura {plant.alone()}.xml").write_text(older, encoding="utf-8")


def digits(plant: Planter) -> str:
    """A person's number as an amount."""
    while not (ten := plant.person().ten).isdecimal():
        pass
    return ten


def lay_notices(folder: Path, plant: Planter) -> None:
    """Notices in both schemas: by persons, to them, about them, and with them where dates and numbers stand."""

    def person() -> tuple[str, str]:
        return plant.alone(), f"Bo {SURNAME}"

    def lot(**other: object) -> notices.Lot:
        if "winners" not in other:
            other["winners"] = ((person(), notices.ROASTER), (person(),))
        return notices.Lot(title=plant.anyhow(), **other)  # type: ignore[arg-type]

    def notice(place: int, **other: object) -> notices.Notice:
        if "lots" not in other:
            other["lots"] = (lot(),)
        made = notices.numbered(place, notices.Notice(title=plant.anyhow()))
        return notices.replace(made, reference=plant.anyhow(), **other)  # type: ignore[arg-type]

    made = [
        notice(1),
        notice(2, buyers=(notices.NORDBY, person())),
        notice(3, buyers=(person(),)),
        notice(4, notice_id=plant.anyhow(), folder=plant.anyhow(), version=plant.alone()),
        notice(5, published=plant.alone(), refers_to=plant.anyhow(), number=f"{digits(plant)}-2021"),
        notice(6, lots=(lot(value=digits(plant), ceiling=plant.anyhow(), tenders=int(digits(plant))),)),
        notice(7, lots=(lot(concluded=plant.alone(), reserved=plant.alone(), currency=plant.alone()),)),
        notice(8, lots=(lot(winners=(), reason=plant.alone(), statistics=((plant.alone(), 3),)),)),
        notice(9, kind="competition", estimate=digits(plant), deadline=plant.alone(), changes=plant.anyhow()),
        notice(10, subtype=plant.alone(), nature=plant.alone()),
    ]
    packed = {f"{plant.alone()}/{plant.anyhow()}.xml": notices.eforms(one).encode() for one in made}
    packed |= {f"ted {plant.alone()} {n}.xml": notices.ted(one).encode() for n, one in enumerate(made[:3])}
    packed[f"broken {plant.alone()}.xml"] = notices.eforms(notice(11))[:-9].encode()
    packed[f"root {plant.alone()}.xml"] = f"<P{digits(plant)}/>".encode()
    folder.mkdir(parents=True)
    (folder / f"{plant.alone()}.zip").write_bytes(notices.zipped(packed))
    (folder / f"{plant.alone()}.xml").write_text(notices.eforms(notice(12)), encoding="utf-8")
    (folder / f"{plant.anyhow()}.xml").write_text(notices.eforms(notice(13))[:-9], encoding="utf-8")
    (folder / f"root {plant.alone()}.xml").write_text(f"<P{digits(plant)}/>", encoding="utf-8")


def lay_open_ledgers(folder: Path, plant: Planter) -> None:
    """Ledgers after the open specification, as a table and as a portal's reply, with headings of their own."""
    heads = ["kopare_id", "kopare", "verifikationsnummer", "leverantor", "leverantor_id", "konto_nr", "konto_text",
             "belopp", "datum", "forvaltning", "fakturanummer", "grund", "avtal",
             plant.anyhow(), plant.alone()]  # fmt: skip

    def row(**other: str) -> list[str]:
        filled = {"kopare_id": ACCOUNTABLE, "leverantor": f"Anna {SURNAME}", "leverantor_id": plant.alone(),
                  "konto_nr": "4000", "belopp": "1 000,50", "datum": "2021-03-01", **other}  # fmt: skip
        return [filled[head] if head in filled else plant.anyhow() for head in heads]

    rows = [
        row(),
        row(),
        row(kopare_id=plant.alone()),
        row(konto_nr=f"4200 {plant.anyhow()}"),
        row(konto_nr=plant.alone()),
        row(belopp=digits(plant)),
        row(datum=plant.alone()),
        row(leverantor=plant.anyhow()),
    ]
    with (folder / f"öppen {plant.alone()}.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([heads, *rows])
    reply = {
        "results": [dict(zip(heads, row(), strict=True)) for _ in range(3)],
        plant.alone(): plant.alone(),
    }
    (folder / f"{plant.alone()}.json").write_text(json.dumps(reply, ensure_ascii=False), encoding="utf-8")
    (folder / f"{plant.alone()} broken.json").write_text(
        json.dumps(reply, ensure_ascii=False)[:-2], encoding="utf-8"
    )
    wild = folder / f"'{plant.alone()}\"\n{plant.anyhow()}' ..csv"
    wild.write_text(f"{plant.alone()}\x00;{plant.alone()}\n", encoding="utf-8")


def lay_statistics(folder: Path, plant: Planter) -> None:
    """An extract of the national statistics whose titles, suppliers and buyers bear numbers."""
    heads = ["Upphandlings-ID", "Upphandlingens titel", "Publiceringsdatum", "Organisationsnummer för köpare",
             "Namn för köpare", "Huvudsaklig CPV-kod", "Förfarande", "Anbudsområdes-ID", "Namn för leverantör",
             "Juridisk form för leverantör", "Antal kontrakterade anbud*, Summa", plant.anyhow()]  # fmt: skip

    def row(**other: str) -> list[str]:
        filled = {"Publiceringsdatum": "2021-03-01", "Organisationsnummer för köpare": ACCOUNTABLE,
                  "Huvudsaklig CPV-kod": "15860000 Kaffe och te", "Förfarande": "Öppet förfarande",
                  "Juridisk form för leverantör": "Övriga aktiebolag",
                  "Antal kontrakterade anbud*, Summa": "1", **other}  # fmt: skip
        return [filled[head] if head in filled else plant.anyhow() for head in heads]

    rows = [
        row(),
        row(),
        row(**{"Organisationsnummer för köpare": plant.alone()}),
        row(Publiceringsdatum=plant.alone(), Förfarande=plant.anyhow()),
        row(**{"Antal kontrakterade anbud*, Summa": digits(plant), "Huvudsaklig CPV-kod": plant.anyhow()}),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{plant.alone()}.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([heads, *rows])


def lay_names_alike(raw: Path, plant: Planter) -> None:
    """A supplier of the register and one of a ledger that may be the same, both named with somebody's number."""
    names = [f"{first} {plant.alone()} {last}" for _, first, last in LIKE]
    (raw / "suppliers" / "alike.csv").write_text(
        f"supplier_id;supplier_name\n{LIKE[0][0]};{names[0]}\n", encoding="utf-8"
    )
    (raw / "contracts" / "alike.csv").write_text(
        f"contract_id;supplier_id;category_code;valid_from\nC2;{LIKE[0][0]};K1;2021-01-01\n", encoding="utf-8"
    )
    (raw / "invoices" / "alike.csv").write_text(
        "buyer_unit_id;invoice_id;line_no;supplier_name;invoice_date;booking_date;account;amount_net\n"
        f"u1;V77;1;{names[1]};2021-03-04;2021-03-04;4010;1234,50\n",
        encoding="utf-8",
    )


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
    """Stopped, judged, published with what could be used, read in every way, closed, and broken by settings."""
    plant = Planter()
    workspace = plant_everywhere(tmp_path_factory.mktemp("persons") / "data", plant)
    data = ("--data", workspace.root)
    done: list[subprocess.CompletedProcess[str]] = []

    def command(expected: int, *arguments: object) -> None:
        done.append(mattstock(*arguments))
        assert done[-1].returncode == expected, done[-1].stdout + done[-1].stderr

    with mail_server() as mail, web_hook() as hook:
        settings = ORGANISATION + channels(mail, hook)
        workspace.settings_file.write_text(settings, encoding="utf-8")
        command(2, "run", *data, "--as-of", AS_OF)
        command(2, "check", *data)
        command(0, "run", *data, "--as-of", AS_OF, "--accept-quarantine")
        command(0, "explain", "coordinated_share", "2021", *data)
        command(0, "explain", a_line_of_a_person(workspace), *data)
        command(0, "releases", *data)
        made = workspace.root / "made"
        made.mkdir()
        command(0, "report", "--period", "2021", "--output", made / "report.pdf", *data)
        command(0, "close", "2021", *data)
        command(0, "as-reported", "2021", "--output", made / "2021", *data)
        command(0, "sample", "--period", "2021", "--size", 40, *data)
        command(0, "verify", *data)
        command(0, "reopen", "2021", "--reason", f"{plant.anyhow()} hörde av sig", *data)
        done.append(mattstock("doctor", *data))
        for asked in (
            ("explain", plant.alone(), "2021"),
            ("explain", f"u1|2021|{plant.alone()}|1"),
            ("sample", "--size", 3, "--period", plant.alone()),
            ("rollback", plant.alone()),
            ("report", "--period", plant.alone()),
            ("run", "--as-of", plant.alone()),
        ):
            command(1, *asked, *data)
        wrong = f'headers: {{invoices: {{"{plant.alone()}": "{plant.alone()}"}}}}\n'
        workspace.settings_file.write_text(settings + wrong, encoding="utf-8")
        command(1, "check", *data)
        command(1, "run", *data)
        workspace.settings_file.write_text(settings, encoding="utf-8")
        told = [f"{one['Subject']}\n{one.get_content()}" for one in mail.mails]
        told += [json.dumps(one, ensure_ascii=False) for one in hook.posts]
    said = "".join(each.stdout + each.stderr for each in done)
    return World(workspace, frozenset(plant.planted), said, tuple(told))


def channels(mail: MailServer, hook: Hook) -> str:
    return (
        f"alerts: {{smtp: {{host: 127.0.0.1, port: {mail.port}, from: m@example.org, to: [c@example.org]}}, "
        f"webhook: '{hook.address}'}}\nexpected: [{{source: budget, every: month, days_after: 5}}]\n"
    )


def a_line_of_a_person(workspace: Workspace) -> str:
    """`UNIT|YEAR|INVOICE|LINE` of a line whose supplier is a person."""
    with duckdb.connect(str(workspace.current_database), read_only=True) as release:
        [key] = release.execute(
            "select concat_ws('|', buyer_unit_id, fiscal_year, invoice_id, line_no) from fct_invoice_line "
            "where supplier_id like 'PN-%' order by all limit 1"
        ).fetchall()
    return str(key[0])


def outputs(workspace: Workspace) -> Iterator[Path]:
    """Everything in the data folder that is no delivery and no setting."""
    yield from (path for path in workspace.root.iterdir() if path.is_dir() and path != workspace.raw)


def test_a_thousand_were_planted_and_the_search_finds_every_one_where_they_were_delivered(
    world: World,
) -> None:
    assert len(world.planted) > 1000
    found = found_below(world.workspace.raw, world.planted)
    assert len(set.union(*found.values())) == len(world.planted) - TYPED


def test_no_planted_number_is_in_anything_that_the_runs_left(world: World) -> None:
    assert {folder.name for folder in outputs(world.workspace)} >= {"marts", "quarantine", "warehouse"}
    found = {folder.name: found_below(folder, world.planted) for folder in outputs(world.workspace)}
    assert found == {folder.name: {} for folder in outputs(world.workspace)}


def test_no_planted_number_was_said_on_screen(world: World) -> None:
    assert found_in_text(world.said, world.planted) == set()


def test_no_planted_number_was_told_by_mail_or_web_hook(world: World) -> None:
    kinds = {json.loads(one)["kind"] for one in world.alerts if one.startswith("{")}
    assert kinds == {"stopped", "works_again", "overdue", "failed"}
    for text in world.alerts:
        assert found_in_text(text, world.planted) == set()
        assert SURNAME not in text


def test_no_planted_number_is_in_what_the_board_s_report_is_set_from(world: World) -> None:
    workspace = world.workspace
    reading = Reading.open(
        workspace.current_database, load_settings(workspace.settings_file), date.fromisoformat(AS_OF)
    )
    with closing(reading.con):
        told = json.dumps(content(reading, "2021"), ensure_ascii=False, default=str)
    assert found_in_text(told, world.planted) == set()
    assert SURNAME not in told


def test_the_search_went_through_every_kind_of_file_that_is_made(world: World) -> None:
    names = [path.name for folder in outputs(world.workspace) for path in folder.rglob("*")]
    kinds = {Path(name).suffix for name in names}
    assert kinds >= {".duckdb", ".parquet", ".html", ".xlsx", ".pdf", ".json", ".log", ".db", ".csv"}
    for part in ("granskning-", "leverantorsforslag-"):
        assert [name for name in names if part in name], part


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

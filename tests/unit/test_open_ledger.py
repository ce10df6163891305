"""Supplier ledgers after the Swedish open specification, and another country's by headings alone."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.flow.adapters import open_ledger
from dagster_project.flow.readers import UnreadableDelivery
from dagster_project.flow.readers.csv import read_csv
from tests.deliveries import BASE, ORGANISATION, Judged, deliver

HEADER = (
    "kopare_id;kopare;verifikationsnummer;leverantor;leverantor_id;konto_nr;konto_text;belopp;datum;forvaltning;"
    "fakturanummer;grund;avtal;kommun_id;s_kod_nr"
)
ROWS = (
    "212000-0142;Enheten;V1;Kaffe AB;556000-4615;4000;Kaffe;1 000,50;2021-03-01;Skola;77;;AV1;9101;1",
    "212000-0142;Enheten;V1;Kaffe AB;556000-4615;4100;Te;-20,25;2021-03-01;Skola;77;;Ja;9101;1",
    "212000-0142;Enheten;V2;Bygg AB;10023;4200 Virke och spik;Virke;300,00;2021-03-02;Gata;78;;;9101;1",
)
CONTRACTS = {
    "contracts/c.csv": "contract_id;supplier_id;category_code;valid_from\nAV1;5560004615;K1;2020-01-01\n"
}
# The base delivery's own number fails its check digit on purpose; ours is one that holds.
ORGANISATIONS = {"organisations/o.csv": BASE["organisations/o.csv"]}


def judged(folder: Path, files: dict[str, str | bytes], organisation: str = ORGANISATION) -> Judged:
    texts = {name: text for name, text in files.items() if isinstance(text, str)}
    workspace = deliver(folder, {**CONTRACTS, **ORGANISATIONS, **texts}, organisation=organisation)
    for name, content in files.items():
        if isinstance(content, bytes):
            path = workspace.raw / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return Judged(workspace)


def ledger(rows: tuple[str, ...] = ROWS, header: str = HEADER) -> str:
    return "\n".join((header, *rows, ""))


def lines(done: Judged) -> list[tuple[object, ...]]:
    columns = (
        "buyer_unit_id invoice_id line_no supplier_id account amount_net contract_id supplier_invoice_number"
    )
    rows = done.rows("invoices").sort("invoice_id", "line_no").select(columns.split())
    return [tuple(str(cell) if cell is not None else None for cell in row) for row in rows.rows()]


EXPECTED = [
    ("u1", "V1", "1", "5560004615", "4000", "1000.50", "AV1", "77"),
    ("u1", "V1", "2", "5560004615", "4100", "-20.25", None, "77"),
    ("u1", "V2", "1", None, "4200", "300.00", None, "78"),
]


def test_the_specification_s_columns_become_ours(tmp_path: Path) -> None:
    done = judged(tmp_path, {"invoices/l.csv": ledger()})
    assert lines(done) == EXPECTED
    assert done.count("invoices/l.csv") == (3, 3, 0, 0, 0)
    rows = done.rows("invoices")
    assert (rows["invoice_date"] == rows["booking_date"]).all()
    assert rows["cost_centre"].to_list().count("Skola") == 2
    [warning] = done.issues("warning", "invoices")
    assert (warning["rule"], warning["row_number"], warning["raw_value"]) == ("set_aside", 4, "10023")


@pytest.mark.parametrize(
    ("encoding", "ends"),
    [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("utf-16", "\n"), ("cp1252", "\r\n"), ("utf-8", "\r")],
)
def test_every_encoding_and_line_end_gives_the_same_lines(tmp_path: Path, encoding: str, ends: str) -> None:
    content = ledger().replace("Virke", "Virke å").replace("\n", ends).encode(encoding)
    assert lines(judged(tmp_path, {"invoices/l.csv": content})) == EXPECTED


def test_columns_go_by_name_and_may_be_renamed_reordered_and_summed_at_the_end(tmp_path: Path) -> None:
    header = "leverantor,nettobelopp,bokforingsdatum,verifikationsnummer,kopare_id,leverantor_id,konto_nr,fakturanummer"
    rows = (
        "Kaffe AB,1000.50,20210301,V1,2120000142,SE556000461501,4000,77",
        "Kaffe AB,-20.25,20210301,V1,2120000142,5560004615,4100,77",
        "Bygg AB,300.00,20210302,V2,2120000142,XXXXXX-XXXX,4200,78",
        "Summa,1280.25,,,,,,",
    )
    done = judged(tmp_path, {"invoices/l.csv": ledger(rows, header)})
    assert [row[:6] for row in lines(done)] == [row[:6] for row in EXPECTED]
    assert done.count("invoices/l.csv") == (4, 3, 0, 0, 1)


def test_a_reply_in_json_with_a_mark_in_its_first_key_is_read(tmp_path: Path) -> None:
    keys = HEADER.split(";")
    reply = {
        "resultCount": 3,
        "results": [
            {
                ("\ufeff" + key if not n else key): cell
                for n, (key, cell) in enumerate(zip(keys, cells, strict=True))
            }
            for cells in (row.split(";") for row in ROWS)
        ],
    }
    done = judged(tmp_path, {"invoices/svar.json": json.dumps(reply, ensure_ascii=False)})
    assert lines(done) == EXPECTED


def test_a_broken_reply_is_refused_alone(tmp_path: Path) -> None:
    done = judged(
        tmp_path, {"invoices/a.json": '{"results": [{"kopare_id": 1}, ', "invoices/b.csv": ledger()}
    )
    assert lines(done) == EXPECTED
    assert [issue["rule"] for issue in done.issues("error", "invoices")] == ["file.broken_json"]


def test_a_later_month_that_bears_a_voucher_replaces_it_whole(tmp_path: Path) -> None:
    later = ledger((ROWS[0].replace("1 000,50", "900,00"),))
    done = judged(tmp_path, {"invoices/2021-03.csv": ledger(), "invoices/2021-04.csv": later})
    assert [row[1:6] for row in lines(done)] == [
        ("V1", "1", "5560004615", "4000", "900.00"),
        ("V2", "1", None, "4200", "300.00"),
    ]
    assert done.count("invoices/2021-03.csv") == (3, 1, 0, 2, 0)


def test_a_ledger_with_dates_of_its_own_is_no_open_ledger(tmp_path: Path) -> None:
    header = "Köpare id;Verifikationsnummer;Leverantör;Konto;Belopp;Fakturadatum;Bokföringsdatum"
    done = judged(
        tmp_path, {"invoices/l.csv": ledger(("u1;V1;Kaffe AB;4000;12,50;2021-02-27;2021-03-01",), header)}
    )
    [row] = done.rows("invoices").select("buyer_unit_id", "invoice_date", "booking_date").rows()
    assert [str(cell) for cell in row] == ["u1", "2021-02-27", "2021-03-01"]


def test_another_country_s_ledger_comes_in_by_headings_alone(tmp_path: Path) -> None:
    organisation = ORGANISATION + (
        'dates: {invoices: "%d/%m/%Y"}\n'
        "headers:\n"
        "  invoices:\n"
        "    Body: buyer_unit_id\n"
        "    Payment Date: [invoice_date, booking_date]\n"
        "    Transaction Number: invoice_id\n"
        "    Beneficiary: supplier_name\n"
        "    Expenditure Type: account\n"
        "    Amount excl VAT: amount_net\n"
    )
    file = (
        "Body,Payment Date,Transaction Number,Beneficiary,Expenditure Type,Amount excl VAT\n"
        'u1,03/04/2021,5100012,Northern Stationery Ltd,Office supplies,"1,234.50"\n'
        "u2,30/04/2021,5100013,Vale Catering Ltd,Catering,812.00\n"
    )
    done = judged(tmp_path, {"invoices/spend.csv": file}, organisation)
    rows = (
        done.rows("invoices")
        .sort("invoice_id")
        .select("buyer_unit_id", "invoice_date", "booking_date", "amount_net")
    )
    assert [[str(cell) for cell in row] for row in rows.rows()] == [
        ["u1", "2021-04-03", "2021-04-03", "1234.50"],
        ["u2", "2021-04-30", "2021-04-30", "812.00"],
    ]


def test_several_sheets_of_a_workbook_are_one_ledger(tmp_path: Path) -> None:

    path = tmp_path / "bok.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for name, rows in (("jan", ROWS[:2]), ("feb", ROWS[2:])):
            sheet = book.add_worksheet(name)
            for number, row in enumerate((HEADER, *rows)):
                sheet.write_row(number, 0, row.split(";"))
    done = judged(tmp_path / "data", {"invoices/bok.xlsx": path.read_bytes()})
    assert lines(done) == EXPECTED
    assert set(done.rows("invoices")["source_sheet"]) == {"jan", "feb"}


WRITTEN = st.decimals(min_value=-99_999, max_value=99_999, places=2)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(WRITTEN, st.sampled_from(["556000-4615", "SE556000461501", "10023", "", "Sekretess"])),
        min_size=1,
        max_size=12,
    ),
    order=st.permutations(HEADER.split(";")),
)
def test_no_row_is_lost_in_whatever_order_the_columns_stand(
    tmp_path: Path, rows: list[tuple[Decimal, str]], order: list[str]
) -> None:
    names = HEADER.split(";")
    base = dict(zip(names, ROWS[0].split(";"), strict=True))
    written = [
        base | {"belopp": f"{amount:.2f}", "leverantor_id": supplier, "verifikationsnummer": f"V{number}"}
        for number, (amount, supplier) in enumerate(rows)
    ]
    path = tmp_path / "l.csv"
    path.write_text(
        "\n".join([";".join(order), *(";".join(row[name] for name in order) for row in written), ""]),
        encoding="utf-8",
    )
    (tmp_path / "read").mkdir(exist_ok=True)
    tables = read_csv(path, lambda cells: len(cells), tmp_path / "read", None)
    assert open_ledger.speaks(tables)
    [table] = open_ledger.translate(tables, tmp_path)
    place = {name: f"c{number}" for number, name in enumerate(table.header) if name}
    read = table.scan().collect()
    assert read.height == len(rows)
    assert [Decimal(cell) for cell in read[place["amount_net"]]] == [amount for amount, _ in rows]
    assert read[place["supplier_id"]].to_list() == [supplier or None for _, supplier in rows]
    assert (read[place["invoice_date"]] == read[place["booking_date"]]).all()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_reply_is_read_or_refused_and_never_breaks_the_reader(
    tmp_path: Path, data: st.DataObject
) -> None:
    rows = [dict(zip(HEADER.split(";"), row.split(";"), strict=True)) for row in ROWS]
    content = bytearray(json.dumps({"results": rows}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
    path = tmp_path / "svar.json"
    path.write_bytes(content)
    if not open_ledger.opens(path):
        return
    try:
        tables = open_ledger.read(path, tmp_path)
    except UnreadableDelivery:
        return
    assert tables[0].rows == tables[0].scan().collect().height
    if open_ledger.speaks(tables):
        assert open_ledger.translate(tables, tmp_path)[0].scan().collect().height == tables[0].rows

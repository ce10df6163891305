"""Correction workbooks: what stands in them, and what happens when they come back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl

from tests.deliveries import BASE, INVOICE_HEADER, ORGANISATION, UNNUMBERED_HEADER, Judged, deliver
from tests.mending import marked, mend, read, workbooks

P_HEADER = "procurement_id;title;category_code;procedure;works;announced_date;completed_date\n"
S_HEADER = "supplier_id;supplier_name;employees\n"


def test_a_workbook_per_unit_and_source_with_the_wrong_cell_marked_and_the_message_beside(
    tmp_path: Path,
) -> None:
    rows = (
        "u1;1;5560004615;2021-02-01;2021-02-03;4010;100,50\n"
        "u1;1;5560004615;2021-02-30;2021-02-03;4010;100,50\n"
        "u2;7;5560004615;2021-02-01;2021-02-03;4010;12,5o\n"
        "u9;8;5560004615;2021-02-01;2021-02-03;4010;12,50\n"
    )
    workspace = deliver(tmp_path, {"invoices/i.csv": UNNUMBERED_HEADER + rows})
    Judged(workspace)
    found = workbooks(workspace)
    assert [path.stem.rpartition("-")[0] for path in found] == [
        "gemensamt-invoices",
        "u1-invoices",
        "u2-invoices",
    ]
    [row] = read(found[1])
    assert row["Fakturadatum"] == "2021-02-30"
    assert row["Bokföringsdatum"].date() == date(2021, 2, 3)  # type: ignore[attr-defined]
    assert row["Belopp exkl. moms"] == 100.5
    assert "inte finns" in str(row["Vad är fel"])
    assert str(row["Radreferens"]).startswith("raw/invoices/i.csv | rad 3 | ")
    assert marked(found[1]) == [{"Fakturadatum"}]
    assert marked(found[2]) == [{"Belopp exkl. moms"}]
    sheet = openpyxl.load_workbook(found[1]).active
    assert sheet is not None
    assert any(cell.comment for line in sheet.iter_rows() for cell in line if cell.value == "2021-02-30")


def test_what_was_mended_in_the_workbook_is_accepted_and_its_error_no_longer_open(tmp_path: Path) -> None:
    text = P_HEADER + "P3;Saft;K1;opn;nej;2021-01-10;2021-03-01\n;=Bröd;K1;open;ja;2021-01-10;2021-03-01\n"
    expected = ORGANISATION + "expected: [{source: procurements, every: month, days_after: 10}]\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": text}, organisation=expected)
    assert Judged(workspace).reconciled.sources["procurements"].own_errors == 2
    [path] = workbooks(workspace)
    assert {"Diarienummer", "Förfarande"} == set().union(*marked(path))
    target = mend(
        workspace,
        path,
        lambda row: {"Diarienummer": "P4"} if row["Diarienummer"] is None else {"Förfarande": "Öppet"},
    )
    judged = Judged(workspace)
    new = judged.rows("procurements").filter(
        judged.rows("procurements")["procurement_id"].is_in(["P3", "P4"])
    )
    assert new["title"].to_list() == ["Saft", "=Bröd"]
    assert new["works"].to_list() == [False, True]
    assert judged.count("procurements/q.csv") == (2, 0, 2, 0, 0)
    assert judged.count(f"procurements/{target.name}") == (2, 2, 0, 0, 0)
    assert judged.reconciled.sources["procurements"].own_errors == 0
    assert not [
        issue for issue in judged.issues("warning", "procurements") if str(issue["rule"]).startswith("file")
    ]
    assert workbooks(workspace) == []
    arrived = {arrival.file for arrival in judged._refresh.arrivals}
    assert arrived == {"raw/procurements/p.csv", "raw/procurements/q.csv"}, "a correction is no delivery"


def test_what_is_wrong_again_comes_back_once_in_a_workbook_of_another_name(tmp_path: Path) -> None:
    text = P_HEADER + "P3;Saft;K1;opn;;2021-01-10;2021-03-01\nP4;Bröd;K1;opn;;2021-01-10;2021-03-01\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": text})
    Judged(workspace)
    [first] = workbooks(workspace)
    mend(workspace, first, lambda row: {"Förfarande": "Öppet" if row["Diarienummer"] == "P3" else "öpp"})
    Judged(workspace)
    [second] = workbooks(workspace)
    assert second.name != first.name
    [row] = read(second)
    assert (row["Diarienummer"], row["Förfarande"]) == ("P4", "öpp")
    mend(workspace, second, lambda row: {"Förfarande": "Öppet"})
    judged = Judged(workspace)
    assert judged.reconciled.sources["procurements"].own_errors == 0
    assert judged.rows("procurements").height == 4


def test_a_pseudonym_that_comes_back_stands_for_the_unchanged_number(tmp_path: Path) -> None:
    good = "8112189876;Anna Ek;2\n"
    workspace = deliver(tmp_path, {"suppliers/s.csv": S_HEADER + good.replace(";2\n", ";tva\n")})
    Judged(workspace)
    [path] = workbooks(workspace)
    [row] = read(path)
    pseudonym, hidden = str(row["Organisationsnummer"]), row["Leverantörsnamn"]
    assert pseudonym.startswith("PN-")
    assert str(hidden).startswith("Privatperson ")
    mend(workspace, path, lambda row: {"Antal anställda": 2})
    mended = Judged(workspace).rows("suppliers").select("supplier_id", "supplier_name", "employees")
    (workspace.raw / "suppliers" / "s.csv").write_text(S_HEADER + good, encoding="utf-8")
    for left in (workspace.raw / "suppliers").glob("*.xlsx"):
        left.unlink()
    assert Judged(workspace).rows("suppliers").select(mended.columns).rows() == mended.rows()
    made_up = S_HEADER + "PN-0123456789abcdef;Anna Ek;2\n"
    (workspace.raw / "suppliers" / "s.csv").write_text(made_up, encoding="utf-8")
    [issue] = Judged(workspace).issues("error", "suppliers")
    assert issue["rule"] == "made_up_pseudonym"


def test_a_number_that_could_not_be_read_is_masked_in_the_workbook(tmp_path: Path) -> None:
    workspace = deliver(tmp_path, {"suppliers/s.csv": S_HEADER + "811218-987;Anna Ek;2\n"})
    Judged(workspace)
    [path] = workbooks(workspace)
    [row] = read(path)
    assert row["Organisationsnummer"] == "******-****"
    assert "811218" not in str(row)
    assert "Anna" not in str(row)


def test_a_row_lost_with_its_parent_needs_no_mending(tmp_path: Path) -> None:
    files = {
        "procurements/p.csv": BASE["procurements/p.csv"].replace("P1;Kaffe;K1;open", "P1;Kaffe;K1;opn"),
    }
    workspace = deliver(tmp_path, files)
    Judged(workspace)
    [path] = workbooks(workspace)
    assert "-procurements-" in path.name
    mend(workspace, path, lambda row: {"Förfarande": "Öppet"})
    judged = Judged(workspace)
    assert judged.reconciled.sources["participants"].lost_with_parent == 0
    assert judged.reconciled.sources["procurements"].own_errors == 0


def test_a_workbook_that_somebody_works_in_is_left_alone(tmp_path: Path) -> None:
    text = P_HEADER + "P3;Saft;K1;opn;;2021-01-10;2021-03-01\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": text})
    Judged(workspace)
    [path] = workbooks(workspace)
    path.write_bytes(path.read_bytes() + b"changed")
    changed = path.read_bytes()
    Judged(workspace)
    assert path.read_bytes() == changed
    (workspace.raw / "procurements" / "q.csv").unlink()
    Judged(workspace)
    assert path.read_bytes() == changed


def test_the_same_errors_give_the_same_bytes(tmp_path: Path) -> None:
    workspace = deliver(tmp_path, {"suppliers/s.csv": S_HEADER + "55600;Bolaget;2\n"})
    Judged(workspace)
    [path] = workbooks(workspace)
    first = path.read_bytes()
    path.unlink()
    Judged(workspace)
    assert path.read_bytes() == first


def test_a_row_of_the_open_ledger_comes_back_under_our_headings_in_its_invoice(tmp_path: Path) -> None:
    header = "kopare_id;kopare;verifikationsnummer;leverantor;leverantor_id;konto_nr;belopp;datum;avtal\n"
    rows = (
        "212000-0142;Enheten;V1;Kaffe AB;556000-4615;4000;1000,50;2021-03-01;Ja\n"
        "212000-0142;Enheten;V1;Kaffe AB;556000-4615;4100;{};2021-03-01;Ja\n"
        "212000-0142;Enheten;V2;Bygg AB;10023;4200;300,00;2021-03-02;\n"
    )
    workspace = deliver(tmp_path, {"invoices/l.csv": header + rows.format("2o,25")})
    Judged(workspace)
    [path] = workbooks(workspace)
    assert path.name.startswith("u1-invoices-")
    [row] = read(path)
    assert row.get("Avtalsnummer") is None, "the word yes names no contract"
    mend(workspace, path, lambda row: {"Belopp exkl. moms": 20.25})
    lines = ("invoice_id", "line_no", "amount_net", "contract_id", "supplier_id", "invoice_date")
    judged = Judged(workspace)
    mended = sorted(judged.rows("invoices").select(lines).rows())
    assert judged.reconciled.sources["invoices"].own_errors == 0
    for left in (workspace.raw / "invoices").glob("*.xlsx"):
        left.unlink()
    (workspace.raw / "invoices" / "l.csv").write_text(header + rows.format("20,25"), encoding="utf-8")
    assert sorted(Judged(workspace).rows("invoices").select(lines).rows()) == mended


def test_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    amounts = ("1234567890,00", "-0,01", "9007199254740993,25", "1234,50", "1000")
    row = "u1;{};1;5560004615;{};2021-02-03;4010;{}\n"
    text = INVOICE_HEADER + "".join(row.format(n, "2021-02-30", amount) for n, amount in enumerate(amounts))
    rates = "currency;date;sek_per_unit\nEUR;igår;10,125\nNOK;igår;0,9876543210\nUSD;igår;8\n"
    workspace = deliver(tmp_path, {"invoices/i.csv": text, "exchange_rates/r.csv": rates})
    Judged(workspace)
    for path in workbooks(workspace):
        mend(
            workspace,
            path,
            lambda row: (
                {"Fakturadatum": "2021-02-01"} if "Fakturadatum" in row else {"Datum": date(2021, 2, 1)}
            ),
        )
    judged = Judged(workspace)
    invoices = judged.rows("invoices")
    assert [str(amount) for amount in invoices.sort("invoice_id")["amount_net"]] == [
        "1234567890.00",
        "-0.01",
        "9007199254740993.25",
        "1234.50",
        "1000.00",
    ]
    given = judged.rows("exchange_rates").sort("currency")["sek_per_unit"].to_list()
    assert given == [Decimal("10.125"), Decimal("0.987654321"), Decimal(8)]

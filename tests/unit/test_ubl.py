"""E-invoices as a delivery: what their lines become, what they may not say, and which purchase is told twice."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.flow.adapters import ubl
from dagster_project.flow.readers import UnreadableDelivery
from tests.deliveries import BASE, Judged, deliver
from tests.ubl import invoice

CATEGORIES = {
    "categories/k.csv": "category_code;category_name;group_code;group_name\nK1;Kaffe;G1;Dryck\nK2;Te;G1;Dryck\n",
    "classifications/k.csv": "list;code;category_code\nSTI;15861000;K1\nUNSPSC;50201706;K2\n",
}
TWO_LINES = [("100.00", "Kaffe", {"STI": "15861000"}), ("49.50", "Te", {"ZZZ": "1", "TSP": "50201706"})]


def judged(folder: Path, files: dict[str, str | bytes]) -> Judged:
    texts = {name: text for name, text in files.items() if isinstance(text, str)}
    workspace = deliver(folder, {**CATEGORIES, **texts})
    for name, content in files.items():
        if isinstance(content, bytes):
            path = workspace.raw / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return Judged(workspace)


def zipped(documents: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in documents.items():
            archive.writestr(name, content)
    return packed.getvalue()


def amounts(done: Judged) -> list[Decimal]:
    return sorted(done.rows("invoices")["amount_net"].to_list())


def test_lines_and_header_charges_become_lines_of_the_ledger(tmp_path: Path) -> None:
    document = invoice(
        "1001",
        TWO_LINES,
        charges=[(True, "15.00"), (False, "4.50")],
        total="160.00",
        contract="AV1",
        order="O-7",
    )
    done = judged(tmp_path, {"invoices/f.xml": document})
    assert done.count("invoices/f.xml") == (4, 4, 0, 0, 0)
    rows = done.rows("invoices").sort("line_no")
    assert [str(amount) for amount in rows["amount_net"]] == ["100.00", "49.50", "15.00", "-4.50"]
    assert rows["category_code"].to_list() == ["K1", "K2", None, None]
    assert rows["account"].to_list() == [None] * 4
    assert set(rows.select("buyer_unit_id", "supplier_id", "supplier_invoice_number", "order_id").rows()) == {
        ("u1", "5560004615", "1001", "O-7")
    }
    assert rows["contract_id"].to_list() == ["AV1"] * 4
    assert rows["source_sheet"].to_list() == [
        "/Invoice/InvoiceLine[1]",
        "/Invoice/InvoiceLine[2]",
        "/Invoice/AllowanceCharge[1]",
        "/Invoice/AllowanceCharge[2]",
    ]
    assert (rows["booking_date"] == rows["invoice_date"]).all()


def test_a_credit_note_is_negated_and_a_negative_invoice_stays_negative(tmp_path: Path) -> None:
    done = judged(
        tmp_path,
        {
            "invoices/k.xml": invoice("1", [("100.00", "Kaffe", {})], total="100.00", credit=True),
            "invoices/n.xml": invoice("2", [("-40.00", "Kaffe", {})], total="-40.00"),
            "invoices/t.xml": invoice("3", [("30.00", "Kaffe", {})], total="30.00", kind="381"),
        },
    )
    assert [str(amount) for amount in amounts(done)] == ["-100.00", "-40.00", "-30.00"]


def test_a_document_that_does_not_add_up_is_set_aside_with_the_difference(tmp_path: Path) -> None:
    done = judged(tmp_path, {"invoices/f.xml": invoice("1001", TWO_LINES, total="149.49")})
    assert done.count("invoices/f.xml") == (2, 0, 2, 0, 0)
    issues = done.issues("error", "invoices")
    assert [issue["rule"] for issue in issues] == ["ubl_sum", "ubl_sum"]
    assert "0.01" in str(issues[0]["message_sv"])
    assert not list(tmp_path.rglob("quarantine/rattas/*")), "a document is mended where it was written"


def test_a_foreign_currency_needs_a_rate(tmp_path: Path) -> None:
    euro = invoice("1001", [("10.00", "Kaffe", {})], total="10.00", currency="EUR")
    assert judged(tmp_path / "a", {"invoices/f.xml": euro}).count("invoices/f.xml") == (1, 0, 1, 0, 0)
    rate = {"exchange_rates/v.csv": "currency;date;sek_per_unit\nEUR;2021-01-01;10,12\n"}
    assert judged(tmp_path / "b", {"invoices/f.xml": euro, **rate}).count("invoices/f.xml") == (1, 1, 0, 0, 0)


def test_two_suppliers_may_give_their_invoices_one_number(tmp_path: Path) -> None:
    documents = {
        "a.xml": invoice("1001", [("10.00", "Kaffe", {})], total="10.00"),
        "b.xml": invoice("1001", [("20.00", "Te", {})], total="20.00", supplier="2120000142"),
    }
    done = judged(tmp_path, {"invoices/alla.zip": zipped(dict(documents))})
    assert [str(amount) for amount in amounts(done)] == ["10.00", "20.00"]
    assert done.rows("invoices")["source_sheet"].sort().to_list() == [
        "a.xml/Invoice/InvoiceLine[1]",
        "b.xml/Invoice/InvoiceLine[1]",
    ]


def test_the_same_document_twice_is_a_repeat_and_a_later_version_replaces_it_whole(tmp_path: Path) -> None:
    first = invoice("1001", TWO_LINES, total="149.50")
    done = judged(tmp_path / "a", {"invoices/alla.zip": zipped({"a.xml": first, "b.xml": first})})
    assert done.count("invoices/alla.zip") == (4, 2, 0, 2, 0)
    later = invoice("1001", TWO_LINES[:1], total="100.00")
    done = judged(tmp_path / "b", {"invoices/1.xml": first, "invoices/2.xml": later})
    assert [str(amount) for amount in amounts(done)] == ["100.00"]
    assert done.count("invoices/1.xml") == (2, 0, 0, 2, 0)


def test_a_broken_document_in_an_archive_is_refused_alone(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]>' + invoice(
        "9", TWO_LINES, total="149.50"
    )
    documents: dict[str, str | bytes] = {
        "bra.xml": invoice("1001", TWO_LINES, total="149.50"),
        "bomb.xml": bomb,
        "halv.xml": invoice("1002", TWO_LINES, total="149.50")[:300],
        "order.xml": "<Order xmlns='urn:x'/>",
    }
    done = judged(tmp_path, {"invoices/alla.zip": zipped(documents)})
    assert done.count("invoices/alla.zip") == (5, 2, 3, 0, 0)
    assert sorted(str(issue["rule"]) for issue in done.issues("error", "invoices")) == [
        "ubl_no_invoice",
        "ubl_unreadable",
        "ubl_unreadable",
    ]


def test_many_documents_are_packed_as_they_are_read_and_too_many_lines_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents: dict[str, str | bytes] = {
        f"{n}.xml": invoice(f"{n}", TWO_LINES, total="149.50") for n in range(9)
    }
    monkeypatch.setattr("dagster_project.flow.adapters.ubl.PACKED_ROWS", 3)
    done = judged(tmp_path / "a", {"invoices/alla.zip": zipped(documents)})
    assert done.count("invoices/alla.zip") == (18, 18, 0, 0, 0)
    assert sorted(done.rows("invoices")["supplier_invoice_number"]) == sorted([f"{n}" for n in range(9)] * 2)
    monkeypatch.setattr("dagster_project.flow.adapters.ubl.MAX_ROWS", 17)
    done = judged(tmp_path / "b", {"invoices/alla.zip": zipped(documents)})
    assert [issue["rule"] for issue in done.issues("error", "invoices")] == ["file.too_large_unpacked"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"<Order xmlns='urn:x'/>", "file.no_invoice"),
        (b"<Invoice", "file.broken_xml"),
        (b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><Invoice/>", "file.xml_document_type"),
        (b"<a>" * 100_000, "file.broken_xml"),
        (b"<a>" + b"x" * (11 << 20) + b"</a>", "file.broken_xml"),
    ],
    ids=["another root", "half", "external entity", "deep", "long text"],
)
def test_what_is_no_invoice_is_refused_by_its_rule(tmp_path: Path, content: bytes, rule: str) -> None:
    done = judged(
        tmp_path, {"invoices/f.xml": content, "invoices/g.xml": invoice("1", TWO_LINES, total="149.50")}
    )
    assert [issue["rule"] for issue in done.issues("error", "invoices")] == [rule]
    assert len(done.rows("invoices")) == 2


def test_the_ledger_tells_the_purchase_and_the_e_invoice_what_the_ledger_lacks(tmp_path: Path) -> None:
    header = "kopare_id;verifikationsnummer;leverantor;leverantor_id;konto_nr;belopp;datum;fakturanummer\n"
    ledger = header + (
        "2120000142;V1;Kaffe AB;5560004615;4000;160,00;2021-03-09;1001\n"
        "2120000142;V2;Kaffe  ab;;4000;10,00;2021-03-09;1002\n"
        "2120000142;V3;Kaffe AB;5560004615;4000;7,00;2021-03-09;1003\n"
    )
    done = judged(
        tmp_path,
        {
            "invoices/bok.csv": ledger,
            "invoices/1.xml": invoice("1001", TWO_LINES, total="149.50", contract="AV1", order="O-7"),
            "invoices/2.xml": invoice("1002", [("10.00", "Kaffe", {"STI": "15861000"})], total="10.00"),
            "invoices/3.xml": invoice("1004", [("5.00", "Kaffe", {})], total="5.00"),
        },
    )
    rows = done.rows("invoices").sort("invoice_id")
    assert [str(amount) for amount in amounts(done)] == ["5.00", "7.00", "10.00", "160.00"]
    told = {row["invoice_id"]: row for row in rows.to_dicts()}
    assert (told["V1"]["contract_id"], told["V1"]["order_id"], told["V1"]["category_code"]) == (
        "AV1",
        "O-7",
        None,
    )
    assert (told["V2"]["supplier_id"], told["V2"]["category_code"]) == ("5560004615", "K1")
    assert told["V3"]["contract_id"] is None
    assert done.count("invoices/1.xml") == (2, 0, 0, 2, 0)
    assert done.count("invoices/2.xml") == (1, 0, 0, 1, 0)
    assert done.count("invoices/3.xml") == (1, 1, 0, 0, 0)
    assert done.count("invoices/bok.csv") == (3, 3, 0, 0, 0)


def test_a_sole_trader_s_number_reaches_nothing(tmp_path: Path) -> None:
    number = "8112189876"
    lines = [("10.00", f"Kaffe till {number[:6]}-{number[6:]}", {})]
    document = invoice("77", lines, total="10.00", supplier=number, supplier_name="Anna Andersson")
    done = judged(tmp_path, {"invoices/f.xml": document})
    [row] = done.rows("invoices").to_dicts()
    assert str(row["supplier_id"]).startswith("PN-")
    assert not [cell for cell in row.values() if re.search("811218-?9876|Andersson", str(cell))]


SMALL = st.decimals(min_value=-10_000, max_value=10_000, places=2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.tuples(
            SMALL,
            st.text(max_size=20, alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
        ),
        min_size=1,
        max_size=6,
    ),
    charges=st.lists(st.tuples(st.booleans(), SMALL), max_size=3),
    error=st.sampled_from([Decimal(0), Decimal(0), Decimal("0.01"), Decimal(-5)]),
    credit=st.booleans(),
)
def test_lines_add_up_to_the_total_or_the_document_is_set_aside(
    tmp_path: Path, lines, charges, error, credit
) -> None:  # type: ignore[no-untyped-def]
    total = sum((amount for amount, _ in lines), Decimal(0))
    total += sum((amount if is_charge else -amount for is_charge, amount in charges), Decimal(0))
    document = invoice(
        "1",
        [(str(amount), text, {}) for amount, text in lines],
        charges=[(is_charge, str(amount)) for is_charge, amount in charges],
        total=str(total + error),
        credit=credit,
    )
    path = tmp_path / "f.xml"
    path.write_text(document, encoding="utf-8")
    assert ubl.opens(path)
    [table] = ubl.read(path, tmp_path)
    rows = table.scan().collect()
    assert rows.height == table.rows == len(lines) + len(charges)
    assert bool(table.findings) == bool(error)
    found = sum((Decimal(cell) for cell in rows[f"c{table.header.index('amount_net')}"]), Decimal(0))
    assert found == (-total if credit else total)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_document_is_read_or_refused_and_never_breaks_the_reader(
    tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(invoice("1001", TWO_LINES, charges=[(True, "15.00")], total="164.50").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12))
    path = tmp_path / "f.xml"
    path.write_bytes(content)
    if not ubl.opens(path):
        return
    try:
        [table] = ubl.read(path, tmp_path)
    except UnreadableDelivery:
        return
    assert table.rows == table.scan().collect().height >= 1
    assert {finding["_row"] for finding in table.findings} <= set(range(1, table.rows + 1))


# What each real document holds: rows, and whether its buyer can be known at all.
REAL = {
    "guide-example1.xml": 20,
    "guide-example2.xml": 7,
    "guide-example3.xml": 3,
    "issue116.xml": 8,
    "sample-discount-price.xml": 1,
    "ubl-tc434-creditnote1.xml": 1,
    "ubl-tc434-example1.xml": 20,
    "ubl-tc434-example10.xml": 20,
    "ubl-tc434-example2.xml": 7,
    "ubl-tc434-example3.xml": 3,
    "ubl-tc434-example4.xml": 3,
    "ubl-tc434-example5.xml": 5,
    "ubl-tc434-example6.xml": 3,
    "ubl-tc434-example7.xml": 2,
    "ubl-tc434-example8.xml": 10,
    "ubl-tc434-example9.xml": 1,
}
NO_BUYER = {"ubl-tc434-example6.xml", "ubl-tc434-example7.xml", "ubl-tc434-example9.xml"}


def test_every_real_document_comes_through_or_is_refused_for_its_buyer(tmp_path: Path, real: Path) -> None:
    units = {
        "NO1": "NO987654321MVA",
        "10202": "",
        "PS": "1234512345",
        "5790000435975": "",
        "HR1": "HR46830600751",
        "BE1": "BE0000000295",
        "5790000436057": "",
        "DK1": "DK16356607",
        "1081119": "",
    }
    organisations = BASE["organisations/o.csv"] + "".join(
        f"{unit};Enhet {unit};{number};9101;company\n" for unit, number in units.items()
    )
    rates = "currency;date;sek_per_unit\n" + "".join(f"{one};2000-01-01;2\n" for one in ("EUR", "NOK", "DKK"))
    workspace = deliver(tmp_path, {"organisations/o.csv": organisations, "exchange_rates/v.csv": rates})
    (workspace.raw / "invoices").mkdir()
    for name in REAL:
        shutil.copy(real / "ubl" / name, workspace.raw / "invoices" / name)
    done = Judged(workspace)
    counts = {name: done.count(f"invoices/{name}") for name in REAL}
    assert {name: count[0] for name, count in counts.items()} == REAL
    assert {name for name, count in counts.items() if count[2]} == NO_BUYER
    assert {issue["rule"] for issue in done.issues("error", "invoices")} == {"missing"}
    credit = done.rows("invoices").filter(source_file="raw/invoices/ubl-tc434-creditnote1.xml")
    assert [str(amount) for amount in credit["amount_net"]] == ["-100.11"]
    # Three deliveries of one invoice and two versions of another are one each.
    assert (
        sum(count[1] for name, count in counts.items() if name.endswith(("example1.xml", "example10.xml")))
        == 20
    )
    assert sum(count[1] for name, count in counts.items() if name.endswith("example2.xml")) == 7

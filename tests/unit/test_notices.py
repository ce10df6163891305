"""Public procurement notices: made-up ones in both schemas, and the rows that they give to our sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.settings import Workspace
from tests.conftest import REAL
from tests.deliveries import BASE, Judged, deliver
from tests.notices import BREWER, NORDBY, ROASTER, SODERBY, Lot, Notice, eforms, numbered, ted, zipped
from tests.unit.test_uhm_statistics import PROCUREMENTS, extract

ALL = "organisation: riket\nmembers: all\n"
CALL = Notice(
    kind="competition",
    number="100000-2021",
    notice_id="00000000-0000-4000-8000-000000000002",
    published="2021-02-01",
    deadline="2021-03-01",
    estimate="300000.00",
    lots=(Lot(codes=(("environmental-impact", "circ-econ"), ("accessibility", "inc"))),),
)


def judged(
    folder: Path, *notices: str | bytes, organisation: str = ALL, files: dict[str, str] | None = None
) -> Judged:
    """A run over notices (and other deliveries); the names of their files mean nothing."""
    workspace: Workspace = deliver(folder, files or {}, organisation, base=False)
    (workspace.raw / "notices").mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(notices):
        raw = content.encode() if isinstance(content, str) else content
        (workspace.raw / "notices" / f"n{number}").write_bytes(raw)
    return Judged(workspace)


def of(run: Judged, source: str, procurement: str) -> list[dict[str, Any]]:
    """The rows of a source that are of one procurement."""
    return run.rows(source).filter(pl.col("procurement_id") == procurement).to_dicts()


def only(run: Judged, source: str, procurement: str) -> dict[str, Any]:
    """The only one."""
    (row,) = of(run, source, procurement)
    return row


def rules(run: Judged, severity: str = "error") -> list[str]:
    """The rules that were broken."""
    return sorted({str(issue["rule"]) for issue in run.issues(severity, "notices")})


# -- what notices give -----------------------------------------------------------------------------------

MISLED = "<efac:TenderLot><cbc:ID>{}</cbc:ID></efac:TenderLot></efac:LotTender>"
PERSON = ("640823-3234", "Kim Testperson")
CHANGED = replace(
    numbered(20, CALL), notice_id="00000000-0000-4000-8000-000000000920", number="900020-2021", published="2021-02-20",
    deadline="2021-03-20", title="Kaffe och te", changes=f"{numbered(20, CALL).notice_id}-01",
)  # fmt: skip
TAKEN_BACK = replace(
    numbered(22, CALL), notice_id="00000000-0000-4000-8000-000000000922", number="900022-2021", published="2021-02-20",
    changes=f"{numbered(22, CALL).notice_id}-01", change_reason="cancel",
)  # fmt: skip
STRAY = replace(
    numbered(23, CALL), notice_id="00000000-0000-4000-8000-000000000923", number="900023-2021",
    changes=f"{numbered(23, CALL).notice_id}-01", folder="00000000-0000-4000-8000-0000000000aa",
)  # fmt: skip
LATER = replace(numbered(21, CALL), version="02", number="900021-2021", title="Te till alla")
GALLERY: dict[str, str] = {
    "call": eforms(numbered(1, CALL)),
    "result": eforms(numbered(1, Notice())),
    "statistics": eforms(
        numbered(
            2, Notice(lots=(Lot(tenders=None, statistics=(("part-req", 9), ("t-sme", 2), ("t-esubm", 4))),))
        )
    ),
    "misled": eforms(numbered(3, Notice())).replace(MISLED.format("LOT-0000"), MISLED.format("LOT-0009")),
    "undisclosed": eforms(numbered(4, Notice(lots=(Lot(value="0.00"),)))),
    "framework": eforms(
        numbered(5, Notice(lots=(Lot(framework=True, ceiling="900000.00", winners=((ROASTER,), (BREWER,))),)))
    ),
    "money": eforms(numbered(6, Notice(lots=(Lot(value="100.00", currency="EUR"),)))),
    "no rate": eforms(numbered(7, Notice(lots=(Lot(value="100.00", currency="NOK"),)))),
    "bids": eforms(numbered(8, Notice(lots=(Lot(tenders=1, winners=((ROASTER, BREWER),)),)))),
    "nobody": eforms(numbered(9, Notice(lots=(Lot(winners=(), reason="ins-fund", tenders=0),)))),
    "half": eforms(numbered(10, Notice(lots=(Lot(), Lot(winners=(), reason="other", tenders=None))))),
    "undated": eforms(numbered(11, Notice(lots=(Lot(concluded=None),)))),
    "reviewed": eforms(numbered(12, Notice(lots=(Lot(reviews=2, reserved="res-ws"),)))),
    "central": eforms(numbered(13, Notice(central=True))),
    "person": eforms(numbered(14, Notice(title="Kaffe åt 640823-3234", lots=(Lot(winners=((PERSON,),)),)))),
    "a change": eforms(CHANGED),
    "changed": eforms(numbered(20, CALL)),
    "a later version": eforms(LATER),
    "an earlier version": eforms(numbered(21, CALL)),
    "then taken back": eforms(numbered(22, CALL)),
    "taking back": eforms(TAKEN_BACK),
    "strayed from": eforms(numbered(23, CALL)),
    "stray": eforms(STRAY),
    "old call": ted(numbered(24, CALL)),
    "old result": ted(replace(numbered(24, Notice()), reference=None, refers_to="2021/S 022-124000")),
    "same number": eforms(
        replace(numbered(25, Notice()), reference="UH-1", buyers=(SODERBY,), published="2021-06-02")
    ),
    "once": eforms(numbered(26, Notice())),
    "twice": eforms(numbered(26, Notice())),
}
FAULTS: dict[str, tuple[str, str]] = {
    "<cbc:VersionID>01</cbc:VersionID>": ("", "notice_missing"),
    "<cbc:Name>Kaffe till alla</cbc:Name>": ("<cbc:Name> </cbc:Name>", "notice_missing"),
    "<efac:LotTender><cbc:ID>TEN-0001</cbc:ID></efac:LotTender></efac:SettledContract>": (
        "<efac:LotTender><cbc:ID>TEN-0404</cbc:ID></efac:LotTender></efac:SettledContract>",
        "notice_unknown_code",
    ),
    "selec-w": ("kanske", "notice_unknown_code"),
    "2021-05-03": ("2021-02-30", "notice_unreadable_date"),
    ">3</efbc:StatisticsNumeric>": (">många</efbc:StatisticsNumeric>", "notice_unreadable_number"),
}
RATES = {"exchange_rates/r.csv": "currency;date;sek_per_unit\nEUR;2021-05-31;10,50\nEUR;2021-06-02;11\n"}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run over everything that is told of below, each thing a procurement of its own."""
    broken = [
        eforms(numbered(100 + number, Notice())).replace(found, instead)
        for number, (found, (instead, _)) in enumerate(FAULTS.items())
    ]
    return judged(tmp_path_factory.mktemp("gallery"), *GALLERY.values(), *broken, files=RATES)


def fate(run: Judged, name: str) -> tuple[int, int, int, int, int]:
    """What became of a notice of the gallery."""
    return run.count(f"notices/n{list(GALLERY).index(name)}")


def test_a_call_and_its_result_are_one_completed_procurement(gallery: Judged) -> None:
    procurement = only(gallery, "procurements", "UH-1")
    assert (procurement["procedure"], procurement["works"]) == ("open", False)
    assert procurement["announced_date"] == date(2021, 2, 1)
    assert procurement["tender_deadline"] == date(2021, 3, 1)
    assert procurement["completed_date"] == date(2021, 5, 3)
    assert procurement["estimated_value"] == Decimal(300000)
    assert procurement["category_code"] == "15860000"
    assert procurement["participants_complete"] is True
    lot = only(gallery, "lots", "UH-1")
    assert (lot["lot_id"], lot["tenders_received"], lot["awarded"]) == ("LOT-0000", 3, True)
    assert lot["contract_value"] == Decimal(250000)
    contract = only(gallery, "contracts", "UH-1")
    assert contract["contract_id"] == "ANN-UH-1-AVT-1"
    assert (contract["supplier_id"], contract["signed_date"]) == ("5560125790", date(2021, 5, 3))
    assert contract["valid_from"] == date(2021, 5, 3)
    assert "Rosteriet AB" in gallery.rows("suppliers")["supplier_name"].to_list()
    unit = gallery.rows("organisations").row(by_predicate=pl.col("unit_id") == "2120000142", named=True)
    assert (unit["member_code"], unit["kind"], unit["unit_name"]) == (
        "2120000142",
        "municipality",
        "Nordby kommun",
    )
    assert only(gallery, "participants", "UH-1")["unit_id"] == "2120000142"
    areas = {(row["area"], row["level"]) for row in of(gallery, "requirements", "UH-1")}
    assert areas == {("accessibility", "base"), ("reuse", "base")}
    assert of(gallery, "bids", "UH-1") == []


def test_only_the_count_of_tenders_is_the_count_of_tenders(gallery: Judged) -> None:
    found = only(gallery, "lots", "UH-2")
    assert (found["tenders_received"], found["sme_tenders"]) == (None, 2)


def test_a_tenderer_that_is_merely_listed_has_won_nothing(gallery: Judged) -> None:
    # The settled contract's tender is of another lot than the result that names it.
    assert of(gallery, "contracts", "UH-3") == []


def test_an_undisclosed_value_is_unknown_and_not_nothing(gallery: Judged) -> None:
    assert only(gallery, "lots", "UH-4")["contract_value"] is None


def test_a_framework_lot_is_one_contract_with_its_maximum_as_ceiling(gallery: Judged) -> None:
    contracts = of(gallery, "contracts", "UH-5")
    assert [row["contract_id"] for row in contracts] == ["ANN-UH-5-LOT-0000"] * 2
    assert [row["ceiling_value"] for row in contracts] == [Decimal(900000)] * 2


def test_other_money_needs_a_rate_of_the_day_or_before(gallery: Judged) -> None:
    assert only(gallery, "lots", "UH-6")["contract_value"] == Decimal("1050.00")
    assert only(gallery, "lots", "UH-7")["contract_value"] is None
    assert "no_rate" in rules(gallery, "warning")


def test_the_bids_are_known_where_every_tender_is_listed(gallery: Judged) -> None:
    bids = of(gallery, "bids", "UH-8")
    assert {(row["bidder_id"], row["winner"]) for row in bids} == {("5560125790+5560160680", True)}
    assert len(bids) == 2


def test_a_procurement_where_nobody_won_is_cancelled_with_the_reason(gallery: Judged) -> None:
    procurement = only(gallery, "procurements", "UH-9")
    assert (procurement["completed_date"], procurement["cancelled_date"]) == (None, date(2021, 6, 1))
    assert procurement["cancellation_reason"] == "Medlen räcker inte"


def test_one_lot_without_winner_does_not_cancel_the_others(gallery: Judged) -> None:
    assert only(gallery, "procurements", "UH-10")["cancelled_date"] is None
    assert {row["lot_id"]: row["awarded"] for row in of(gallery, "lots", "UH-10")} == {
        "LOT-0001": True,
        "LOT-0002": False,
    }


def test_a_contract_without_day_of_conclusion_is_valid_from_the_publication_and_marked(
    gallery: Judged,
) -> None:
    contract = only(gallery, "contracts", "UH-11")
    assert (contract["signed_date"], contract["valid_from"]) == (None, date(2021, 6, 1))
    assert "dates_derived" in rules(gallery, "warning")


def test_reviews_and_reserved_participation_are_told(gallery: Judged) -> None:
    procurement = only(gallery, "procurements", "UH-12")
    assert (procurement["review_outcome"], procurement["reserved"]) == ("okänt", True)


def test_a_central_purchasing_body_leaves_the_participants_open(gallery: Judged) -> None:
    assert only(gallery, "procurements", "UH-13")["participants_complete"] is False


def test_a_person_is_a_pseudonym_wherever_a_notice_names_it(gallery: Judged) -> None:
    contract = only(gallery, "contracts", "UH-14")
    assert contract["supplier_id"].startswith("PN-")
    supplier = gallery.rows("suppliers").row(
        by_predicate=pl.col("supplier_id") == contract["supplier_id"], named=True
    )
    assert supplier["supplier_name"].startswith("Privatperson ")
    assert "640823" not in only(gallery, "procurements", "UH-14")["title"]


# -- several notices -------------------------------------------------------------------------------------


def test_a_change_notice_supersedes_and_the_first_announcement_stands(gallery: Judged) -> None:
    procurement = only(gallery, "procurements", "UH-20")
    assert procurement["title"] == "Kaffe och te"
    assert procurement["tender_deadline"] == date(2021, 3, 20)
    assert procurement["announced_date"] == date(2021, 2, 1)
    assert fate(gallery, "changed") == (1, 0, 0, 1, 0)


def test_a_later_version_supersedes_whatever_the_files_are_called(gallery: Judged) -> None:
    assert only(gallery, "procurements", "UH-21")["title"] == "Te till alla"
    assert fate(gallery, "an earlier version") == (1, 0, 0, 1, 0)


def test_a_notice_that_is_taken_back_cancels_the_procurement(gallery: Judged) -> None:
    assert only(gallery, "procurements", "UH-22")["cancelled_date"] == date(2021, 2, 20)


def test_a_change_that_bears_another_procedure_is_refused(gallery: Judged) -> None:
    assert fate(gallery, "stray") == (1, 0, 1, 0, 0)
    assert fate(gallery, "strayed from") == (1, 1, 0, 0, 0)
    assert "notice_changes_another_procurement" in rules(gallery)


def test_a_result_without_reference_number_finds_its_call_by_the_number_it_names(gallery: Judged) -> None:
    procurement = only(gallery, "procurements", "UH-24")
    assert (procurement["announced_date"], procurement["completed_date"]) == (
        date(2021, 2, 1),
        date(2021, 5, 3),
    )


def test_one_number_at_two_buyers_is_two_procurements(gallery: Judged) -> None:
    assert only(gallery, "participants", "UH-1 (2120001355)")["unit_id"] == "2120001355"


def test_the_same_notice_twice_counts_once(gallery: Judged) -> None:
    assert len(of(gallery, "contracts", "UH-26")) == 1
    assert fate(gallery, "twice") == (1, 0, 0, 1, 0)


SAME = [
    numbered(number, notice)
    for number, notice in enumerate(
        [
            Notice(),
            Notice(kind="competition", deadline="2021-07-01", estimate="10.00"),
            Notice(procedure="restricted", nature="works", buyers=(NORDBY, SODERBY), central=True),
            Notice(lots=(Lot(), Lot(winners=(), reason="other", tenders=None))),
            Notice(lots=(Lot(winners=(), reason="all-rej", tenders=None),)),
            Notice(lots=(Lot(tenders=1), Lot(tenders=1, winners=((ROASTER, BREWER),)))),
            Notice(lots=(Lot(framework=True, winners=((ROASTER,), (BREWER,))),)),
            Notice(lots=(Lot(value="0.00", concluded=None),)),
        ]
    )
]


def test_both_schemas_of_one_notice_give_the_same_rows(tmp_path: Path) -> None:
    new = judged(tmp_path / "new", *map(eforms, SAME))
    both = judged(tmp_path / "both", *map(ted, SAME), *map(eforms, SAME))
    assert sum(count.rows_superseded for count in both.reconciled.files) == len(SAME)
    old = judged(tmp_path / "old", *map(ted, SAME))
    for source in ("organisations", "procurements", "participants", "lots", "suppliers", "contracts", "bids"):
        mine, theirs, together = (
            run.rows(source).drop("source_file", "source_sheet", "source_row").sort(pl.all().cast(pl.String))
            for run in (new, old, both)
        )
        assert mine.equals(together), source
        # A box that is not ticked in an old call says no; silence in the new schema says nothing.
        hidden = ["reserved"] if source == "procurements" else []
        assert mine.drop(hidden).equals(theirs.drop(hidden)), source


# -- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "rule"), list(enumerate(rule for _, rule in FAULTS.values())))
def test_a_notice_that_is_not_whole_is_quarantined_with_field_and_place(
    gallery: Judged, number: int, rule: str
) -> None:
    file = f"notices/n{len(GALLERY) + number}"
    assert gallery.count(file) == (1, 0, 1, 0, 0)
    issue = next(one for one in gallery.issues("error", "notices") if one["file"] == f"raw/{file}")
    assert issue["rule"] == rule
    assert "(BT-" in str(issue["message_sv"]) or "(OPT-" in str(issue["message_sv"])
    assert str(issue["column_name"]) in str(issue["message_en"])
    assert of(gallery, "procurements", f"UH-{100 + number}") == []


HOSTILE: dict[str, tuple[bytes, str]] = {
    "entities": (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "'
        + b"c" * 1000
        + b'">]><a>'
        + b"&b;" * 1000
        + b"</a>",
        "file.xml_document_type",
    ),
    "an external type in UTF-16": (
        '<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://exempel.se/a.dtd"><a/>'.encode("utf-16"),
        "file.xml_document_type",
    ),
    "an external entity": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "file.xml_document_type",
    ),
    "a type far down": (b"<!--" + b" " * 9000 + b"--><!DOCTYPE a []><a/>", "file.xml_document_type"),
    "deep nesting": (b"<a>" * 100_000 + b"</a>" * 100_000, "file.broken_xml"),
    "a long text": (b"<a>" + b"x" * (11 << 20) + b"</a>", "file.broken_xml"),
    "a large file": (b"<a>" + b" " * (33 << 20) + b"</a>", "file.xml_too_large"),
    "another root": (b"<html><body/></html>", "file.no_notice"),
    "no XML": (b"ingen xml", "file.broken_xml"),
    "nothing": (b"", "file.broken_xml"),
    "half a zip": (b"PK\x03\x04 avbruten", "file.broken_zip"),
}


def test_hostile_and_foreign_files_are_refused_each_alone(tmp_path: Path) -> None:
    run = judged(tmp_path, *(content for content, _ in HOSTILE.values()), eforms(numbered(1, Notice())))
    told = {str(issue["file"]): str(issue["rule"]) for issue in run.issues("error", "notices")}
    assert told == {f"raw/notices/n{number}": rule for number, (_, rule) in enumerate(HOSTILE.values())}
    assert only(run, "procurements", "UH-1")["completed_date"] == date(2021, 5, 3)
    assert run.stopped


def test_a_zip_bears_many_notices_and_a_bad_one_in_it_takes_no_other_along(tmp_path: Path) -> None:
    documents = {
        "a.xml": eforms(numbered(1, CALL)).encode(),
        "b/r.xml": ted(numbered(1, Notice())).encode(),
        "c.xml": b"<a>",
    }
    run = judged(tmp_path, zipped(documents), organisation='organisation: en\nmembers: ["212000-0142"]\n')
    assert run.count("notices/n0") == (3, 2, 1, 0, 0)
    assert only(run, "procurements", "UH-1")["completed_date"] == date(2021, 5, 3)
    assert str(only(run, "contracts", "UH-1")["source_sheet"]).startswith("b/r.xml#F03/AWARD_CONTRACT[1]")
    assert only(run, "participants", "UH-1")["unit_id"] == "2120000142"
    assert rules(run) == ["broken_xml"]


# -- beside other sources ---------------------------------------------------------------------------------

REGISTER = {
    **BASE,
    "organisations/o.csv": "unit_id;unit_name;orgnr;member_code;kind\n"
    "u1;Nordby kommun;212000-0142;9101;municipality\nu2;Enhet två;;9102;municipality\nu3;Söderby;212000-1355;9103;\n",
    "procurements/p.csv": "procurement_id;title;category_code;procedure;announced_date;tender_deadline;cancelled_date\n"
    "UH-1;Kaffe till alla;K1;simplified;2021-02-01;2021-03-01;\n"
    "DNR 77;Te till alla;K1;open;2021-02-01;;\n"
    "UH-3;Saft;K1;open;2021-02-01;;\n"
    "UH-4;Kaffe till alla;K1;open;2021-01-15;;2021-04-01\n",
    "participants/d.csv": "procurement_id;unit_id\nUH-1;u1\nUH-1;u2\nDNR 77;u1\nUH-3;u1\nUH-4;u1\n",
    "requirements/k.csv": "procurement_id;area;level\nUH-3;employment;advanced\n",
}


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The board's own register and notices of the same procurements."""
    return judged(
        tmp_path_factory.mktemp("beside"),
        eforms(numbered(1, CALL)),
        eforms(numbered(1, Notice())),
        eforms(replace(numbered(2, CALL), title="TE  till alla")),
        eforms(replace(numbered(2, Notice()), title="Te till alla")),
        eforms(replace(numbered(3, CALL), buyers=(SODERBY,))),
        eforms(numbered(4, Notice())),
        eforms(replace(numbered(5, CALL), buyers=(("212000-1777", "Fjärran kommun"),))),
        organisation='organisation: prov\nmembers: ["9101", "9102"]\n',
        files=REGISTER,
    )


def conflicts(run: Judged, procurement: str) -> dict[str, tuple[str, str | None, str]]:
    """Field → (resolution, value that the register had, the other's)."""
    rows = run.conflicts.filter(pl.col("procurement_id") == procurement).rows(named=True)
    return {row["field"]: (row["resolution"], row["kept_value"], row["other_value"]) for row in rows}


def test_the_register_stands_and_a_notice_fills_what_it_leaves_empty(beside: Judged) -> None:
    procurement = only(beside, "procurements", "UH-1")
    assert (procurement["procedure"], procurement["origin"]) == ("simplified", "register")
    assert procurement["completed_date"] == date(2021, 5, 3)
    assert procurement["works"] is False
    assert len(of(beside, "participants", "UH-1")) == 2
    assert only(beside, "lots", "UH-1")["tenders_received"] == 3
    found = conflicts(beside, "UH-1")
    assert found["procedure"] == ("differs", "simplified", "open")
    assert found["completed_date"] == ("filled", None, "2021-05-03")
    assert "title" not in found


def test_another_number_but_the_same_buyer_title_and_day_is_the_same_procurement(beside: Judged) -> None:
    assert only(beside, "procurements", "DNR 77")["completed_date"] == date(2021, 5, 3)
    assert only(beside, "contracts", "DNR 77")["supplier_id"] == "5560125790"
    assert of(beside, "procurements", "UH-2") == []


def test_another_buyers_procurement_is_not_taken_for_the_boards_own(beside: Judged) -> None:
    assert only(beside, "participants", "UH-3 (2120001355)")["unit_id"] == "u3"
    assert conflicts(beside, "UH-3") == {}


def test_a_date_that_would_contradict_the_register_fills_nothing(beside: Judged) -> None:
    assert only(beside, "procurements", "UH-4")["completed_date"] is None
    assert conflicts(beside, "UH-4")["completed_date"] == ("differs", None, "2021-05-03")


def test_a_delivered_register_of_requirements_says_what_was_set(beside: Judged) -> None:
    assert of(beside, "requirements", "UH-1") == []
    assert len(of(beside, "requirements", "UH-3 (2120001355)")) == 2


def test_notices_of_others_are_read_and_give_nothing(beside: Judged) -> None:
    assert beside.count("notices/n6") == (1, 1, 0, 0, 0)
    assert of(beside, "procurements", "UH-5") == []
    assert "other_buyers" in rules(beside, "warning")


def test_register_notice_and_statistics_of_one_procurement_are_one(tmp_path: Path) -> None:
    statistics = extract(
        PROCUREMENTS | {"Överprövad": "False"},
        {"Upphandlings-ID": "MT9", "Upphandlingens titel": "Te till alla", "Publiceringsdatum": "2021-02-01"},
        {"Upphandlings-ID": "MT8", "Upphandlingens titel": "Sill", "Publiceringsdatum": "2021-02-01"},
    )
    notice = eforms(replace(numbered(8, CALL), title="Sill"))
    files = {**REGISTER, "uhm_statistics/s.csv": statistics}
    run = judged(
        tmp_path, notice, organisation='organisation: prov\nmembers: ["9101", "9102"]\n', files=files
    )
    origins = dict(run.rows("procurements").select("procurement_id", "origin").rows())
    assert origins == {"UH-1": "register", "DNR 77": "register", "UH-3": "register", "UH-4": "register",
                       "UH-8": "notices"}  # fmt: skip
    filled = run.conflicts.filter(pl.col("resolution") == "filled")
    assert ("DNR 77", "above_threshold", "uhm_statistics") in filled.select(
        "procurement_id", "field", "other_source"
    ).rows()


# -- real notices -----------------------------------------------------------------------------------------

real = pytest.mark.skipif(
    not (REAL / "eforms").is_dir(), reason="the real notices are not beside this checkout"
)


@real
def test_every_real_notice_comes_through_and_the_invalid_ones_are_refused(tmp_path: Path) -> None:
    paths = [*(REAL / "eforms").glob("*.xml"), *(REAL / "ted_legacy").glob("*/*.xml")]
    run = judged(tmp_path, zipped({path.name: path.read_bytes() for path in sorted(paths)}))
    refused = {str(issue["sheet"]) for issue in run.issues("error", "notices")}
    assert refused == {path.name for path in paths if path.name.startswith("INVALID_")}
    read, accepted, quarantined, repeated, skipped = run.count("notices/n0")
    assert (read, quarantined, skipped) == (len(paths), len(refused), 0)
    assert repeated == 4  # three change notices and one that is changed twice
    assert accepted == read - quarantined - repeated


@real
def test_both_schemas_of_the_real_pairs_give_the_same_rows(tmp_path: Path) -> None:
    runs = [
        judged(
            tmp_path / schema,
            *(path.read_bytes() for path in sorted((REAL / "uppsala_pairs" / schema).iterdir())),
        )
        for schema in ("eforms-xml", "ted-xml")
    ]
    for source in ("organisations", "procurements", "participants", "lots", "contracts", "suppliers"):
        new, old = (run.rows(source).drop("source_file", "source_sheet", "source_row") for run in runs)
        assert new.equals(old), source

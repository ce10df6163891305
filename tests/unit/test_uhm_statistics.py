"""The national procurement statistics: hand-made extracts, and the rows that they give to our sources."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dagster_project.flow import reconcile
from tests.deliveries import Judged, deliver

ALL = "organisation: riket\nmembers: all\n"
SHARED = {
    "Upphandlings-ID": "MT1",
    "Upphandlingens titel": "Kaffe",
    "Publiceringsdatum": "2021-03-01",
    "Organisationsnummer för köpare": "2120000142",
    "Namn för köpare": "NORDBY KOMMUN",
    "Delsektor för köpare": "Kommun",
    "Juridisk form för köpare": "Kommuner",
    "Upphandlingsslag": "Varor",
    "CPV-Huvudgrupp": "15000000 Livsmedel, drycker, tobak o d",
    "Huvudsaklig CPV-kod": "15860000 Kaffe och te",
    "Direktivstyrd": "True",
    "Förfarande": "Öppet förfarande",
    "Dynamiskt inköpssystem": "False",
    "Reserverad upphandling": "False",
    "Överprövad": "False",
    "Samordnad upphandling": "False",
}
LOT = {"Anbudsområdes-ID": "CAN-1"}
SUPPLIER = {"Namn för leverantör": "Rosteriet AB", "Juridisk form för leverantör": "Övriga aktiebolag"}
PROCUREMENTS = {"Antal upphandlingar, Summa": "1"}
TENDERS = {**LOT, "Antal anbud, Summa": "3"}
CONTRACTED = {**LOT, **SUPPLIER, "Antal kontrakterade anbud*, Summa": "1"}
VALUES = {"Kontrakterat värde, Summa": "250000"}


def extract(measure: dict[str, str], *rows: dict[str, str]) -> str:
    """The text of one extract: the shared columns and the measure's own, with a row for each difference."""
    usual = {**SHARED, **measure}
    lines = [";".join(usual)]
    lines += [";".join({**usual, **row}.values()) for row in rows]
    return "\n".join(lines) + "\n"


def judged(folder: Path, organisation: str = ALL, base: bool = False, **files: str) -> Judged:
    """A run over extracts; names of files mean nothing, so any will do."""
    extracts = {f"uhm_statistics/{name}.csv": text for name, text in files.items()}
    return Judged(deliver(folder, extracts, organisation, base=base))


def only(run: Judged, source: str) -> dict[str, Any]:
    """The only row of a source."""
    rows = run.rows(source).to_dicts()
    assert len(rows) == 1
    return rows[0]


def rules(run: Judged, severity: str) -> list[str]:
    """The rules that were broken, with repetition."""
    return sorted(str(issue["rule"]) for issue in run.issues(severity, "uhm_statistics"))


# -- what the four extracts give -----------------------------------------------------------------------


def test_the_four_extracts_give_one_completed_procurement(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        a=extract(VALUES, {}),
        b=extract(CONTRACTED, {}),
        c=extract(TENDERS, {}),
        d=extract(PROCUREMENTS, {}),
    )
    procurement = only(run, "procurements")
    assert procurement["procurement_id"] == "MT1"
    assert procurement["category_code"] == "15860000"
    assert (procurement["procedure"], procurement["above_threshold"]) == ("open", True)
    assert procurement["works"] is False
    assert procurement["announced_date"] == procurement["completed_date"] == date(2021, 3, 1)
    assert procurement["participants_complete"] is False
    assert procurement["estimated_value"] == Decimal(250000)
    assert (procurement["source_file"], procurement["source_row"]) == ("raw/uhm_statistics/d.csv", 2)
    assert procurement["origin"] == "uhm_statistics"
    lot = only(run, "lots")
    assert (lot["lot_id"], lot["tenders_received"], lot["awarded"]) == ("CAN-1", 3, True)
    assert lot["contract_value"] == Decimal(250000)
    contract = only(run, "contracts")
    supplier = only(run, "suppliers")
    assert contract["contract_id"] == "UHM-MT1-CAN-1"
    assert contract["valid_from"] == date(2021, 3, 1)
    assert contract["supplier_id"] == supplier["supplier_id"]
    assert supplier["supplier_id"].startswith("NAMN-")
    assert supplier["supplier_name"] == "Rosteriet AB"
    unit = only(run, "organisations")
    assert unit["unit_id"] == unit["member_code"] == "2120000142"
    assert unit["kind"] == "municipality"
    assert only(run, "participants")["unit_id"] == "2120000142"
    assert not run.stopped


def test_every_row_has_one_fate_and_what_it_gave_is_counted(tmp_path: Path) -> None:
    run = judged(tmp_path, p=extract(PROCUREMENTS, {}, {"Publiceringsdatum": "igår"}), t=extract(TENDERS, {}))
    assert run.count("uhm_statistics/p.csv") == (2, 1, 1, 0, 0)
    assert run.count("uhm_statistics/t.csv") == (1, 1, 0, 0, 0)
    derived = {count.file: count.rows_derived for count in run.reconciled.files}
    # organisation, procurement, participant, category; lot
    assert derived == {"raw/uhm_statistics/p.csv": 4, "raw/uhm_statistics/t.csv": 1}
    assert {count.source for count in run.reconciled.files} == {"uhm_statistics"}


def test_a_procurement_without_result_is_announced_but_not_completed(tmp_path: Path) -> None:
    procurement = only(judged(tmp_path, p=extract(PROCUREMENTS, {})), "procurements")
    assert procurement["announced_date"] == date(2021, 3, 1)
    assert procurement["completed_date"] is None


def test_that_dates_of_completion_are_derived_is_said_once_per_file(tmp_path: Path) -> None:
    run = judged(tmp_path, t=extract(TENDERS, {}, {"Upphandlings-ID": "MT2"}))
    assert rules(run, "warning") == ["dates_derived"]
    assert run.issues("warning", "uhm_statistics")[0]["message_sv"] == (
        "2 upphandlingar har resultat men statistiken anger inget slutdatum; "
        "publiceringsdatum används som slutdatum och som avtalens giltigt från."
    )


def test_the_extract_of_procurements_tells_first_and_the_others_fill_its_gaps(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        a_tenders=extract(
            TENDERS,
            {
                "Upphandlingens titel": "Te",
                "Förfarande": "Förenklat förfarande",
                "Publiceringsdatum": "2021-02-01",
            },
        ),
        b_procurements=extract(
            PROCUREMENTS,
            {"Förfarande": "", "Huvudsaklig CPV-kod": "00000000 Uppgift saknas", "Direktivstyrd": ""},
        ),
    )
    procurement = only(run, "procurements")
    assert (procurement["title"], procurement["announced_date"]) == ("Kaffe", date(2021, 3, 1))
    assert (procurement["procedure"], procurement["category_code"]) == ("simplified", "15860000")


def test_what_no_extract_states_is_unknown(tmp_path: Path) -> None:
    nothing = dict.fromkeys(
        ("Förfarande", "Upphandlingsslag", "Direktivstyrd", "Reserverad upphandling", "Överprövad"), ""
    )
    row = {**nothing, "Huvudsaklig CPV-kod": "00000000 Uppgift saknas"}
    procurement = only(judged(tmp_path, p=extract(PROCUREMENTS, row)), "procurements")
    assert procurement["procedure"] == "unknown"
    assert procurement["works"] is False
    assert procurement["category_code"] is None
    assert procurement["above_threshold"] is procurement["reserved"] is procurement["review_outcome"] is None


@pytest.mark.parametrize(
    ("column", "word", "own", "value"),
    [
        ("Upphandlingsslag", "Byggentreprenader", "works", True),
        ("Förfarande", "Urvalsförfarande", "procedure", "selective"),
        ("Förfarande", "Förhandlat förfarande med föregående annonsering", "procedure", "negotiated"),
        ("Förfarande", "Annat förfarande", "procedure", "own_procedure"),
        ("Dynamiskt inköpssystem", "True", "procedure", "dps_setup"),
        ("Reserverad upphandling", "true", "reserved", True),
        ("Överprövad", "true", "review_outcome", "okänt"),
    ],
)
def test_the_publishers_words_become_our_codes(
    tmp_path: Path, column: str, word: str, own: str, value: object
) -> None:
    procurement = only(judged(tmp_path, p=extract(PROCUREMENTS, {column: word})), "procurements")
    assert procurement[own] == value
    assert procurement["review_applied_date"] is None


def test_counts_are_summed_and_two_equal_rows_are_two_tenders(tmp_path: Path) -> None:
    row = {"Antal anbud, Summa": "2"}
    run = judged(tmp_path, t=extract(TENDERS, row, row, {"Antal anbud, Summa": "1"}))
    assert only(run, "lots")["tenders_received"] == 5
    assert run.count("uhm_statistics/t.csv") == (3, 3, 0, 0, 0)


@pytest.mark.parametrize("placeholder", ["0", "1"])
def test_a_value_of_0_or_1_is_a_placeholder(tmp_path: Path, placeholder: str) -> None:
    value = {"Kontrakterat värde, Summa": placeholder}
    run = judged(tmp_path, v=extract(VALUES, value), t=extract(TENDERS, {}))
    assert only(run, "procurements")["estimated_value"] is None
    assert only(run, "lots")["contract_value"] is None


def test_a_value_for_several_lots_is_the_procurements_and_no_lots(tmp_path: Path) -> None:
    run = judged(tmp_path, v=extract(VALUES, {}), t=extract(TENDERS, {}, {"Anbudsområdes-ID": "CAN-2"}))
    assert only(run, "procurements")["estimated_value"] == Decimal(250000)
    assert run.rows("lots")["contract_value"].to_list() == [None, None]


def test_a_lot_known_from_its_contract_alone_has_unknown_tenders(tmp_path: Path) -> None:
    assert only(judged(tmp_path, c=extract(CONTRACTED, {})), "lots")["tenders_received"] is None


# -- suppliers -----------------------------------------------------------------------------------------


def test_a_supplier_is_known_by_its_name_without_regard_to_case_and_spacing(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        c=extract(CONTRACTED, {}, {"Upphandlings-ID": "MT2", "Namn för leverantör": "ROSTERIET  ab"}),
    )
    assert only(run, "suppliers")["supplier_name"] == "Rosteriet AB"
    assert run.rows("contracts").height == 2


def test_masked_persons_are_not_taken_for_one_supplier(tmp_path: Path) -> None:
    masked = {"Namn för leverantör": "Personuppgift", "Juridisk form för leverantör": "Fysiska personer"}
    run = judged(tmp_path, c=extract(CONTRACTED, masked, masked))
    assert run.rows("suppliers")["supplier_name"].to_list() == ["Personuppgift"] * 2
    assert all(id_.startswith("DOLD-") for id_ in run.rows("suppliers")["supplier_id"])
    assert run.rows("contracts")["contract_id"].n_unique() == 1


def test_a_natural_persons_name_is_not_published_where_the_publisher_left_it(tmp_path: Path) -> None:
    named = {"Namn för leverantör": "Kim Ek", "Juridisk form för leverantör": "Fysiska personer"}
    run = judged(tmp_path, c=extract(CONTRACTED, named))
    assert only(run, "suppliers")["supplier_name"] == "Personuppgift"


# -- buyers --------------------------------------------------------------------------------------------


def test_only_members_and_delivered_buyers_are_the_organisations(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        organisation='organisation: en\nmembers: ["212000-0142"]\n',
        p=extract(
            PROCUREMENTS, {}, {"Upphandlings-ID": "MT2", "Organisationsnummer för köpare": "2120001355"}
        ),
        c=extract(CONTRACTED, {}, {"Upphandlings-ID": "MT2", "Organisationsnummer för köpare": "2120001355"}),
    )
    assert only(run, "organisations")["member_code"] == "212000-0142"
    for source in ("procurements", "participants", "lots", "contracts"):
        assert run.rows(source)["source_row"].to_list() == [2]
    assert run.count("uhm_statistics/p.csv") == (2, 2, 0, 0, 0)
    assert "other_buyers" in rules(run, "warning")


def test_a_buyer_that_the_board_has_delivered_keeps_its_unit(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        organisation='organisation: prov\nmembers: ["9101", "9102"]\n',
        base=True,
        p=extract(PROCUREMENTS, {}),
    )
    assert set(run.rows("organisations")["origin"]) == {"register"}
    participants = run.rows("participants").filter(procurement_id="MT1")
    assert participants["unit_id"].to_list() == ["u1"]


def test_the_boards_own_register_wins(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        organisation='organisation: prov\nmembers: ["9101", "9102"]\n',
        base=True,
        p=extract(PROCUREMENTS, {"Upphandlings-ID": "P1"}),
        t=extract(TENDERS, {"Upphandlings-ID": "P1"}),
    )
    assert run.rows("procurements").filter(procurement_id="P1")["title"].to_list() == ["Kaffe"]
    assert set(run.rows("procurements")["origin"]) == {"register"}
    assert set(run.rows("participants")["origin"]) == {"register"}
    assert only(run, "lots")["procurement_id"] == "P1"


def test_a_register_too_big_for_a_table_is_given_its_rows_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "TABLE_UP_TO_ROWS", 0)
    run = judged(tmp_path, base=True, p=extract(PROCUREMENTS, {}))
    assert sorted(run.rows("procurements")["procurement_id"]) == ["MT1", "P1", "P2"]
    assert run.rows("participants").filter(procurement_id="MT1")["unit_id"].to_list() == ["u1"]
    assert run.count("procurements/p.csv") == (2, 2, 0, 0, 0)


def test_a_failing_check_digit_is_a_warning_and_a_wrong_length_is_quarantined(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        p=extract(
            PROCUREMENTS,
            {"Organisationsnummer för köpare": "2120000143"},
            {"Upphandlings-ID": "MT2", "Organisationsnummer för köpare": "0145076-7"},
        ),
    )
    assert rules(run, "warning") == ["check_digit"]
    assert rules(run, "error") == ["unreadable_orgnr"]
    assert only(run, "organisations")["unit_id"] == "2120000143"


def test_a_foreign_buyers_number_comes_in_through_the_organisations_own_translation(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        organisation=ALL + 'values: {uhm_statistics: {buyer_orgnr: {"0145076-7": FI01450767}}}\n',
        p=extract(PROCUREMENTS, {"Organisationsnummer för köpare": "0145076-7"}),
    )
    assert only(run, "organisations")["unit_id"] == "FI01450767"


def test_a_buyer_who_is_a_person_is_pseudonymised(tmp_path: Path) -> None:
    person = {"Organisationsnummer för köpare": "8112189876", "Namn för köpare": "KIM EK"}
    unit = only(judged(tmp_path, p=extract(PROCUREMENTS, person)), "organisations")
    assert unit["unit_id"].startswith("PN-")
    assert unit["unit_name"].startswith("Privatperson ")


def test_a_result_with_another_buyer_is_warned_of_and_the_procurements_buyer_stands(tmp_path: Path) -> None:
    run = judged(
        tmp_path,
        p=extract(PROCUREMENTS, {}),
        t=extract(TENDERS, {"Organisationsnummer för köpare": "2120001355"}),
    )
    assert rules(run, "warning") == ["dates_derived", "uhm_buyer_differs_tenders"]
    assert only(run, "participants")["unit_id"] == "2120000142"


# -- categories ----------------------------------------------------------------------------------------


def test_a_cpv_code_is_named_and_grouped_by_its_division(tmp_path: Path) -> None:
    run = judged(tmp_path, p=extract(PROCUREMENTS, {}))
    category = only(run, "categories")
    assert (category["category_code"], category["category_name"]) == ("15860000", "Kaffe och te")
    assert (category["group_code"], category["group_name"]) == ("15", "Livsmedel, drycker, tobak o d")
    assert not run.reconciled.sources["categories"].is_delivered


def test_a_division_is_not_mixed_up_with_a_group_of_the_boards_own(tmp_path: Path) -> None:
    own = "category_code;category_name;group_code;group_name\nK1;Gym;15;Friskvård\n"
    extracts = {"uhm_statistics/p.csv": extract(PROCUREMENTS, {}), "categories/k.csv": own}
    run = Judged(deliver(tmp_path, extracts, ALL, base=False))
    groups = {row["category_code"]: row["group_code"] for row in run.rows("categories").to_dicts()}
    assert groups == {"K1": "15", "15860000": "CPV 15"}


def test_the_boards_own_categories_know_better(tmp_path: Path) -> None:
    own = "category_code;category_name;group_code;group_name\n15860000;Kaffe;03;Livsmedel\n"
    extracts = {"uhm_statistics/p.csv": extract(PROCUREMENTS, {}), "categories/k.csv": own}
    assert only(Judged(deliver(tmp_path, extracts, ALL, base=False)), "categories")["group_code"] == "03"


# -- files ---------------------------------------------------------------------------------------------


def test_the_same_extract_again_is_repeated(tmp_path: Path) -> None:
    text = extract(TENDERS, {}, {})
    run = judged(tmp_path, t_1=text, t_2=text)
    assert run.count("uhm_statistics/t_1.csv") == (2, 2, 0, 0, 0)
    assert run.count("uhm_statistics/t_2.csv") == (2, 0, 0, 2, 0)
    assert only(run, "lots")["tenders_received"] == 6


def test_a_later_edition_replaces_all_rows_of_a_lot(tmp_path: Path) -> None:
    run = judged(tmp_path, t_1=extract(TENDERS, {}, {}), t_2=extract(TENDERS, {"Antal anbud, Summa": "4"}))
    assert only(run, "lots")["tenders_received"] == 4
    assert run.superseded("uhm_statistics/t_1.csv") == 2


def test_an_extract_does_not_supersede_another_extract(tmp_path: Path) -> None:
    run = judged(tmp_path, a=extract(TENDERS, {}), b=extract(CONTRACTED, {}))
    assert only(run, "lots")["tenders_received"] == 3
    assert run.rows("contracts").height == 1


@pytest.mark.parametrize(
    "text", [extract({}, {}), extract({**TENDERS, **VALUES}, {})], ids=["no measure", "two measures"]
)
def test_a_file_that_is_not_one_extract_is_refused(tmp_path: Path, text: str) -> None:
    run = judged(tmp_path, p=extract(PROCUREMENTS, {}), x=text)
    assert run.count("uhm_statistics/x.csv") == (1, 0, 1, 0, 0)
    assert run.reconciled.sources["uhm_statistics"].rejected_files == ("raw/uhm_statistics/x.csv",)
    assert rules(run, "error") == ["file.uhm_not_one_extract"]
    assert run.stopped


def test_a_contracted_row_without_supplier_is_quarantined(tmp_path: Path) -> None:
    run = judged(tmp_path, c=extract(CONTRACTED, {}, {"Namn för leverantör": ""}))
    assert run.count("uhm_statistics/c.csv") == (2, 1, 1, 0, 0)
    assert rules(run, "error") == ["uhm_contracted_row_whole"]


def test_more_contracted_than_received_tenders_is_warned_of(tmp_path: Path) -> None:
    run = judged(tmp_path, t=extract(TENDERS, {"Antal anbud, Summa": "1"}), c=extract(CONTRACTED, {}, {}))
    assert "uhm_more_contracted_than_received" in rules(run, "warning")


def test_without_statistics_nothing_is_derived(tmp_path: Path) -> None:
    run = Judged(deliver(tmp_path, {}))
    assert "uhm_statistics" not in run.reconciled.sources
    assert set(run.rows("procurements")["origin"]) == {"register"}

"""Keys, repeats, corrections and references, each on deliveries small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deliveries import BASE, INVOICE_HEADER, ORGANISATION, UNNUMBERED_HEADER, Judged, deliver

P_HEADER = "procurement_id;title;category_code;procedure;announced_date;completed_date\n"
LINE = "u1;1;1;5560004615;2021-02-01;2021-02-03;4010;100,50\n"


def test_an_identical_repeat_in_a_later_file_is_counted_and_dropped(tmp_path: Path) -> None:
    judged = Judged(
        deliver(tmp_path, {"procurements/p_2.csv": P_HEADER + "P1;Kaffe;K1;open;2021-01-10;2021-03-01\n"})
    )
    assert judged.count("procurements/p.csv") == (2, 2, 0, 0, 0)
    assert judged.count("procurements/p_2.csv") == (1, 0, 0, 1, 0)
    assert judged.superseded("procurements/p_2.csv") == 0
    assert judged.issues("correction", "procurements") == []


def test_a_different_row_in_a_later_file_is_a_correction(tmp_path: Path) -> None:
    judged = Judged(
        deliver(tmp_path, {"procurements/p_2.csv": P_HEADER + "P1;Kakao;K1;open;2021-01-10;2021-03-01\n"})
    )
    assert judged.count("procurements/p.csv") == (2, 1, 0, 1, 0)
    assert judged.superseded("procurements/p.csv") == 1
    assert judged.count("procurements/p_2.csv") == (1, 1, 0, 0, 0)
    [correction] = judged.issues("correction", "procurements")
    assert correction["column_name"] == "title"
    assert correction["raw_value"] == "Kakao"
    assert "Kaffe" in str(correction["message_sv"])
    assert "raw/procurements/p.csv rad 2" in str(correction["message_sv"])
    assert judged.rows("procurements")["title"].to_list() == ["Kakao", "Te"]


def test_a_value_that_comes_back_is_a_new_correction(tmp_path: Path) -> None:
    files = {
        "procurements/p_2.csv": P_HEADER + "P1;Kakao;K1;open;2021-01-10;2021-03-01\n",
        "procurements/p_10.csv": P_HEADER + "P1;Kaffe;K1;open;2021-01-10;2021-03-01\n",
    }
    judged = Judged(deliver(tmp_path, files))
    assert judged.count("procurements/p.csv") == (2, 1, 0, 1, 0)
    assert judged.count("procurements/p_2.csv") == (1, 0, 0, 1, 0)
    assert judged.count("procurements/p_10.csv") == (1, 1, 0, 0, 0)
    assert len(judged.issues("correction", "procurements")) == 2


def test_a_file_that_is_removed_lets_what_it_superseded_stand_again(tmp_path: Path) -> None:
    workspace = deliver(
        tmp_path, {"procurements/p_2.csv": P_HEADER + "P1;Kakao;K1;open;2021-01-10;2021-03-01\n"}
    )
    assert Judged(workspace).rows("procurements")["title"].to_list() == ["Kakao", "Te"]
    (workspace.raw / "procurements" / "p_2.csv").unlink()
    assert Judged(workspace).rows("procurements")["title"].to_list() == ["Kaffe", "Te"]


def test_only_an_accepted_row_supersedes(tmp_path: Path) -> None:
    judged = Judged(
        deliver(tmp_path, {"procurements/p_2.csv": P_HEADER + "P1;Kakao;K1;open;2021-05-10;2021-03-01\n"})
    )
    assert judged.count("procurements/p.csv") == (2, 2, 0, 0, 0)
    assert judged.count("procurements/p_2.csv") == (1, 0, 1, 0, 0)


def test_two_different_rows_with_one_key_in_one_file_are_an_error_for_both(tmp_path: Path) -> None:
    files = {"procurements/p.csv": BASE["procurements/p.csv"] + "P1;Kakao;K1;open;2021-01-10;2021-03-01\n"}
    judged = Judged(deliver(tmp_path, files))
    assert judged.count("procurements/p.csv") == (3, 1, 2, 0, 0)
    assert {issue["rule"] for issue in judged.issues("error", "procurements")} == {"conflicting_rows"}


def test_two_equal_rows_in_one_file_are_one_row_repeated(tmp_path: Path) -> None:
    files = {"procurements/p.csv": BASE["procurements/p.csv"] + "P1;Kaffe;K1;open;2021-01-10;2021-03-01\n"}
    judged = Judged(deliver(tmp_path, files))
    assert judged.count("procurements/p.csv") == (3, 2, 0, 1, 0)


def test_a_row_of_a_quarantined_parent_names_the_parent_and_is_no_error_of_its_own(tmp_path: Path) -> None:
    files = {
        "procurements/p.csv": P_HEADER
        + "P1;Kaffe;K1;open;2021-05-10;2021-03-01\nP2;Te;K1;open;2021-02-10;2021-04-01\n"
    }
    judged = Judged(deliver(tmp_path, files))
    assert judged.count("participants/d.csv") == (3, 1, 2, 0, 0)
    participants = judged.reconciled.sources["participants"]
    assert (participants.own_errors, participants.lost_with_parent) == (0, 2)
    assert judged.stopped, "two rows lost with a parent pass a tolerance of one"
    assert participants.parents_to_mend == ("raw/procurements/p.csv rad 2",)
    [first, _] = judged.issues("error", "participants")
    assert "raw/procurements/p.csv rad 2" in str(first["message_sv"])


def test_a_broken_reference_is_an_error_of_its_own(tmp_path: Path) -> None:
    judged = Judged(deliver(tmp_path, {"participants/e.csv": "procurement_id;unit_id\nP9;u1\n"}))
    assert judged.count("participants/e.csv") == (1, 0, 1, 0, 0)
    assert judged.reconciled.sources["participants"].own_errors == 1
    assert not judged.stopped, "one error is within the tolerance"


def test_a_second_error_passes_the_tolerance_and_accepting_quarantine_waives_it(tmp_path: Path) -> None:
    workspace = deliver(tmp_path, {"participants/e.csv": "procurement_id;unit_id\nP9;u1\nP8;u1\n"})
    assert Judged(workspace).stopped
    assert not Judged(workspace, accept=True).stopped


def test_a_quarantined_row_that_a_later_file_answers_is_no_open_error(tmp_path: Path) -> None:
    files = {
        "procurements/p_2.csv": P_HEADER
        + "P3;Saft;K1;opn;2021-01-10;2021-03-01\nP4;Saft;K1;opn;2021-01-10;2021-03-01\n",
        "procurements/p_3.csv": P_HEADER
        + "P3;Saft;K1;open;2021-01-10;2021-03-01\nP4;Saft;K1;open;2021-01-10;2021-03-01\n",
    }
    judged = Judged(deliver(tmp_path, files))
    assert judged.count("procurements/p_2.csv") == (2, 0, 2, 0, 0)
    assert judged.reconciled.sources["procurements"].own_errors == 0
    assert [issue["is_open"] for issue in judged.issues("error", "procurements")] == [False, False]
    assert not judged.stopped


def test_an_earlier_row_answers_nothing(tmp_path: Path) -> None:
    judged = Judged(
        deliver(tmp_path, {"procurements/p_2.csv": P_HEADER + "P1;Kaffe;K1;opn;2021-01-10;2021-03-01\n"})
    )
    assert judged.reconciled.sources["procurements"].own_errors == 1


def test_overlapping_account_ranges_are_an_error_for_both(tmp_path: Path) -> None:
    files = {"accounts/k.csv": "account_from;account_to;purchase\n4000;4999;ja\n4500;5999;ja\n6000;6999;ja\n"}
    judged = Judged(deliver(tmp_path, files))
    assert judged.count("accounts/k.csv") == (3, 1, 2, 0, 0)


def test_what_a_fallen_row_had_superseded_stands_again(tmp_path: Path) -> None:
    files = {
        "accounts/k_1.csv": "account_from;account_to;category_code;purchase\n4000;4999;K1;ja\n",
        "accounts/k_2.csv": "account_from;account_to;category_code;purchase\n4000;4999;K2;ja\n4500;5999;K2;ja\n",
    }
    judged = Judged(deliver(tmp_path, files))
    # The two rows of the second file overlap and fall; the first file's row stands, and overlaps nothing any more.
    assert judged.count("accounts/k_2.csv") == (2, 0, 2, 0, 0)
    assert judged.count("accounts/k_1.csv") == (1, 1, 0, 0, 0)


def test_two_targets_for_one_day_are_an_error_for_both(tmp_path: Path) -> None:
    header = "organisation;plan_id;kpi_id;valid_from;valid_to;member_code;operator;target_value\n"
    rows = (
        "prov;a;bids_mean;2021-01-01;2021-12-31;;>=;3\n"
        "prov;b;bids_mean;2021-12-31;2022-12-31;;>=;4\n"
        "prov;b;bids_mean;2021-01-01;;9101;>=;4\n"
    )
    judged = Judged(deliver(tmp_path, {"targets/m.csv": header + rows}))
    assert judged.count("targets/m.csv") == (3, 1, 2, 0, 0)


def test_class_and_ceiling_may_not_differ_within_a_contract_but_validity_may(tmp_path: Path) -> None:
    header = "contract_id;supplier_id;category_code;valid_from;valid_to;contract_class;ceiling_value\n"
    rows = (
        "A1;5560004615;K1;2021-01-01;2021-12-31;A;100\nA1;2021005489;K1;2021-03-01;;A;100\n"
        "A2;5560004615;K1;2021-01-01;;A;100\nA2;2021005489;K1;2021-01-01;;B;100\n"
    )
    judged = Judged(deliver(tmp_path, {"contracts/a.csv": header + rows}))
    assert judged.count("contracts/a.csv") == (4, 2, 2, 0, 0)


def test_two_equal_unnumbered_invoice_rows_are_two_lines(tmp_path: Path) -> None:
    row = "u1;1;5560004615;2021-02-01;2021-02-03;4010;100,50\n"
    judged = Judged(deliver(tmp_path, {"invoices/i.csv": UNNUMBERED_HEADER + row + row}))
    assert judged.count("invoices/i.csv") == (2, 2, 0, 0, 0)
    assert judged.rows("invoices")["line_no"].to_list() == [1, 2]


def test_a_later_unnumbered_file_replaces_the_whole_invoice(tmp_path: Path) -> None:
    row = "u1;1;5560004615;2021-02-01;2021-02-03;4010;{}\n"
    files = {
        "invoices/i_1.csv": UNNUMBERED_HEADER + row.format(100) + row.format(200) + row.format(300),
        "invoices/i_2.csv": UNNUMBERED_HEADER + row.format(100) + row.format(250),
    }
    judged = Judged(deliver(tmp_path, files))
    assert judged.count("invoices/i_1.csv") == (3, 0, 0, 3, 0)
    assert judged.superseded("invoices/i_1.csv") == 3
    assert judged.count("invoices/i_2.csv") == (2, 2, 0, 0, 0)


def test_the_same_unnumbered_invoice_again_is_a_repeat(tmp_path: Path) -> None:
    text = (
        UNNUMBERED_HEADER
        + "u1;1;5560004615;2021-02-01;2021-02-03;4010;100\nu1;1;5560004615;2021-02-01;2021-02-03;4010;50\n"
    )
    judged = Judged(deliver(tmp_path, {"invoices/i_1.csv": text, "invoices/i_2.csv": text}))
    assert judged.count("invoices/i_1.csv") == (2, 2, 0, 0, 0)
    assert judged.count("invoices/i_2.csv") == (2, 0, 0, 2, 0)
    assert judged.superseded("invoices/i_2.csv") == 0


def test_voucher_numbers_start_again_every_year(tmp_path: Path) -> None:
    rows = LINE + "u1;1;1;5560004615;2022-02-01;2022-02-03;4010;7\n"
    judged = Judged(deliver(tmp_path, {"invoices/i.csv": INVOICE_HEADER + rows}))
    assert judged.count("invoices/i.csv") == (2, 2, 0, 0, 0)
    assert sorted(judged.rows("invoices")["fiscal_year"].to_list()) == [2021, 2022]


def test_a_buyer_is_looked_up_by_organisation_number(tmp_path: Path) -> None:
    header = INVOICE_HEADER.replace("buyer_unit_id", "buyer_orgnr")
    rows = LINE.replace("u1", "2120000142") + LINE.replace("u1", "5567037485").replace(";1;1;", ";2;1;")
    judged = Judged(deliver(tmp_path, {"invoices/i.csv": header + rows}))
    assert judged.count("invoices/i.csv") == (2, 1, 1, 0, 0)
    assert judged.rows("invoices")["buyer_unit_id"].to_list() == ["u1"]


def test_another_currency_needs_a_rate_on_or_before_the_invoice_date(tmp_path: Path) -> None:
    header = INVOICE_HEADER.replace("\n", ";currency\n")
    rows = LINE.replace("\n", ";EUR\n") + LINE.replace("u1;1;", "u1;2;").replace(
        "2021-02-01", "2021-01-01"
    ).replace("\n", ";EUR\n")
    rates = {"exchange_rates/r.csv": "currency;date;sek_per_unit\nEUR;2021-01-15;10,25\n"}
    judged = Judged(deliver(tmp_path, {"invoices/i.csv": header + rows, **rates}))
    assert judged.count("invoices/i.csv") == (2, 1, 1, 0, 0)


def test_a_category_is_checked_only_where_categories_are_delivered(tmp_path: Path) -> None:
    assert not Judged(deliver(tmp_path / "a", {})).issues("error", "procurements")
    header = "category_code;category_name;group_code;group_name\n"
    judged = Judged(deliver(tmp_path / "b", {"categories/k.csv": header + "K2;Bröd;G1;Mat\n"}))
    assert judged.count("procurements/p.csv") == (2, 0, 2, 0, 0)


def test_a_missing_required_source_stops(tmp_path: Path) -> None:
    files = {name: text for name, text in BASE.items() if not name.startswith("participants")}
    workspace = deliver(tmp_path, files, base=False)
    judged = Judged(workspace, accept=True)
    assert judged.stopped, "accepting quarantine does not put a missing register in its place"


def test_a_rejected_file_stops_and_its_rows_count_as_quarantined(tmp_path: Path) -> None:
    judged = Judged(deliver(tmp_path, {"suppliers/s.csv": "leverantör;anställda\nA;1\nB;2\n"}))
    assert judged.count("suppliers/s.csv") == (2, 0, 2, 0, 0)
    assert judged.stopped


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"]])
def test_the_order_of_rows_in_a_file_is_irrelevant(tmp_path: Path, order: list[str]) -> None:
    rows = {"a": "P1;u1\n", "b": "P1;u2\n"}
    files = {"participants/d.csv": "procurement_id;unit_id\n" + "".join(rows[key] for key in order)}
    judged = Judged(deliver(tmp_path, files))
    assert judged.rows("participants").select("procurement_id", "unit_id").rows() == [
        ("P1", "u1"),
        ("P1", "u2"),
    ]


def test_an_unknown_folder_is_told_and_does_not_stop(tmp_path: Path) -> None:
    judged = Judged(deliver(tmp_path, {"fakturor/i.csv": INVOICE_HEADER + LINE}))
    assert not judged.stopped
    [verdict] = [v for v in judged.verdicts if v.name == "every_folder_is_a_source"]
    assert not verdict.success
    assert "fakturor" in verdict.examples


def test_settings_name_the_nearest_known_key(tmp_path: Path) -> None:
    from dagster_project.settings import SettingsError

    with pytest.raises(SettingsError, match="tolerances"):
        Judged(deliver(tmp_path, {}, organisation=ORGANISATION + "tolerence: {default: 0.1}\n"))

"""Rows that answer a delivered row by its reference: they stand in its place, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import duckdb

from dagster_project.contracts import load_contracts
from dagster_project.flow.answers import content_of, parquet_of
from dagster_project.flow.ingest import deliveries
from dagster_project.flow.parse import parse_delivery
from dagster_project.flow.values.identity import pseudonym_key
from dagster_project.flow.values.references import Place, write_reference
from dagster_project.settings import Workspace, load_settings
from tests.deliveries import INVOICE_HEADER, UNNUMBERED_HEADER, Judged, deliver

ROW = "u1;{};5560004615;2021-02-01;2021-02-03;4010;{}\n"
NUMBERED = "u1;{};{};5560004615;2021-02-01;2021-02-03;4010;{}\n"
P_HEADER = "procurement_id;title;category_code;procedure;announced_date;completed_date\n"


def references(workspace: Workspace, file: str) -> dict[int, str]:
    """Row number → its reference, for every row of raw/<file>."""
    source = load_contracts()[file.split("/")[0]]
    key = pseudonym_key(workspace)
    [delivery] = [one for one in deliveries(workspace) if one.file == f"raw/{file}"]
    parsed = parse_delivery(delivery, source, load_settings(workspace.settings_file), workspace)
    query = " union all ".join(
        f"select _row, {content_of(source)} from {parquet_of(parsed, part)}" for part in ("rows", "bad")
    )
    return {
        row: write_reference(key, source.name, Place(delivery.file, "", row, content))
        for row, content in duckdb.sql(query).fetchall()
    }


def answer(workspace: Workspace, name: str, header: str, rows: list[tuple[str, str]]) -> None:
    """Deliver raw/<name>: rows with their references."""
    text = "Vad är fel;" + header.replace("\n", ";Radreferens\n")
    text += "".join("fel;" + row.replace("\n", f";{reference}\n") for row, reference in rows)
    (workspace.raw / name).write_text(text, encoding="utf-8")


def lines(judged: Judged) -> list[tuple[object, ...]]:
    columns = ("invoice_id", "line_no", "amount_net", "source_file")
    return [
        (invoice, line, int(amount), str(file).rpartition("/")[2])
        for invoice, line, amount, file in sorted(judged.rows("invoices").select(columns).rows())
    ]


def test_a_mended_line_of_an_unnumbered_invoice_leaves_the_other_lines_standing(tmp_path: Path) -> None:
    text = UNNUMBERED_HEADER + ROW.format(1, 100) + ROW.format(1, "2oo") + ROW.format(1, 300)
    workspace = deliver(tmp_path, {"invoices/i.csv": text})
    known = references(workspace, "invoices/i.csv")
    answer(workspace, "invoices/a.csv", UNNUMBERED_HEADER, [(ROW.format(1, 200), known[3])])
    judged = Judged(workspace)
    assert lines(judged) == [("1", 1, 100, "i.csv"), ("1", 2, 200, "a.csv"), ("1", 3, 300, "i.csv")]
    assert judged.count("invoices/i.csv") == (3, 2, 1, 0, 0)
    assert judged.count("invoices/a.csv") == (1, 1, 0, 0, 0)
    assert [issue["is_open"] for issue in judged.issues("error", "invoices")] == [False]
    assert judged.reconciled.sources["invoices"].own_errors == 0
    assert judged.issues("warning", "invoices") == [], "the workbook's own columns are known"


def test_a_later_file_replaces_the_mended_invoice_whole(tmp_path: Path) -> None:
    text = UNNUMBERED_HEADER + ROW.format(1, 100) + ROW.format(1, "2oo")
    later = UNNUMBERED_HEADER + ROW.format(1, 500)
    same = UNNUMBERED_HEADER + ROW.format(1, 100) + ROW.format(1, 200)
    for name, last, expected in (
        ("other", later, [("1", 1, 500, "i2.csv")]),
        ("same", same, [("1", 1, 100, "i1.csv"), ("1", 2, 200, "z.csv")]),
    ):
        workspace = deliver(tmp_path / name, {"invoices/i1.csv": text, "invoices/i2.csv": last})
        known = references(workspace, "invoices/i1.csv")
        answer(workspace, "invoices/z.csv", UNNUMBERED_HEADER, [(ROW.format(1, 200), known[3])])
        assert lines(Judged(workspace)) == expected


def test_a_line_that_belonged_to_no_invoice_gets_the_next_free_number(tmp_path: Path) -> None:
    text = UNNUMBERED_HEADER + ROW.format(1, 100) + ROW.format("", 200) + ROW.format(1, 300)
    workspace = deliver(tmp_path, {"invoices/i.csv": text})
    known = references(workspace, "invoices/i.csv")
    answer(workspace, "invoices/z.csv", UNNUMBERED_HEADER, [(ROW.format(1, 200), known[3])])
    judged = Judged(workspace)
    assert lines(judged) == [("1", 1, 100, "i.csv"), ("1", 2, 300, "i.csv"), ("1", 3, 200, "z.csv")]
    assert judged.reconciled.sources["invoices"].own_errors == 0


def test_a_row_whose_key_was_missing_is_answered_by_its_reference(tmp_path: Path) -> None:
    text = P_HEADER + ";Saft;K1;open;2021-01-10;2021-03-01\nP4;Bröd;K1;open;2021-01-10;2021-03-01\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": text})
    known = references(workspace, "procurements/q.csv")
    mended = "P3;Saft;K1;open;2021-01-10;2021-03-01\n"
    answer(workspace, "procurements/a.csv", P_HEADER, [(mended, known[2])])
    judged = Judged(workspace)
    assert judged.rows("procurements")["procurement_id"].to_list() == ["P1", "P2", "P3", "P4"]
    assert judged.reconciled.sources["procurements"].own_errors == 0
    assert judged.count("procurements/q.csv") == (2, 1, 1, 0, 0)


def test_an_answer_that_is_wrong_again_answers_nothing_and_a_second_one_answers_both(tmp_path: Path) -> None:
    text = P_HEADER + "P3;Saft;K1;opn;2021-01-10;2021-03-01\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": text})
    known = references(workspace, "procurements/q.csv")
    wrong = "P3;Saft;K1;opne;2021-01-10;2021-03-01\n"
    answer(workspace, "procurements/a.csv", P_HEADER, [(wrong, known[2])])
    judged = Judged(workspace)
    assert judged.reconciled.sources["procurements"].own_errors == 2
    right = "P3;Saft;K1;open;2021-01-10;2021-03-01\n"
    answer(workspace, "procurements/b.csv", P_HEADER, [(right, known[2])])
    judged = Judged(workspace)
    assert judged.reconciled.sources["procurements"].own_errors == 0
    assert judged.rows("procurements").height == 3
    again = "P3;Saft och kaka;K1;open;2021-01-10;2021-03-01\n"
    answer(workspace, "procurements/c.csv", P_HEADER, [(again, known[2])])
    judged = Judged(workspace)
    assert judged.rows("procurements")["title"].to_list() == ["Kaffe", "Te", "Saft och kaka"]
    assert judged.superseded("procurements/b.csv") == 1


def test_an_answer_stands_in_the_order_of_the_file_that_it_mends(tmp_path: Path) -> None:
    files = {
        "procurements/q_1.csv": P_HEADER + "P3;Första;K1;open;2021-01-10;2021-03-01\n",
        "procurements/q_2.csv": P_HEADER + "P3;Andra;K1;opn;2021-01-10;2021-03-01\n",
        "procurements/q_3.csv": P_HEADER + "P1;Kaffe;K1;open;2021-01-10;2021-03-01\n",
    }
    workspace = deliver(tmp_path, files)
    known = references(workspace, "procurements/q_2.csv")
    answer(
        workspace,
        "procurements/a.csv",
        P_HEADER,
        [("P3;Andra;K1;open;2021-01-10;2021-03-01\n", known[2])],
    )
    judged = Judged(workspace)
    assert judged.rows("procurements")["title"].to_list() == ["Kaffe", "Te", "Andra"]
    assert judged.superseded("procurements/q_1.csv") == 1
    (workspace.raw / "procurements" / "q_3.csv").write_text(
        P_HEADER + "P3;Tredje;K1;open;2021-01-10;2021-03-01\n", encoding="utf-8"
    )
    judged = Judged(workspace)
    assert judged.rows("procurements")["title"].to_list() == ["Kaffe", "Te", "Tredje"]
    assert judged.superseded("procurements/a.csv") == 1
    assert judged.reconciled.sources["procurements"].own_errors == 0


def test_the_row_is_found_again_where_its_file_has_got_more_rows(tmp_path: Path) -> None:
    bad = "P3;Saft;K1;opn;2021-01-10;2021-03-01\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": P_HEADER + bad})
    known = references(workspace, "procurements/q.csv")
    more = "P4;Bröd;K1;open;2021-01-10;2021-03-01\n"
    (workspace.raw / "procurements" / "q.csv").write_text(P_HEADER + more + bad, encoding="utf-8")
    answer(workspace, "procurements/z.csv", P_HEADER, [(bad.replace("opn", "open"), known[2])])
    judged = Judged(workspace)
    assert judged.reconciled.sources["procurements"].own_errors == 0
    assert judged.rows("procurements").height == 4


def test_an_answer_to_a_row_that_was_mended_in_its_file_is_put_aside_and_told_of(tmp_path: Path) -> None:
    bad = "P3;Saft;K1;opn;2021-01-10;2021-03-01\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": P_HEADER + bad})
    known = references(workspace, "procurements/q.csv")
    mended = bad.replace("opn", "open")
    (workspace.raw / "procurements" / "q.csv").write_text(P_HEADER + mended, encoding="utf-8")
    answer(workspace, "procurements/z.csv", P_HEADER, [(mended.replace("Saft", "Gammalt"), known[2])])
    judged = Judged(workspace)
    assert judged.rows("procurements")["title"].to_list() == ["Kaffe", "Te", "Saft"]
    assert judged.count("procurements/z.csv") == (1, 0, 0, 1, 0)
    assert "reference_gone" in {issue["rule"] for issue in judged.issues("warning", "procurements")}


def test_one_of_two_conflicting_rows_is_enough(tmp_path: Path) -> None:
    one = "P3;Saft;K1;open;2021-01-10;2021-03-01\n"
    text = P_HEADER + one + one.replace("Saft", "Vatten")
    workspace = deliver(tmp_path, {"procurements/q.csv": text})
    known = references(workspace, "procurements/q.csv")
    answer(workspace, "procurements/a.csv", P_HEADER, [(one, known[2])])
    judged = Judged(workspace)
    assert judged.rows("procurements")["title"].to_list() == ["Kaffe", "Te", "Saft"]
    assert judged.count("procurements/q.csv") == (2, 0, 2, 0, 0)
    assert judged.reconciled.sources["procurements"].own_errors == 0


def test_an_answer_cannot_take_the_key_of_another_row_of_its_file(tmp_path: Path) -> None:
    text = P_HEADER + "P3;Saft;K1;open;2021-01-10;2021-03-01\n;Vatten;K1;open;2021-01-10;2021-03-01\n"
    workspace = deliver(tmp_path, {"procurements/q.csv": text})
    known = references(workspace, "procurements/q.csv")
    taken = "P3;Vatten;K1;open;2021-01-10;2021-03-01\n"
    answer(workspace, "procurements/a.csv", P_HEADER, [(taken, known[3])])
    judged = Judged(workspace)
    assert judged.rows("procurements")["title"].to_list() == ["Kaffe", "Te", "Saft"]
    assert "key_taken" in {issue["rule"] for issue in judged.issues("error", "procurements")}
    assert judged.count("procurements/a.csv") == (1, 0, 1, 0, 0)


def test_a_reference_may_stand_on_one_row_only(tmp_path: Path) -> None:
    text = INVOICE_HEADER + NUMBERED.format(1, 1, "1oo")
    workspace = deliver(tmp_path, {"invoices/i.csv": text})
    known = references(workspace, "invoices/i.csv")
    both = [(NUMBERED.format(1, 1, 60), known[2]), (NUMBERED.format(1, 2, 40), known[2])]
    answer(workspace, "invoices/z.csv", INVOICE_HEADER, both)
    judged = Judged(workspace)
    assert judged.count("invoices/z.csv") == (2, 0, 2, 0, 0)
    assert {issue["rule"] for issue in judged.issues("error", "invoices")} >= {"reference_twice"}
    both[1] = (both[1][0], "")
    answer(workspace, "invoices/z.csv", INVOICE_HEADER, both)
    judged = Judged(workspace)
    assert lines(judged) == [("1", 1, 60, "z.csv"), ("1", 2, 40, "z.csv")]
    assert judged.reconciled.sources["invoices"].own_errors == 0


def test_a_mended_row_takes_the_place_of_an_accepted_one(tmp_path: Path) -> None:
    """It was in quarantine when the workbook was written, and is not any more: its parent has come."""
    workspace = deliver(tmp_path, {"participants/e.csv": "procurement_id;unit_id\nP3;u1\n"})
    known = references(workspace, "participants/e.csv")
    parent = P_HEADER + "P3;Saft;K1;open;2021-01-10;2021-03-01\n"
    (workspace.raw / "procurements" / "q.csv").write_text(parent, encoding="utf-8")
    answer(workspace, "participants/a.csv", "procurement_id;unit_id\n", [("P3;u2\n", known[2])])
    judged = Judged(workspace)
    assert judged.count("participants/e.csv") == (1, 0, 0, 1, 0)
    assert judged.superseded("participants/e.csv") == 1
    rows = judged.rows("participants").select("procurement_id", "unit_id").rows()
    assert ("P3", "u2") in rows
    assert ("P3", "u1") not in rows

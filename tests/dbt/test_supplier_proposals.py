"""A proposal's way round: from the ledger to the workbook, past a person, and back as an alias."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import openpyxl
import pytest

from dagster_project.flow import build
from dagster_project.flow.refresh import Refresh
from dagster_project.report.downloads import proposals_name
from dagster_project.report.proposals import HEADING_ROW, write_proposals
from dagster_project.settings import Workspace
from tests.dbt_here import dbt_in
from tests.deliveries import deliver

AS_OF = date(2022, 12, 31)
LEDGER = (
    "buyer_unit_id;invoice_id;line_no;supplier_id;supplier_name;supplier_bankgiro;invoice_date;booking_date;"
    "account;category_code;amount_net\n"
    "u1;1;1;556000-4615;Mejeriet i Byn AB;123-4567;2021-05-01;2021-05-02;4000;K1;100,00\n"
    "u1;2;1;;Mejerit i byn;;2021-05-01;2021-05-02;4000;K1;900,00\n"
    "u1;3;1;;Åkerit Nord;;2021-05-01;2021-05-02;4000;K1;50,00\n"
    "u1;4;1;;=SUM(A1);123-4567;2021-05-01;2021-05-02;4000;K1;20,00\n"
    "u2;5;1;;Bageriet Kringlann;;2021-05-01;2021-05-02;4000;K1;7,00\n"
)
FILES = {
    "invoices/l.csv": LEDGER,
    "suppliers/s.csv": "supplier_id;supplier_name\n556000-4615;Mejeriet i Byn AB\n556012-5790;Åkeriet Nord AB\n"
    "556016-0680;Bageriet Kringlan HB\n",
    "contracts/c.csv": "contract_id;supplier_id;category_code;valid_from\nA1;556000-4615;K1;2021-01-01\n",
    "contract_buyers/b.csv": "contract_id;unit_id\nA1;u1\n",
}


class Round:
    """One run's proposals and the classes of the ledger's invoices."""

    def __init__(self, workspace: Workspace) -> None:
        with Refresh(workspace, AS_OF) as refresh:
            self.issues = refresh.arrive().issues
        told = dbt_in(workspace, "run", "--select", "+supplier_matches", "+dim_member")
        assert all(outcome.startswith("success") for outcome in told.values()), told
        with duckdb.connect(str(build.build_database(workspace)), read_only=True) as con:
            self.proposed = con.execute("select alias, supplier_id from supplier_matches").fetchall()
            self.lines = {
                row[0]: row[1:]
                for row in con.execute(
                    "select invoice_id, supplier_id, supplier_match, compliance_class from fct_invoice_line"
                ).fetchall()
            }
        write_proposals(build.build_database(workspace), workspace.root / "reports", refresh.settings, AS_OF)
        self.workbook = workspace.root / "reports" / proposals_name(AS_OF)


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Round, Round]:
    """Before anybody has answered; and after yes to the dairy, no to the haulier and nothing to the rest."""
    workspace = deliver(tmp_path_factory.mktemp("proposals") / "data", FILES)
    first = Round(workspace)
    answered = answer(first.workbook, {"Mejerit i byn": "ja", "Åkerit Nord": "nej"})
    first_bytes = first.workbook.read_bytes()
    folder = workspace.raw / "supplier_aliases"
    folder.mkdir()
    answered.save(folder / first.workbook.name)
    first.workbook.unlink()
    second = Round(workspace)
    assert second.workbook.read_bytes() != first_bytes
    return first, second


def answer(path: Path, answers: dict[str, str]) -> openpyxl.Workbook:
    """The workbook as a person fills it in."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[HEADING_ROW + 1]]
    alias, confirmed = headings.index("Alias"), headings.index("Bekräftad")
    for row in sheet.iter_rows(min_row=HEADING_ROW + 2):
        assert row[alias].data_type == "s"
        row[confirmed].value = answers.pop(str(row[alias].value), None)
    assert not answers
    return book


def test_names_alike_and_a_shared_bankgiro_are_proposed_by_effect(rounds: tuple[Round, Round]) -> None:
    first, _ = rounds
    assert first.proposed == [
        ("Mejerit i byn", "5560004615"),
        ("Åkerit Nord", "5560125790"),
        ("123-4567", "5560004615"),
        ("Bageriet Kringlann", "5560160680"),
    ]
    assert {first.lines[invoice][2] for invoice in "2345"} == {"unclassified"}


def test_a_confirmed_proposal_classifies_the_line_and_is_not_proposed_again(
    rounds: tuple[Round, Round],
) -> None:
    _, second = rounds
    assert second.lines["2"] == ("5560004615", "name_alias", "on_contract")
    assert "Mejerit i byn" not in dict(second.proposed)


def test_a_refused_proposal_changes_nothing_and_is_not_proposed_again(rounds: tuple[Round, Round]) -> None:
    first, second = rounds
    assert second.lines["3"] == first.lines["3"] == (None, "unknown", "unclassified")
    assert "Åkerit Nord" not in dict(second.proposed)


def test_a_proposal_without_an_answer_changes_nothing_and_stands(rounds: tuple[Round, Round]) -> None:
    first, second = rounds
    for invoice in "45":
        assert second.lines[invoice] == first.lines[invoice] == (None, "unknown", "unclassified")
    assert second.proposed == [("123-4567", "5560004615"), ("Bageriet Kringlann", "5560160680")]


def test_the_workbook_is_delivered_without_an_error_or_a_warning(rounds: tuple[Round, Round]) -> None:
    _, second = rounds
    about = second.issues.filter(second.issues["source"] == "supplier_aliases")
    assert about.rows() == []

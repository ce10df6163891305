"""Whatever is wrong in a delivery: mending its workbooks gives what a delivery without faults would have given."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dagster_project.contracts import load_contracts
from dagster_project.settings import Workspace
from tests.deliveries import Judged, deliver
from tests.mending import mend, workbooks

COLUMNS = {
    "procurements": ("procurement_id", "title", "category_code", "procedure", "announced_date", "completed_date"),
    "participants": ("procurement_id", "unit_id"),
    "suppliers": ("supplier_id", "supplier_name", "employees"),
    "invoices": ("buyer_unit_id", "invoice_id", "supplier_id", "invoice_date", "booking_date", "account", "amount_net"),
}  # fmt: skip
RIGHT = {
    "procurements": [
        (f"P{n}", f"Nr {n}", "0101", "open", "2021-01-10", "2021-03-01") for n in range(1, 5)
    ],
    "participants": [("P1", "u1"), ("P1", "u2"), ("P2", "u1"), ("P3", "u2"), ("P4", "u1")],
    "suppliers": [("8112189876", "Anna Ek", "1"), ("5560004615", "Bolaget AB", "20"), ("2021005489", "Staten", "3")],
    "invoices": [
        (unit, invoice, "5560004615", f"2021-0{month}-01", f"2021-0{month}-03", "4010", f"{amount},50")
        for unit, invoice, month, amount in
        [("u1", "1", 2, 100), ("u1", "1", 2, 200), ("u1", "2", 3, 300), ("u2", "1", 4, 400), ("u2", "1", 4, -50)]
    ],
}  # fmt: skip
WRONG = {
    "procurement_id": ["", "P9"],
    "procedure": ["opn"],
    "announced_date": ["2021-02-30", "2021-12-31"],
    "unit_id": ["u9", ""],
    "supplier_id": ["12", "811218-987"],
    "employees": ["tva", "1.234"],
    "invoice_id": [""],
    "buyer_unit_id": ["u9"],
    "invoice_date": ["igår"],
    "amount_net": ["12,5o", ""],
}
EXEMPT = {"source_file", "source_sheet", "source_row", "line_no"}

ROUNDS = 2  # what hides behind a parent in quarantine is seen when that is mended
KEY = "ab" * 32 + "\n"

Fault = tuple[str, int, str, str]  # source, row, column, wrong text


@st.composite
def faults(draw: st.DrawFn) -> list[Fault]:
    """Wrong cells, at most one in a row."""
    rows = [(source, row) for source, right in RIGHT.items() for row in range(len(right))]
    found = []
    for source, row in draw(st.lists(st.sampled_from(rows), min_size=3, max_size=9, unique=True)):
        column = draw(st.sampled_from([name for name in COLUMNS[source] if name in WRONG]))
        # A key of somebody else would be another row, and no fault that can be seen.
        texts = [
            text
            for text in WRONG[column]
            if (source, column, text) != ("procurements", "procurement_id", "P9")
        ]
        found.append((source, row, column, draw(st.sampled_from(texts))))
    return found


def text_of(source: str, wrong: list[Fault]) -> str:
    rows = [list(row) for row in RIGHT[source]]
    for where, row, column, text in wrong:
        if where == source:
            rows[row][COLUMNS[source].index(column)] = text
    return "".join(";".join(row) + "\n" for row in (COLUMNS[source], *rows))


def delivered(folder: Path, wrong: list[Fault]) -> Workspace:
    files = {f"{source}/{source}.csv": text_of(source, wrong) for source in RIGHT}
    files["procurements/p.csv"] = "procurement_id;title;category_code;procedure\n"
    files["participants/d.csv"] = "procurement_id;unit_id\n"
    workspace = deliver(folder, files)
    workspace.secrets.mkdir(mode=0o700)
    (workspace.secrets / "pseudonym.key").write_text(KEY, encoding="ascii")  # the same pseudonyms everywhere
    return workspace


def figures(judged: Judged) -> dict[str, list[tuple[object, ...]]]:
    """Every accepted row, without where it was delivered; a line may have got another number in its invoice."""
    return {
        source: sorted(judged.rows(source).drop(EXEMPT, strict=False).rows(), key=repr) for source in RIGHT
    }


def mend_all(workspace: Workspace, wrong: list[Fault]) -> None:
    for path in workbooks(workspace):
        source = path.stem.split("-")[-2]
        labels = {column.name: column.label_sv for column in load_contracts()[source].columns}

        def change(
            row: dict[str, object], source: str = source, labels: Mapping[str, str] = labels
        ) -> dict[str, object]:
            place = str(row["Radreferens"])
            assert place.startswith(f"raw/{source}/{source}.csv | rad ")
            number = int(place.split(" | rad ")[1].split(" | ")[0]) - 2
            columns = [column for where, at, column, _ in wrong if (where, at) == (source, number)]
            right = dict(zip(COLUMNS[source], RIGHT[source][number], strict=True))
            # A procurement's own fault makes no error of those that refer to it.
            return {labels[column]: right[column] for column in columns}

        mend(workspace, path, change)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    """The figures' rows of a delivery without faults."""
    return figures(Judged(delivered(tmp_path_factory.mktemp("clean"), [])))


@given(faults())
@settings(deadline=None, max_examples=3, derandomize=True, phases=[Phase.generate])
def test_mended_workbooks_give_what_a_delivery_without_faults_gives(
    expected: dict[str, list[tuple[object, ...]]], wrong: list[Fault]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = delivered(Path(folder), wrong)
        judged = Judged(workspace)
        assert sum(count.rows_quarantined for count in judged.reconciled.files) >= 1
        for _ in range(ROUNDS):
            if workbooks(workspace):
                mend_all(workspace, wrong)
                judged = Judged(workspace)
        assert workbooks(workspace) == []
        assert figures(judged) == expected
        assert not judged.reconciled.issues.filter(pl.col("severity") == "error")["is_open"].any()
        for count in judged.reconciled.files:
            parts = (count.rows_accepted, count.rows_quarantined, count.rows_repeated, count.rows_skipped)
            assert count.rows_read == sum(parts)

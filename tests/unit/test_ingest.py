"""Finding deliveries, and reading Parquet."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from dagster_project.flow.ingest import Delivery, UnreadableDelivery, deliveries, natural_key, read_tables
from dagster_project.settings import Workspace

KNOWN = {"id", "amount", "date"}


def score(cells: list[str]) -> int:
    return sum(cell.casefold() in KNOWN for cell in cells)


def delivery(path: Path) -> Delivery:
    return Delivery("s", path, f"raw/s/{path.name}", "", 0, datetime.now(tz=UTC))


def test_nine_comes_before_ten_whatever_the_case() -> None:
    names = ["a_10.csv", "A_9.csv", "b.csv", "a_009b.csv"]
    assert sorted(names, key=natural_key) == ["A_9.csv", "a_009b.csv", "a_10.csv", "b.csv"]


def test_every_file_below_a_source_is_a_delivery_but_those_of_the_system(tmp_path: Path) -> None:
    wanted = ["invoices/2021/b_10.csv", "invoices/2021/b_9.csv", "lots/x.csv"]
    others = ["invoices/.hidden", "invoices/~$b.xlsx", "invoices/Thumbs.db", "invoices/.git/x.csv"]
    for name in [*wanted, *others, "lots/Desktop.ini", "loose.csv"]:
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"id\n")
    found = deliveries(Workspace(tmp_path))
    assert [(d.source, d.file) for d in found] == [
        ("invoices", "raw/invoices/2021/b_9.csv"),
        ("invoices", "raw/invoices/2021/b_10.csv"),
        ("lots", "raw/lots/x.csv"),
    ]
    assert found[0].sha256 == hashlib.sha256(b"id\n").hexdigest()
    assert (found[0].size, found[0].modified_at.tzinfo) == (3, UTC)


def test_no_data_folder_is_no_deliveries(tmp_path: Path) -> None:
    assert deliveries(Workspace(tmp_path / "none")) == []


@pytest.mark.parametrize("name", ["a.pdf", "a.xls", "a.docx", "a"])
def test_an_unknown_form_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    with pytest.raises(UnreadableDelivery) as refused:
        read_tables(delivery(path), score)
    assert refused.value.rule == "unsupported_format"


def test_parquet_is_read_as_text_with_the_headings_as_row_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {"ID": ["00", None, "2"], "amount": [1.234, None, 5.0], "date": [None, None, datetime(2021, 3, 4)]}
    )
    frame.write_parquet(path)
    (table,) = read_tables(delivery(path), score)
    assert table.header == ["ID", "amount", "date"]
    assert pl.concat(table.batches).select("c0", "c1", "c2", "_row").rows() == [
        ("00", "1.2340", None, 2),
        ("2", "5", "2021-03-04 00:00:00", 4),
    ]


def test_what_only_calls_itself_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"id;amount\n")
    with pytest.raises(UnreadableDelivery) as refused:
        read_tables(delivery(path), score)
    assert refused.value.rule == "broken_parquet"

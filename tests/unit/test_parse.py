"""One delivery becomes remembered rows."""

import gzip
import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from dagster_project.contracts import Column, Source
from dagster_project.flow import parse as parsing
from dagster_project.flow.ingest import Delivery
from dagster_project.flow.parse import ParsedFile, clear_scratch, forget_parsed, parse_delivery
from dagster_project.messages import known_keys
from dagster_project.settings import Settings, SettingsError, Workspace


def column(name: str, kind: str, **more: object) -> Column:
    return Column.model_validate({"name": name, "description": name, "type": kind, "label_sv": name, **more})


SOURCE = Source(
    name="lines",
    area="test",
    description="Lines.",
    name_sv="Rader",
    key=("buyer", "voucher", "line_no"),
    numbered_within=("buyer", "voucher"),
    columns=(
        column("buyer", "code", required=True),
        column("voucher", "code", required=True),
        column("line_no", "integer", min=1),
        column("amount", "money", required=True),
        column("vat", "money"),
        column("day", "date"),
        column("critical", "boolean"),
        column("text", "text"),
    ),
)
SETTINGS = Settings(organisation="test", members="all")


def deliver(root: Path, content: bytes | str, name: str = "a.csv") -> Delivery:
    path = root / "raw" / "lines" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(raw)
    digest = hashlib.sha256(raw).hexdigest()
    return Delivery("lines", path, f"raw/lines/{name}", digest, len(raw), datetime.now(tz=UTC))


def parse(root: Path, content: bytes | str, name: str = "a.csv", settings: Settings = SETTINGS) -> ParsedFile:
    return parse_delivery(deliver(root, content, name), SOURCE, settings, Workspace(root))


def rows(file: ParsedFile, part: str = "rows") -> pl.DataFrame:
    return pl.read_parquet(file.directory / f"{part}.parquet")


def rules(file: ParsedFile) -> list[tuple[int, str, str]]:
    return rows(file, "issues").select("_row", "column_name", "rule").rows()


def test_a_file_is_read_into_rows_bad_rows_and_issues(tmp_path: Path) -> None:
    file = parse(
        tmp_path, "Titel\nbuyer;voucher;amount;day;extra\n01;V1;1,5;2021-03-04;x\n01;V1;abc;;\nSumma;;1,5;;\n"
    )
    assert (file.rows_read, file.rows_accepted, file.rows_quarantined, file.rows_skipped) == (3, 1, 1, 1)
    assert (file.unknown_columns, file.numbered, file.rejected) == (("extra",), True, None)
    assert rows(file).columns == [c.name for c in SOURCE.columns] + ["_sheet", "_row", "_answers"]
    assert rows(file).row(0) == (
        "01",
        "V1",
        1,
        Decimal("1.50"),
        None,
        date(2021, 3, 4),
        None,
        None,
        None,
        3,
        None,
    )
    assert rows(file, "bad").select("line_no", "_row").row(0) == (2, 4)
    assert rules(file) == [(4, "amount", "unreadable_number")]


def test_the_decimal_sign_is_decided_by_the_whole_file(tmp_path: Path) -> None:
    file = parse(tmp_path, "buyer;voucher;amount;vat\n1;1;1.234;2.345\n1;1;1,5;\n")
    assert rows(file).select("amount", "vat").row(0) == (Decimal("1234.00"), Decimal("2345.00"))


def test_columns_that_contradict_leave_two_way_values_ambiguous(tmp_path: Path) -> None:
    file = parse(tmp_path, "buyer;voucher;amount;vat\n1;1;1.234;5\n1;1;1,5;\n1;1;1.5;2.345\n")
    assert rules(file) == [(2, "amount", "ambiguous_number"), (4, "vat", "ambiguous_number")]


def test_a_column_decides_for_itself_before_the_others(tmp_path: Path) -> None:
    file = parse(tmp_path, "buyer;voucher;amount;vat\n1;1;1.234;1.234\n1;1;1,5;1.5\n")
    assert rows(file).select("amount", "vat").row(0) == (Decimal("1234.00"), Decimal("1.23"))
    assert rules(file) == [(2, "vat", "rounded")]


def test_line_numbers_run_within_the_voucher_over_bad_rows_too(tmp_path: Path) -> None:
    file = parse(tmp_path, "buyer;voucher;amount\n1;A;1\n1;B;1\n1;A;x\n2;A;1\n1;A;1\n")
    assert rows(file).select("_row", "line_no").rows() == [(2, 1), (3, 1), (5, 1), (6, 3)]
    assert rows(file, "bad").select("_row", "line_no").rows() == [(4, 2)]


def test_line_numbers_run_on_from_batch_to_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_project.flow.readers.BATCH_ROWS", 2)
    file = parse(tmp_path, "buyer;voucher;amount\n" + "1;A;1\n2;A;1\n1;A;1\n" * 3)
    assert rows(file)["line_no"].to_list() == [1, 1, 2, 3, 2, 4, 5, 3, 6]


def test_given_line_numbers_are_kept_and_an_empty_one_is_missing(tmp_path: Path) -> None:
    file = parse(tmp_path, "buyer;voucher;line_no;amount\n1;A;7;1\n1;A;;1\n")
    assert (file.numbered, rows(file)["line_no"].to_list(), rules(file)) == (
        False,
        [7],
        [(3, "line_no", "missing")],
    )


def test_crosses_mean_yes_and_empty_no_in_the_whole_file(tmp_path: Path) -> None:
    assert rows(parse(tmp_path, "buyer;voucher;amount;critical\n1;A;1;\n1;B;1;x\n"))[
        "critical"
    ].to_list() == [False, True]
    other = parse(tmp_path, "buyer;voucher;amount;critical\n1;A;1;\n1;B;1;ja\n")
    assert rows(other)["critical"].to_list() == [None, True]


@pytest.mark.parametrize(
    ("content", "name", "rule", "read"),
    [
        ("buyer;amount\n1;2\n1;3\n", "a.csv", "missing_column", 2),
        ("buyer;voucher;Voucher;amount\n1;2;3;4\n", "a.csv", "duplicate_column", 1),
        ("", "a.csv", "no_header", 0),
        ('buyer;voucher;amount\n1;"2;3\n', "a.csv", "broken_quotes", 0),
        ("x", "a.xls", "unsupported_format", 0),
        ("x", "a.xlsx", "broken_excel", 0),
        ("x", "a.parquet", "broken_parquet", 0),
        (b"\x1f\x8b123", "a.csv.gz", "broken_gzip", 0),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(
    tmp_path: Path, content: bytes | str, name: str, rule: str, read: int
) -> None:
    file = parse(tmp_path, content, name)
    assert file.rejected is not None
    assert file.rejected.rule == rule
    assert file.rejected.sv.startswith(f"raw/lines/{name}: ")
    assert file.rejected.en.startswith(f"raw/lines/{name}: ")
    assert (file.rows_read, file.rows_quarantined, file.rows_accepted) == (read, read, 0)
    assert rows(file).is_empty()
    assert rows(file, "bad").is_empty()


def test_an_unchanged_file_is_not_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "buyer;voucher;amount\n1;A;1\n"
    first = parse(tmp_path, content)
    monkeypatch.setattr(parsing, "_parse", lambda *_: pytest.fail("read again"))
    second = parse(tmp_path, content, "other name.csv")
    assert second.directory == first.directory
    assert second.delivery.file == "raw/lines/other name.csv"


def test_what_is_remembered_depends_on_content_contract_settings_and_key(tmp_path: Path) -> None:
    content = "buyer;voucher;amount;Konto\n1;A;1;text\n"
    first = parse(tmp_path, content)
    headings = SETTINGS.model_copy(update={"headers": {"lines": {"Konto": ("text",)}}})
    assert rows(parse(tmp_path, content, settings=headings))["text"].to_list() == ["text"]
    others = [
        parse(tmp_path, content + "\n"),
        parse(tmp_path, content, settings=headings),
        parse(tmp_path, content, settings=SETTINGS.model_copy(update={"dates": {"lines": "%d/%m/%Y"}})),
        parse(
            tmp_path,
            content,
            settings=SETTINGS.model_copy(update={"values": {"lines": {"buyer": {"1": "2"}}}}),
        ),
    ]
    (tmp_path / "secrets" / "pseudonym.key").unlink()
    others.append(parse(tmp_path, content))
    assert len({file.directory for file in [first, *others]}) == 6
    assert (
        parse(tmp_path, content, settings=SETTINGS.model_copy(update={"name": "x"})).directory
        == others[-1].directory
    )


def test_a_killed_run_leaves_no_half_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "buyer;voucher;amount\n1;A;1\n"
    with monkeypatch.context() as broken:
        broken.setattr(parsing, "_settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            parse(tmp_path, content)
    assert not list((tmp_path / "warehouse").glob("parsed/*/*"))
    (tmp_path / "warehouse" / "scratch" / "left").mkdir(parents=True, exist_ok=True)
    clear_scratch(Workspace(tmp_path))
    assert parse(tmp_path, content).rows_accepted == 1
    assert not list((tmp_path / "warehouse" / "scratch").iterdir())


def test_what_no_delivery_uses_is_forgotten(tmp_path: Path) -> None:
    old = parse(tmp_path, "buyer;voucher;amount\n1;A;1\n")
    new = parse(tmp_path, "buyer;voucher;amount\n1;A;2\n")
    forget_parsed(Workspace(tmp_path), [new])
    assert (old.directory.exists(), new.directory.exists()) == (False, True)


@pytest.mark.parametrize(
    "update", [{"headers": {"lines": {"x": ("none",)}}}, {"values": {"lines": {"none": {"x": "y"}}}}]
)
def test_settings_that_name_no_column_are_an_error(tmp_path: Path, update: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="none"):
        parse(tmp_path, "buyer;voucher;amount\n", settings=SETTINGS.model_copy(update=update))


def test_excel_and_csv_give_the_same_rows(tmp_path: Path) -> None:
    book_path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(book_path) as book:
        sheet = book.add_worksheet("Blad1")
        sheet.write_row(0, 0, ["buyer", "voucher", "amount", "day", "critical"])
        sheet.write_number(1, 0, 1, book.add_format({"num_format": "00"}))
        sheet.write_row(1, 1, ["A", 1234.5])
        sheet.write_datetime(1, 3, datetime(2021, 3, 4), book.add_format({"num_format": "d/m/yy"}))
        sheet.write_boolean(1, 4, True)
    excel = parse(tmp_path, book_path.read_bytes(), "b.xlsx")
    text = parse(tmp_path, "buyer;voucher;amount;day;critical\n01;A;1 234,50;2021-03-04;ja\n")
    assert rows(excel).drop("_sheet").equals(rows(text).drop("_sheet"))
    assert rows(excel)["_sheet"].to_list() == ["Blad1"]


def test_a_lone_1_234_as_text_in_excel_stays_ambiguous_beside_typed_numbers(tmp_path: Path) -> None:
    book_path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(book_path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["buyer", "voucher", "amount"])
        sheet.write_row(1, 0, ["1", "A", 12.5])
        sheet.write_row(2, 0, ["1", "A", "1.234"])
    file = parse(tmp_path, book_path.read_bytes(), "b.xlsx")
    assert rules(file) == [(3, "amount", "ambiguous_number")]


def test_personal_numbers_are_nowhere_in_what_is_remembered(tmp_path: Path) -> None:
    file = parse(
        tmp_path,
        gzip.compress(
            b"buyer;voucher;amount;811218-9876;text\n8112189876;V;811218-9876;x;hos 19811218-9876\n"
        ),
        "a.csv.gz",
    )
    for path in (tmp_path / "warehouse").rglob("*"):
        if path.is_file():
            shown = str(pl.read_parquet(path).rows()) if path.suffix == ".parquet" else path.read_text()
            assert "9876" not in shown, path
    assert file.unknown_columns == ("******-****",)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    delivery = deliver(tmp_path, "buyer;voucher;amount\n1;A;1\n1;B;1\n")
    parse_delivery(
        delivery, SOURCE, SETTINGS, Workspace(tmp_path), lambda done, total: told.append((done, total))
    )
    assert told[-1] == (2, 2)


def test_the_meta_file_is_plain_json(tmp_path: Path) -> None:
    file = parse(tmp_path, "buyer;voucher;amount\n1;A;1\n")
    assert json.loads((file.directory / "meta.json").read_text())["rows_read"] == 1


def test_a_file_without_headings_shows_no_row_of_data(tmp_path: Path) -> None:
    file = parse(tmp_path, "Anna Ek;811218-9876;12,50\n")
    assert file.rejected is not None
    assert "Anna" not in file.rejected.sv
    assert "9876" not in file.rejected.sv


def test_every_finding_has_words_in_both_languages() -> None:
    assert {key for key in known_keys("sv") if key.startswith(("file.", "row."))} == {
        key for key in known_keys("en") if key.startswith(("file.", "row."))
    }


@pytest.mark.parametrize("content", [b"PAR1 no", b"\x00" * 100, b"\xff\xfe", b"\xef\xbb\xbf", b"PK\x03\x04"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt.gz", "a.xlsx", "a.parquet"])
def test_no_content_makes_a_traceback(tmp_path: Path, content: bytes, name: str) -> None:
    assert parse(tmp_path, content, name).rejected is not None

"""Delimited text in the forms in which systems write it."""

import gzip
import itertools
from pathlib import Path

import polars as pl
import pytest

from dagster_project.flow.readers import Table, UnreadableDelivery
from dagster_project.flow.readers import csv as reader

PLAIN = "id;name;amount\n1;Åsa Öst;1,5\n2;Bo;2\n"
ROWS = [("1", "Åsa Öst", "1,5", 2, None), ("2", "Bo", "2", 3, None)]
KNOWN = {"id", "name", "amount"}


def score(cells: list[str]) -> int:
    return sum(cell.casefold() in KNOWN for cell in cells)


def read(tmp_path: Path, content: bytes | str, name: str = "a.csv") -> Table:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (table,) = reader.read_csv(path, score, tmp_path)
    return table


def rows(table: Table) -> list[tuple[object, ...]]:
    return pl.concat(table.batches).rows()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_make_no_difference(tmp_path: Path, encoding: str, end: str) -> None:
    assert rows(read(tmp_path, PLAIN.replace("\n", end).encode(encoding))) == ROWS


def test_utf_16_with_its_mark_in_either_order(tmp_path: Path) -> None:
    assert rows(read(tmp_path, b"\xfe\xff" + PLAIN.encode("utf-16-be"))) == ROWS
    assert rows(read(tmp_path, b"\xff\xfe" + PLAIN.encode("utf-16-le"))) == ROWS


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_delimiters_are_found_out(tmp_path: Path, delimiter: str) -> None:
    text = PLAIN.replace("1,5", "1.5").replace(";", delimiter)
    assert rows(read(tmp_path, text))[0] == ("1", "Åsa Öst", "1.5", 2, None)


def test_a_delimiter_in_a_title_does_not_win_over_that_of_the_headings(tmp_path: Path) -> None:
    table = read(tmp_path, "Uttag, 2021, alla, enheter\n\n" + PLAIN)
    assert table.header == ["id", "name", "amount"]
    assert [row[3] for row in rows(table)] == [4, 5]


def test_gzip_is_unpacked_whatever_its_name(tmp_path: Path) -> None:
    assert rows(read(tmp_path, gzip.compress(PLAIN.encode("cp1252")), "a.csv.gz")) == ROWS
    assert rows(read(tmp_path, gzip.compress(PLAIN.encode()), "b.csv")) == ROWS


def test_row_numbers_count_titles_headings_and_blank_rows(tmp_path: Path) -> None:
    table = read(tmp_path, "Titel\n\nid;name;amount\n1;a;1\n\n;;\n  ;\n2;b;2\n\n\n")
    assert [(row[0], row[3]) for row in rows(table)] == [("1", 4), ("2", 8)]
    assert table.rows == 2


def test_row_numbers_stay_right_after_a_cell_of_several_lines(tmp_path: Path) -> None:
    table = read(tmp_path, 'id;name;amount\n1;"två\nrader";1\n\n2;b;2\n')
    assert [(row[0], row[1], row[3]) for row in rows(table)] == [("1", "två\nrader", 2), ("2", "b", 4)]


def test_quotes_may_hold_delimiters_and_doubled_quotes(tmp_path: Path) -> None:
    table = read(tmp_path, 'id;name;amount\n"1";"a; ""b""";"1"\n')
    assert rows(table) == [("1", 'a; "b"', "1", 2, None)]


def test_an_inch_mark_inside_a_bare_cell_is_a_plain_character(tmp_path: Path) -> None:
    table = read(tmp_path, 'id;name;amount\n1;rör 5" grovt;1\n2;b;2\n')
    assert [row[1] for row in rows(table)] == ['rör 5" grovt', "b"]


@pytest.mark.parametrize(
    "content",
    [
        'id;name;amount\n1;a;1\n2;"b;2\n3;c;3\n',
        'id;name;amount\n1;a;1\n2;"b;2\n3;"c";3\n',
        'id;name;amount\n1;a;1\n2;"b"x;2\n',
    ],
)
def test_a_quote_that_is_not_closed_refuses_the_file_and_names_the_row(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableDelivery) as refused:
        read(tmp_path, content)
    assert (refused.value.rule, refused.value.arguments["row"]) == ("broken_quotes", 3)


def test_short_rows_are_filled_and_cells_beyond_the_headings_are_kept_apart(tmp_path: Path) -> None:
    wide = ";".join(str(n) for n in range(30))
    table = read(tmp_path, f"id;name;amount;;\n1\n2;b;2;;\n3;c;3;;x;y\n{wide}\n")
    assert table.header == ["id", "name", "amount"]
    assert rows(table)[:3] == [
        ("1", None, None, 2, None),
        ("2", "b", "2", 3, None),
        ("3", "c", "3", 4, "x | y"),
    ]
    assert str(rows(table)[3][4]).startswith("3 | 4")


def test_the_fast_and_the_exact_way_give_the_same_rows(tmp_path: Path) -> None:
    content = "Titel\nid;name;amount\n1;a ;1\n\n2;b\n3;c;3;x\n;;;\n4;\u00a0;4"
    fast = rows(read(tmp_path, content))
    layout = reader._layout(tmp_path / "a.csv", score)
    reader._read_exactly(tmp_path / "a.csv", layout, tmp_path / "exact.parquet")
    assert pl.read_parquet(tmp_path / "exact.parquet").rows() == fast


@pytest.mark.parametrize("blank", [*" \t\v\f\x85\xa0", *"\u1680\u2003\u2029\u205f\u3000"])
@pytest.mark.parametrize("many", [0, 1000])
def test_a_blank_around_a_cell_is_seen_in_whichever_column_and_wherever_the_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str, many: int
) -> None:
    monkeypatch.setattr(reader, "CHUNK_BYTES", 7)
    monkeypatch.setattr(reader, "MANY_BLANKS", many)
    for column, cell in itertools.product(range(3), ("{0}b", "b{0}", "{0}", "{0}{0}b b{0}")):
        line = ["1", "å", "é"]
        line[column] = cell.format(blank)
        content = "id;name;amount\n" + "1;a b;2\n" * 50 + ";".join(line) + "\n3;c;Å"
        fast = read(tmp_path, content)
        assert isinstance(fast.content, pl.DataFrame)
        layout = reader._layout(tmp_path / "a.csv", score)
        reader._read_exactly(tmp_path / "a.csv", layout, tmp_path / "exact.parquet")
        assert rows(fast) == pl.read_parquet(tmp_path / "exact.parquet").rows()
        assert rows(fast)[50][column] == (line[column].strip() or None)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_wherever_a_file_is_cut_its_rows_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, end: str
) -> None:
    monkeypatch.setattr(reader, "CHUNK_BYTES", 7)
    content = (PLAIN + '3;"Cia";5 €\n').replace("\n", end).encode(encoding)
    assert rows(read(tmp_path, content)) == [*ROWS, ("3", "Cia", "5 €", 4, None)]


def test_a_return_inside_a_line_is_seen_where_the_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "id;name;amount\r\n1;a\rb;2\r\n2;c;3\r\n"
    expected = rows(read(tmp_path, content))
    for size in range(1, 20):
        monkeypatch.setattr(reader, "CHUNK_BYTES", size)
        assert (
            rows(read(tmp_path, content))
            == expected
            == [("1", "a b", "2", 2, None), ("2", "c", "3", 3, None)]
        )


def test_a_row_beyond_the_headings_far_down_is_kept_apart(tmp_path: Path) -> None:
    content = "id;name;amount\n" + "1;a;2\n" * 5000 + "2;b;3;x;y\n" + "3;c;4\n" * 5000
    table = read(tmp_path, content)
    assert rows(table)[5000] == ("2", "b", "3", 5002, "x | y")
    assert table.rows == 10_001


def test_other_line_separators_of_unicode_are_characters(tmp_path: Path) -> None:
    assert rows(read(tmp_path, "id;name;amount\n1;a\u2028b\x85c;1\n2;b;2\n"))[1][3] == 3


def test_one_column_is_a_table_too(tmp_path: Path) -> None:
    assert [row[0] for row in rows(read(tmp_path, "id\n1\n2\n"))] == ["1", "2"]


@pytest.mark.parametrize("content", ["", "\n\n", "a;b;c\n1;2;3\n", "id;x;y\n1;2;3\n"])
def test_without_two_known_headings_the_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableDelivery) as refused:
        read(tmp_path, content)
    assert refused.value.rule == "no_header"


def test_headings_alone_are_an_empty_table(tmp_path: Path) -> None:
    for content in ("id;name;amount", "id;name;amount\n", "id;name;amount\n\n\n"):
        assert read(tmp_path, content).rows == 0


def test_two_encodings_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDelivery) as refused:
        read(tmp_path, PLAIN.encode() + "3;Åsa;1\n".encode("cp1252"))
    assert refused.value.rule == "mixed_encoding"


def test_a_cut_off_gzip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDelivery) as refused:
        read(tmp_path, gzip.compress(PLAIN.encode() * 1000)[:-20], "a.csv.gz")
    assert refused.value.rule == "broken_gzip"


def test_the_last_of_many_headings_may_stand_below_many_titles(tmp_path: Path) -> None:
    table = read(tmp_path, "x\n" * 49 + PLAIN)
    assert [row[3] for row in rows(table)] == [51, 52]


def test_a_separator_line_for_excel_is_no_row(tmp_path: Path) -> None:
    assert [row[3] for row in rows(read(tmp_path, "sep=;\r\n" + PLAIN))] == [2, 3]


def test_a_text_too_large_to_be_held_in_memory_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "Register\n\n" + PLAIN + ";;\n 3 ;Cia;3;beyond\n"
    held = read(tmp_path, content)
    monkeypatch.setattr(reader, "HELD_BYTES", 0)
    streamed = read(tmp_path, content, "b.csv")
    assert isinstance(held.content, pl.DataFrame)
    assert isinstance(streamed.content, Path)
    assert rows(held) == rows(streamed)
    assert (held.header, held.rows) == (streamed.header, streamed.rows)

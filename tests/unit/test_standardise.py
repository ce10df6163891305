"""One batch of text read by a contract."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dagster_project.contracts import Column, Lookup, Source, fold
from dagster_project.flow.readers import EXTRA, ROW
from dagster_project.flow.standardise import DTYPES, Choices, Standardised, standardise

KEY = bytes(32)


def column(name: str, kind: str, **more: object) -> Column:
    return Column.model_validate(
        {"name": name, "description": f"The {name}.", "type": kind, "label_sv": f"Svensk {name}", **more}
    )


SOURCE = Source(
    name="things",
    area="test",
    description="Things.",
    name_sv="Saker",
    key=("id",),
    columns=(
        column("id", "code", required=True, aliases=("dnr",)),
        column(
            "kind", "enum", required=True, values={"open": ["öppet"], "direct_award": ["direktupphandling"]}
        ),
        column("amount", "money", required=True, min=-1000),
        column("day", "date"),
        column("year", "year", default={"year_of": "day"}),
        column("complete", "boolean", default="true"),
        column("supplier_id", "orgnr", personal="id"),
        column("supplier_name", "text", personal="name", personal_id="supplier_id"),
        column("text", "text"),
    ),
)
HEADER = [
    "Dnr",
    "Svensk kind",
    "Amount",
    "DAY",
    "Svensk-complete",
    "supplier id",
    "supplier_name",
    "text",
    "Okänd",
]


def batch(*rows: Sequence[str | None], width: int = len(HEADER)) -> pl.DataFrame:
    filled = [[*row, *[None] * (width - len(row))] for row in rows]
    schema = {f"c{n}": pl.String for n in range(width)}
    return pl.DataFrame(filled, schema=schema, orient="row").with_columns(
        pl.int_range(2, len(rows) + 2, dtype=pl.Int64).alias(ROW), pl.lit(None, dtype=pl.String).alias(EXTRA)
    )


def choices(source: Source = SOURCE, **more: Any) -> Choices:
    return Choices(key=KEY, headings={heading: (name,) for heading, name in source.headers().items()}, **more)


def read(*rows: Sequence[str | None], **more: Any) -> Standardised:
    return standardise(batch(*rows), HEADER, SOURCE, choices(**more))


def rules(done: Standardised) -> list[tuple[int, str, str, str]]:
    return done.findings.select(ROW, "column_name", "rule", "severity").rows()


def test_a_good_row_is_typed_by_its_contract() -> None:
    done = read(["0180", "Öppet", "1 234,50", "2021-03-04", None, "556000-4615", "Bolaget", "text", "x"])
    assert done.frame.drop(ROW, "_bad", "_answers").schema == {
        c.name: pl.DataFrame(schema={"c": DTYPES[c.type]}).schema["c"] for c in SOURCE.columns
    }
    row = done.accepted.row(0, named=True)
    assert (row["id"], row["kind"], row["amount"], row["year"]) == ("0180", "open", Decimal("1234.50"), 2021)
    assert (row["complete"], row["supplier_id"], row["supplier_name"]) == (True, "5560004615", "Bolaget")
    assert rules(done) == []


def test_a_row_may_have_several_findings_and_is_quarantined_once() -> None:
    done = read(["1", "stängt", "x", "2021-02-30"], ["2", "open", "1", None])
    assert rules(done) == [
        (2, "kind", "unknown_code", "error"),
        (2, "amount", "unreadable_number", "error"),
        (2, "day", "impossible_date", "error"),
    ]
    assert (done.accepted.height, done.quarantined.height) == (1, 1)


def test_a_missing_required_cell_is_said() -> None:
    done = read([None, "open", "1"])
    assert rules(done) == [(2, "id", "missing", "error")]


def test_a_quarantined_row_keeps_what_could_be_read() -> None:
    row = read(["1", "open", "x", "2021-03-04"]).quarantined.row(0, named=True)
    assert (row["id"], row["amount"], row["year"]) == ("1", None, 2021)


def test_a_message_says_what_is_wrong_and_what_would_be_right_in_both_languages() -> None:
    finding = read(["1", "öpet", "1"]).findings.row(0, named=True)
    assert finding["raw_value"] == "öpet"
    assert finding["message_sv"].startswith("Svensk kind: ”öpet”")
    assert "öppet" in finding["message_sv"]
    assert finding["message_en"].startswith("kind: “öpet”")
    assert "öppet" in finding["message_en"]


def test_a_value_with_braces_or_nul_does_not_disturb_its_message() -> None:
    finding = read(["1", "{value}", "1"]).findings.row(0, named=True)
    assert "”{value}”" in finding["message_sv"]


def test_a_warning_lets_the_row_through() -> None:
    done = read(["1", "open", "0,005", None, None, "5560004616"])
    assert rules(done) == [(2, "amount", "rounded", "warning"), (2, "supplier_id", "check_digit", "warning")]
    assert done.accepted["amount"].to_list() == [Decimal("0.01")]


@pytest.mark.parametrize("first", ["Summa", "Summa 2021:", "TOTALT", "totalt alla"])
def test_a_summing_row_is_skipped(first: str) -> None:
    done = read(["1", "open", "5"], [first, None, "5"])
    assert (done.skipped, done.frame.height, rules(done)) == (1, 1, [])


def test_the_first_cell_is_that_of_the_first_heading() -> None:
    frame = batch([None, "Summa", None, "5"], width=4)
    done = standardise(frame, ["", "Dnr", "Svensk kind", "Amount"], SOURCE, choices())
    assert (done.skipped, done.frame.height) == (1, 0)


def test_a_row_that_only_begins_like_a_sum_is_data() -> None:
    assert read(["Summa-17", "open", "5"]).skipped == 0


def test_the_templates_help_row_is_skipped() -> None:
    assert read(["Hjälp: skriv dnr", "öppet eller", "kr"]).skipped == 1


def test_cells_beyond_the_headings_quarantine_the_row() -> None:
    frame = batch(["1", "open", "1"]).with_columns(pl.lit("mer | 811218-9876").alias(EXTRA))
    done = standardise(frame, HEADER, SOURCE, choices())
    assert rules(done) == [(2, "", "too_many_cells", "error")]
    assert done.findings["raw_value"][0] == "mer | ******-****"


def test_the_organisations_words_come_before_the_contracts() -> None:
    done = read(["A", "D", "1"], words={"kind": {fold("D"): "direct_award"}, "id": {fold("a"): "B"}})
    assert done.accepted.select("id", "kind").row(0) == ("B", "direct_award")


def test_defaults_fill_what_is_empty_not_what_is_unreadable() -> None:
    done = read(["1", "open", "1", "2021-03-04", "kanske"])
    assert done.frame["complete"].to_list() == [None]
    assert read(["1", "open", "1", None, "nej"]).frame["complete"].to_list() == [False]


def test_beside_crosses_empty_means_no_even_where_a_default_says_yes() -> None:
    done = read(["1", "open", "1", None, "x"], ["2", "open", "1"], empty_means_no=frozenset({"complete"}))
    assert done.frame["complete"].to_list() == [True, False]


def test_a_persons_number_and_name_never_pass() -> None:
    done = read(
        ["1", "open", "1", None, None, "811218-9876", "Anna Ek", "ring 811218-9876"],
        ["8112189876", "811218-9876", "811218-9876", "811218-9876", "811218-9876", "811218-98761", "Bo Ek"],
    )
    written = str(done.frame.rows()) + str(done.findings.rows())
    for trace in ("811218", "9876", "Anna", "Bo Ek"):
        assert trace not in written, trace


def test_the_order_of_columns_makes_no_difference() -> None:
    rows = [["1", "open", "1,5", "2021-03-04"], ["2", "x", "1.234", "2021-03-04"]]
    straight = standardise(batch(*rows, width=4), HEADER[:4], SOURCE, choices())
    turned = standardise(batch(*[row[::-1] for row in rows], width=4), HEADER[:4][::-1], SOURCE, choices())
    assert straight.frame.equals(turned.frame)
    assert straight.findings.equals(turned.findings)


def test_an_empty_batch_has_the_same_columns() -> None:
    done = standardise(batch().clear(), HEADER, SOURCE, choices())
    assert done.frame.schema == read(["1", "open", "1"]).frame.schema


def test_a_key_column_that_can_be_looked_up_needs_one_of_the_two() -> None:
    lookup = Lookup(column="orgnr", source="units", by="orgnr", value="unit")
    source = Source(
        name="s",
        area="t",
        description="",
        name_sv="S",
        key=("unit",),
        columns=(
            column("unit", "code", lookup=lookup.model_dump()),
            column("orgnr", "orgnr"),
            column("x", "text"),
        ),
    )
    frame = batch(["A", None, "x"], [None, "5560004615", "x"], [None, None, "x"], [None, "tok", "x"], width=3)
    done = standardise(frame, ["unit", "orgnr", "x"], source, choices(source))
    assert rules(done) == [(4, "unit, orgnr", "missing", "error"), (5, "orgnr", "unreadable_orgnr", "error")]

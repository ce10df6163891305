"""Numbers as people write them."""

from decimal import Decimal

import polars as pl
import pytest

from dagster_project.flow.values.numbers import Sign, canonical_float, evidence, may_be_two_way, read_numbers


def money(text: str, sign: Sign | None = None) -> tuple[Decimal | None, str | None]:
    reading = read_numbers(pl.Series([text]), "money", sign)
    return reading.value[0], reading.rule[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234", "1234.00"),
        ("1234,5", "1234.50"),
        ("1234.50", "1234.50"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234\u00a0567,5", "1234567.50"),
        ("1\u2009234,50", "1234.50"),
        ("1\u202f234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1’234,50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234.567", "1234567.00"),
        ("1,234,567", "1234567.00"),
        ("12 000", "12000.00"),
        ("-100", "-100.00"),
        ("100-", "-100.00"),
        ("1 234,50-", "-1234.50"),
        ("\u2212100,25", "-100.25"),
        ("- 100", "-100.00"),
        ("(1 234,50)", "-1234.50"),
        ("+5", "5.00"),
        ("100 kr", "100.00"),
        ("100kr.", "100.00"),
        ("-1 234,50 SEK", "-1234.50"),
        ("100:-", "100.00"),
        (",50", "0.50"),
        ("0,500", "0.50"),
        ("1234.560", "1234.56"),
        ("1.2300", "1.23"),
        ("007", "7.00"),
    ],
)
def test_a_number_that_can_be_read_one_way_is_read(text: str, value: str) -> None:
    assert money(text) == (Decimal(value), None)


@pytest.mark.parametrize("text", ["1.234", "1,234", "-12.345", "999,999 kr", "1.234-"])
def test_a_lone_1_234_is_ambiguous(text: str) -> None:
    assert money(text) == (None, "ambiguous_number")


def test_the_columns_decimal_sign_settles_what_could_be_read_two_ways() -> None:
    assert money("1.234", ",") == (Decimal("1234.00"), None)
    assert money("1,234", ".") == (Decimal("1234.00"), None)
    assert read_numbers(pl.Series(["1.234", "-1,234"]), "decimal", ".").value.to_list() == [
        Decimal("1.234"),
        Decimal("-1234"),
    ]


@pytest.mark.parametrize(
    "text",
    ["12.34.567", "1.2345,6", "1 23", "0 123", "1,234,56", "1 234.567,8", "abc", "1e5", "--1", "-1-", "12,",
     "1,2,3", "100,-", "12 345 67", "1'234 567", "#DIV/0!", "(-5)", "kr", "-", "NaN", "½", "١٢"],
)  # fmt: skip
def test_what_is_grouped_wrongly_or_no_number_is_unreadable(text: str) -> None:
    assert money(text) == (None, "unreadable_number")


def test_more_than_two_decimals_are_rounded_half_up_with_a_warning() -> None:
    reading = read_numbers(
        pl.Series(["0,125", "-0,125", "0.1249", "1.0050", "0,00499999999999999"]), "money", None
    )
    assert reading.value.to_list() == [Decimal(v) for v in ("0.13", "-0.13", "0.12", "1.01", "0.00")]
    assert set(reading.rule) == {"rounded"}
    assert reading.note[0] == "0.13"


def test_zeros_beyond_the_oere_are_exact() -> None:
    assert money("12.3400") == (Decimal("12.34"), None)


def test_an_integer_may_be_grouped_but_has_no_fraction() -> None:
    reading = read_numbers(pl.Series(["12 000", "12,0", "12,5", "99999999999999999999"]), "integer", None)
    assert reading.value.to_list() == [12000, 12, None, None]
    assert reading.rule.to_list() == [None, None, "not_whole", "too_large"]


def test_too_large_an_amount_is_said_to_be_too_large() -> None:
    assert money("12345678901234567,00") == (None, "too_large")
    assert money("9999999999999999,99") == (Decimal("9999999999999999.99"), None)


def test_ranges_are_inclusive() -> None:
    reading = read_numbers(pl.Series(["0", "1", "5", "5,5"]), "decimal", None, least=1, most=5)
    assert reading.rule.to_list() == ["out_of_range", None, None, "out_of_range"]


def test_a_number_is_read_the_same_among_others_of_any_form() -> None:
    words = [
        "1",
        "-2,5",
        "1 234,50",
        "1\u00a0234,5",
        "3-",
        "1.234",
        "x",
        None,
        "0 5",
        "1,005",
        "99999999999999999999",
    ]
    for kind in ("integer", "year", "decimal", "money"):
        together = read_numbers(pl.Series(words), kind, ",", least=-2, most=5000)
        alone = [
            read_numbers(pl.Series([word], dtype=pl.String), kind, ",", least=-2, most=5000) for word in words
        ]
        for part in ("value", "rule", "note"):
            assert getattr(together, part).to_list() == [getattr(one, part)[0] for one in alone]


def test_a_year_has_four_sensible_digits() -> None:
    reading = read_numbers(pl.Series(["2021", "21", "2021-01-01"]), "year", None)
    assert reading.value.to_list() == [2021, None, None]
    assert reading.rule.to_list() == [None, "unreadable_year", "unreadable_year"]


def signs(*values: str, typed: bool = False) -> tuple[bool, bool]:
    comma, point = evidence("c", typed)
    frame = pl.DataFrame({"c": list(values)}).select(comma.alias("comma"), point.alias("point"))
    return frame.row(0)


@pytest.mark.parametrize(
    "text", ["1,5", "-1 234,50", "1.234,5", "1.234.567", "0,125", "1234,567 kr", "1'234,567", "5,25-"]
)
def test_evidence_of_a_decimal_comma(text: str) -> None:
    assert signs(text) == (True, False)


@pytest.mark.parametrize("text", ["1.5", "1 234.50", "1,234.5", "1,234,567", "0.125", "1234.567", "1.2340"])
def test_evidence_of_a_decimal_point(text: str) -> None:
    assert signs(text) == (False, True)


@pytest.mark.parametrize("text", ["1.234", "1,234", "1234", "1 234", "-12.345", "abc", "12.34.567"])
def test_what_can_be_read_two_ways_or_not_at_all_is_no_evidence(text: str) -> None:
    assert signs(text) == (False, False)


def test_typed_numbers_are_no_evidence_of_how_text_is_written() -> None:
    assert signs("12.5", "-0.25", typed=True) == (False, False)
    assert signs("12.5", "12,5", typed=True) == (True, False)


def test_the_quick_look_never_overlooks_a_two_way_number() -> None:
    for text in ("1.234", "-1.234", "1,234 kr", "1.234-", "(1.234)", "+ 1.234"):
        assert pl.DataFrame({"c": [text]}).select(may_be_two_way("c")).item(), text
    assert not pl.DataFrame({"c": ["12,50", "1234", "1 234,50"]}).select(may_be_two_way("c")).item()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (180.0, "180"), (1.234, "1.2340"), (1234.567, "1234.5670"), (0.5, "0.5"), (-0.0, "0"),
        (1e17, "100000000000000000"),
        (1234.5699999999999, "1234.57"), (1e-7, "0.0000001"), (3703.71, "3703.71"), (-12.125, "-12.1250"),
    ],
)  # fmt: skip
def test_a_typed_number_becomes_text_that_can_be_read_one_way(value: float, text: str) -> None:
    assert canonical_float(value) == text

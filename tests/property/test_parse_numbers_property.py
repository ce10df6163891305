"""What is written is read back exactly, in every way of writing."""

from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.flow.values.numbers import Sign, canonical_float, evidence, read_numbers

AMOUNTS = st.decimals(min_value=Decimal("-9999999999999.99"), max_value=Decimal("9999999999999.99"), places=2)
SIGNS: list[Sign] = [",", "."]
UNKNOWN_OR_KNOWN: list[Sign | None] = [None, ",", "."]


@st.composite
def written(draw: st.DrawFn) -> tuple[list[Decimal], list[str], Sign]:
    """Amounts, the same as one system writes them, and its decimal sign."""
    amounts = draw(st.lists(AMOUNTS, min_size=1, max_size=20))
    sign = draw(st.sampled_from(SIGNS))
    groups = draw(
        st.sampled_from(["", " ", "\u00a0", "\u2009", "\u202f", "'", "’", "." if sign == "," else ","])
    )
    minus = draw(st.sampled_from(["-{}", "{}-", "\u2212{}", "({})"]))
    suffix = draw(st.sampled_from(["", " kr", "kr", " SEK"]))

    def write(amount: Decimal) -> str:
        digits = f"{abs(amount):,.2f}".replace(".", "D").replace(",", groups).replace("D", sign)
        return (minus.format(digits) if amount < 0 else digits) + suffix

    return amounts, [write(amount) for amount in amounts], sign


@given(written())
@settings(deadline=None, max_examples=150)
def test_an_amount_with_two_decimals_is_read_back_exactly(
    case: tuple[list[Decimal], list[str], Sign],
) -> None:
    amounts, texts, _ = case
    reading = read_numbers(pl.Series(texts), "money", None)
    assert reading.rule.null_count() == len(texts), texts
    assert reading.value.to_list() == amounts


@given(written())
@settings(deadline=None)
def test_the_decimal_sign_is_found_from_such_amounts(case: tuple[list[Decimal], list[str], Sign]) -> None:
    _, texts, sign = case
    comma, point = evidence("c", typed=False)
    found = pl.DataFrame({"c": texts}).select(comma.alias("comma"), point.alias("point")).row(0)
    assert found == ((True, False) if sign == "," else (False, True))


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15), min_size=1)
)
@settings(deadline=None)
def test_a_typed_number_is_read_one_way_whatever_the_column_thinks(values: list[float]) -> None:
    texts = pl.Series([canonical_float(value) for value in values])
    readings = [read_numbers(texts, "decimal", sign) for sign in UNKNOWN_OR_KNOWN]
    for reading in readings[1:]:
        assert reading.value.equals(readings[0].value)
    assert not readings[0].rule.is_in(["ambiguous_number", "unreadable_number"]).any()


@given(st.lists(st.text("0123456789.,-' \u00a0", max_size=12), min_size=1))
@settings(deadline=None)
def test_no_text_is_read_as_two_numbers_without_a_sign(texts: list[str]) -> None:
    """What is read without knowing the decimal sign is read the same under either sign."""
    series = pl.Series(texts)
    free, comma, point = (read_numbers(series, "decimal", sign).value for sign in UNKNOWN_OR_KNOWN)
    settled = free.is_not_null()
    assert comma.filter(settled).equals(free.filter(settled))
    assert point.filter(settled).equals(free.filter(settled))

"""Numbers as people write them: decimal comma or point, thousands in groups, trailing minus, `kr`.

A lone `1.234` can be read two ways; which one is decided per file and column from the values that can be read
one way only (`evidence`). What cannot be decided is refused, never guessed.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal

import polars as pl

from dagster_project.flow.values import Reading, nothing

Sign = Literal[",", "."]
NumberType = Literal["integer", "year", "decimal", "money"]

SIGNIFICANT_DIGITS = 15  # what Excel keeps; more would be binary noise
MONEY = pl.Decimal(18, 2)
DECIMAL = pl.Decimal(28, 10)
YEARS = (1900, 2100)
_TYPES: dict[NumberType, pl.DataType | type[pl.DataType]] = {
    "integer": pl.Int64,
    "year": pl.Int64,
    "money": MONEY,
    "decimal": DECIMAL,
}

_SPACES = "[ \u00a0\u2007\u2009\u202f]"
_QUOTES = "['\u2019]"
_GROUPS = f"(?:(?:{_SPACES}[0-9]{{3}})+|(?:{_QUOTES}[0-9]{{3}})+)"
_LEAD = "[1-9][0-9]{0,2}"  # no group of thousands begins with a zero

# As nearly all numbers are written; with the blanks of thousands, and without.
SIMPLE = r"^-?[0-9]+(?:[.,][0-9]{1,2})?$"
SPACED = r"^-?(?:[0-9]+|[1-9][0-9]{0,2}(?: [0-9]{3})+)(?:[.,][0-9]{1,2})?$"
WHOLE = r"^[0-9]+$"
GROUPED = rf"^{_LEAD}{_GROUPS}(?:[.,][0-9]+)?$"
POINTS_THEN_COMMA = rf"^{_LEAD}(?:\.[0-9]{{3}})+,[0-9]+$"
COMMAS_THEN_POINT = rf"^{_LEAD}(?:,[0-9]{{3}})+\.[0-9]+$"
MANY_POINTS = rf"^{_LEAD}(?:\.[0-9]{{3}}){{2,}}$"
MANY_COMMAS = rf"^{_LEAD}(?:,[0-9]{{3}}){{2,}}$"
TWO_WAY_POINT = rf"^{_LEAD}\.[0-9]{{3}}$"
TWO_WAY_COMMA = rf"^{_LEAD},[0-9]{{3}}$"
FRACTION = r"^[0-9]*[.,][0-9]+$"

_ONE_WAY = r"[0-9]*{s}(?:[0-9]{{1,2}}|[0-9]{{4,}})|(?:0[0-9]*|[0-9]{{4,}}|){s}[0-9]{{3}}"
_SHOWS_COMMA = "|".join(
    [
        _ONE_WAY.format(s=","),
        rf"{_LEAD}{_GROUPS},[0-9]+",
        rf"{_LEAD}(?:\.[0-9]{{3}})+,[0-9]+",
        rf"{_LEAD}(?:\.[0-9]{{3}}){{2,}}",
    ]
)
_SHOWS_POINT = "|".join(
    [
        _ONE_WAY.format(s="[.]"),
        rf"{_LEAD}{_GROUPS}\.[0-9]+",
        rf"{_LEAD}(?:,[0-9]{{3}})+\.[0-9]+",
        rf"{_LEAD}(?:,[0-9]{{3}}){{2,}}",
    ]
)
_MAY_BE_TWO_WAY = r"^[^0-9]*[1-9][0-9]{0,2}[.,][0-9]{3}(?:[^0-9].*)?$"
CANONICAL = r"^-?[0-9]+(?:\.[0-9]+)?$"


def canonical_float(value: float) -> str:
    """A typed number as text that can be read one way only: no `.0`, no exponent, never exactly three
    decimals.
    """
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    text = f"{value:.{SIGNIFICANT_DIGITS}g}"
    if "e" in text:
        text = format(Decimal(text), "f")
    if text == "-0":
        return "0"
    return text + "0" if len(text) - text.find(".") == 4 and "." in text else text


def may_be_two_way(column: str) -> pl.Expr:
    """Whether any value of a text column could be read two ways (a quick look that may say yes too often)."""
    return pl.col(column).str.contains(_MAY_BE_TWO_WAY).any()


def evidence(column: str, typed: bool) -> tuple[pl.Expr, pl.Expr]:
    """Whether any value of a text column can only be read with a decimal comma, and any only with a decimal
    point.

    In a `typed` file a value in the canonical form was a number of its own and shows nothing about how text
    is written.
    """
    given = pl.col(column)
    if typed:
        given = pl.when(~given.str.contains(CANONICAL)).then(given)
    body = _body(_cleaned(given))
    return body.str.contains(f"^(?:{_SHOWS_COMMA})$").any(), body.str.contains(f"^(?:{_SHOWS_POINT})$").any()


def read_numbers(
    text: pl.Series,
    kind: NumberType,
    sign: Sign | None,
    least: float | None = None,
    most: float | None = None,
) -> Reading:
    """Exact values: Int64, Decimal(28,10) or Decimal(18,2). `sign` is the column's decimal sign, None if
    undecided.

    Rules: unreadable_number, ambiguous_number, not_whole, too_large, out_of_range, unreadable_year; and the
    warning rounded (more decimals than the type keeps; halves away from zero).
    """
    if kind == "year":
        least, most = (YEARS[0] if least is None else least), (YEARS[1] if most is None else most)
    matches, plain = _simply(text)
    if kind in ("money", "decimal"):
        plain = plain.str.replace(",", ".", literal=True)
    value = plain.cast(_TYPES[kind], strict=False)
    fine = text.is_null() | (matches & value.is_not_null() & _within(value, least, most))
    if fine.all():
        return Reading(value, nothing(len(text)), nothing(len(text)))
    places = (~fine).arg_true()
    closely = _closely(text.gather(places), kind, sign, least, most)
    return Reading(
        value.scatter(places, closely.value),
        nothing(len(text)).clone().scatter(places, closely.rule),
        nothing(len(text)).clone().scatter(places, closely.note),
    )


def _simply(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Which numbers are written as nearly all are, and those without blanks."""
    matches = text.str.contains(SIMPLE)
    if matches.all() or not text.filter(~matches).str.contains(" ", literal=True).any():
        return matches, text
    return text.str.contains(SPACED), text.str.replace_all(" ", "", literal=True)


def _within(value: pl.Series, least: float | None, most: float | None) -> pl.Series:
    if least is None and most is None:
        return value.is_not_null()
    number = value.cast(pl.Float64)
    return number.is_between(-math.inf if least is None else least, math.inf if most is None else most)


def _closely(
    text: pl.Series, kind: NumberType, sign: Sign | None, least: float | None, most: float | None
) -> Reading:
    """What `read_numbers` tells, however the numbers are written."""
    frame = _plain(text.alias("t"), sign).lazy()
    if kind in ("integer", "year"):
        frame = frame.with_columns(
            value=pl.col("plain").str.replace(r"\.0+$", "").cast(pl.Int64, strict=False),
            not_whole=pl.col("plain").str.contains(r"\.[0-9]*[1-9]"),
            rounded=pl.lit(False),
        )
    else:
        kept = 2 if kind == "money" else 10
        frame = frame.with_columns(
            rounded=pl.col("plain").str.contains(rf"\.[0-9]{{{kept}}}[0-9]*[1-9]"), not_whole=pl.lit(False)
        ).with_columns(value=_exact("plain", kept))
    outside = pl.lit(False)
    if least is not None:
        outside = outside | (pl.col("value").cast(pl.Float64) < least)
    if most is not None:
        outside = outside | (pl.col("value").cast(pl.Float64) > most)
    rule: pl.Expr = (
        pl.when(pl.col("rule").is_not_null())
        .then(pl.col("rule"))
        .when(pl.col("not_whole"))
        .then(pl.lit("not_whole"))
        .when(pl.col("plain").is_not_null() & pl.col("value").is_null())
        .then(pl.lit("too_large"))
        .when(outside)
        .then(pl.lit("out_of_range"))
        .when(pl.col("rounded"))
        .then(pl.lit("rounded"))
    )
    if kind == "year":
        rule = pl.when(rule.is_not_null()).then(pl.lit("unreadable_year"))
    done = frame.with_columns(rule=rule).with_columns(
        value=pl.when(pl.col("rule").is_null() | (pl.col("rule") == "rounded")).then(pl.col("value")),
        note=pl.when(pl.col("rule") == "rounded").then(pl.col("value").cast(pl.String)),
    )
    result = done.select("value", "rule", "note").collect()
    return Reading(result["value"], result["rule"], result["note"])


def _exact(column: str, decimals: int) -> pl.Expr:
    """Text to a decimal. Only the first digit that is not kept decides, so that nothing is rounded twice."""
    target = MONEY if decimals == 2 else DECIMAL
    exact = pl.col(column).cast(target, strict=False)
    cut = pl.col(column).str.replace(rf"(\.[0-9]{{{decimals + 1}}})[0-9]+$", "${1}")
    rounded = cut.cast(pl.Decimal(38, decimals + 1), strict=False).round(decimals, mode="half_away_from_zero")
    return pl.when(pl.col("rounded")).then(rounded.cast(target, strict=False)).otherwise(exact)


def _plain(text: pl.Series, sign: Sign | None) -> pl.DataFrame:
    """Text as `-1234.5` in `plain`, with what is wrong in `rule`."""
    given = pl.col("t")
    cleaned = text.to_frame().select("t", c=_cleaned(given)).with_columns(b=_body(pl.col("c")))
    body = pl.col("b")
    pointed = body.str.replace(",", ".", literal=True)
    without_points = body.str.replace_all(".", "", literal=True)
    without_commas = body.str.replace_all(",", "", literal=True)
    nothing = pl.lit(None, dtype=pl.String)
    number = (
        pl.when(body.str.contains(WHOLE))
        .then(body)
        .when(body.str.contains(TWO_WAY_POINT))
        .then({".": body, ",": without_points, None: nothing}[sign])
        .when(body.str.contains(TWO_WAY_COMMA))
        .then({".": without_commas, ",": pointed, None: nothing}[sign])
        .when(body.str.contains(FRACTION))
        .then(pointed)
        .when(body.str.contains(GROUPED))
        .then(pointed.str.replace_all(f"{_SPACES}|{_QUOTES}", ""))
        .when(body.str.contains(POINTS_THEN_COMMA))
        .then(without_points.str.replace(",", ".", literal=True))
        .when(body.str.contains(MANY_POINTS))
        .then(without_points)
        .when(body.str.contains(COMMAS_THEN_POINT) | body.str.contains(MANY_COMMAS))
        .then(without_commas)
    )
    return (
        cleaned.with_columns(number=number, negative=pl.col("c").str.contains(r"^[-(]|-$"))
        .with_columns(
            plain=pl.when("negative").then(pl.lit("-") + pl.col("number")).otherwise(pl.col("number"))
        )
        .select(
            "plain",
            rule=pl.when(pl.col("plain").is_null() & given.is_not_null()).then(
                pl.when(body.str.contains(TWO_WAY_POINT) | body.str.contains(TWO_WAY_COMMA))
                .then(pl.lit("ambiguous_number"))
                .otherwise(pl.lit("unreadable_number"))
            ),
        )
    )


def _cleaned(text: pl.Expr) -> pl.Expr:
    """Without currency, with one kind of minus."""
    return (
        text.str.replace_all("\u2212", "-", literal=True)
        .str.replace(rf"(?i){_SPACES}*(?:kr\.?|sek|:-)$", "")
        .str.replace(r"^\+", "")
    )


def _body(text: pl.Expr) -> pl.Expr:
    """Without the sign, if there is one only: in front, behind, or brackets as accountants write them."""
    bare = text.str.extract(r"^([^-()]+)$", 1)
    leading = text.str.extract(rf"^-{_SPACES}*([^-()]+)$", 1)
    trailing = text.str.extract(rf"^([^-()]+?){_SPACES}*-$", 1)
    bracketed = text.str.extract(r"^\(([^-()]+)\)$", 1)
    return pl.coalesce(bare, leading, trailing, bracketed)

"""Reads text by a contract: one batch of a delivered table in, typed rows and what is wrong with them out.

Pure functions; what needs the whole file (the decimal sign of a column, crosses for yes) comes in as
`Choices`. What does not belong here: files, other deliveries, keys and references.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from dagster_project.contracts import Column, Source, fold
from dagster_project.flow.readers import EXTRA, ROW
from dagster_project.flow.values import WARNINGS, Reading, by_distinct, nothing
from dagster_project.flow.values.dates import read_dates, read_months
from dagster_project.flow.values.identity import (
    personal_ids,
    personal_names,
    read_orgnr,
    refuse_persons,
    screen_codes,
    screen_text,
    shown,
)
from dagster_project.flow.values.numbers import DECIMAL, MONEY, Sign, read_numbers
from dagster_project.flow.values.references import (
    ANSWERS,
    REFERENCE_HEADING,
    is_helper,
    read_references,
    reference_position,
)
from dagster_project.flow.values.words import enum_words, read_booleans, read_enum
from dagster_project.messages import message

BAD = "_bad"
DTYPES: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "code": pl.String,
    "text": pl.String,
    "orgnr": pl.String,
    "enum": pl.String,
    "month": pl.String,
    "date": pl.Date,
    "year": pl.Int64,
    "integer": pl.Int64,
    "decimal": DECIMAL,
    "money": MONEY,
    "boolean": pl.Boolean,
}
FINDINGS: Mapping[str, type[pl.DataType]] = {
    "severity": pl.String,
    ROW: pl.Int64,
    "column_name": pl.String,
    "rule": pl.String,
    "raw_value": pl.String,
    "message_sv": pl.String,
    "message_en": pl.String,
}
SHOWN_CHARACTERS = 200
SUMMING_ROW = r"(?i)^(?:summa|totalt)"
SUMMING_WORD = r"(?i)^(?:summa|totalt)\s*:?$"
HELP_ROW = r"(?i)^hjälp:"
NUMBERS = frozenset({"integer", "decimal", "money"})


@dataclass(frozen=True)
class Choices:
    """What is known before a batch is read.

    `key`: for pseudonyms. `headings`: folded heading → the columns that it means. `words`: column → folded word
    → what it stands for, as organisation.yml says. `date_pattern`: the source's own form of dates. `signs`: column
    → decimal sign, None if undecided. `empty_means_no`: boolean columns whose only filled value is `x`.
    """

    key: bytes
    headings: Mapping[str, tuple[str, ...]]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    date_pattern: str | None = None
    signs: Mapping[str, Sign | None] = field(default_factory=dict)
    empty_means_no: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Standardised:
    """`frame`: every row that counts, with the contract's columns (null where unreadable), `_row`, `_bad` and
    `_answers` (the row reference of a correction workbook, else null).
    `findings`: errors and warnings (columns FINDINGS). `skipped`: summing and help rows, left out of `frame`.
    """

    frame: pl.DataFrame
    findings: pl.DataFrame
    skipped: int

    @property
    def accepted(self) -> pl.DataFrame:
        return self.frame.filter(~pl.col(BAD)).drop(BAD)

    @property
    def quarantined(self) -> pl.DataFrame:
        return self.frame.filter(BAD).drop(BAD)


def positions(header: Sequence[str], headings: Mapping[str, tuple[str, ...]]) -> dict[str, list[int]]:
    """Column → where in the header it stands; several places where a heading is repeated."""
    found: dict[str, list[int]] = {}
    for position, cell in enumerate(header):
        for name in headings.get(fold(cell), ()) if cell else ():
            found.setdefault(name, []).append(position)
    return found


def line_number_column(source: Source) -> str | None:
    """The key column that is counted within `numbered_within` where a file has none."""
    if not source.numbered_within:
        return None
    return next((name for name in source.key if name not in source.numbered_within), None)


def alternatives(source: Source) -> list[tuple[str, str]]:
    """Pairs of columns of which a row must fill one: a key column that can be looked up, and what it is
    looked up by.
    """
    return [
        (c.name, c.lookup.column) for c in source.columns if c.lookup is not None and c.name in source.key
    ]


def standardise(batch: pl.DataFrame, header: Sequence[str], source: Source, choices: Choices) -> Standardised:
    """Type every row of a batch (columns `c0`…, `_row`, `_extra`). Nothing is dropped but skipped rows,
    counted.
    """
    places = {name: found[0] for name, found in positions(header, choices.headings).items()}
    first = next((position for position, cell in enumerate(header) if cell and not is_helper(cell)), 0)
    data = _without_skipped(batch, first, places, source)
    text = {
        column.name: _translated(data[f"c{places[column.name]}"], choices.words.get(column.name, {}), column)
        for column in source.columns
        if column.name in places
    }
    unsaid = nothing(data.height)
    readings: dict[str, Reading] = {}
    values: dict[str, pl.Series] = {}
    for column in source.columns:
        given = text.get(column.name, unsaid)
        filled = given
        if isinstance(column.default, str) and column.name not in choices.empty_means_no:
            filled = given.fill_null(column.default)
        reading = _read(column, filled, choices)
        if column.personal == "name" and column.personal_id in text:
            hidden = personal_names(reading.value, text[column.personal_id], choices.key)
            reading = Reading(hidden, reading.rule, reading.note)
        if column.sets_aside:
            unread = reading.rule.is_not_null() & ~reading.rule.is_in(list(WARNINGS))
            set_aside = pl.repeat("set_aside", data.height, dtype=pl.String, eager=True)
            reading = Reading(reading.value, set_aside.zip_with(unread, reading.rule), reading.note)
        readings[column.name] = reading
        values[column.name] = reading.value.alias(column.name)
    at = reference_position(header)
    given = unsaid if at is None else data[f"c{at}"]
    references = _right(unsaid) if at is None else read_references(given, choices.key, source.name)
    frame = pl.DataFrame(values).with_columns(data[ROW], references.value.alias(ANSWERS))
    for column in source.columns:
        if isinstance(column.default, dict):
            year = pl.col(column.default["year_of"]).dt.year().cast(pl.Int64)
            empty = text[column.name].is_null() if column.name in text else pl.lit(True)
            frame = frame.with_columns(
                pl.when(empty).then(year).otherwise(pl.col(column.name)).alias(column.name)
            )
    findings = _findings(data, source, text, readings)
    if references.rule.is_not_null().any():
        findings = pl.concat([findings, _forged(data[ROW], given, references)]).sort(ROW, maintain_order=True)
    errors = findings.filter(pl.col("severity") == "error")[ROW].unique()
    return Standardised(
        frame=frame.with_columns(pl.col(ROW).is_in(errors.implode()).alias(BAD)),
        findings=findings,
        skipped=batch.height - data.height,
    )


# -- rows
# ----------------------------------------------------------------------------------------------------------


def _without_skipped(
    batch: pl.DataFrame, first_position: int, places: Mapping[str, int], source: Source
) -> pl.DataFrame:
    """Without the template's help row and without summing rows.

    A summing row has a first cell that begins with Summa or Totalt, and every other required cell empty but
    the numbers, which hold the sums. Where all the others are numbers, the first cell must be that word
    alone.
    """
    first = pl.col(f"c{first_position}")
    others = [
        f"c{places[name]}"
        for name in source.required_columns
        if name in places and places[name] != first_position and source.column(name).type not in NUMBERS
    ]
    if others:
        summing = first.str.contains(SUMMING_ROW) & pl.all_horizontal(
            pl.col(name).is_null() for name in others
        )
    else:
        summing = first.str.contains(SUMMING_WORD)
    return batch.filter(~(summing | first.str.contains(HELP_ROW)).fill_null(False))


def _translated(text: pl.Series, words: Mapping[str, str], column: Column) -> pl.Series:
    """Cells that organisation.yml gives another meaning; those of an enum are read with its codes."""
    if not words or column.type == "enum":
        return text
    return by_distinct(text, lambda word: (words.get(fold(word), word), None, None), pl.String).value


# -- cells
# ---------------------------------------------------------------------------------------------------------


def _read(column: Column, text: pl.Series, choices: Choices) -> Reading:
    match column.type:
        case "integer" | "year" | "decimal" | "money":
            numbers = read_numbers(text, column.type, choices.signs.get(column.name), column.min, column.max)
            return refuse_persons(text, numbers)
        case "date":
            return read_dates(text, choices.date_pattern)
        case "month":
            return read_months(text, choices.date_pattern)
        case "boolean":
            return read_booleans(text, column.name in choices.empty_means_no)
        case "enum":
            own = choices.words.get(column.name, {})
            return read_enum(text, {**enum_words(column), **own}, _allowed(column))
        case "orgnr":
            return read_orgnr(text, choices.key)
        case "code" | "text":
            reading = personal_ids(text, choices.key) if column.personal == "id" else _right(text)
            is_code = column.type == "code"
            screened = screen_codes(reading.value, choices.key) if is_code else screen_text(reading.value)
            return Reading(screened, reading.rule, reading.note)


def _right(value: pl.Series) -> Reading:
    return Reading(value, nothing(len(value)), nothing(len(value)))


def _allowed(column: Column) -> dict[str, str]:
    """Folded word → the word to show; the Swedish word where there is one."""
    shown_words = {fold(word): word for words in column.values.values() for word in words}
    return shown_words | {fold(code): code for code, words in column.values.items() if not words}


# -- findings
# ------------------------------------------------------------------------------------------------------


def _findings(
    data: pl.DataFrame,
    source: Source,
    text: Mapping[str, pl.Series],
    readings: Mapping[str, Reading],
) -> pl.DataFrame:
    found = [pl.DataFrame(schema=FINDINGS)]
    rows = data[ROW]
    line_number = line_number_column(source)
    for column in source.columns:
        reading = readings[column.name]
        wrong = reading.rule.is_not_null()
        if wrong.any():
            secret = column.type == "orgnr" or column.personal == "id"
            cells = pl.DataFrame(
                {
                    ROW: rows.filter(wrong),
                    "rule": reading.rule.filter(wrong),
                    "raw_value": shown(text[column.name].filter(wrong), secret),
                    "note": reading.note.filter(wrong),
                }
            )
            found += [
                _worded(part, column, str(rule))
                for (rule,), part in cells.group_by("rule", maintain_order=True)
            ]
        if column.required or (column.name == line_number and column.name in text):
            empty = reading.value.is_null() & ~wrong
            if empty.any():
                found.append(_worded(_cells(rows.filter(empty), "missing"), column, "missing"))
    for pair in alternatives(source):
        empty = readings[pair[0]].value.is_null() & readings[pair[1]].value.is_null()
        unread = readings[pair[0]].rule.is_not_null() | (readings[pair[1]].rule.is_not_null())
        if (empty & ~unread).any():
            columns = [source.column(name) for name in pair]
            found.append(_worded_pair(_cells(rows.filter(empty & ~unread), "missing"), columns))
    beyond = data[EXTRA].is_not_null()
    if beyond.any():
        cells = pl.DataFrame(
            {
                ROW: rows.filter(beyond),
                "rule": "too_many_cells",
                "raw_value": screen_text(data[EXTRA].filter(beyond)),
                "note": "",
            }
        )
        found.append(_worded(cells, None, "too_many_cells"))
    return pl.concat(found).sort(ROW, maintain_order=True)


def _forged(rows: pl.Series, given: pl.Series, references: Reading) -> pl.DataFrame:
    wrong = references.rule.is_not_null()
    cells = pl.DataFrame(
        {
            ROW: rows.filter(wrong),
            "rule": references.rule.filter(wrong),
            "raw_value": screen_text(given.filter(wrong)),
            "note": "",
        }
    )
    words = tuple(_words(None, "forged_reference", language) for language in ("sv", "en"))
    return _with_words(cells, REFERENCE_HEADING, words)


def _cells(rows: pl.Series, rule: str) -> pl.DataFrame:
    return pl.DataFrame({ROW: rows, "rule": rule, "raw_value": "", "note": ""})


def _worded(cells: pl.DataFrame, column: Column | None, rule: str) -> pl.DataFrame:
    words = tuple(_words(column, rule, language) for language in ("sv", "en"))
    return _with_words(cells, column.name if column else "", words)


def _worded_pair(cells: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    words = (
        message("row.missing_both", "sv", first=columns[0].label_sv, second=columns[1].label_sv),
        message("row.missing_both", "en", first=columns[0].name, second=columns[1].name),
    )
    return _with_words(cells, ", ".join(column.name for column in columns), words)


def _with_words(cells: pl.DataFrame, column: str, words: tuple[str, ...]) -> pl.DataFrame:
    cells = cells.with_columns(
        pl.col("raw_value").fill_null("").str.slice(0, SHOWN_CHARACTERS), pl.col("note").fill_null("")
    )
    return cells.select(
        severity=pl.when(pl.col("rule").is_in(list(WARNINGS)))
        .then(pl.lit("warning"))
        .otherwise(pl.lit("error")),
        _row=pl.col(ROW),
        column_name=pl.lit(column),
        rule=pl.col("rule"),
        raw_value=pl.col("raw_value"),
        message_sv=_filled(words[0]),
        message_en=_filled(words[1]),
    )


@functools.lru_cache(maxsize=4096)
def _words_of(rule: str, language: str, arguments: tuple[tuple[str, str], ...]) -> str:
    return message(f"row.{rule}", language, **dict(arguments))


def _words(column: Column | None, rule: str, language: str) -> str:
    """The message's words, with NUL-framed places for what differs from row to row."""
    arguments = {"value": "\x00raw_value\x00", "note": "\x00note\x00"}
    if column is not None:
        arguments |= {
            "column": column.label_sv if language == "sv" else column.name,
            "help": (column.help_sv or column.label_sv) if language == "sv" else column.description,
            "least": _bound(column.min, "−∞"),
            "most": _bound(column.max, "∞"),
        }
    return _words_of(rule, language, tuple(arguments.items()))


def _bound(value: float | None, none: str) -> str:
    return none if value is None else f"{value:g}"


def _filled(text: str) -> pl.Expr:
    pieces = text.split("\x00")
    return pl.concat_str(
        [pl.lit(piece) if position % 2 == 0 else pl.col(piece) for position, piece in enumerate(pieces)]
    )

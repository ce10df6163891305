"""Dates and months as people and systems write them.

Only forms that can be read one way; another form needs its pattern in `organisation.yml` under `dates`.
"""

from __future__ import annotations

import datetime as dt
import re

import polars as pl

from dagster_project.flow.values import Reading, by_distinct

ISO = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
POINTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
MIDNIGHT = re.compile(r"[T ]0{1,2}:00(?::00(?:[.,]0+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?$")
SERIAL = re.compile(r"([0-9]{5})(?:[.,]0+)?")
TWO_WAY = re.compile(r"[0-9]{1,2}[/-][0-9]{1,2}[/-](?:[0-9]{4}|[0-9]{2})|[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{2}")
MONTH = re.compile(r"([0-9]{4})[-/]?([0-9]{2})")
SERIAL_EPOCH = dt.date(1899, 12, 30)
SERIALS = (20_000, 80_000)
YEARS = (1900, 2200)


def read_dates(text: pl.Series, pattern: str | None = None) -> Reading:
    """Dates (pl.Date). `pattern` is tried first.

    Rules: unreadable_date, impossible_date (30 February), ambiguous_date (`03/04/2021` without a pattern).
    """
    return by_distinct(text, lambda word: _date(word, pattern), pl.Date)


def read_months(text: pl.Series, pattern: str | None = None) -> Reading:
    """Months as `YYYY-MM` (String). Rule: unreadable_month."""
    return by_distinct(text, lambda word: _month(word, pattern), pl.String)


def _date(word: str, pattern: str | None) -> tuple[dt.date | None, str | None, str | None]:
    if pattern is not None:
        try:
            return _sensible(dt.datetime.strptime(word, pattern).date())
        except ValueError:
            pass  # the other forms stay readable beside the pattern
    bare = MIDNIGHT.sub("", word)
    if match := ISO.fullmatch(bare):
        return _made(match[1], match[3], match[4])
    if match := COMPACT.fullmatch(bare):
        return _made(match[1], match[2], match[3])
    if match := POINTED.fullmatch(bare):
        return _made(match[3], match[2], match[1])
    if (match := SERIAL.fullmatch(bare)) and SERIALS[0] <= int(match[1]) <= SERIALS[1]:
        return SERIAL_EPOCH + dt.timedelta(days=int(match[1])), None, None
    return None, "ambiguous_date" if TWO_WAY.fullmatch(bare) else "unreadable_date", None


def _made(year: str, month: str, day: str) -> tuple[dt.date | None, str | None, str | None]:
    try:
        return _sensible(dt.date(int(year), int(month), int(day)))
    except ValueError:
        return None, "impossible_date", None


def _sensible(date: dt.date) -> tuple[dt.date | None, str | None, str | None]:
    return (date, None, None) if YEARS[0] <= date.year <= YEARS[1] else (None, "impossible_date", None)


def _month(word: str, pattern: str | None) -> tuple[str | None, str | None, str | None]:
    if match := MONTH.fullmatch(word):
        if 1 <= int(match[2]) <= 12 and YEARS[0] <= int(match[1]) <= YEARS[1]:
            return f"{match[1]}-{match[2]}", None, None
        return None, "unreadable_month", None
    date, _, _ = _date(word, pattern)
    return (f"{date:%Y-%m}", None, None) if date else (None, "unreadable_month", None)

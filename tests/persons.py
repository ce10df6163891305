"""Invented personal identity numbers, every way of writing them, and a search for them in whatever a run leaves.

The search knows nothing of how the program finds such numbers: it looks for the very ones that were planted.
"""

from __future__ import annotations

import gzip
import html
import random
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

import duckdb

FULL_WIDTH = str.maketrans("0123456789-", "０１２３４５６７８９－")
LETTERS = "TRSUWXJKLMN"


@dataclass(frozen=True)
class Person:
    """A number that nobody bears on purpose: `century` (18–20), `day` (YYMMDD), `last` (four signs)."""

    century: str
    day: str
    last: str

    @property
    def ten(self) -> str:
        return self.day + self.last


def _check_digit(nine: str) -> str:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(nine)]
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


def invent(seed: int) -> Iterator[Person]:
    """Different persons without end; every seventh with a coordination number, every thirty-first with a letter."""
    chance = random.Random(seed)
    seen: set[str] = set()
    number = 0
    while True:
        born = date(1912, 1, 1) + timedelta(days=chance.randrange(36_000))
        day = born.strftime("%y%m%d")
        if number % 7 == 0:
            day = f"{day[:4]}{born.day + 60}"
        birth = f"{chance.randrange(1000):03d}"
        letter = chance.choice(LETTERS) if number % 31 == 30 else ""
        nine = day + (f"1{birth[1:]}" if letter else birth)
        last = (letter + birth[1:] if letter else birth) + _check_digit(nine)
        if day + last not in seen:
            seen.add(day + last)
            number += 1
            yield Person(born.strftime("%Y")[:2], day, last)


def alone(person: Person) -> list[str]:
    """The number alone in a cell, in every spelling."""
    century, day, last = person.century, person.day, person.last
    spellings = [
        f"{day}-{last}",
        f"{day}{last}",
        f"{century}{day}-{last}",
        f"{century}{day}{last}",
        f"{day}+{last}",
        f"{day} {last}",
        f"{century} {day} {last}",
        f"{day}\u2011{last}",
        f"{day}\u2013{last}",
        f"{day}\u00a0{last}",
        f"{day}\u202f-\u202f{last}",
        f"{day}_{last}",
        f"{day}.{last}",
        f"{century}{day[:2]}-{day[2:4]}-{day[4:]}-{last}",
        f"{day[:2]} {day[2:4]} {day[4:]} {last}",
        f"{day}-{last}".translate(FULL_WIDTH),
    ]
    if last.isdecimal():
        spellings += [f"16{day}{last}", f"SE{day}{last}01", f"se {day}-{last} 01"]
    return spellings


def within(person: Person) -> list[str]:
    """The number within a text, with and without signs that part it from its surroundings."""
    plain = f"{person.day}-{person.last}"
    return [
        f"Ring {plain}, tack",
        f"({person.century}{person.day}{person.last})",
        f"avser{person.ten}och inget annat",
        f"lön_{plain}_mars",
        f"Dnr 2021-03-04 12 01 01 {plain}: yttrande",
        f"pnr:{person.ten}.",
    ]


# -- the search ---------------------------------------------------------------------------------------------------

_JOINT = r"(?:[-+ ._/\s\u00a0\u00ad\u2000-\u2015\u202f\u2212\uff0d]|\\xa0|\\u[0-9a-f]{4})"
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_QUOTED = re.compile(r"%[0-9A-F]{2}")
_LIKE_ONE = re.compile(
    rf"(?=(\d\d){_JOINT}?([01]\d){_JOINT}?(\d\d){_JOINT}{{0,3}}([\d{LETTERS}{LETTERS.lower()}]\d\d\d))"
)


def found_in_text(text: str, planted: Set[str]) -> set[str]:
    """The planted numbers (ten signs each) that stand in a text, however written, also as JSON, HTML or an address
    writes signs beyond ASCII.
    """
    if "\\u" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    if "&#" in text or "&nbsp" in text:
        text = html.unescape(text)
    found = _numbers_in(text) & planted
    return found | (_numbers_in(unquote(text)) & planted if _QUOTED.search(text) else set())


def _numbers_in(text: str) -> set[str]:
    if not text.isascii():
        text = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)
    return {"".join(match).upper() for match in _LIKE_ONE.findall(text)}


def found_below(folder: Path, planted: Set[str]) -> dict[str, set[str]]:
    """File → planted numbers in its name, its bytes, or what they hold when unpacked and read as what they are."""
    found: dict[str, set[str]] = {}
    for path in sorted(path for path in folder.rglob("*") if not path.is_symlink()):
        name = path.relative_to(folder).as_posix()
        hits = found_in_text(name, planted)
        if path.is_file():
            for text in _texts_of(path):
                hits |= found_in_text(text, planted)
        if hits:
            found[name] = hits
    return found


def _texts_of(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    yield content.decode("utf-8", "replace")
    if content.startswith(b"%PDF"):
        for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
            yield _unpacked(stream)
    if path.suffix == ".gz":
        yield gzip.decompress(content).decode("utf-8", "replace")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as package:
            for member in package.namelist():
                yield package.read(member).decode("utf-8", "replace")
    if path.suffix == ".parquet":
        yield from _rows(f"from read_parquet('{path}')")
    if path.suffix == ".duckdb":
        yield from _tables(path)
    if content.startswith(b"SQLite format 3"):
        yield from _sqlite(path)


def _rows(query: str, connection: duckdb.DuckDBPyConnection | None = None) -> Iterator[str]:
    cursor = (connection or duckdb.connect()).execute(f"select cast(columns(*) as varchar) {query}")
    while rows := cursor.fetchmany(10_000):
        yield "\n".join("|".join(map(str, row)) for row in rows)


def _tables(path: Path) -> Iterator[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        for schema, table in connection.execute(
            "select schema_name, table_name from duckdb_tables()"
        ).fetchall():
            yield from _rows(f'from "{schema}"."{table}"', connection)
        # A view holds no rows of its own, and may read another file than this one.
        yield from _rows("from (select sql from duckdb_views() where not internal)", connection)


def _sqlite(path: Path) -> Iterator[str]:
    with sqlite3.connect(path) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f'select * from "{table}"'):
                yield "|".join(_unpacked(value) for value in row)


def _unpacked(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return zlib.decompress(value).decode("utf-8", "replace")
    except zlib.error:
        return value.decode("utf-8", "replace")

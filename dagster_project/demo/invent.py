"""Invented names and numbers that look real and cannot be: nothing here names a company, person or
municipality.

Organisation numbers begin with a digit pair that is not allotted to any kind of organisation (`4`), personal
identity numbers use the birth numbers that are set aside for test persons (980–989). What does not belong
here: any fact.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

TRADES = (
    "Livs", "Städ", "Bygg", "El", "Rör", "IT", "Kontor", "Möbel", "Skog", "Trafik", "Vård", "Omsorg",
    "Konsult",
    "Tryck", "Data", "Måleri", "Glas", "Plåt", "Åkeri", "Trädgård", "Väg", "Energi", "Tvätt", "Hälsa",
    "Läromedel",
)  # fmt: skip
FANCIES = ("Fiktiva", "Påhittade", "Tänkta", "Låtsade", "Uppdiktade", "Sagolika")
FORMS = ("AB", "HB", "Ekonomisk förening", "AB", "AB")


def luhn_digit(digits: str) -> int:
    """The check digit that completes `digits` (nine of them for an organisation number)."""
    total = 0
    for position, character in enumerate(digits):
        doubled = int(character) * (2 if position % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return -total % 10


def orgnr(serial: int) -> str:
    """The `serial`-th invented organisation number, ten digits with a valid check digit."""
    body = f"4{2 + serial % 8}{2 + serial // 8 % 8}{serial:06d}"
    return body + str(luhn_digit(body))


def personal_number(birth: date, serial: int) -> str:
    """An invented personal identity number in twelve digits; `serial` 0–9 gives the test birth numbers
    980–989.
    """
    body = f"{birth:%y%m%d}{980 + serial}"
    return f"{birth.year // 100}{body}{luhn_digit(body)}"


def personal_spellings(twelve: str) -> list[str]:
    """Every usual spelling of a personal identity number."""
    ten = twelve[2:]
    return [twelve, f"{twelve[:8]}-{twelve[8:]}", ten, f"{ten[:6]}-{ten[6:]}"]


def company_name(serial: int) -> str:
    """The `serial`-th invented company name; all differ."""
    trade = TRADES[serial % len(TRADES)]
    fancy = FANCIES[serial // len(TRADES) % len(FANCIES)]
    return f"{fancy} {trade} {serial:03d} {FORMS[serial % len(FORMS)]}"


def day_between(rng: random.Random, first: date, last: date) -> date:
    """A day from `first` to `last`, both included."""
    return first + timedelta(days=rng.randint(0, (last - first).days))

"""Writes numbers, amounts, dates and periods for people, in one language's way.

What belongs here: how a value looks. What does not: which value, why one is missing, and any word about an
indicator. A value that is not known is never written here: the caller says why it is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from dagster_project.messages import known_keys, message

HARD_SPACE = "\u00a0"
MINUS = "\u2212"
FORMULA = r"^[=+\-@\t\r]"  # a text that a spreadsheet would read as a formula
_DECIMALS = {"count": 0, "sek": 1, "share": 1}
_PERIOD = re.compile(r"(\d{4})(?:-([QTH])(\d))?(-ytd|-r12)?")
_MONTHS_IN = {"Q": 3, "T": 4, "H": 6}


@dataclass(frozen=True)
class Formats:
    """How values are written in a language; every number it is given is finite."""

    language: str = "sv"

    def number(self, value: float | int | Decimal, decimals: int = 0, *, signed: bool = False) -> str:
        """`value` with its thousands apart and exactly `decimals` decimals; `signed` writes a plus too."""
        text = f"{abs(value):,.{decimals}f}"
        is_zero = not text.strip("0.,")
        if self.language == "sv":
            text = text.replace(",", HARD_SPACE).replace(".", ",")
        if is_zero:
            return text
        return (MINUS if value < 0 else "+" if signed else "") + text

    def plain(self, value: float | int | Decimal) -> str:
        """`value` with the decimals that it carries and no more, three at most: a target, a record's own number."""
        text = self.number(value, 3)
        point = "," if self.language == "sv" else "."
        return text.rstrip("0").rstrip(point) if point in text else text

    def amount(self, value: float | int | Decimal, *, signed: bool = False) -> str:
        """Kronor, in thousands or millions where they are many."""
        key, unit, decimals = "sek", 1, 0
        size = abs(float(value))
        if size >= 999_500:
            key, unit, decimals = "million", 1_000_000, 1
        elif size >= 9_999.5:
            key, unit = "thousand", 1_000
        number = self.number(float(value) / unit, decimals, signed=signed)
        return self._joined(number, message(f"report.unit.{key}", self.language))

    def share(self, value: float | Decimal, decimals: int = 1) -> str:
        """A fraction as a percentage."""
        return self._joined(self.number(float(value) * 100, decimals), "%")

    def figure(self, value: float, unit: str, kpi_id: str = "") -> str:
        """An indicator's value with its unit, as `kpi_values.unit` names it."""
        return self._figure(value, unit, kpi_id, signed=False)

    def difference(self, value: float, unit: str, kpi_id: str = "") -> str:
        """A change in an indicator's value, with its sign; of shares in percentage points."""
        if unit == "share":
            number = self.number(value * 100, 1, signed=True)
            return self._joined(number, message("report.unit.points", self.language))
        return self._figure(value, unit, kpi_id, signed=True)

    def target(self, operator: str, target: float | None, unit: str, kpi_id: str = "") -> str:
        """A target in words: `at least 60 %`."""
        if target is None:
            return message(f"report.target.{operator}", self.language)
        value = self._joined(self.plain(target * 100), "%") if unit == "share" else self.plain(target)
        if unit == "sek":
            value = self.amount(target)
        return message(f"report.target.{operator}", self.language, value=value)

    def period(self, period: str) -> str:
        """A period of `dim_period` in words; what is no such period stands as it is."""
        found = _PERIOD.fullmatch(period)
        if not found:
            return period
        year, kind, number, rest = found.groups()
        if kind is None:
            return year
        last = int(number) * _MONTHS_IN[kind]
        month = message(f"report.month.{last}", self.language)
        if rest:
            return message(f"report.period{rest.replace('-', '.')}", self.language, year=year, month=month)
        return message(f"report.period.{kind}", self.language, year=year, number=number)

    def _figure(self, value: float, unit: str, kpi_id: str, *, signed: bool) -> str:
        if unit == "sek":
            return self.amount(value, signed=signed)
        if unit == "share":
            return self._joined(self.number(value * 100, 1, signed=signed), "%")
        number = self.number(value, _DECIMALS.get(unit, 1), signed=signed)
        for key in (f"report.noun.{kpi_id}", f"report.noun.{unit}"):
            if key in known_keys(self.language):
                return self._joined(number, message(key, self.language))
        return number

    @staticmethod
    def _joined(number: str, unit: str) -> str:
        return f"{number}{HARD_SPACE}{unit}"

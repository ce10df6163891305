"""The true figures of the ledger: classified lines are boiled down to months, then to periods.

Choices where the definitions are silent: coverage of every invoice figure is 1 − |unclassified| / |purchase|
over the lines of the same period, member and group; counts of distinct things have the purchase lines as
their population; a figure over the ladder's covered classes has a row where there is a covered or an
unclassified line; the class of an invoice is that with the largest sum of absolute line amounts, the ladder's
first of equals.

What belongs here: sums over lines and invoices. What does not: classes (`ladder.py`), targets
(`scorecard.py`).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl

from dagster_project.demo.facts import World
from dagster_project.demo.ladder import EXCLUDED, ON_CONTRACT, OVER_CEILING, UNCLASSIFIED, WILD
from dagster_project.demo.ledger import Ledger
from dagster_project.demo.scorecard import ALL, Cell, Period, Value, float_of

INVOICE_KPIS = (
    "contract_coverage_value", "supplier_compliance_value", "contract_compliance_value",
    "off_contract_rate_value",
    "off_contract_rate_count", "ceiling_exceeded_count", "supplier_count",
)  # fmt: skip
COVERED = (ON_CONTRACT, OVER_CEILING, WILD)
ORE = 100
NOBODY = ""
"""The member of a unit whose owner is no member, and the group of a line without a category."""

Month = tuple[int, int]


class Spending:
    """Takes classified chunks one by one, and gives every invoice figure of a period afterwards."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        owners = {u.unit_id: u.member_code for u in world.organisations if u.member_code in world.members}
        self._member = pl.Series(
            [owners.get(u.unit_id, NOBODY) for u in ledger.world.organisations], dtype=pl.String
        )
        self._group = pl.Series([*(c.group_code for c in ledger.world.categories), NOBODY], dtype=pl.String)
        self._sums: list[pl.DataFrame] = []
        self._suppliers: list[pl.DataFrame] = []
        self._ceilings: list[pl.DataFrame] = []
        self._invoices: list[pl.DataFrame] = []
        self._folded: dict[str, dict[Month, list[dict[str, object]]]] = {}

    def add(self, chunk: pl.DataFrame) -> None:
        """Boil a classified chunk (`Ladder.classify`) down to months."""
        category = chunk["category_known"].to_numpy()
        lines = chunk.select(
            "unit", "fiscal_year", "invoice_id", "line_no", "compliance", "amount", "supplier",
            "chosen", "supplier_ok",
            month=pl.col("booking_date").dt.year() * 100 + pl.col("booking_date").dt.month(),
            member=self._member.gather(chunk["unit"].cast(pl.UInt32)),
            group=self._group.gather(pl.Series(np.where(category < 0, len(self._group) - 1, category))),
        )  # fmt: skip
        cell = ["month", "member", "group"]
        bought = pl.col("compliance") != EXCLUDED
        covered = pl.col("compliance").is_in(COVERED)

        def total(where: pl.Expr) -> pl.Expr:
            return pl.col("amount").filter(where).sum()

        self._sums.append(
            lines.group_by(cell).agg(
                purchases=bought.sum(), usable=(covered | (pl.col("compliance") == UNCLASSIFIED)).sum(),
                covered_lines=covered.sum(), bought=total(bought), covered=total(covered),
                on_contract=total(pl.col("compliance") == ON_CONTRACT),
                wild=total(pl.col("compliance") == WILD),
                loyal=total(bought & pl.col("supplier_ok")),
                absolute=pl.col("amount").abs().filter(bought).sum(),
                unclassified=pl.col("amount").abs().filter(pl.col("compliance") == UNCLASSIFIED).sum(),
            )
        )  # fmt: skip
        known = lines.filter(bought & (pl.col("amount") > 0) & (pl.col("supplier") >= 0))
        self._suppliers.append(known.select(*cell, thing="supplier").unique())
        over = lines.filter(pl.col("compliance") == OVER_CEILING)
        self._ceilings.append(over.select(*cell, thing="chosen").unique())
        self._invoices.append(_invoices(lines).group_by(cell).agg(
            counted=pl.col("compliance").is_in(COVERED).sum(), wild=(pl.col("compliance") == WILD).sum(),
            unclassified=(pl.col("compliance") == UNCLASSIFIED).sum(),
        ))  # fmt: skip

    def _months(self, name: str) -> dict[Month, list[dict[str, object]]]:
        if name not in self._folded:
            frame = pl.concat(getattr(self, f"_{name}"))
            cell = ["month", "member", "group"]
            folds = (
                frame.lazy().unique()
                if "thing" in frame.columns
                else frame.lazy().group_by(cell).agg(pl.exclude(cell).sum())
            )
            frame = folds.collect()
            found: dict[Month, list[dict[str, object]]] = {}
            for row in frame.sort(frame.columns).iter_rows(named=True):
                found.setdefault((row["month"] // 100, row["month"] % 100), []).append(row)
            self._folded[name] = found
        return self._folded[name]

    def booked_months(self) -> list[Month]:
        """Months in which something was booked."""
        return sorted(self._months("sums"))

    def values(self, period: Period) -> dict[str, dict[Cell, Value]]:
        """Every invoice figure of a period by indicator and cell."""
        sums, invoices = self._sum("sums", period), self._sum("invoices", period)
        suppliers, ceilings = self._distinct("suppliers", period), self._distinct("ceilings", period)
        found: dict[str, dict[Cell, Value]] = {
            kpi_id: {(ALL, ALL): _value(None, None, None)} for kpi_id in INVOICE_KPIS
        }
        for cell, s in sums.items():
            if s["purchases"] == 0:
                continue
            coverage = 1 - s["unclassified"] / s["absolute"] if s["absolute"] else None
            found["contract_coverage_value"][cell] = _value(s["covered"], s["bought"], coverage)
            found["supplier_compliance_value"][cell] = _value(s["loyal"], s["bought"], coverage)
            for kpi_id, thing in (("supplier_count", suppliers), ("ceiling_exceeded_count", ceilings)):
                count = len(thing.get(cell, ()))
                found[kpi_id][cell] = Value(Fraction(count), None, float(count), coverage)
            if s["usable"]:
                some = s["covered_lines"] > 0
                for kpi_id, numerator in (
                    ("contract_compliance_value", s["on_contract"]),
                    ("off_contract_rate_value", s["wild"]),
                ):
                    figure = (
                        _value(numerator, s["covered"], coverage) if some else _value(None, None, coverage)
                    )
                    found[kpi_id][cell] = figure
            elif cell == (ALL, ALL):
                for kpi_id in ("contract_compliance_value", "off_contract_rate_value"):
                    found[kpi_id][cell] = _value(None, None, coverage)
            i = invoices.get(cell)
            if i and i["counted"] + i["unclassified"]:
                share = _value(i["wild"] * ORE, i["counted"] * ORE, coverage)
                found["off_contract_rate_count"][cell] = (
                    share if i["counted"] else _value(None, None, coverage)
                )
        return found

    def _sum(self, name: str, period: Period) -> dict[Cell, dict[str, int]]:
        found: dict[Cell, dict[str, int]] = {}
        for month in period.months:
            for row in self._months(name).get(month, ()):
                for cell in _cells(row):
                    into = found.setdefault(cell, {})
                    for column, value in row.items():
                        if column not in ("month", "member", "group"):
                            assert isinstance(value, int)
                            into[column] = into.get(column, 0) + value
        return found

    def _distinct(self, name: str, period: Period) -> dict[Cell, set[object]]:
        found: dict[Cell, set[object]] = {}
        for month in period.months:
            for row in self._months(name).get(month, ()):
                for cell in _cells(row):
                    found.setdefault(cell, set()).add(row["thing"])
        return found


def _invoices(lines: pl.DataFrame) -> pl.DataFrame:
    """Invoices that are no credit notes, each with the member, the group and month of its largest line, and
    its class.
    """
    invoice = ["unit", "fiscal_year", "invoice_id"]
    size = pl.col("amount").abs()
    largest = (
        lines.sort(size, -pl.col("line_no"), descending=True)
        .unique(invoice, keep="first", maintain_order=True)
        .select(*invoice, "month", "member", "group")
    )
    classes = (
        lines.group_by(*invoice, "compliance")
        .agg(size=size.sum())
        .sort(pl.col("size"), -pl.col("compliance"), descending=True)
        .unique(invoice, keep="first", maintain_order=True)
        .select(*invoice, "compliance")
    )
    sums = lines.group_by(invoice).agg(pl.col("amount").sum()).filter(pl.col("amount") >= 0)
    return sums.join(largest, on=invoice).join(classes, on=invoice)


def _cells(row: dict[str, object]) -> list[Cell]:
    found: list[Cell] = [(ALL, ALL)]
    if row["member"] != NOBODY:
        found.append((str(row["member"]), ALL))
    if row["group"] != NOBODY:
        found.append((ALL, str(row["group"])))
    return found


def _value(numerator: int | None, denominator: int | None, coverage: float | None) -> Value:
    if numerator is None or denominator is None:
        return Value(None, None, None, coverage)
    actual = float_of(Fraction(numerator, denominator)) if denominator else None
    return Value(Fraction(numerator, ORE), Fraction(denominator, ORE), actual, coverage)

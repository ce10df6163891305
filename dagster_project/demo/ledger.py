"""The bulk of the invoice ledger: frames of true lines, one month of invoice dates at a time.

A chunk is a pure function of (seed, month), so that it can be written and counted without being kept. All
lines of an invoice lie in one chunk, and chunks come in the order of the invoice date, which is the order
that ceilings are filled in. What belongs here: true lines. What does not: spelling of files (`deliveries.py`)
and classes (`ladder.py`).

Columns of a chunk: unit, spelling, category, contract (positions in the world's lists, -1: none; contract
positions are those of `Ledger.contract_ids`), fiscal_year, invoice_id, line_no, invoice_date, booking_date,
account, amount (öre, SEK), amount_delivered (öre, the delivery's currency), currency, text.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from dagster_project.demo.agreements import MEAN_LINE_SEK
from dagster_project.demo.buyers import (
    ACCOUNTS_OF_A_CATEGORY,
    CATEGORIES_WITH_ACCOUNTS,
    EXCLUDED_ACCOUNTS,
    FIRST_ACCOUNT,
    RANGELESS_ACCOUNT,
    UNCATEGORISED_ACCOUNT,
)
from dagster_project.demo.facts import FIRST_DAY, FIRST_YEAR, LAST_DAY, LAST_YEAR, Line, World
from dagster_project.demo.market import SPELLINGS_PER_SUPPLIER, UNKNOWN, UNREGISTERED

Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

UNKNOWN_CONTRACT = "A-9999-999"
"""Named on some lines and in no contract register: a warning."""
EPOCH = date(1970, 1, 1)
MONTHS = tuple((y, m) for y in range(FIRST_YEAR, LAST_YEAR + 1) for m in range(1, 13))
PLANTED_EARLY = (FIRST_YEAR - 1, 12)
"""Invoices of the December before the first year, booked in January."""

CHUNK_SCHEMA = {
    "unit": pl.Int32, "fiscal_year": pl.Int32, "invoice_id": pl.String, "line_no": pl.Int32,
    "spelling": pl.Int32,
    "invoice_date": pl.Date, "booking_date": pl.Date, "account": pl.Int32, "category": pl.Int32,
    "contract": pl.Int32, "amount": pl.Int64, "amount_delivered": pl.Int64, "currency": pl.String,
    "text": pl.String,
}  # fmt: skip


def days(day: date) -> int:
    """Days since 1970-01-01, as polars stores dates."""
    return (day - EPOCH).days


@dataclass(frozen=True, slots=True)
class _Offers:
    """Who may sell what to whom under which contract, flattened for drawing."""

    spelling: Ints
    category: Ints
    unit: Ints
    contract: Ints
    first: Ints
    last: Ints


class Ledger:
    """The ledger of a world. `contract_ids`: the names that lines refer to, the last one unknown to the
    register.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._planted = world.planted_lines
        self.unit_at = {u.unit_id: i for i, u in enumerate(world.organisations)}
        self.category_at = {c.category_code: i for i, c in enumerate(world.categories)}
        self.contract_ids = [*dict.fromkeys(c.contract_id for c in world.contracts), UNKNOWN_CONTRACT]
        self.contract_at = {name: i for i, name in enumerate(self.contract_ids)}
        self._supplier_spelling = {
            s.supplier_id: SPELLINGS_PER_SUPPLIER * i
            for i, s in enumerate(world.suppliers[: world.size.suppliers])
        }
        self._free_categories = np.array(
            [i for i, c in enumerate(world.categories) if c.category_code not in world.reserved_categories]
        )
        self._free_units = np.array(
            [i for i, u in enumerate(world.organisations) if u.unit_id not in world.reserved_units]
        )
        self._account_of = np.full(len(world.categories), UNCATEGORISED_ACCOUNT, dtype=np.int64)
        for position, category in enumerate(self._free_categories[:CATEGORIES_WITH_ACCOUNTS]):
            self._account_of[category] = FIRST_ACCOUNT + position * ACCOUNTS_OF_A_CATEGORY
        self._offers = self._draw_table()

    def _draw_table(self) -> _Offers:
        world = self.world
        buyers: dict[str, list[str]] = {}
        for b in world.contract_buyers:
            buyers.setdefault(b.contract_id, []).append(b.unit_id)
        extra: dict[str, list[str]] = {}
        for c in world.contract_categories:
            extra.setdefault(c.contract_id, []).append(c.category_code)
        ordinary = [u for u in world.organisations if u.unit_id not in world.reserved_units]
        member_units = [u.unit_id for u in ordinary if u.member_code in world.members]
        rows = []
        for contract in world.contracts:
            if (
                contract.contract_id in world.reserved_contracts
                or contract.supplier_id not in self._supplier_spelling
            ):
                continue
            named = buyers.get(contract.contract_id, [])
            units = (
                member_units[::4] if "ALL" in named else [u for u in named if u not in world.reserved_units]
            )
            for category in [contract.category_code, *extra.get(contract.contract_id, [])]:
                for unit_id in units:
                    rows.append(
                        (
                            self._supplier_spelling[contract.supplier_id],
                            self.category_at[category],
                            self.unit_at[unit_id],
                            self.contract_at[contract.contract_id],
                            days(contract.valid_from),
                            days(min(contract.last_day, date(2100, 1, 1))),
                        )
                    )
        table = np.array(rows, dtype=np.int64)
        return _Offers(*(table[:, i] for i in range(6)))

    def of(self, smaller: World) -> Ledger:
        """The same ledger with only the planted lines of `smaller`; positions stay those of the whole."""
        found = copy.copy(self)
        found._planted = smaller.planted_lines
        return found

    def months(self) -> Iterator[tuple[int, int]]:
        """Every chunk's month of invoice dates, in order."""
        yield PLANTED_EARLY
        yield from MONTHS

    def chunk(self, year: int, month: int) -> pl.DataFrame:
        """The random lines of a month of invoice dates, then its planted ones."""
        planted = self.frame(
            [x for x in self._planted if (x.invoice_date.year, x.invoice_date.month) == (year, month)]
        )
        return pl.concat([self.random_lines(year, month), planted])

    def frame(self, lines: list[Line]) -> pl.DataFrame:
        """Planted lines as a chunk."""
        rows = [
            (
                self.unit_at[x.buyer_unit_id], x.fiscal_year, x.invoice_id, x.line_no, x.spelling,
                x.invoice_date,
                x.booking_date, x.account, self.category_at[x.category_code] if x.category_code else -1,
                self.contract_at[x.contract_id] if x.contract_id else -1, x.amount_ore,
                int(x.amount_ore / x.rate), x.currency, x.text,
            )
            for x in lines
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=CHUNK_SCHEMA, orient="row")

    def random_lines(self, year: int, month: int) -> pl.DataFrame:
        """The random lines of a month of invoice dates; only a few in the month before the first year."""
        total = self.world.size.invoice_lines
        count = total // len(MONTHS)
        if (year, month) == PLANTED_EARLY:
            count = min(total % len(MONTHS) + 5, total)
        if count == 0:
            return self.frame([])
        rng = np.random.default_rng([self.world.seed, year, month])
        lines_of = rng.choice(np.array([1, 2, 3, 4, 7]), p=[0.62, 0.2, 0.1, 0.06, 0.02], size=count)
        invoices = int(np.searchsorted(np.cumsum(lines_of), count)) + 1
        lines_of = lines_of[:invoices]
        lines_of[-1] -= lines_of.sum() - count
        invoice = np.repeat(np.arange(invoices), lines_of)
        line_no = np.arange(count) - np.repeat(np.cumsum(lines_of) - lines_of, lines_of) + 1

        first = days(date(year, month, 1))
        length = days(date(year + month // 12, month % 12 + 1, 1)) - first
        invoice_day = first + rng.integers(0, length, invoices)
        booking_day = invoice_day + rng.integers(0, 36, invoices)
        if (year, month) == PLANTED_EARLY:
            booking_day = np.maximum(booking_day, days(FIRST_DAY))
        booking_day = np.minimum(booking_day, days(LAST_DAY))

        # Seven in ten follow a contract (mostly one in force), the others buy as they please.
        offers = self._offers
        running = np.flatnonzero((offers.first <= first) & (offers.last >= first))
        everything = np.arange(len(offers.unit))
        pick = np.where(
            (rng.random(invoices) < 0.9) & (len(running) > 0),
            rng.choice(running if len(running) else everything, invoices),
            rng.choice(everything, invoices),
        )
        follows = rng.random(invoices) < 0.7
        random_spelling = SPELLINGS_PER_SUPPLIER * rng.integers(0, self.world.size.suppliers, invoices)
        spelling = np.where(follows, offers.spelling[pick], random_spelling)
        unit = np.where(follows, offers.unit[pick], rng.choice(self._free_units, invoices))
        category = np.where(follows, offers.category[pick], rng.choice(self._free_categories, invoices))
        otherwise = rng.random(invoices)
        spelling += otherwise < 0.07  # the supplier by name, bankgiro or old number
        outside = SPELLINGS_PER_SUPPLIER * self.world.size.suppliers
        strangers = rng.integers(outside, outside + len(UNREGISTERED) + UNKNOWN, invoices)
        spelling = np.where(otherwise > 0.96, strangers, spelling)

        # A credit note takes back a little of the line before it: same buyer, supplier, day and category.
        credit = (lines_of == 1) & (rng.random(invoices) < 0.03)
        credit[0] = False
        credit[1:] &= ~credit[:-1]
        source = np.arange(invoices) - credit
        unit, spelling = unit[source], spelling[source]
        invoice_day, booking_day = invoice_day[source], booking_day[source]
        credited = np.arange(count) - credit[invoice]

        by_line = {
            name: values[invoice] for name, values in
            (("unit", unit), ("spelling", spelling), ("day", invoice_day), ("booked", booking_day))
        }  # fmt: skip
        strays = rng.random(count) < 0.1
        category_line = np.where(strays, rng.choice(self._free_categories, count), category[invoice])
        account = self._account_of[category_line] + rng.integers(0, ACCOUNTS_OF_A_CATEGORY, count)
        luck = rng.random(count)
        account = np.where(luck < 0.04, rng.choice(np.array(EXCLUDED_ACCOUNTS), count), account)
        account = np.where((luck >= 0.04) & (luck < 0.055), RANGELESS_ACCOUNT, account)
        own_category = np.where((rng.random(count) < 0.7) & (luck >= 0.055), category_line, -1)
        naming = rng.random(count)
        named = np.where(follows[invoice] & (naming < 0.3), offers.contract[pick][invoice], -1)
        named = np.where(naming > 0.985, rng.integers(0, len(self.contract_ids), count), named)
        reserved = np.array([name in self.world.reserved_contracts for name in self.contract_ids])
        named = np.where((named >= 0) & reserved[named], -1, named)

        drawn = np.exp(rng.normal(np.log(MEAN_LINE_SEK * 100) - 0.5, 1.0, count))
        amount = np.rint(drawn).astype(np.int64) + 100
        account, own_category, named, amount = (x[credited] for x in (account, own_category, named, amount))
        amount = np.where(credit[invoice], -(amount // 20) - 1, amount)

        booked_year = by_line["booked"].astype("datetime64[D]").astype("datetime64[Y]")
        fiscal_year = booked_year.astype(np.int64) + 1970
        # Unique within the fiscal year, and the same numbers again the next; what is booked after New Year keeps
        # its month apart, because numbers start again every month here.
        number = np.where(fiscal_year == year, month, 12 + month) * 10_000_000 + invoice
        return pl.DataFrame(
            {
                "unit": by_line["unit"], "fiscal_year": fiscal_year, "invoice_id": number, "line_no": line_no,
                "spelling": by_line["spelling"], "invoice_date": by_line["day"],
                "booking_date": by_line["booked"],
                "account": account, "category": own_category, "contract": named, "amount": amount,
                "amount_delivered": amount,
            }
        ).with_columns(
            pl.col("invoice_date", "booking_date").cast(pl.Int32),
            currency=pl.lit("SEK"), text=pl.lit(None, pl.String),
        ).cast(CHUNK_SCHEMA)  # type: ignore[arg-type] # fmt: skip

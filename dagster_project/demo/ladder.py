"""The true class of every invoice line, counted another way than by joins: masks per contract and a day
calendar.

For each supplier the lines are taken out and its contracts laid over them one after the other, the least
preferred first, so that what stands last is the contract chosen; whether anybody covers a category is looked
up in a calendar of (unit, category, day). Ceilings are filled chunk by chunk, since chunks come in the order
of the invoice date.

What belongs here: the ladder of contract fidelity. What does not: figures and periods.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl

from dagster_project.demo.facts import Contract, World
from dagster_project.demo.ledger import Ints, Ledger, days

CLASSES = ("excluded", "unclassified", "on_contract", "over_ceiling", "wild", "uncovered")
"""In ladder order; also the order in which ties between classes are broken."""
EXCLUDED, UNCLASSIFIED, ON_CONTRACT, OVER_CEILING, WILD, UNCOVERED = range(6)
REASONS = (None, "expired", "not_entitled", "other_category", "no_contract")

CALENDAR_FIRST = date(2016, 1, 1)
CALENDAR_LAST = date(2023, 12, 31)

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class Ladder:
    """Classifies the chunks of a ledger against the registers of `world` (which may lack what the ledger's
    has).
    """

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world, self._ledger = world, ledger
        full = ledger.world
        self._category_codes = [c.category_code for c in full.categories]
        members = set(world.members)
        self._member_units = [i for i, u in enumerate(full.organisations) if u.member_code in members]
        own_numbers = {u.orgnr for u in world.organisations if u.member_code in members and u.orgnr}

        names = sorted({s.supplier_id for s in full.spellings if s.supplier_id is not None})
        self.supplier_ids: list[str] = names
        at = {name: i for i, name in enumerate(names)}
        self._supplier_of = np.array(
            [-1 if s.supplier_id is None else at[s.supplier_id] for s in full.spellings]
        )
        self._is_own = np.array([name in own_numbers for name in names])
        self._account_category, self._account_purchase = self._accounts()

        contract_category = np.full(len(ledger.contract_ids), -1, dtype=np.int64)
        self._by_supplier: dict[int, list[Contract]] = {}
        for contract in world.contracts:
            contract_category[ledger.contract_at[contract.contract_id]] = ledger.category_at[
                contract.category_code
            ]
            if contract.supplier_id in at:
                self._by_supplier.setdefault(at[contract.supplier_id], []).append(contract)
        self._contract_category = contract_category
        for contracts in self._by_supplier.values():
            # The least preferred first: earliest valid_from, then largest contract_id.
            contracts.sort(key=lambda c: c.contract_id, reverse=True)
            contracts.sort(key=lambda c: c.valid_from)
        self._units_of, self._categories_of = self._openness()
        self._covered = self._calendar()
        self._ceiling = {
            ledger.contract_at[c.contract_id]: int(c.ceiling_value * 100)
            for c in world.contracts
            if c.ceiling_value is not None
        }
        self._spent: dict[int, int] = {}
        self._last_day_seen: int | None = None

    def _accounts(self) -> tuple[Ints, Mask]:
        category = np.full(10_000, -1, dtype=np.int64)
        purchase = np.ones(10_000, dtype=np.bool_)  # an account in no range is a purchase
        for row in self._world.accounts:
            span = slice(int(row.account_from), int(row.account_to) + 1)
            purchase[span] = row.purchase
            category[span] = self._ledger.category_at[row.category_code] if row.category_code else -1
        return category, purchase

    def _openness(self) -> tuple[dict[str, Mask], dict[str, Mask]]:
        units: dict[str, Mask] = {}
        categories: dict[str, Mask] = {}
        for contract in self._world.contracts:
            units[contract.contract_id] = np.zeros(len(self._ledger.unit_at), dtype=np.bool_)
            own = categories.setdefault(
                contract.contract_id, np.zeros(len(self._category_codes), dtype=np.bool_)
            )
            own[self._ledger.category_at[contract.category_code]] = True
        for extra in self._world.contract_categories:
            categories[extra.contract_id][self._ledger.category_at[extra.category_code]] = True
        for buyer in self._world.contract_buyers:
            if buyer.unit_id == "ALL":
                units[buyer.contract_id][self._member_units] = True
            elif buyer.unit_id in self._ledger.unit_at:
                units[buyer.contract_id][self._ledger.unit_at[buyer.unit_id]] = True
        return units, categories

    def _calendar(self) -> Mask:
        """Whether some contract covers (unit, category, day)."""
        length = (CALENDAR_LAST - CALENDAR_FIRST).days + 1
        covered = np.zeros((len(self._ledger.unit_at), len(self._category_codes), length), dtype=np.bool_)
        for contract in self._world.contracts:
            first = max((contract.valid_from - CALENDAR_FIRST).days, 0)
            last = (min(contract.last_day, CALENDAR_LAST) - CALENDAR_FIRST).days
            if last < first:
                continue
            for unit in np.flatnonzero(self._units_of[contract.contract_id]):
                for category in np.flatnonzero(self._categories_of[contract.contract_id]):
                    covered[unit, category, first : last + 1] = True
        return covered

    def classify(self, chunk: pl.DataFrame) -> pl.DataFrame:
        """The chunk with supplier, category_known, class, reason, chosen (contract position) and supplier_ok.

        Chunks must come in the order of their invoice dates: ceilings remember. ValueError otherwise.
        """
        if chunk.is_empty():
            return self._with_columns(chunk, *(np.zeros(0, dtype=np.int64) for _ in range(6)))
        unit, spelling = chunk["unit"].to_numpy(), chunk["spelling"].to_numpy()
        day = chunk["invoice_date"].cast(pl.Int32).to_numpy()
        account, named = chunk["account"].to_numpy(), chunk["contract"].to_numpy()
        if self._last_day_seen is not None and day.min() <= self._last_day_seen:
            raise ValueError("chunks must come in the order of their invoice dates")
        self._last_day_seen = int(day.max())

        supplier = self._supplier_of[spelling]
        category = chunk["category"].to_numpy().astype(np.int64)
        category = np.where(category < 0, np.where(named >= 0, self._contract_category[named], -1), category)
        category = np.where(category < 0, self._account_category[account], category)
        excluded = ~self._account_purchase[account] | ((supplier >= 0) & self._is_own[supplier])

        chosen = np.full(len(chunk), -1, dtype=np.int64)
        reason = np.full(len(chunk), 4, dtype=np.int64)
        holds_some = np.zeros(len(chunk), dtype=np.bool_)
        order = np.argsort(supplier, kind="stable")
        edges = np.searchsorted(supplier[order], np.arange(len(self.supplier_ids) + 1))
        for number, contracts in self._by_supplier.items():
            mine = order[edges[number] : edges[number + 1]]
            if len(mine):
                self._lay(contracts, mine, unit, day, category, named, chosen, reason, holds_some)

        offset = np.clip(day - days(CALENDAR_FIRST), 0, self._covered.shape[2] - 1)
        covered = self._covered[unit, category, offset] & (category >= 0)
        classes = np.where(covered, WILD, UNCOVERED)
        classes = np.where(category < 0, UNCLASSIFIED, classes)
        classes = np.where(chosen >= 0, ON_CONTRACT, classes)
        classes = np.where(supplier < 0, UNCLASSIFIED, classes)
        classes = np.where(excluded, EXCLUDED, classes)
        chosen = np.where(classes == ON_CONTRACT, chosen, -1)
        reason = np.where((classes == WILD) | (classes == UNCOVERED), reason, 0)
        classes[self._above_ceiling(chunk, chosen)] = OVER_CEILING
        return self._with_columns(chunk, supplier, category, classes, reason, chosen, holds_some & ~excluded)

    def _lay(
        self, contracts: list[Contract], mine: Ints, unit: Ints, day: Ints, category: Ints, named: Ints,
        chosen: Ints, reason: Ints, holds_some: Mask,
    ) -> None:  # fmt: skip
        """Lay one supplier's contracts over its lines, writing into chosen, reason and holds_some."""
        own_unit, own_day, own_category, own_named = unit[mine], day[mine], category[mine], named[mine]
        best = np.full(len(mine), -1, dtype=np.int64)
        why = np.full(len(mine), 4, dtype=np.int64)
        some = np.zeros(len(mine), dtype=np.bool_)
        by_name = np.full(len(mine), -1, dtype=np.int64)
        for contract in contracts:
            position = self._ledger.contract_at[contract.contract_id]
            is_open = self._units_of[contract.contract_id][own_unit]
            ended = own_day > days(min(contract.last_day, date(2200, 1, 1)))
            valid = (own_day >= days(contract.valid_from)) & ~ended
            in_category = self._categories_of[contract.contract_id][own_category] & (own_category >= 0)
            usable = is_open & valid
            some |= usable
            best = np.where(usable & (in_category | (own_category < 0)), position, best)
            by_name = np.where(usable & (own_named == position), position, by_name)
            why = np.where(usable & ~in_category, np.minimum(why, 3), why)
            why = np.where(valid & ~is_open & in_category, np.minimum(why, 2), why)
            why = np.where(ended & is_open & in_category, 1, why)
        chosen[mine] = np.where(by_name >= 0, by_name, best)
        reason[mine] = why
        holds_some[mine] = some

    def _above_ceiling(self, chunk: pl.DataFrame, chosen: Ints) -> Ints:
        """Positions of the lines with which their contract's accumulated amount is above its ceiling."""
        limited = np.flatnonzero(np.isin(chosen, np.array(list(self._ceiling) or [-2])))
        units = pl.Series([u.unit_id for u in self._ledger.world.organisations])
        lines = (
            chunk[limited]
            .select("invoice_date", "booking_date", "unit", "fiscal_year", "invoice_id", "line_no", "amount")
            .with_columns(position=pl.Series(limited), chosen=pl.Series(chosen[limited]))
            .with_columns(buyer=units.gather(pl.Series(chunk["unit"].to_numpy()[limited])))
            .sort("chosen", "invoice_date", "booking_date", "buyer", "invoice_id", "line_no", "fiscal_year")
        )
        above: list[int] = []
        for part in lines.partition_by("chosen", maintain_order=True):
            contract = int(part["chosen"][0])
            total = part["amount"].cum_sum().to_numpy() + self._spent.get(contract, 0)
            self._spent[contract] = int(total[-1])
            above += part["position"].to_numpy()[total > self._ceiling[contract]].tolist()
        return np.array(above, dtype=np.int64)

    @staticmethod
    def _with_columns(
        chunk: pl.DataFrame,
        supplier: Ints,
        category: Ints,
        classes: Ints,
        reason: Ints,
        chosen: Ints,
        ok: Mask | Ints,
    ) -> pl.DataFrame:
        return chunk.with_columns(
            supplier=pl.Series(supplier, dtype=pl.Int32),
            category_known=pl.Series(category, dtype=pl.Int32),
            compliance=pl.Series(classes, dtype=pl.Int8),
            reason=pl.Series(reason, dtype=pl.Int8),
            chosen=pl.Series(chosen, dtype=pl.Int32),
            supplier_ok=pl.Series(ok, dtype=pl.Boolean),
        )


def classified(world: World, ledger: Ledger) -> Iterator[pl.DataFrame]:
    """Every chunk of the ledger, classified, in order."""
    ladder = Ladder(world, ledger)
    for year, month in ledger.months():
        yield ladder.classify(ledger.chunk(year, month))

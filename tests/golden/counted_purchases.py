"""The marts of purchases and contracts to act on, counted from the planted facts in plain Python.

Written from the definitions (`docs/choices.md`, the marts' columns in words) by other hands than the models. Rows are
dicts by the marts' column names; amounts are exact.

What belongs here: counting. What does not: how a mart is held against it (`compared_purchases.py`), and the class of a
line, which is the ladder's (`dagster_project.demo.ladder`).
"""

from __future__ import annotations

import calendar
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

from scipy import stats

from dagster_project.demo.facts import Category, Contract, Unit, World
from dagster_project.demo.figures import NONE
from dagster_project.demo.ladder import CLASSES
from dagster_project.demo.scorecard import Period, periods

ALL = "ALL"
COVERED = ("on_contract", "over_ceiling", "wild")
SUPPLIER_PERIODS = ("quarter", "year")
MAIN_SHARE = Fraction(8, 10)
SMALL = 250
OWN_UNITS = ("municipality", "region")
FORMS = {"A": "meeting", "B": "meeting", "C": "any", "D": "any"}
ANY_FORM = ("meeting", "phone", "email")
PACE_MONTHS, LEAST_MONTHS = 12, 3
DAYS_OF_A_MONTH = 365.2425 / 12
CENTURY = 100 * 365.25
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Purchase:
    """A classified line: by whom, of what, from whom, on which contract if any. Amounts in kronor."""

    unit_id: str
    fiscal_year: int
    invoice_id: str
    line_no: int
    supplier_id: str | None
    category_code: str | None
    compliance_class: str
    contract_id: str | None
    invoice_date: date
    booking_date: date
    amount: Fraction


class CountedPurchases:
    """Every count over one world and its classified lines, as of a day.

    `thresholds`: the direct-award threshold by its first day; `window_months`: the planning window.
    """

    def __init__(
        self,
        world: World,
        lines: Sequence[Purchase],
        as_of: date,
        thresholds: Mapping[date, int],
        window_months: int,
    ) -> None:
        self.world, self.as_of, self.thresholds = world, as_of, thresholds
        self.window_end = months_later(as_of, window_months)
        self.lines = [line for line in lines if line.booking_date <= as_of]
        self.bought = [line for line in self.lines if line.compliance_class != "excluded"]
        self.unit: dict[str, Unit] = {u.unit_id: u for u in world.organisations}
        self.category: dict[str | None, Category] = {c.category_code: c for c in world.categories}
        self.supplier = {s.supplier_id: s for s in world.suppliers}
        self.contract: dict[str, list[Contract]] = defaultdict(list)
        for row in world.contracts:
            self.contract[row.contract_id].append(row)
        self.categories_of = {
            name: {row.category_code for row in rows} for name, rows in self.contract.items()
        }
        for extra in world.contract_categories:
            if extra.contract_id in self.categories_of:
                self.categories_of[extra.contract_id].add(extra.category_code)
        self.open_to: dict[str, set[str]] = defaultdict(set)
        for buyer in world.contract_buyers:
            members = set(world.members) if buyer.unit_id == ALL else {self.member(buyer.unit_id)} - {None}
            self.open_to[buyer.contract_id] |= members  # type: ignore[arg-type]

    def member(self, unit_id: str) -> str | None:
        """The member that owns the unit, None where the owner is no member."""
        owner = self.unit[unit_id].member_code if unit_id in self.unit else None
        return owner if owner in self.world.members else None

    def group(self, category_code: str | None) -> str | None:
        """The category's group."""
        found = self.category.get(category_code)
        return found.group_code if found else None

    # off_contract_rates

    def rates(self) -> dict[tuple[str, ...], Row]:
        """By period type, period, member, group and supplier, with ALL, in the published combinations."""
        first, last = (pick(line.booking_date for line in self.lines).year for pick in (min, max))
        spans = [span for span in periods(first, last) if span.first <= self.as_of]
        lines: dict[tuple[str, ...], list[Purchase]] = defaultdict(list)
        for line in self.lines:
            for key in self._cells(line, spans):
                lines[key].append(line)
        mostly: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for largest, compliance_class in self._invoices():
            for key in self._cells(largest, spans):
                mostly[key].append(compliance_class)
        return {key: _rates_row(found, mostly[key]) for key, found in lines.items()}

    def _cells(self, line: Purchase, spans: Sequence[Period]) -> Iterable[tuple[str, ...]]:
        member, group = self.member(line.unit_id) or ALL, self.group(line.category_code) or ALL
        for span in spans:
            if span.holds(line.booking_date):
                for cell in {(ALL, ALL), (member, ALL), (ALL, group), (member, group)}:
                    yield span.kind, span.name, *cell, ALL
                if line.supplier_id and span.kind in SUPPLIER_PERIODS:
                    for one in {ALL, member}:
                        yield span.kind, span.name, one, ALL, line.supplier_id

    def _invoices(self) -> Iterable[tuple[Purchase, str]]:
        """The largest line and the class with the largest absolute amount of each invoice that is no credit note."""
        invoices: dict[tuple[str, int, str], list[Purchase]] = defaultdict(list)
        for line in self.lines:
            invoices[line.unit_id, line.fiscal_year, line.invoice_id].append(line)
        for lines in invoices.values():
            if sum((line.amount for line in lines), NONE) < 0:
                continue
            sizes: dict[str, Fraction] = defaultdict(Fraction)
            for line in lines:
                sizes[line.compliance_class] += abs(line.amount)
            largest = min(lines, key=lambda line: (-abs(line.amount), line.line_no))
            yield largest, min(sizes, key=lambda name: (-sizes[name], CLASSES.index(name)))

    # spend_cube, environmental_spend

    @cached_property
    def cube(self) -> dict[tuple[str | None, ...], Row]:
        """By quarter, member, category, supplier and class."""
        found: dict[tuple[str | None, ...], list[Purchase]] = defaultdict(list)
        for line in self.lines:
            quarter = f"{line.booking_date.year}-Q{(line.booking_date.month + 2) // 3}"
            found[
                quarter,
                self.member(line.unit_id),
                line.category_code,
                line.supplier_id,
                line.compliance_class,
            ].append(line)
        return {key: self._cube_row(key, lines) for key, lines in found.items()}

    def _cube_row(self, key: tuple[str | None, ...], lines: list[Purchase]) -> Row:
        quarter, _, category_code, supplier_id, _ = key
        category, supplier = self.category.get(category_code), self.supplier.get(supplier_id or "")
        factor = category.emission_kg_per_sek if category else None
        amount = sum((line.amount for line in lines), NONE)
        employees = supplier.employees if supplier else None
        return {
            "year": int((quarter or "")[:4]),
            "category_group": self.group(category_code),
            "is_regional": self.is_regional(supplier_id) if supplier else None,
            "is_sme": None if employees is None else employees < SMALL,
            "amount": amount,
            "invoices": len({(line.unit_id, line.fiscal_year, line.invoice_id) for line in lines}),
            "emission_kg": None if factor is None else in_grams(amount * Fraction(factor)),
        }

    def is_regional(self, supplier_id: str | None) -> bool:
        """Whether it has a workplace in the region on the as-of date."""
        return any(
            place.supplier_id == supplier_id
            and (place.valid_from or date.min) <= self.as_of <= (place.valid_to or date.max)
            and (
                place.municipality_code[:2] in self.world.region_counties
                or place.municipality_code in self.world.region_municipalities
            )
            for place in self.world.workplaces
        )

    def environmental(self) -> dict[tuple[Any, ...], Row]:
        """By year, member and group, in the three published combinations."""
        found: dict[tuple[Any, ...], list[tuple[str | None, Row]]] = defaultdict(list)
        for (_, member, category_code, _, compliance_class), row in self.cube.items():
            if compliance_class == "excluded":
                continue
            cells = {(ALL, ALL), (member or ALL, ALL), (ALL, row["category_group"] or ALL)}
            for cell in cells:
                found[row["year"], *cell].append((category_code, row))
        return {key: self._environmental_row(rows) for key, rows in found.items()}

    def _environmental_row(self, rows: list[tuple[str | None, Row]]) -> Row:
        with_factor = [(code, row) for code, row in rows if row["emission_kg"] is not None]
        used = [self.category[code] for code, _ in with_factor]
        years = [c.emission_year for c in used if c.emission_year is not None]
        amount = sum((row["amount"] for _, row in rows), NONE)
        whole = sum((abs(row["amount"]) for _, row in rows), NONE)
        known = sum((abs(row["amount"]) for _, row in with_factor), NONE)
        covered = sum((row["amount"] for _, row in with_factor), NONE)
        return {
            "amount": amount,
            "factor_amount": covered,
            "without_factor_amount": amount - covered,
            "coverage": known / whole if whole else None,
            "without_factor_share": 1 - known / whole if whole else None,
            "emission_kg": sum(row["emission_kg"] for _, row in with_factor) if with_factor else None,
            "factor_sources": ", ".join(sorted({c.emission_source for c in used if c.emission_source}))
            or None,
            "first_factor_year": min(years, default=None),
            "last_factor_year": max(years, default=None),
        }

    # supplier_concentration

    def concentration(self) -> dict[tuple[int, str], Row]:
        """By year and group, where some supplier was paid."""
        sums: dict[tuple[int, str], dict[str | None, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for line in self.bought:
            group = self.group(line.category_code)
            for key in (ALL, group) if group else (ALL,):
                sums[line.booking_date.year, key][line.supplier_id] += line.amount
        found = {}
        for key, amounts in sums.items():
            paid = sorted((a for s, a in amounts.items() if s is not None and a > 0), reverse=True)
            if paid:
                found[key] = _concentration_row(paid) | {"unknown_supplier_amount": amounts.get(None, NONE)}
        return found

    # direct_award_watch

    def direct_awards(self) -> dict[tuple[str, str, int], Row]:
        """By contracting authority, category and financial year."""
        bearers: dict[str, list[Unit]] = defaultdict(list)
        for unit in self.world.organisations:
            bearers[unit.orgnr or unit.unit_id].append(unit)
        found: dict[tuple[str, str, int], list[Purchase]] = defaultdict(list)
        for line in self.bought:
            if line.compliance_class == "uncovered" and line.category_code:
                authority = self.unit[line.unit_id].orgnr or line.unit_id
                found[authority, line.category_code, line.fiscal_year].append(line)
        of_member: dict[tuple[str, str, int], Fraction] = defaultdict(Fraction)
        owner: dict[str, str | None] = {}
        for authority, units in bearers.items():
            owners = {unit.member_code for unit in units}
            only = owners.pop() if len(owners) == 1 else None
            owner[authority] = only if only in self.world.members else None
        for (authority, category, year), lines in found.items():
            if member := owner[authority]:
                of_member[member, category, year] += sum((line.amount for line in lines), NONE)
        return {
            key: self._direct_award_row(key, lines, bearers[key[0]], owner[key[0]], of_member)
            for key, lines in found.items()
        }

    def _direct_award_row(
        self,
        key: tuple[str, str, int],
        lines: list[Purchase],
        units: list[Unit],
        member: str | None,
        of_member: Mapping[tuple[str, str, int], Fraction],
    ) -> Row:
        _, category, year = key
        units = sorted(units, key=lambda unit: unit.unit_id)
        day = min(date(year, 12, 31), self.as_of)
        begun = [first for first in self.thresholds if first <= day]
        threshold = Fraction(self.thresholds[max(begun)]) if begun else None
        amount = sum((line.amount for line in lines), NONE)
        sums: dict[str | None, Fraction] = defaultdict(Fraction)
        for line in lines:
            sums[line.supplier_id] += line.amount
        paid = [a for s, a in sums.items() if s is not None and a > 0]
        return {
            "authority_name": next((u.unit_name for u in units if u.kind in OWN_UNITS), units[0].unit_name),
            "has_orgnr": units[0].orgnr is not None,
            "units": len(units),
            "member_code": member,
            "category_group": self.group(category),
            "uncovered_amount": amount,
            "threshold_date": day,
            "threshold_amount": threshold,
            "margin_amount": None if threshold is None else threshold - amount,
            "is_over_threshold": None if threshold is None else amount > threshold,
            "suppliers": len(paid),
            "largest_supplier_amount": max(paid, default=None),
            "member_uncovered_amount": of_member[member, category, year] if member else None,
        }

    # The latest twelve months

    @cached_property
    def bought_until(self) -> date:
        """The last day of the last whole quarter that something was booked in."""
        ends = {_quarter_end(line.booking_date) for line in self.lines}
        return max(end for end in ends if end <= self.as_of)

    @cached_property
    def recent(self) -> list[Purchase]:
        """Purchases of the twelve months up to that day."""
        until = self.bought_until
        first = months_later(until + timedelta(days=1), -12)
        return [line for line in self.bought if first <= line.booking_date <= until]

    def on_contract(self, contract_id: str) -> list[Purchase]:
        """All lines on the contract, over its ceiling included."""
        return [
            line
            for line in self.lines
            if line.contract_id == contract_id and line.compliance_class in ("on_contract", "over_ceiling")
        ]

    def is_known(self, row: Contract) -> bool:
        """Whether the contract is known on the as-of date: signed, or begun where no signing is known."""
        return (row.signed_date or row.valid_from) <= self.as_of

    # ceiling_forecast

    def ceilings(self) -> dict[tuple[str, str], Row]:
        """By contract with a ceiling and member, and ALL."""
        found = {}
        for name, rows in self.contract.items():
            stated = [Fraction(row.ceiling_value) for row in rows if row.ceiling_value is not None]
            if not stated:
                continue
            lines = self.on_contract(name)
            members = self.open_to[name] | {m for line in lines if (m := self.member(line.unit_id))}
            whole = self._ceiling_row(rows, stated[0], lines)
            for member in (ALL, *members):
                own = lines if member == ALL else [x for x in lines if self.member(x.unit_id) == member]
                used = sum((line.amount for line in own), NONE)
                found[name, member] = whole | {
                    "used_amount": used,
                    "others_used_amount": sum((line.amount for line in lines), NONE) - used,
                    "used_share": used / stated[0],
                    "pace_month_amount": self._pace(rows, own),
                }
        return found

    @cached_property
    def known_until(self) -> date:
        """The end of the last month that anything was booked in, or the as-of date if that is earlier."""
        last = max(line.booking_date for line in self.lines)
        return min(self.as_of, months_later(last.replace(day=1), 1) - timedelta(days=1))

    def _months(self, rows: list[Contract]) -> list[tuple[int, int]]:
        """Whole months that have ended, twelve at most, from the contract's first whole month."""
        first = min(row.valid_from for row in rows)
        if first.day > 1:
            first = months_later(first.replace(day=1), 1)
        after = self.known_until + timedelta(days=1)
        ended = (after.year * 12 + after.month - 1) - (first.year * 12 + first.month - 1)
        count = max(0, min(PACE_MONTHS, ended))
        last = after.year * 12 + after.month - 1
        return [divmod(last - back, 12) for back in range(1, count + 1)]

    def _by_month(self, rows: list[Contract], lines: list[Purchase]) -> list[Fraction]:
        sums = dict.fromkeys(self._months(rows), NONE)
        for line in lines:
            month = (line.booking_date.year, line.booking_date.month - 1)
            if month in sums:
                sums[month] += line.amount
        return list(sums.values())

    def _pace(self, rows: list[Contract], lines: list[Purchase]) -> Fraction | None:
        amounts = self._by_month(rows, lines)
        return sum(amounts, NONE) / len(amounts) if len(amounts) >= LEAST_MONTHS else None

    def _ceiling_row(self, rows: list[Contract], ceiling: Fraction, lines: list[Purchase]) -> Row:
        used = sum((line.amount for line in lines), NONE)
        remaining = ceiling - used
        over = [line.invoice_date for line in lines if line.compliance_class == "over_ceiling"]
        until = max(row.last_day for row in rows)
        months = self._by_month(rows, lines)
        expected = low = high = None
        if remaining < 0:
            status = "exceeded"
        elif until < self.as_of:
            status = "ended"
        elif len(months) < LEAST_MONTHS:
            status = "too_little_data"
        elif sum(months, NONE) <= 0:
            status = "not_used"
        else:
            expected, low, high = self._exhaustion(remaining, months)
            if expected and expected <= until:
                status = "exhausts"
            elif low and low <= until:
                status = "may_exhaust"
            else:
                status = "lasts"
        return {
            "title": rows[0].title,
            "category_code": rows[0].category_code,
            "suppliers": len({row.supplier_id for row in rows}),
            "ceiling_amount": ceiling,
            "remaining_amount": remaining,
            "used_all_share": used / ceiling,
            "pace_months": len(months),
            "passed_date": min(over, default=None),
            "exhausted_date": expected,
            "exhausted_low_date": low,
            "exhausted_high_date": high,
            "in_force_until_date": None if until == date.max else until,
            "status": status,
        }

    def _exhaustion(
        self, remaining: Fraction, months: list[Fraction]
    ) -> tuple[date | None, date | None, date | None]:
        """The expected day, and where the sum's upper and lower 10 % bounds meet what remains."""
        count = len(months)
        pace, left = float(sum(months, NONE)) / count, float(remaining)
        variance = sum((float(m) - pace) ** 2 for m in months) / (count - 1)
        width = float(stats.t.ppf(0.9, count - 1)) ** 2 * variance
        # (left - n pace)² = width (n + n² / count), a quadratic in n.
        a, b, c = pace**2 - width / count, -(2 * left * pace + width), left**2
        root = math.sqrt(max(b * b - 4 * a * c, 0.0))
        early = 2 * c / (-b + root)
        late = (-b + root) / (2 * a) if a > 0 else None
        return self._day(left / pace), self._day(early), self._day(late)

    def _day(self, months: float | None) -> date | None:
        if months is None or months * DAYS_OF_A_MONTH > CENTURY:
            return None
        return self.known_until + timedelta(days=math.floor(months * DAYS_OF_A_MONTH))

    # contract_calendar

    def calendar(self) -> dict[tuple[Any, ...], Row]:
        """By contract, kind of event, its day and the day that an option extends to."""
        events: dict[tuple[Any, ...], list[Contract]] = defaultdict(list)
        for row in self.world.contracts:
            if self.is_known(row) and row.last_day >= self.as_of:
                for kind, day, until in self._events(row):
                    if day <= self.window_end and (day >= self.as_of or kind == "followup"):
                        events[row.contract_id, kind, day, until].append(row)
        return {key: self._event_row(key, rows) for key, rows in events.items()}

    def _events(self, row: Contract) -> Iterable[tuple[str, date, date | None]]:
        if row.last_day < date.max:
            yield "ending", row.last_day, None
        if row.extension_until and row.valid_to and row.terminated_date is None:
            yield "option", row.valid_to, row.extension_until
        if row.contract_class in FORMS:
            due = months_later(self._last_followup(row) or row.valid_from, 12)
            if due <= row.last_day:
                yield "followup", due, None

    def _last_followup(self, row: Contract) -> date | None:
        form = FORMS.get(row.contract_class or "")
        forms = ANY_FORM if form == "any" else (form,)
        return max(
            (
                one.followup_date
                for one in self.world.contract_followups
                if one.contract_id == row.contract_id
                and one.form in forms
                and one.followup_date <= self.as_of
            ),
            default=None,
        )

    def _event_row(self, key: tuple[Any, ...], rows: list[Contract]) -> Row:
        name, kind, day, _ = key
        suppliers = {row.supplier_id for row in rows}
        stated = [Fraction(row.annual_value) for row in rows if row.annual_value is not None]
        bought = sum((x.amount for x in self._recently_on(name) if x.supplier_id in suppliers), NONE)
        only = next(iter(suppliers)) if len(suppliers) == 1 else None
        value = (stated[0] if len(set(stated)) == 1 else sum(stated, NONE)) if stated else bought
        return {
            "is_overdue": day < self.as_of,
            "title": rows[0].title,
            "contract_class": rows[0].contract_class,
            "required_form": FORMS[rows[0].contract_class or ""] if kind == "followup" else None,
            "category_group": self.group(rows[0].category_code),
            "category_code": rows[0].category_code,
            "member_codes": listed(self.open_to[name]),
            "members": len(self.open_to[name]),
            "supplier_id": only,
            "supplier_name": self.supplier[only].supplier_name if only in self.supplier else None,
            "suppliers": len(suppliers),
            "value_amount": value,
            "value_source": "annual_value" if stated else "bought",
            "bought_amount": bought,
            "bought_until_date": self.bought_until,
            "last_followup_date": self._last_followup(rows[0]),
        }

    def _recently_on(self, contract_id: str) -> list[Purchase]:
        return [
            line
            for line in self.recent
            if line.contract_id == contract_id and line.compliance_class in ("on_contract", "over_ceiling")
        ]

    # coordination_potential

    def potential(self) -> dict[tuple[str], Row]:
        """By category with two or more members that could procure together."""
        last_day: dict[str, date] = {}
        for name, rows in self.contract.items():
            known = [row.last_day for row in rows if self.is_known(row)]
            if known and max(known) >= self.as_of:
                last_day[name] = max(known)
        found = {}
        for code in (c.category_code for c in self.world.categories):
            alive = [name for name in last_day if code in self.categories_of[name]]
            row = self._potential_row(code, {name: last_day[name] for name in alive})
            if row["members"] >= 2:
                found[(code,)] = row
        return found

    def _potential_row(self, code: str, alive: Mapping[str, date]) -> Row:
        common = {m for name in alive if len(self.open_to[name]) >= 2 for m in self.open_to[name]}
        sums: dict[str, dict[str | None, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for line in self.recent:
            member = self.member(line.unit_id)
            if line.category_code == code and member and member not in common:
                sums[member][line.supplier_id] += line.amount
        buying = {member for member, amounts in sums.items() if sum(amounts.values(), NONE) > 0}
        ending = {
            name: self.open_to[name] - common
            for name, last in alive.items()
            if last <= self.window_end and self.open_to[name] - common
        }
        members = buying | {m for owners in ending.values() for m in owners}
        free: list[date | None] = []
        for member in members:
            last = max((d for name, d in alive.items() if member in self.open_to[name]), default=None)
            if last is None:
                free.append(self.as_of)
            else:
                free.append(None if last == date.max else last + timedelta(days=1))
        ends = sorted(day for day in free if day)
        from_supplier: dict[str, int] = defaultdict(int)
        for member in members:
            for supplier, amount in sums[member].items():
                if supplier is not None and amount > 0:
                    from_supplier[supplier] += 1
        return {
            "category_group": self.group(code),
            "members": len(members),
            "member_codes": listed(members),
            "buying_members": len(buying),
            "amount": sum((a for m in members for a in sums[m].values()), NONE),
            "bought_until_date": self.bought_until,
            "suppliers": len(from_supplier),
            "common_suppliers": sum(number >= 2 for number in from_supplier.values()),
            "ending_contracts": len(ending),
            "ending_contract_ids": listed(ending),
            "next_common_date": ends[1] if len(ends) > 1 else None,
            "all_members_date": ends[-1] if ends and len(ends) == len(members) else None,
            "members_with_common_contract": len(common),
        }

    # preparedness

    def preparedness(self) -> dict[tuple[str, str], Row]:
        """By critical contract in force and supplier."""
        in_force = [
            row
            for row in self.world.contracts
            if self.is_known(row) and row.valid_from <= self.as_of <= row.last_day
        ]
        critical = [row for row in in_force if row.critical]
        found = {}
        for row in critical:
            members = self.open_to[row.contract_id]
            others = [
                other.contract_id
                for other in in_force
                if other.supplier_id != row.supplier_id
                and row.category_code in self.categories_of[other.contract_id]
            ]
            helped = {m for name in others for m in self.open_to[name]} & members
            from_it = [line for line in self.recent if line.supplier_id == row.supplier_id]
            on_it = [line for line in self._recently_on(row.contract_id) if line in from_it]
            found[row.contract_id, row.supplier_id] = {
                "supplier_name": self.supplier[row.supplier_id].supplier_name
                if row.supplier_id in self.supplier
                else None,
                "title": row.title,
                "contract_class": row.contract_class,
                "category_group": self.group(row.category_code),
                "category_code": row.category_code,
                "has_continuity_plan": row.continuity_plan,
                "is_sole_source": None if not members else not helped,
                "members": len(members),
                "member_codes": listed(members),
                "members_without_alternative": len(members - helped),
                "in_force_until_date": None if row.last_day == date.max else row.last_day,
                "annual_value_amount": None if row.annual_value is None else Fraction(row.annual_value),
                "bought_amount": sum((line.amount for line in on_it), NONE),
                "supplier_bought_amount": sum((line.amount for line in from_it), NONE),
                "bought_until_date": self.bought_until,
                "supplier_critical_contracts": len(
                    {one.contract_id for one in critical if one.supplier_id == row.supplier_id}
                ),
            }
        return found


def _rates_row(lines: list[Purchase], mostly: list[str]) -> Row:
    """`mostly`: the class that each invoice is mostly of."""
    row: Row = {}
    for name in CLASSES:
        inside = [line for line in lines if line.compliance_class == name]
        row[f"{name}_amount"] = sum((line.amount for line in inside), NONE)
        row[f"{name}_invoices"] = len({(line.unit_id, line.fiscal_year, line.invoice_id) for line in inside})
    covered = sum((row[f"{name}_amount"] for name in COVERED), NONE)
    purchases = sum((row[f"{name}_amount"] for name in CLASSES if name != "excluded"), NONE)
    counted = sum(name in COVERED for name in mostly)
    return row | {
        "off_contract_rate_value": row["wild_amount"] / covered if covered else None,
        "off_contract_rate_count": Fraction(mostly.count("wild"), counted) if counted else None,
        "contract_compliance_value": row["on_contract_amount"] / covered if covered else None,
        "contract_coverage_value": covered / purchases if purchases else None,
    }


def _concentration_row(paid: list[Fraction]) -> Row:
    """`paid`: each supplier's amount, the largest first."""
    whole = sum(paid, NONE)
    held, main = NONE, 0
    while held < MAIN_SHARE * whole:
        held += paid[main]
        main += 1
    return {
        "suppliers": len(paid),
        "amount": whole,
        "hhi": sum(((amount / whole) ** 2 for amount in paid), NONE),
        "top_1_share": paid[0] / whole,
        "top_3_share": sum(paid[:3], NONE) / whole,
        "top_10_share": sum(paid[:10], NONE) / whole,
        "tail_share": sum(paid[10:], NONE) / whole,
        "main_suppliers": main,
    }


def in_grams(kg: Fraction) -> Fraction:
    """Rounded to grams, halves away from zero as amounts are."""
    grams = Fraction(math.floor(abs(kg) * 1000 + Fraction(1, 2)), 1000)
    return grams if kg >= 0 else -grams


def listed(names: Iterable[str]) -> str | None:
    """Names in order, separated by commas."""
    return ", ".join(sorted(names)) or None


def months_later(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _quarter_end(day: date) -> date:
    month = (day.month + 2) // 3 * 3
    return date(day.year, month, calendar.monthrange(day.year, month)[1])

"""Explains one invoice line: its class, the contracts that covered it, whose they were, and why it is not on them.

Reads the release in force and nothing else. What does not belong here: how it is shown (console.py), and the ladder
itself (the models).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

SEPARATOR = "|"
MOST_LINES = 100


class UnknownLine(Exception):
    """No such invoice line in the release; `given` is what was asked for, `known` some that are like it."""

    def __init__(self, given: str, known: list[str]) -> None:
        self.given = given
        self.known = known
        super().__init__(given)


@dataclass(frozen=True)
class Holding:
    """A contract as seen from a line. `obstacles` are why the line is not on it, as codes; empty where it fits.

    not_started, ended, not_open (to the buying unit), other_category, other_supplier.
    """

    contract_id: str
    title: str | None
    suppliers: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    obstacles: tuple[str, ...]


@dataclass(frozen=True)
class ExplainedLine:
    """A line of `fct_invoice_line` with names for its codes, and the contracts that matter to it.

    `covering` are those that others hold with the line's category, open to the unit and valid on the invoice date;
    `own` are all of the line's supplier.
    """

    record_id: str
    values: dict[str, Any]
    covering: tuple[Holding, ...]
    own: tuple[Holding, ...]


def is_line(given: str) -> bool:
    """Whether what was asked for is a line or invoice (`unit|year|invoice` or with `|line`), and not a figure."""
    return SEPARATOR in given


def explain_lines(database: Path, given: str) -> list[ExplainedLine]:
    """The line `unit|year|invoice|line`, or every line of the invoice `unit|year|invoice`; UnknownLine if none."""
    unit, year, invoice, line = (*given.split(SEPARATOR), "", "", "")[:4]
    with duckdb.connect(str(database), read_only=True) as con:
        if not year.isdigit() or (line and not line.isdigit()) or given.count(SEPARATOR) > 3:
            raise UnknownLine(given, [])
        rows = _rows(
            con,
            f"""
            select lines.*, {_RECORD} as record_id, unit_name, category_name,
                supplier_register.supplier_name as register_name
            from fct_invoice_line as lines
            left join dim_unit on lines.buyer_unit_id = dim_unit.unit_id
            left join dim_category on lines.category_code = dim_category.category_code
            left join dim_supplier as supplier_register on lines.supplier_id = supplier_register.supplier_id
            where buyer_unit_id = $unit and fiscal_year = $year and invoice_id = $invoice
                and ($line = '' or line_no = try_cast($line as bigint))
            order by line_no limit {MOST_LINES}
            """,
            {"unit": unit, "year": int(year), "invoice": invoice, "line": line},
        )
        if not rows:
            like = _rows(
                con,
                f"select {_RECORD} as record_id from fct_invoice_line as lines where buyer_unit_id = $unit "
                "and (invoice_id = $invoice or starts_with(invoice_id, $invoice)) order by all limit 5",
                {"unit": unit, "invoice": invoice},
            )
            raise UnknownLine(given, [row["record_id"] for row in like])
        return [_explained(con, row) for row in rows]


_RECORD = f"concat_ws('{SEPARATOR}', lines.buyer_unit_id, lines.fiscal_year, lines.invoice_id, lines.line_no)"
_HELD = """
    select contracts.contract_id, contracts.supplier_id, title, contracts.category_code, valid_from_date,
        in_force_until_date, coalesce(supplier_name, contracts.supplier_id) as supplier
    from dim_contract as contracts
    left join dim_supplier on contracts.supplier_id = dim_supplier.supplier_id
"""


def _explained(con: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> ExplainedLine:
    asked = {
        "unit": row["buyer_unit_id"],
        "category": row["category_code"],
        "day": row["invoice_date"],
        "supplier": row["supplier_id"],
    }
    covering = _rows(
        con,
        f"""
        select held.*, true as is_open, true as covers from ({_HELD}) as held
        inner join contract_entitlements as open
            on held.contract_id = open.contract_id and held.supplier_id = open.supplier_id
        where open.unit_id = $unit and open.category_code = $category
            and $day between open.valid_from_date and coalesce(open.in_force_until_date, date '9999-12-31')
            and held.supplier_id is distinct from $supplier
        order by held.contract_id, held.supplier
        """,
        asked,
    )
    own = _rows(
        con,
        f"""
        select held.*,
            exists (
                from contract_entitlements as open
                where open.contract_id = held.contract_id and open.supplier_id = held.supplier_id
                    and open.unit_id = $unit
            ) as is_open,
            $category is null or held.category_code = $category or exists (
                from contract_entitlements as open
                where open.contract_id = held.contract_id and open.category_code = $category
            ) as covers
        from ({_HELD}) as held where held.supplier_id = $supplier
        order by valid_from_date desc, held.contract_id
        """,
        {name: asked[name] for name in ("unit", "category", "supplier")},
    )
    return ExplainedLine(row["record_id"], row, _holdings(covering, row), _holdings(own, row))


def _holdings(rows: list[dict[str, Any]], line: dict[str, Any]) -> tuple[Holding, ...]:
    """One holding per contract: a framework that several suppliers hold is one."""
    found: dict[str, Holding] = {}
    for row in rows:
        before = found.get(row["contract_id"])
        found[row["contract_id"]] = Holding(
            row["contract_id"],
            row["title"],
            (*(before.suppliers if before else ()), row["supplier"]),
            row["valid_from_date"],
            row["in_force_until_date"],
            _obstacles(row, line),
        )
    return tuple(found.values())


def _obstacles(row: dict[str, Any], line: dict[str, Any]) -> tuple[str, ...]:
    day, until = line["invoice_date"], row["in_force_until_date"]
    told = {
        "other_supplier": row["supplier_id"] != line["supplier_id"],
        "not_started": day < row["valid_from_date"],
        "ended": until is not None and day > until,
        "not_open": not row["is_open"],
        "other_category": not row["covers"] and row["contract_id"] != line["named_contract_id"],
    }
    return tuple(code for code, holds in told.items() if holds)


def _rows(con: duckdb.DuckDBPyConnection, query: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    cursor = con.execute(query, asked)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

"""Contracts and follow-ups: what ends when, what was followed up as its class asks, and every contract in force.

What does not belong here: what was bought on the contracts (`purchases.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagster_project.report.site import charts
from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import Reading

QUARTERS = 12
LISTED = 500


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    endings = _endings(reading)
    [count] = reading.rows(
        "select count(*) as total, sum(amount) as amount from "
        f"(select {VALUE} as amount from dim_contract where {IN_FORCE} group by contract_id)",
        [reading.as_of, reading.as_of],
    )
    yield Made(
        "contracts.html",
        "contracts.html",
        reading.say("report.contracts"),
        {
            "count": count,
            "endings": endings,
            "calendar": charts.columns(
                [
                    (
                        row["short"],
                        row["below"],
                        float(row["amount"]),
                        f"{row['label']}: {reading.formats.amount(row['amount'])}",
                    )
                    for row in endings
                ],
                title=reading.say("report.contracts.endings"),
            )
            if endings
            else None,
            "followups": _followups(reading),
            "contracts": _contracts(reading),
        },
    )


IN_FORCE = "valid_from_date <= ? and coalesce(in_force_until_date, date '9999-12-30') >= ?"
# Of a contract's rows, one for each supplier: a value that is repeated is the whole contract's (`of_contract` in dbt).
VALUE = (
    "case when count(distinct annual_value_amount) = 1 then max(annual_value_amount) "
    "else sum(annual_value_amount) end"
)


def _endings(reading: Reading) -> list[dict[str, Any]]:
    """Contracts that end in each of the coming quarters, with their yearly value."""
    rows = reading.rows(
        f"""
        with endings as (
            select contract_id, date_trunc('quarter', in_force_until_date) as quarter, {VALUE} as amount,
                max(extension_until_date) as extension
            from dim_contract where in_force_until_date >= ? group by all
        ),
        quarters as (
            select cast(unnest(range(date_trunc('quarter', cast(? as date))::timestamp,
                (date_trunc('quarter', cast(? as date)) + interval (?) month)::timestamp, interval 3 month)) as date)
                as start
        )
        select start, count(contract_id) as contracts, coalesce(sum(amount), 0) as amount,
            coalesce(string_agg(contract_id, ', ' order by contract_id), '') as names,
            count(extension) as extendable
        from quarters left join endings on endings.quarter = quarters.start
        group by start order by start
        """,
        [reading.as_of, reading.as_of, reading.as_of, QUARTERS * 3],
    )
    for row in rows:
        start = row["start"]
        number = (start.month + 2) // 3
        row["label"] = reading.say("report.quarter", year=start.year, number=number)
        row["short"] = reading.say("report.quarter.short", number=number)
        row["below"] = str(start.year) if number == 1 or row is rows[0] else ""
    return rows


def _followups(reading: Reading) -> list[dict[str, Any]]:
    """Follow-ups by year and class, and how many had the form that the class asks for."""
    return reading.rows(
        "select cast(year(followup_date) as integer) as year, coalesce(contract_class, '') as class, "
        "count(*) as followups, count(*) filter (where has_required_form) as as_required, "
        "count(distinct contract_id) as contracts, count(*) filter (where has_deviation) as deviations "
        "from fct_followup group by all order by year desc, class"
    )


def _contracts(reading: Reading) -> list[dict[str, Any]]:
    """The contracts in force, those that end first first, with their latest follow-up."""
    return reading.rows(
        f"""
        select contract_id, title, coalesce(supplier_name, supplier_id) as supplier, contract_class,
            in_force_until_date as ends, extension_until_date as extension, annual_value_amount as amount,
            (select max(followup_date) from fct_followup where fct_followup.contract_id = dim_contract.contract_id)
                as followed
        from dim_contract left join dim_supplier using (supplier_id) where {IN_FORCE}
        order by ends nulls last, contract_id limit {LISTED}
        """,
        [reading.as_of, reading.as_of],
    )


KIND = Kind(
    name="contracts",
    order=50,
    needs=frozenset({"dim_contract", "fct_followup", "dim_supplier"}),
    make=_make,
    menu="contracts.html",
)

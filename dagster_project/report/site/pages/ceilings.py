"""Ceilings: how much of each is used, by which members, and when it is expected to be reached.

What does not belong here: when a contract ends in time (`contract_calendar.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading

# What asks for somebody's hand, first; the words stand under report.ceiling.status. in the catalogue.
STATES = {
    "exceeded": "not_met", "exhausts": "not_met", "may_exhaust": "baseline", "lasts": "met", "not_used": "no_data",
    "too_little_data": "no_data", "no_ledger": "no_data", "ended": "no_data",
}  # fmt: skip


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    rows = reading.rows(
        "select ceiling_forecast.*, coalesce(category_name, category_code) as category "
        "from ceiling_forecast left join dim_category using (category_code) "
        "order by contract_id, member_code <> 'ALL', used_amount desc, member_code"
    )
    wholes = [_whole(reading, list(same)) for _, same in groupby(rows, key=lambda row: row["contract_id"])]
    order = list(STATES)
    wholes.sort(
        key=lambda row: (
            not row["is_in_force"],
            order.index(row["status"]),
            str(row["exhausted_date"] or ""),
            -(row["used_all_share"] or 0),
        )
    )
    standing = [row for row in wholes if row["is_in_force"]]
    yield Made(
        "ceilings.html",
        "ceilings.html",
        reading.say("report.ceilings"),
        {
            "rows": wholes,
            "states": STATES,
            "count": {state: sum(row["status"] == state for row in standing) for state in STATES},
            "standing": len(standing),
        },
    )


def _whole(reading: Reading, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A contract's row for all members, with what each of them has used in words."""
    whole, *members = rows
    assert whole["member_code"] == ALL
    formats = reading.formats
    whole["members"] = [
        f"{reading.members.get(row['member_code'], row['member_code'])} {formats.amount(row['used_amount'])}"
        for row in members
        if row["used_amount"]
    ]
    until = whole["in_force_until_date"]
    whole["is_in_force"] = until is None or until >= reading.as_of
    whole["width"] = f"{min(max(whole['used_all_share'] or 0, 0), 1) * 100:.1f}"
    return whole


KIND = Kind(
    name="ceilings",
    order=54,
    needs=frozenset({"ceiling_forecast", "dim_category"}),
    make=_make,
    menu="ceilings.html",
    under="contracts",
)

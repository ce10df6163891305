"""What comes up for the contracts within the planning window: endings, options to use, follow-ups that are due.

What does not belong here: contracts with nothing coming up, and follow-ups made (`contracts.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagster_project.report.site import charts
from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import Reading

KINDS = ("ending", "option")
LISTED = 300


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    quarters = _quarters(reading)
    rows = reading.rows(
        "select contract_calendar.*, coalesce(category_name, category_code) as category "
        "from contract_calendar left join dim_category using (category_code) "
        "order by value_amount desc nulls last, event_date, contract_id, event_kind, extension_until_date"
    )
    for row in rows:
        row["supplier"] = (
            row["supplier_name"] or row["supplier_id"]
            if row["suppliers"] == 1
            else reading.say("report.calendar.suppliers", number=row["suppliers"])
        )
    ends = [row for row in rows if row["event_kind"] in KINDS]
    due = [row for row in rows if row["event_kind"] == "followup"]
    yield Made(
        "contract-calendar.html",
        "contract_calendar.html",
        reading.say("report.calendar"),
        {
            "ends": ends[:LISTED],
            "ends_total": len(ends),
            "due": due[:LISTED],
            "due_total": len(due),
            "overdue": sum(row["is_overdue"] for row in due),
            "classes": _classes(due),
            "quarters": quarters,
            "chart": _chart(reading, quarters) if ends else None,
            "months": reading.settings.planning_window_months,
        },
    )


def _quarters(reading: Reading) -> list[dict[str, Any]]:
    """What ends, and what can be extended, in each quarter of the window, by yearly value."""
    rows = reading.rows(
        """
        with quarters as (
            select cast(unnest(range(date_trunc('quarter', cast(? as date))::timestamp,
                (cast(? as date) + interval (?) month + interval 1 day)::timestamp, interval 3 month)) as date) as start
        )
        select start,
            count(*) filter (where event_kind = 'ending') as ending,
            coalesce(sum(value_amount) filter (where event_kind = 'ending'), 0) as ending_amount,
            count(*) filter (where event_kind = 'option') as option,
            coalesce(sum(value_amount) filter (where event_kind = 'option'), 0) as option_amount
        from quarters left join contract_calendar
            on date_trunc('quarter', event_date) = start and event_kind <> 'followup'
        group by start order by start
        """,
        [reading.as_of, reading.as_of, reading.settings.planning_window_months],
    )
    for row in rows:
        start = row["start"]
        number = (start.month + 2) // 3
        row["label"] = reading.say("report.quarter", year=start.year, number=number)
        row["short"] = reading.say("report.quarter.short", number=number)
        row["below"] = str(start.year) if number == 1 or row is rows[0] else ""
    return rows


def _chart(reading: Reading, quarters: list[dict[str, Any]]) -> str:
    return charts.areas(
        [
            (
                reading.code("calendar.kind", kind),
                [
                    (
                        float(row[f"{kind}_amount"]),
                        f"{row['label']}: {reading.formats.amount(row[f'{kind}_amount'])}",
                    )
                    for row in quarters
                ],
            )
            for kind in KINDS
        ],
        [(row["short"], row["below"]) for row in quarters],
        title=reading.say("report.calendar.quarters"),
    )


def _classes(due: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """How many follow-ups are overdue, and how many become due, by class."""
    return [
        (
            name,
            sum(row["is_overdue"] for row in due if row["contract_class"] == name),
            sum(not row["is_overdue"] for row in due if row["contract_class"] == name),
        )
        for name in sorted({row["contract_class"] for row in due})
    ]


KIND = Kind(
    name="contract_calendar",
    order=51,
    needs=frozenset({"contract_calendar", "dim_category"}),
    make=_make,
    menu="contract-calendar.html",
    under="contracts",
)

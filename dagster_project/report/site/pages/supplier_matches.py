"""Proposals: who may be meant by names and numbers that the ledger leaves unknown, by what each would change.

What does not belong here: the workbook that a controller answers in (`report/proposals.py`), which this page leads to.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.downloads import proposals_name
from dagster_project.report.site.page import Kind, Made, Work

LISTED = 300


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    rows = reading.rows(
        "select * from supplier_matches "
        "order by effect_amount desc, alias_kind, alias, score desc, supplier_id limit ?",
        [LISTED],
    )
    for row in rows:
        change = row["off_contract_rate_value_change"]
        row["points"] = "–" if change is None else reading.formats.number(change * 100, 2, signed=True)
    [count] = reading.rows(
        "select count(*) as proposals, count(distinct (alias_kind, alias)) as aliases, "
        "count(*) filter (where is_factoring) as factoring from supplier_matches"
    )
    yield Made(
        "supplier-matches.html",
        "supplier_matches.html",
        reading.say("report.matches"),
        {
            "rows": rows,
            "count": count,
            "workbook": proposals_name(reading.as_of) if rows else None,
        },
    )


KIND = Kind(
    name="supplier_matches",
    order=62,
    needs=frozenset({"supplier_matches"}),
    make=_make,
    menu="supplier-matches.html",
    under="suppliers",
)

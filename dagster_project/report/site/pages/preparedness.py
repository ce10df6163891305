"""The contracts that society depends on: continuity plans, sole sources, and who stands without if a supplier fails.

What does not belong here: contracts that nobody has marked as critical (`contracts.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Kind, Made, Work


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    rows = reading.rows(
        "select preparedness.*, coalesce(category_name, category_code) as category "
        "from preparedness left join dim_category using (category_code) "
        "order by members_without_alternative desc, coalesce(has_continuity_plan, false), "
        "supplier_bought_amount desc nulls last, contract_id, supplier_id"
    )
    for row in rows:
        row["plan"] = {True: "yes", False: "no", None: "unknown"}[row["has_continuity_plan"]]
    [count] = reading.rows(
        "select count(distinct contract_id) as contracts, count(distinct supplier_id) as suppliers, "
        "count(*) filter (where has_continuity_plan) as planned, count(*) filter (where is_sole_source) as sole, "
        "count(*) filter (where is_sole_source and not coalesce(has_continuity_plan, false)) as bare "
        "from preparedness"
    )
    yield Made(
        "preparedness.html",
        "preparedness.html",
        reading.say("report.preparedness"),
        {
            "rows": rows,
            "count": count,
            "until": max(
                (row["bought_until_date"] for row in rows if row["bought_until_date"]), default=None
            ),
        },
    )


KIND = Kind(
    name="preparedness",
    order=53,
    needs=frozenset({"preparedness", "dim_category"}),
    make=_make,
    menu="preparedness.html",
    under="contracts",
)

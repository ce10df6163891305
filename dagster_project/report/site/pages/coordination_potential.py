"""Where two or more members buy the same without a common contract, and from when they could procure together.

What does not belong here: what coordination has given (its benefit is a mart of its own).
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Kind, Made, Work


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    rows = reading.rows(
        "select coordination_potential.*, coalesce(category_name, category_code) as category "
        "from coordination_potential left join dim_category using (category_code) "
        "order by amount desc nulls last, members desc, category_code"
    )
    for row in rows:
        codes = row["member_codes"].split(", ")
        row["names"] = ", ".join(reading.members.get(code, code) for code in codes)
    yield Made(
        "coordination-potential.html",
        "coordination_potential.html",
        reading.say("report.potential"),
        {
            "rows": rows,
            "amount": sum(row["amount"] or 0 for row in rows),
            "until": max(
                (row["bought_until_date"] for row in rows if row["bought_until_date"]), default=None
            ),
            "months": reading.settings.planning_window_months,
        },
    )


KIND = Kind(
    name="coordination_potential",
    order=52,
    needs=frozenset({"coordination_potential", "dim_category"}),
    make=_make,
    menu="coordination-potential.html",
    under="contracts",
)

"""How far the purchases of each category group rest on few suppliers, in the last whole year.

What does not belong here: the suppliers one by one (`suppliers.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import ALL

PARTS = ("first", "second", "third", "tail")


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    year = reading.default_period
    rows = reading.rows(
        "select * from supplier_concentration where cast(year as varchar) = ? "
        "order by category_group <> ?, hhi desc, category_group",
        [year, ALL],
    )
    for row in rows:
        group = row["category_group"]
        row["name"] = (
            reading.say("report.concentration.all") if group == ALL else reading.groups.get(group, group)
        )
        edges = (0.0, row["top_1_share"], row["top_3_share"], row["top_10_share"], 1.0)
        row["parts"] = [
            (name, f"{max(after - before, 0) * 100:.2f}")
            for name, before, after in zip(PARTS, edges, edges[1:], strict=False)
        ]
    yield Made(
        "supplier-concentration.html",
        "supplier_concentration.html",
        reading.say("report.concentration"),
        {"rows": rows, "year": year, "parts": PARTS},
    )


KIND = Kind(
    name="supplier_concentration",
    order=61,
    needs=frozenset({"supplier_concentration", "dim_category", "dim_period"}),
    make=_make,
    menu="supplier-concentration.html",
    under="suppliers",
)

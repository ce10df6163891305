"""The release: what it was made from and as of when, and the releases before it.

What does not belong here: the deliveries' quality, and what the tables hold (`dictionary.py`). This is the one page
that tells run times and ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagster_project.report.site.outlook import PARTS
from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    yield Made(
        "release.html",
        "release.html",
        reading.say("report.menu.release"),
        {
            "closed": _closed(reading),
            "releases": reading.rows("select * from releases order by released_at desc, release_id desc"),
            "sources": reading.rows("select * from source_files order by source, file"),
            "parts": PARTS,
        },
    )


def _closed(reading: Reading) -> list[dict[str, Any]]:
    """The closed periods whose figures have become others, by what the differences come of."""
    if "kpi_changes" not in reading.tables:
        return []
    counts = ", ".join(f"count(*) filter (where {part} <> 0) as {part}" for part in PARTS)
    rows = reading.rows(
        f"select closed_period, count(*) as differing, {counts}, "
        "list(distinct kpi_id order by kpi_id) filter (where member_code = $1 and category_group = $1) as kpis "
        "from kpi_changes where compared_with = 'closed_period' group by closed_period order by closed_period desc",
        [ALL],
    )
    for row in rows:
        row["kpis"] = [kpi_id for kpi_id in reading.catalogue if kpi_id in (row["kpis"] or ())]
    return rows


KIND = Kind(
    name="release",
    order=80,
    needs=frozenset({"releases", "source_files"}),
    make=_make,
    menu="release.html",
)

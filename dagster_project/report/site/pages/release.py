"""The release: what it was made from and as of when, the releases before it, and what its tables hold.

What does not belong here: the deliveries' quality. This is the one page that tells run times and ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from dagster_project.report.site.page import Kind, Made, Work


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    columns = reading.rows(
        'select "table" as name, "column" as column_name, type, unit, description from mart_columns '
        'order by "table", rowid'
    )
    yield Made(
        "release.html",
        "release.html",
        reading.say("report.menu.release"),
        {
            "releases": reading.rows("select * from releases order by released_at desc, release_id desc"),
            "sources": reading.rows("select * from source_files order by source, file"),
            "tables": [
                (name, list(rows)) for name, rows in groupby(columns, key=lambda column: column["name"])
            ],
        },
    )


KIND = Kind(
    name="release",
    order=80,
    needs=frozenset({"releases", "source_files", "mart_columns"}),
    make=_make,
    menu="release.html",
)

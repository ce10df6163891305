"""The release: what it was made from and as of when, and the releases before it.

What does not belong here: the deliveries' quality, and what the tables hold (`dictionary.py`). This is the one page
that tells run times and ids.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Kind, Made, Work


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    yield Made(
        "release.html",
        "release.html",
        reading.say("report.menu.release"),
        {
            "releases": reading.rows("select * from releases order by released_at desc, release_id desc"),
            "sources": reading.rows("select * from source_files order by source, file"),
        },
    )


KIND = Kind(
    name="release",
    order=80,
    needs=frozenset({"releases", "source_files"}),
    make=_make,
    menu="release.html",
)

"""The levels of environmental requirements: one stacked bar for each area, from none to spearhead.

What does not belong here: the environmental indicators, which have pages of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Figures, Kind, Made, Work

LEVELS = ("none", "base", "advanced", "spearhead")


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    figures: Figures = {}
    areas: dict[str, None] = {}
    rows = reading.rows(
        "select period, member_code, area, level, procurements, share, announced_procurements "
        "from environment_levels order by area, period, member_code, level"
    )
    for row in rows:
        areas[row["area"]] = None
        cells = figures.setdefault(row["member_code"], {}).setdefault(row["period"], {})
        bar = cells.setdefault(row["area"], ["", *["0"] * len(LEVELS), *["0"] * len(LEVELS)])
        place = LEVELS.index(row["level"])
        bar[0] = reading.formats.number(row["announced_procurements"])
        bar[1 + place] = f"{(row['share'] or 0) * 100:.2f}"
        bar[1 + len(LEVELS) + place] = reading.formats.number(row["procurements"])
    blank = ("–", *["0"] * len(LEVELS), *["–"] * len(LEVELS))
    default = figures.get("ALL", {}).get(reading.default_period, {})
    yield Made(
        "environment.html",
        "environment.html",
        reading.say("report.environment"),
        {
            "areas": [(area, reading.code("area", area), default.get(area, blank)) for area in areas],
            "levels": LEVELS,
            "indicators": [row for row in reading.catalogue.values() if row["objective"] == "environment"],
        },
        figures=figures,
        blank=blank,
    )


KIND = Kind(
    name="environment",
    order=40,
    needs=frozenset({"environment_levels", "kpi_catalogue", "dim_period"}),
    make=_make,
    menu="environment.html",
)

"""Emissions of the purchases, never without the share of the purchases that they are about.

What does not belong here: environmental requirements (`environment.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    year = reading.default_period
    rows = reading.rows(
        "select * from environmental_spend order by year desc, emission_kg desc nulls last, member_code, category_group"
    )
    for row in rows:
        row["tonnes"] = (
            reading.say(
                "report.emissions.tonnes", number=reading.formats.number(row["emission_kg"] / 1000, 1)
            )
            if row["emission_kg"] is not None
            else "–"
        )
        row["width"] = f"{(row['coverage'] or 0) * 100:.1f}"
        first, last = row["first_factor_year"], row["last_factor_year"]
        row["factor_years"] = str(first or "–") if first == last else f"{first}–{last}"
    wholes = [row for row in rows if row["member_code"] == ALL and row["category_group"] == ALL]
    latest = [row for row in rows if str(row["year"]) == year]
    yield Made(
        "environmental-spend.html",
        "environmental_spend.html",
        reading.say("report.emissions"),
        {
            "year": year,
            "now": next((row for row in wholes if str(row["year"]) == year), None),
            "years": [(str(row["year"]), row) for row in wholes],
            "groups": _named(latest, "category_group", reading.groups),
            "members": _named(latest, "member_code", reading.members),
            "without": _without(reading, year),
        },
    )


def _named(
    rows: list[dict[str, Any]], column: str, names: dict[str, str]
) -> list[tuple[str, dict[str, Any]]]:
    return [(names.get(row[column], row[column]), row) for row in rows if row[column] != ALL]


def _without(reading: Reading, year: str) -> list[dict[str, Any]]:
    """The largest categories without a factor: where one is worth finding."""
    return reading.rows(
        """
        select coalesce(any_value(category_name), category_code) as name, category_code, sum(amount) as amount
        from spend_cube left join dim_category using (category_code)
        where cast(year as varchar) = ? and compliance_class <> 'excluded' and emission_kg is null
        group by category_code having sum(amount) > 0 order by amount desc, category_code limit 10
        """,
        [year],
    )


KIND = Kind(
    name="environmental_spend",
    order=41,
    needs=frozenset({"environmental_spend", "spend_cube", "dim_category", "dim_period"}),
    make=_make,
    menu="environmental-spend.html",
    under="environment",
)

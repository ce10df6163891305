"""What is expected of the running year, what differs from earlier releases and what is said, for each indicator.

What belongs here: reading `kpi_forecast`, `kpi_changes` and `kpi_comments`, where the release has them. What does not:
how they look.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from dagster_project.report.site import charts
from dagster_project.report.site.reading import ALL, Reading

PARTS = ("late", "corrected", "removed", "settings", "definition")
SURE = 0.01  # a chance nearer to none or certain than this is not told in figures


def forecasts(reading: Reading) -> dict[str, dict[str, str]]:
    """The year end that is expected of each indicator, all members together; empty where nothing is forecast."""
    if "kpi_forecast" not in reading.tables:
        return {}
    told = {}
    formats = reading.formats
    for row in reading.rows(
        "select * from kpi_forecast where member_code = ? order by kpi_id, period", [ALL]
    ):
        kpi_id = row["kpi_id"]
        if kpi_id not in reading.catalogue or row["expected"] is None:
            continue
        unit = reading.catalogue[kpi_id]["unit"]
        words = {
            "year": formats.period(row["period"]),
            "expected": formats.figure(row["expected"], unit, kpi_id),
            "interval": "",
            "probability": "",
            "chance": "",
            "based_on": reading.told(row, "based_on"),
        }
        if row["low"] is not None and row["high"] is not None:
            words["interval"] = reading.say(
                "report.interval",
                low=formats.figure(row["low"], unit, kpi_id),
                high=formats.figure(row["high"], unit, kpi_id),
            )
        if row["probability_of_target"] is not None:
            told_chance = chance(reading, row["probability_of_target"])
            words["probability"] = reading.say("report.forecast.probability", share=told_chance)
            words["chance"] = reading.say("report.chance", chance=told_chance)
        told[kpi_id] = words
    return told


def chance(reading: Reading, probability: float) -> str:
    """A probability in words; never quite none or certain."""
    if probability < SURE:
        return reading.say("report.chance.under")
    if probability > 1 - SURE:
        return reading.say("report.chance.over")
    return reading.formats.share(probability, 0)


def changes(reading: Reading) -> dict[str, list[dict[str, Any]]]:
    """What differs in each indicator's common figures: from the release before by year, and from what was reported.

    A difference from what was reported is split by what it comes of.
    """
    if "kpi_changes" not in reading.tables:
        return {}
    formats = reading.formats
    told: dict[str, list[dict[str, Any]]] = {}
    rows = reading.rows(
        "select * from kpi_changes where member_code = $1 and category_group = $1 "
        "and (compared_with = 'closed_period' or period_type = 'year') "
        "order by kpi_id, compared_with, closed_period, period_type, period",
        [ALL],
    )
    for row in rows:
        kpi_id = row["kpi_id"]
        if kpi_id not in reading.catalogue:
            continue
        unit = reading.catalogue[kpi_id]["unit"]
        parts = [
            (reading.code("part", part), formats.difference(float(row[part]), unit, kpi_id))
            for part in PARTS
            if row[part]
        ]
        told.setdefault(kpi_id, []).append(
            {
                "waterfall": _waterfall(reading, row, unit)
                if row["compared_with"] == "closed_period"
                else None,
                "compared": reading.code("compared_with", row["compared_with"]),
                "period": formats.period(row["period"]),
                "before": "–" if row["before"] is None else formats.figure(row["before"], unit, kpi_id),
                "now": "–" if row["now"] is None else formats.figure(row["now"], unit, kpi_id),
                "difference": "–"
                if row["difference"] is None
                else formats.difference(float(row["difference"]), unit, kpi_id),
                "parts": parts,
                "records": "–"
                if row["records_added"] is None
                else reading.say(
                    "report.changes.counts",
                    added=formats.number(row["records_added"]),
                    removed=formats.number(row["records_removed"]),
                    changed=formats.number(row["records_changed"]),
                ),
            }
        )
    return told


def comments(reading: Reading) -> dict[str, list[dict[str, str]]]:
    """What the controller says of each indicator, the latest periods first."""
    if "kpi_comments" not in reading.tables:
        return {}
    told: dict[str, list[dict[str, str]]] = {}
    for row in reading.rows(
        "select kpi_id, period, member_code, text from kpi_comments left join dim_period using (period) "
        "order by kpi_id, period_end desc nulls last, period, member_code <> ?, member_code",
        [ALL],
    ):
        member = row["member_code"]
        told.setdefault(row["kpi_id"], []).append(
            {
                "period": reading.formats.period(row["period"]),
                "member": reading.members.get(member, member),
                "text": row["text"],
            }
        )
    return told


def _waterfall(reading: Reading, row: dict[str, Any], unit: str) -> Markup | None:
    """How a reported figure became what it is now; None where it has no parts, or only one."""
    sizes = [(part, float(row[part])) for part in PARTS if row[part]]
    if row["before"] is None or row["now"] is None or len(sizes) < 2:
        return None
    formats, kpi_id = reading.formats, row["kpi_id"]
    points = reading.say("report.unit.points")
    levels = [row["before"]]
    for _, size in sizes:
        levels.append(levels[-1] + size)
    words = [
        (reading.say("report.changes.before"), formats.figure(row["before"], unit, kpi_id)),
        # Without the unit, which is the table's: two such words side by side would cover each other.
        *(
            (reading.code("part", part), formats.difference(size, unit, kpi_id).removesuffix(points).strip())
            for part, size in sizes
        ),
        (reading.say("report.changes.now"), formats.figure(row["now"], unit, kpi_id)),
    ]
    title = reading.say(
        "report.changes.title",
        name=reading.told(reading.catalogue[kpi_id], "name"),
        period=formats.period(row["period"]),
    )
    return charts.waterfall(levels, words, title=title)

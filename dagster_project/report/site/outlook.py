"""What is expected of the running year, and what differs from earlier releases, in words for each indicator.

What belongs here: reading `kpi_forecast` and `kpi_changes`, where the release has them. What does not: how they look.
"""

from __future__ import annotations

from typing import Any

from dagster_project.report.site.reading import ALL, Reading

PARTS = ("late", "corrected", "removed", "settings", "definition")


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
            "based_on": reading.told(row, "based_on"),
        }
        if row["low"] is not None and row["high"] is not None:
            words["interval"] = reading.say(
                "report.interval",
                low=formats.figure(row["low"], unit, kpi_id),
                high=formats.figure(row["high"], unit, kpi_id),
            )
        if row["probability_of_target"] is not None:
            words["probability"] = reading.say(
                "report.forecast.probability", share=formats.share(row["probability_of_target"], 0)
            )
        told[kpi_id] = words
    return told


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

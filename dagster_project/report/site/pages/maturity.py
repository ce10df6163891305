"""The self-assessments: where the organisation places itself, and how many items have reached each level.

What does not belong here: how answers become axes and levels, which is the marts'.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from dagster_project.report.site import charts
from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading

LEVELS = ("none", "satisfactory", "very_satisfactory", "excellent")


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    yield Made(
        "maturity.html",
        "maturity.html",
        reading.say("report.maturity"),
        {"graphs": _graphs(reading), "levels": LEVELS, "models": _models(reading)},
    )


def _graphs(reading: Reading) -> list[dict[str, Any]]:
    """The ambition graph of each organisation: all respondents over time, and each role in the latest assessment."""
    rows = reading.rows(
        "select * from ambition_graph order by organisation_name, first_answered, assessment_id, role <> ?, role",
        [ALL],
    )
    graphs = []
    for organisation, group in groupby(rows, key=lambda row: row["organisation_name"]):
        mine = list(group)
        latest = mine[-1]["assessment_id"]
        for row in mine:
            row["role_words"] = (
                reading.say("report.maturity.everybody") if row["role"] == ALL else row["role"]
            )
            row["words"] = {
                axis: "–" if row[axis] is None else reading.formats.number(row[axis], 2)
                for axis in ("area_1", "area_2", "area_3", "vertical", "horizontal")
            }
        placed = [row for row in mine if row["vertical"] is not None and row["horizontal"] is not None]
        together = [_point(row) for row in placed if row["role"] == ALL]
        roles = [[_point(row)] for row in placed if row["role"] != ALL and row["assessment_id"] == latest]
        lines = [line for line in (together, *roles) if line]
        cutoff = mine[-1]["cutoff"]
        graphs.append(
            {
                "organisation": organisation,
                "rows": mine,
                "latest": latest,
                "cutoff": reading.formats.plain(cutoff),
                "chart": charts.quadrants(
                    lines,
                    float(cutoff),
                    sides=(
                        reading.say("report.maturity.horizontal"),
                        reading.say("report.maturity.vertical"),
                    ),
                    title=reading.say("report.maturity.graph.title", name=organisation),
                )
                if lines
                else None,
            }
        )
    return graphs


def _point(row: dict[str, Any]) -> tuple[float, float, str, str]:
    words = row["words"]
    told = f"{row['assessment_id']}, {row['role_words']}: {words['horizontal']} / {words['vertical']}"
    name = row["assessment_id"] if row["role"] == ALL else row["role_words"]
    return row["horizontal"], row["vertical"], name, told


def _models(reading: Reading) -> list[dict[str, Any]]:
    """The latest Dalarna model of each organisation: by step and perspective, and what is below level one."""
    rows = reading.rows(
        """
        select * from maturity
        qualify first_answered = max(first_answered) over (partition by organisation_name)
        order by organisation_name, assessment_id, step, perspective nulls last, level_rank
        """
    )
    models = []
    for (organisation, assessment), group in groupby(
        rows, key=lambda row: (row["organisation_name"], row["assessment_id"])
    ):
        parts: list[dict[str, Any]] = []
        for (step, perspective), levels in groupby(group, key=lambda row: (row["step"], row["perspective"])):
            by_level = {row["level"]: row for row in levels}
            first = next(iter(by_level.values()))
            below = by_level.get("none", {})
            change = below.get("change")
            parts.append(
                {
                    "step": step,
                    "span": 0,
                    "perspective": perspective or reading.say("report.maturity.whole"),
                    "items": {
                        level: (by_level[level]["items"] if level in by_level else 0) for level in LEVELS
                    },
                    "widths": {
                        level: f"{((by_level[level]['share'] or 0) if level in by_level else 0) * 100:.2f}"
                        for level in LEVELS
                    },
                    "unanswered": first["items_unanswered"],
                    "change": "" if change is None else reading.formats.difference(change, "share"),
                    "below": (below.get("item_list") or "").split("; ") if below.get("item_list") else [],
                    "before": first["previous_assessment_id"],
                }
            )
        for _, same in groupby(parts, key=lambda part: part["step"]):
            rows_of_step = list(same)
            rows_of_step[0]["span"] = len(rows_of_step)  # the step stands once, beside its perspectives
        models.append(
            {
                "organisation": organisation,
                "assessment": assessment,
                "parts": parts,
                "before": next((part["before"] for part in parts if part["before"]), None),
                "below": [part for part in parts if part["below"]],
            }
        )
    return models


KIND = Kind(
    name="maturity",
    order=65,
    needs=frozenset({"maturity", "ambition_graph"}),
    make=_make,
    menu="maturity.html",
)

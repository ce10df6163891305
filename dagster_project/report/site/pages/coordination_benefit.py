"""What coordination gave and cost, why it failed, what else differs, and how expectations have held.

What does not belong here: categories that could be coordinated (`coordination_potential.py`), and the savings of all
procurements (`savings.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from dagster_project.report.downloads import control_list_name
from dagster_project.report.site import charts
from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.pages.savings import so_far
from dagster_project.report.site.parts import parts_of_sums
from dagster_project.report.site.reading import ALL, Reading

LISTED = 200


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    years = reading.rows("select * from coordination_benefit where level = 'year' order by year desc")
    parts = parts_of_sums(reading)
    for year in years:
        told = parts.get(("net_coordination_benefit", str(year["year"]), ALL, ALL))
        year["parts"] = told.lines(reading) if told else []
        costs = [cost for cost in (year["hours_amount"], year["direct_cost_amount"]) if cost is not None]
        year["cost"] = sum(costs) if costs else None
    missed = _missed(reading)
    lessons = reading.rows(
        "select * from lessons_learned order by recorded_date desc, procurement_id limit ?", [LISTED]
    )
    yield Made(
        "coordination-benefit.html",
        "coordination_benefit.html",
        reading.say("report.benefit"),
        {
            "years": years,
            "chart": _chart(reading, years),
            "missed": missed[:LISTED],
            "missed_total": len(missed),
            "missed_counts": _counts(reading, missed),
            "missed_file": control_list_name(reading.as_of) if missed else None,
            "so_far": so_far(reading),
            "compared": _compared(reading),
            "calibration": reading.rows(
                "select * from lessons_calibration order by year = ? desc, year desc", [ALL]
            ),
            "lessons": lessons,
        },
    )


def _chart(reading: Reading, years: list[dict[str, Any]]) -> Any:
    """Net by year, with low and high; what chance gives of it hatched."""
    shown = [year for year in years if year["net_amount"] is not None]
    if not shown:
        return None
    names = ("net_amount", "net_low_amount", "net_high_amount", "net_without_artefact_amount")
    scale = charts.Scale.around([float(year[name]) for year in shown for name in names])
    bars = []
    for year in shown:
        chance = float(year["net_amount"] - year["net_without_artefact_amount"])
        label = reading.formats.amount(year["net_amount"])
        bars.append(
            charts.Range(
                name=str(year["year"]),
                label=label,
                value=float(year["net_amount"]),
                told=f"{year['year']}: {label}",
                low=float(year["net_low_amount"]),
                high=float(year["net_high_amount"]),
                hatched=chance or None,
            )
        )
    return charts.ranges(
        bars,
        title=reading.say("report.benefit.net_by_year"),
        hatch="chance",
        ticks=[reading.formats.amount(value) for value in scale.ticks],
        scale=scale,
    )


def _missed(reading: Reading) -> list[dict[str, Any]]:
    rows = reading.rows("select * from missed_coordination order by completed_date desc, procurement_id")
    for row in rows:
        row["names"] = _members(reading, row["member_codes"])
        row["potential_names"] = _members(reading, row["potential_member_codes"])
    return rows


def _members(reading: Reading, codes: str | None) -> str:
    return ", ".join(reading.members.get(code, code) for code in (codes or "").split(", "))


def _counts(reading: Reading, missed: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, int]]]]:
    """How many by registered reason, by member and by category group, the most first; what is not known by name."""
    none, unknown = reading.say("report.benefit.no_reason"), reading.say("report.benefit.no_group")
    ways: dict[str, Callable[[dict[str, Any]], str]] = {
        "why": lambda row: (
            row["coordination_deviation_code"] or row["coordination_deviation_reason"]
            if row["has_reason"]
            else none
        ),
        "member": lambda row: row["names"],
        "group": lambda row: reading.groups.get(row["category_group"], row["category_group"]) or unknown,
    }
    return [
        (way, sorted(Counter(map(told, missed)).items(), key=lambda one: (-one[1], one[0])))
        for way, told in ways.items()
    ]


def _compared(reading: Reading) -> list[dict[str, Any]]:
    """Coordinated and not over all years, in words."""
    rows = reading.rows("select * from coordination_comparison where year = ? order by measure", [ALL])
    for row in rows:
        for side in ("coordinated", "separate"):
            row[side] = _value(reading, row, f"{side}_value")
            row[f"{side}_range"] = _range(reading, row, f"{side}_low", f"{side}_high")
        row["differs"] = None
        if row["difference_low"] is not None:
            row["differs"] = row["difference_low"] > 0 or row["difference_high"] < 0
    return rows


def _value(reading: Reading, row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "–"
    if row["unit"] == "share":
        return reading.formats.share(row[name])
    return reading.formats.number(row[name], 0 if row["unit"] in ("days", "hours") else 1)


def _range(reading: Reading, row: dict[str, Any], low: str, high: str) -> str:
    if row[low] is None or row[high] is None:
        return ""
    return f"{_value(reading, row, low)} – {_value(reading, row, high)}"


KIND = Kind(
    name="coordination_benefit",
    order=47,
    needs=frozenset(
        {
            "coordination_benefit",
            "missed_coordination",
            "coordination_comparison",
            "lessons_learned",
            "lessons_calibration",
        }
    ),
    make=_make,
    menu="coordination-benefit.html",
    under="savings",
)

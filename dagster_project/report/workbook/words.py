"""Words a frame of a mart for a sheet: names for codes, headings and dress for columns.

What belongs here: what every sheet of a mart has in common. What does not: which marts have a sheet (`sheets.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from dagster_project.messages.marts import column_heading
from dagster_project.report.site.reading import Reading
from dagster_project.report.workbook.book import Column

# Columns that hold codes, and under which `report.<kind>.` of the message catalogue their words stand.
CODES = {
    "period_type": "period_type",
    "compliance_class": "class",
    "largest_class": "class",
    "compliance_reason": "reason",
    "level": "level",
    "area": "area",
    "objective": "objective",
    "change_verdict": "verdict",
    "target_verdict": "margin",
    "severity": "severity",
    "compared_with": "compared_with",
    "came_with": "part",
    "kind": "break_kind",
    "unit": "measure",
    "direction": "direction",
    "aggregation": "aggregation",
    "event_kind": "calendar.kind",
    "required_form": "calendar.form",
    "value_source": "value_source",
    "method": "method",
    "part": "method",
    "measure": "comparison",
    "counts_as": "counts_as",
}
# Codes whose words depend on the table as well.
CODES_OF_TABLE = {
    "savings": {"reason": "exclusion"},
    "realised_savings": {"reason": "exclusion"},
    "coordination_benefit": {"reason": "benefit", "verdict": "benefit"},
    "savings_target_footing": {"verdict": "footing"},
    "ceiling_forecast": {"status": "ceiling.status"},
    "invoice_sample": {
        "stratum": "stratum",
        "rule_class": "class",
        "rule_class_now": "class",
        "verdict": "class",
    },
    "invoice_sample_estimate": {"method": "sample_method", "status": "sample_status"},
    "supplier_matches": {"alias_kind": "alias_kind", "method": "match_method"},
}
STATUSES = ("status", "status_before", "status_now", "status_reported")
LANGUAGES = ("sv", "en")
UNITS = {"SEK": "money", "share": "share", "count": "count", "year": "plain"}


def worded(reading: Reading, frame: pl.DataFrame, table: str = "") -> pl.DataFrame:
    """The frame of a table with names for indicators, members, groups, categories, suppliers and sources, and words for
    codes.

    Columns in another language than the organisation's are left out.
    """
    others = tuple(f"_{language}" for language in LANGUAGES if language != reading.language)
    frame = frame.select(name for name in frame.columns if not name.endswith(others))
    known: dict[str, Mapping[str, str]] = {
        "kpi_id": {kpi_id: reading.told(row, "name") for kpi_id, row in reading.catalogue.items()},
        "member_code": reading.members,
        "category_group": reading.groups | {"ALL": reading.say("report.all_groups")},
    }
    # A code stays beside its name, for who looks it up in another system.
    if "category_code" in frame.columns and "category_name" not in frame.columns:
        known["category_code"] = {code: f"{code} {name}" for code, name in reading.categories.items()}
    if "supplier_id" in frame.columns and "supplier_name" not in frame.columns:
        known["supplier_id"] = {code: f"{code} {name}" for code, name in reading.suppliers.items()}
    kinds = CODES | CODES_OF_TABLE.get(table, {})
    asked: dict[str, Callable[[str], str]] = {
        "source": reading.source,
        "exclusion": reading.exclusion,
        **{name: lambda code, kind=kind: reading.code(kind, code) for name, kind in kinds.items()},  # type: ignore[misc]
    }
    if "kpi_id" in frame.columns:
        asked |= dict.fromkeys(STATUSES, lambda code: reading.say(f"status.{code}"))
    changes = []
    for name, dtype in frame.schema.items():
        if dtype != pl.String:
            continue
        if name in known:
            changes.append(pl.col(name).replace(known[name]))
        elif name in asked:
            codes = frame[name].drop_nulls().unique(maintain_order=True)
            changes.append(pl.col(name).replace({code: asked[name](code) for code in codes}))
    return frame.with_columns(changes)


def columns(reading: Reading, table: str, frame: pl.DataFrame) -> list[Column]:
    """Heading and dress of each of the frame's columns, by its type and its unit in the data dictionary."""
    units = reading.units.get(table, {})
    return [
        Column(column_heading(table, name, reading.language), _dress(dtype, units.get(name, ""), name))
        for name, dtype in frame.schema.items()
    ]


def _dress(dtype: pl.DataType, unit: str, name: str) -> str:
    if dtype == pl.Boolean:
        return "boolean"
    if dtype == pl.Date:
        return "date"
    if isinstance(dtype, pl.Datetime):
        return "time"
    if not dtype.is_numeric():
        return "text"
    if unit in UNITS:
        return UNITS[unit]
    if name.endswith("_amount"):
        return "money"
    if name.endswith("_share") or name == "share":
        return "share"
    if name.endswith("_year") or name == "year":
        return "plain"
    return "count" if dtype.is_integer() else "number"

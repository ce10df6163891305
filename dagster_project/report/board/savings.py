"""Words the board's paragraph on savings and coordination: each amount with what it does not say.

What belongs here: the sentences. What does not: how the amounts come about (the marts), and the indicators' rows.
"""

from __future__ import annotations

from typing import Any

from dagster_project.report.site.parts import GRADES
from dagster_project.report.site.reading import ALL, Reading

TABLES = frozenset({"savings_summary", "realised_savings", "coordination_benefit", "missed_coordination"})


def savings(reading: Reading, period: str, year: int) -> list[str]:
    """The sentences on the period (a year so far) and its calendar year; none where no saving can be computed."""
    if not reading.tables >= TABLES:
        return []
    rows = {
        row["method"]: row
        for row in reading.rows(
            "select * from savings_summary where period = ? and member_code = ? and category_group = ?",
            [period, ALL, ALL],
        )
    }
    whole = rows.get(ALL)
    if whole is None or whole["saving_amount"] is None:
        return []
    found = [
        _enabled(reading, rows, whole),
        _then(reading, period),
        _coordination(reading, year),
        _missed(reading, year),
    ]
    return [sentence for sentence in found if sentence]


def _enabled(reading: Reading, rows: dict[str, dict[str, Any]], whole: dict[str, Any]) -> str:
    amount = reading.formats.amount
    parts = ", ".join(
        f"{reading.code('method', method)} {amount(rows[method]['saving_amount'])} ({grade})"
        for method, grade in GRADES.items()
        if method in rows
    )
    words = reading.say(
        "report.board.savings.enabled",
        amount=amount(whole["saving_amount"]),
        computed=whole["computed_procurements"],
        procurements=whole["procurements"],
        parts=parts,
    )
    if whole["artefact_amount"]:
        words += " " + reading.say("report.savings.lead.chance", amount=amount(whole["artefact_amount"]))
    return words


def _then(reading: Reading, period: str) -> str:
    """What was bought at the new prices, and what was not."""
    figure = reading.figures.get(("realised_savings", period, ALL, ALL))
    if figure is None or figure.actual is None:
        return ""
    return reading.say("report.board.savings.realised", amount=reading.formats.amount(figure.actual))


def _coordination(reading: Reading, year: int) -> str:
    rows = reading.rows("select * from coordination_benefit where level = 'year' and year = ?", [year])
    if not rows or rows[0]["net_amount"] is None:
        return ""
    [row] = rows
    key = "report.board.savings.net_unsure" if row["reason"] else "report.board.savings.net"
    return reading.say(
        key,
        year=year,
        amount=reading.formats.amount(row["net_amount"]),
        reason=reading.code("benefit", row["reason"] or row["verdict"]),
    )


def _missed(reading: Reading, year: int) -> str:
    [row] = reading.rows(
        "select count(*) as missed, count(*) filter (where not has_reason) as silent from missed_coordination "
        "where year(completed_date) = ?",
        [year],
    )
    if not row["missed"]:
        return ""
    return reading.say("report.board.savings.missed", year=year, count=row["missed"], silent=row["silent"])

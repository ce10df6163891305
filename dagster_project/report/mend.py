"""What is to be mended or waited for, in words: what the screen and the alerts have in common.

What does not belong here: where the words are shown, and any value from a delivery.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagster_project.flow import releases, validate
from dagster_project.flow.freshness import Due
from dagster_project.flow.ingest import natural_key
from dagster_project.flow.refresh import Refresh
from dagster_project.flow.validate import Verdict
from dagster_project.messages import message

FILES_SHOWN = 20


def concerned(verdict: Verdict, refresh: Refresh, language: str) -> list[str]:
    """The sources and files that a judgement of the arrivals points at; empty for any other verdict."""
    assert refresh.reconciled is not None
    lines: list[str] = []
    for name, outcome in refresh.reconciled.sources.items():
        allowed = validate.rows_allowed(refresh.settings, name, outcome.rows_read)
        if verdict.name == "own_errors_within_tolerance" and outcome.own_errors > allowed:
            lines.append(
                message(
                    "cli.too_many_errors", language, source=name, rows=outcome.own_errors, allowed=allowed
                )
            )
        if verdict.name == "rows_lost_with_a_parent_within_tolerance" and outcome.lost_with_parent > allowed:
            lines.append(
                message(
                    "cli.too_many_lost",
                    language,
                    source=name,
                    rows=outcome.lost_with_parent,
                    allowed=allowed,
                    parents=", ".join(outcome.parents_to_mend),
                )
            )
        if verdict.name == "no_file_is_rejected":
            lines += outcome.rejected_files
        is_required = name in refresh.contracts and refresh.contracts[name].required
        is_empty = not outcome.rows_accepted + outcome.rows_derived
        if verdict.name == "required_sources_are_delivered" and is_required and is_empty:
            lines.append(message("cli.required_missing", language, source=name))
    return lines


def held_back_lines(refresh: Refresh, in_force: str, language: str) -> list[str]:
    """Which release somebody went back from, that nothing is published, and what would end that."""
    left = refresh.rolled_back_from
    assert left is not None
    chosen = releases.current(refresh.workspace)
    between = left.delivered ^ chosen.delivered if chosen else frozenset()
    names = sorted({file for file, _ in between}, key=natural_key)
    told = message("held_back.text", language, release=in_force, left=left.release_id)
    if names:
        more = f" … (+{len(names) - FILES_SHOWN})" if len(names) > FILES_SHOWN else ""
        told_files = ", ".join(names[:FILES_SHOWN]) + more
        mend = message("held_back.files", language, files=told_files)
    else:
        mend = message("held_back.no_files", language)
    return [told, mend, message("held_back.forward", language, left=left.release_id)]


def overdue_lines(late: Sequence[Due], language: str) -> list[str]:
    """One line per overdue delivery: source, unit, period, when it was due, and when something last came."""
    lines = []
    for one in late:
        last = f"{one.last_arrival:%Y-%m-%d}" if one.last_arrival else message("overdue.never", language)
        what = one.source if one.unit is None else f"{one.source} ({one.unit})"
        lines.append(
            message("overdue.line", language, what=what, period=one.period, due=one.due_date, last=last)
        )
    return lines

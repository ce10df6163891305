"""The words of an alert: that a run was stopped or failed, that it works again, that a delivery is overdue.

An alert leaves the house by mail or web hook, so it carries no value from a cell: files, columns, rules and counts
only, and file names with personal numbers masked. What does not belong here: whether an alert is due, and sending.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from dagster_project.contracts import Source
from dagster_project.expectations import arrival_rules
from dagster_project.flow import validate
from dagster_project.flow.freshness import Due
from dagster_project.flow.history import PastRun
from dagster_project.flow.refresh import Refresh
from dagster_project.flow.releases import PublishError
from dagster_project.flow.values.identity import mask
from dagster_project.messages import known_keys, message, outline
from dagster_project.report.fault import foreseen
from dagster_project.report.mend import concerned, held_back_lines, overdue_lines
from dagster_project.settings import Workspace

Kind = Literal["stopped", "held_back", "failed", "works_again", "overdue"]
FAULTS_SHOWN = 20


@dataclass(frozen=True)
class Alert:
    """What is told, and `cause`: the same for as long as nothing new has happened."""

    kind: Kind
    subject: str
    text: str
    cause: str
    run_id: str | None = None
    release: str | None = None


def stopped(refresh: Refresh, release: str | None) -> Alert:
    """The checks stopped the run; `release` is the one that stays in force."""
    language = refresh.settings.language
    stands = (
        message("alert.stopped.stands", language, release=release)
        if release
        else message("alert.stopped.never", language)
    )
    lines = [message("alert.stopped.text", language, run=refresh.run_id, stands=stands), ""]
    causes = []
    for verdict in validate.stopping(refresh.verdicts):
        mend = verdict.mend_sv if language == "sv" else verdict.mend_en
        lines.append("• " + message("cli.mend", language, what=mend))
        lines += [f"  {mask(line)}" for line in concerned(verdict, refresh, language)]
        causes.append(verdict.name)
    faults = _faults(refresh, language)
    if faults:
        lines += ["", message("alert.stopped.rows", language)]
        lines += [f"• {words}" for _, words in faults[:FAULTS_SHOWN]]
    if len(faults) > FAULTS_SHOWN:
        lines.append(message("alert.stopped.more", language, count=len(faults) - FAULTS_SHOWN))
    lines += ["", message("alert.stopped.where", language, folder=refresh.workspace.quarantine)]
    return Alert(
        kind="stopped",
        subject=message("alert.stopped.subject", language, name=refresh.settings.display_name),
        text="\n".join(lines),
        cause=_digest([*causes, *(place for place, _ in faults)]),
        run_id=refresh.run_id,
        release=release,
    )


def held_back(refresh: Refresh, release: str | None) -> Alert:
    """Somebody went back to `release`, and the run published nothing because of it."""
    language = refresh.settings.language
    left = refresh.rolled_back_from
    assert left is not None
    return Alert(
        kind="held_back",
        subject=message("alert.held_back.subject", language, name=refresh.settings.display_name),
        text="\n\n".join(mask(line) for line in held_back_lines(refresh, release or "–", language)),
        cause=_digest(["held_back", release or "", left.release_id]),
        run_id=refresh.run_id,
        release=release,
    )


def failed(error: Exception, workspace: Workspace, name: str, language: str) -> Alert:
    """The run broke. What nobody foresaw may quote a delivered value, and is told by its kind alone."""
    plain = foreseen(error, workspace)
    if plain is None:
        kind = type(error).__name__
        logs = workspace.warehouse / "logs"
        what = message("alert.failed.unforeseen", language, kind=kind, log=logs)
    else:
        what = mask(plain.words(language) if isinstance(plain, PublishError) else str(plain))
    return Alert(
        kind="failed",
        subject=message("alert.failed.subject", language, name=name),
        text=message("alert.failed.text", language, what=what),
        cause=_digest([what]),
    )


def killed(run: PastRun, name: str, language: str, timezone: str) -> Alert:
    """A run began and never ended."""
    return Alert(
        kind="failed",
        subject=message("alert.failed.subject", language, name=name),
        text=message("alert.failed.text", language, what=never_ended(run, language, timezone)),
        cause=_digest(["killed", run.run_id]),
        run_id=run.run_id,
    )


def never_ended(run: PastRun, language: str, timezone: str) -> str:
    """That a run began and was cut short, in words."""
    return message("alert.killed", language, run=run.run_id, started=_clock(run.started, timezone))


def works_again(refresh: Refresh, release: str | None, since: datetime, cut_short: PastRun | None) -> Alert:
    """The run went well after one that did not."""
    language, timezone = refresh.settings.language, refresh.settings.timezone
    told = {"run": refresh.run_id, "release": release or "–", "since": _clock(since, timezone)}
    lines = [message("alert.works_again.text", language, **told)]
    if cut_short is not None:
        lines += ["", never_ended(cut_short, language, timezone)]
    return Alert(
        kind="works_again",
        subject=message("alert.works_again.subject", language, name=refresh.settings.display_name),
        text="\n".join(lines),
        cause="works_again",
        run_id=refresh.run_id,
        release=release,
    )


def overdue(refresh: Refresh, late: Sequence[Due], release: str | None) -> Alert:
    """Deliveries that should have come."""
    language = refresh.settings.language
    lines = [message("alert.overdue.text", language), ""]
    lines += [f"• {line}" for line in overdue_lines(late, language)]
    return Alert(
        kind="overdue",
        subject=message("alert.overdue.subject", language, name=refresh.settings.display_name),
        text="\n".join(lines),
        cause=_digest([one.name for one in late]),
        run_id=refresh.run_id,
        release=release,
    )


def _faults(refresh: Refresh, language: str) -> list[tuple[str, str]]:
    """Every file, column and rule with an open error: what identifies it, and how many rows in words."""
    assert refresh.reconciled is not None
    found = (
        refresh.reconciled.issues.filter((pl.col("severity") == "error") & pl.col("is_open"))
        .group_by("source", "file", "column_name", "rule", maintain_order=True)
        .agg(rows=pl.struct("sheet", "row_number").n_unique())
    )
    faults = []
    for source, file, column, rule, rows in found.iter_rows():
        place = f"{file}|{column or ''}|{rule}"
        file = mask(file)
        why = _rule(rule, file, refresh.contracts.get(source), column, refresh, language)
        if rule.startswith("file."):
            faults.append((place, why))
        else:
            words = message(
                "alert.stopped.fault", language, file=file, column=column or "–", rows=rows, why=why
            )
            faults.append((place, words))
    return faults


def _rule(
    rule: str, file: str, source: Source | None, column: str | None, refresh: Refresh, language: str
) -> str:
    """What a rule asks, with … where the finding itself quotes the delivery."""
    for known in arrival_rules():
        if known.name == rule:
            return known.message_sv if language == "sv" else known.message_en
    key = rule if rule.startswith("file.") else f"row.{rule}"
    if key not in known_keys(language):
        return rule
    places: dict[str, object] = {"file": file}
    if source is not None and column:
        for declared in source.columns:
            if declared.name == column:
                is_swedish = language == "sv"
                places["column"] = declared.label_sv if is_swedish else declared.name
                places["help"] = (
                    (declared.help_sv or declared.label_sv) if is_swedish else declared.description
                )
        for reference in source.references:
            if ", ".join(reference.columns) == column:
                places["target"] = reference.to
                places["target_sv"] = refresh.contracts[reference.to].name_sv
    return outline(key, language, **places)


def _clock(moment: datetime, timezone: str) -> str:
    """A moment as a clock on the wall shows it where the organisation is."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]

"""What the command line shows: the summary of a run, what to mend, an explained figure, the releases.

What does not belong here: deciding or computing anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagster_project.flow import validate
from dagster_project.flow.freshness import overdue
from dagster_project.flow.refresh import Refresh
from dagster_project.flow.releases import Release
from dagster_project.messages import message
from dagster_project.report.doctor import Finding
from dagster_project.report.explain import SHOWN, Explanation, Record
from dagster_project.report.explain_line import ExplainedLine, Holding
from dagster_project.report.mend import concerned, held_back_lines, overdue_lines
from dagster_project.settings import Workspace

ERRORS_SHOWN = 20
PLAIN_WIDTH = 120
FEW = 20
CONTROLS = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], " ")
OVERDUE = "expected_deliveries_have_come"


class _PlainConsole(Console):
    """Shows what was delivered as the text that it is: neither as markup nor as orders to the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(text.translate(CONTROLS), **options)


def _console() -> Console:
    console = _PlainConsole(highlight=False, soft_wrap=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def nothing_to_do(refresh: Refresh) -> None:
    """Say why the run ended before it began."""
    link = refresh.workspace.marts / "current"
    console = _console()
    _overdue(console, refresh)
    if refresh.ending == "held_back":
        for line in held_back_lines(refresh, link.resolve().name, "sv"):
            console.print(line)
    else:
        console.print(message("cli.nothing_new", release=link.resolve().name))


def told(refresh: Refresh) -> None:
    """The ending of a run: published with its summary, no difference, or stopped with what to mend."""
    console = _console()
    if refresh.ending == "stopped":
        _stopped(console, refresh)
        return
    _deliveries(console, refresh)
    _overdue(console, refresh)
    if refresh.ending == "nothing_new":
        console.print(message("cli.no_difference"))
        return
    assert refresh.release is not None
    _scorecard(console, refresh)
    _open_errors(console, refresh)
    _warned(console, refresh)
    waived = [
        v.name for v in refresh.verdicts if v.severity == "blocking" and not v.blocking and not v.success
    ]
    if waived:
        console.print(message("cli.waived", names=", ".join(waived)))
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in refresh.profile.items())
    console.print(message("cli.summary.profile", steps=steps), style="dim")
    console.print(message("cli.published", release=refresh.release.release_id), style="bold")
    console.print(message("cli.published_where", path=refresh.workspace.current_database))


def checked(refresh: Refresh) -> None:
    """The verdict on the deliveries, with what to mend."""
    console = _console()
    if refresh.ending == "stopped":
        _stopped(console, refresh)
        return
    _deliveries(console, refresh)
    _overdue(console, refresh)
    _open_errors(console, refresh)
    _warned(console, refresh)
    assert refresh.reconciled is not None
    found = refresh.reconciled.issues.filter(pl.col("severity") != "correction").height
    console.print(message("cli.check_warnings" if found else "cli.check_ok"), style="bold")


def explained(explanation: Explanation) -> None:
    """One figure with its records."""
    console = _console()
    console.print(explanation.name_sv, style="bold")
    console.print(explanation.definition_sv)
    console.print(message("cli.explain.period", start=explanation.period_start, end=explanation.period_end))
    console.print(message("cli.explain.numerator", text=explanation.numerator_sv))
    if explanation.denominator_sv:
        console.print(message("cli.explain.denominator", text=explanation.denominator_sv))
    console.print(message("cli.explain.left_out_words", text=explanation.left_out_sv))
    console.print(message("cli.explain.weakness", text=explanation.weakness_sv), style="dim")
    console.print(
        message(
            "cli.explain.defined",
            document=explanation.source_document,
            version=explanation.version,
            since=explanation.since,
        ),
        style="dim",
    )
    console.print(
        message(
            "cli.explain.value",
            actual=number(explanation.actual)
            + of_few(explanation.unit, explanation.numerator, explanation.denominator),
            numerator=number(explanation.numerator),
            denominator=number(explanation.denominator),
            coverage=share(explanation.coverage),
            status=message(f"status.{explanation.status}"),
        ),
        style="bold",
    )
    if explanation.low is not None and explanation.high is not None:
        key = "interval" if explanation.is_interval else "bounds"
        console.print(
            message(f"cli.explain.{key}", low=number(explanation.low), high=number(explanation.high))
        )
    if explanation.change_verdict is not None:
        console.print(
            message(
                "cli.explain.change",
                change=number(explanation.change),
                low=number(explanation.change_low),
                high=number(explanation.change_high),
                verdict=message(f"change.{explanation.change_verdict}"),
            )
        )
    if explanation.target_verdict is not None:
        console.print(message(f"target.{explanation.target_verdict}"))
    _records(console, "cli.explain.counted", explanation.counted, explanation.counted_total, left_out=False)
    if explanation.left_out_total:
        _records(
            console, "cli.explain.left_out", explanation.left_out, explanation.left_out_total, left_out=True
        )
    console.print(message("cli.explain.summed", value=number(explanation.summed)), style="bold")


def explained_lines(lines: Sequence[ExplainedLine]) -> None:
    """Invoice lines, each with its class, the contracts that covered it, and why it is not on them."""
    console = _console()
    for line in lines:
        row = line.values
        amount = f"{row['amount_net']:,.2f}".replace(",", " ").replace(".", ",")
        console.print(message("cli.line.title", record=line.record_id, amount=amount), style="bold")
        console.print(
            message(
                "cli.line.buyer",
                unit=row["unit_name"] or row["buyer_unit_id"],
                member=row["member_code"] or "–",
                invoiced=row["invoice_date"],
                booked=row["booking_date"],
            )
        )
        console.print(
            message(
                "cli.line.supplier",
                supplier=row["register_name"] or row["supplier_name"] or "–",
                number=row["supplier_id"] or "–",
                found=message(f"cli.line.match.{row['supplier_match']}"),
            )
        )
        console.print(
            message(
                "cli.line.category",
                category=" ".join(filter(None, (row["category_code"], row["category_name"]))) or "–",
                found=message(f"cli.line.category.{row['category_source'] or 'unknown'}"),
                account=row["account"],
            )
        )
        told = message(f"report.class.{row['compliance_class']}")
        if row["compliance_reason"]:
            told += f": {message('report.reason.' + row['compliance_reason'])}"
        elif row["contract_id"]:
            told += f": {row['contract_id']}"
        console.print(message("cli.line.class", told=told), style="bold")
        if row["match_ambiguous"]:
            console.print(message("cli.line.ambiguous"))
        _holdings(console, "cli.line.covering", line.covering)
        _holdings(console, "cli.line.own", line.own)
        console.print(
            message("cli.line.place", file=row["source_file"], row=row["source_row"]) + "\n", style="dim"
        )


def _holdings(console: Console, heading: str, holdings: Sequence[Holding]) -> None:
    console.print(message(heading if holdings else f"{heading}.none"))
    for one in holdings[:SHOWN]:
        until = one.valid_until or message("report.contracts.until_further")
        reasons = ", ".join(message(f"cli.line.obstacle.{code}") for code in one.obstacles)
        console.print(
            message(
                "cli.line.contract",
                contract=" ".join(filter(None, (one.contract_id, one.title))),
                suppliers=", ".join(one.suppliers),
                start=one.valid_from,
                until=until,
                why=reasons or message("cli.line.obstacle.none"),
            )
        )


def listed(found: Sequence[Release], workspace: Workspace) -> None:
    """The releases, oldest first, the one in force marked."""
    console = _console()
    if not found:
        console.print(message("cli.no_release", folder=workspace.marts))
    for release in found:
        mark = "→" if release.in_force else " "
        console.print(
            f"{mark} {release.release_id}  {release.released_at:%Y-%m-%d %H:%M} UTC  {release.as_of}"
        )


def examined(findings: Sequence[Finding], language: str) -> None:
    """What the doctor found, check by check, with what to do about what is not well."""
    console = _console()
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        told = finding.words(language)
        if (mend := finding.mend(language)) is not None:
            told += "\n" + message("doctor.mend", language, what=mend)
        title = message(f"doctor.{finding.about}", language)
        style = {"ok": "", "notice": "yellow", "fault": "bold red"}[finding.status]
        table.add_row(message(f"doctor.status.{finding.status}", language), title, Text(told), style=style)
    console.print(table)
    faults = sum(finding.status == "fault" for finding in findings)
    notices = sum(finding.status == "notice" for finding in findings)
    ending = "doctor.sick" if faults else "doctor.healthy"
    console.print(message(ending, language, faults=faults, notices=notices), style="bold")


def number(value: float | None) -> str:
    """A number the Swedish way: decimal comma, thin groups, at most four decimals."""
    if value is None:
        return "–"
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return text.replace(",", "\u00a0").replace(".", ",")


def share(value: float | None) -> str:
    """A share as per cent with one decimal."""
    return "–" if value is None else f"{value * 100:.1f}".replace(".", ",") + "\u00a0%"


def figure(value: float | None, unit: str) -> str:
    """A figure in its unit, with as many decimals as it carries."""
    if value is None:
        return "–"
    if unit == "share":
        return share(value)
    if unit in ("count", "rank"):
        return number(round(value, 1))
    if unit == "sek":
        return number(round(value)) + "\u00a0kr"
    return number(round(value, 1))


def of_few(unit: str, numerator: float | None, denominator: float | None) -> str:
    """What a share of few is a share of, such as ` (7/12)`; empty for other figures, and where many are counted."""
    if unit != "share" or numerator is None or denominator is None or not 0 < denominator < FEW:
        return ""
    if not (numerator.is_integer() and denominator.is_integer()):
        return ""
    return f" ({numerator:.0f}/{denominator:.0f})"


def _deliveries(console: Console, refresh: Refresh) -> None:
    assert refresh.reconciled is not None
    table = Table(title=message("cli.summary.deliveries"), title_justify="left", box=None, pad_edge=False)
    table.add_column(message("cli.summary.source"))
    columns = ("files", "read", "accepted", "quarantined", "repeated", "skipped")
    for column in columns:
        table.add_column(message(f"cli.summary.{column}"), justify="right")
    by_source: dict[str, list[int]] = {}
    for count in refresh.reconciled.files:
        row = by_source.setdefault(count.source, [0] * len(columns))
        values = (
            1,
            count.rows_read,
            count.rows_accepted,
            count.rows_quarantined,
            count.rows_repeated,
            count.rows_skipped,
        )
        for position, value in enumerate(values):
            row[position] += value
    for source, row in by_source.items():
        table.add_row(source, *(number(value) for value in row))
    console.print(table)
    missing = [name for name, outcome in refresh.reconciled.sources.items() if not outcome.is_delivered]
    if missing:
        console.print(message("cli.missing", sources=", ".join(missing)), style="dim")


def _scorecard(console: Console, refresh: Refresh) -> None:
    """The latest year's figures for the whole organisation."""
    with duckdb.connect(str(refresh.workspace.current_database), read_only=True) as con:
        rows = con.execute(
            "select c.name_sv, v.period, v.actual, c.unit, v.numerator, v.denominator, "
            "v.target_operator, v.target, v.status, v.coverage "
            "from kpi_values as v join kpi_catalogue as c using (kpi_id) "
            "where v.member_code = 'ALL' and v.category_group = 'ALL' and v.period_type = 'year' "
            "and v.period = (select max(period) from dim_period where period_type = 'year') order by c.position"
        ).fetchall()
    table = Table(
        title=message("cli.summary.title", name=refresh.settings.display_name),
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for column, justify in (
        ("indicator", "left"),
        ("period", "left"),
        ("value", "right"),
        ("target", "right"),
        ("status", "left"),
        ("coverage", "right"),
    ):
        table.add_column(message(f"cli.summary.{column}"), justify=justify)  # type: ignore[arg-type]
    for name, period, actual, unit, numerator, denominator, operator, target, status, coverage in rows:
        aim = _aim(operator, target, unit)
        value = figure(actual, unit) + of_few(unit, numerator, denominator)
        table.add_row(name, period, value, aim, message(f"status.{status}"), share(coverage))
    console.print(table)


def _aim(operator: str | None, target: float | None, unit: str) -> str:
    """A target in words, such as `>= 80,0 %` or `ska minska`."""
    if operator is None:
        return ""
    return message(f"operator.{operator}") if target is None else f"{operator} {figure(target, unit)}"


def _stopped(console: Console, refresh: Refresh) -> None:
    console.print(message("cli.stopped"), style="bold")
    for verdict in validate.stopping(refresh.verdicts):
        mend = verdict.mend_sv if refresh.settings.language == "sv" else verdict.mend_en
        console.print("• " + message("cli.mend", what=mend))
        examples = [verdict.examples] if verdict.examples else []
        for line in concerned(verdict, refresh, refresh.settings.language) or examples:
            console.print(f"  {line}")
    _open_errors(console, refresh)
    _overdue(console, refresh)
    if refresh.rejected is not None:
        console.print(message("cli.stopped_where", path=refresh.rejected))


def _overdue(console: Console, refresh: Refresh) -> None:
    """Deliveries that should have come."""
    late = overdue(refresh.due)
    if late:
        console.print(message("cli.overdue"))
    for line in overdue_lines(late, refresh.settings.language):
        console.print(f"• {line}")


def _warned(console: Console, refresh: Refresh) -> None:
    """Judgements that did not hold and do not stop; overdue deliveries are told of in words of their own."""
    failed = [
        v
        for v in refresh.verdicts
        if v.kind == "judgement" and v.severity == "warning" and not v.success and v.name != OVERDUE
    ]
    if failed:
        console.print(message("cli.warned"))
    for verdict in failed:
        mend = verdict.mend_sv if refresh.settings.language == "sv" else verdict.mend_en
        console.print(f"• {mend} {verdict.examples}")


def _open_errors(console: Console, refresh: Refresh) -> None:
    if refresh.reconciled is None:
        return
    words = "message_sv" if refresh.settings.language == "sv" else "message_en"
    for files in refresh.parsed.values():
        for file in files:
            if file.rejected is not None:
                told = file.rejected.sv if refresh.settings.language == "sv" else file.rejected.en
                console.print(message("cli.rejected_file", message=told))
    issues = refresh.reconciled.issues.filter(
        (pl.col("severity") == "error") & pl.col("is_open") & pl.col("row_number").is_not_null()
    )
    if issues.is_empty():
        return
    console.print(message("cli.open_errors", count=issues.height, folder=refresh.workspace.quarantine))
    for row in issues.head(ERRORS_SHOWN).iter_rows(named=True):
        told = message(
            "cli.row",
            file=row["file"],
            row=row["row_number"],
            column=row["column_name"] or "",
            message=row[words],
        )
        console.print("  " + told)
    _workbooks(console, refresh)


def _workbooks(console: Console, refresh: Refresh) -> None:
    """The correction workbooks: what to send to whom."""
    if refresh.workbooks:
        folder = refresh.workbooks[0].path.parent
        console.print(message("cli.workbooks", count=len(refresh.workbooks), folder=folder))
    for book in refresh.workbooks[:ERRORS_SHOWN]:
        console.print("  " + message("cli.workbook", file=book.path.name, unit=book.unit, rows=book.rows))


def _records(console: Console, title: str, records: Sequence[Record], total: int, left_out: bool) -> None:
    table = Table(
        title=message(title, shown=min(SHOWN, total), total=total),
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column(message("cli.explain.record"))
    table.add_column(message("cli.explain.date"))
    if left_out:
        table.add_column(message("cli.explain.why"))
    else:
        table.add_column(message("cli.explain.numerator_head"), justify="right")
        table.add_column(message("cli.explain.denominator_head"), justify="right")
    table.add_column(message("cli.explain.place"))
    for record in records:
        place = f"{record.source_file} : {record.source_row}"
        if left_out:
            kind, _, reason = (record.exclusion or "").partition(":")
            table.add_row(
                record.record_id, record.event_date, f"{message(f'exclusion.{kind}')} ({reason})", place
            )
        else:
            numbers = [
                number(float(value)) if value else "–" for value in (record.numerator, record.denominator)
            ]
            table.add_row(record.record_id, record.event_date, *numbers, place)
    console.print(table)

"""What Dagster's interface shows of a step, as tables: files and their rows, judgements, the release.

Counts and names only. What does not belong here: counting.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from dagster_project.flow.parse import ParsedFile
from dagster_project.flow.reconcile import FileCount
from dagster_project.flow.releases import Release
from dagster_project.flow.validate import Verdict, stopping

Shown = dict[str, dg.MetadataValue]
Row = dict[str, str | int | float | bool | None]


def of_parsed(files: Sequence[ParsedFile]) -> Shown:
    """What was read of a source, file by file."""
    rows: list[Row] = [
        {
            "file": file.delivery.file,
            "rows_read": file.rows_read,
            "rows_quarantined": file.rows_quarantined,
            "rows_skipped": file.rows_skipped,
            "rejected": file.rejected.rule if file.rejected else "",
            "sha256": file.delivery.sha256[:12],
        }
        for file in files
    ]
    return {
        "files": dg.MetadataValue.int(len(files)),
        "rows_read": dg.MetadataValue.int(sum(file.rows_read for file in files)),
        "rows_quarantined": dg.MetadataValue.int(sum(file.rows_quarantined for file in files)),
        "by_file": _table(
            ("file", "rows_read", "rows_quarantined", "rows_skipped", "rejected", "sha256"), rows
        ),
    }


def of_reconciled(counts: Sequence[FileCount]) -> Shown:
    """The fate of a source's rows, file by file: read = accepted + quarantined + repeated + skipped."""
    names = ("rows_read", "rows_accepted", "rows_quarantined", "rows_repeated", "rows_skipped", "warnings")
    rows: list[Row] = [
        {"file": count.file, **{name: getattr(count, name) for name in names}} for count in counts
    ]
    totals = {name: dg.MetadataValue.int(sum(getattr(count, name) for count in counts)) for name in names}
    return {**totals, "by_file": _table(("file", *names), rows)}


def of_gate(verdicts: Sequence[Verdict]) -> Shown:
    """How many expectations held at a border, and which judgements did not."""
    failed = [verdict for verdict in verdicts if not verdict.success]
    rows: list[Row] = [
        {
            "judgement": verdict.name,
            "stops": verdict.blocking,
            "observed": verdict.observed,
            "to_do": verdict.mend_sv,
        }
        for verdict in failed
        if verdict.kind == "judgement"
    ]
    shown: Shown = {
        "expectations": dg.MetadataValue.int(len(verdicts)),
        "failed": dg.MetadataValue.int(len(failed)),
        "stopping": dg.MetadataValue.int(len(stopping(verdicts))),
    }
    if rows:
        shown["failed_judgements"] = _table(("judgement", "stops", "observed", "to_do"), rows)
    return shown


def of_check(verdict: Verdict, waived: bool) -> dict[str, str | bool]:
    """What one judgement expected and found; where it did not hold, what to do."""
    shown: dict[str, str | bool] = {"expected": verdict.expected, "observed": verdict.observed}
    if not verdict.success:
        shown |= {"to_do": verdict.mend_sv, "waived": waived}
    if verdict.examples:
        shown["examples"] = verdict.examples
    return shown


def of_release(release: Release | None) -> Shown:
    """Which release was put in force, and how many rows its tables have."""
    if release is None:
        return {
            "published": dg.MetadataValue.bool(False),
            "why": dg.MetadataValue.text("no table differs from the release in force"),
        }
    rows: list[Row] = [{"table": name, "rows": count} for name, count in sorted(release.rows.items())]
    return {
        "published": dg.MetadataValue.bool(True),
        "release_id": dg.MetadataValue.text(release.release_id),
        "tables": _table(("table", "rows"), rows),
    }


def _table(columns: Sequence[str], rows: Sequence[Row]) -> dg.MetadataValue:
    kinds = {bool: "bool", int: "int", float: "float"}
    first = rows[0] if rows else {}
    schema = dg.TableSchema(
        [dg.TableColumn(name, kinds.get(type(first.get(name)), "string")) for name in columns]
    )
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=schema)

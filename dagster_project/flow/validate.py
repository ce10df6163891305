"""Judges deliveries before the models and marts after them, with Great Expectations at both borders.

A batch is a small frame: per source one row per file with a column for every rule (rows that fail it), and frames of
counts. Rows were tried by standardise and reconcile, over everything that was read; here is judged whether the outcome
is acceptable. What does not belong here: finding wrong rows, or acting on the verdict (the caller does).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import duckdb
import polars as pl

from dagster_project.contracts import Source
from dagster_project.expectations import BatchQuery, Judgement, Rule
from dagster_project.flow.freshness import Due
from dagster_project.flow.judging import Expectation, Judge, Suite, Verdict, judge
from dagster_project.flow.reconcile import Reconciled
from dagster_project.settings import Settings


def stopping(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts that stop publication."""
    return [verdict for verdict in verdicts if verdict.blocking and not verdict.success]


def accepted_shares(reconciled: Reconciled, settings: Settings) -> dict[str, float]:
    """Per source that passes its tolerance: the share of its rows that stand, against those lost to quarantine.

    Where quarantine is accepted, every figure that rests on such a source is covered only so far.
    """
    shares = {}
    for name, outcome in reconciled.sources.items():
        allowed = rows_allowed(settings, name, outcome.rows_read)
        if max(outcome.own_errors, outcome.lost_with_parent) <= allowed and not outcome.rejected_files:
            continue
        rejected = sum(
            max(1, count.rows_quarantined)
            for count in reconciled.files
            if count.source == name and count.file in outcome.rejected_files
        )
        stands = outcome.rows_accepted + outcome.rows_derived
        shares[name] = stands / (stands + outcome.own_errors + outcome.lost_with_parent + rejected)
    return shares


# -- arrivals ------------------------------------------------------------------------------------------------------


def judge_arrivals(
    reconciled: Reconciled,
    contracts: Mapping[str, Source],
    rules: Sequence[Rule],
    judgements: Sequence[Judgement],
    settings: Settings,
    before: Mapping[str, int],
    unknown_folders: Sequence[str],
    due: Sequence[Due],
    accept_quarantine: bool,
    judged: Judge = judge,
) -> list[Verdict]:
    """Verdicts on what arrived.

    `before` holds accepted rows per source in the release in force. With `accept_quarantine` the judgements that may be
    waived are still made and reported, but do not stop.
    """
    frames = _arrival_frames(reconciled, contracts, settings, before, unknown_folders, due)
    suites: list[Suite] = []
    for judgement in judgements:
        waived = judgement.waived_by_accept_quarantine and accept_quarantine
        suites.append(
            (
                f"arrivals.{judgement.batch}",
                frames[judgement.batch],
                _index(frames[judgement.batch]),
                [_expectation(judgement, waived)],
            )
        )
    for name, source in contracts.items():
        if reconciled.sources[name].is_delivered:
            frame, expectations = _rule_frame(source, rules, reconciled)
            suites.append((f"arrivals.{name}", frame, ["file"], expectations))
    return judged(suites)


def rows_allowed(settings: Settings, source: str, rows_read: int) -> int:
    """How many quarantined rows a source may have: max(1, its tolerance × the rows read)."""
    return max(1, math.floor(settings.tolerances.of(source) * rows_read))


def _arrival_frames(
    reconciled: Reconciled,
    contracts: Mapping[str, Source],
    settings: Settings,
    before: Mapping[str, int],
    unknown_folders: Sequence[str],
    due: Sequence[Due],
) -> dict[str, pl.DataFrame]:
    files = pl.DataFrame(
        [asdict(count) for count in reconciled.files],
        schema_overrides={"rows_read": pl.Int64},
        schema=None
        if reconciled.files
        else {
            "source": pl.String,
            "file": pl.String,
            "rows_read": pl.Int64,
            "rows_accepted": pl.Int64,
            "rows_quarantined": pl.Int64,
            "rows_repeated": pl.Int64,
            "rows_skipped": pl.Int64,
        },
    ).with_columns(
        rows_unaccounted=pl.col("rows_read")
        - pl.col("rows_accepted")
        - pl.col("rows_quarantined")
        - pl.col("rows_repeated")
        - pl.col("rows_skipped")
    )
    sources = pl.DataFrame(
        [
            {
                "source": name,
                "is_required": contracts[name].required if name in contracts else False,
                "is_delivered": outcome.is_delivered,
                "rows_read": outcome.rows_read,
                "rows_accepted": outcome.rows_accepted + outcome.rows_derived,
                "own_errors": outcome.own_errors,
                "lost_with_parent": outcome.lost_with_parent,
                "rows_allowed": rows_allowed(settings, name, outcome.rows_read),
                "rejected_files": len(outcome.rejected_files),
                "parents": ", ".join(outcome.parents_to_mend),
            }
            for name, outcome in reconciled.sources.items()
        ]
    )
    drift = pl.DataFrame(
        [
            {"source": name, "share_of_before": reconciled.sources[name].rows_accepted / rows}
            for name, rows in before.items()
            if rows and name in reconciled.sources
        ],
        schema={"source": pl.String, "share_of_before": pl.Float64},
    )
    folders = pl.DataFrame(
        [{"folder": folder, "is_known": 0} for folder in unknown_folders],
        schema={"folder": pl.String, "is_known": pl.Int64},
    )
    expected = pl.DataFrame(
        [
            {
                "source": d.source,
                "unit": d.unit or "",
                "period": d.period,
                "is_overdue": int(d.status == "overdue"),
            }
            for d in due
        ],
        schema={"source": pl.String, "unit": pl.String, "period": pl.String, "is_overdue": pl.Int64},
    )
    return {
        "expected": expected,
        "files": files,
        "sources": sources,
        "required_sources": sources.filter("is_required"),
        "drift": drift,
        "folders": folders,
    }


def _rule_frame(
    source: Source, rules: Sequence[Rule], reconciled: Reconciled
) -> tuple[pl.DataFrame, list[Expectation]]:
    """One row per file, one column per rule with the number of rows that fail it, and an expectation for each."""
    expected: dict[str, tuple[str, str]] = {}
    for column in source.columns:
        words = "required, readable" if column.required else "readable where given"
        expected[f"column:{column.name}"] = (
            "contract",
            f"{source.name}.{column.name} is {words} as {column.type}",
        )
    expected["key"] = ("contract", f"{source.name}: one row per {', '.join(source.key)} in a file")
    for reference in source.references:
        if reference.severity == "error":
            expected[f"reference:{reference.to}"] = (
                "contract",
                f"{source.name} refers to rows of {reference.to} that exist",
            )
    why = {rule.name: rule.why for rule in rules if rule.source == source.name}
    for name in why:
        expected[f"rule:{name}"] = ("rule", name)
    files = [count.file for count in reconciled.files if count.source == source.name]
    failing = (
        reconciled.issues.filter(
            (pl.col("source") == source.name)
            & (pl.col("severity") != "correction")
            & pl.col("row_number").is_not_null()
        )
        .with_columns(
            check=pl.when(pl.col("rule").is_in(list(why)))
            .then(pl.lit("rule:") + pl.col("rule"))
            .when(pl.col("rule").is_in(["reference", "parent_quarantined"]))
            .then(pl.lit("reference"))
            .when(pl.col("rule") == "conflicting_rows")
            .then(pl.lit("key"))
            .otherwise(pl.lit("column:") + pl.col("column_name"))
        )
        .filter((pl.col("severity") == "error") | pl.col("check").str.starts_with("rule:"))
        .group_by("file", "check", "column_name")
        .agg(rows=pl.struct("sheet", "row_number").n_unique())
    )
    counts: dict[tuple[str, str], int] = {}
    by_columns = {
        ", ".join(reference.columns): f"reference:{reference.to}" for reference in source.references
    }
    for file, check, column, rows in failing.iter_rows():
        name = by_columns.get(column, check) if check == "reference" else check
        counts[file, name] = counts.get((file, name), 0) + rows
    unknown = {name for _, name in counts} - set(expected)
    for name in sorted(unknown):
        expected[name] = ("contract", f"{source.name}: {name}")
    frame = pl.DataFrame(
        {"file": files, **{name: [counts.get((file, name), 0) for file in files] for name in expected}}
    )
    expectations = [
        Expectation(
            name=f"{source.name}: {name}",
            kind=kind,
            severity="warning",
            blocking=False,
            type="expect_column_values_to_be_between",
            arguments={"column": name, "min_value": 0, "max_value": 0},
            why=why.get(name.removeprefix("rule:"), words),
            mend_sv="Se raderna i data_quality_issues; varje rad säger vad som vore rätt.",
            mend_en="See the rows in data_quality_issues; each says what would be right.",
        )
        for name, (kind, words) in expected.items()
    ]
    return frame, expectations


# -- marts ---------------------------------------------------------------------------------------------------------


def judge_marts(
    connection: duckdb.DuckDBPyConnection,
    batches: Sequence[BatchQuery],
    judgements: Sequence[Judgement],
    judged: Judge = judge,
) -> list[Verdict]:
    """Verdicts on a candidate. `connection` sees it in schema `main`, and the release before (if any) as `before`."""
    frames = {batch.name: connection.sql(batch.query).pl() for batch in batches}
    return judged(
        [
            (
                f"marts.{judgement.batch}",
                frames[judgement.batch],
                _index(frames[judgement.batch]),
                [_expectation(judgement, False)],
            )
            for judgement in judgements
        ]
    )


def _expectation(judgement: Judgement, waived: bool) -> Expectation:
    return Expectation(
        name=judgement.name,
        kind="judgement",
        severity=judgement.severity,
        blocking=judgement.severity == "blocking" and not waived,
        type=judgement.expectation,
        arguments=judgement.arguments,
        why=judgement.why,
        mend_sv=judgement.mend_sv,
        mend_en=judgement.mend_en,
        may_be_empty=judgement.may_be_empty,
    )


def _index(frame: pl.DataFrame) -> list[str]:
    """The text columns: what an example is named by."""
    return [name for name, kind in frame.schema.items() if kind == pl.String]

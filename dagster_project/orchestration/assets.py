"""The steps of a run as assets, in groups that read as the flow:

a_parsed → b_reconciled → c_delivered (behind the first gate) → dbt's staging, intermediate and marts → g_gate →
h_release
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from dagster_project.contracts import load_contracts
from dagster_project.expectations import arrival_judgements, mart_expectations
from dagster_project.flow.adapters import ADAPTERS
from dagster_project.flow.validate import Verdict
from dagster_project.messages import message
from dagster_project.orchestration import metadata
from dagster_project.orchestration.dbt_project import MANIFEST, Translator, building, manifest
from dagster_project.orchestration.output import persons_masked
from dagster_project.orchestration.resource import RefreshResource
from dagster_project.report.render import render

_CONTRACTS = load_contracts()
ARRIVALS_GATE = dg.AssetKey("arrivals_gate")
MARTS_GATE = dg.AssetKey("marts_gate")


@dg.multi_asset(
    name="parsed",
    specs=[
        *(
            dg.AssetSpec(
                ["parsed", name], group_name="a_parsed", description=source.description, skippable=True
            )
            for name, source in _CONTRACTS.items()
        ),
        *(
            dg.AssetSpec(
                ["parsed", name],
                group_name="a_parsed",
                description=f"The foreign format {name}.",
                skippable=True,
            )
            for name in ADAPTERS
        ),
    ],
)
def parsed(refresh: RefreshResource) -> Iterator[dg.MaterializeResult[Any]]:
    """Files read and standardised, per source and foreign format; nothing at all when there is nothing to do."""
    with persons_masked():
        if refresh.run.nothing_to_do():
            return
        refresh.run.prepare()
        for name in (*_CONTRACTS, *ADAPTERS):
            files = refresh.run.parse(name)
            yield dg.MaterializeResult(
                asset_key=["parsed", name],
                metadata=metadata.of_parsed(files),
            )


@dg.multi_asset(
    name="reconciled",
    specs=[
        dg.AssetSpec(
            ["reconciled", name],
            group_name="b_reconciled",
            description=f"Every row of {name}: accepted, quarantined, repeated or skipped, and why.",
            deps=[
                ["parsed", name],
                *(["parsed", adapter] for adapter in ADAPTERS),
                *(["reconciled", to] for to in sorted({r.to for r in source.references} - {name})),
            ],
        )
        for name, source in _CONTRACTS.items()
    ],
)
def reconciled(refresh: RefreshResource) -> Iterator[dg.MaterializeResult[Any]]:
    """Every row's fate, decided with all deliveries side by side."""
    with persons_masked():
        names = list(refresh.run.reconcile())
        outcome = refresh.run.reconciled
        assert outcome is not None
        for name in names:
            mine = [count for count in outcome.files if count.source == name]
            yield dg.MaterializeResult(asset_key=["reconciled", name], metadata=metadata.of_reconciled(mine))


@dg.multi_asset(
    name="arrivals_gate",
    specs=[
        dg.AssetSpec(
            ARRIVALS_GATE,
            group_name="c_delivered",
            description="Whether what arrived may be computed with; dbt gets nothing when it says stop.",
            deps=[["reconciled", name] for name in _CONTRACTS],
        ),
        *(
            dg.AssetSpec(
                ["delivered", name],
                group_name="c_delivered",
                description=f"The accepted rows of {name}: {source.description}",
                deps=[ARRIVALS_GATE],
                skippable=True,
            )
            for name, source in _CONTRACTS.items()
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(j.name, asset=ARRIVALS_GATE, blocking=j.severity == "blocking", description=j.why)
        for j in arrival_judgements()
    ],
)
def arrivals_gate(refresh: RefreshResource) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Great Expectations on what arrived; nothing is delivered to dbt when it says stop."""
    with persons_masked():
        verdicts = refresh.run.judge_arrivals()
        yield dg.MaterializeResult(asset_key=ARRIVALS_GATE, metadata=metadata.of_gate(verdicts))
        if refresh.run.ending != "stopped":
            for name in _CONTRACTS:
                yield dg.MaterializeResult(asset_key=["delivered", name])
        yield from _checks(verdicts, ARRIVALS_GATE)


@dbt_assets(manifest=manifest(), dagster_dbt_translator=Translator(), name="dbt")
def dbt_models(context: dg.AssetExecutionContext, refresh: RefreshResource) -> Iterator[Any]:
    """Staging, intermediate and marts."""
    with persons_masked():
        run = refresh.run
        with run.timed("dbt"):
            invocation = building(run.open_for_dbt(), context)
            total = len(context.selected_asset_keys)
            built = 0
            for event in invocation.stream():
                if isinstance(event, dg.Output | dg.AssetMaterialization):
                    built += 1
                    run.progress(message("cli.progress.dbt", run.settings.language), built, total)
                yield event


@dg.asset(
    key=MARTS_GATE,
    group_name="g_gate",
    deps=[dbt_models],
    check_specs=[
        dg.AssetCheckSpec(j.name, asset=MARTS_GATE, blocking=j.severity == "blocking", description=j.why)
        for j in mart_expectations()[1]
    ],
)
def marts_gate(refresh: RefreshResource) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Great Expectations on the candidate; nothing is published when it says stop."""
    with persons_masked():
        verdicts = refresh.run.judge_marts(MANIFEST)
        yield dg.MaterializeResult(asset_key=MARTS_GATE, metadata=metadata.of_gate(verdicts))
        yield from _checks(verdicts, MARTS_GATE)


@dg.asset(group_name="h_release", deps=[MARTS_GATE])
def release(refresh: RefreshResource) -> dg.MaterializeResult[Any]:
    """The release, put in force by one swap."""
    with persons_masked():
        return dg.MaterializeResult(metadata=metadata.of_release(refresh.run.publish(render)))


def _checks(verdicts: list[Verdict], key: dg.AssetKey) -> Iterator[dg.AssetCheckResult]:
    for verdict in verdicts:
        if verdict.kind == "judgement":
            # A failure that was waived is shown, and does not stop.
            waived = verdict.severity == "blocking" and not verdict.blocking
            yield dg.AssetCheckResult(
                check_name=verdict.name,
                asset_key=key,
                passed=verdict.success or waived,
                severity=dg.AssetCheckSeverity.ERROR if verdict.blocking else dg.AssetCheckSeverity.WARN,
                metadata=metadata.of_check(verdict, waived),
            )

"""The job that a command, a schedule, a sensor or a person starts: the whole way from deliveries to a release."""

from __future__ import annotations

import dagster as dg

from dagster_project.orchestration.resource import RefreshResource


@dg.failure_hook(required_resource_keys={"refresh"})
def remember_fault(context: dg.HookContext) -> None:
    """Keep what broke the run, as it was raised, for whoever tells of it."""
    resource: RefreshResource = context.resources.refresh
    resource.broke(context.op_exception)


# One process: DuckDB has one writer, and the steps hand the run to each other.
refresh_job = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all(),
    description="From deliveries to a release: read, reconcile, judge, compute, judge, publish.",
    executor_def=dg.in_process_executor,
    hooks={remember_fault},
    config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
)

"""Assembles what Dagster serves: assets, their checks, the job, what starts it, the run they share. Nothing else."""

from __future__ import annotations

import dagster as dg

from dagster_project.orchestration import assets
from dagster_project.orchestration.jobs import refresh_job
from dagster_project.orchestration.resource import RefreshResource
from dagster_project.orchestration.schedule import nightly
from dagster_project.orchestration.sensor import deliveries_arrived

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([assets]),
    jobs=[refresh_job],
    schedules=[nightly],
    sensors=[deliveries_arrived],
    resources={"refresh": RefreshResource()},
    executor=dg.in_process_executor,
)

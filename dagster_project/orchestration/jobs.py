"""The job that a command, a schedule or a person starts: the whole way from deliveries to a release."""

from __future__ import annotations

import dagster as dg

# One process: DuckDB has one writer, and the steps hand the run to each other.
refresh_job = dg.define_asset_job(
    "refresh", selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor
)

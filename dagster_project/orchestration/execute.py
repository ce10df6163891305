"""Runs the job in this process, for the command line: the same assets, checks and order as in the interface."""

from __future__ import annotations

from contextlib import redirect_stdout

import dagster as dg

from dagster_project.flow.refresh import Refresh
from dagster_project.orchestration.instance import instance
from dagster_project.orchestration.resource import RefreshResource


class JobFailed(Exception):
    """A step failed for another reason than a verdict; the text names the step and the fault."""


def execute(refresh: Refresh) -> None:
    """Run the job with the opened run; its ending is on `refresh` afterwards. JobFailed when a step broke."""
    from dagster_project.definitions import defs

    resource = RefreshResource()
    resource.share(refresh)
    log = refresh.workspace.warehouse / "logs" / "latest-run.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # dbt tells of every model on the output stream; that is for the log, not for a controller's screen.
    with (
        log.open("w", encoding="utf-8") as stream,
        redirect_stdout(stream),
        instance(refresh.workspace) as where,
    ):
        result = defs.resolve_job_def("refresh").execute_in_process(
            instance=where,
            # As it is: a configurable resource would be made anew from its settings, and open a run of its own.
            resources={"refresh": dg.ResourceDefinition.hardcoded_resource(resource)},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    if refresh.ending is None:
        raise JobFailed(_first_failure(result))


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{event.step_key}: {error.message.strip() if error else 'unknown'}"
    return "no step failed, and nothing was published"

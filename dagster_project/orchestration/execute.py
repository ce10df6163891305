"""Runs the job in this process, for the command line: the same assets, checks and order as in the interface."""

from __future__ import annotations

import dagster as dg

from dagster_project.flow.refresh import Refresh
from dagster_project.orchestration.instance import instance
from dagster_project.orchestration.output import kept_off_screen
from dagster_project.orchestration.resource import RefreshResource
from dagster_project.orchestration.retention import prune


class JobFailed(Exception):
    """The job came to no ending although no step raised anything."""


def execute(refresh: Refresh) -> None:
    """Run the job with the opened run; its ending is on `refresh` afterwards. What broke a step is raised as it was."""
    from dagster_project.definitions import defs

    resource = RefreshResource()
    resource.share(refresh)
    with kept_off_screen(refresh.workspace), instance(refresh.workspace) as where:
        defs.resolve_job_def("refresh").execute_in_process(
            instance=where,
            # As it is: a configurable resource would be made anew from its settings, and open a run of its own.
            resources={"refresh": dg.ResourceDefinition.hardcoded_resource(resource)},
            raise_on_error=False,
        )
        prune(where)
    if refresh.ending is None:
        raise resource.fault or JobFailed("no step failed, and nothing was published")

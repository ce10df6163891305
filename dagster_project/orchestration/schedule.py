"""The nightly run: every night, because what counts as of a day changes with the day.

What does not belong here: what a run does, and whether there is anything to do (the job ends early when not).
"""

from __future__ import annotations

import dagster as dg

from dagster_project.orchestration.jobs import refresh_job
from dagster_project.settings import Settings, SettingsError, data_folder, load_settings


def _settings() -> Settings:
    """organisation.yml as it is when Dagster loads the code; the defaults where it cannot be read."""
    try:
        return load_settings(data_folder().settings_file)
    except SettingsError:
        # The run says what is wrong with the file; a Dagster that does not start would hide it.
        return Settings(organisation="", members="all")


_chosen = _settings()
_hour, _minute = _chosen.nightly.split(":")

nightly = dg.ScheduleDefinition(
    name="nightly",
    job=refresh_job,
    cron_schedule=f"{int(_minute)} {int(_hour)} * * *",
    execution_timezone=_chosen.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night, at the time that organisation.yml chooses (nightly, timezone).",
)

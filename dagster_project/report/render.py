"""Makes everything that a controller opens, from one release's published database.

What belongs here: which reports a release has. What does not: any report itself, and when a release is sealed
(`flow/publish.py`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from dagster_project.report.proposals import write_proposals
from dagster_project.report.site import write_site
from dagster_project.report.workbook import write_workbook
from dagster_project.settings import Settings

REPORTS = (write_site, write_workbook, write_proposals)


def render(database: Path, folder: Path, settings: Settings, as_of: date) -> None:
    """Write every report of the release in `database` into `folder`.

    The same tables, settings and as-of date give the same files. Nothing else than `database` is read.
    """
    for write in REPORTS:
        write(database, folder, settings, as_of)

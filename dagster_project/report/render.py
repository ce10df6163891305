"""Makes everything that a controller opens, from one release's published database.

What belongs here: which reports a release has. What does not: any report itself, and when a release is sealed
(`flow/publish.py`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from dagster_project.report.apart import WrittenApart
from dagster_project.report.control_list import write_control_list
from dagster_project.report.proposals import write_proposals
from dagster_project.report.site import write_site
from dagster_project.report.workbook import write_workbook
from dagster_project.settings import Settings

# The site and the workbook take about as long.
HERE = (write_site,)
APART = (write_workbook, write_proposals, write_control_list)


def render(database: Path, folder: Path, settings: Settings, as_of: date) -> None:
    """Write every report of the release in `database` into `folder`.

    The same tables, settings and as-of date give the same files. Nothing else than `database` is read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with WrittenApart(APART, database, folder, settings, as_of):
        for write in HERE:
            write(database, folder, settings, as_of)

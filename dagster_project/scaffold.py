"""Makes the skeleton of a new indicator: one SQL, one YAML and one word in the list. For developers, in a checkout.

What belongs here: which id an indicator may have, and where its three pieces go. What does not: the skeleton's text
(`dbt/skeleton/`), and what an indicator's YAML may say (kpis.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from dagster_project.kpis import indicator_file, listed_indicators
from dagster_project.settings import DBT_DIR

PLACE = "INDICATOR"
_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 50
_LIST = re.compile(r"^  indicators:\n(?:    - \w+\n)+", re.MULTILINE)


class ScaffoldError(Exception):
    """No skeleton can be made; `kind` says why."""

    def __init__(self, kind: Literal["no_checkout", "bad_id", "exists"]) -> None:
        self.kind = kind
        super().__init__(kind)


def new_indicator(kpi_id: str, dbt_dir: Path = DBT_DIR) -> tuple[Path, Path, Path]:
    """Write the skeleton of `kpi_id` and put it last in the list; the SQL, the YAML and the file with the list.

    ScaffoldError, before anything is written, for an id that is malformed or taken and outside a checkout.
    """
    project, skeleton = dbt_dir / "dbt_project.yml", dbt_dir / "skeleton"
    if not (project.is_file() and skeleton.is_dir()):
        raise ScaffoldError("no_checkout")
    if not _ID.fullmatch(kpi_id) or len(kpi_id) > _LONGEST:
        raise ScaffoldError("bad_id")
    made = [
        (indicator_file(kpi_id, kind, dbt_dir), skeleton / f"indicator.{kind}") for kind in ("sql", "yml")
    ]
    if kpi_id in listed_indicators(dbt_dir) or any(path.exists() for path, _ in made):
        raise ScaffoldError("exists")
    # The list is edited as text, so that its comments stay.
    text, places = _LIST.subn(
        lambda found: f"{found[0]}    - {kpi_id}\n", project.read_text(encoding="utf-8")
    )
    if places != 1:
        raise ScaffoldError("no_checkout")
    for path, template in made:
        path.write_text(template.read_text(encoding="utf-8").replace(PLACE, kpi_id), encoding="utf-8")
    project.write_text(text, encoding="utf-8")
    return made[0][0], made[1][0], project

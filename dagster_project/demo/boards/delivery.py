"""Writes a board's deliveries: its settings, one file per register, a ledger per year, and what it has published.

What belongs here: files. What does not: what stands in them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from dagster_project.contracts import load_contracts
from dagster_project.demo.boards.ledger import COLUMNS
from dagster_project.demo.boards.plan import FOLDER, Board
from dagster_project.demo.facts import KEYS, World
from dagster_project.demo.files import Form, write_register

FORM = Form(headings="name", words="code")
HEAD = (
    "# {name}: a demonstration. Members, targets and published outcomes are the board's own; every record is"
    " made up.\n"
)


def write_deliveries(target: Path, board: Board, world: World, ledger: Sequence[dict[str, Any]]) -> None:
    """organisation.yml, raw/<source>/<source>.csv for every register with rows, raw/invoices/<year>.csv, truth/."""
    target.mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_dump(_settings(board), allow_unicode=True, sort_keys=False)
    (target / "organisation.yml").write_text(HEAD.format(name=board.name) + settings, encoding="utf-8")
    contracts, types = load_contracts(), get_type_hints(World)
    for source in KEYS:
        rows = [asdict(record) for record in world.table(source)]
        if rows:
            columns = tuple(field.name for field in fields(types[source].__args__[0]))
            path = target / "raw" / source / f"{source}.csv"
            write_register(path, contracts[source], rows, FORM, columns)
    for year in sorted({row["fiscal_year"] for row in ledger}):
        rows = [row for row in ledger if row["fiscal_year"] == year]
        write_register(
            target / "raw" / "invoices" / f"{year}.csv", contracts["invoices"], rows, FORM, COLUMNS
        )
    (target / "truth").mkdir()
    shutil.copyfile(
        FOLDER / board.organisation / "published_outcomes.csv", target / "truth" / "published_outcomes.csv"
    )


def _settings(board: Board) -> dict[str, Any]:
    thresholds = [threshold.model_dump(by_alias=True) for threshold in board.direct_award_thresholds]
    return {
        "organisation": board.organisation,
        "name": board.name,
        "members": [{"code": member.code, "name": member.name} for member in board.members],
        "region": {
            "counties": list(board.region.counties),
            "municipalities": list(board.region.municipalities),
        },
        "coordination_hourly_rate": board.coordination_hourly_rate,
        "direct_award_thresholds": [
            {name: value if name == "from" else int(value) for name, value in threshold.items()}
            for threshold in thresholds
        ],
        "language": "sv",
    }

"""The recorded samples of invoice lines: what was drawn, from what, and with which chance, before anybody reviewed it.

    marts/samples/<sample_id>/sample.json    period, release, when, sizes, and the hashes of the two lists
    marts/samples/<sample_id>/strata.csv     what each stratum held, by the rule's own classes
    marts/samples/<sample_id>/lines.csv      the drawn lines with stratum and inclusion probability

A record is written once and never again; one that was changed is not read. What does not belong here: how lines are
drawn (sampling.py), and what follows from the verdicts (the models).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from dagster_project.messages import LANGUAGES, message
from dagster_project.settings import Workspace

FOLDER: Final = "samples"
DESIGN_FILE, STRATA_FILE, LINES_FILE = "sample.json", "strata.csv", "lines.csv"
MONEY: Final = pl.Decimal(18, 2)
STRATA_SCHEMA: Final[dict[str, Any]] = {
    "sample_id": pl.String, "member_code": pl.String, "stratum": pl.String, "population_lines": pl.Int64,
    "drawn_lines": pl.Int64, "amount": MONEY, "absolute_amount": MONEY, "rule_wild_amount": MONEY,
    "rule_area_amount": MONEY,
}  # fmt: skip
LINES_SCHEMA: Final[dict[str, Any]] = {
    "sample_id": pl.String, "buyer_unit_id": pl.String, "fiscal_year": pl.Int64, "invoice_id": pl.String,
    "line_no": pl.Int64, "member_code": pl.String, "stratum": pl.String, "inclusion_probability": pl.Float64,
    "booking_date": pl.Date, "amount_net": MONEY, "rule_class": pl.String,
}  # fmt: skip
SAMPLES_SCHEMA: Final[dict[str, Any]] = {
    "sample_id": pl.String, "period": pl.String, "period_start": pl.String, "period_end": pl.String,
    "number": pl.Int64, "release_id": pl.String, "recorded_at": pl.String,
}  # fmt: skip


class SampleError(Exception):
    """A sample cannot be drawn, recorded or read; the text says why in Swedish and English."""

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(" / ".join(message(key, language, **arguments) for language in LANGUAGES))


def sample_folder(workspace: Workspace, sample_id: str) -> Path:
    """Where a sample is recorded, and its workbooks lie."""
    return workspace.marts / FOLDER / sample_id


def sample_ids(workspace: Workspace) -> list[str]:
    """The recorded samples, by name."""
    return sorted(path.parent.name for path in (workspace.marts / FOLDER).glob(f"*/{DESIGN_FILE}"))


def record(
    workspace: Workspace, design: Mapping[str, Any], strata: pl.DataFrame, lines: pl.DataFrame
) -> Path:
    """Write a sample that is not there; its folder. SampleError when it is already recorded.

    `design` has at least the columns of SAMPLES_SCHEMA. The design is written last: without it there is no sample.
    """
    folder = sample_folder(workspace, design["sample_id"])
    if (folder / DESIGN_FILE).exists():
        raise SampleError("sample.recorded", sample=design["sample_id"], folder=folder)
    folder.mkdir(parents=True, exist_ok=True)
    strata.select(list(STRATA_SCHEMA)).write_csv(folder / STRATA_FILE)
    lines.select(list(LINES_SCHEMA)).write_csv(folder / LINES_FILE)
    hashes = {name: _hash(folder / name) for name in (STRATA_FILE, LINES_FILE)}
    text = json.dumps({**design, "sha256": hashes}, ensure_ascii=False, indent=2) + "\n"
    with (folder / DESIGN_FILE).open("x", encoding="utf-8") as file:
        file.write(text)
    return folder


def read_samples(workspace: Workspace) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """All samples, strata and drawn lines. SampleError when a record is missing something or was changed."""
    samples: list[dict[str, Any]] = []
    strata, lines = [pl.DataFrame(schema=STRATA_SCHEMA)], [pl.DataFrame(schema=LINES_SCHEMA)]
    for sample_id in sample_ids(workspace):
        folder = sample_folder(workspace, sample_id)
        try:
            design = json.loads((folder / DESIGN_FILE).read_text(encoding="utf-8"))
            changed = [name for name, known in design["sha256"].items() if _hash(folder / name) != known]
            samples.append({name: design[name] for name in SAMPLES_SCHEMA})
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise SampleError("sample.unreadable", folder=folder, reason=error) from error
        if changed:
            raise SampleError("sample.changed", sample=sample_id, files=", ".join(changed))
        strata.append(pl.read_csv(folder / STRATA_FILE, schema=STRATA_SCHEMA))
        lines.append(pl.read_csv(folder / LINES_FILE, schema=LINES_SCHEMA))
    return pl.DataFrame(samples, schema=SAMPLES_SCHEMA), pl.concat(strata), pl.concat(lines)


def fingerprint(workspace: Workspace) -> str:
    """What tells one set of recorded samples from another; empty where there is none."""
    digests = [_hash(sample_folder(workspace, name) / DESIGN_FILE) for name in sample_ids(workspace)]
    return hashlib.sha256("".join(digests).encode()).hexdigest() if digests else ""


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""Demonstration organisations with known truth: made-up deliveries, and beside them what the right figures
are.

The boards that exist (`boards`) have what they published for truth. The rest of this package makes the invented
organisation. Its facts (`facts`, `buyers`, `market`, `procurement`, `agreements`, `operations`, `traps`,
`faults`, `ledger`), deliveries (`files`, `deliveries`, `vouchers`) and truth (`ladder`, `figures`, `spending`,
`spot_check`, `scorecard`, `truth`) keep apart: the truth is counted from the facts, never from a file, and in
another way than the pipeline's SQL. What does not belong here: anything that the pipeline needs in order to run.
"""

from __future__ import annotations

import csv
from pathlib import Path

from dagster_project.demo.boards import BOARDS, write_board
from dagster_project.demo.deliveries import organisation_yml, write_registers
from dagster_project.demo.faults import personal_names, personal_texts, plant_faults
from dagster_project.demo.ledger import Ledger
from dagster_project.demo.spot_check import MOST_LINES
from dagster_project.demo.truth import write_truth
from dagster_project.demo.vouchers import write_ledger
from dagster_project.demo.worlds import ORGANISATIONS, build_world

VARIANTS = ("clean", "dirty", "corrected")
FILE_COLUMNS = (
    "source", "file", "rows_read", "rows_accepted", "rows_quarantined", "rows_repeated", "rows_superseded",
    "rows_skipped",
)  # fmt: skip

__all__ = ["BOARDS", "ORGANISATIONS", "VARIANTS", "generate"]


def generate(
    target: Path, organisation: str = "demo", invoice_lines: int = 3000, seed: int = 1, variant: str = "clean"
) -> None:
    """Write a demonstration organisation into `target`: organisation.yml, raw/<source>/, truth/ and, for a ledger of
    moderate size, the record of a sample that was reviewed in marts/samples/.

    `invoice_lines` is about how many lines the ledger gets (the planted ones come on top). `variant`: `clean`
    (nothing for quarantine), `dirty` (some rows of every fault), `corrected` (dirty, and later files that
    answer). A board that exists has the clean variant only. The same arguments give the same bytes. Raises
    ValueError for an unknown organisation or variant, naming the known ones, and for a target that already holds
    deliveries.
    """
    if variant not in VARIANTS:
        raise ValueError(f"no variant {variant!r}; known: {', '.join(VARIANTS)}")
    if invoice_lines < 0:
        raise ValueError("invoice_lines must not be negative")
    raw, truth = target / "raw", target / "truth"
    if raw.exists():
        raise ValueError(f"{raw} exists already; choose an empty folder")
    if organisation in BOARDS:
        if variant != "clean":
            raise ValueError(f"{organisation} has the variant clean only")
        write_board(target, organisation, invoice_lines, seed)
        return
    world = build_world(organisation, invoice_lines, seed)
    faults = plant_faults(world, personal=variant != "clean")
    ledger = Ledger(world)

    target.mkdir(parents=True, exist_ok=True)
    (target / "organisation.yml").write_text(organisation_yml(world), encoding="utf-8")
    standing, accepted = world, ledger
    if variant == "dirty":
        standing = world.without(faults.gone(world))
        accepted = ledger.of(standing)
    # What was reviewed is delivered too, so that the truth of the lines comes first.
    spot_check = write_truth(standing, accepted, target, invoice_lines <= MOST_LINES)
    world.invoice_reviews += spot_check.reviews
    counts = write_registers(world, faults, variant, raw) | write_ledger(world, ledger, faults, variant, raw)
    with (truth / "files.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FILE_COLUMNS)
        writer.writerows(counted.as_row(*name) for name, counted in sorted(counts.items()))
    if variant != "clean":
        (truth / "personal_numbers.txt").write_text("\n".join(personal_texts()) + "\n", encoding="utf-8")
        (truth / "personal_names.txt").write_text("\n".join(personal_names()) + "\n", encoding="utf-8")

"""Finds what was delivered and reads it as text, with provenance: file, sheet, row, content hash.

Knows files, not domains: which columns mean what is for standardise. What does not belong here: types, words,
and whether a row is good.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.flow.readers import Score, Table, UnreadableDelivery
from dagster_project.flow.readers.csv import read_csv
from dagster_project.flow.readers.excel import read_excel
from dagster_project.flow.readers.parquet import read_parquet
from dagster_project.settings import Workspace

__all__ = ["Delivery", "Table", "UnreadableDelivery", "deliveries", "form_of", "natural_key", "read_tables"]

NEVER_DELIVERIES = {"thumbs.db", "desktop.ini"}
CHUNK_BYTES = 1 << 20
FORMS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".csv.gz": "csv",
    ".txt.gz": "csv",
    ".tsv.gz": "csv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class Delivery:
    """One delivered file. `file` is its path relative to the data folder, with forward slashes."""

    source: str
    path: Path
    file: str
    sha256: str
    size: int
    modified_at: datetime


def natural_key(file: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A sort key: case-folded, numbers by value, so that `a_9` comes before `a_10`; the ending last.

    The ending takes no part in the order of names, so that `a.csv` comes before `a-rättelse.csv` and `a (2).csv`.
    """
    folded = file.casefold()
    ending = "".join(Path(folded).suffixes[-2:] if folded.endswith(".gz") else Path(folded).suffixes[-1:])
    parts = re.split(r"([0-9]+)", folded.removesuffix(ending))
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part), ending


def deliveries(workspace: Workspace) -> list[Delivery]:
    """Every file under `raw/<folder>/`, at any depth, in natural order; the folder's name is the source."""
    found = []
    for path in workspace.raw.glob("*/**/*"):
        parts = path.relative_to(workspace.raw).parts
        if path.is_file() and not any(_never_delivery(part) for part in parts):
            found.append(path)
    relative = {path: path.relative_to(workspace.root).as_posix() for path in found}
    ordered = sorted(found, key=lambda path: (natural_key(relative[path]), relative[path]))
    return [_delivery(path, relative[path], path.relative_to(workspace.raw).parts[0]) for path in ordered]


def _never_delivery(name: str) -> bool:
    return name.startswith((".", "~$")) or name.casefold() in NEVER_DELIVERIES


def _delivery(path: Path, file: str, source: str) -> Delivery:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    status = path.stat()
    return Delivery(
        source=source,
        path=path,
        file=file,
        sha256=digest.hexdigest(),
        size=status.st_size,
        modified_at=datetime.fromtimestamp(status.st_mtime, tz=UTC),
    )


def form_of(path: Path) -> str | None:
    """`csv`, `excel`, `parquet`, or None: by the name's ending, the only thing about a name that matters."""
    name = path.name.casefold()
    return next((form for ending, form in FORMS.items() if name.endswith(ending)), None)


def read_tables(delivery: Delivery, score: Score, scratch: Path | None = None) -> list[Table]:
    """The data sheets of one file as text.

    `score(cells)` says how many of a row's cells are known headings; the best row among the first 50 is the
    heading. Sheets without one are no data sheets and are listed in `Table.ignored_sheets`. `scratch` is a
    folder for the spooled text; without it a temporary one lives as long as the tables do.

    Raises UnreadableDelivery: unsupported form, broken or encrypted file, no heading on any sheet.
    """
    keep = None
    if scratch is None:
        keep = tempfile.TemporaryDirectory(prefix="mattstock-")
        scratch = Path(keep.name)
    form = form_of(delivery.path)
    if form == "csv":
        return read_csv(delivery.path, score, scratch, keep)
    if form == "excel":
        return read_excel(delivery.path, score, scratch, keep)
    if form == "parquet":
        return read_parquet(delivery.path, score, scratch, keep)
    raise UnreadableDelivery("unsupported_format", ending=delivery.path.suffix or delivery.path.name)

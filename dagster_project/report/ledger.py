"""A part of a large ledger in a file of its own, with the ledger's evidence over it.

Seven indicators rest on the ledger's lines, and each look at their evidence unpacks every line there is, whatever part
is asked for. Where there are millions, the part is taken out once. What belongs here: taking it out. What does not:
which part is wanted, and what is read from it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dagster_project.report.downloads import LINES, REGISTER
from dagster_project.report.site.reading import Reading

SMALL = 500_000  # lines: fewer are looked at where they are
EVIDENCE = "kpi_evidence"
BESIDE = ("dim_member",)  # what is read together with the evidence


@contextmanager
def ledger_part(reading: Reading, booked: str, folder: Path) -> Iterator[Reading]:
    """The release as far as `kpi_evidence` of the ledger's indicators goes, of the lines that `booked` is true for.

    `booked` is SQL over `booking_date`. The file lies in `folder` until the block ends. The registers' evidence is not
    in it, and of the other tables only what the evidence is made from.
    """
    if (reading.one(f'select count(*) from "{LINES}"') or 0) < SMALL:
        yield reading
        return
    place = Path(tempfile.mkdtemp(prefix=".ledger-", dir=folder))
    con = reading.con.cursor()
    whole = reading.one("select current_database()")
    try:
        con.execute(
            f"attach '{str(place / 'part.duckdb').replace(chr(39), chr(39) * 2)}' as part (read_write)"
        )
        try:
            _take(reading, booked, whole)
            con.execute("use part")
            yield replace(reading, con=con)
        finally:
            con.execute(f'use "{whole}"')
            con.execute("detach part")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _take(reading: Reading, booked: str, whole: str) -> None:
    """Copy what the evidence reads, of the lines wanted, and put the evidence's own definition over it."""
    con = reading.con.cursor()
    definition = reading.one(
        f"select sql from duckdb_views() where view_name = '{EVIDENCE}' and schema_name = 'main'"
    )
    for table in sorted({*re.findall(r"\bmain\.(\w+)", definition), *BESIDE}):
        columns = [name for name, *_ in con.execute(f'describe "{table}"').fetchall()]
        where = "true"
        if table == REGISTER:
            where = "false"
        elif "booking_date" in columns:
            where = booked
            columns = [name for name in columns if re.search(rf"\b{name}\b", definition)]
        shown = ", ".join(f'"{name}"' for name in columns)
        con.execute(
            f'create table part.main."{table}" as select {shown} from "{whole}".main."{table}" where {where}'
        )
    con.execute("use part")
    con.execute(definition)
    con.execute(f'use "{whole}"')

"""How many e-invoices a second are read, from archive to accepted lines: `python -m benchmarks.einvoices`.

What does not belong here: a pass or fail, and the rest of a run.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import zipfile
from datetime import date
from pathlib import Path

from dagster_project.flow.refresh import Refresh
from tests.deliveries import BASE, deliver
from tests.ubl import invoice


def archive(documents: int, first: int) -> bytes:
    """A zip of invoices with three lines and a charge each."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as members:
        for number in range(first, first + documents):
            lines = [("100.00", "Kaffe", {"STI": "15861000"}), ("49.50", "Te", {}), ("0.50", "Socker", {})]
            members.writestr(
                f"{number}.xml", invoice(f"F{number}", lines, charges=[(True, "15.00")], total="165.00")
            )
    return packed.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    documents = parser.parse_args().documents
    with tempfile.TemporaryDirectory() as folder:
        workspace = deliver(Path(folder), {"organisations/o.csv": BASE["organisations/o.csv"]})
        (workspace.raw / "invoices").mkdir()
        for part in range(2):
            content = archive(documents // 2, part * documents)
            (workspace.raw / "invoices" / f"{part}.zip").write_bytes(content)
        with Refresh(workspace, date(2022, 12, 31)) as refresh:
            began = time.perf_counter()
            files = refresh.parse("invoices")
            seconds = time.perf_counter() - began
    lines = sum(file.rows_accepted for file in files)
    print(
        f"{documents} documents, {lines} lines: {seconds:.1f} s, {documents / seconds:.0f} documents a second"
    )


if __name__ == "__main__":
    main()

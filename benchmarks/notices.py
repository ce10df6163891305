"""How long notices take, from files to settled rows: `python -m benchmarks.notices`.

What does not belong here: a pass or fail, and the rest of a run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path

from dagster_project.flow.refresh import Refresh
from tests.deliveries import deliver
from tests.notices import Lot, Notice, eforms, numbered, ted, zipped

LOTS = tuple(Lot(title=f"Kaffe {number}") for number in range(3))


def documents(count: int) -> dict[str, bytes]:
    """Calls and results in both schemas, three lots each; two notices to a procurement."""
    made = {}
    for number in range(count // 2):
        call = numbered(number, Notice(kind="competition", published="2021-02-01", lots=LOTS))
        result = numbered(number, Notice(lots=LOTS))
        written = eforms if number % 2 else ted
        made[f"{number:06d}-call.xml"] = eforms(call).encode()
        made[f"{number:06d}-result.xml"] = written(result).encode()
    return made


def measured(notices: dict[str, bytes], is_packed: bool) -> None:
    """Print wall clock and CPU of reading and settling."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = deliver(Path(folder), {}, "organisation: riket\nmembers: all\n", base=False)
        raw = workspace.raw / "notices"
        raw.mkdir(parents=True)
        files = {"notices.zip": zipped(notices)} if is_packed else notices
        for name, content in files.items():
            (raw / name).write_bytes(content)
        with Refresh(workspace, date(2022, 12, 31)) as refresh:
            began, worked = time.perf_counter(), time.process_time()
            reconciled = refresh.arrive()
            seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    accepted = sum(count.rows_accepted for count in reconciled.files)
    kind = "in a zip" if is_packed else "as single files"
    print(f"{len(notices)} notices {kind}, {accepted} accepted: {seconds:.1f} s, {cpu:.1f} s CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=10_000)
    notices = documents(parser.parse_args().notices)
    for is_packed in (True, False):
        measured(notices, is_packed)


if __name__ == "__main__":
    main()

"""Measures Måttstock against the floor, in one run on one machine: `python -m benchmarks.measure`.

Each step is a process of its own, timed from start to end, with the memory of it and all its children. Adds a line to
`benchmarks/history.csv`. What does not belong here: a pass or fail; the machines are noisy, and a person judges.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

HISTORY = Path(__file__).with_name("history.csv")
NEW_LINES = 50_000
SAMPLE_SECONDS = 0.2
MATTSTOCK = (sys.executable, "-m", "dagster_project.cli")


@dataclass(frozen=True)
class Taken:
    """What one process took with its children: seconds, and GiB of memory at the peak (shared pages counted once)."""

    seconds: float
    gib: float


def taken(*command: str) -> Taken:
    """Run a command to its end. Raises CalledProcessError when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(_resident(pid) for pid in _family(process.pid)))
        time.sleep(SAMPLE_SECONDS)
    seconds = time.perf_counter() - began
    if process.returncode:
        told = process.stderr.read() if process.stderr else b""
        raise subprocess.CalledProcessError(process.returncode, command, stderr=told)
    return Taken(round(seconds, 1), round(peak / (1 << 20), 2))


def _family(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in children.read_text().split() for one in _family(int(child))]
        except OSError:
            continue  # ended meanwhile
    return found


def _resident(pid: int) -> int:
    """Proportional resident size in KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # ended meanwhile
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def one_new_delivery(data: Path, folder: Path) -> None:
    """Put a delivery of 50 000 lines of another invented year beside those that are there."""
    taken(*MATTSTOCK, "demo", str(folder), "--invoice-lines", str(NEW_LINES * 2), "--seed", "7")
    for path in sorted((folder / "raw" / "invoices").iterdir()):
        text = path.read_bytes()
        if text.count(b"\n") > 1 and path.suffix == ".csv" and path.name.startswith("2021"):
            head, _, rows = text.partition(b"\n")
            lines = rows.splitlines(keepends=True)[:NEW_LINES]
            # Invoices of their own: none that is there already is delivered again.
            fresh = [line.replace(b",2021,", b",2021,N", 1) for line in lines]
            (data / "raw" / "invoices" / "2023-1.csv").write_bytes(head + b"\n" + b"".join(fresh))
            return
    raise SystemExit("the demonstration has no plain delivery of 2021")


def main() -> None:
    """Print the table and add it to the history."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=10_000_000)
    asked.add_argument("--data", type=Path, help="a demonstration made earlier with that many lines")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="mattstock-benchmark-") as scratch:
        large, small = given.data or Path(scratch) / "large", Path(scratch) / "small"
        if given.data is None:
            taken(*MATTSTOCK, "demo", str(large), "--invoice-lines", str(given.lines))
        for made in ("warehouse", "marts", "quarantine", "raw/invoices/2023-1.csv"):
            path = large / made
            path.unlink(missing_ok=True) if path.is_file() else shutil.rmtree(path, ignore_errors=True)
        run = (*MATTSTOCK, "run", "--data", str(large))
        floor = taken(sys.executable, str(Path(__file__).with_name("floor.py")), str(large))
        whole = taken(*run)
        nothing = taken(*run)
        one_new_delivery(large, Path(scratch) / "new")
        one = taken(*run)
        taken(*MATTSTOCK, "demo", str(small))
        demo_run = taken(*MATTSTOCK, "run", "--data", str(small))
        demo_check = taken(*MATTSTOCK, "check", "--data", str(small))
        demo_help = taken(*MATTSTOCK, "--help")
    row = {
        "date": date.today().isoformat(),
        "commit": subprocess.check_output(["git", "describe", "--always", "--dirty"], text=True).strip(),
        "cores": len(os.sched_getaffinity(0)),
        "lines": given.lines,
        "floor_s": floor.seconds,
        "whole_run_in_floors": round(whole.seconds / floor.seconds, 2),
        "nothing_new_of_whole": round(nothing.seconds / whole.seconds, 2),
        "one_delivery_of_whole": round(one.seconds / whole.seconds, 2),
        "one_delivery_in_floors": round(one.seconds / floor.seconds, 2),
        "peak_gib": max(whole.gib, one.gib),
        "demo_run_s": demo_run.seconds,
        "demo_check_s": demo_check.seconds,
        "help_s": demo_help.seconds,
    }
    for name, value in row.items():
        sys.stdout.write(f"{name:24}{value}\n")
    is_new = not HISTORY.exists()
    with HISTORY.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()

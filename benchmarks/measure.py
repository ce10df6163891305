"""Measures Måttstock against the floor, in one run on one machine: `python -m benchmarks.measure`.

Each step is a process of its own, timed from start to end, with the memory of it and all its children. Adds a line to
`benchmarks/history.csv`, one per commit, and writes the table under "Speed" in the README. What does not belong here: a
pass or fail; the machines are noisy, and a person judges.
"""

from __future__ import annotations

import argparse
import csv
import json
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
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- written by benchmarks.measure -->", "<!-- end -->"
NEW_LINES = 50_000
SAMPLE_SECONDS = 0.5  # counting shared pages once takes the kernel a while
# What `make setup` does once: dbt's reading of the models.
PARSED = "from dagster_project.orchestration.dbt_project import manifest; manifest()"
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


def measured(large: Path, scratch: Path, lines: int) -> dict[str, str | int | float]:
    """One line of the history."""
    small = scratch / "small"
    run = (*MATTSTOCK, "run", "--data", str(large))
    taken(*MATTSTOCK, "demo", str(small))
    taken(
        *MATTSTOCK, "check", "--data", str(small)
    )  # what is read first is in the disk's memory from here on
    taken(sys.executable, "-c", PARSED)
    demo_run = taken(*MATTSTOCK, "run", "--data", str(small))
    demo_check = taken(*MATTSTOCK, "check", "--data", str(small))
    demo_help = taken(*MATTSTOCK, "--help")
    floor = taken(sys.executable, "-m", "benchmarks.floor", str(large))
    whole = taken(*run)
    steps = json.loads((large / "marts" / "current" / "release.json").read_text(encoding="utf-8"))["profile"]
    nothing = taken(*run)
    one_new_delivery(large, scratch / "new")
    one = taken(*run)
    script = taken(sys.executable, "-m", "benchmarks.pandas_script", str(large))
    return {
        "date": date.today().isoformat(),
        "commit": subprocess.check_output(["git", "describe", "--always", "--dirty"], text=True).strip(),
        "cores": len(os.sched_getaffinity(0)),
        "lines": lines,
        "floor_s": floor.seconds,
        "pandas_in_floors": round(script.seconds / floor.seconds, 2),
        "whole_run_in_floors": round(whole.seconds / floor.seconds, 2),
        "nothing_new_of_whole": round(nothing.seconds / whole.seconds, 2),
        "one_delivery_of_whole": round(one.seconds / whole.seconds, 2),
        "one_delivery_in_floors": round(one.seconds / floor.seconds, 2),
        "peak_gib": max(whole.gib, one.gib),
        "pandas_gib": script.gib,
        "demo_run_s": demo_run.seconds,
        "demo_check_s": demo_check.seconds,
        "help_s": demo_help.seconds,
        "steps": "; ".join(f"{step} {seconds:.0f} s" for step, seconds in steps.items()),
    }


def table(row: dict[str, str | int | float]) -> str:
    """The measurement as the README shows it."""
    shown = [
        ("The floor: stream the files to Parquet, join each line once, sum", f"1 ({row['floor_s']} s)"),
        (
            "A plain pandas script that does only the same",
            f"{row['pandas_in_floors']}, {row['pandas_gib']} GiB",
        ),
        ("**A whole run, from CSV to release**", f"**{row['whole_run_in_floors']}**, {row['peak_gib']} GiB"),
        ("Run again, nothing new", f"{row['nothing_new_of_whole']} of the whole run"),
        ("One new delivery of 50 000 lines", f"{row['one_delivery_of_whole']} of the whole run"),
        (
            "The demonstration: run, check, `--help`",
            f"{row['demo_run_s']} s, {row['demo_check_s']} s, {row['help_s']} s",
        ),
    ]
    head = f"| {row['lines']:,} invoice lines, {row['cores']} cores, {row['date']} | Floors |".replace(
        ",", " ", 2
    )
    return "\n".join([head, "|---|---|", *(f"| {what} | {took} |" for what, took in shown)])


def main() -> None:
    """Print the measurement, add it to the history and write the README's table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=10_000_000)
    asked.add_argument("--data", type=Path, help="a demonstration made earlier with that many lines")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="mattstock-benchmark-") as folder:
        scratch = Path(folder)
        large = given.data or scratch / "large"
        if given.data is None:
            taken(*MATTSTOCK, "demo", str(large), "--invoice-lines", str(given.lines))
        for made in ("warehouse", "marts", "quarantine", "raw/invoices/2023-1.csv"):
            path = large / made
            path.unlink(missing_ok=True) if path.is_file() else shutil.rmtree(path, ignore_errors=True)
        row = measured(large, scratch, given.lines)
    for name, value in row.items():
        sys.stdout.write(f"{name:24}{value}\n")
    is_new = not HISTORY.exists()
    with HISTORY.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{table(row)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

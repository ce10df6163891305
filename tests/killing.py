"""Runs that are killed with SIGKILL at random moments, and what must hold after each.

Shared by test files of the same tests, so that two workers can halve the time. The seed is in every assertion's
words: `Killing(folder, seed)` with the same seed waits for the same shares of a run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import duckdb

from dagster_project.flow.releases import current, releases, verify
from dagster_project.settings import Workspace
from tests.deliveries import BASE, deliver

COMMAND = (sys.executable, "-m", "dagster_project.cli", "run", "--as-of", "2022-12-31")
PATIENCE = 900  # seconds for a run on a machine that does other things too
DELIVERY = "procurements/p.csv"


class Killing:
    """One data folder with a release in force, whose runs are killed one after the other."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.workspace: Workspace = deliver(folder, {})
        self._chance = random.Random(seed)
        self._words = f"seed {seed}"
        self._procurements = 2
        # The first run also parses the models; the seconds are measured again after every blow.
        self._seconds = 0.8 * self._run_to_the_end("nothing")

    def strike(self) -> None:
        """Kill one run that has something to publish, and run again; try anew where it was done before the blow."""
        while True:
            self._deliver_one_more()
            moment = self._chance.uniform(0.0, 1.0) * self._seconds
            whole_group = self._chance.random() < 0.5
            words = (
                f"{self._words}, {moment:.2f} s of {self._seconds:.2f}, {'group' if whole_group else 'alone'}"
            )
            was_killed = self._kill_after(moment, whole_group)
            self._check_in_force(words, {self._procurements - 1, self._procurements})
            self._seconds = self._run_to_the_end(words) if was_killed else self._seconds * 0.9
            if was_killed:
                return

    def _deliver_one_more(self) -> None:
        self._procurements += 1
        path = self.workspace.raw / DELIVERY
        rows = [f"P{n};Vara {n};K1;open;2021-01-10;2021-03-01\n" for n in range(3, self._procurements + 1)]
        path.write_text(BASE[DELIVERY] + "".join(rows), encoding="utf-8")

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, "--data", str(self.workspace.root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _run_to_the_end(self, after: str) -> float:
        """The run's seconds; it must publish, and what it published must be whole."""
        began = time.monotonic()
        process = self._start()
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, f"{self._words}, after {after}:\n{said}"
        self._check_in_force(f"the run after {after}", {self._procurements})
        return time.monotonic() - began

    def _kill_after(self, seconds: float, whole_group: bool) -> bool:
        """Kill the run, with its children or alone; False when it was done before."""
        process = self._start()
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        was_running = process.poll() is None
        # The group stands as long as one of it does: here are also the children of a run that was done.
        with suppress(ProcessLookupError):
            if whole_group:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        return was_running and process.returncode == -signal.SIGKILL

    def _check_in_force(self, words: str, procurements: set[int]) -> None:
        """The release in force is whole, can be read, and is of one piece; so are all that are listed."""
        release = current(self.workspace)
        assert release is not None, words
        assert release.in_force, words
        listed = releases(self.workspace)
        assert release == listed[-1], words
        assert [verify(each) for each in listed] == [[] for _ in listed], words
        with duckdb.connect(str(self.workspace.current_database), read_only=True) as reader:
            tables = [name for (name,) in reader.execute("select table_name from duckdb_tables()").fetchall()]
            rows = {
                name: reader.execute(f'select count(*) from "{name}"').fetchall()[0][0] for name in tables
            }
        assert rows == {name: release.rows[name] for name in tables}, words
        assert rows["dim_procurement"] in procurements, words
        assert rows["kpi_values"] > 0, words

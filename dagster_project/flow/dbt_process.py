"""The dbt process of a run: it makes itself ready while deliveries are read, and builds when it is told to.

Loading dbt and what it remembers of the parsed project takes seconds. What belongs here: the process, on both sides of
its pipe. What does not: what is built from (build.py), and what becomes of what dbt tells (orchestration).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from dagster_project.settings import DBT_DIR, environment

REMEMBERED = "partial_parse.msgpack"
PROJECT = ("--project-dir", str(DBT_DIR), "--profiles-dir", str(DBT_DIR))
# What dbt tells goes to the run, one line of JSON per event; its own logger would put every debug event into words. Nor
# does anybody read the files that it would leave about the project.
QUIET = ("--log-level", "none", "--log-level-file", "none", "--no-write-json")
TOLD = ("info", "warn", "error")
BUILD = b"build\n"
WATCHED_SECONDS = 0.2


class DbtProcess:
    """A dbt that waits in the folder of the build databases. It ends unbidden when this process dies."""

    def __init__(self, target: Path) -> None:
        """`target` is where dbt keeps its own files, beside the build databases; OSError where that cannot be made."""
        self.target = target
        target.mkdir(parents=True, exist_ok=True)
        remembered = DBT_DIR / "target" / REMEMBERED
        if remembered.exists() and not (target / REMEMBERED).exists():
            shutil.copyfile(remembered, target / REMEMBERED)
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-W",
                "ignore",
                "-c",
                "from dagster_project.flow.dbt_process import serve; serve()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # The profile names the databases without a path, so that what is remembered holds for every folder.
            cwd=target.parent,
            env={**environment(), "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)},
        )

    def build(self) -> subprocess.Popen[bytes]:
        """Tell dbt to build every model and try every test; the process, whose output tells how it goes."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(BUILD)
            self.process.stdin.close()
        except BrokenPipeError:
            self.process.wait()  # it died while it waited; its output and its code say why
        return self.process

    def close(self) -> None:
        """Let the process end, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def end_with(run: int) -> None:
    """End this process when the run that started it is gone; dbt itself would wait for its threads for ever.

    A thread that can tell nobody of its model breaks off, and the databases would stay open under the next run.
    """
    while os.getppid() == run:
        time.sleep(WATCHED_SECONDS)
    os._exit(1)


def serve() -> None:
    """What the process does. Leaves with 0 when every model was built and every test passed."""
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    from dbt.cli.main import dbtRunner
    from dbt_common.events.base_types import EventMsg
    from dbt_common.events.functions import msg_to_dict

    # dbt's threads tell of their models side by side, and a model told of in a broken line is never heard of.
    turn = threading.Lock()

    def tell(event: EventMsg) -> None:
        if event.info.level in TOLD:
            line = json.dumps(msg_to_dict(event), default=str) + "\n"
            with turn:
                sys.stdout.write(line)
                sys.stdout.flush()

    parsed = dbtRunner().invoke([*QUIET, "parse", *PROJECT])
    if sys.stdin.readline() != BUILD.decode():
        return
    # A project that cannot be parsed is parsed once more, and then says what is wrong with it.
    runner = dbtRunner(manifest=parsed.result if parsed.success else None, callbacks=[tell])
    done = runner.invoke([*QUIET, "build", "--exclude-resource-type", "unit_test", *PROJECT])
    if done.exception is not None:
        told = {"info": {"level": "error", "name": "Exception", "msg": str(done.exception)}, "data": {}}
        sys.stdout.write(json.dumps(told) + "\n")
    sys.exit(0 if done.success else 1)

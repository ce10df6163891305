"""What is slow to make and only read is made once for all test workers of a session."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def once(folder: Path, make: Callable[[], object]) -> Any:
    """What `make` gave, as JSON remembers it. Whoever comes first has it fill the folder, the others wait."""
    told = folder / "told.json"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a maker that failed left of it
            folder.mkdir()
            told.write_text(json.dumps(make()), encoding="utf-8")
    return json.loads(told.read_text(encoding="utf-8"))

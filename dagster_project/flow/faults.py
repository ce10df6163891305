"""What stands behind a fault when it is the disk, the rights or the memory, whoever ran into it.

The same full disk is an OSError in Python, an IO Error in DuckDB, an OperationalError in SQLite and a line of text
from dbt. Here they become one message key each. What does not belong here: what is done about it.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

BY_NUMBER = {
    errno.ENOSPC: "publish.disk_full",
    errno.EDQUOT: "publish.disk_full",
    errno.EFBIG: "publish.disk_full",  # what a limit on the size of files gives
    errno.EROFS: "publish.read_only",
    errno.EACCES: "publish.no_rights",
    errno.EPERM: "publish.no_rights",
    errno.ENOMEM: "publish.out_of_memory",
}
# As the system's library, SQLite and DuckDB say it; first the words that say most.
BY_WORDS = (
    ("no space left on device", "publish.disk_full"),
    ("disk quota exceeded", "publish.disk_full"),
    ("file too large", "publish.disk_full"),
    ("database or disk is full", "publish.disk_full"),
    ("read-only file system", "publish.read_only"),
    ("permission denied", "publish.no_rights"),
    ("operation not permitted", "publish.no_rights"),
    ("attempt to write a readonly database", "publish.no_rights"),
    ("unable to open database file", "publish.no_rights"),
    ("out of memory", "publish.out_of_memory"),
    ("disk i/o error", "publish.failed"),
)
NAMED_IN_WORDS = re.compile(
    r'"(?P<quoted>[^"\n]*/[^"\n]*)"|\(os error \d+\): (?P<last>[^\n]+)$', re.MULTILINE
)
FULL_BELOW = 1 << 20  # bytes: with less free than this, a write that failed failed for want of room


def fault_key(error: BaseException, folder: Path | None = None) -> str | None:
    """The key of the message that says what is wrong, or None when it is neither disk, rights nor memory.

    `folder` is where was written: a disk that is full there explains a fault that names no reason of its own.
    """
    found = next((key for link in chain(error) if (key := _key_of(link)) is not None), None)
    if found in (None, "publish.failed") and folder is not None and folder.exists():
        return "publish.disk_full" if shutil.disk_usage(folder).free < FULL_BELOW else found
    return found


def place_of(error: BaseException) -> str | None:
    """The file that the fault is about, where it says so: as Python does, or as DuckDB and polars put it in words."""
    for link in chain(error):
        if isinstance(link, OSError) and (link.filename2 or link.filename):
            return str(link.filename2 or link.filename)
        if _key_of(link) is not None and (told := NAMED_IN_WORDS.search(str(link))):
            return told["quoted"] or told["last"]
    return None


def reason_of(error: BaseException) -> str:
    """The first line of what the innermost fault says."""
    *_, innermost = chain(error)
    lines = str(innermost).strip().splitlines()
    return lines[0] if lines else type(innermost).__name__


def chain(error: BaseException) -> Iterator[BaseException]:
    """A fault, what it was raised from, what that was raised from, and so on."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _key_of(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "publish.out_of_memory"
    if isinstance(error, OSError) and error.errno is not None:
        return BY_NUMBER.get(error.errno)
    told = str(error).lower()
    return next((key for words, key in BY_WORDS if words in told), None)

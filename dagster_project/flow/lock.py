"""One run at a time on a data folder.

What belongs here: taking, holding and naming the lock. What does not: what is done under it. The lock is the
kernel's (`flock`) on `warehouse/.lock`, so a holder that dies leaves nothing to clean; the words in the
file only tell others who holds it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from dagster_project.messages import message
from dagster_project.settings import Workspace

LOCK_FILE = ".lock"
_log = logging.getLogger(__name__)
_WORDS_ARRIVE_WITHIN = 0.5  # seconds: a holder has the lock a moment before its words are in the file


class LockError(Exception):
    """The lock was not taken; the text says why in Swedish and English. `key` and `arguments` give
    other languages.
    """

    def __init__(self, key: str, **arguments: object) -> None:
        self.key = key
        self.arguments = arguments
        super().__init__(f"{message(key, 'sv', **arguments)} / {message(key, 'en', **arguments)}")


class LockUnavailable(LockError):
    """The lock file cannot be made or locked here (rights, read-only disk, a file system without locks)."""


@dataclass(frozen=True)
class Holder:
    """Who holds a data folder: process, machine, since when (ISO 8601, UTC) and doing what."""

    pid: int
    host: str
    since: str
    command: str


class LockHeld(LockError):
    """Another process holds the data folder. `holder` is None when it has not said who it is."""

    def __init__(self, folder: Path, holder: Holder | None) -> None:
        self.holder = holder
        if holder is None:
            super().__init__("lock.held_unknown", folder=folder)
        else:
            super().__init__("lock.held", folder=folder, **asdict(holder))

    @property
    def patiently(self) -> str:
        """The same for one that waits, in Swedish and English."""
        key = "lock.waits_unknown" if self.holder is None else "lock.waits"
        return " / ".join(message(key, language, **self.arguments) for language in ("sv", "en"))


@dataclass
class _Hold:
    descriptor: int
    depth: int


# The lock is the process's: a step that takes it inside a run that holds it goes straight through. The
# process id is part of the key so that a forked child does not believe that it holds what its parent holds.
_holds: dict[tuple[int, Path], _Hold] = {}
_guard = threading.Lock()


class FolderLock:
    """Context manager for the right to change a data folder.

    Raises LockHeld at once when another process holds it, or with `wait=True` says who does (to `on_wait`, else
    as a warning) and blocks until it is free. May be nested within one process. Raises
    LockUnavailable when the folder cannot be locked at all.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        wait: bool = False,
        command: str | None = None,
        on_wait: Callable[[LockHeld], None] | None = None,
    ) -> None:
        self._folder = workspace.root
        self._path = workspace.warehouse / LOCK_FILE
        self._wait = wait
        # No more than the command's name: a reason that was typed may hold somebody's number, and stays in the file
        # when the holder is killed.
        self._command = command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
        self._on_wait = on_wait

    def __enter__(self) -> Self:
        with _guard:
            hold = _holds.get(self._key)
            if hold is not None:
                hold.depth += 1
                return self
        descriptor = self._acquire()
        with _guard:
            _holds[self._key] = _Hold(descriptor, depth=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _guard:
            hold = _holds[self._key]
            hold.depth -= 1
            if hold.depth:
                return
            del _holds[self._key]
        # The file stays: were it deleted, a waiting process would lock a file that nobody else can find.
        try:
            os.ftruncate(hold.descriptor, 0)
        finally:
            os.close(hold.descriptor)

    @property
    def _key(self) -> tuple[int, Path]:
        return os.getpid(), self._path.resolve()

    def _acquire(self) -> int:
        while True:
            descriptor = self._open()
            try:
                self._lock(descriptor)
                if self._is_still_the_file(descriptor):
                    self._say_who(descriptor)
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        except OSError as error:
            raise LockUnavailable("lock.unavailable", file=self._path, reason=error.strerror) from error

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise LockUnavailable("lock.unavailable", file=self._path, reason=error.strerror) from error
        held = LockHeld(self._folder, holder(self._path))
        if not self._wait:
            raise held
        if self._on_wait is not None:
            self._on_wait(held)
        else:
            _log.warning("%s", held.patiently)
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _is_still_the_file(self, descriptor: int) -> bool:
        # `warehouse/` may be thrown away by hand while we wait; then we hold a lock on a file that is gone.
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _say_who(self, descriptor: int) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        words = asdict(Holder(os.getpid(), socket.gethostname(), since, self._command))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(words, ensure_ascii=False).encode(), 0)
        except OSError as error:
            raise LockUnavailable("lock.unavailable", file=self._path, reason=error.strerror) from error


def holder(path: Path) -> Holder | None:
    """What the holder of the lock file says about itself; None when it says nothing within half a second."""
    deadline = time.monotonic() + _WORDS_ARRIVE_WITHIN
    while True:
        try:
            return Holder(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)

"""Dagster's SQLite files, without waiting for the disk at each of a run's thousands of events.

Dagster opens and closes a connection per event. The last connection to close writes the log back to the file and waits
for the disk; so one is held open for as long as the run lasts, and commits do not wait. What is lost when the machine
loses power are the latest events of the interface's history, never the files' consistency, and never a figure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def held_open() -> Iterator[None]:
    """Hold every SQLite file that is opened in the block, until its end."""
    keepers: dict[str, sqlite3.Connection] = {}

    def opened(connection: Any, _record: Any) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("pragma synchronous = normal")
        file = connection.execute("pragma database_list").fetchall()[0][2]
        if file and file not in keepers:
            keepers[file] = sqlite3.connect(file, check_same_thread=False)
        if file:
            # Read each time: it counts as open only once it has seen the file in its present mode.
            keepers[file].execute("select count(*) from sqlite_master").fetchall()

    event.listen(Engine, "connect", opened)
    try:
        yield
    finally:
        event.remove(Engine, "connect", opened)
        for keeper in keepers.values():
            keeper.close()

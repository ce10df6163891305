"""Dagster's SQLite files for as long as one run lasts: opened once, and no event waits for the disk.

A run has thousands of events. Dagster's own storage makes an engine and a connection for each of them, composes its SQL
anew and waits for the disk when the connection closes. Here each file has one engine until the run ends, and commits do
not wait. What is lost when the machine loses power are the latest events of the interface's history, never the files'
consistency, and never a figure. What does not belong here: what the web interface and the daemon read the same files
with, which is Dagster's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event


def overrides(home: Path) -> dict[str, Any]:
    """What a run's instance is told beside `dagster.yaml` in Dagster's home."""
    custom = {"module": __name__, "class": KeptOpen.__name__, "config": {"base_dir": str(home)}}
    return {"storage": {"custom": custom}}


def _engine(address: str) -> Engine:
    engine = create_engine(address, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})

    def opened(connection: Any, _record: Any) -> None:
        connection.execute("pragma synchronous = normal")

    event.listen(engine, "connect", opened)
    return engine


class _Runs(SqliteRunStorage):
    @cached_property
    def _engine(self) -> Engine:
        return _engine(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()


class _Events(SqliteEventLogStorage):
    """One file per run, and one over all of them."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._engines:
                engine = _engine(self.conn_string_for_shard(shard))
                self._initdb(engine)
                self._engines[shard] = engine
            with self._engines[shard].begin() as connection:
                yield connection

    def dispose(self) -> None:
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()


class KeptOpen(DagsterSqliteStorage):
    """Dagster's SQLite storage, whose files of runs and events stay open until it is disposed of."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> KeptOpen:
        """As Dagster makes it from its configuration."""
        return cls(inst_data=inst_data, **config_value)

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """`base_dir` is Dagster's home."""
        super().__init__(base_dir, inst_data)
        self._run_storage = _Runs.from_local(_runs_directory(base_dir))
        self._event_log_storage = _Events(_event_logs_directory(base_dir))

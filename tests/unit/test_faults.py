"""A full disk is a full disk, whoever ran into it: real faults of every library that writes."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from dagster_project.flow.faults import fault_key, place_of, reason_of

FULL = Path("/dev/full")  # takes no byte, as a disk without room
FRAME = pl.DataFrame({"a": range(100_000)})

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


def by_python() -> None:
    with FULL.open("w") as stream:
        stream.write("x" * 100_000)


def by_polars() -> None:
    FRAME.write_csv(FULL)


def by_arrow() -> None:
    with pa.parquet.ParquetWriter(str(FULL), FRAME.to_arrow().schema) as writer:
        writer.write_table(FRAME.to_arrow())


def by_duckdb() -> None:
    duckdb.execute(f"copy (from range(1_000_000)) to '{FULL}' (format csv)")


def by_sqlite() -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("pragma max_page_count = 2")
        connection.execute("create table a as select 1")
        connection.execute("insert into a select zeroblob(100000)")


@pytest.mark.parametrize("write", [by_python, by_polars, by_arrow, by_duckdb, by_sqlite])
def test_a_full_disk_is_known_from_whatever_writes(write: Callable[[], None]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        write()
    assert fault_key(caught.value) == "publish.disk_full"


@pytest.mark.parametrize(
    ("number", "key"),
    [
        (errno.ENOSPC, "publish.disk_full"),
        (errno.EDQUOT, "publish.disk_full"),
        (errno.EFBIG, "publish.disk_full"),
        (errno.EROFS, "publish.read_only"),
        (errno.EACCES, "publish.no_rights"),
        (errno.ENOMEM, "publish.out_of_memory"),
        (errno.ENOENT, None),
    ],
)
def test_what_the_system_says_is_told_by_its_number_and_with_its_place(number: int, key: str | None) -> None:
    error = OSError(number, os.strerror(number), "marts/x")
    assert fault_key(error) == key
    assert place_of(error) == "marts/x"


def test_a_fault_is_known_by_what_it_was_raised_from() -> None:
    error = RuntimeError("the step broke\nin many lines")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "build/x")
    assert fault_key(error) == "publish.disk_full"
    assert place_of(error) == "build/x"
    assert "No space left" in reason_of(error)


def test_what_nobody_foresaw_is_neither_disk_nor_rights(tmp_path: Path) -> None:
    assert fault_key(ZeroDivisionError("division by zero"), tmp_path) is None
    assert place_of(ZeroDivisionError("x")) is None
    assert reason_of(KeyError()) == "KeyError"


@pytest.mark.parametrize(
    "told",
    [
        PermissionError("Permission denied (os error 13): /srv/with space/a.csv"),
        duckdb.IOException('IO Error: Cannot open file "/srv/with space/a.csv": Permission denied'),
    ],
)
def test_the_place_is_told_also_where_a_library_hides_it_in_words(told: Exception) -> None:
    assert fault_key(told) == "publish.no_rights"
    assert place_of(told) == "/srv/with space/a.csv"

"""Reads a JSON reply as text: a list of objects, one a row, bare or as the only list of objects in an object.

Open data portals answer so. A byte order mark is passed over, also the one that some portals leave inside the first
key. What does not belong here: what the keys mean.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.flow.readers import (
    ROW,
    Table,
    UnreadableDelivery,
    columns_of,
    filled,
    refuse_large_cells,
    refuse_wide,
    tidy,
)

MAX_BYTES = 256 << 20
FIRST_ROW = 1
BOM = "\ufeff"


def is_json(head: bytes) -> bool:
    """Whether a file's first bytes can begin a JSON list or object."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{")


def read_json(own: Path, folder: Path) -> list[Table]:
    """The rows of a reply. Raises UnreadableDelivery: broken_json, too_large_unpacked and the bounds of all tables."""
    if own.stat().st_size > MAX_BYTES:
        raise UnreadableDelivery("too_large_unpacked")
    try:
        # Numbers stay as they are written: 12.10 is not 12.1.
        reply = json.loads(own.read_text(encoding="utf-8-sig"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise UnreadableDelivery("broken_json") from error
    rows = _rows(reply)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    refuse_wide(len(keys))
    names = columns_of(len(keys))
    cells = {
        name: pl.Series([_text(row.get(key)) for row in rows], dtype=pl.String)
        for name, key in zip(names, keys, strict=True)
    }
    spool = folder / "rows.parquet"
    frame = pl.DataFrame(cells).with_row_index(ROW, offset=FIRST_ROW).lazy()
    kept = tidy(frame, len(names), []).filter(filled(len(names))).collect()
    kept.write_parquet(spool, compression="lz4")
    refuse_large_cells(kept.lazy(), len(names))
    return [Table(None, [key.strip(f"{BOM} ") for key in keys], spool, kept.height, typed=False)]


def _rows(reply: Any) -> list[dict[str, Any]]:
    if isinstance(reply, dict):
        lists = [value for value in reply.values() if _is_rows(value)]
        reply = lists[0] if len(lists) == 1 else None
    if not _is_rows(reply):
        raise UnreadableDelivery("broken_json")
    return list(reply)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "ja" if value else "nej"
    raise UnreadableDelivery("broken_json")

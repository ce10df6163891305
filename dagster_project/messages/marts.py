"""What the published tables and columns are called: headings, and names for the views in Swedish.

What belongs here: reading `marts_sv.yml`, the one list of names. What does not: which tables are published, and what
a column means (its description, in the model's YAML). An English name is the table's or column's own, as words.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from dagster_project.shipped import read_yaml

VIEW_SCHEMA = "sv"
_NOT_IN_NAMES = re.compile(r"[^0-9a-zåäö]+")


@functools.cache
def _catalogue() -> dict[str, dict[str, Any]]:
    catalogue: dict[str, dict[str, Any]] = read_yaml(Path(__file__).with_name("marts_sv.yml"))
    return catalogue


def table_heading(table: str, language: str = "sv") -> str:
    """A published table as people call it; in words of its own name where the list has none, or in English."""
    named = _catalogue()["tables"].get(table) if language == "sv" else None
    return str(named) if named else _as_words(table)


def column_heading(table: str, column: str, language: str = "sv") -> str:
    """A published column as people call it; in words of its own name where the list has none, or in English."""
    named = (
        _catalogue()["of_table"].get(table, {}).get(column, _catalogue()["columns"].get(column))
        if language == "sv"
        else None
    )
    return str(named) if named else _as_words(column)


def view_name(table: str) -> str:
    """The table's Swedish view: its heading in lower case, words joined by `_`."""
    return _as_name(table_heading(table))


def view_column(table: str, column: str) -> str:
    """The column's name in the table's Swedish view, made likewise."""
    return _as_name(column_heading(table, column))


def is_named(table: str, column: str | None = None) -> bool:
    """Whether the list has a Swedish name for the table, or for its column."""
    if column is None:
        return table in _catalogue()["tables"]
    return column in _catalogue()["columns"] or column in _catalogue()["of_table"].get(table, {})


def _as_words(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _as_name(heading: str) -> str:
    return _NOT_IN_NAMES.sub("_", heading.lower()).strip("_")

"""Reads the source contracts: what columns a delivery may have, their types, words, keys and references.

A source is declared once, as an ordinary dbt source beside its staging model
(`dbt/models/staging/<area>/_<area>__contract.yml`). Everything that needs to know a source reads it here:
ingest, standardise, reconcile, the derived expectations, the Excel templates and the data dictionary. What
does not belong here: any judgement of data.
"""

from __future__ import annotations

import functools
import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dagster_project.settings import PROJECT_ROOT
from dagster_project.shipped import read_yaml

ColumnType = Literal[
    "code", "text", "orgnr", "date", "month", "year", "integer", "decimal", "money", "boolean", "enum"
]

CONTRACTS_DIR = PROJECT_ROOT / "dbt" / "models" / "staging"


class ContractError(Exception):
    """A contract file is not well formed; the text names the file and the key."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lookup(_Strict):
    """Where a missing value is taken from: `value` of the row of `source` whose `by` equals the own `column`.

    Where several rows fit, the only one whose `prefer` column has one of the words; else the value stays
    missing.
    """

    column: str
    source: str
    by: str
    value: str
    prefer: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Column(_Strict):
    """One column of a source.

    `values` maps each allowed code to the words that mean it. `personal` says how a personal identity number
    is treated: `id` (the value is pseudonymised when it is one), `name` (pseudonymised when the row's
    `personal_id` column is one). Text of every kind is screened for numbers as well. `default` fills an empty
    cell: a literal, or `{year_of: <date column>}`. `foreign_values` are codes that only the adapter of a
    foreign format may give. `sets_aside`: what cannot be read is left out
    with a warning, and the row stays. `example` is a value as a person would write it; where empty, the type's own will
    do.
    """

    name: str
    description: str
    type: ColumnType
    label_sv: str
    help_sv: str = ""
    example: str = ""
    sets_aside: bool = False
    required: bool = False
    aliases: tuple[str, ...] = ()
    values: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    foreign_values: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    personal: Literal["id", "name"] | None = None
    personal_id: str | None = None
    default: str | dict[Literal["year_of"], str] | None = None
    lookup: Lookup | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if (self.type == "enum") != bool(self.values):
            raise ValueError(f"{self.name}: values belong to an enum, and an enum has values")
        if (self.personal == "name") != (self.personal_id is not None):
            raise ValueError(f"{self.name}: personal: name needs personal_id, and only then")
        return self


class Reference(_Strict):
    """Rows of this source point at `to`. `columns` maps own column → the other's column.

    A row whose own columns are all empty points at nothing. `except_values` are values of the first column
    that need no counterpart (such as `ALL`). `if_delivered`: asked only where the other source was delivered.
    """

    columns: dict[str, str]
    to: str
    severity: Literal["error", "warning"]
    except_values: tuple[str, ...] = ()
    if_delivered: bool = False


class Source(_Strict):
    """One source: its columns in order, its key, its references."""

    name: str
    area: str
    description: str
    name_sv: str
    key: tuple[str, ...]
    required: bool = False
    numbered_within: tuple[str, ...] = ()  # a missing line number is counted within these columns
    dated_by: str | None = None  # what dates a row, where the source has rows for every period
    references: tuple[Reference, ...] = ()
    columns: tuple[Column, ...]

    @model_validator(mode="after")
    def _columns_exist(self) -> Source:
        names = {column.name for column in self.columns}
        mentioned = set(self.key) | set(self.numbered_within) | ({self.dated_by} if self.dated_by else set())
        for reference in self.references:
            mentioned |= set(reference.columns)
        for column in self.columns:
            if column.personal_id:
                mentioned.add(column.personal_id)
            if isinstance(column.default, dict):
                mentioned |= set(column.default.values())
        if missing := mentioned - names:
            raise ValueError(f"{self.name}: no such column: {', '.join(sorted(missing))}")
        return self

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")

    @property
    def required_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def unit_column(self) -> str | None:
        """The column that says whose row it is: a unit's id, else a member's code."""
        for reference in self.references:
            if reference.to == "organisations":
                return next(iter(reference.columns))
        return next(
            (column.name for column in self.columns if column.name in ("unit_id", "member_code")), None
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash over the whole contract; kept, because thousands of small files ask for it."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def headers(self) -> dict[str, str]:
        """Folded heading → column name, for canonical names, labels and aliases."""
        known: dict[str, str] = {}
        for column in self.columns:
            for word in (column.name, column.label_sv, *column.aliases):
                if known.setdefault(fold(word), column.name) != column.name:
                    raise ContractError(
                        f"{self.name}: heading {word!r} means both {known[fold(word)]} and {column.name}"
                    )
        return known


def fold(text: str) -> str:
    """A heading or word without case, diacritics, spaces, hyphens, underscores and full stops."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(
        c
        for c in decomposed
        if not unicodedata.combining(c) and c not in " \t\r\n\u00a0\u2009\u202f-_.\ufeff"
    )


@functools.cache
def load_contracts(directory: Path = CONTRACTS_DIR) -> dict[str, Source]:
    """Every source by name, in an order where a source comes after those that it refers to.

    Raises ContractError for unknown keys, references to unknown sources or columns, and circles.
    """
    sources: dict[str, Source] = {}
    for path in sorted(directory.glob("*/_*__contract.yml")):
        document = read_yaml(path)
        for table in document["sources"][0]["tables"]:
            source = _source(path, table)
            if source.name in sources:
                raise ContractError(f"{path.name}: {source.name} is declared twice")
            source.headers()
            sources[source.name] = source
    for source in sources.values():
        for reference in source.references:
            target = sources.get(reference.to)
            if target is None:
                raise ContractError(f"{source.name}: refers to {reference.to}, which is no source")
            for column in reference.columns.values():
                target.column(column)
    return _parents_first(sources)


def _source(path: Path, table: dict[str, Any]) -> Source:
    meta = dict(table.get("config", {}).get("meta", {}))
    columns = [
        {"name": column["name"], "description": column["description"], **column["config"]["meta"]}
        for column in table["columns"]
    ]
    try:
        return Source(
            name=table["name"],
            area=path.parent.name,
            description=table["description"],
            columns=columns,
            **meta,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ContractError(f"{path.name}: {table['name']}: {where}: {first['msg']}") from error


def _parents_first(sources: dict[str, Source]) -> dict[str, Source]:
    ordered: dict[str, Source] = {}
    while len(ordered) < len(sources):
        ready = [
            name
            for name, source in sources.items()
            if name not in ordered and all(r.to in ordered or r.to == name for r in source.references)
        ]
        if not ready:
            raise ContractError(
                f"references in a circle among: {', '.join(sorted(set(sources) - set(ordered)))}"
            )
        for name in ready:
            ordered[name] = sources[name]
    return ordered

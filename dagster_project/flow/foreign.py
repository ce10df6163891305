"""Decides the fate of foreign rows and says what they give, for whichever adapter a delivery belongs to.

The parts of a format go through the same reconciler as our own sources, and are then told of as one
source that bears the format's name. What does not belong here: anything that is true of one format only
(adapters).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb
import polars as pl

from dagster_project.contracts import Source
from dagster_project.flow.adapters import ADAPTERS, Adapter
from dagster_project.flow.ingest import Delivery
from dagster_project.flow.parse import ParsedFile
from dagster_project.flow.reconcile import ISSUES_SCHEMA, Reconciled, Reconciler, SourceOutcome
from dagster_project.messages import message

# Buyers by organisation number too, once the units are decided: a notice knows no unit ids.
_KNOWN_BY_NUMBER = """
insert into arrival.procurement_buyers
select distinct b.procurement_id, o.orgnr
from arrival.procurement_buyers as b
inner join delivered.organisations as o on b.buyer = o.unit_id
where o.orgnr is not null and o.orgnr <> o.unit_id
"""


def kind_of(delivery: Delivery) -> str:
    """The foreign format that a delivery is of, else the source whose folder it lies in."""
    for name, adapter in ADAPTERS.items():
        if delivery.source == adapter.FOLDER and adapter.recognises(delivery):
            return name
    return delivery.source


class Settlement:
    """One format's files, settled side by side: every row's fate, what they give, and how they fared."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, adapter: Adapter, files: Sequence[ParsedFile]
    ) -> None:
        self._con = connection
        self._adapter = adapter
        self._reconciler = Reconciler(connection, adapter.PARTS, adapter.RULES)
        by_part: dict[str, list[ParsedFile]] = {name: [] for name in adapter.PARTS}
        for file in files:
            by_part[adapter.part_of(file)].append(file)
        for name, part in adapter.PARTS.items():
            self._reconciler.source(part, by_part[name])
        self._reconciler.warnings_of_sets()
        for statement in adapter.RELATIONS:
            connection.execute(statement)

    def outcome(self) -> Reconciled:
        """The parts as one source with the format's name; asked when every source of ours has its rows."""
        parts = self._reconciler.outcome()
        notes = self._notes()
        noted = dict(notes.group_by("file").len().iter_rows())
        name = self._adapter.FORMAT
        of_parts = list(parts.sources.values())
        return Reconciled(
            files=[
                replace(count, source=name, warnings=count.warnings + noted.get(count.file, 0))
                for count in parts.files
            ],
            sources={
                name: SourceOutcome(
                    source=name,
                    is_delivered=any(part.is_delivered for part in of_parts),
                    is_register=False,
                    rows_read=sum(part.rows_read for part in of_parts),
                    rows_accepted=sum(part.rows_accepted for part in of_parts),
                    own_errors=sum(part.own_errors for part in of_parts),
                    lost_with_parent=sum(part.lost_with_parent for part in of_parts),
                    parents_to_mend=tuple(parent for part in of_parts for parent in part.parents_to_mend),
                    rejected_files=tuple(file for part in of_parts for file in part.rejected_files),
                )
            },
            issues=pl.concat([parts.issues, notes]).with_columns(source=pl.lit(name)),
        )

    def _notes(self) -> pl.DataFrame:
        return pl.DataFrame(
            [
                {
                    "severity": "warning",
                    "file": file,
                    "column_name": note.column,
                    "rule": note.rule,
                    "raw_value": "",
                    "message_sv": message(note.message, "sv", count=count),
                    "message_en": message(note.message, "en", count=count),
                    "is_open": True,
                }
                for note in self._adapter.NOTES
                for file, count in self._con.execute(note.query).fetchall()
            ],
            schema=ISSUES_SCHEMA,
        )


def settle(
    connection: duckdb.DuckDBPyConnection, parsed: Mapping[str, Sequence[ParsedFile]]
) -> dict[str, Settlement]:
    """The settlement of every format that has files."""
    _register_buyers(connection, parsed.get("participants", []))
    return {
        name: Settlement(connection, adapter, parsed[name])
        for name, adapter in ADAPTERS.items()
        if parsed.get(name)
    }


def _register_buyers(connection: duckdb.DuckDBPyConnection, files: Sequence[ParsedFile]) -> None:
    """`arrival.procurement_buyers`: whom the register carries a procurement out for, by unit id; asked before the
    register's participants are decided, because they refer to procurements.
    """
    connection.execute(
        "create or replace table arrival.procurement_buyers (procurement_id varchar, buyer varchar)"
    )
    usable = [str(file.directory / "rows.parquet") for file in files if file.rejected is None]
    if usable:
        connection.execute(
            "insert into arrival.procurement_buyers select distinct procurement_id, unit_id from read_parquet(?)",
            [usable],
        )


def give(
    reconciler: Reconciler, settlements: Mapping[str, Settlement], source: Source, complements: bool
) -> None:
    """Give a source of ours, once it is decided, the rows that the settled formats have for it."""
    if source.name == "organisations" and settlements and not complements:
        reconciler.execute(_KNOWN_BY_NUMBER)
    for name in settlements:
        derived = ADAPTERS[name].DERIVED.get(source.name)
        if derived is not None and derived.complements == complements:
            reconciler.derive(source, name, derived)

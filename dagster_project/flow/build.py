"""Sets the stage for dbt: a fresh build database with the deliveries and the run's facts; describes what came out.

What does not belong here: any computation of figures (dbt), any judgement (validate).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dagster_project.flow.freshness import Due
from dagster_project.flow.ingest import Delivery
from dagster_project.flow.reconcile import ISSUES_SCHEMA, FileCount, Reconciled
from dagster_project.flow.samples import read_samples
from dagster_project.flow.validate import Verdict
from dagster_project.messages.marts import column_heading
from dagster_project.settings import DBT_DIR, Settings, Workspace
from dagster_project.shipped import read_yaml

ORPHAN_SECONDS = 60
WORKING = "working"
SAMPLE_TABLES = ("samples", "sample_strata", "sample_lines")
WORKING_SCHEMAS = ("run", "arrival", "delivered", "work")
# What reconcile finds where two sources describe one record.
CONFLICTS_SCHEMA: dict[str, Any] = {
    "table_name": pl.String,
    "record_id": pl.String,
    "procurement_id": pl.String,
    "field": pl.String,
    "resolution": pl.String,
    "kept_value": pl.String,
    "kept_source": pl.String,
    "kept_file": pl.String,
    "kept_sheet": pl.String,
    "kept_row": pl.Int64,
    "other_value": pl.String,
    "other_source": pl.String,
    "other_file": pl.String,
    "other_sheet": pl.String,
    "other_row": pl.Int64,
}


def build_database(workspace: Workspace) -> Path:
    """Where the tables to be published are built; its name gives dbt and the release the same catalogue name."""
    return workspace.warehouse / "build" / "procurement.duckdb"


def working_database(workspace: Workspace) -> Path:
    """Where everything lies that is not published: a file of its own, so that a release is a copy of the other."""
    return workspace.warehouse / "build" / f"{WORKING}.duckdb"


def connect(workspace: Workspace) -> duckdb.DuckDBPyConnection:
    """A writing connection to both build databases, with bounded memory; schemas are found without their file."""
    connection = duckdb.connect(str(build_database(workspace)), config=_limits(workspace))
    connection.execute(f"attach if not exists '{quoted(working_database(workspace))}' as {WORKING}")
    for schema in WORKING_SCHEMAS:
        connection.execute(f"create schema if not exists {WORKING}.{schema}")
    path = ",".join(["procurement.main", *(f"{WORKING}.{schema}" for schema in WORKING_SCHEMAS)])
    connection.execute(f"set search_path = '{path}'")
    return connection


def _limits(workspace: Workspace) -> dict[str, str]:
    """The same bounds as dbt works within, from its profile."""
    spill = workspace.warehouse / "tmp"
    spill.mkdir(parents=True, exist_ok=True)
    profile = read_yaml(DBT_DIR / "profiles.yml")
    options = profile["mattstock"]["outputs"]["embedded"]["config_options"]
    return {name: str(value) for name, value in options.items()} | {"temp_directory": str(spill)}


def quoted(path: Path) -> str:
    """A path as it stands between quotes in SQL."""
    return str(path).replace("'", "''")


def fresh(workspace: Workspace, settings: Settings, as_of: date) -> duckdb.DuckDBPyConnection:
    """An empty build database with the run's settings in schema `run`; leftovers of a run that died are removed."""
    folder = build_database(workspace).parent
    folder.mkdir(parents=True, exist_ok=True)
    for path in (build_database(workspace), working_database(workspace)):
        _wait_for_orphan(path)
    for leftover in folder.glob("*.duckdb*"):
        leftover.unlink()
    connection = connect(workspace)
    _table(
        connection,
        "settings",
        pl.DataFrame(
            {
                "as_of": [as_of],
                "organisation": [settings.organisation],
                "all_members": [settings.members == "all"],
                "exclude_works": [settings.scope.exclude_works],
                "planning_window_months": [settings.planning_window_months],
                "maturity_cutoff": [settings.maturity_cutoff],
            }
        ),
    )
    members = () if settings.members == "all" else settings.members
    _table(
        connection,
        "members",
        pl.DataFrame(
            [{"member_code": m.code, "member_name": m.name} for m in members],
            schema={"member_code": pl.String, "member_name": pl.String},
        ),
    )
    region = [("county", code) for code in settings.region.counties]
    region += [("municipality", code) for code in settings.region.municipalities]
    _table(
        connection,
        "region",
        pl.DataFrame(region, schema={"kind": pl.String, "code": pl.String}, orient="row"),
    )
    _table(
        connection,
        "excluded_procedures",
        pl.DataFrame({"procedure": list(settings.scope.exclude_procedures)}, schema={"procedure": pl.String}),
    )
    rate = settings.coordination_hourly_rate
    rates = rate if isinstance(rate, dict) else {0: rate} if rate is not None else {}
    _table(
        connection,
        "hourly_rates",
        pl.DataFrame(
            sorted(rates.items()), schema={"from_year": pl.Int64, "rate": pl.Decimal(18, 2)}, orient="row"
        ),
    )
    thresholds = [(threshold.from_, threshold.amount) for threshold in settings.direct_award_thresholds]
    _table(
        connection,
        "direct_award_thresholds",
        pl.DataFrame(thresholds, schema={"from_date": pl.Date, "amount": pl.Decimal(18, 2)}, orient="row"),
    )
    _table(connection, "source_conflicts", pl.DataFrame(schema=CONFLICTS_SCHEMA))
    for name, frame in zip(SAMPLE_TABLES, read_samples(workspace), strict=True):
        _table(connection, name, frame)
    return connection


def _wait_for_orphan(path: Path) -> None:
    """Wait for a dbt that outlived its killed run: it still writes beside the file that is about to be made anew."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    while path.exists():
        try:
            duckdb.connect(str(path), read_only=True).close()
        except duckdb.Error as error:
            if "lock" not in str(error).lower() or time.monotonic() > deadline:
                return  # damaged by the kill, or held beyond reason: removing it is all that is left
            time.sleep(0.2)
        else:
            return


def write_arrivals(
    connection: duckdb.DuckDBPyConnection,
    reconciled: Reconciled,
    deliveries: Sequence[Delivery],
) -> None:
    """What arrived and how it fared, for the marts about trust and for `no_data`."""
    _table(
        connection,
        "deliveries",
        pl.DataFrame(
            [
                {
                    "source": name,
                    "is_delivered": outcome.is_delivered,
                    "is_register": outcome.is_register,
                    "accepted_share": 1.0,
                }
                for name, outcome in reconciled.sources.items()
            ],
            schema={
                "source": pl.String,
                "is_delivered": pl.Boolean,
                "is_register": pl.Boolean,
                "accepted_share": pl.Float64,
            },
        ).sort("source"),
    )
    schema: dict[str, Any] = {
        name: pl.String if name in ("source", "file") else pl.Int64 for name in FileCount.__dataclass_fields__
    }
    _table(
        connection,
        "quality_summary",
        pl.DataFrame([asdict(count) for count in reconciled.files], schema=schema),
    )
    _table(connection, "quality_issues", reconciled.issues.cast(ISSUES_SCHEMA))  # type: ignore[arg-type]
    _table(
        connection,
        "source_files",
        pl.DataFrame(
            [
                {
                    "source": d.source,
                    "file": d.file,
                    "sha256": d.sha256,
                    "size_bytes": d.size,
                    "modified_at": d.modified_at.replace(tzinfo=None),
                }
                for d in deliveries
            ],
            schema={
                "source": pl.String,
                "file": pl.String,
                "sha256": pl.String,
                "size_bytes": pl.Int64,
                "modified_at": pl.Datetime("us"),
            },
        ),
    )


def write_expected(connection: duckdb.DuckDBPyConnection, due: Sequence[Due]) -> None:
    """The expected deliveries and whether they came, for the mart `deliveries_due`."""
    schema: dict[str, Any] = {
        "source": pl.String,
        "unit": pl.String,
        "period": pl.String,
        "period_start": pl.Date,
        "period_end": pl.Date,
        "due_date": pl.Date,
        "arrived_at": pl.Datetime("us"),
        "last_arrival": pl.Datetime("us"),
        "status": pl.String,
    }
    rows = [
        asdict(one)
        | {
            name: moment and moment.replace(tzinfo=None)
            for name, moment in (("arrived_at", one.arrived_at), ("last_arrival", one.last_arrival))
        }
        for one in due
    ]
    _table(connection, "expected", pl.DataFrame(rows, schema=schema))


def write_accepted_shares(connection: duckdb.DuckDBPyConnection, shares: Mapping[str, float]) -> None:
    """Tell dbt of the sources that lost more rows than their tolerance and are computed with all the same."""
    for source, share in shares.items():
        connection.execute("update run.deliveries set accepted_share = ? where source = ?", [share, source])


def show_arrivals(connection: duckdb.DuckDBPyConnection) -> None:
    """Put what was found at arrival where a stopped candidate is read from."""
    for name in ("quality_summary", "quality_issues"):
        connection.execute(f"create or replace table main.data_{name} as select * from run.{name}")


def write_quarantine(workspace: Workspace, reconciled: Reconciled) -> None:
    """The open errors as one list per source under quarantine/, for Excel; made anew in every run."""
    folder = workspace.quarantine
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.csv"):
        old.unlink()
    open_errors = reconciled.issues.filter((pl.col("severity") == "error") & pl.col("is_open"))
    for (source,), rows in open_errors.group_by("source"):
        # A text that begins like a formula must stay a text when the list is opened in Excel; a number may stay.
        safe = rows.drop("is_open").with_columns(
            pl.when(
                pl.col(pl.String).str.contains(r"^[\s\x00-\x1f]*[=+\-@]|^[\t\r\n]")
                & ~pl.col(pl.String).str.contains(r"^[+\-]?[0-9][0-9 .,\x{a0}]*$")
            )
            .then(pl.lit("'") + pl.col(pl.String))
            .otherwise(pl.col(pl.String))
            .name.keep()
        )
        safe.write_csv(folder / f"{source}.csv", separator=";", include_bom=True)


def write_verdicts(connection: duckdb.DuckDBPyConnection, verdicts: Sequence[Verdict]) -> None:
    """Every expectation's result, as the mart `validation_results`."""
    names = [
        "suite",
        "name",
        "kind",
        "success",
        "expected",
        "observed",
        "threshold",
        "severity",
        "blocking",
        "examples",
        "why",
    ]
    schema: dict[str, Any] = {
        name: pl.Boolean if name in ("success", "blocking") else pl.String for name in names
    }
    rows = [{name: asdict(verdict)[name] for name in names} for verdict in verdicts]
    _table(connection, "validation_results", pl.DataFrame(rows, schema=schema), schema="main")


def write_dictionary(
    connection: duckdb.DuckDBPyConnection, manifest: Path, also: Mapping[str, Mapping[str, tuple[str, str]]]
) -> None:
    """The mart `mart_columns`: every published column with its Swedish name, and its type, unit and
    description as declared in dbt.

    `also` holds type and description by table and column for what is made when the release is built.
    """
    schema = dict.fromkeys(("table", "column", "name_sv", "type", "unit", "description"), pl.String)
    _table(connection, "mart_columns", pl.DataFrame(schema=schema), schema="main")
    described = _declared_columns(json.loads(manifest.read_text(encoding="utf-8")))
    unknown: dict[str, str | None] = {"unit": None, "description": None}
    rows: list[dict[str, str | None]] = [
        {
            "table": table,
            "column": column,
            "name_sv": column_heading(table, column),
            "type": kind,
            **described.get((table, column), unknown),
        }
        for table, column, kind in connection.execute(
            "select table_name, column_name, data_type from information_schema.columns "
            "where table_schema = 'main' and table_catalog = current_database() "
            "order by table_name, ordinal_position"
        ).fetchall()
    ]
    for table, columns in also.items():
        for column, (kind, description) in columns.items():
            rows.append(
                {
                    "table": table,
                    "column": column,
                    "name_sv": column_heading(table, column),
                    "type": kind,
                    "unit": None,
                    "description": description,
                }
            )
    _table(connection, "mart_columns", pl.DataFrame(rows, schema=schema).sort("table"), schema="main")


def _declared_columns(manifest: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, str | None]]:
    described: dict[tuple[str, str], dict[str, str | None]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["schema"] == "main":
            for column in node["columns"].values():
                meta = column.get("config", {}).get("meta", {}) or column.get("meta", {})
                described[node["name"], column["name"]] = {
                    "unit": meta.get("unit"),
                    "description": " ".join(column["description"].split()) or None,
                }
    written_here = read_yaml(DBT_DIR / "written_after_dbt.yml")
    for table in written_here["tables"]:
        for column, description in table["columns"].items():
            described[table["name"], column] = {"unit": None, "description": description}
    return described


def _table(
    connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame, schema: str = "run"
) -> None:
    connection.register("incoming", frame.to_arrow())
    connection.execute(f"create or replace table {schema}.{name} as select * from incoming")
    connection.unregister("incoming")

"""The published tables once more as views with Swedish names, schema `sv`, for those who work in Excel and Power BI.

What belongs here: making the views. What does not: the names, which are one list (`messages/marts_sv.yml`), and any
query on the tables: a view shows its table column by column and adds nothing.
"""

from __future__ import annotations

import duckdb

from dagster_project.messages.marts import VIEW_SCHEMA, view_column, view_name


def make_swedish_views(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """Make the schema anew in the attached `database`: a view for every table and view of its `main`.

    The definitions name `main` and no database, so that the file can be attached under any name.
    """
    connection.execute("BEGIN")  # written to disk once, not view by view
    connection.execute(f"CREATE OR REPLACE SCHEMA {database}.{VIEW_SCHEMA}")
    columns = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = 'main' AND NOT internal GROUP BY table_name ORDER BY table_name",
        [database],
    ).fetchall()
    for table, names in columns:
        shown = ", ".join(f"{_name(name)} AS {_name(view_column(table, name))}" for name in names)
        connection.execute(
            f"CREATE VIEW {database}.{VIEW_SCHEMA}.{_name(view_name(table))} AS SELECT {shown} FROM main.{_name(table)}"
        )
    connection.execute("COMMIT")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

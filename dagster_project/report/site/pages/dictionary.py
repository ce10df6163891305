"""The data dictionary: every column of every published table, in both languages, with a search.

What does not belong here: what a column means, which is declared beside its model.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.messages.marts import VIEW_SCHEMA, table_heading, view_name
from dagster_project.report.site.page import Kind, Made, Work


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    columns = reading.rows(
        'select "table" as name, "column" as column_name, name_sv, type, unit, description from mart_columns '
        'order by "table", rowid'
    )
    tables = sorted({column["name"] for column in columns})
    yield Made(
        "dictionary.html",
        "dictionary.html",
        reading.say("report.menu.dictionary"),
        {
            "columns": columns,
            "headings": {name: table_heading(name, reading.language) for name in tables},
            "views": {name: f"{VIEW_SCHEMA}.{view_name(name)}" for name in tables},
        },
    )


KIND = Kind(
    name="dictionary",
    order=81,
    needs=frozenset({"mart_columns"}),
    make=_make,
    menu="dictionary.html",
    under="release",
)

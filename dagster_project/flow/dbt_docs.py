"""dbt's own documentation of the models as one page, laid in the release: `docs/dbt.html`.

The page is put together from the manifest that the run was made with, in a moment; `dbt docs generate` would parse and
ask the databases for seconds. Run times, ids and paths of this computer are left out, and so are the tests: the same
models give the same page.

What does not belong here: the data dictionary in words (`mart_columns`, and the site's page of it).
"""

from __future__ import annotations

import json
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb

# Nothing is asked of any network, whatever the page's script would like.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:"
)
KINDS = ("model",)
OF_THE_RUN = ("build_path", "compiled_path", "compiled_code", "created_at", "root_path", "unrendered_config")
OVERVIEW = """### Måttstock

The models behind the release that this page lies in: what each holds, column by column, what it is made from and what
is made from it. Open `procurement.duckdb` to read the tables; `docs/analysts.md` of the project tells how."""
_PLACES = ('"MANIFEST.JSON INLINE DATA"', '"CATALOG.JSON INLINE DATA"')


def write_dbt_docs(manifest: Path, database: Path, file: Path) -> None:
    """Write the page to `file`, whose folder is made when missing.

    `manifest` is dbt's of the run, `database` the published one, which the columns' types are read from. Raises
    RuntimeError where the installed dbt has no such page or another than this was written for.
    """
    pruned = _pruned(json.loads(manifest.read_text(encoding="utf-8")))
    page = _template()
    for place, told in zip(_PLACES, (pruned, _catalogue(pruned, database)), strict=True):
        if place not in page:
            raise RuntimeError(f"dbt's page of documentation has no place for {place}")
        # In a script element: no `</script>` of a description may end it.
        page = page.replace(
            place, json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8", newline="\n")


def _template() -> str:
    package = find_spec("dbt.task.docs")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("the installed dbt has no page of documentation")
    page = Path(package.submodule_search_locations[0], "index.html").read_text(encoding="utf-8")
    return page.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">', 1)


def _pruned(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest without tests, macros, and what differs from run to run."""
    nodes = {
        name: {key: value for key, value in node.items() if key not in OF_THE_RUN}
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in KINDS
    }
    sources = {
        name: {key: value for key, value in source.items() if key not in OF_THE_RUN}
        for name, source in manifest["sources"].items()
    }
    known = {*nodes, *sources}
    overview = {"package_name": "mattstock", "name": "__overview__", "block_contents": OVERVIEW}
    empty = (
        "macros",
        "exposures",
        "metrics",
        "groups",
        "selectors",
        "disabled",
        "saved_queries",
        "semantic_models",
    )
    return {
        "metadata": {
            "project_name": manifest["metadata"]["project_name"],
            "adapter_type": manifest["metadata"]["adapter_type"],
            "dbt_version": manifest["metadata"]["dbt_version"],
            "generated_at": "",
            "send_anonymous_usage_stats": False,
        },
        "nodes": nodes,
        "sources": sources,
        "docs": {"doc.mattstock.__overview__": overview | {"unique_id": "doc.mattstock.__overview__"}},
        **{name: {} for name in (*empty, "unit_tests")},
        **{
            way: {
                name: [one for one in manifest[way][name] if one in known]
                for name in manifest[way]
                if name in known
            }
            for way in ("parent_map", "child_map")
        },
    }


def _catalogue(manifest: dict[str, Any], database: Path) -> dict[str, Any]:
    """What a catalogue of dbt tells of the published tables: their kinds, and their columns' types."""
    columns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with duckdb.connect(str(database), read_only=True) as connection:
        for table, column, kind in connection.execute(
            "select table_name, column_name, data_type from information_schema.columns "
            "where table_schema = 'main' order by table_name, ordinal_position"
        ).fetchall():
            columns[table].append((column, kind))
    return {
        "metadata": {"generated_at": ""},
        "nodes": {
            name: {
                "unique_id": name,
                "metadata": {
                    "type": node["config"]["materialized"],
                    "schema": node["schema"],
                    "name": node["name"],
                    "database": node["database"],
                },
                "columns": {
                    column: {"type": kind, "index": place, "name": column}
                    for place, (column, kind) in enumerate(columns[node["name"]], start=1)
                },
                "stats": {},
            }
            for name, node in manifest["nodes"].items()
            if node["schema"] == "main" and node["name"] in columns
        },
        "sources": {},
        "errors": None,
    }

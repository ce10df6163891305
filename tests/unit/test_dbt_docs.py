"""dbt's page of documentation in a release: complete, the same for the same models, and without a network."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.flow.dbt_docs import write_dbt_docs
from tests.browser.chromium import browsing, program


def node(name: str, schema: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "schema": schema, "database": "procurement", "resource_type": "model",
        "package_name": "mattstock", "raw_code": "select 1 as a",
        "unique_id": f"model.mattstock.{name}", "path": f"marts/{name}.sql", "original_file_path": f"models/{name}.sql",
        "fqn": ["mattstock", "marts", name], "alias": name, "description": "En tabell; </script> slutar inget.",
        "columns": {"a": {"name": "a", "description": "Kolumnen.", "meta": {}, "data_type": None, "tags": []}},
        "config": {"materialized": "table"}, "tags": [], "meta": {}, "docs": {"show": True},
        "language": "sql", "refs": [], "depends_on": {"nodes": [], "macros": []}, "access": "protected",
        "relation_name": f'"procurement"."{schema}"."{name}"', "created_at": 1.5, "version": None, "group": None,
        "compiled_path": "/somewhere/else.sql", **more,
    }  # fmt: skip


MANIFEST: dict[str, Any] = {
    "metadata": {
        "project_name": "mattstock",
        "adapter_type": "duckdb",
        "dbt_version": "1.11.16",
        "generated_at": "2023-01-31T00:00:00Z",
        "invocation_id": "one",
    },
    "nodes": {
        "model.mattstock.kpi_one": node("kpi_one", "main"),
        "model.mattstock.int_two": node("int_two", "work"),
        "test.mattstock.three": node("three", "main", resource_type="test"),
    },
    "sources": {},
    "parent_map": {
        "model.mattstock.kpi_one": ["model.mattstock.int_two"],
        "model.mattstock.int_two": [],
        "test.mattstock.three": ["model.mattstock.kpi_one"],
    },
    "child_map": {
        "model.mattstock.kpi_one": ["test.mattstock.three"],
        "model.mattstock.int_two": ["model.mattstock.kpi_one"],
    },
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "procurement.duckdb")) as con:
        con.execute("create table kpi_one (a decimal(18,2))")
    return tmp_path / "procurement.duckdb"


def page(folder: Path, database: Path, told: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    write_dbt_docs(folder / "manifest.json", database, folder / "docs" / "dbt.html")
    return folder / "docs" / "dbt.html"


def test_two_runs_of_the_same_models_give_the_same_page(tmp_path: Path, database: Path) -> None:
    later = copy.deepcopy(MANIFEST)
    later["metadata"] |= {"generated_at": "2024-01-01T00:00:00Z", "invocation_id": "two"}
    later["nodes"]["model.mattstock.kpi_one"] |= {"created_at": 2.5, "compiled_path": "/another/place.sql"}
    first, second = page(tmp_path / "a", database, MANIFEST), page(tmp_path / "b", database, later)
    assert first.read_bytes() == second.read_bytes()
    assert "/somewhere" not in first.read_text(encoding="utf-8")


def test_no_description_ends_the_script(tmp_path: Path, database: Path) -> None:
    text = page(tmp_path / "a", database, MANIFEST).read_text(encoding="utf-8")
    assert "</script> slutar" not in text
    assert "\\u003c/script> slutar" in text
    assert "three" not in re.findall(r'"test\.mattstock\.(\w+)"', text)


def test_it_opens_from_disk_and_asks_for_nothing(tmp_path: Path, database: Path) -> None:
    if program() is None:
        pytest.skip("no Chromium on this computer")
    file = page(tmp_path / "a", database, MANIFEST)
    with browsing(tmp_path / "profile") as tab:
        tab.open(f"{file.as_uri()}#!/model/model.mattstock.kpi_one")
        tab.until("document.body.innerText.includes('DECIMAL(18,2)')")
        assert "Kolumnen." in tab.run("document.body.innerText")
        assert [one for one in tab.requests if not one.startswith(("file:", "data:"))] == []

"""docs/notebook/marts.py is executed on a published release, and shows what the marts hold."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.settings import Workspace

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebook" / "marts.py"


@pytest.fixture
def shown(published: Workspace, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the notebook's cells have found, by name."""
    monkeypatch.setattr(sys, "argv", [str(NOTEBOOK), "--data", str(published.root)])
    spec = importlib.util.spec_from_file_location("notebook", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    _, found = notebook.app.run()
    return dict(found)


def test_the_notebook_runs_and_shows_the_marts(shown: dict[str, Any], published: Workspace) -> None:
    with duckdb.connect(str(published.current_database), read_only=True) as release:
        [(trend,)] = release.execute(
            "select count(*) from kpi_values where kpi_id = ? and member_code = 'ALL' and category_group = 'ALL' "
            "and period_type = 'r12' and actual is not null",
            [shown["indicator"].value],
        ).fetchall()
        [(wild,)] = release.execute(
            "select sum(amount_net) from fct_invoice_line where compliance_class = 'wild' "
            "and booking_date between '2022-01-01' and '2022-12-31'"
        ).fetchall()
    assert shown["trend"].height == trend > 4
    assert dict(shown["ladder"].iter_rows())["wild_amount"] == wild > 0
    assert shown["summed"] == pytest.approx(40 / 59)
    assert shown["records"].height > 59

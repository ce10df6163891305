"""The smallest world that has everything dbt needs: the three required sources, and one indicator more than shipped."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from dagster_project.flow import build
from dagster_project.flow.refresh import Refresh
from dagster_project.scaffold import new_indicator
from dagster_project.settings import Workspace
from tests.dbt_here import dbt_in
from tests.deliveries import deliver
from tests.once import once

NEW = "electric_vehicle_share"


@dataclass(frozen=True)
class SmallWorld:
    """A copy of the dbt project with a new indicator, built over three delivered sources; what dbt said by node."""

    project: Path
    workspace: Workspace
    told: dict[str, str]


def copied(folder: Path) -> Path:
    """The dbt project without what dbt has made of it."""
    return Path(shutil.copytree(build.DBT_DIR, folder / "dbt", ignore=shutil.ignore_patterns("target")))


@pytest.fixture(scope="session")
def small_world(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> SmallWorld:
    """Every model, and of the worked examples that of the new indicator. A copy, as looking opens the databases."""
    folder = shared / "small"
    project = folder / "dbt"

    def made() -> dict[str, str]:
        new_indicator(NEW, copied(folder))
        workspace = deliver(folder / "data", {})
        with pytest.MonkeyPatch.context() as patch, Refresh(workspace, date(2022, 12, 31)) as refresh:
            patch.setattr(build, "DBT_DIR", project)
            refresh.arrive()
            refresh.open_for_dbt()
            return dbt_in(workspace, "run") | dbt_in(workspace, "build", "--select", f"kpi_{NEW}")

    told = once(folder, made)
    data = shutil.copytree(folder / "data", tmp_path_factory.mktemp("small") / "data", symlinks=True)
    return SmallWorld(project, Workspace(Path(data)), told)

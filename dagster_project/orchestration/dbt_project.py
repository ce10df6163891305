"""Where dbt's project and manifest lie, and how dbt's models appear as assets."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation, DbtCliResource
from dagster_dbt.dbt_manifest import validate_manifest
from packaging.version import Version

from dagster_project.flow.dbt_process import PROJECT, DbtProcess
from dagster_project.settings import DBT_DIR

TARGET = DBT_DIR / "target"
MANIFEST = TARGET / "manifest.json"
STAMP = TARGET / "parsed_from.sha256"


class Translator(DagsterDbtTranslator):
    """dbt's models as assets, in groups that read as the flow."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """staging, intermediate, or the mart's folder."""
        path = Path(dbt_resource_props["original_file_path"]).parts
        layer = path[1] if len(path) > 2 else "sources"
        return {"staging": "d_staging", "intermediate": "e_intermediate"}.get(
            layer, f"f_{'_'.join(path[1:-1])}"
        )


def dbt_cli() -> DbtCliResource:
    """The dbt that was installed beside this Python."""
    executable = Path(sys.executable).with_name("mattstock-dbt")
    return DbtCliResource(project_dir=str(DBT_DIR), profiles_dir=str(DBT_DIR), dbt_executable=str(executable))


def building(dbt: DbtProcess, context: dg.AssetExecutionContext) -> DbtCliInvocation:
    """Tell dbt to build; the invocation whose events are Dagster's.

    Made by hand, because the resource would start a dbt of its own and load a second one into this process.
    """
    return DbtCliInvocation(
        process=dbt.build(),
        manifest=validate_manifest(MANIFEST),
        dagster_dbt_translator=Translator(),
        project_dir=DBT_DIR,
        target_path=dbt.target,
        raise_on_error=True,
        cli_version=Version(version("dbt-core")),
        context=context,
    )


def manifest() -> Path:
    """dbt's manifest, parsed anew when a file of the dbt project has changed since."""
    now = _fingerprint()
    if not (MANIFEST.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == now):
        TARGET.mkdir(parents=True, exist_ok=True)
        dbt_cli().cli(["parse", "--quiet", *PROJECT], target_path=TARGET).wait()
        STAMP.write_text(now, encoding="utf-8")
    return MANIFEST


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for pattern in ("*.yml", "models/**/*", "macros/**/*", "materializations/**/*", "tests/**/*"):
        for path in sorted(DBT_DIR.glob(pattern)):
            if path.is_file():
                digest.update(path.relative_to(DBT_DIR).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

"""dbt over the build databases of a data folder, started as a run starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from dagster_project.flow import build
from dagster_project.settings import Workspace, environment


def dbt_in(workspace: Workspace, *command: str) -> dict[str, str]:
    """The status and message of every node of one dbt command, by unique id."""
    target = build.build_database(workspace).with_name("target")
    results = target / "run_results.json"
    results.unlink(missing_ok=True)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("mattstock-dbt")),
            *command,
            *("--project-dir", str(build.DBT_DIR)),
            *("--profiles-dir", str(build.DBT_DIR)),
        ],
        env={**environment(), "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert results.exists(), done.stdout + done.stderr
    told = json.loads(results.read_text(encoding="utf-8"))["results"]
    return {node["unique_id"]: f"{node['status']} {node['message'] or ''}" for node in told}

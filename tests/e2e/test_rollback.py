"""Going back to an earlier release holds over the night; what ends it is tried in tests/unit/test_rollback.py."""

from __future__ import annotations

from pathlib import Path

import duckdb

from dagster_project.flow import history
from dagster_project.settings import Workspace
from tests.deliveries import BASE, deliver
from tests.e2e.conftest import Command

DELIVERY = "procurements/p.csv"
ONE_MORE = BASE[DELIVERY] + "P3;Kakao;K1;open;2021-02-10;2021-04-01\n"


def in_force(workspace: Workspace) -> tuple[str, int]:
    with duckdb.connect(str(workspace.current_database), read_only=True) as reader:
        [(rows,)] = reader.execute("select count(*) from dim_procurement").fetchall()
    return (workspace.marts / "current").resolve().name, rows


def test_a_rollback_holds_over_the_night_and_the_run_says_why(tmp_path: Path, mattstock: Command) -> None:
    workspace = deliver(tmp_path / "data", {})
    data = ("--data", workspace.root)

    def run(as_of: str) -> str:
        done = mattstock("run", *data, "--as-of", as_of)
        assert done.returncode == 0, done.stdout + done.stderr
        return " ".join(done.stdout.split())

    run("2022-12-29")
    first = in_force(workspace)
    (workspace.raw / DELIVERY).write_text(ONE_MORE, encoding="utf-8")
    run("2022-12-29")
    second = in_force(workspace)
    assert [first[1], second[1]] == [2, 3]

    gone_back = mattstock("rollback", first[0], *data)
    assert gone_back.returncode == 0
    assert second[0] in gone_back.stdout
    said = run("2022-12-30")
    assert in_force(workspace) == first
    for words in (first[0], f"raw/{DELIVERY}", f"mattstock rollback {second[0]}"):
        assert words in said
    assert [past.ending for past in history.last(workspace, 9)] == ["published", "published", "held_back"]

"""Real runs over a folder full of hostile deliveries: the release stands, each file is named, the rest is published."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.flow.ingest import deliveries
from dagster_project.settings import Workspace
from tests import hostile
from tests.deliveries import BASE, deliver

AS_OF = "2022-12-31"
SMALL_XML = ("billion laughs.xml", "external entity.xml", "zip bomb.zip")
LARGE = ("gzip bomb.csv.gz", "zip bomb that lies.xlsx")
# Coverage tells what was refused, and so must differ.
FIGURES = "select * exclude (coverage) from kpi_values order by all"
# The same rows as the ordinary delivery: nothing but the name is hostile, and the rows are counted as repeated.
NAMES = (
    b"two\nlines and \x1b[31mred.csv",
    b'it\'s "quoted"; drop table x --.csv',
    b"=cmd() [b] {file} %s $(id).csv",
    b"latin-\xe5.csv",
    b"star*[a]?.csv",
)


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    said: str


def mattstock(command: str, workspace: Workspace, *options: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", command, "--data", str(workspace.root), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout + done.stderr)


@dataclass(frozen=True)
class World:
    """A data folder with a release, in which everything hostile was then delivered, and how it went."""

    workspace: Workspace
    refused: frozenset[str]
    repeated: frozenset[str]
    in_force: Path
    figures: list[tuple[object, ...]]
    check: Ran
    run: Ran
    after_run: Path
    rejected: Path
    listed: pl.DataFrame
    accepting: Ran


def figures(workspace: Workspace) -> list[tuple[object, ...]]:
    with duckdb.connect(str(workspace.current_database), read_only=True) as con:
        return con.execute(FIGURES).fetchall()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    workspace = deliver(tmp_path_factory.mktemp("hostile") / "da*ta it's", {})
    first = mattstock("run", workspace, "--as-of", AS_OF)
    assert first.code == 0, first.said
    in_force = (workspace.marts / "current").resolve()
    before = figures(workspace)
    ordinary = {delivery.file for delivery in deliveries(workspace)}
    here = workspace.raw / "participants"
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(here) + b"/" + name)).write_text(
            BASE["participants/d.csv"], encoding="utf-8"
        )
    repeated = {delivery.file for delivery in deliveries(workspace)} - ordinary
    for name in (*hostile.SMALL, *LARGE):
        hostile.write(here, name)
    (here / "outside.csv").symlink_to("/etc/hostname")
    (here / "nowhere.csv").symlink_to("nothing")
    os.mkfifo(here / "pipe.csv")
    for kind in ("invoices", "notices"):
        (workspace.raw / kind).mkdir()
        for name in SMALL_XML:
            hostile.write(workspace.raw / kind, name)
    refused = {delivery.file for delivery in deliveries(workspace)} - ordinary - repeated
    check = mattstock("check", workspace, "--as-of", AS_OF)
    run = mattstock("run", workspace, "--as-of", AS_OF)
    after_run = (workspace.marts / "current").resolve()
    [rejected] = (workspace.marts / "rejected").iterdir()
    listed = pl.concat(
        pl.read_csv(path, separator=";", infer_schema=False) for path in workspace.quarantine.glob("*.csv")
    )
    accepting = mattstock("run", workspace, "--as-of", AS_OF, "--accept-quarantine")
    for name in LARGE:
        (here / name).unlink()
    return World(
        workspace,
        frozenset(refused),
        frozenset(repeated),
        in_force,
        before,
        check,
        run,
        after_run,
        rejected,
        listed,
        accepting,
    )


def test_a_check_and_a_run_stop_and_the_release_stands(world: World) -> None:
    assert world.check.code == 2, world.check.said
    assert world.run.code == 2, world.run.said
    assert world.after_run == world.in_force


def test_every_file_is_named_on_screen_in_the_list_and_in_the_report(world: World) -> None:
    assert len(world.refused) == len(hostile.SMALL) + len(LARGE) + 3 + 2 * len(SMALL_XML)
    screens = ["".join(ran.said.split()) for ran in (world.check, world.run)]
    listed = set(world.listed["file"])
    with duckdb.connect(str(world.rejected / "procurement.duckdb"), read_only=True) as con:
        reported = {
            file
            for (file,) in con.execute(
                "select file from data_quality_issues where rule like 'file.%' and severity = 'error' and is_open"
            ).fetchall()
        }
    assert listed == reported == world.refused
    for file in world.refused:
        assert all("".join(file.split()) in screen for screen in screens)


def test_no_row_is_lost_from_the_counts(world: World) -> None:
    with duckdb.connect(str(world.rejected / "procurement.duckdb"), read_only=True) as con:
        counts = {
            file: tuple(rest)
            for file, *rest in con.execute(
                "select file, rows_read, rows_accepted, rows_quarantined, rows_repeated, rows_skipped "
                "from data_quality_summary where source in ('participants', 'invoices', 'notices')"
            ).fetchall()
        }
    assert counts.keys() >= world.refused | world.repeated
    for read, *fates in counts.values():
        assert read == sum(fates)
    # Of the equal deliveries one stands, whatever the names of the others.
    assert sum(accepted for _, accepted, *_ in counts.values()) == 3
    assert sum(repeated for *_, repeated, _ in counts.values()) == 3 * len(world.repeated)


def test_no_traceback_is_shown_or_kept(world: World) -> None:
    texts = [world.check.said, world.run.said, world.accepting.said, world.listed.write_csv()]
    texts += [path.read_text(encoding="utf-8") for path in world.rejected.glob("*.json")]
    for text in texts:
        assert "Traceback" not in text
        assert "panicked" not in text
        assert "\x1b[31m" not in text
    assert list((world.workspace.warehouse / "logs").glob("fault-*")) == []


def test_accepting_quarantine_publishes_the_same_figures_without_them(world: World) -> None:
    assert world.accepting.code == 0, world.accepting.said
    current = (world.workspace.marts / "current").resolve()
    assert current != world.in_force
    assert figures(world.workspace) == world.figures
    with duckdb.connect(str(world.workspace.current_database), read_only=True) as con:
        published = {file for (file,) in con.execute("select file from source_files").fetchall()}
    assert published >= world.refused | world.repeated

"""Real Dagster runs that a gate stops: the earlier release stands, the candidate is laid aside, nothing runs on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import Workspace
from tests.deliveries import BASE, deliver
from tests.mending import mend, workbooks


def mattstock(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("mattstock")), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = deliver(tmp_path_factory.mktemp("gates") / "data", {})
    code, said = mattstock("run", "--data", str(workspace.root), "--as-of", "2022-12-31")
    assert code == 0, said
    return workspace


def test_the_first_run_publishes_and_the_second_finds_nothing_new(published: Workspace) -> None:
    in_force = (published.marts / "current").resolve().name
    code, said = mattstock("run", "--data", str(published.root), "--as-of", "2022-12-31")
    assert code == 0
    assert "Inget nytt" in said
    assert (published.marts / "current").resolve().name == in_force


def test_a_stopped_run_leaves_the_earlier_release_and_a_report(published: Workspace) -> None:
    in_force = (published.marts / "current").resolve().name
    bad = published.raw / "participants" / "z.csv"
    bad.write_text("procurement_id;unit_id\nP8;u1\nP9;u1\n", encoding="utf-8")
    try:
        code, said = mattstock("run", "--data", str(published.root), "--as-of", "2022-12-31")
        assert code == 2, said
        assert "raw/participants/z.csv rad 2" in said
        assert "Traceback" not in said
        assert (published.marts / "current").resolve().name == in_force
        [*_, rejected] = sorted((published.marts / "rejected").iterdir())
        assert "own_errors_within_tolerance" in (rejected / "validation_report.json").read_text(
            encoding="utf-8"
        )
        with duckdb.connect(str(rejected / "procurement.duckdb"), read_only=True) as con:
            [(count,)] = con.execute(
                "select count(*) from data_quality_issues where severity = 'error'"
            ).fetchall()
        assert count == 2
        code, said = mattstock("check", "--data", str(published.root))
        assert code == 2
        code, said = mattstock(
            "run", "--data", str(published.root), "--as-of", "2022-12-31", "--accept-quarantine"
        )
        assert code == 0, said
        assert "--accept-quarantine" in said
    finally:
        bad.unlink()


def test_a_stopped_run_goes_on_when_its_workbooks_have_been_mended(published: Workspace) -> None:
    in_force = (published.marts / "current").resolve().name
    bad = published.raw / "participants" / "z.csv"
    bad.write_text("procurement_id;unit_id\nP8;u1\nP9;u2\n", encoding="utf-8")
    mended: list[Path] = []
    try:
        code, said = mattstock("run", "--data", str(published.root), "--as-of", "2022-12-31")
        assert code == 2, said
        ready = workbooks(published)
        assert [path.name.rpartition("-")[0] for path in ready] == ["u1-participants", "u2-participants"]
        assert all(path.name in said for path in ready)
        for path in ready:
            mended.append(mend(published, path, lambda row: {"Diarienummer": "P2", "Deltagande enhet": "u2"}))
        code, said = mattstock("run", "--data", str(published.root), "--as-of", "2022-12-31")
        assert code == 0, said
        assert (published.marts / "current").resolve().name != in_force
        assert workbooks(published) == []
        with duckdb.connect(str(published.current_database), read_only=True) as con:
            counts = con.execute(
                "select rows_read, rows_accepted, rows_quarantined from data_quality_summary "
                "where source = 'participants' order by file"
            ).fetchall()
        assert sorted(counts) == [(1, 0, 0), (1, 1, 0), (2, 0, 2), (3, 3, 0)], "two rows with one key are one"
    finally:
        for path in (bad, *mended):
            path.unlink()


def test_the_same_deliveries_give_the_same_bytes(published: Workspace, tmp_path: Path) -> None:
    other = deliver(tmp_path / "again", {})
    (other.root / "secrets").mkdir(mode=0o700)
    key = (published.secrets / "pseudonym.key").read_bytes()
    (other.secrets / "pseudonym.key").write_bytes(key)
    (other.secrets / "pseudonym.key").chmod(0o600)
    code, said = mattstock("run", "--data", str(other.root), "--as-of", "2022-12-31")
    assert code == 0, said
    code, said = mattstock(
        "rollback",
        sorted(p.name for p in (published.marts / "releases").iterdir())[0],
        "--data",
        str(published.root),
    )
    assert code == 0, said
    exempt = {"releases.parquet", "source_files.parquet"}
    ours = {
        p.name: p.read_bytes()
        for p in (published.marts / "current" / "parquet").iterdir()
        if p.name not in exempt
    }
    theirs = {
        p.name: p.read_bytes()
        for p in (other.marts / "current" / "parquet").iterdir()
        if p.name not in exempt
    }
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_usage_errors_exit_1(tmp_path: Path) -> None:
    assert mattstock("run", "--as-off", "2021-01-01")[0] == 1
    assert mattstock("run", "--as-of", "igår")[0] == 1
    assert mattstock("explain", "bids_mean", "2021", "--data", str(tmp_path))[0] == 1
    code, said = mattstock("run", "--data", str(tmp_path))
    assert code == 1
    assert "organisation.yml" in said
    assert "Traceback" not in said


def test_a_settings_fault_names_the_nearest_key(tmp_path: Path) -> None:
    workspace = deliver(
        tmp_path, BASE, organisation="organisation: a\nmembers: ['1']\nretension: {releases: 3}\n"
    )
    code, said = mattstock("check", "--data", str(workspace.root))
    assert code == 1
    assert "retention" in said

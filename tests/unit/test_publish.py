"""Releases: what is in a candidate, how it comes in force, and what is kept. Real DuckDB files throughout."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.flow.lock import FolderLock
from dagster_project.flow.publish import (
    EXEMPT,
    Candidate,
    Input,
    ReleaseFacts,
    build_candidate,
    nothing_new,
    put_in_force,
    reject,
    same_tables,
)
from dagster_project.flow.releases import (
    PublishError,
    Release,
    clean_leftovers,
    current,
    releases,
    rollback,
    verify,
)
from dagster_project.settings import Retention, Settings, Workspace

SETTINGS = Settings(organisation="Provköping", members="all", retention=Retention(releases=3))
# What lies in another file than the one to be published.
SECRET = "ATTACH ':memory:' AS working; CREATE TABLE working.main.secret AS SELECT 1 AS a"
NOON = datetime(2026, 11, 21, 6, 45, tzinfo=UTC)


def facts(**changes: Any) -> ReleaseFacts:
    about = ReleaseFacts(
        released_at=NOON,
        as_of=date(2022, 12, 31),
        schema_version="1",
        code_version="abc",
        fingerprint="00ff00ff" * 8,
        inputs=(Input("suppliers/a.csv", "12" * 32, 7),),
        gate={"passed": True},
        sort_columns={"fct_line": ["line_id"]},
    )
    return replace(about, **changes)


def make_build(path: Path, order: str = "i", rows: int = 5000, threads: int = 1) -> Path:
    """A build database as dbt leaves it, its rows computed in some order."""
    path.unlink(missing_ok=True)
    with duckdb.connect(":memory:", config={"threads": threads}) as c:
        c.execute(f"ATTACH '{path}' AS procurement")
        c.execute("USE procurement")
        c.execute(
            "CREATE TABLE fct_line AS SELECT i // 2 AS line_id, i % 7 AS member,"
            " (i * 1.25)::DECIMAL(18,2) AS amount,"
            f" CASE WHEN i % 5 > 0 THEN 'ö' || i % 11 END AS word FROM range({rows}) r(i) ORDER BY {order}"
        )
        c.execute(f"CREATE TABLE plain AS SELECT i % 3 AS a, i AS b FROM range(100) r(i) ORDER BY {order}")
        c.execute("CREATE TABLE source_files AS SELECT 'a.csv' AS file, now()::TIMESTAMP AS read_at")
        c.execute("COMMENT ON TABLE fct_line IS 'Rader; it''s a line'")
        c.execute("COMMENT ON COLUMN fct_line.amount IS 'SEK'")
        c.execute(
            """CREATE VIEW zz_evidence AS SELECT * FROM "procurement"."main"."fct_line" WHERE "member" = 1"""
        )
        # Named so that it comes before the view that it reads.
        c.execute("""
            CREATE VIEW a_evidence AS WITH q AS (SELECT * FROM "procurement"."main"."zz_evidence")
            SELECT q.line_id, q.amount, 'procurement.main' AS said FROM q
            WHERE line_id IN (
                SELECT "procurement"."main"."fct_line".line_id FROM "procurement"."main"."fct_line"
            )
        """)
        c.execute("COMMENT ON VIEW zz_evidence IS 'Underlag'")
        c.execute("COMMENT ON COLUMN zz_evidence.amount IS 'SEK too'")
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return make_build(tmp_path / "procurement.duckdb")


def publish(build: Path, workspace: Workspace, **changes: Any) -> Release:
    return put_in_force(build_candidate(build, workspace, facts(**changes)), workspace, SETTINGS)


def parquet(candidate: Candidate) -> dict[str, bytes]:
    return {
        path.stem: path.read_bytes()
        for path in candidate.directory.glob("parquet/*")
        if path.stem not in EXEMPT
    }


# --------------------------------------------------------------------------------------- the candidate


def test_a_candidate_holds_main_and_nothing_else(build: Path, workspace: Workspace) -> None:
    candidate = build_candidate(build, workspace, facts())
    assert {name: table.kind for name, table in candidate.tables.items()} == {
        "fct_line": "table",
        "plain": "table",
        "releases": "table",
        "source_files": "table",
        "zz_evidence": "view",
        "a_evidence": "view",
    }
    assert candidate.tables["fct_line"].rows == 5000
    assert sorted(p.name for p in candidate.directory.rglob("*") if p.is_file()) == [
        "fct_line.parquet",
        "plain.parquet",
        "procurement.duckdb",
        "releases.parquet",
        "source_files.parquet",
    ]
    assert current(workspace) is None


def test_a_release_can_be_attached_under_any_name(build: Path, workspace: Workspace) -> None:
    release = publish(build, workspace)
    with duckdb.connect() as c:
        c.execute("CREATE TABLE fct_line AS SELECT 'not this one' AS line_id")
        c.execute(f"ATTACH '{release.database}' AS utfall (READ_ONLY)")
        assert c.execute("SELECT count(*), min(said) FROM utfall.a_evidence").fetchall() == [
            (715, "procurement.main")
        ]
        sql = " ".join(
            row[0] for row in c.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
        )
        assert '"procurement"' not in sql
        assert "procurement.main." not in sql
        schemas = c.execute("SELECT DISTINCT schema_name FROM duckdb_tables() WHERE database_name = 'utfall'")
        assert schemas.fetchall() == [("main",)]


def test_every_table_is_there_in_swedish_too_under_any_name(build: Path, workspace: Workspace) -> None:
    release = publish(build, workspace)
    with duckdb.connect() as c:
        c.execute("CREATE TABLE releases AS SELECT 'not this one' AS release_id")
        c.execute(f"ATTACH '{release.database}' AS utfall (READ_ONLY)")
        assert c.execute("SELECT utgåva, gäller FROM utfall.sv.utgåvor").fetchall() == [
            (release.release_id, True)
        ]
        names = c.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_catalog = 'utfall' GROUP BY table_schema"
        ).fetchall()
        assert names == [(6,), (6,)]
        # What the list has no name for is not lost: it keeps its own.
        assert c.execute("SELECT count(*) FROM utfall.sv.fct_line").fetchall() == [(5000,)]


def test_comments_follow_tables_views_and_columns(build: Path, workspace: Workspace) -> None:
    release = publish(build, workspace)
    with duckdb.connect(str(release.database), read_only=True) as c:
        tables = dict(c.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        views = dict(
            c.execute("SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main'").fetchall()
        )
        columns = c.execute(
            "SELECT table_name, comment FROM duckdb_columns() WHERE column_name = 'amount'"
        ).fetchall()
    assert tables["fct_line"] == "Rader; it's a line"
    assert views["zz_evidence"] == "Underlag"
    assert ("fct_line", "SEK") in columns
    assert ("zz_evidence", "SEK too") in columns


def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_were_computed(
    tmp_path: Path, workspace: Workspace
) -> None:
    rows = 300_000  # more than two row groups, so that two threads share the work
    one = build_candidate(make_build(tmp_path / "a.duckdb", "i", rows), workspace, facts())
    other = build_candidate(make_build(tmp_path / "b.duckdb", "hash(i)", rows, threads=2), workspace, facts())
    again = facts(released_at=NOON + timedelta(hours=1))
    third = build_candidate(tmp_path / "b.duckdb", workspace, again)
    assert parquet(one) == parquet(other) == parquet(third)
    assert "fct_line" in parquet(one)
    assert "source_files" not in parquet(one)


def test_a_large_table_is_ordered_by_its_key_and_without_one_stays_as_built(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.flow.publish.SMALL", 1000)
    one = build_candidate(make_build(tmp_path / "a.duckdb", "i"), workspace, facts())
    other = build_candidate(
        make_build(tmp_path / "b.duckdb", "hash(i)"), workspace, facts(released_at=NOON + timedelta(hours=1))
    )
    assert parquet(one)["fct_line"] == parquet(other)["fct_line"]
    with duckdb.connect() as c:
        unkeyed = facts(released_at=NOON + timedelta(hours=2), sort_columns={})
        c.execute(
            f"ATTACH '{build_candidate(tmp_path / 'b.duckdb', workspace, unkeyed).database}' AS r (READ_ONLY)"
        )
        c.execute(f"ATTACH '{tmp_path / 'b.duckdb'}' AS b (READ_ONLY)")
        rows = [c.execute(f"SELECT amount FROM {name}.fct_line").fetchall() for name in ("r", "b")]
    assert rows[0] == rows[1]


def test_same_tables_looks_past_run_times_and_sees_a_changed_figure_or_view(
    build: Path, workspace: Workspace
) -> None:
    release = publish(build, workspace)
    assert same_tables(build_candidate(make_build(build), workspace, facts()), release)
    with duckdb.connect(str(build)) as c:
        c.execute("CREATE OR REPLACE VIEW zz_evidence AS SELECT * FROM fct_line WHERE member = 2")
    assert not same_tables(build_candidate(build, workspace, facts()), release)
    with duckdb.connect(str(make_build(build))) as c:
        c.execute("UPDATE plain SET a = 17 WHERE b = 3")
    assert not same_tables(build_candidate(build, workspace, facts()), release)


def test_nothing_is_new_when_the_release_in_force_has_the_fingerprint(
    build: Path, workspace: Workspace
) -> None:
    assert not nothing_new(workspace, facts().fingerprint)
    publish(build, workspace)
    assert nothing_new(workspace, facts().fingerprint)
    assert not nothing_new(workspace, "11" * 32)


def test_ids_sort_by_time_and_stay_later_when_the_clock_goes_backwards(
    build: Path, workspace: Workspace
) -> None:
    first = publish(build, workspace)
    same_second = publish(build, workspace, fingerprint="00000000", predecessor=first.release_id)
    backwards = publish(build, workspace, released_at=NOON - timedelta(days=400))
    assert first.release_id == "20261121T064500Z-00ff00ff"
    assert same_second.release_id == "20261121T064501Z-00000000"
    assert backwards.release_id == "20261121T064502Z-00ff00ff"
    assert backwards.released_at == NOON - timedelta(days=400)


@pytest.mark.parametrize(
    ("sql", "key"),
    [
        (f"{SECRET}; CREATE VIEW bad AS SELECT * FROM working.main.secret", "publish.view_unbound"),
        ("CREATE SCHEMA work; CREATE TABLE work.secret AS SELECT 1 AS a", "publish.not_for_reading"),
        ("ALTER TABLE plain RENAME COLUMN a TO c", "publish.unknown_sort_column"),
    ],
)
def test_what_cannot_be_published_is_said_and_leaves_nothing(
    build: Path, workspace: Workspace, sql: str, key: str
) -> None:
    with duckdb.connect(str(build)) as c:
        c.execute(sql)
    with pytest.raises(PublishError) as told:
        build_candidate(build, workspace, facts(sort_columns={"plain": ["a"]}))
    assert told.value.key == key
    assert list((workspace.marts / ".building").iterdir()) == []


def test_no_build_and_an_empty_build_are_said(tmp_path: Path, workspace: Workspace) -> None:
    with pytest.raises(PublishError, match=r"Det finns ingen byggd databas.*There is no built database"):
        build_candidate(tmp_path / "none.duckdb", workspace, facts())
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(PublishError, match=r"inga tabeller"):
        build_candidate(tmp_path / "empty.duckdb", workspace, facts())


# -------------------------------------------------------------------------------------------- in force


def test_a_release_tells_what_it_is_and_verifies(build: Path, workspace: Workspace) -> None:
    candidate = build_candidate(build, workspace, facts())
    (candidate.directory / "reports").mkdir()
    (candidate.directory / "reports" / "lage.html").write_text("<p>hej</p>")
    finished = replace(candidate, about=replace(candidate.about, profile={"build": 1.5}))
    release = put_in_force(finished, workspace, SETTINGS)

    assert os.readlink(workspace.marts / "current") == f"releases/{release.release_id}"
    assert workspace.current_database.is_file()
    told = json.loads((release.directory / "release.json").read_text())
    assert told["released_at"] == "2026-11-21T06:45:00+00:00"
    assert told["as_of"] == "2022-12-31"
    assert told["inputs"] == [{"file": "suppliers/a.csv", "sha256": "12" * 32, "rows": 7}]
    assert told["rows"]["fct_line"] == 5000
    assert "a_evidence" in told["views"]
    assert (
        "a_evidence" not in told["rows"]
    )  # a view over a ledger costs more to count than the ledger to publish
    assert told["gate"] == {"passed": True}
    assert told["profile"] == {"build": 1.5}
    assert "reports/lage.html" in told["files"]
    assert "procurement.duckdb" in told["files"]
    assert verify(release) == []
    assert {path.stat().st_mode & 0o777 for path in release.directory.rglob("*") if path.is_file()} == {0o444}
    assert release == current(workspace)
    assert release.in_force
    assert list((workspace.marts / ".building").iterdir()) == []
    with duckdb.connect(str(release.database), read_only=True) as c:
        rows = c.execute("SELECT release_id, released_at, as_of, is_current FROM releases").fetchall()
    assert rows == [(release.release_id, NOON.replace(tzinfo=None), date(2022, 12, 31), True)]


def test_a_changed_missing_or_added_file_is_found(build: Path, workspace: Workspace) -> None:
    release = publish(build, workspace)
    (release.directory / "parquet" / "plain.parquet").unlink()
    (release.directory / "added.txt").write_text("x")
    (release.directory / "procurement.duckdb").chmod(0o644)
    (release.directory / "procurement.duckdb").write_bytes(b"x")
    assert verify(release) == ["added.txt", "parquet/plain.parquet", "procurement.duckdb"]


def test_retention_keeps_the_newest_the_one_in_force_and_those_of_closed_periods(
    build: Path, workspace: Workspace
) -> None:
    made = [publish(build, workspace).release_id for _ in range(2)]
    (workspace.marts / "closed.json").write_text(
        json.dumps({"periods": {"2026-Q3": {"release_id": made[0], "closed_at": "2026-10-01"}}})
    )
    made += [publish(build, workspace).release_id for _ in range(4)]
    assert [r.release_id for r in releases(workspace)] == [made[0], *made[-3:]]
    with duckdb.connect(str(workspace.current_database), read_only=True) as c:
        assert c.execute("SELECT count(*), count(*) FILTER (is_current) FROM releases").fetchall() == [(5, 1)]


def test_a_damaged_list_of_closed_periods_stops_before_anything_changes(
    build: Path, workspace: Workspace
) -> None:
    before = publish(build, workspace)
    (workspace.marts / "closed.json").write_text("{")
    with pytest.raises(PublishError, match=r"closed\.json"):
        publish(build, workspace)
    assert current(workspace) == before


def test_rollback_puts_an_earlier_release_in_force_and_the_next_run_goes_on(
    build: Path, workspace: Workspace
) -> None:
    first, second = publish(build, workspace), publish(build, workspace)
    assert rollback(workspace, first.release_id).in_force
    assert current(workspace) == replace(first, in_force=True)
    assert [r.in_force for r in releases(workspace)] == [True, False]
    third = publish(build, workspace)
    assert [r.release_id for r in releases(workspace)] == [
        first.release_id,
        second.release_id,
        third.release_id,
    ]


def test_rollback_refuses_what_is_unknown_or_not_whole(build: Path, workspace: Workspace) -> None:
    first, second = publish(build, workspace), publish(build, workspace)
    with pytest.raises(PublishError, match=rf"nonsense finns inte.*{first.release_id}"):
        rollback(workspace, "nonsense")
    (first.directory / "parquet" / "plain.parquet").unlink()
    with pytest.raises(PublishError, match=r"inte hel: parquet/plain\.parquet"):
        rollback(workspace, first.release_id)
    assert current(workspace) == second


def test_a_damaged_old_release_is_told_in_the_log_and_stops_nothing(
    build: Path, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    first = publish(build, workspace)
    (first.directory / "release.json").unlink()
    second = publish(build, workspace)
    assert [r.release_id for r in releases(workspace)] == [second.release_id]
    assert first.release_id in caplog.text


# --------------------------------------------------------------------------------------- when it fails


@pytest.mark.parametrize(
    ("call", "number", "words"),
    [
        ("rename", errno.ENOSPC, r"Disken är full.*The disk is full"),
        ("rename", errno.EACCES, r"Rättighet saknas.*Not permitted"),
        ("replace", errno.EROFS, r"skrivskyddad.*read-only"),
        ("fsync", errno.EIO, r"Kunde inte.*Could not"),
        ("symlink", errno.ENOSPC, r"Disken är full.*The disk is full"),
        ("symlink", errno.ENOSYS, r"symboliska länkar.*[Ss]ymbolic links"),
    ],
)
def test_a_disk_that_refuses_leaves_the_release_before_and_the_next_run_works(
    build: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str
) -> None:
    before = publish(build, workspace)
    candidate = build_candidate(build, workspace, facts())

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(PublishError, match=words):
            put_in_force(candidate, workspace, SETTINGS)
    assert current(workspace) == before
    assert verify(before) == []
    assert [r.release_id for r in releases(workspace)] == [before.release_id]
    clean_leftovers(workspace)
    after = publish(build, workspace)
    assert [r.release_id for r in releases(workspace)] == [before.release_id, after.release_id]


def test_a_folder_where_the_link_should_be_is_said_before_anything_moves(
    build: Path, workspace: Workspace
) -> None:
    (workspace.marts / "current").mkdir(parents=True)
    with pytest.raises(PublishError, match=r"ska vara en länk.*should be a link"):
        publish(build, workspace)


def test_old_releases_that_cannot_be_removed_are_told_and_the_new_one_is_in_force(
    build: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = [publish(build, workspace) for _ in range(3)]

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "no", "somewhere")

    monkeypatch.setattr("dagster_project.flow.releases.discard", refuse)
    fourth = publish(build, workspace)
    assert current(workspace) == fourth
    assert len(releases(workspace)) == len(made) + 1
    assert "ta bort gamla utgåvor" in caplog.text


def test_leftovers_are_removed_under_the_lock(build: Path, workspace: Workspace) -> None:
    release = publish(build, workspace)
    candidate = build_candidate(build, workspace, facts())
    candidate.directory.rename(workspace.marts / "releases" / candidate.release_id)
    (workspace.marts / ".publishing").write_text(candidate.release_id)
    (workspace.marts / ".current.next").symlink_to("releases/gone")
    assert [r.release_id for r in releases(workspace)] == [release.release_id]
    with FolderLock(workspace):
        clean_leftovers(workspace)
    assert sorted(p.name for p in workspace.marts.iterdir()) == ["current", "releases"]
    assert [p.name for p in (workspace.marts / "releases").iterdir()] == [release.release_id]


# -------------------------------------------------------------------------------------------- rejected


def test_a_rejected_candidate_is_laid_aside_with_its_report(build: Path, workspace: Workspace) -> None:
    before = publish(build, workspace)
    candidate = build_candidate(build, workspace, facts())
    place = reject(candidate, workspace, "run-1", {"failed": ["shares"], "as_of": date(2022, 12, 31)})
    assert place == workspace.marts / "rejected" / "run-1"
    assert json.loads((place / "validation_report.json").read_text())["failed"] == ["shares"]
    with duckdb.connect(str(place / "procurement.duckdb"), read_only=True) as c:
        assert c.execute("SELECT count(*) FROM fct_line").fetchall() == [(5000,)]
    assert current(workspace) == before


def test_a_rejected_build_is_copied_without_what_is_not_for_reading(
    build: Path, workspace: Workspace
) -> None:
    with duckdb.connect(str(build)) as c:
        c.execute(f"{SECRET}; CREATE VIEW bad AS SELECT * FROM working.main.secret")
    place = reject(build, workspace, "run-1", "# Stoppad")
    assert (place / "validation_report.md").read_text() == "# Stoppad"
    assert list(json.loads((place / "left_out.json").read_text())) == ["bad"]
    with duckdb.connect(str(place / "procurement.duckdb"), read_only=True) as c:
        assert c.execute("SELECT count(*) FROM a_evidence").fetchall() == [(715,)]
        assert c.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'secret'").fetchall() == [
            (0,)
        ]


def test_the_report_is_kept_when_the_build_is_damaged_or_was_never_made(
    tmp_path: Path, workspace: Workspace
) -> None:
    (tmp_path / "bad.duckdb").write_bytes(b"not a database" * 1000)
    place = reject(tmp_path / "bad.duckdb", workspace, "bad", "stopped")
    assert sorted(p.name for p in place.iterdir()) == ["left_out.json", "validation_report.md"]
    assert [p.name for p in reject(None, workspace, "none", "stopped").iterdir()] == ["validation_report.md"]


def test_the_last_five_rejected_are_kept_and_a_run_rejected_twice_keeps_its_last(
    workspace: Workspace,
) -> None:
    for number in range(7):
        reject(None, workspace, f"run-{number}", f"report {number}")
    reject(None, workspace, "run-4", "again")
    names = sorted(p.name for p in (workspace.marts / "rejected").iterdir())
    assert names == [f"run-{number}" for number in range(2, 7)]
    assert (workspace.marts / "rejected" / "run-4" / "validation_report.md").read_text() == "again"


def test_a_run_id_cannot_lead_out_of_the_folder(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match=r"not a run id"):
        reject(None, workspace, "../../raw", "x")

"""One run's way through the rooms, step by step: what a Dagster asset or a command calls.

Holds what the steps hand to each other (settings, parsed files, verdicts, the profile) and the lock on the data
folder. What does not belong here: what happens inside a step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self
from zoneinfo import ZoneInfo

import duckdb

from dagster_project.contracts import Source, load_contracts
from dagster_project.expectations import arrival_judgements, arrival_rules, mart_expectations
from dagster_project.flow import (
    build,
    changes,
    closed,
    corrections,
    dbt_docs,
    foreign,
    freshness,
    history,
    publish,
    releases,
    samples,
    validate,
)
from dagster_project.flow.adapters import ADAPTERS, DIALECTS
from dagster_project.flow.dbt_process import DbtProcess
from dagster_project.flow.ingest import Delivery, deliveries, shown_name
from dagster_project.flow.judging import JudgeApart, Verdict, judge
from dagster_project.flow.lock import FolderLock
from dagster_project.flow.parse import ParsedFile, clear_scratch, forget_parsed, parse_delivery
from dagster_project.flow.reconcile import Reconciled, Reconciler
from dagster_project.flow.values.identity import key_id, pseudonym_key
from dagster_project.messages import message
from dagster_project.settings import PROJECT_ROOT, Settings, Workspace, load_settings

SCHEMA_VERSION = "1"
PARALLEL_FILES = 2
DBT_DOCS = Path("docs") / "dbt.html"  # within a release
CODE = (
    "dagster_project/**/*.py",
    "dagster_project/**/*.yml",
    "dbt/**/*.sql",
    "dbt/**/*.yml",
    "expectations/**/*.yml",
)

Ending = Literal["published", "nothing_new", "held_back", "stopped"]


class Progress(Protocol):
    """Who is told how a long step goes."""

    def __call__(self, step: str, done: int, total: int) -> None: ...


class Render(Protocol):
    """Who writes the reports of a release, from its database into a folder."""

    def __call__(self, database: Path, folder: Path, settings: Settings, as_of: date) -> None: ...


def _silent(step: str, done: int, total: int) -> None:
    """Told to nobody."""


class Refresh:
    """A run on one data folder; a context manager that holds the folder's lock.

    `may_publish` is false for a run that only judges: it is no part of the history of runs.
    Raises SettingsError before anything is touched, LockHeld when another run holds the folder and `wait` is false.
    """

    def __init__(
        self,
        workspace: Workspace,
        as_of: date | None = None,
        accept_quarantine: bool = False,
        wait: bool = False,
        progress: Progress = _silent,
        may_publish: bool = True,
    ) -> None:
        self.workspace = workspace
        self.settings: Settings = load_settings(workspace.settings_file)
        self.as_of = as_of or datetime.now(ZoneInfo(self.settings.timezone)).date()
        self._is_as_of_the_clock = as_of is None
        self.accept_quarantine = accept_quarantine
        self.may_publish = may_publish
        self.started = datetime.now(UTC)
        self.run_id = f"{self.started:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
        self.contracts: dict[str, Source] = load_contracts()
        freshness.check(self.settings, {*self.contracts, *(adapter.FOLDER for adapter in ADAPTERS.values())})
        self.progress = progress
        self.profile: dict[str, float] = {}
        self.deliveries: list[Delivery] = []
        self.parsed: dict[str, list[ParsedFile]] = {}
        self.reconciled: Reconciled | None = None
        self.workbooks: list[corrections.Workbook] = []
        self.arrivals: list[freshness.Arrival] = []
        self.verdicts: list[Verdict] = []
        self.ending: Ending | None = None
        self.rolled_back_from: releases.Release | None = None
        self.release: releases.Release | None = None
        self.rejected: Path | None = None
        self._lock = FolderLock(workspace, wait=wait)
        self._judge: JudgeApart | None = None
        self._dbt: DbtProcess | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._manifest: Path | None = None

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            if self.may_publish:
                history.begin(self.workspace, self.run_id, self.started)
            in_force = releases.current(self.workspace)
            _refuse_newer(in_force)
            self._refuse_a_clock_gone_back(in_force)
            releases.clean_leftovers(self.workspace)
            clear_scratch(self.workspace)
            with self.timed("deliveries"):
                self.deliveries = deliveries(self.workspace)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for helper in (self._judge, self._dbt):
            if helper is not None:
                helper.close()
        if self.may_publish:
            published = self.release.release_id if self.release else None
            history.record(self.workspace, self.run_id, self.ending or "failed", published)
        self._lock.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the seconds of the block to the profile."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.profile[step] = round(self.profile.get(step, 0.0) + time.perf_counter() - start, 3)

    # -- what the run rests on -------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """Deliveries, samples, settings, code, key and as-of date: what decides every table but its predecessor."""
        parts = {
            "deliveries": sorted((delivery.file, delivery.sha256) for delivery in self.deliveries),
            "settings": self._settings_hash,
            "code": code_version(),
            "key": hashlib.sha256(pseudonym_key(self.workspace)).hexdigest(),
            "as_of": self.as_of.isoformat(),
            "accept_quarantine": self.accept_quarantine,
            "samples": samples.fingerprint(self.workspace),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def nothing_to_do(self) -> bool:
        """Whether the run ends here: the release in force rests on exactly this (`nothing_new`), or somebody has gone
        back to it from a later one, and what came of is as it was (`held_back`, `rolled_back_from`).
        """
        if publish.nothing_new(self.workspace, self.fingerprint):
            self.ending = "nothing_new"
        elif self._is_held_back():
            self.ending = "held_back"
        return self.ending is not None

    @property
    def unknown_folders(self) -> list[str]:
        """Folders under raw/ that are neither a source nor a foreign format."""
        known = {*self.contracts, *(adapter.FOLDER for adapter in ADAPTERS.values())}
        if not self.workspace.raw.is_dir():
            return []
        return sorted(
            shown_name(self.workspace, entry.name)
            for entry in self.workspace.raw.iterdir()
            if entry.is_dir() and entry.name not in known and not entry.name.startswith(".")
        )

    @property
    def due(self) -> list[freshness.Due]:
        """The expected deliveries and whether they came; before this run has reconciled, as the run before saw it."""
        arrivals = self.arrivals if self.reconciled else freshness.remembered(self.workspace)
        return freshness.due(self.settings, arrivals, self.as_of)

    def prepare(self) -> None:
        """Have what takes seconds to load make itself ready, in processes of their own, while deliveries are read.

        Called by whoever goes on to all of the steps. Judging works without, and dbt is then prepared when it is used.
        """
        if self._judge is None:
            self._judge = JudgeApart(self.workspace.warehouse / "logs" / "judging.log")
        if self.may_publish and self._dbt is None:
            self._dbt = DbtProcess(build.build_database(self.workspace).with_name("target"))

    # -- steps -----------------------------------------------------------------------------------------------------

    def parse(self, source: str) -> list[ParsedFile]:
        """Ingest and standardise one source's or foreign format's deliveries; what was parsed is remembered."""
        with self.timed("ingest and standardise"):
            mine = [delivery for delivery in self.deliveries if foreign.kind_of(delivery) == source]
            files = []
            # Two files at a time: polars reads a file mostly on one core, and holds the interpreter's lock little.
            with ThreadPoolExecutor(PARALLEL_FILES) as pool:
                for file in pool.map(lambda delivery: self._parse_one(source, delivery), mine):
                    files.append(file)
                    told = message("cli.progress.parse", self.settings.language, source=source)
                    self.progress(told, len(files), len(mine))
            self.parsed[source] = files
            return files

    def _parse_one(self, source: str, delivery: Delivery) -> ParsedFile:
        if source in ADAPTERS:
            return ADAPTERS[source].parse(delivery, self.settings, self.workspace)
        return parse_delivery(
            delivery, self.contracts[source], self.settings, self.workspace, dialects=DIALECTS.get(source, ())
        )

    def reconcile(self) -> Iterator[str]:
        """Decide every row's fate, source by source, parents first; yields each source's name when it is done."""
        forget_parsed(self.workspace, [file for files in self.parsed.values() for file in files])
        self._connection = build.fresh(self.workspace, self.settings, self.as_of)
        reconciler = Reconciler(self._connection, self.contracts, arrival_rules())
        with self.timed("reconcile"):
            settled = foreign.settle(self._connection, self.parsed)
        for number, (name, source) in enumerate(self.contracts.items(), start=1):
            with self.timed("reconcile"):
                reconciler.source(source, self.parsed.get(name, []))
                foreign.give(reconciler, settled, source, complements=False)
            self.progress(
                message("cli.progress.reconcile", self.settings.language), number, len(self.contracts)
            )
            yield name
        with self.timed("reconcile"):
            reconciler.warnings_of_sets()
            for source in self.contracts.values():
                foreign.give(reconciler, settled, source, complements=True)
            self.reconciled = reconciler.outcome([settlement.outcome() for settlement in settled.values()])
            build.write_arrivals(self._connection, self.reconciled, self.deliveries)
            self._see_what_arrived(self._connection)
            build.write_quarantine(self.workspace, self.reconciled)
            self.workbooks = corrections.write_workbooks(
                self._connection, self.workspace, self.settings, self.contracts, self.parsed, self.reconciled
            )

    def arrive(self) -> Reconciled:
        """Parse and reconcile everything that is delivered, without judging it."""
        for source in (*self.contracts, *ADAPTERS):
            self.parse(source)
        for _ in self.reconcile():
            pass
        assert self.reconciled is not None
        return self.reconciled

    def judge_arrivals(self, keep: bool = True) -> list[Verdict]:
        """The first border. Sets the ending to `stopped` when publication may not go on.

        With `keep` a stopped candidate is left under marts/rejected/.
        """
        assert self.reconciled is not None
        with self.timed("judge arrivals"):
            self.verdicts = validate.judge_arrivals(
                self.reconciled,
                self.contracts,
                arrival_rules(),
                arrival_judgements(),
                self.settings,
                self._rows_before(),
                self.unknown_folders,
                self.due,
                self.accept_quarantine,
                self._judge or judge,
            )
        self._stop_if_told(keep)
        if self.accept_quarantine and self._connection is not None:
            build.write_accepted_shares(
                self._connection, validate.accepted_shares(self.reconciled, self.settings)
            )
        return self.verdicts

    def keep_rows(self, folder: Path) -> None:
        """Write everything that was accepted, and the settings, into a folder: what a closed period rests on."""
        assert self._connection is not None
        closed.keep(self._connection, self.workspace, folder)

    def open_for_dbt(self) -> DbtProcess:
        """Let go of the build databases; the dbt that is to work on them."""
        self._close()
        self.prepare()
        assert self._dbt is not None
        return self._dbt

    def judge_marts(self, manifest: Path) -> list[Verdict]:
        """The second border; writes the marts that describe the run. Sets the ending to `stopped` likewise."""
        self._manifest = manifest
        batches, judgements = mart_expectations()
        with self.timed("judge marts"):
            self._connection = build.connect(self.workspace)
            self._attach_before(self._connection)
            verdicts = validate.judge_marts(self._connection, batches, judgements, self._judge or judge)
            self._connection.execute("drop schema before cascade")
            self.verdicts = [*self.verdicts, *verdicts]
            build.write_verdicts(self._connection, self.verdicts)
        if not validate.stopping(self.verdicts):
            with self.timed("changes"):
                changes.write_changes(self._connection, self.workspace, self.contracts, code_version())
        build.write_dictionary(self._connection, manifest, {publish.RELEASES_TABLE: publish.RELEASES_COLUMNS})
        self._close()
        self._stop_if_told(keep=True)
        return verdicts

    def publish(self, render: Render) -> releases.Release | None:
        """Build the release beside, and put it in force with its reports if a table differs; None when none does."""
        current = releases.current(self.workspace)
        facts = publish.ReleaseFacts(
            released_at=datetime.now(UTC),
            as_of=self.as_of,
            schema_version=SCHEMA_VERSION,
            code_version=code_version(),
            fingerprint=self.fingerprint,
            inputs=tuple(
                publish.Input(d.file, d.sha256, rows)
                for d, rows in zip(self.deliveries, self._rows_by_delivery(), strict=True)
            ),
            gate={
                "passed": True,
                "accept_quarantine": self.accept_quarantine,
                "expectations": len(self.verdicts),
                "failed_without_blocking": sum(not v.success for v in self.verdicts),
            },
            profile=self.profile,
            predecessor=current.release_id if current else None,
            key_id=key_id(pseudonym_key(self.workspace)),
            settings=self._settings_hash,
        )
        with self.timed("publish"):
            candidate = publish.build_candidate(build.build_database(self.workspace), self.workspace, facts)
            same_inputs = current is not None and current.delivered == self._delivered
            if same_inputs and current is not None and publish.same_tables(candidate, current):
                releases.discard(candidate.directory, self.workspace)
                self.ending = "nothing_new"
                return None
        with self.timed("reports"), releases.plainly("publish.step_build"):
            render(candidate.database, candidate.directory / "reports", self.settings, self.as_of)
            if (
                self._manifest is not None
            ):  # beside the reports: it is about the program, not about the figures
                dbt_docs.write_dbt_docs(self._manifest, candidate.database, candidate.directory / DBT_DOCS)
        with self.timed("publish"):
            self.release = publish.put_in_force(candidate, self.workspace, self.settings)
        shutil.rmtree(self.workspace.warehouse / "tmp", ignore_errors=True)
        self.ending = "published"
        return self.release

    def reject(self) -> Path:
        """Leave the candidate and its report under marts/rejected/ for reading."""
        self._close()
        report = {
            "run_id": self.run_id,
            "as_of": self.as_of.isoformat(),
            "stopped_by": [vars(verdict) for verdict in validate.stopping(self.verdicts)],
        }
        self.rejected = publish.reject(
            build.build_database(self.workspace), self.workspace, self.run_id, report
        )
        return self.rejected

    # -- inside ----------------------------------------------------------------------------------------------------

    def _refuse_a_clock_gone_back(self, in_force: releases.Release | None) -> None:
        # A machine whose battery died believes that it is 1970, and would publish that nothing has happened yet.
        if in_force is None or not self._is_as_of_the_clock:
            return
        made = in_force.released_at.astimezone(ZoneInfo(self.settings.timezone)).date()
        if self.as_of < made:
            raise releases.PublishError(
                "release.clock_gone_back", release=in_force.release_id, made=made, today=self.as_of
            )

    @property
    def _delivered(self) -> frozenset[tuple[str, str]]:
        return frozenset((delivery.file, delivery.sha256) for delivery in self.deliveries)

    @property
    def _settings_hash(self) -> str:
        return hashlib.sha256(self.workspace.settings_file.read_bytes()).hexdigest()

    def _is_held_back(self) -> bool:
        """A run that nobody asked for would else undo a rollback the same night, from the very files behind it."""
        left, chosen = releases.rolled_back_from(self.workspace), releases.current(self.workspace)
        if left is None or chosen is None or left.code_version != code_version():
            return False
        if left.settings not in (None, self._settings_hash):
            return False
        # What was delivered or taken away in between; where that is nothing, whatever is delivered.
        between = (left.delivered ^ chosen.delivered) or (left.delivered | self._delivered)
        if between & self._delivered != between & left.delivered:
            return False
        self.rolled_back_from = left
        return True

    def _see_what_arrived(self, connection: duckdb.DuckDBPyConnection) -> None:
        # Corrections of what has come are not what was to come.
        passed_over = {
            file.delivery.file
            for files in self.parsed.values()
            for file in files
            if file.rejected or file.answers
        }
        self.arrivals = freshness.seen(
            connection, self.contracts, self.settings, self.deliveries, passed_over
        )
        freshness.remember(self.workspace, self.arrivals)
        build.write_expected(connection, self.due)

    def _rows_by_delivery(self) -> list[int]:
        assert self.reconciled is not None
        rows = {count.file: count.rows_read for count in self.reconciled.files}
        return [rows.get(delivery.file, 0) for delivery in self.deliveries]

    def _stop_if_told(self, keep: bool) -> None:
        if not validate.stopping(self.verdicts):
            return
        self.ending = "stopped"
        if keep:
            if self._connection is not None:
                build.show_arrivals(self._connection)
                build.write_verdicts(self._connection, self.verdicts)
            self.reject()

    def _rows_before(self) -> dict[str, int]:
        current = releases.current(self.workspace)
        if current is None:
            return {}
        with duckdb.connect(str(current.database), read_only=True) as before:
            return dict(
                before.execute(
                    "select source, cast(sum(rows_accepted) as bigint) from data_quality_summary group by all"
                ).fetchall()
            )

    def _attach_before(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Schema `before`: what the judgement of marts needs to know of the release in force."""
        connection.execute("create or replace schema before")
        connection.execute("create table before.indicators (kpi_id varchar)")
        current = releases.current(self.workspace)
        if current is None:
            return
        with duckdb.connect(str(current.database), read_only=True) as before:
            ids = before.execute("select kpi_id from kpi_catalogue order by kpi_id").fetchall()
        connection.executemany("insert into before.indicators values (?)", ids)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _refuse_newer(release: releases.Release | None) -> None:
    # What a newer program published may hold tables that this one does not know; a run of it would take them away
    # from their readers without a word.
    if release is not None and int(release.schema_version) > int(SCHEMA_VERSION):
        raise releases.PublishError(
            "release.newer_schema",
            release=release.release_id,
            theirs=release.schema_version,
            ours=SCHEMA_VERSION,
        )


def code_version() -> str:
    """A hash over the code, the models and the expectations: what a figure's definition rests on."""
    digest = hashlib.sha256()
    for pattern in CODE:
        for path in sorted(PROJECT_ROOT.glob(pattern)):
            if "target" not in path.relative_to(PROJECT_ROOT).parts:
                digest.update(path.relative_to(PROJECT_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]

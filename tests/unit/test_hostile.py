"""Hostile and unlucky deliveries: each is refused alone, in plain words, in bounded memory, and nothing is executed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from dagster_project.contracts import load_contracts
from dagster_project.flow import build, ingest
from dagster_project.flow import parse as parsing
from dagster_project.flow.ingest import deliveries, plain_name
from dagster_project.flow.parse import ParsedFile, parse_delivery
from dagster_project.flow.reconcile import ISSUES_SCHEMA, Reconciled
from dagster_project.messages import known_keys
from dagster_project.settings import Settings, Workspace
from tests import hostile
from tests.deliveries import deliver
from tests.notices import Notice, eforms
from tests.ubl import invoice

SOURCE = load_contracts()["participants"]
SETTINGS = Settings(organisation="test", members="all")
GOOD = hostile.HEADER + b"P1;u1\n"
XML_KINDS = ("invoices", "notices")
CHILD_SECONDS = 600
RESIDENT_BYTES = 1500 << 20
# Reads everything under the folder in a process that may have four gibibytes of addresses, of which the libraries
# claim two before anything is read; tells of each file, and last of the most memory that it held.
BOUNDED_CHILD = """
import json, resource, sys
from pathlib import Path
from dagster_project.contracts import load_contracts
from dagster_project.flow.ingest import deliveries
from dagster_project.flow.parse import parse_delivery
from dagster_project.settings import Settings, Workspace
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
workspace = Workspace(Path(sys.argv[1]))
source = load_contracts()["participants"]
for delivery in deliveries(workspace):
    file = parse_delivery(delivery, source, Settings(organisation="t", members="all"), workspace)
    told = file.rejected and [file.rejected.rule, file.rejected.sv, file.rejected.en]
    counts = [file.rows_read, file.rows_accepted, file.rows_quarantined, file.rows_skipped]
    print(json.dumps([delivery.path.name, told, counts]), flush=True)
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


# The same for every kind of delivery, as a run reads them: two files at a time.
BOUNDED_RUN = """
import json, resource, sys
from datetime import date
from pathlib import Path
from dagster_project.flow.refresh import Refresh
from dagster_project.settings import Workspace
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
with Refresh(Workspace(Path(sys.argv[1])), date(2022, 12, 31), may_publish=False) as refresh:
    for kind in sys.argv[2:]:
        for file in refresh.parse(kind):
            told = file.rejected and [file.rejected.rule, file.rejected.sv, file.rejected.en]
            counts = [file.rows_read, file.rows_accepted, file.rows_quarantined, file.rows_skipped]
            print(json.dumps([file.delivery.file, told, counts]), flush=True)
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


def folder(root: Path) -> Path:
    path = root / "raw" / "participants"
    path.mkdir(parents=True, exist_ok=True)
    return path


def read(root: Path) -> dict[str, ParsedFile]:
    """Everything under the data folder, parsed; by the path below the source's folder as it is shown."""
    workspace = Workspace(root)
    return {
        delivery.file.removeprefix("raw/participants/"): parse_delivery(delivery, SOURCE, SETTINGS, workspace)
        for delivery in deliveries(workspace)
    }


def rules(root: Path) -> dict[str, str | None]:
    return {name: file.rejected.rule if file.rejected else None for name, file in read(root).items()}


# -- contents -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str] | None, list[int]]]:
    """What a process with bounded memory said of every hostile delivery and of a good one among them."""
    root = tmp_path_factory.mktemp("hostile")
    for name in hostile.EVERY:
        hostile.write(folder(root), name)
    (folder(root) / "good.csv").write_bytes(GOOD)
    (folder(root) / "good.xlsx").write_bytes(hostile.workbook())
    try:
        child = subprocess.run(
            [sys.executable, "-c", BOUNDED_CHILD, str(root)],
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
            check=False,
        )
        assert child.returncode == 0, child.stderr[-2000:]
        assert "panicked" not in child.stderr
        left = [path.name for path in (root / "warehouse" / "scratch").iterdir()]
    finally:
        shutil.rmtree(root)
    assert left == []
    found = {}
    *lines, held = child.stdout.splitlines()
    assert int(held) < RESIDENT_BYTES
    for line in lines:
        name, words, counts = json.loads(line)
        found[name] = (words, counts)
    return found


@pytest.mark.parametrize("name", hostile.EVERY)
def test_a_hostile_content_is_refused_by_its_rule_in_bounded_memory(
    told: dict[str, tuple[list[str] | None, list[int]]], name: str
) -> None:
    words, counts = told[name]
    assert words is not None
    rule, swedish, english = words
    assert rule == hostile.EVERY[name][0]
    assert swedish.startswith(f"raw/participants/{name}: ")
    assert english.startswith(f"raw/participants/{name}: ")
    assert len(swedish) < 1500
    assert swedish.isprintable()
    read_, accepted, quarantined, skipped = counts
    assert read_ == quarantined
    assert (accepted, skipped) == (0, 0)


@pytest.fixture(scope="module")
def told_of_xml(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[list[str] | None, list[int]]]:
    """What a process with bounded memory said of every hostile XML, as e-invoice and as notice, and of good ones."""
    workspace = deliver(tmp_path_factory.mktemp("hostile-xml"), {})
    good = {"invoices": invoice("1", [("1.00", "Te", {})], total="1.00"), "notices": eforms(Notice())}
    for kind in XML_KINDS:
        (workspace.raw / kind).mkdir()
        (workspace.raw / kind / "good.xml").write_text(good[kind], encoding="utf-8")
        for name in hostile.XML:
            hostile.write(workspace.raw / kind, name)
    try:
        child = subprocess.run(
            [sys.executable, "-c", BOUNDED_RUN, str(workspace.root), *XML_KINDS],
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
            check=False,
        )
        assert child.returncode == 0, child.stderr[-2000:]
        left = list((workspace.warehouse / "scratch").iterdir())
    finally:
        shutil.rmtree(workspace.root)
    assert left == []
    *lines, held = child.stdout.splitlines()
    assert int(held) < RESIDENT_BYTES
    return {name: (words, counts) for name, words, counts in map(json.loads, lines)}


@pytest.mark.parametrize("kind", XML_KINDS)
@pytest.mark.parametrize("name", hostile.XML)
def test_a_hostile_document_is_refused_by_its_rule_in_bounded_memory(
    told_of_xml: dict[str, tuple[list[str] | None, list[int]]], kind: str, name: str
) -> None:
    expected = hostile.XML[name][0]
    words, counts = told_of_xml[f"raw/{kind}/{name}"]
    if not expected:
        assert (words, counts) == (None, [1, 0, 1, 0])
        return
    assert words is not None
    rule, swedish, english = words
    assert rule == expected
    for text in (swedish, english):
        assert text.startswith(f"raw/{kind}/{name}: ")
        assert "root:" not in text  # what the external entities point at
    assert counts == [0, 0, 0, 0]


def test_good_documents_among_the_hostile_ones_are_read(
    told_of_xml: dict[str, tuple[list[str] | None, list[int]]],
) -> None:
    for kind in XML_KINDS:
        assert told_of_xml[f"raw/{kind}/good.xml"] == (None, [1, 1, 0, 0])


def test_good_deliveries_among_the_hostile_ones_are_read(
    told: dict[str, tuple[list[str] | None, list[int]]],
) -> None:
    assert told["good.csv"] == (None, [1, 1, 0, 0])
    assert told["good.xlsx"] == (None, [1, 1, 0, 0])


def test_utf_16_without_its_mark_is_text(tmp_path: Path) -> None:
    (folder(tmp_path) / "a.csv").write_bytes("procurement_id;unit_id\nP1;ö\n".encode("utf-16-le"))
    assert rules(tmp_path) == {"a.csv": None}


def test_zero_bytes_in_a_text_are_dropped(tmp_path: Path) -> None:
    (folder(tmp_path) / "a.csv").write_bytes(hostile.HEADER + b"P\x001;u1\n")
    [file] = read(tmp_path).values()
    assert pl.read_parquet(file.directory / "rows.parquet")["procurement_id"].to_list() == ["P1"]


def test_macros_and_embedded_files_are_left_behind(tmp_path: Path) -> None:
    book = hostile.changed("docProps/app.xml", lambda xml: xml)
    path = folder(tmp_path) / "a.xlsm"
    path.write_bytes(book)
    with hostile.zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 Shell")
        archive.writestr("xl/embeddings/program.exe", hostile.EXE)
    assert rules(tmp_path) == {"a.xlsm": None}


def test_formulas_stay_text_and_are_harmless_in_the_list_for_excel(tmp_path: Path) -> None:
    shown = [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "  =1+1",
        "\t=1+1",
        "\r=1+1",
        "-5",
        "+46 70",
        "-1 234,50",
        "a=1",
        "P1",
    ]
    safe = ["'" + text for text in shown[:7]] + shown[7:]
    issues = pl.DataFrame(
        [
            {"severity": "error", "source": "participants", "file": "f", "raw_value": text, "is_open": True}
            for text in shown
        ],
        schema=ISSUES_SCHEMA,
    )
    workspace = Workspace(tmp_path)
    build.write_quarantine(workspace, Reconciled(issues=issues))
    listed = pl.read_csv(workspace.quarantine / "participants.csv", separator=";", infer_schema=False)
    assert listed["raw_value"].to_list() == safe


# -- names ----------------------------------------------------------------------------------------------

NAMES = [
    b"with space.csv",
    b"it's.csv",
    b'say "hi".csv',
    b"two\nlines.csv",
    b"two\\nlines.csv",
    b"bell\x07 and \x1b[31mred.csv",
    b"a..b.csv",
    b"100%d %s {0} {file}.csv",
    b"a;b,c|d.csv",
    b"-rf.csv",
    b"=cmd().csv",
    b"$(id) `id`.csv",
    b"star*[a]?.csv",
    b"[bold]x :smile:.csv",
    b"latin-\xe5.csv",
    "turned \u202e vsc.csv".encode(),
    "ån.csv".encode(),
]


def test_names_cannot_hurt_and_no_two_are_shown_alike(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        path = os.path.join(os.fsencode(folder(tmp_path)), name)
        with open(path, "wb") as stream:
            stream.write(hostile.HEADER + b"P%d;u1\n" % number)
    found = deliveries(Workspace(tmp_path))
    assert len({delivery.file for delivery in found}) == len(NAMES)
    for delivery in found:
        assert delivery.file.isprintable()
        delivery.file.encode("utf-8")
    assert set(rules(tmp_path).values()) == {None}


def test_a_name_is_shown_in_one_line() -> None:
    assert plain_name("a b.csv") == "a b.csv"
    assert plain_name("ån (2).csv") == "ån (2).csv"
    assert plain_name("a\nb\x1b\\\udcff") == r"a\nb\x1b\\\udcff"


def test_the_ending_of_an_unknown_form_is_shown_plain(tmp_path: Path) -> None:
    (folder(tmp_path) / "a.x\n\udcff").write_bytes(b"x")
    [file] = read(tmp_path).values()
    assert file.rejected is not None
    assert file.rejected.rule == "unsupported_format"
    assert file.rejected.sv.isprintable()


@pytest.mark.parametrize("name", ["da*ta", "da[t]a", "it's; data"])
def test_the_data_folder_may_have_signs_that_mean_something_elsewhere(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    (folder(root) / "a.csv").write_bytes(GOOD)
    (folder(root) / "b.csv").write_bytes(hostile.HEADER + b'P1;"u;1"\n')
    (folder(root) / "a.xlsx").write_bytes(hostile.workbook())
    (folder(root) / "a.parquet").write_bytes(hostile.table({"procurement_id": ["P1"], "unit_id": ["u1"]}))
    assert set(rules(root).values()) == {None}


# -- what is no plain file ------------------------------------------------------------------------------


def test_what_is_no_plain_file_within_the_data_folder_is_refused_and_named(tmp_path: Path) -> None:
    root = tmp_path / "data"
    here = folder(root)
    (tmp_path / "outside.csv").write_bytes(GOOD)
    (here / "file.csv").write_bytes(GOOD)
    (here / "inside.csv").symlink_to(here / "file.csv")
    (here / "outside.csv").symlink_to(tmp_path / "outside.csv")
    (here / "up.csv").symlink_to("../../../outside.csv")
    (here / "dangling.csv").symlink_to("nothing")
    (here / "itself.csv").symlink_to("itself.csv")
    (here / "loop").symlink_to(here)
    (here / "device.csv").symlink_to("/dev/zero")
    os.mkfifo(here / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        before = os.getcwd()
        os.chdir(here)  # the name of a socket may not be longer than a hundred bytes
        try:
            listening.bind("socket.csv")
        finally:
            os.chdir(before)
    (here / "folder.csv").mkdir()
    (here / "folder.csv" / "in it.csv").write_bytes(GOOD)
    assert rules(root) == {
        "file.csv": None,
        "inside.csv": None,
        "folder.csv/in it.csv": None,
        "outside.csv": "outside_link",
        "up.csv": "outside_link",
        "device.csv": "outside_link",
        "dangling.csv": "broken_link",
        "itself.csv": "broken_link",
        "loop": "folder_link",
        "pipe.csv": "no_plain_file",
        "socket.csv": "no_plain_file",
    }


def test_a_source_that_is_a_link_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "participants").symlink_to(tmp_path)
    (tmp_path / "raw" / "lots").symlink_to("nothing")
    found = {delivery.source: (delivery.file, delivery.fault) for delivery in deliveries(Workspace(tmp_path))}
    assert found == {
        "participants": ("raw/participants", "folder_link"),
        "lots": ("raw/lots", "broken_link"),
    }


def dug(root: Path, name: str, times: int) -> int:
    """Folders of one name within each other, deeper than a path can say; a descriptor of the innermost."""
    descriptor = os.open(folder(root), os.O_RDONLY)
    for _ in range(times):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    return descriptor


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A data folder that is cleared away by a command that can."""
    yield tmp_path
    subprocess.run(["rm", "-rf", str(tmp_path / "raw")], check=True)


def test_folders_may_lie_deeper_than_python_calls(deep: Path) -> None:
    os.close(dug(deep, "d", 1500))
    (folder(deep) / "a.csv").write_bytes(GOOD)
    assert rules(deep) == {"a.csv": None}


def test_a_path_too_long_for_the_file_system_is_refused_and_named(deep: Path) -> None:
    innermost = dug(deep, "d" * 200, 25)
    os.close(os.open("a.csv", os.O_WRONLY | os.O_CREAT, dir_fd=innermost))
    os.close(innermost)
    [(name, rule)] = rules(deep).items()
    assert name.startswith("d" * 200)
    assert rule == "unreachable"


RIGHTS_CHILD = """
import os, sys
from pathlib import Path
from dagster_project.flow.ingest import deliveries
from dagster_project.settings import Workspace
here = Path(sys.argv[1])
os.chdir(here)
if os.geteuid() == 0:
    os.seteuid(65534)
for delivery in deliveries(Workspace(Path("."))):
    print(delivery.path.name, delivery.fault)
"""


def test_a_file_and_a_folder_without_rights_are_refused_and_the_others_read(tmp_path: Path) -> None:
    here = folder(tmp_path)
    for name in ("closed.csv", "open.csv", "closed folder/a.csv"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_bytes(GOOD)
    (here / "closed.csv").chmod(0)
    (here / "closed folder").chmod(0)
    tmp_path.chmod(0o755)
    child = subprocess.run(
        [sys.executable, "-c", RIGHTS_CHILD, str(tmp_path)], capture_output=True, text=True, check=False
    )
    (here / "closed folder").chmod(0o700)
    assert child.returncode == 0, child.stderr
    assert sorted(child.stdout.splitlines()) == [
        "closed folder no_rights",
        "closed.csv no_rights",
        "open.csv None",
    ]


# -- unlucky moments ------------------------------------------------------------------------------------


def grown(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"P2;u1\n")


def replaced(path: Path) -> None:
    beside = path.with_name("beside")
    beside.write_bytes(GOOD)
    beside.rename(path)


@pytest.mark.parametrize("happening", [grown, replaced, Path.unlink, lambda path: os.truncate(path, 30)])
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_delivery_that_changes_after_it_was_hashed_is_refused_this_once(
    tmp_path: Path, happening: object, name: str
) -> None:
    assert callable(happening)
    path = folder(tmp_path) / name
    path.write_bytes(GOOD * 3)
    (folder(tmp_path) / "other.csv").write_bytes(GOOD)
    found = deliveries(Workspace(tmp_path))
    happening(path)
    files = [parse_delivery(delivery, SOURCE, SETTINGS, Workspace(tmp_path)) for delivery in found]
    assert [file.rejected and file.rejected.rule for file in files] == ["changed", None]
    path.write_bytes(hostile.workbook() if name.endswith("x") else GOOD)
    assert rules(tmp_path) == {name: None, "other.csv": None}


def test_a_delivery_that_grows_while_it_is_copied_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path) / "a.csv"
    path.write_bytes(GOOD)
    copy = shutil.copyfile

    def meanwhile(source: Path, target: Path) -> None:
        copy(source, target)
        grown(source)

    monkeypatch.setattr(ingest.shutil, "copyfile", meanwhile)
    assert rules(tmp_path) == {"a.csv": "changed"}
    monkeypatch.undo()
    assert rules(tmp_path) == {"a.csv": None}


def test_a_delivery_that_changes_while_it_is_hashed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path) / "a.csv"
    path.write_bytes(GOOD)
    fstat = os.fstat
    seen: list[int] = []

    def meanwhile(descriptor: int) -> os.stat_result:
        if seen:
            grown(path)
        seen.append(descriptor)
        return fstat(descriptor)

    monkeypatch.setattr(ingest.os, "fstat", meanwhile)
    [delivery] = deliveries(Workspace(tmp_path))
    assert delivery.fault == "changed"


class PanicException(BaseException):
    """Named as those of libraries written in Rust, which are no Exceptions."""


@pytest.mark.parametrize(
    "fault", [MemoryError(), RecursionError(), PanicException("19121212-1212"), KeyError("x"), OSError("odd")]
)
def test_a_fault_that_nobody_foresaw_refuses_that_file_alone_and_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    (folder(tmp_path) / "a.csv").write_bytes(GOOD)
    (folder(tmp_path) / "b.csv").write_bytes(GOOD + b"P2;u1\n")
    read_tables = parsing.read_tables

    def stumbling(delivery: ingest.Delivery, *rest: object) -> object:
        if delivery.path.name == "a.csv":
            raise fault
        return read_tables(delivery, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(parsing, "read_tables", stumbling)
    first = read(tmp_path)
    assert first["b.csv"].rejected is None
    refused = first["a.csv"].rejected
    assert refused is not None
    assert refused.rule == "unreadable"
    assert type(fault).__name__ in refused.sv
    [log] = (tmp_path / "warehouse" / "logs").glob("unreadable-*.log")
    assert log.name in refused.en
    details = log.read_text(encoding="utf-8")
    assert "stumbling" in details
    assert "19121212-1212" not in details
    monkeypatch.undo()
    assert rules(tmp_path) == {"a.csv": None, "b.csv": None}


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), SystemExit()])
def test_a_full_disk_and_a_wish_to_stop_are_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    (folder(tmp_path) / "a.csv").write_bytes(GOOD)

    def stumbling(*_: object) -> object:
        raise fault

    monkeypatch.setattr(parsing, "read_tables", stumbling)
    with pytest.raises(type(fault)):
        read(tmp_path)


def test_every_rule_of_the_hostile_deliveries_has_words() -> None:
    every = [*hostile.EVERY.values(), *hostile.XML.values()]
    assert {f"file.{rule}" for rule, _ in every if rule} <= known_keys("sv")

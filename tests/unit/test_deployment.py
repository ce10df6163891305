"""The shipped systemd units: no misspelt key, no command that is not there, and what systemd itself says of them."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dagster_project.cli import cli
from dagster_project.report.doctor import TIMER
from dagster_project.settings import DATA_VARIABLE, PROJECT_ROOT, SMTP_PASSWORD_VARIABLE

SYSTEMD = PROJECT_ROOT / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.iterdir())
PROGRAM, DATA = "/opt/mattstock", "/srv/mattstock"
KEYS = {
    "Unit": {
        "After", "ConditionPathExists", "Conflicts", "Description", "Documentation", "RequiresMountsFor", "Wants",
    },
    "Service": {
        "AmbientCapabilities", "CapabilityBoundingSet", "Environment", "EnvironmentFile", "ExecStart", "Group",
        "IOSchedulingClass", "IOSchedulingPriority", "KillMode", "LockPersonality", "Nice", "NoNewPrivileges",
        "PrivateDevices", "PrivateTmp", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname",
        "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectSystem", "ReadOnlyPaths",
        "ReadWritePaths", "Restart", "RestartSec", "RestrictAddressFamilies", "RestrictNamespaces",
        "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter", "TimeoutStartSec",
        "TimeoutStopSec", "Type", "UMask", "User", "WorkingDirectory",
    },
    "Timer": {"AccuracySec", "OnCalendar", "Persistent", "Unit"},
    "Path": {"PathChanged", "Unit"},
    "Install": {"WantedBy"},
}  # fmt: skip


def read(unit: Path) -> dict[str, dict[str, list[str]]]:
    """Sections, keys and their values in order: systemd lets a key stand several times."""

    class Repeated(dict[str, object]):
        def __setitem__(self, key: str, value: object) -> None:
            if key in self and isinstance(value, list):
                value = [*self[key], *value]  # type: ignore[misc]
            super().__setitem__(key, value)

    parser = configparser.RawConfigParser(dict_type=Repeated, strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit, encoding="utf-8")
    return {name: {k: v.splitlines() for k, v in parser[name].items()} for name in parser.sections()}


SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_section_and_key_is_one_that_is_meant(unit: Path) -> None:
    sections = read(unit)
    assert "Unit" in sections
    for section, keys in sections.items():
        assert set(keys) <= KEYS[section], unit


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_command_is_there_and_understands_its_words(unit: Path) -> None:
    [line] = read(unit)["Service"]["ExecStart"]
    program, *words = shlex.split(line)
    assert program.startswith(f"{PROGRAM}/.venv/bin/")
    assert Path(sys.executable).with_name(Path(program).name).exists()
    if Path(program).name == "mattstock":
        with cli.commands[words[0]].make_context(words[0], words[1:]):
            assert isinstance(cli.commands[words[0]], click.Command)
    elif "-m" in words:
        module = words[words.index("-m") + 1]
        assert (PROJECT_ROOT / f"{module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_run_may_write_its_data_and_nothing_else(unit: Path) -> None:
    service = read(unit)["Service"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["ReadWritePaths"] == [f"{DATA} {PROGRAM}/dbt"]
    assert f"-{DATA}/raw" in service["ReadOnlyPaths"][0].split()
    assert f"{DATA_VARIABLE}={DATA}" in service["Environment"]
    assert service["User"] == ["mattstock"]
    # Secrets come from a file of root's, never from the unit, which everybody may read.
    assert not any(SMTP_PASSWORD_VARIABLE in line for line in service["Environment"])


def test_a_stopped_run_is_seen_and_is_not_tried_again() -> None:
    service = read(SYSTEMD / "mattstock.service")["Service"]
    assert service["Type"] == ["oneshot"]
    assert not {"SuccessExitStatus", "Restart"} & set(service)


def test_the_timer_is_the_one_that_the_doctor_looks_for() -> None:
    timer = read(SYSTEMD / TIMER)["Timer"]
    assert timer["Unit"] == ["mattstock.service"]
    assert timer["Persistent"] == ["true"]
    assert timer["OnCalendar"] == ["*-*-* 02:00:00 Europe/Stockholm"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    # As installed: the program is this checkout, and its environment the one that the tests run in.
    data, program = tmp_path / "data", tmp_path / "program"
    data.mkdir()
    program.mkdir()
    (program / ".venv").symlink_to(Path(sys.executable).parents[1])
    (program / "dbt").symlink_to(PROJECT_ROOT / "dbt")
    copies = []
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(PROGRAM, str(program)).replace(DATA, str(data))
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, copies)],
        capture_output=True,
        text=True,
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if "mattstock" in line]
    assert (done.returncode, about_ours) == (0, [])

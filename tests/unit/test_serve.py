"""`mattstock serve`: the reports of the release in force, read-only and on this computer alone."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

MATTSTOCK = str(Path(sys.executable).with_name("mattstock"))
PATIENCE = 60


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose release in force has one report."""
    reports = tmp_path / "marts" / "releases" / "one" / "reports"
    reports.mkdir(parents=True)
    (reports / "index.html").write_text("<!doctype html><title>one</title>", encoding="utf-8")
    (tmp_path / "marts" / "current").symlink_to("releases/one")
    (tmp_path / "marts" / "secret.txt").write_text("not for reading", encoding="utf-8")
    return tmp_path


def test_the_reports_in_force_are_shown_and_nothing_beside_them(data: Path) -> None:
    with subprocess.Popen(
        [MATTSTOCK, "serve", "--data", str(data), "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", serving.stdout.readline())
            assert found
            address = found[0]
            with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
                assert b"<title>one</title>" in answer.read()
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            for path in ("../secret.txt", "%2e%2e/%2e%2e/secret.txt", "reports/"):
                with pytest.raises(HTTPError) as refused:
                    urllib.request.urlopen(address + path, timeout=PATIENCE)
                assert refused.value.code == 404
                refused.value.close()
            # Another release in force is shown without a restart.
            other = data / "marts" / "releases" / "two" / "reports"
            other.mkdir(parents=True)
            (other / "index.html").write_text("<!doctype html><title>two</title>", encoding="utf-8")
            (data / "marts" / "next").symlink_to("releases/two")
            (data / "marts" / "next").replace(data / "marts" / "current")
            with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
                assert b"<title>two</title>" in answer.read()
        finally:
            serving.terminate()


def test_without_reports_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [MATTSTOCK, "serve", "--data", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "mattstock run" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told_plainly(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [MATTSTOCK, "serve", "--data", str(data), "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr

"""Drives a real Chromium over its own debugging protocol: opens pages, runs scripts, keeps what the page said.

What belongs here: the browser. What does not: what a page should show.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60.0
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def program() -> str | None:
    """Where a Chromium is installed, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab: what it asked for and what it complained of since it was last opened."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._loaded = False
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One command, and its answer; what the page tells meanwhile is kept."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": arguments}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE))
            if told.get("id") == number:
                assert "error" not in told, (method, told["error"])
                return dict(told["result"])
            self._keep(told)

    def open(self, address: str) -> None:
        """Go to an address, from a blank page so that a new fragment loads anew, and wait until it is loaded."""
        self._go("about:blank")
        self.requests.clear()
        self.complaints.clear()
        self._go(address)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        told = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.05)

    def size(self, width: int, height: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def press(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def _go(self, address: str) -> None:
        self._loaded = False
        self.send("Page.navigate", url=address)
        while not self._loaded:
            self._keep(json.loads(self._socket.recv(timeout=PATIENCE)))

    def _keep(self, told: dict[str, Any]) -> None:
        method, given = told.get("method"), told.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(given["exceptionDetails"]))
        elif (method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert")) or (
            method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning")
        ):
            self.complaints.append(str(given))


@contextmanager
def browsing(folder: Path) -> Iterator[Page]:
    """A Chromium with its profile in `folder`, and a tab in it; ended on leaving."""
    chromium = program()
    assert chromium is not None
    command = [chromium, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab(folder, process), max_size=None, open_timeout=PATIENCE) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _tab(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """The address of the debugging protocol of a new tab: Chromium writes its port when it is ready."""
    ready = folder / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE
    while not (ready.exists() and len(ready.read_text().splitlines()) == 2):
        assert process.poll() is None, "Chromium did not start"
        assert time.monotonic() < deadline, "Chromium is not ready"
        time.sleep(0.05)
    port, path = ready.read_text().splitlines()
    with connect(f"ws://127.0.0.1:{port}{path}", open_timeout=PATIENCE) as socket:
        socket.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
        while (told := json.loads(socket.recv(timeout=PATIENCE))).get("id") != 1:
            continue
    return f"ws://127.0.0.1:{port}/devtools/page/{told['result']['targetId']}"

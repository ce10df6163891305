"""Shows the reports of the release in force in a browser on this computer: files to read, and nothing else.

What does not belong here: making a report. The address is this computer's own; a web server for a whole office
serves the same folder.
"""

from __future__ import annotations

import functools
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"


class _Reports(SimpleHTTPRequestHandler):
    """The files of one folder, without listings; a release put in force meanwhile is served from the next request."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: who reads what is nobody's business."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of `folder` on this computer; port 0 takes any free one. OSError when the port is taken."""
    return ThreadingHTTPServer((HOST, port), functools.partial(_Reports, directory=str(folder)))

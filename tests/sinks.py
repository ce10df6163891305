"""What tests send alerts to: a real mail server and a real web hook on this computer; both keep all."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class MailServer:
    """The mails that came, in order, and who logged in."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    users: list[str] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server that speaks as much SMTP as a client needs to deliver a mail."""
    kept = MailServer()

    class Conversation(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            self.say("220 sink ESMTP")
            while line := self.rfile.readline():
                command = line.decode().strip().upper()
                if command.startswith("EHLO"):
                    self.say("250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN")
                elif command.startswith("AUTH PLAIN"):
                    _, user, password = base64.b64decode(line.split()[-1]).decode().split("\0")
                    kept.users.append(f"{user}:{password}")
                    self.say("235 welcome")
                elif command == "DATA":
                    self.say("354 go on")
                    text = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        text += part.removeprefix(b".") if part.startswith(b"..") else part
                    kept.mails.append(message_from_bytes(text, policy=policy.default))  # type: ignore[arg-type]
                    self.say("250 kept")
                elif command == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        kept.port = server.server_address[1]
        with _serving(server):
            yield kept


@dataclass
class Hook:
    """What was posted, in order; `status` is what the hook answers."""

    address: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200


@contextmanager
def web_hook() -> Iterator[Hook]:
    """A server that keeps the JSON documents that are posted to it."""
    kept = Hook()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.posts.append(json.loads(body))
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        kept.address = f"http://127.0.0.1:{server.server_address[1]}/larm?nyckel=hemlig"
        with _serving(server):
            yield kept


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()

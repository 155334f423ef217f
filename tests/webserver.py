"""The web server as it runs in production: gunicorn, with worker processes of its own, on the database of the test."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
from django.db import connection

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = "python:panta_admin.serving"
HOST = "localhost"
PATIENCE_S = 30


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class WebServer:
    port: int
    process: subprocess.Popen[bytes]

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; `_` in a header's name is `-`."""
        sent = {"Host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as line:
            line.request(method, path, body, sent)
            response = line.getresponse()
            return Answer(response.status, response.headers, response.read())

    def send(self, raw: bytes) -> bytes:
        """What comes back for these bytes, until the server closes the connection."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)) as line:
            line.sendall(raw)
            return b"".join(iter(lambda: line.recv(65_536), b""))


@contextmanager
def serving(*options: str, workers: int = 1, config: str = CONFIG, **environment: str) -> Iterator[WebServer]:
    """Answers when the block begins. Needs a test whose data is committed (`transactional_db`)."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "panta_admin.wsgi", f"--bind=127.0.0.1:{port}", "--threads=4"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, f"--workers={workers}", *([f"--config={config}"] if config else []), *options],
            env=os.environ | {"DATABASE_URL": _database(), "LOG_LEVEL": "WARNING"} | environment,
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )
        server = WebServer(port, process)
        try:
            if not _answers(server, workers):
                log.seek(0)
                raise AssertionError(log.read().decode())
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _database() -> str:
    """The address of the database that this test uses."""
    return re.sub(r"/[^/?]+(?=\?|$)", f"/{connection.settings_dict['NAME']}", os.environ["DATABASE_URL"], count=1)


def _answers(server: WebServer, workers: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            if len(server.workers()) >= workers and server.ask("GET", "/health/live").status == 200:
                return True
        except OSError:
            time.sleep(0.05)
    return False

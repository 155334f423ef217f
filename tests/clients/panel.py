"""The panel as clients meet it: gunicorn on the test's database, and a line on which answers are lost."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Panel:
    port: int
    key: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


# --- A line that loses answers ------------------------------------------------------------------------------------
@dataclass
class Line:
    """Passes requests on to the panel; the answer to each body's first delivery is lost on the way back."""

    address: str
    answers: list[int]  # what the panel answered, those that were lost too


@contextmanager
def losing_answers(panel: Panel) -> Iterator[Line]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _LossyHandler)
    line = Line(f"http://127.0.0.1:{server.server_port}", [])
    server.panel, server.line, server.seen = panel, line, set()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _LossyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the tests say what matters."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        with closing(http.client.HTTPConnection("127.0.0.1", server.panel.port, timeout=20)) as onward:
            onward.request("POST", self.path, body, headers)
            response = onward.getresponse()
            answer = response.read()
        server.line.answers.append(response.status)
        lost = body not in server.seen
        server.seen.add(body)
        self.send_response(503 if lost else response.status)
        self.send_header("Content-Type", response.headers["Content-Type"])
        self.send_header("Content-Length", "0" if lost else str(len(answer)))
        self.end_headers()
        self.wfile.write(b"" if lost else answer)

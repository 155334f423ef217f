"""Usage by HTTP: one gunicorn worker process as in production, against a bare writer of the same rows.

The bare writer speaks to PostgreSQL alone: COPY into a temporary table, INSERT … ON CONFLICT into `usage_event` and
its outbox, a commit for each batch; names are resolved already. Everything is on one machine: the sender, the web
process and PostgreSQL share its cores.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection

from analytics import keys
from analytics.ingest.store import COLUMNS
from analytics.models import Delivery, PendingEvent, Scope
from tests.benchmarks import stage, tables
from tests.benchmarks.timing import Seconds, Timed, measured, seconds
from tests.benchmarks.workspaces import Workspace
from usermgmt.models import Role, User

TARGET = "delivery_target"
SENDERS = 4  # connections, each waiting for its answer before it sends again
EVENTS = 40_000
_ANSWER = re.compile(rb".*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n", re.DOTALL | re.IGNORECASE)  # its head
_PEOPLE, _TEAMS, _ITEMS, _DAYS = 2_000, 30, 60, 20
_OUTBOX = ", ".join(field.name for field in PendingEvent._meta.concrete_fields if not field.primary_key)
_ALL = ", ".join(COLUMNS)
_BARE = f"""
    WITH stored AS (
        INSERT INTO usage_event ({_ALL}) SELECT {_ALL} FROM incoming ON CONFLICT DO NOTHING RETURNING {_OUTBOX}
    ) INSERT INTO pending_event ({_OUTBOX}) SELECT {_OUTBOX} FROM stored
"""


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    key: str

    def deliver(self, bodies: Sequence[bytes]) -> None:
        """Sends every body once over `SENDERS` connections; comes again where it is asked to."""
        waiting, lock = iter(bodies), threading.Lock()

        def take() -> bytes | None:
            with lock:
                return next(waiting, None)

        senders = [threading.Thread(target=self._send, args=(take,)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    def _send(self, take: Callable[[], bytes | None]) -> None:
        """Over one connection. By hand, because Python's own client would take as long as a delivery in PostgreSQL."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as line:
            while (body := take()) is not None:
                while (answer := self._answer(line, body)).startswith(b"HTTP/1.1 503"):
                    time.sleep(0.02)
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"answered {answer[:600]!r}")

    def _answer(self, line: socket.socket, body: bytes) -> bytes:
        line.sendall(
            b"POST /api/v1/events HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (stage.HOST.encode(), self.key.encode(), len(body), body)
        )
        answer = bytearray()
        while not (length := _ANSWER.match(answer)) or len(answer) < length.end() + int(length[1]):
            if not (piece := line.recv(1 << 16)):
                raise RuntimeError("the line was closed")
            answer += piece
        return bytes(answer)


def compare(workspaces: Sequence[Workspace], rounds: int) -> None:
    """Prints events per second of both, in batches of 1,000 and one by one. Needs none of `workspaces`."""
    stage.create(TARGET)
    try:
        stage.use(TARGET)
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        actor = User.objects.create_person("benchmark@example.com", "Benchmark", role=Role.ADMINISTRATOR)
        _key, text = keys.create(actor, "Benchmark", [Scope.INGEST])
        with _server(text) as server:
            rows = [_size(server, size, EVENTS // (1 if size > 1 else 20), rounds) for size in (1_000, 1)]
    finally:
        stage.drop(TARGET)
    columns = ("events a request", "HTTP, events/s", "bare, events/s", "HTTP ÷ bare")
    tables.show("Usage by HTTP, one web process, best of all runs", columns, rows)


def _size(server: Server, size: int, events: int, rounds: int) -> tuple[tables.Cell, ...]:
    bodies = _bodies(events, size)
    server.deliver(bodies)  # once, so that names are known and the rows can be had
    blocks = _blocks(size)
    if sum(block.count(b"\n") for block in blocks) != events:
        raise RuntimeError("not every event was stored")
    runs: dict[str, Seconds] = {
        "http": lambda: _into_empty(lambda: server.deliver(bodies)),
        "bare": lambda: _into_empty(lambda: _write(blocks)),
    }
    samples = measured(runs, rounds)
    _empty()
    http_rate, bare_rate = (events / samples[name].best for name in ("http", "bare"))
    return (str(size), round(http_rate), round(bare_rate), tables.times(http_rate, bare_rate))


def _bodies(events: int, size: int) -> list[bytes]:
    chance, now = random.Random(1), dt.datetime.now(dt.UTC)
    made = [
        {
            "event_id": f"{size}-{number}",
            "occurred_at": (now - dt.timedelta(seconds=chance.randrange(86_400 * _DAYS))).isoformat(),
            "user_id": f"u{chance.randrange(_PEOPLE)}",
            "team": f"Team {chance.randrange(_TEAMS)}",
            "assistant": f"Assistant {chance.randrange(_ITEMS)}",
            "model": "gpt-4o-mini",
            "input_tokens": chance.randrange(5_000),
            "output_tokens": chance.randrange(900),
            "latency_ms": chance.randrange(9_000),
        }
        for number in range(events)
    ]
    return [json.dumps(made[first : first + size]).encode() for first in range(0, events, size)]


def _blocks(size: int) -> list[bytes]:
    """What stands in `usage_event`, as COPY text in batches of `size`, as it came in: in no order of any index."""
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY (SELECT {_ALL} FROM usage_event ORDER BY received_at, md5(event_key::text)) TO STDOUT"
        ) as copy,
    ):
        lines = b"".join(copy).splitlines(keepends=True)
    return [b"".join(lines[first : first + size]) for first in range(0, len(lines), size)]


def _write(blocks: Sequence[bytes]) -> None:
    with stage.connect(TARGET) as bare:
        bare.execute("CREATE TEMPORARY TABLE incoming (LIKE usage_event) ON COMMIT DELETE ROWS")
        for block in blocks:
            with bare.transaction(), bare.cursor() as cursor:
                with cursor.copy(f"COPY incoming ({_ALL}) FROM STDIN") as copy:
                    copy.write(block)
                cursor.execute(_BARE)


def _into_empty(run: Timed) -> float:
    _empty()
    return seconds(run)


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE usage_event, pending_event, {Delivery._meta.db_table}")


@contextmanager
def _server(key: str) -> Iterator[Server]:
    """One worker process of four threads, as the image runs two of."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = connection.settings_dict
    environment = os.environ | {"DATABASE_URL": os.environ["DATABASE_URL"].replace("/panta?", f"/{address['NAME']}?")}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "panta_admin.wsgi", "--config=python:panta_admin.serving",
         "--workers=1", "--threads=4", "--worker-tmp-dir=/dev/shm", f"--bind=127.0.0.1:{port}", "--log-level=warning"],
        env=environment,
    )  # fmt: skip
    try:
        _wait_for(port)
        yield Server(port, key)
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _attempt in range(300):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the web server did not start")

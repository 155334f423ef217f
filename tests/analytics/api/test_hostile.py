"""Hostile bodies at a real web server: refused at once, in little memory, by a worker that lives on."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import psutil
import pytest

from analytics.api import deliver, traces
from analytics.api.body import STALL_S
from analytics.models import Delivery, PendingEvent, Scope, UsageEvent
from tests import webserver
from tests.analytics.api.client import make_key
from tests.analytics.ingest.captures import OTLP_PROTOBUF
from tests.memory import MIB, growing_less_than
from tests.webserver import Answer, WebServer

EVENTS, CALLS, TRACES = "/api/v1/events", "/api/v1/litellm", "/v1/traces"
LIMITS = {EVENTS: deliver.EVENT_LIMITS, CALLS: deliver.LITELLM_LIMITS, TRACES: traces.TRACE_LIMITS}
each_door = pytest.mark.parametrize("path", LIMITS)
AT_ONCE_S = 2.0  # of a processor's time, which other work on the machine does not make longer
JSON = "application/json"
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most memory a process had"),
    pytest.mark.xdist_group("hostile"),  # one server
]


@dataclass(frozen=True)
class Door:
    """One worker process, which answers every request of a test."""

    server: WebServer
    key: str
    worker: psutil.Process

    def deliver(self, path: str, body: bytes, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {self.key}", "Content_Type": JSON, **headers}
        return self.server.ask("POST", path, body, **sent)

    def post(self, path: str, *lines: str, body: bytes) -> bytes:
        """The raw answer to a request whose headers are written by hand."""
        head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.key}", "Connection: close"]
        return self.server.send("\r\n".join([*head, *lines, "", ""]).encode() + body)

    def growing_less_than(self, most: int) -> AbstractContextManager[None]:
        """Fails where the worker has, at any moment of the block, more memory resident than at its beginning."""
        return growing_less_than(most, self.worker.pid)

    @contextmanager
    def answering_at_once(self) -> Iterator[None]:
        """Fails where the block keeps the worker busy for long."""
        before = self._worked_s()
        yield
        assert self._worked_s() - before < AT_ONCE_S

    def _worked_s(self) -> float:
        times = self.worker.cpu_times()
        return float(times.user + times.system)


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[WebServer]:
    """With one place for deliveries: one that was not given back would be missed."""
    with webserver.serving(INGEST_CONCURRENCY="1") as server:
        yield server


@pytest.fixture
def door(server: WebServer, transactional_db: None) -> Iterator[Door]:
    """Fails where the worker had to be replaced, or does not serve as before."""
    (worker,) = server.workers()
    door = Door(server, make_key(Scope.INGEST)[1], worker)
    assert door.deliver(EVENTS, json.dumps(event("first")).encode()).status == 200
    yield door
    assert server.workers() == [worker]
    assert door.deliver(EVENTS, json.dumps(event("last")).encode()).status == 200


def event(event_id: str, **fields: object) -> dict[str, object]:
    return {"event_id": event_id, "occurred_at": "2026-01-31T09:30:00Z", "input_tokens": 1, **fields}


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gibibyte of spaces in a mebibyte: one block a thousand times. Nobody gets to the checksum at its end."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = bytes.fromhex("1f8b0800000000000003") + block * 1024 + packer.flush() + bytes(8)
    assert 1024 * MIB / len(packed) > 1_000
    return packed


def test_gzip_bombs_are_refused_at_once_and_cost_little_memory(door: Door, bomb: bytes) -> None:
    with door.growing_less_than(30 * MIB):
        for path in LIMITS:
            for _ in range(3):
                with door.answering_at_once():
                    assert door.deliver(path, bomb, Content_Encoding="gzip").status == 413
    assert kept() == 1


def test_a_bomb_in_chunks_is_no_better(door: Door, bomb: bytes) -> None:
    with door.growing_less_than(30 * MIB):
        answer = door.post(EVENTS, "Content-Encoding: gzip", "Transfer-Encoding: chunked", body=chunked(bomb, 100_000))
    assert answer.startswith(b"HTTP/1.1 413")


def kept() -> int:
    """How many events are there; each with what is to be counted of it, and in a delivery."""
    events, pending = UsageEvent.objects.count(), PendingEvent.objects.count()
    assert events == pending == sum(Delivery.objects.values_list("accepted", flat=True))
    return events


# --- Chunks -------------------------------------------------------------------------------------------------------


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_body_in_chunks_without_a_length_is_read(door: Door, size: int, packed: bool) -> None:
    body = json.dumps([event("a"), event("b")]).encode()
    headers = ["Transfer-Encoding: chunked", *(["Content-Encoding: gzip"] if packed else [])]
    answer = door.post(EVENTS, *headers, body=chunked(gzip.compress(body) if packed else body, size))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"accepted":2' in answer
    assert kept() == 3


def test_chunks_without_an_end_are_cut_at_the_limit(door: Door) -> None:
    endless = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with door.growing_less_than(30 * MIB):
        answer = door.post(EVENTS, "Transfer-Encoding: chunked", body=endless * 12)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("body", [b"x\r\n", b"-1\r\n\r\n", b"1\r\n[]\r\n0\r\n\r\n"])
def test_broken_chunks_are_refused(door: Door, body: bytes) -> None:
    assert door.post(EVENTS, "Transfer-Encoding: chunked", body=body).startswith((b"HTTP/1.1 400", b"HTTP/1.1 413"))
    assert kept() == 1


def test_a_length_beside_chunks_smuggles_nothing(door: Door) -> None:
    """What one reader takes for the next request, another takes for the body of this one."""
    hidden = b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = door.post(EVENTS, "Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + hidden)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_who_sends_nothing_any_more_is_not_waited_for(door: Door) -> None:
    """A line that broke: what it held is free again, and the sender's next attempt is taken."""
    assert STALL_S < webserver.PATIENCE_S
    answer = door.post(EVENTS, "Transfer-Encoding: chunked", body=b"ffffff\r\n[")
    assert answer.startswith(b"HTTP/1.1 503")
    assert kept() == 1


# --- Broken gzip --------------------------------------------------------------------------------------------------

GOOD = gzip.compress(json.dumps([event("good")]).encode())


@each_door
@pytest.mark.parametrize(
    "body",
    [GOOD + GOOD, GOOD + b"tail", GOOD[:-4], gzip.compress(GOOD), gzip.compress(b"") * 100_000],
    ids=["two members", "a tail", "no end", "packed twice", "many members"],
)
def test_gzip_that_is_not_one_whole_member_is_refused(door: Door, path: str, body: bytes) -> None:
    assert door.deliver(path, body, Content_Encoding="gzip").status == 400
    assert kept() == 1


# --- Nesting ------------------------------------------------------------------------------------------------------

DEEP = 1_000_000
NESTED = {
    "arrays": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "open": b"[" * DEEP,
    "in an event": b'[{"event_id":"deep","prompt":' + b"[" * DEEP + b"]" * DEEP + b"}]",
    "in metadata": b'[{"litellm_call_id":"deep","metadata":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}]",
    "in spans": b'{"resourceSpans":' + b"[" * DEEP + b"]" * DEEP + b"}",
}


ENDLESS = {
    "a text without an end": b'[NaN,"' + b'\\"' * DEEP,
    "that ends in a half escape": b'[NaN,"' + b'\\"' * DEEP + b"\\",
    "of halves of characters": b'["' + b"\\ud83d" * (DEEP // 4),
    "in the old payload": b'{"id":"old","startTime":"2026-11-20 10:00:00","metadata":"'
    + b"'\\\\" * (DEEP // 16)
    + b'"}',
}


@each_door
def test_texts_without_an_end_are_read_once(door: Door, path: str) -> None:
    for name, body in ENDLESS.items():
        with door.answering_at_once():
            assert door.deliver(path, body).status in (200, 400, 422), name  # 200: a good call with broken metadata


@each_door
def test_json_that_is_nested_a_million_times_is_refused(door: Door, path: str) -> None:
    for name, body in NESTED.items():
        with door.answering_at_once():
            assert door.deliver(path, body).status in (400, 422), name
    assert kept() == 1


def test_protobuf_that_is_nested_a_hundred_thousand_times_is_refused_or_passed_over(door: Door) -> None:
    """An attribute whose value is an array in an array in an array …"""
    value = b""
    for _ in range(20_000):
        value = b"\x2a" + length(value) + value  # AnyValue.array_value
        value = b"\x0a" + length(value) + value  # ArrayValue.values
    attribute = b"\x0a\x0dgen_ai.system\x12" + length(value) + value
    span = b"\x4a" + length(attribute) + attribute
    scope = b"\x12" + length(span) + span
    resource = b"\x12" + length(scope) + scope
    body = b"\x0a" + length(resource) + resource
    assert door.deliver(TRACES, body, Content_Type="application/x-protobuf").status in (200, 400)
    assert door.deliver(TRACES, OTLP_PROTOBUF, Content_Type="application/x-protobuf").status == 200
    assert kept() > 1


def length(of: bytes) -> bytes:
    number, pieces = len(of), bytearray()
    while number > 0x7F:
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*pieces, number])


# --- Size ---------------------------------------------------------------------------------------------------------


@each_door
def test_a_body_that_says_it_is_too_large_is_refused_unread(door: Door, path: str) -> None:
    answer = door.post(path, f"Content-Length: {LIMITS[path].wire + 1}", "Content-Type: application/json", body=b"")
    assert answer.startswith(b"HTTP/1.1 413")


def test_the_key_is_asked_for_before_the_body(door: Door) -> None:
    """The answer comes although of the body nothing ever does."""
    answer = door.server.send(
        b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 401")

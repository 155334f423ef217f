"""A body as it comes over a line: all of it, nothing more than the limits, and no waiting for who stopped sending."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO

import pytest
from django.http import HttpRequest

from analytics.api import body
from analytics.api.body import Limits
from analytics.api.problems import Problem
from tests.analytics.parallel import Threads
from tests.memory import MIB, growing_less_than

LIMITS = Limits(wire=1 << 20, unpacked=1 << 20)


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The panel's end, and the sender's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def request_on(line: socket.socket, length: int) -> HttpRequest:
    request = HttpRequest()
    request.META = {"wsgi.input": line.makefile("rb"), "gunicorn.socket": line, "CONTENT_LENGTH": str(length)}
    return request


def left_on(line: socket.socket) -> int:
    """Bytes that nobody has read."""
    line.setblocking(False)
    try:
        return len(line.recv(1 << 20))
    except BlockingIOError:
        return 0


def test_a_sender_that_stalls_is_asked_to_come_again(
    line: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "STALL_S", 0.05)
    ours, theirs = line
    theirs.sendall(b"[{")
    with pytest.raises(Problem) as refused:
        body.read(request_on(ours, 100), LIMITS)
    assert refused.value.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert refused.value.headers == {"Retry-After": "1"}
    assert ours.gettimeout() is None  # the answer may take its time


def test_a_slow_sender_is_waited_for(
    line: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the silence that counts, up to a limit for the whole."""
    monkeypatch.setattr(body, "STALL_S", 1.0)
    ours, theirs = line
    with Threads(1) as others:
        whole = others.run(body.read, request_on(ours, 6), LIMITS)
        for byte in b"[1, 2]":
            time.sleep(0.25)
            theirs.sendall(bytes([byte]))
    assert whole.result() == b"[1, 2]"


def test_a_sender_that_drips_is_waited_for_no_longer_than_others(
    line: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, and all of them never do."""
    monkeypatch.setattr(body, "STALL_S", 5.0)
    monkeypatch.setattr(body, "WHOLE_S", 0.3)
    ours, theirs = line
    over = threading.Event()

    def drip() -> None:
        with suppress(OSError):  # the line has been closed
            while not over.wait(0.02):
                theirs.sendall(b" ")

    with Threads(1) as others:
        others.run(drip)
        began = time.monotonic()
        with pytest.raises(Problem) as refused:
            body.read(request_on(ours, 1_000), LIMITS)
        took = time.monotonic() - began
        over.set()
    assert refused.value.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert refused.value.headers == {"Retry-After": "1"}
    assert took < 4  # and not twenty seconds
    assert ours.gettimeout() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most memory a process had")
def test_a_body_is_in_memory_once() -> None:
    whole = b" " * 48 * MIB
    request = HttpRequest()
    request.META = {"wsgi.input": BytesIO(whole), "CONTENT_LENGTH": str(len(whole))}
    with growing_less_than(len(whole) + 4 * MIB):
        assert body.read(request, Limits(wire=64 * MIB, unpacked=64 * MIB)) == whole


def test_what_is_skipped_is_off_the_line(line: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = line
    size = 700_000  # more than a line holds by itself
    with Threads(1) as others:
        sent = others.run(theirs.sendall, b" " * size)
        body.skip(request_on(ours, size), LIMITS)
    sent.result()
    assert left_on(ours) == 0


def test_what_is_too_large_is_not_even_skipped(line: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = line
    theirs.sendall(b"x" * 100)
    body.skip(request_on(ours, LIMITS.wire + 1), LIMITS)
    assert left_on(ours) == 100


def test_a_stalled_sender_is_skipped_for_a_moment_only(
    line: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "SKIP_S", 0.05)
    ours, theirs = line
    theirs.sendall(b"[{")
    began = time.monotonic()
    body.skip(request_on(ours, 100), LIMITS)
    assert time.monotonic() - began < 5

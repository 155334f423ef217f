"""A body as it comes over a line: all of it, nothing more than the limits, and no waiting for who stopped sending."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.http import HttpRequest

from analytics.api import body
from analytics.api.body import Limits
from analytics.api.problems import Problem
from tests.analytics.parallel import Threads

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
    """It is the silence that counts, not the whole."""
    monkeypatch.setattr(body, "STALL_S", 1.0)
    ours, theirs = line
    with Threads(1) as others:
        whole = others.run(body.read, request_on(ours, 6), LIMITS)
        for byte in b"[1, 2]":
            time.sleep(0.25)
            theirs.sendall(bytes([byte]))
    assert whole.result() == b"[1, 2]"


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

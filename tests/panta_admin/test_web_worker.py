"""A connection keeps its thread while it is used, and no longer than others can wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest

from tests import webserver

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/health/live"
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: {webserver.HOST}\r\n\r\n".encode()


@contextmanager
def asking_without_a_pause(server: webserver.WebServer) -> Iterator[list[int]]:
    """The statuses so far of somebody who asks again and again on one connection."""
    statuses: list[int] = []
    ended = threading.Event()
    thread = threading.Thread(target=_ask_until, args=(server.port, ended, statuses))
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


def _ask_until(port: int, ended: threading.Event, statuses: list[int]) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=webserver.PATIENCE_S)) as line:
        while not ended.is_set():
            line.request("GET", PATH, headers={"Host": webserver.HOST})
            response = line.getresponse()
            response.read()
            statuses.append(response.status)


def test_whoever_asks_without_a_pause_leaves_the_only_thread_to_others() -> None:
    with webserver.serving("--threads=1") as server, asking_without_a_pause(server) as statuses:
        for _request in range(20):
            assert server.ask("GET", PATH).status == 200
    assert set(statuses) == {200}


def test_requests_that_come_in_one_piece_are_all_answered() -> None:
    last = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with webserver.serving() as server:
        assert server.send(REQUEST * 9 + last).count(b"HTTP/1.1 200 OK\r\n") == 10


def test_a_worker_that_is_asked_without_a_pause_ends_when_it_is_told() -> None:
    with webserver.serving("--graceful-timeout=20") as server:
        line = HTTPConnection("127.0.0.1", server.port, timeout=webserver.PATIENCE_S)
        with closing(line):
            for number in range(10_000):  # what is announced as the last answer closes the line
                if number == 1:
                    server.process.terminate()
                line.request("GET", PATH, headers={"Host": webserver.HOST})
                response = line.getresponse()
                assert response.status == 200
                response.read()
                if response.getheader("Connection") == "close":
                    break
        assert server.process.wait(webserver.PATIENCE_S) == 0

"""Careful clients: each sends a batch, waits for the answer, and sends the same again until there is one.

In: an endless row of events. Out: a `Ledger` of what was sent and what was said of it.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tests.chaos.sent import Sent, Usage

PATH = "/api/v1/events"
TIMEOUT_S = 20.0  # longer than the web role's longest statement
LONGEST_PAUSE_S = 0.25  # a client that waited as long as it is told to would sleep through a short fault
PATIENCE_S = 30.0  # after the end, for what has no answer yet
NO_ANSWER = 0
AGAIN = (NO_ANSWER, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is NO_ANSWER where the line broke."""

    began: float
    took_s: float
    status: int
    retry_after: str = ""
    body: bytes = b""

    @property
    def results(self) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = json.loads(self.body)["results"]
        return results


class Line:
    """One kept connection to the panel, opened again whenever it broke."""

    def __init__(self, port: int, key: str, timeout_s: float = TIMEOUT_S, path: str = PATH) -> None:
        self._path = path
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        began = time.monotonic()
        try:
            self._connection.request("POST", self._path, body, self._headers | dict(headers or {}))
            response = self._connection.getresponse()
            read = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return Answer(began, time.monotonic() - began, NO_ANSWER)
        retry_after = response.headers.get("Retry-After", "")
        return Answer(began, time.monotonic() - began, response.status, retry_after, read)

    def close(self) -> None:
        self._connection.close()


def request_head(key: str, length: int) -> bytes:
    """For who wants to say the rest by hand."""
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


class Ledger:
    """What was sent, and how often each event was said to be accepted or a duplicate."""

    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}
        self.accepted: Counter[str] = Counter()
        self.duplicate: Counter[str] = Counter()
        self.answers: list[Answer] = []
        self.complaints: list[str] = []
        self._lock = threading.Lock()

    @property
    def acknowledged(self) -> set[str]:
        """Ids of the events that the panel has promised to keep."""
        return {*self.accepted, *self.duplicate}

    def note_sent(self, batch: Iterable[Sent]) -> None:
        with self._lock:
            self.sent.update((event.id, event) for event in batch)

    def note(self, batch: Sequence[Sent], answer: Answer) -> None:
        """What was said of a batch; anything but the events' verdicts and "come again later" is a complaint."""
        with self._lock:
            self.answers.append(answer)
            if answer.status == 200:
                for event, result in zip(batch, answer.results, strict=True):
                    self._note_verdict(event, result)
            elif answer.status in (429, 503):
                if not answer.retry_after.isdecimal():
                    self.complaints.append(f"{answer.status} without Retry-After")
            elif answer.status != NO_ANSWER:
                self.complaints.append(f"{answer.status}: {answer.body[:300]!r}")

    def _note_verdict(self, event: Sent, result: Mapping[str, Any]) -> None:
        if result["status"] == "rejected":
            self.complaints.append(f"rejected: {result['reason']}")
        else:
            {"accepted": self.accepted, "duplicate": self.duplicate}[result["status"]][event.id] += 1

    def statuses(self, since: float = 0.0) -> Counter[int]:
        return Counter(answer.status for answer in self.answers if answer.began >= since)


class Clients:
    """Some at once, each with a line of its own, while the block lasts; then each batch has its answer or its time."""

    def __init__(self, port: int, key: str, number: int, ledger: Ledger) -> None:
        self.ledger = ledger
        self._port, self._key = port, key
        self._over, self._give_up_at = threading.Event(), float("inf")
        self._threads = [threading.Thread(target=self._work, args=(client,)) for client in range(number)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._give_up_at = time.monotonic() + PATIENCE_S
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, client: int) -> None:
        line = Line(self._port, self._key, path=self.path(client))
        for batch, body, headers in self.batches(client):
            if self._over.is_set():
                break
            self._deliver(line, batch, body, headers)
        line.close()

    def batches(self, client: int) -> Iterator[tuple[list[Sent], bytes, Mapping[str, str]]]:
        """What one client sends, one after the other: events, and body and headers that say them."""
        raise NotImplementedError

    def path(self, _client: int) -> str:
        return PATH

    def said(self, _batch: Sequence[Sent], answer: Answer) -> Answer:
        """The answer as it would be at our own door."""
        return answer

    def _deliver(self, line: Line, batch: list[Sent], body: bytes, headers: Mapping[str, str]) -> None:
        while True:
            answer = self.said(batch, line.post(body, headers))
            self.ledger.note(batch, answer)
            if answer.status not in AGAIN or time.monotonic() > self._give_up_at:
                return
            time.sleep(min(float(answer.retry_after or 0.1), LONGEST_PAUSE_S))


@dataclass(frozen=True, slots=True)
class Pace:
    """How much load: at most `events`, which are sent again from then on. Each batch is of some size of `sizes`."""

    clients: int = 4
    sizes: tuple[int, ...] = (1, 3, 20, 60, 150)  # up to 50 go by one statement, more by COPY
    pause_s: float = 0.02
    events: int = 100_000


class Load(Clients):
    """The everyday: batches of all sizes and forms, and some of them more than once."""

    def __init__(self, port: int, key: str, usage: Usage, pace: Pace) -> None:
        super().__init__(port, key, pace.clients, Ledger())
        self._usage, self._pace = usage, pace
        self._lock = threading.Lock()
        self._next = 0
        self._recent: deque[list[Sent]] = deque(maxlen=16)

    def batches(self, client: int) -> Iterator[tuple[list[Sent], bytes, Mapping[str, str]]]:
        chance = random.Random(f"{self._usage.seed}/client {client}")
        while True:
            batch = self._batch(chance)
            yield batch, *encoded(batch, chance)
            self._over.wait(self._pace.pause_s)

    def _batch(self, chance: random.Random) -> list[Sent]:
        """New events with some old ones among them; now and then the batch that another client is just sending."""
        with self._lock:
            first, size = self._next, chance.choice(self._pace.sizes)
            if self._recent and (chance.random() < 0.15 or first + size > self._pace.events):
                return chance.sample(again := chance.choice(self._recent), len(again))
            self._next += size
            batch = [self._usage[number] for number in range(first, first + size)]
            if self._recent and chance.random() < 0.3:
                batch += chance.choice(self._recent)[:3]
            self._recent.append(batch)
        self.ledger.note_sent(batch)
        return batch


def encoded(batch: Sequence[Sent], chance: random.Random) -> tuple[bytes, Mapping[str, str]]:
    """Body and headers: a JSON array or one object a line, packed or not."""
    events = [event.fields for event in batch]
    lines = chance.random() < 0.3
    body = b"\n".join(json.dumps(event).encode() for event in events) if lines else json.dumps(events).encode()
    return (gzip.compress(body), {"Content-Encoding": "gzip"}) if chance.random() < 0.3 else (body, {})

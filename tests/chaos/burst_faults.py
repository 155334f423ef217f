"""F7: ten times as many clients as usual, and clients who stop in the middle.

Memory stays bounded, who finds no place within half a second is told when to come again, pages are served, and the
backlog drains.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import cycle, islice

import psutil

from analytics.api.body import STALL_S
from tests.chaos.load import Clients, Ledger, request_head
from tests.chaos.scene import Dose, Outcome, Scene, usage_of
from tests.chaos.sent import Sent, Usage
from tests.chaos.stage import Stage, until
from tests.chaos.visitor import median_s

TIMES = 10
PLACES, MOST_STALLED = 6, 24  # which of the two processes a sender comes to is chance
BATCH, BATCHES = 1_000, 12
GROWTH_MIB = 250  # of one web process: three deliveries at a time, each of at most 32 MiB unpacked
PAGE_S = 2.0
PAGES = 15  # a median of few is chance, where twenty senders want the same two cores


class Memory:
    """The largest resident size of each web process while its block lasts."""

    def __init__(self, stage: Stage) -> None:
        self._processes = stage.children("web")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.before = {process.pid: process.memory_info().rss for process in self._processes}
        self.most = dict(self.before)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            for process in self._processes:
                self._look(process)

    def _look(self, process: psutil.Process) -> None:
        self.most[process.pid] = max(self.most[process.pid], process.memory_info().rss)

    @property
    def growth_mib(self) -> int:
        return max(self.most[pid] - before for pid, before in self.before.items()) >> 20


class Crowd(Clients):
    """Clients who have been waiting with everything at hand: large batches, without a pause, until they are told to
    stop; what they have sent they send again.
    """

    def __init__(self, stage: Stage, usage: Usage, number: int, ledger: Ledger) -> None:
        super().__init__(stage.port, stage.key, number, ledger)
        batches = [[usage[n] for n in range(first, first + BATCH)] for first in range(0, BATCHES * BATCH, BATCH)]
        self._ready = [(batch, json.dumps([event.fields for event in batch]).encode()) for batch in batches]
        for batch in batches:
            ledger.note_sent(batch)

    def batches(self, client: int) -> Iterator[tuple[list[Sent], bytes, Mapping[str, str]]]:
        for batch, body in islice(cycle(self._ready), client, None):
            yield batch, body, {}


def burst(stage: Stage, dose: Dose) -> Outcome:
    fault = "ten times the load"
    usual = replace(dose, pace=replace(dose.pace, clients=2))
    with Scene(stage, usual, fault) as scene:
        crowd = Crowd(stage, usage_of(f"{fault} (crowd)", dose.seed), 2 * TIMES, scene.ledger)
        with Memory(stage) as memory, crowd:
            during = scene.wait(pages=PAGES)
    said = Counter(answer.status for answer in scene.deliveries(during))
    pages = scene.pages(during)
    assert set(said) <= {200, 429, 503}, said
    assert {answer.status for answer in pages} == {200}
    assert median_s(pages) < PAGE_S, median_s(pages)
    assert memory.growth_mib < GROWTH_MIB, memory.growth_mib
    note = f"{said[503]} of {said.total()} told to wait, page {median_s(pages) * 1e3:.0f} ms, +{memory.growth_mib} MiB"
    return scene.reckoned(note, alone=True)


def senders_stall(stage: Stage, dose: Dose) -> Outcome:
    """One after another begins a body and goes silent, until somebody finds no place; then all are let in again."""
    with Scene(stage, dose, "senders stall") as scene:
        silent = [_begun(stage) for _ in range(PLACES - 1)]
        while not (refused := _refused(scene)) and len(silent) < MOST_STALLED:
            silent.append(_begun(stage))
            scene.wait(0.7)
        assert refused
        full = scene.wait(1.0)
        began = time.monotonic()
        until(lambda: scene.accepted_since(began), "places are free again", 3 * STALL_S)
        pages = scene.pages(full)
        for line in silent:
            line.close()
    assert {answer.status for answer in pages} == {200}
    assert median_s(pages) < PAGE_S, median_s(pages)
    return scene.reckoned(f"{_refused(scene)} times 503, then taken again", alone=True)


def _refused(scene: Scene) -> int:
    return scene.ledger.statuses()[503]


def _begun(stage: Stage) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", stage.port))
    line.sendall(request_head(stage.key, 1_000) + b"[{")
    return line

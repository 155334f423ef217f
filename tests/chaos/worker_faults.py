"""F2: folders killed in the middle, messages delivered many times, several beats: every event counts once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import psycopg

from tests.chaos.scene import Dose, Outcome, Scene
from tests.chaos.stage import Stage, until

_WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
HICCUP_S = 0.2
_BUSY = """
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
"""
# A sequence is locked by whoever has taken a number from it, until the transaction ends.
_HALF_WAY = """
    SELECT 1 FROM pg_locks
    WHERE pid = %s AND relation IN ('pending_event_id_seq'::regclass, 'active_transition'::regclass)
        AND mode = 'RowExclusiveLock'
"""
MORE_WORKERS = ("worker2", "worker3", "worker4")
# One process each, which takes one task at a time.
_SOLO = ("--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat")


def killed_in_mid_fold(stage: Stage, dose: Dose) -> Outcome:
    """kill -9 of worker and beat while a fold has written all daily tables and waits for the last one."""
    kills = 0
    with Scene(stage, dose, "worker and beat killed in mid-fold") as scene:
        end = time.monotonic() + dose.seconds
        while not kills or time.monotonic() < end:
            with stuck_fold(stage, "monthly_workflow"):
                stage.kill("worker")
                stage.kill("beat")
            kills += 1
            stage.start_worker()
            stage.start_beat()
    return scene.reckoned(f"{kills} × kill -9")


@contextmanager
def stuck_fold(stage: Stage, table: str) -> Iterator[None]:
    """A fold is under way and does not come to its end while this lasts: it waits to write to the table."""
    with stage.connect() as database, database.transaction():
        database.execute(f"LOCK TABLE {table} IN SHARE MODE")
        stage.ask_to_fold()
        until(lambda: stage.query(_WAITING, table), f"a fold waits for {table}")
        yield


def many_folders(stage: Stage, dose: Dose) -> Outcome:
    """The same message ten times, again and again, to four workers; two beats; and a database that now and then lets
    one of them wait in the middle of its work while the others go on.
    """
    messages = 0
    stage.start_beat("beat2")
    for name in MORE_WORKERS:
        stage.start_worker(name, *_SOLO)
    until(lambda: all(map(stage.worker_is_ready, ("worker", *MORE_WORKERS))), "all workers are ready")
    try:
        with Scene(stage, dose, "one task ten times, four workers, two beats") as scene, Hiccups(stage) as hiccups:
            end = time.monotonic() + dose.seconds
            while time.monotonic() < end or len(scene.ledger.answers) < dose.deliveries:
                stage.ask_to_fold(10)
                messages += 10
                time.sleep(0.1)
        return scene.reckoned(f"{messages} messages, {hiccups.number} held up")
    finally:
        for name in (*MORE_WORKERS, "beat2"):
            stage.kill(name)


class Hiccups:
    """While its block lasts, one transaction after the other is stopped half-way for a moment, by its backend's pid:
    deliveries that have numbered their rows of the outbox, and folds that have begun to write.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.number = 0

    def __enter__(self) -> Hiccups:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        with self._stage.connect() as database:
            while not self._over.wait(0.002):
                backends = {process.pid: process for process in self._stage.backends()}
                for (pid,) in database.execute(_BUSY).fetchall():
                    if pid in backends:
                        self._stop_for_a_moment(database, backends[pid])

    def _stop_for_a_moment(self, database: psycopg.Connection[Any], backend: psutil.Process) -> None:
        """It goes on by itself even if it has stopped with a lock that our own look needs."""
        with suppress(psutil.NoSuchProcess):
            backend.suspend()
        going_on = threading.Timer(HICCUP_S, _go_on, [backend])
        going_on.start()
        if database.execute(_HALF_WAY, [backend.pid]).fetchall():
            self.number += 1
            going_on.join()
        else:
            going_on.cancel()
            _go_on(backend)


def _go_on(backend: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        backend.resume()

"""The product with one promise broken at a time. The reckoning has to see each of them, or it proves nothing.

An app of `tests.chaos.settings` alone: it breaks what CHAOS_MUTANT names, in the processes that are started with it.
"""

from __future__ import annotations

import datetime as dt
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db import DatabaseError, close_old_connections, connection
from django.db.backends.signals import connection_created

ACKNOWLEDGED_FIRST_S = 0.5


class Mutants(AppConfig):
    name = "tests.chaos.mutants"
    label = "chaos_mutants"

    def ready(self) -> None:
        if name := os.environ.get("CHAOS_MUTANT"):
            MUTANTS[name]()


def _opened(module: str) -> Any:
    """The module, for whoever changes it behind everybody's back."""
    return import_module(module)


def _acknowledge_before_commit() -> None:
    """Events are stored by a thread of their own, half a second after the answer."""
    intake = _opened("analytics.ingest.intake")
    store, waiting = intake.store_rows, queue.SimpleQueue[tuple[float, Sequence[Any], Any]]()

    def work() -> None:
        while True:
            at, rows, delivery = waiting.get()
            time.sleep(max(0.0, at - time.monotonic()))
            close_old_connections()
            try:
                store(rows, delivery)
            except DatabaseError:
                connection.close()

    def promise(rows: Sequence[Any], delivery: Any = None) -> set[bytes]:
        if not threads:
            threads.append(threading.Thread(target=work, daemon=True))
            threads[0].start()
        waiting.put((time.monotonic() + ACKNOWLEDGED_FIRST_S, rows, delivery))
        return {row.event_key for row in rows}

    threads: list[threading.Thread] = []
    intake.store_rows = promise


def _do_not_wait_for_the_disk() -> None:
    """A commit returns before it is in the log on disk."""

    def relax(connection: Any, **_signal: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")

    connection_created.connect(relax, weak=False)


def _watermark() -> None:
    """The fold remembers the largest id that it has seen, and takes what is above it."""
    fold = _opened("analytics.rollups.fold")
    prepare, above = fold.prepare, "id > (SELECT coalesce(max(id), 0) FROM chaos_watermark)"

    def prepare_watermark() -> None:
        prepare()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS chaos_watermark (id bigint)")

    fold.prepare = prepare_watermark
    fold._TAKE = f"""
        WITH gone AS (
            DELETE FROM pending_event WHERE NOT {above}
        ), taken AS (
            SELECT * FROM pending_event WHERE {above} ORDER BY id LIMIT %s
        ), mark AS (
            INSERT INTO chaos_watermark SELECT max(id) FROM taken HAVING count(*) > 0
        )
        INSERT INTO fold_event SELECT {fold.EVENT}, (occurred_at AT TIME ZONE %s)::date FROM taken
    """


def _fold_without_lock() -> None:
    """Every folder takes what no other one holds."""
    fold = _opened("analytics.rollups.fold")
    fold._lock = lambda _wait_s: True
    fold._TAKE = f"""
        WITH taken AS (
            DELETE FROM pending_event
            WHERE id IN (SELECT id FROM pending_event ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
            RETURNING {fold.EVENT}
        )
        INSERT INTO fold_event SELECT {fold.EVENT}, (occurred_at AT TIME ZONE %s)::date FROM taken
    """


def _skip_late() -> None:
    """What happened more than two days ago is taken, and not counted."""
    fold = _opened("analytics.rollups.fold")
    fold._TAKE = f"{fold._TAKE} WHERE occurred_at > now() - interval '2 days'"


def _forget_retries() -> None:
    """What is sent again is stored with another time, as if the panel had taken note of it when it came."""
    intake = _opened("analytics.ingest.intake")
    resolve = intake.resolve

    def resolve_anew(*arguments: Any) -> list[Any]:
        drift = dt.timedelta(microseconds=random.randrange(1_000_000))
        return [row._replace(occurred_at=row.occurred_at + drift) for row in resolve(*arguments)]

    intake.resolve = resolve_anew


MUTANTS: dict[str, Callable[[], None]] = {
    "acknowledge before commit": _acknowledge_before_commit,
    "do not wait for the disk": _do_not_wait_for_the_disk,
    "max(id) watermark": _watermark,
    "fold without the lock": _fold_without_lock,
    "skip late events": _skip_late,
    "forget retries": _forget_retries,
}

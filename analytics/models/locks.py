"""Advisory locks that order the writers of events and rollups. All end with the transaction that took them."""

from __future__ import annotations

from enum import IntEnum

from django.db import connection


class Lock(IntEnum):
    """Taken in this order, never the other way round."""

    FOLD = 7_310_001  # one folder at a time
    INGEST = 7_310_002  # shared by every ingest; a rebuild takes it alone
    PARTITIONS = 7_310_003  # one maker of partitions at a time
    DELIVERIES = 7_310_004  # one counter of deliveries at a time


def hold(lock: Lock) -> None:
    """Waits until no other transaction holds `lock` in any mode."""
    _call("pg_advisory_xact_lock", lock)


def hold_shared(lock: Lock) -> None:
    """Waits until no other transaction holds `lock` alone."""
    _call("pg_advisory_xact_lock_shared", lock)


def try_hold(lock: Lock) -> bool:
    """Whether `lock` was free and is now held."""
    return _call("pg_try_advisory_xact_lock", lock)


def _call(function: str, lock: Lock) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [int(lock)])
        return bool(cursor.fetchone()[0])

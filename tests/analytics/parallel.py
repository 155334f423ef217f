"""Other connections, threads and processes at the same database, and locks to stop them in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

T = TypeVar("T")
PATIENCE_S = 90.0


class Threads:
    """Each function runs in a thread with a database connection of its own; the block ends when all have."""

    def __init__(self, number: int) -> None:
        self._pool = ThreadPoolExecutor(number)

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()

    def run(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        return self._pool.submit(_and_disconnect, partial(function, *arguments))


def _and_disconnect(function: Callable[[], T]) -> T:
    try:
        return function()
    finally:
        connection.close()


@contextmanager
def locked(table: str) -> Iterator[None]:
    """While it lasts, whoever writes to `table` waits; whoever reads does not."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield
    finally:
        other.rollback()
        other.close()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def until_somebody_waits_for(table: str, number: int = 1) -> None:
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
    until(lambda: len(_rows(waiting, table)) >= number, f"{number} wait for {table}")


def until_somebody_waits_for_advisory_lock() -> None:
    waiting = (
        "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    until(lambda: bool(_rows(waiting)), "somebody waits for an advisory lock")


def _rows(sql: str, *params: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [*cursor.fetchall()]


def python(*arguments: str) -> subprocess.Popen[bytes]:
    """A Python of its own, with this test's database and Valkey."""
    return subprocess.Popen([sys.executable, *arguments], env=_environment(), cwd=settings.BASE_DIR)


def _environment() -> dict[str, str]:
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return os.environ | {
        "DATABASE_URL": database.geturl(),
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "panta_admin.settings",
        "LOG_LEVEL": "WARNING",
    }

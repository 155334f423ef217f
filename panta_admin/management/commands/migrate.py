"""`manage.py migrate`: Django's own, made to be run while the panel is in use.

A change that waits for a table makes everybody who comes after it wait as well: behind one long export all ingest would
stand still. So it gives a lock up that it does not get soon, lets the others pass, and tries again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout", type=float, default=2.0, metavar="SECONDS",
            help="How long to wait for a table that others use; that long they may wait for us. Default: 2.",
        )  # fmt: skip
        parser.add_argument(
            "--attempts", type=int, default=20, metavar="N",
            help="How often to try before giving up. Default: 20.",
        )  # fmt: skip
        parser.add_argument(
            "--pause", type=float, default=5.0, metavar="SECONDS",
            help="How long to let the others pass between two attempts. Default: 5.",
        )  # fmt: skip

    def handle(self, *args: Any, lock_timeout: float, attempts: int, pause: float, **options: Any) -> None:
        """A migration is applied whole or not at all, and those before it are not applied twice."""
        with _lock_timeout(options["database"], lock_timeout):
            for left in reversed(range(attempts)):
                try:
                    super().handle(*args, **options)
                    return
                except OperationalError as error:
                    if not isinstance(error.__cause__, LockNotAvailable):
                        raise
                    self._wait(pause, left)
        raise CommandError(
            "A table was in use all the time, so not everything is migrated; nothing is half done. "
            "Run migrate again when exports and long queries have ended."
        )

    def _wait(self, pause: float, left: int) -> None:
        if left:
            self.stderr.write(f"\nA table is in use; trying again in {pause:g} s ({left} more times).")
            time.sleep(pause)


@contextmanager
def _lock_timeout(database: str, seconds: float) -> Iterator[None]:
    connection = connections[database]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds * 1000:.0f}ms"])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")

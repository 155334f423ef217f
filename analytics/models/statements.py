"""Statements on the way of every request of a machine: PostgreSQL plans each once a connection, and never again.

Planning was half of what PostgreSQL did for a delivery of one event. Django's own cursors write parameters into the
text of a statement, so none is ever the same twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg import Cursor


@contextmanager
def prepared() -> Iterator[CursorWrapper]:
    """A cursor whose parameters are bound by the server; the plan of a text is kept from its fifth use on.

    A statement is known by the types of its parameters too, and to psycopg every size of number is another type: say
    numbers that vary as text.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.close_if_health_check_failed()
    database.ensure_connection()
    wrapped = database.make_debug_cursor if database.queries_logged else database.make_cursor
    bound: Any = Cursor(database.connection)
    with wrapped(bound) as cursor:
        yield cursor


@contextmanager
def together() -> Iterator[None]:
    """What is executed in the block goes as one message, and is one transaction unless the caller has begun one.

    Only the last result can be read, after the block; there errors are raised, too.
    """
    database = connections[DEFAULT_DB_ALIAS]
    with database.wrap_database_errors, database.connection.pipeline():
        yield

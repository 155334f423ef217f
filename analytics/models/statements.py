"""Statements on the way of every request of a machine: PostgreSQL plans each once a connection, and never again.

Planning was half of what PostgreSQL did for a delivery of one event. Django's own cursors write parameters into the
text of a statement, so none is ever the same twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Cursor


@contextmanager
def prepared() -> Iterator[Any]:
    """A cursor whose parameters are bound by the server; the plan of a text is kept from its first use on.

    It is the connection's own, to be left before it is asked for again: making one, with what Django puts around it,
    took twice as long as a look-up by key. A statement is known by the types of its parameters too, and to psycopg
    every size of number is another type: say numbers that vary as text. From its first use, because one that psycopg
    has counted, and prepares in a message that fails before it, it would take for prepared ever after.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.close_if_health_check_failed()
    database.ensure_connection()
    if database.queries_logged or database.execute_wrappers:  # somebody looks on, and Django's own cursors let them
        wrapped = database.make_debug_cursor if database.queries_logged else database.make_cursor
        with wrapped(Cursor(database.connection)) as cursor:
            yield cursor
    else:
        database.validate_no_broken_transaction()
        with database.wrap_database_errors:
            yield database.bound_cursor()


@contextmanager
def together() -> Iterator[None]:
    """What is executed in the block goes as one message, and is one transaction unless the caller has begun one.

    Only the last result can be read, after the block; there errors are raised, too.
    """
    database = connections[DEFAULT_DB_ALIAS]
    with database.wrap_database_errors, database.connection.pipeline():
        yield

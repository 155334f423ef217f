"""Statements on the way of every request of a machine: texts in, one JSON value out.

PostgreSQL plans each once a connection, and never again: planning was half of what it did for a delivery of one event.
Django's own cursors write parameters into the text of a statement, so none is ever the same twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Generic, TypeVar

import msgspec
from django.db import DEFAULT_DB_ALIAS, DataError, connections, transaction
from psycopg import Cursor

T = TypeVar("T")

_PARAMETER = re.compile(r"%\((\w+)\)s")


class Statement(Generic[T]):
    """One question to the database, with %(name)s where it has a value.

    Every value travels as text (bytes, as of encoded JSON, as they are), so the SQL says its type where PostgreSQL
    would not see it. The answer is the one column of the one row, JSON as text, decoded as `answer`. `before` is a
    statement without values that is sent along and done first, in the same transaction.
    """

    def __init__(self, sql: str, answer: type[T], before: str = "") -> None:
        self._sql = sql
        self._before = before
        self._names = list(dict.fromkeys(_PARAMETER.findall(sql)))
        self._numbered = _PARAMETER.sub(lambda name: f"${self._names.index(name[1]) + 1}", sql)
        self._decoder = msgspec.json.Decoder(answer)

    def ask(self, values: Mapping[str, object]) -> T | None:
        """None for NULL, or where there is no row. Without a transaction around it, it is one of its own.

        Raises django.db.Error; DataError, too, for a text with a NUL.
        """
        database: Any = connections[DEFAULT_DB_ALIAS]
        database.close_if_health_check_failed()
        database.ensure_connection()
        told = [_as_text(values[name]) for name in self._names]
        if database.queries_logged or database.execute_wrappers:
            answer = self._ask_watched(database, told)
        else:
            database.validate_no_broken_transaction()
            with database.wrap_database_errors:
                answer = database.line().ask(self._numbered, told, self._before)
        return None if answer is None else self._decoder.decode(answer)

    def _ask_watched(self, database: Any, told: list[bytes | None]) -> str | None:
        """Somebody looks on at each query, and Django's own cursors let them."""
        texts = {name: None if text is None else text.decode() for name, text in zip(self._names, told, strict=True)}
        wrapped = database.make_debug_cursor if database.queries_logged else database.make_cursor
        with (
            transaction.atomic(savepoint=False) if self._before else nullcontext(),
            wrapped(Cursor(database.connection)) as cursor,
        ):
            if self._before:
                cursor.execute(self._before)
            cursor.execute(self._sql, texts)
            row = cursor.fetchone()
        return row[0] if row else None


def _as_text(value: object) -> bytes | None:
    """As PostgreSQL reads it. To libpq, a text would end at its first NUL."""
    if value is None:
        return None
    text = value if isinstance(value, bytes) else str(value).encode()
    if b"\0" in text:
        raise DataError("a value holds a NUL, which PostgreSQL does not take")
    return text

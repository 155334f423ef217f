"""Where a secret could come to light: in an answer, in a line of the log, in a row of the database."""

from __future__ import annotations

import base64
import logging
import pickle
from collections.abc import Iterable
from typing import Any

import structlog
from django.conf import settings
from django.db import connection


def whole(answer: Any) -> str:
    """Headers and body."""
    content = answer.getvalue() if answer.streaming else answer.content
    return f"{answer.headers} {content.decode(errors='replace')}"


def lines(records: Iterable[logging.LogRecord]) -> list[str]:
    """As they are written in production."""
    described: Any = settings.LOGGING
    said = {name: value for name, value in described["formatters"]["json"].items() if name != "()"}
    formatter = structlog.stdlib.ProcessorFormatter(**said)
    return [formatter.format(record) for record in records]


def rows() -> list[tuple[str, str]]:
    """Every row of every table as text; what the cache holds in the clear."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = []
        for table in tables:
            cursor.execute(f'SELECT "{table}"::text FROM "{table}"')  # noqa: S608 - names of our tables
            found += [(table, row) for (row,) in cursor.fetchall()]
        cursor.execute("SELECT value FROM cache")
        found += [("cache", str(pickle.loads(base64.b64decode(value)))) for (value,) in cursor.fetchall()]  # noqa: S301 - our own
    return found

"""Rows in, verdicts out: one transaction per batch, idempotent, nothing but PostgreSQL.

COPY into a temporary table, INSERT what is new into `usage_event`, and what the rollups need of it into the outbox.
The conflict is found by the primary key (user_id, occurred_at, event_key) of the month's partition.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction
from psycopg.errors import CheckViolation

from analytics.ingest import partitions
from analytics.models.locks import Lock, hold_shared


class EventRow(NamedTuple):
    """One `usage_event`, resolved to ids. The field order is the COPY order.

    `event_key` is the uuid's 16 bytes: a UUID object costs as much as everything else about a row.
    """

    user_id: int
    occurred_at: dt.datetime
    event_key: bytes
    received_at: dt.datetime
    source: str
    team_id: int
    kind: int
    assistant_id: int
    workflow_id: int
    model: str
    requests: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    usage_known: bool
    status: int
    latency_ms: int | None


COLUMNS = EventRow._fields
_TYPES = (
    "int8", "timestamptz", "bytea", "timestamptz", "text", "int8", "int2", "int8", "int8",
    "text", "int2", "int8", "int8", "int8", "int8", "bool", "int2", "int8",
)  # fmt: skip
# Keys come back only where some were not new: the caller knows its own.
_NEW = "SELECT count(*), CASE WHEN count(*) < %s THEN array_agg(uuid_send(event_key)) END FROM stored"
_OUTBOX = (
    "user_id, occurred_at, team_id, kind, assistant_id, workflow_id, requests, status, "
    "input_tokens, output_tokens, usage_known"
)
FEW = 50
_ROW = f"({', '.join(['%s'] * len(COLUMNS))})"
_COPY = f"COPY incoming_event ({', '.join(COLUMNS)}) FROM STDIN"
# In key order: two batches with the same events in another order (a retry that overtakes) would deadlock.
_STORED = f"""
    WITH stored AS (
        INSERT INTO usage_event ({", ".join(COLUMNS)})
        EVENTS
        ON CONFLICT DO NOTHING
        RETURNING event_key, {_OUTBOX}
    ), outbox AS (
        INSERT INTO pending_event ({_OUTBOX}) SELECT {_OUTBOX} FROM stored
    )
"""
_STORE = _STORED.replace(
    "EVENTS", f"SELECT {', '.join(COLUMNS)} FROM incoming_event ORDER BY user_id, occurred_at, event_key"
)
_STORE_FEW = f"{_STORED.replace('EVENTS', 'VALUES ROWS')} SELECT uuid_send(event_key) FROM stored"
# A statement of its own, so that what follows sees what whoever held the lock alone has committed.
_LOCK = f"SELECT pg_advisory_xact_lock_shared({int(Lock.INGEST)});"


def store_rows(rows: Sequence[EventRow], then: Callable[[int], None] | None = None) -> set[bytes]:
    """Stores a batch and returns the keys of the events that were new. Committed when it returns.

    A key that stands twice in `rows` is stored once. `then` is called with their number before the commit: what it
    writes stands or falls with the events.
    """
    months = partitions.months_of([row.occurred_at for row in rows])
    partitions.ensure(months)
    try:
        return _stored(rows, then)
    except IntegrityError as error:
        if not isinstance(error.__cause__, CheckViolation) or connection.in_atomic_block:
            raise
        partitions.forget()  # somebody dropped one meanwhile; what else violates a check does so again
        partitions.ensure(months)
        return _stored(rows, then)


def _stored(rows: Sequence[EventRow], then: Callable[[int], None] | None) -> set[bytes]:
    with transaction.atomic():
        new = _insert(rows) if rows else set()
        if then is not None:
            then(len(new))
    return new


def _insert(rows: Sequence[EventRow]) -> set[bytes]:
    return _insert_few(rows) if len(rows) <= FEW else _insert_many(rows)


def _insert_few(rows: Sequence[EventRow]) -> set[bytes]:
    """One statement: for a few rows, COPY and a temporary table cost several times what the rows do."""
    rows = sorted(rows, key=lambda row: row[:3])
    values = [value for row in rows for value in (*row[:2], row.event_key.hex(), *row[3:])]
    with connection.cursor() as cursor:
        cursor.execute(f"{_LOCK} {_STORE_FEW.replace('ROWS', ', '.join([_ROW] * len(rows)))}", values)
        cursor.nextset()
        return {key for (key,) in cursor.fetchall()}


def _insert_many(rows: Sequence[EventRow]) -> set[bytes]:
    with connection.cursor() as cursor:
        _begin()
        with cursor.copy(f"{_COPY} (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"{_STORE} {_NEW}", [len(rows)])
        new, keys = cursor.fetchone()
    return {row.event_key for row in rows} if new == len(rows) else set(keys or ())


def store_block(block: bytes) -> int:
    """Stores a batch that is COPY text in the order of `COLUMNS`; returns how many events were new.

    For bulk loads: the caller has made sure of the partitions and of the values.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _begin()
        with cursor.copy(_COPY) as copy:
            copy.write(block)
        cursor.execute(f"{_STORE} SELECT count(*) FROM stored")
        return int(cursor.fetchone()[0])


def _begin() -> None:
    hold_shared(Lock.INGEST)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning")  # "already exists, skipping", every batch
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS incoming_event (LIKE usage_event) ON COMMIT DELETE ROWS")
        cursor.execute("DELETE FROM incoming_event")  # several batches may share one transaction

"""Rows in, verdicts out: one transaction per batch, idempotent, nothing but PostgreSQL.

COPY into a temporary table, INSERT what is new into `usage_event`, and what the rollups need of it into the outbox.
The conflict is found by the primary key (user_id, occurred_at, event_key) of the month's partition.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import IntegrityError, connection, transaction
from psycopg import Copy
from psycopg.errors import CheckViolation

from analytics.ingest import partitions
from analytics.ingest.deliveries import Delivery
from analytics.models.locks import Lock, hold_shared
from analytics.models.statements import Statement


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
FEW = 200  # up to that many rows, one statement costs less than a temporary table and COPY
_TYPES = (
    "int8", "timestamptz", "bytea", "timestamptz", "text", "int8", "int2", "int8", "int8",
    "text", "int2", "int8", "int8", "int8", "int8", "bool", "int2", "int8",
)  # fmt: skip
_RECORD = ", ".join(f"{name} {type_}" for name, type_ in zip(COLUMNS, _TYPES, strict=True)).replace("bytea", "uuid")
_ALL = ", ".join(COLUMNS)
_OUTBOX = (
    "user_id, occurred_at, team_id, kind, assistant_id, workflow_id, requests, status, "
    "input_tokens, output_tokens, usage_known, model"
)
# With the defaults: of a column that the next release has brought already, this one does not know.
_MAKE_ROOM = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS incoming_event (LIKE usage_event INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
)
_COPY = f"COPY incoming_event ({_ALL}) FROM STDIN"
# A statement of its own, so that what follows sees what whoever held the lock alone has committed.
_LOCK = f"SELECT pg_advisory_xact_lock_shared({int(Lock.INGEST)})"
# In key order: two batches with the same events in another order (a retry that overtakes) would deadlock.
_IN_ORDER = "ORDER BY user_id, occurred_at, event_key"
_COPIED = f"SELECT {_ALL} FROM incoming_event {_IN_ORDER}"
# One value, whatever the number of rows: a statement of its own for each number would be planned for each.
_LISTED = f"""
    SELECT {_ALL} FROM json_to_recordset(%(events)s) AS event ({_RECORD}) {_IN_ORDER}
"""
# Keys come back only where some were not new: the caller knows its own.
_NEW = "SELECT CASE WHEN count(*) < %(rows)s THEN coalesce(json_agg(event_key), '[]')::text END FROM stored"


def _store(events: str, noted: str = "") -> str:
    """The WITH that stores what `events` selects or lists, and what rollups need of it; `stored` is what was new."""
    return f"""
        WITH stored AS (
            INSERT INTO usage_event ({_ALL}) {events} ON CONFLICT DO NOTHING RETURNING event_key, {_OUTBOX}
        ), outbox AS (
            INSERT INTO pending_event ({_OUTBOX}) SELECT {_OUTBOX} FROM stored
        ) {noted}
    """


def store_rows(rows: Sequence[EventRow], delivery: Delivery | None = None) -> set[bytes]:
    """Stores a batch and returns the keys of the events that were new. Committed when it returns.

    A key that stands twice in `rows` is stored once. The delivery is noted in the same transaction, also without rows.
    """
    months = partitions.months_of([row.occurred_at for row in rows])
    partitions.ensure(months)
    insert = _insert_few if len(rows) <= FEW else _insert_many
    try:
        return insert(rows, delivery)
    except IntegrityError as error:
        if not isinstance(error.__cause__, CheckViolation) or connection.in_atomic_block:
            raise
        partitions.forget()  # somebody dropped one meanwhile; what else violates a check does so again
        partitions.ensure(months)
        return insert(rows, delivery)


def _insert_few(rows: Sequence[EventRow], delivery: Delivery | None) -> set[bytes]:
    """One message to the database, which is one transaction unless the caller has begun one."""
    if not rows and delivery is None:
        return set()
    noted, said = _noted(delivery)
    listed = msgspec.json.encode([_as_json(row) for row in rows])
    return _new(rows, _few(noted).ask({"events": listed, "rows": len(rows), **said}))


@cache
def _few(noted: str) -> Statement[list[UUID]]:
    return Statement(f"{_store(_LISTED, noted)} {_NEW}", list[UUID], before=_LOCK)


def _as_json(row: EventRow) -> dict[str, Any]:
    """Times in UTC: as text PostgreSQL takes no offset of sixteen hours or more."""
    times = {"occurred_at": row.occurred_at.astimezone(dt.UTC), "received_at": row.received_at.astimezone(dt.UTC)}
    return row._asdict() | times | {"event_key": row.event_key.hex()}


def _insert_many(rows: Sequence[EventRow], delivery: Delivery | None) -> set[bytes]:
    noted, said = _noted(delivery)
    with transaction.atomic(), connection.cursor() as cursor:
        _begin()
        with _copying(cursor, f"{_COPY} (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"{_store(_COPIED, noted)} {_NEW}", {**said, "rows": len(rows)})
        (keys,) = cursor.fetchone()
    return _new(rows, None if keys is None else msgspec.json.decode(keys, type=list[UUID]))


def _noted(delivery: Delivery | None) -> tuple[str, dict[str, Any]]:
    return (delivery.sql, delivery.parameters) if delivery else ("", {})


def _new(rows: Sequence[EventRow], keys: Sequence[UUID] | None) -> set[bytes]:
    return {row.event_key for row in rows} if keys is None else {key.bytes for key in keys}


def store_block(block: bytes) -> int:
    """Stores a batch that is COPY text in the order of `COLUMNS`; returns how many events were new.

    For bulk loads: the caller has made sure of the partitions and of the values.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _begin()
        with _copying(cursor, _COPY) as copy:
            copy.write(block)
        cursor.execute(f"{_store(_COPIED)} SELECT count(*) FROM stored")
        return int(cursor.fetchone()[0])


@contextmanager
def _copying(cursor: Any, sql: str) -> Iterator[Copy]:
    """A COPY whose errors are Django's, as those of every other statement are: by them a full disk is told as 503."""
    with connection.wrap_database_errors, cursor.copy(sql) as copy:
        yield copy


def _begin() -> None:
    hold_shared(Lock.INGEST)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning")  # "already exists, skipping", every batch
        cursor.execute(_MAKE_ROOM)
        cursor.execute("DELETE FROM incoming_event")  # several batches may share one transaction

"""Monthly partitions of `usage_event`, made ahead by a beat task and on demand by ingest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from django.db import connection, transaction

from analytics.models.locks import Lock, hold

_DAY_S = 86_400


def months_of(instants: Iterable[dt.datetime]) -> set[dt.date]:
    """First days of the UTC months that hold these instants."""
    days = {instant.timestamp() // _DAY_S for instant in instants}  # few, whatever the number of instants
    return {dt.datetime.fromtimestamp(day * _DAY_S, dt.UTC).date().replace(day=1) for day in days}


def months_ahead(today: dt.date, count: int = 3) -> set[dt.date]:
    """This month and the `count` after it."""
    months = {today.replace(day=1)}
    while len(months) <= count:
        months.add(_next_month(max(months)))
    return months


def ensure(months: Iterable[dt.date]) -> int:
    """Makes the partitions that are missing; returns how many. Costs one catalogue look-up for months not seen yet.

    Call it before the transaction that inserts: attaching waits for no reader and no writer, but holds its locks
    until its own transaction ends.
    """
    wanted = set(months) - _seen
    missing = _missing(wanted) if wanted else []
    if missing:
        with transaction.atomic():
            hold(Lock.PARTITIONS)
            missing = _missing(missing)
            for month in missing:
                _create(month)
    if not connection.in_atomic_block:  # else they may be gone again with the caller's transaction
        _seen.update(wanted)
    return len(missing)


def forget() -> None:
    """Looks again from now on: somebody has dropped a partition that this process had seen."""
    _seen.clear()


_seen: set[dt.date] = set()


# The catalogue as a table: to_regclass() answers from a cache that waiting for an advisory lock does not refresh.
# Whoever sees one there waits until its maker is done: PostgreSQL shows it a moment before it tells other sessions to
# insert into it, and under load that moment is long enough for two attempts.
_EXISTING = f"""
    WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock({int(Lock.PARTITIONS)}))
    SELECT relname FROM pg_class CROSS JOIN held
    WHERE relname = ANY(%s) AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'usage_event'::regclass)
"""


def _missing(months: Collection[dt.date]) -> list[dt.date]:
    with connection.cursor() as cursor:
        cursor.execute(_EXISTING, [[_name(month) for month in months]])
        existing = {name for (name,) in cursor.fetchall()}
    return sorted(month for month in months if _name(month) not in existing)


def _create(month: dt.date) -> None:
    name, start, end = _name(month), f"{month} 00:00Z", f"{_next_month(month)} 00:00Z"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (LIKE usage_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(f"ALTER TABLE usage_event ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')")


def _name(month: dt.date) -> str:
    return f"usage_event_{month:%Y_%m}"


def _next_month(month: dt.date) -> dt.date:
    return (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)

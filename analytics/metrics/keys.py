"""What keys are doing: what came in with each, when, and what could not be counted.

Deliveries that are not folded yet are counted too: a page that waits for a first event cannot wait for the fold. Both
are read by one statement, so that a fold in between neither hides nor doubles any.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from analytics.models.keys import WHOLE, Endpoint, Scope
from analytics.periods import DayRange

MOST_WAITING = 100_000  # of the outbox, the newest: folding empties it every few seconds


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of events. `deliveries` are requests, each with any number of them."""

    deliveries: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def events(self) -> int:
        return self.accepted + self.duplicate + self.rejected


@dataclass(frozen=True, slots=True)
class DayCounts(Counts):
    day: dt.date = dt.date.min


class State(StrEnum):
    """How far a key has come."""

    REVOKED = "revoked"
    ASKS_ONLY = "asks only"  # reports no usage: there is nothing to wait for
    WAITING = "waiting"  # for its first delivery
    NOTHING_COUNTED = "nothing counted"  # something came, and no event of it could be counted
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One key and what it did. `created_by` is "" where nobody knows any more, `source` where the key names none.

    `last_used_at` is the last request that the key let in, to the minute, `last_delivery_at` the last that brought
    usage; `has_counted`: of everything that ever came, something was accepted or had been before.
    """

    id: int
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    source: str
    created_at: dt.datetime
    created_by: str
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_delivery_at: dt.datetime | None
    has_counted: bool
    today: Counts
    is_behind: bool  # so much waits to be counted that not all of it was read: `today` is at least that

    @property
    def state(self) -> State:
        if self.revoked_at is not None:
            return State.REVOKED
        if self.has_counted:
            return State.LIVE
        if self.last_delivery_at is not None:
            return State.NOTHING_COUNTED
        return State.WAITING if Scope.INGEST in self.scopes else State.ASKS_ONLY


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """`index` is the event's place in its request, from 0; None where nothing of the request could be read."""

    received_at: dt.datetime
    endpoint: Endpoint
    index: int | None
    reason: str


_WAITING = f"""
    waiting AS MATERIALIZED (
        SELECT key_id, (received_at AT TIME ZONE %(zone)s)::date AS day, 1 AS deliveries,
            accepted, duplicate, rejected, received_at AS last_at
        FROM delivery ORDER BY id DESC LIMIT {MOST_WAITING}
    )
"""
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in ("deliveries", "accepted", "duplicate", "rejected"))
_COUNTED = "SELECT deliveries, accepted, duplicate, rejected FROM"
_USE = f"""
    WITH {_WAITING}
    SELECT key.id, key.name, key.prefix, key.scopes, key.source, key.created_at, coalesce(person.display_name, ''),
        key.last_used_at, key.revoked_at, GREATEST(
            (SELECT last_at FROM daily_key WHERE key_id = key.id ORDER BY day DESC, last_at DESC LIMIT 1),
            (SELECT max(last_at) FROM waiting WHERE key_id = key.id)
        ),
        EXISTS (SELECT FROM daily_key WHERE key_id = key.id AND accepted + duplicate > 0)
            OR EXISTS (SELECT FROM waiting WHERE key_id = key.id AND accepted + duplicate > 0),
        (SELECT count(*) >= {MOST_WAITING} FROM waiting), today.*
    FROM api_key key LEFT JOIN person ON person.id = key.created_by_id, LATERAL (
        SELECT {_SUMS} FROM (
            {_COUNTED} daily_key WHERE key_id = key.id AND day = %(today)s
            UNION ALL
            {_COUNTED} waiting WHERE key_id = key.id AND day = %(today)s
        ) counted
    ) today
"""
_IN_ORDER = "ORDER BY key.revoked_at DESC NULLS FIRST, lower(key.name), key.id"
_BY_DAY = f"""
    WITH {_WAITING}
    SELECT {_SUMS}, day FROM (
        SELECT day, deliveries, accepted, duplicate, rejected FROM daily_key
        WHERE key_id = %(key)s AND day >= %(start)s AND day < %(end)s
        UNION ALL
        SELECT day, deliveries, accepted, duplicate, rejected FROM waiting
        WHERE key_id = %(key)s AND day >= %(start)s AND day < %(end)s
    ) counted GROUP BY day
"""
_REJECTED = """
    SELECT received_at, endpoint, index, reason FROM rejected_event WHERE key_id = %s ORDER BY id DESC LIMIT %s
"""


def every(today: dt.date, zone: ZoneInfo) -> tuple[KeyUse, ...]:
    """All keys by name, the revoked ones behind, the last revoked first. One query, by the key of daily_key."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_USE} {_IN_ORDER}", {"zone": zone.key, "today": today})
        return tuple(_key_use(row) for row in cursor.fetchall())


def one(key_id: int, today: dt.date, zone: ZoneInfo) -> KeyUse | None:
    """The key, if there is one. One query."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_USE} WHERE key.id = %(key)s", {"zone": zone.key, "today": today, "key": key_id})
        row = cursor.fetchone()
    return _key_use(row) if row else None


def by_day(key_id: int, days: DayRange, zone: ZoneInfo) -> tuple[DayCounts, ...]:
    """Every day of the range in its order, with zeros where nothing came. One query, by the key of daily_key."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, {"zone": zone.key, "key": key_id, "start": days.start, "end": days.end})
        found = {row[-1]: DayCounts(*row) for row in cursor.fetchall()}
    each = (days.start + dt.timedelta(days=number) for number in range(days.days))
    return tuple(found.get(day) or DayCounts(day=day) for day in each)


def rejected(key_id: int, limit: int) -> tuple[RejectedEvent, ...]:
    """The last events of the key that could not be counted, the latest first. One query, by rejected_event_newest."""
    with connection.cursor() as cursor:
        cursor.execute(_REJECTED, [key_id, limit])
        return tuple(
            RejectedEvent(received_at, Endpoint(endpoint), None if index == WHOLE else index, reason)
            for received_at, endpoint, index, reason in cursor.fetchall()
        )


def _key_use(row: tuple[Any, ...]) -> KeyUse:
    *key, last_used_at, revoked_at, last_delivery_at, has_counted, is_behind = row[:12]
    pk, name, prefix, scopes, source, created_at, created_by = key
    return KeyUse(
        id=pk,
        name=name,
        prefix=prefix,
        scopes=tuple(Scope(scope) for scope in scopes),
        source=source,
        created_at=created_at,
        created_by=created_by,
        last_used_at=last_used_at,
        revoked_at=revoked_at,
        last_delivery_at=last_delivery_at,
        has_counted=has_counted,
        today=Counts(*row[12:]),
        is_behind=is_behind,
    )

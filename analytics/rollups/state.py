"""The one row that says in which zone the days stand, how fresh they are, and which version they are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection


@dataclass(frozen=True, slots=True)
class State:
    """`version` changes with every commit that changed a rollup; `as_of` is None until a first fold has ended.

    `named_at` is when a person, team, assistant or workflow last changed: names and head counts depend on it.
    """

    time_zone: ZoneInfo
    version: int
    as_of: dt.datetime | None
    named_at: dt.datetime | None

    def same_data(self, other: State) -> bool:
        return (self.time_zone, self.version, self.named_at) == (
            other.time_zone,
            other.version,
            other.named_at,
        )


_NOT_YET = "timestamptz '2000-01-01Z'"  # `as_of` while the first fold goes on batch by batch
_NAMED = ("person", "team", "assistant", "workflow")
_NAMED_AT = f"GREATEST({', '.join(f'(SELECT max(updated_at) FROM {table})' for table in _NAMED)})"
_READ = f"""
    SELECT s.time_zone, s.version, nullif(s.as_of, {_NOT_YET}), {_NAMED_AT}
    FROM (SELECT 1) always LEFT JOIN rollup_state s ON s.id = 1
"""

# For statements that ask for it beside something else: one row. A zone of NULL is that of the settings.
FRESHNESS = f"""
    SELECT s.time_zone, nullif(s.as_of, {_NOT_YET}) AS as_of
    FROM (SELECT 1) always LEFT JOIN rollup_state s ON s.id = 1
"""


def read() -> State:
    """The committed state. Before the first fold: the zone of the settings, version 0.

    One query: a primary key and the ends of the four `…_updated` indexes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        time_zone, version, as_of, named_at = cursor.fetchone()
    return State(
        ZoneInfo(time_zone or settings.REPORTING_TIME_ZONE),
        version or 0,
        as_of,
        named_at,
    )


def write(time_zone: ZoneInfo, as_of: dt.datetime | None, *, changed: bool) -> None:
    """Moves `as_of` forward (never back; None leaves it) and, if the rollups changed, the version."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rollup_state AS state (id, time_zone, version, as_of) "
            f"VALUES (1, %(zone)s, %(step)s, coalesce(%(as_of)s::timestamptz, {_NOT_YET})) "
            "ON CONFLICT (id) DO UPDATE SET time_zone = EXCLUDED.time_zone, "
            "version = state.version + %(step)s, as_of = GREATEST(state.as_of, EXCLUDED.as_of)",
            {"zone": time_zone.key, "step": int(changed), "as_of": as_of},
        )


def recent_since() -> dt.date | None:
    """The day from which on person_recent adds up; None before anybody has said one. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(recent_since) FROM rollup_state")
        day: dt.date | None = cursor.fetchone()[0]
    return day


def write_recent_since(day: dt.date) -> None:
    write(read().time_zone, None, changed=False)  # before the first fold there is no row yet
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rollup_state SET recent_since = %s", [day])

"""The one row that says in which zone the days stand, how fresh they are, and which version they are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection


@dataclass(frozen=True, slots=True)
class State:
    """`version` changes with every commit that changed a rollup; `as_of` is None until the first fold."""

    time_zone: ZoneInfo
    version: int
    as_of: dt.datetime | None


def read() -> State:
    """The committed state; one query. Before the first fold: the zone of the settings, version 0."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT time_zone, version, as_of FROM rollup_state WHERE id = 1")
        row = cursor.fetchone()
    if row is None:
        return State(ZoneInfo(settings.REPORTING_TIME_ZONE), 0, None)
    return State(ZoneInfo(row[0]), row[1], row[2])


def write(time_zone: ZoneInfo, as_of: dt.datetime | None, *, changed: bool) -> None:
    """Moves `as_of` forward (never back; None leaves it) and, if the rollups changed, the version."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rollup_state AS state (id, time_zone, version, as_of) "
            "VALUES (1, %(zone)s, %(step)s, coalesce(%(as_of)s, '2000-01-01Z')) "
            "ON CONFLICT (id) DO UPDATE SET time_zone = EXCLUDED.time_zone, "
            "version = state.version + %(step)s, as_of = GREATEST(state.as_of, EXCLUDED.as_of)",
            {"zone": time_zone.key, "step": int(changed), "as_of": as_of},
        )

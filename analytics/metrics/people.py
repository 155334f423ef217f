"""Who uses it: distinct active people, people and things that exist, and how new people reach value."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.db import connection

from analytics.metrics.figures import Bucket, TimeToFirstValue, Workspace
from analytics.periods import DayRange

RECENT = dt.timedelta(days=7)  # who joined later than that and did not start yet may still do so
HOUR, DAY = 3_600, 86_400
BOUNDS = (
    0,
    HOUR,
    6 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
)  # lower bounds of the buckets, in seconds, half-open


def active(*ranges: DayRange) -> tuple[int, ...]:
    """People with at least one request in each range, distinct over the range. One query for all ranges.

    Everybody active in [a, b) has exactly one first active day in it: one whose previous active day is before a.
    Reads active_transition by its primary key (day, previous_day).
    """
    count = (
        "(SELECT coalesce(sum(users), 0)::bigint FROM active_transition "
        "WHERE day >= %s AND day < %s AND previous_day < %s)"
    )
    bounds = [day for r in ranges for day in (r.start, r.end, r.start)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([count] * len(ranges))}", bounds)
        return tuple(cursor.fetchone())


def workspace() -> Workspace:
    """What exists now. Pending and deleted people do not count, nor do archived and deleted things. One query.

    Index-only over person_status, workflow_live and assistant_live.
    """
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT count(*),
                (SELECT count(*) FROM workflow WHERE archived_at IS NULL AND deleted_at IS NULL),
                (SELECT count(*) FROM assistant WHERE archived_at IS NULL AND deleted_at IS NULL),
                count(*) FILTER (WHERE joined_at IS NULL)
            FROM person WHERE status IN ('active', 'deactivated')
        """)
        return Workspace(*cursor.fetchone())


def time_to_first_value(days: DayRange, zone: ZoneInfo, now: dt.datetime, unknown_joined: int) -> TimeToFirstValue:
    """How long people who joined in the range took to their first successful request, looked for in all time.

    A first success before joining counts as no time at all. The median is `percentile_cont(0.5)` in seconds over
    those who reached value. One query, index-only over person_joined and person_activity_value.
    """
    start, end = days.bounds(zone)
    spans = zip(BOUNDS, (*BOUNDS[1:], "'infinity'"), strict=True)
    buckets = ", ".join(f"count(*) FILTER (WHERE seconds >= {lower} AND seconds < {upper})" for lower, upper in spans)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH joined AS MATERIALIZED (  -- else every count below would work out the seconds anew
                SELECT p.joined_at, p.status, CASE WHEN a.first_value_at IS NOT NULL
                    THEN date_part('epoch', GREATEST(a.first_value_at, p.joined_at) - p.joined_at)
                END AS seconds
                FROM person p LEFT JOIN person_activity a ON a.user_id = p.id
                WHERE p.joined_at >= %(start)s AND p.joined_at < %(end)s
            )
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
                count(*) FILTER (WHERE seconds IS NULL AND joined_at > %(recent)s),
                count(*) FILTER (WHERE seconds IS NULL AND joined_at <= %(recent)s),
                count(*) FILTER (WHERE seconds IS NULL AND status IN ('active', 'deactivated')),
                {buckets}
            FROM joined
            """,
            {"start": start, "end": end, "recent": now - RECENT},
        )
        median, never_recent, never_old, never_listed, *counts = cursor.fetchone()
    reached = sum(counts)
    never = never_recent + never_old
    return TimeToFirstValue(
        buckets=dict(zip(Bucket, [*counts, never], strict=True)),
        included=reached + never,
        reached=reached,
        median_seconds=median,
        never_recent=never_recent,
        never_old=never_old,
        unknown_joined=unknown_joined,
        never_listed=never_listed,
    )

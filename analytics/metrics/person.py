"""One person's usage: sums, and by assistant. What `usermgmt.usage` asks for the pages of User management."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection

from analytics.metrics.figures import Measures, Named
from analytics.metrics.usage import by_tokens
from analytics.models.events import Kind
from analytics.periods import DayRange
from analytics.rollups import state
from analytics.rollups.definitions import MEASURES

MARGIN = dt.timedelta(days=1)  # more than any zone is away from UTC

_SUMS = ", ".join(f"coalesce({expression}, 0)::bigint AS {name}" for name, expression in MEASURES.items())
# No rollup has it. One person's events of some weeks are few, and lie together in the primary key (user_id,
# occurred_at, event_key), of which a day more is read on both sides: which day an event belongs to is said as in the
# fold, by the zone of the rollups, so that the sums are those of daily_user.
_BY_ASSISTANT = f"""
    SELECT {", ".join(f"used.{name}" for name in MEASURES)}, used.assistant_id,
        coalesce(a.name, ''), a.deleted_at IS NOT NULL, a.archived_at IS NOT NULL
    FROM (
        SELECT CASE WHEN kind = {Kind.ASSISTANT.value} THEN assistant_id END AS assistant_id, {_SUMS}
        FROM usage_event
        WHERE user_id = %(user_id)s AND occurred_at >= %(after)s AND occurred_at < %(before)s
            AND (occurred_at AT TIME ZONE coalesce((SELECT time_zone FROM rollup_state), %(zone)s))::date >= %(start)s
            AND (occurred_at AT TIME ZONE coalesce((SELECT time_zone FROM rollup_state), %(zone)s))::date < %(end)s
        GROUP BY 1
    ) used LEFT JOIN assistant a ON a.id = used.assistant_id
"""


def recent_since() -> dt.date | None:
    """First day of the sums in person_recent; None where there are none. One query."""
    return state.recent_since()


def of_person(user_id: int, days: DayRange) -> Measures:
    """The sums over the range; zeros where they did nothing. One query, by daily_user's key (user_id, day)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(requests), 0)::bigint, coalesce(sum(failed_requests), 0)::bigint,
                coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
                coalesce(sum(calls_without_usage), 0)::bigint
            FROM daily_user WHERE user_id = %(user_id)s AND day >= %(start)s AND day < %(end)s
            """,
            {"user_id": user_id, "start": days.start, "end": days.end},
        )
        return Measures(*cursor.fetchone())


def by_assistant(user_id: int, start: dt.date, end: dt.date) -> tuple[tuple[Named, ...], Measures]:
    """The person's assistants on the days from `start` up to `end` (not included), by tokens, then requests, then
    name; and what they did without one. Together that is `of_person` once nothing is pending. One query.
    """
    midnight = dt.datetime.combine(start, dt.time.min, dt.UTC), dt.datetime.combine(end, dt.time.min, dt.UTC)
    asked = {"user_id": user_id, "start": start, "end": end, "zone": settings.REPORTING_TIME_ZONE}
    with connection.cursor() as cursor:
        cursor.execute(_BY_ASSISTANT, asked | {"after": midnight[0] - MARGIN, "before": midnight[1] + MARGIN})
        rows = cursor.fetchall()
    without = next((Measures(*row[:5]) for row in rows if row[5] is None), Measures())
    return tuple(sorted((Named(*row) for row in rows if row[5] is not None), key=by_tokens)), without

"""How usage comes in: what became of deliveries, what waits to be counted, and until when all is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from analytics.metrics.keys import Counts
from analytics.rollups import state


@dataclass(frozen=True, slots=True)
class Intake:
    """`by_endpoint` is over all keys and all time. `as_of`: every event committed before it is folded; None before the
    first fold.
    """

    by_endpoint: Mapping[str, Counts]
    pending: int
    as_of: dt.datetime | None


# One statement, so one moment: a delivery that is just added to its day is in one of the two.
_DELIVERIES = """
    SELECT endpoint, sum(deliveries)::bigint, sum(accepted)::bigint, sum(duplicate)::bigint, sum(rejected)::bigint
    FROM (
        SELECT endpoint, deliveries, accepted, duplicate, rejected FROM daily_key
        UNION ALL
        SELECT endpoint, 1, accepted, duplicate, rejected FROM delivery
    ) part GROUP BY endpoint
"""


def read() -> Intake:
    """Three queries: over daily_key (a row for each key, door and day), the outboxes, and the state."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES)
        by_endpoint = {endpoint: Counts(*sums) for endpoint, *sums in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM pending_event")
        (pending,) = cursor.fetchone()
    return Intake(by_endpoint, pending, state.read().as_of)

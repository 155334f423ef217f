"""Counting deliveries: what is in the outbox becomes part of `daily_key`, exactly once.

In: rows of `delivery`, written beside the events they tell of. Out: sums by key, day of the reporting zone and door.
Days stay in the zone in which they were counted: unlike events, deliveries are not kept. Of the events that were
rejected the latest of each key are, for a week.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from analytics.models.locks import Lock, try_hold
from analytics.rollups import state

BATCH = 50_000
REJECTED_FOR = dt.timedelta(days=7)
REJECTED_A_KEY = 1_000  # a sender that is broken for days must not fill the disk

# One statement: a crash undoes all of it, a repeat finds nothing. Up to a number, as `fold._TAKE` and for its reason.
_FOLD = """
    WITH taken AS (
        DELETE FROM delivery
        WHERE id <= (SELECT max(id) FROM (SELECT id FROM delivery ORDER BY id LIMIT %s) batch) RETURNING *
    ), added AS (
        INSERT INTO daily_key AS standing
            (key_id, day, endpoint, deliveries, accepted, duplicate, rejected, last_at)
        SELECT key_id, (received_at AT TIME ZONE %s)::date, endpoint,
            count(*), sum(accepted), sum(duplicate), sum(rejected), max(received_at)
        FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (key_id, day, endpoint) DO UPDATE SET
            deliveries = standing.deliveries + EXCLUDED.deliveries,
            accepted = standing.accepted + EXCLUDED.accepted,
            duplicate = standing.duplicate + EXCLUDED.duplicate,
            rejected = standing.rejected + EXCLUDED.rejected,
            last_at = GREATEST(standing.last_at, EXCLUDED.last_at)
    )
    SELECT count(*) FROM taken
"""
_PURGE_OLD = "DELETE FROM rejected_event WHERE received_at < %s"
_PURGE_MANY = """
    DELETE FROM rejected_event USING (
        SELECT id AS key_id, (
            SELECT id FROM rejected_event WHERE key_id = api_key.id ORDER BY id DESC OFFSET %s LIMIT 1
        ) AS last FROM api_key
    ) surplus
    WHERE rejected_event.key_id = surplus.key_id AND rejected_event.id <= surplus.last
"""


def fold(*, batch: int = BATCH) -> int:
    """Folds batch after batch until none is left, each committed on its own; how many deliveries.

    Leaves at once if somebody else is folding.
    """
    deliveries = 0
    while True:
        with transaction.atomic():
            taken = _fold_batch(batch) if try_hold(Lock.DELIVERIES) else 0
        deliveries += taken
        if taken < batch:
            return deliveries


def _fold_batch(limit: int) -> int:
    zone = state.read().time_zone
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [limit, zone.key])
        return int(cursor.fetchone()[0])


def purge(now: dt.datetime) -> int:
    """Deletes rejected events that are kept no longer; how many. By rejected_event_age and rejected_event_newest."""
    with connection.cursor() as cursor:
        cursor.execute(_PURGE_OLD, [now - REJECTED_FOR])
        old = cursor.rowcount
        cursor.execute(_PURGE_MANY, [REJECTED_A_KEY])
        return int(old + cursor.rowcount)

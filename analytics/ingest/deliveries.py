"""What became of the events of each request: written beside them, in their own transaction.

In: counts and reasons. Out: a row in the outbox `delivery` (added to `daily_key` by `rollups.deliveries`), and the
first rejected events with their reasons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import islice

from django.db import connection

REASONS_A_REQUEST = 50  # all are counted and told to the sender; a broken sender must not fill the table

_NOTE = """
    INSERT INTO delivery (key_id, endpoint, received_at, accepted, duplicate, rejected) VALUES (%s, %s, %s, %s, %s, %s)
"""
_REJECTED = """
    INSERT INTO rejected_event (key_id, endpoint, received_at, index, reason)
    SELECT %s, %s, %s, index, reason FROM unnest(%s::int[], %s::text[]) told (index, reason)
"""


def note(
    key_id: int, endpoint: str, received_at: dt.datetime, accepted: int, duplicate: int, rejected: Mapping[int, str]
) -> None:
    """Notes one request inside the caller's transaction. `rejected`: reasons by the event's place in the request."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [key_id, endpoint, received_at, accepted, duplicate, len(rejected)])
        if rejected:
            told = dict(islice(rejected.items(), REASONS_A_REQUEST))
            cursor.execute(_REJECTED, [key_id, endpoint, received_at, list(told), list(told.values())])

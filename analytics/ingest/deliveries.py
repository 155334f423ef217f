"""What became of the events of each request: written beside them, by the statement that stores them.

In: the request's key and reasons. Out: a row in the outbox `delivery` (added to `daily_key` by `rollups.deliveries`),
and the first rejected events with their reasons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

REASONS_A_REQUEST = 50  # all are counted and told to the sender; a broken sender must not fill the table

_NOTED = """
    , noted AS (
        INSERT INTO delivery (key_id, endpoint, received_at, accepted, duplicate, rejected)
        SELECT %(key)s, %(endpoint)s, %(at)s, count(*), %(good)s - count(*), %(rejected)s FROM stored
    )
"""
_REJECTED = """
    , told AS (
        INSERT INTO rejected_event (key_id, endpoint, received_at, index, reason)
        SELECT %(key)s, %(endpoint)s, %(at)s, index, reason
        FROM json_to_recordset(%(reasons)s) AS rejected (index int, reason text)
    )
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request. `good`: events that are not rejected; `rejected`: reasons by the event's place in the request."""

    key_id: int
    endpoint: str
    received_at: dt.datetime
    good: int
    rejected: Mapping[int, str]

    @property
    def sql(self) -> str:
        """Two more parts of a WITH whose relation `stored` has a row for each event that was new."""
        return _NOTED + _REJECTED if self.rejected else _NOTED

    @property
    def parameters(self) -> dict[str, Any]:
        first = islice(self.rejected.items(), REASONS_A_REQUEST)
        reasons = [{"index": index, "reason": reason} for index, reason in first]
        return {
            "key": self.key_id,
            "endpoint": self.endpoint,
            "at": self.received_at,
            "good": self.good,
            "rejected": len(self.rejected),
            "reasons": msgspec.json.encode(reasons).decode(),
        }

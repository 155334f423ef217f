"""What an event needs at least, for tests that care about one field only."""

from __future__ import annotations

import datetime as dt
from typing import Any

from analytics.ingest.draft import EventDraft, Rejected, draft
from tests.cast import NOW

AN_HOUR_AGO = NOW - dt.timedelta(hours=1)


def fields(**given: Any) -> dict[str, Any]:
    return {"event_id": "e1", "occurred_at": AN_HOUR_AGO.isoformat(), **given}


def checked(**given: Any) -> EventDraft | Rejected:
    """The draft of an event with these fields, as the API would make it."""
    return draft(fields(**given), NOW)


def good(**given: Any) -> EventDraft:
    """An event that passes every rule."""
    event = checked(**given)
    assert isinstance(event, EventDraft), event
    return event


def reason(**given: Any) -> str:
    """Why an event with these fields is rejected."""
    event = checked(**given)
    assert isinstance(event, Rejected), event
    return event.reason

"""A small living workspace, by way of ingest and fold: what the page's tests read, with numbers one can add up by hand.

Without a `now` the clock stands at `tests.cast.NOW`, Sunday 15 March 2026; the reporting zone is UTC. Browsers have a
clock of their own that cannot be stopped: their tests say now.
"""

from __future__ import annotations

import datetime as dt
from itertools import count

from analytics.ingest.draft import EventDraft
from analytics.ingest.intake import ingest
from analytics.models import Assistant
from analytics.rollups.fold import fold_pending
from tests.cast import NOW
from usermgmt.models import User

_numbers = count(1)


def event(days_ago: float = 0, *, now: dt.datetime = NOW, tokens: int | None = 15, **fields: object) -> EventDraft:
    """An event of that long ago; two thirds of its tokens are input."""
    output = None if tokens is None else tokens // 3
    return EventDraft(
        event_id=f"w{next(_numbers)}",
        occurred_at=now - dt.timedelta(days=days_ago),
        input_tokens=None if tokens is None else tokens - (output or 0),
        output_tokens=output,
        **fields,  # type: ignore[arg-type]
    )


def store(*events: EventDraft, now: dt.datetime = NOW) -> None:
    """In the database, but not folded."""
    ingest(events, "test", now)


def fold(*events: EventDraft, now: dt.datetime = NOW) -> None:
    """In the database and on the page."""
    store(*events, now=now)
    fold_pending()


def joined(key: str, days_ago: float, now: dt.datetime = NOW) -> None:
    """A person whom events know as `key` and who joined that long ago."""
    User.objects.create_person(None, key.title(), external_id=key, joined_at=now - dt.timedelta(days=days_ago))


def old_assistant(name: str, now: dt.datetime = NOW) -> None:
    Assistant.objects.create(key=name, name=name, created_at=now - dt.timedelta(days=90))


def fill(now: dt.datetime = NOW) -> None:
    """Last 30 days: 7 requests (2 chat, 3 assistant, 2 workflow; 1 failed), 1,000,115 tokens, 1 call without usage,
    3 active users (ann, bob, cid); the 30 days before: 1 request, 30 tokens, 1 active user.
    """
    for person, days_ago in (("ann", 20), ("bob", 20), ("cid", 3), ("dan", 2), ("eve", 12)):
        joined(person, days_ago, now)
    old_assistant("Forgotten helper", now)
    fold(
        event(0, now=now, user_id="ann", team="Legal", tokens=1_000_000),
        event(1, now=now, user_id="ann", team="Legal", assistant="Contracts", tokens=60),
        event(1, now=now, user_id="bob", team="Sales", assistant="Contracts", tokens=15),
        event(2, now=now, user_id="bob", team="Sales", assistant="Pitch", tokens=None, status="error"),
        event(2.9, now=now, user_id="cid", workflow="Weekly report", tokens=15),
        event(5, now=now, workflow="Weekly report", tokens=15),
        event(29, now=now, user_id="ann", tokens=9),
        event(29, now=now, user_id="ann", tokens=1, request=False),
        event(40, now=now, user_id="ann", tokens=30),
        now=now,
    )

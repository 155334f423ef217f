"""The way in, whatever the format: drafts → rows → stored, with a verdict for each event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import Enum

from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.resolve import resolve
from analytics.ingest.store import store_rows


class Stored(Enum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


Verdict = Stored | Rejected


def ingest(drafts: Sequence[EventDraft | Rejected], source: str, now: dt.datetime) -> list[Verdict]:
    """One verdict per draft, in order. When it returns, accepted events are committed.

    `source` names the sender's id space: the same event id from two sources is two events.
    """
    good = [draft for draft in drafts if isinstance(draft, EventDraft)]
    if not good:
        return [draft for draft in drafts if isinstance(draft, Rejected)]
    rows = resolve(good, source, now)
    # The key of storage holds person and time too; within a batch the event id alone decides, and the first one wins.
    new = store_rows(list({row.event_key: row for row in reversed(rows)}.values()))
    keys = iter(rows)
    verdicts: list[Verdict] = []
    for draft in drafts:
        if isinstance(draft, Rejected):
            verdicts.append(draft)
            continue
        key = next(keys).event_key
        verdicts.append(Stored.ACCEPTED if key in new else Stored.DUPLICATE)
        new.discard(key)  # a second one in the same batch is a duplicate
    return verdicts

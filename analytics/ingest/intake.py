"""The way in, whatever the format: drafts → rows → stored, with a verdict for each event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from analytics.ingest.deliveries import Delivery
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.resolve import resolve
from analytics.ingest.store import EventRow, store_rows
from analytics.models.keys import WHOLE


class Stored(Enum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


Verdict = Stored | Rejected


@dataclass(frozen=True, slots=True)
class Sender:
    """The key that events came with, and by which door."""

    key_id: int
    endpoint: str


def ingest(
    drafts: Sequence[EventDraft | Rejected], source: str, now: dt.datetime, sender: Sender | None = None
) -> list[Verdict]:
    """One verdict per draft, in order. When it returns, accepted events are committed.

    `source` names the sender's id space: the same event id from two sources is two events. What became of them is
    noted for the sender, if there is one, in the events' own transaction.
    """
    good = [draft for draft in drafts if isinstance(draft, EventDraft)]
    rows = resolve(good, source, now)
    # The key of storage holds person and time too; within a batch the event id alone decides, and the first one wins.
    once = list({row.event_key: row for row in reversed(rows)}.values())
    if sender is None:
        new = store_rows(once)
    else:
        rejected = {index: draft.reason for index, draft in enumerate(drafts) if isinstance(draft, Rejected)}
        new = store_rows(once, Delivery(sender.key_id, sender.endpoint, now, len(good), rejected))
    return list(_verdicts(drafts, rows, new))


def note_refusal(sender: Sender, reason: str, now: dt.datetime) -> None:
    """Notes a request of which nothing could be read, as one rejected: whoever waits for events sees why none came."""
    store_rows([], Delivery(sender.key_id, sender.endpoint, now, 0, {WHOLE: Rejected(reason).reason}))


def _verdicts(drafts: Sequence[EventDraft | Rejected], rows: Sequence[EventRow], new: set[bytes]) -> Iterator[Verdict]:
    keys = iter(rows)
    for draft in drafts:
        if isinstance(draft, Rejected):
            yield draft
            continue
        key = next(keys).event_key
        yield Stored.ACCEPTED if key in new else Stored.DUPLICATE
        new.discard(key)  # a second one in the same batch is a duplicate

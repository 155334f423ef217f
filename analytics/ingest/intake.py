"""The way in, whatever the format: drafts → rows → stored, with a verdict for each event."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from analytics.ingest import deliveries
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.resolve import resolve
from analytics.ingest.store import EventRow, store_rows


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
    rows = resolve([draft for draft in drafts if isinstance(draft, EventDraft)], source, now)
    verdicts: list[Verdict] = []

    def judge(new: set[bytes]) -> None:
        verdicts.extend(_verdicts(drafts, rows, new))
        if sender is not None:
            deliveries.note(sender.key_id, sender.endpoint, now, *_counted(verdicts))

    # The key of storage holds person and time too; within a batch the event id alone decides, and the first one wins.
    store_rows(list({row.event_key: row for row in reversed(rows)}.values()), judge)
    return verdicts


def _verdicts(drafts: Sequence[EventDraft | Rejected], rows: Sequence[EventRow], new: set[bytes]) -> Iterable[Verdict]:
    keys = iter(rows)
    for draft in drafts:
        if isinstance(draft, Rejected):
            yield draft
            continue
        key = next(keys).event_key
        yield Stored.ACCEPTED if key in new else Stored.DUPLICATE
        new.discard(key)  # a second one in the same batch is a duplicate


def _counted(verdicts: Sequence[Verdict]) -> tuple[int, int, dict[int, str]]:
    """How many are accepted and duplicate, and the reasons of the rejected ones by their place."""
    stored = Counter(verdict for verdict in verdicts if isinstance(verdict, Stored))
    rejected = {index: verdict.reason for index, verdict in enumerate(verdicts) if isinstance(verdict, Rejected)}
    return stored[Stored.ACCEPTED], stored[Stored.DUPLICATE], rejected

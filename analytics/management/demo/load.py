"""A demo workspace into the database: people and items first, then events through the bulk path, folded on the way."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator

from django.db import transaction

from analytics.ingest import partitions
from analytics.ingest.store import store_block
from analytics.management.demo import keys, seasons, settle, sign_in, usage, world
from analytics.management.demo.encode import encode
from analytics.management.demo.scale import Scale, from_us
from analytics.rollups.fold import fold_pending

FOLD_EVERY = 100_000  # events: keeps the outbox small however many come
ATOMIC_MOST = 150_000  # up to so many events it is all or nothing; more would hold locks for minutes

Progress = Callable[[int, int], None]  # told how many events were stored, and how many folded, since the last time


def load(scale: Scale, mark: settle.Mark, progress: Progress) -> None:
    """Stores and folds the workspace of `scale`. An interrupted one of ordinary size leaves nothing behind."""
    calendar = seasons.seasons(scale)
    drawn = world.draw(scale, calendar)
    with transaction.atomic() if scale.events <= ATOMIC_MOST else contextlib.nullcontext():
        with transaction.atomic():
            ids = settle.settle(scale, drawn, mark)
            sign_in.open_doors(mark)
        partitions.ensure(_months(scale))
        waiting = 0
        for block in usage.draw(scale, calendar, drawn):
            for text, count in encode(block, ids):
                progress(store_block(text), 0)
                waiting += count
            if waiting >= FOLD_EVERY:
                progress(0, fold_pending(wait_s=60).events)
                waiting = 0
        progress(0, fold_pending(wait_s=60).events)
        if not mark.text:  # their systems would report for both
            keys.store(scale, int(ids.people[world.ADMINISTRATOR]))


def _months(scale: Scale) -> Iterator[dt.date]:
    """The UTC months that hold events: from the day before the first (it began earlier east of UTC) to `until`."""
    month = (scale.first_day - dt.timedelta(days=1)).replace(day=1)
    while month <= from_us(scale.until_us).date():
        yield month
        month = (month + dt.timedelta(days=32)).replace(day=1)

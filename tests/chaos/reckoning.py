"""The reckoning: what the clients were told, against what stands in the database, event by event and bucket by bucket.

The rollups are held against a recomputation in naive Python from the events as their senders mean them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from tests.analytics.oracle import Event, Table, rollups
from tests.analytics.tables import COLUMNS, differences
from tests.chaos.load import Ledger
from tests.chaos.sent import Ids
from tests.chaos.stage import ZONE, Stage

Row = tuple[Any, ...]

_EVENTS = """
    SELECT uuid_send(event_key), occurred_at, source, user_id, team_id, kind, assistant_id, workflow_id, requests,
        input_tokens, output_tokens, usage_known, status, model
    FROM usage_event
"""
_COUNTED = """
    SELECT (SELECT coalesce(sum(accepted), 0) FROM delivery) + (SELECT coalesce(sum(accepted), 0) FROM daily_key)
"""
_RECENT_SINCE = "SELECT recent_since FROM rollup_state WHERE recent_since IS NOT NULL"
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Reckoning:
    """`lost`: promised and not there. `duplicated`: there or accepted more than once, or never sent.

    `wrong`: events that say something else than their sender, and rows of rollups that are not the sum of the events.
    """

    events: int
    lost: int
    duplicated: int
    wrong: int
    examples: str = ""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong)


def reckon(stage: Stage, ledger: Ledger) -> Reckoning:
    """Nothing may be pending, and nobody deliver. All is read as it stands at one moment."""
    with stage.connect() as database, database.transaction():
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return compared(database, ledger)


@dataclass(frozen=True, slots=True)
class _Books:
    """What stands in the database. `counted`: events accepted, by what deliveries say."""

    rows: Mapping[bytes, list[Row]]
    ids: Ids
    rollups: dict[str, Table]
    counted: int
    recent_since: dt.date

    @classmethod
    def of(cls, database: psycopg.Connection[Any]) -> _Books:
        rows: dict[bytes, list[Row]] = defaultdict(list)
        for key, *row in database.execute(_EVENTS):
            rows[key].append(tuple(row))
        (counted,) = database.execute(_COUNTED).fetchall()[0]
        since = [day for (day,) in database.execute(_RECENT_SINCE)]
        tables = {table: _table(database, table) for table in COLUMNS}
        return cls(rows, _ids(database), tables, int(counted), since[0] if since else dt.date.max)


def _ids(database: psycopg.Connection[Any]) -> Ids:
    people = {
        name: pk
        for pk, *names in database.execute("SELECT id, external_id, email FROM person")
        for name in names
        if name
    }
    items = (dict(database.execute(f"SELECT key, id FROM {table}")) for table in ("team", "assistant", "workflow"))
    return Ids(people, *items)


def _table(database: psycopg.Connection[Any], table: str) -> Table:
    keys, values = COLUMNS[table]
    rows = database.execute(f"SELECT {', '.join((*keys, *values))} FROM {table}")
    return {row[: len(keys)]: row[len(keys) :] for row in rows}


def compared(database: psycopg.Connection[Any], ledger: Ledger) -> Reckoning:
    """The reckoning inside the caller's transaction."""
    books = _Books.of(database)
    by_key = {event.key: event for event in ledger.sent.values()}
    meant = {key: by_key[key].stored(books.ids) for key in books.rows.keys() & by_key.keys()}
    expected = rollups(meant.values(), ZoneInfo(ZONE), books.recent_since)
    lost = ledger.acknowledged - {event.event_id for event in meant.values()}
    twice = [event.event_id for key, event in meant.items() for _ in books.rows[key][1:]]
    twice += [event_id for event_id, times in ledger.accepted.items() for _ in range(times - 1)]
    never_sent = [key.hex() for key in books.rows.keys() - by_key.keys()]
    changed = [e.event_id for key, e in meant.items() for row in books.rows[key] if Event(e.event_id, *row) != e]
    buckets = differences(books.rollups, expected)
    uncounted = abs(books.counted - sum(map(len, books.rows.values())))
    return Reckoning(
        events=len(ledger.acknowledged),
        lost=len(lost),
        duplicated=len(twice) + len(never_sent),
        wrong=len(changed) + sum(map(len, buckets.values())) + uncounted,
        examples=_examples(
            lost=lost, twice=twice, never_sent=never_sent, changed=changed, uncounted=[uncounted], **buckets
        ),
    )


def _examples(**found: Collection[Any]) -> str:
    """The first of each kind, for whoever has to look."""
    some = {name: [*islice(what.items() if isinstance(what, dict) else what, _SHOWN)] for name, what in found.items()}
    return "; ".join(f"{name}: {what}" for name, what in some.items() if what not in ([], [0]))

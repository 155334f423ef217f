"""Folding a small batch of new events, by how many events stand already, against a bare INSERT of the same rows."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from contextlib import ExitStack

from django.db import connection

from analytics.ingest import partitions
from analytics.ingest.store import COLUMNS
from analytics.models import PendingEvent
from analytics.rollups.fold import fold_pending
from analytics.rollups.recent import begin_with
from tests.benchmarks import stage, tables
from tests.benchmarks.timing import seconds
from tests.benchmarks.workspaces import UNTIL, Workspace
from usermgmt.queries import RECENT_DAYS

BATCH = 10_000
# Which standing events the batch is modelled on, and how far from them it lies: those of the last week once more, one
# day later with each round; or any of the last year, minutes later, as a source brings them that was offline.
SHAPES = {
    "new days": (dt.timedelta(days=7), dt.timedelta(days=1)),
    "late, over a year": (dt.timedelta(days=365), dt.timedelta(minutes=7)),
}
_OUTBOX = ", ".join(field.name for field in PendingEvent._meta.concrete_fields if not field.primary_key)
_SHIFTED = {"occurred_at": "occurred_at + %s::interval", "event_key": "gen_random_uuid()"}


def compare(workspaces: Sequence[Workspace], rounds: int) -> None:
    """Prints the cost per event in copies of the workspaces, because what is folded stays."""
    with ExitStack() as stack:
        copies = {w.size.label: stack.enter_context(stage.scratch_copy(w.database)) for w in workspaces}
        for database in copies.values():
            stage.use(database)
            fold_pending()
            begin_with(UNTIL.date() - dt.timedelta(days=RECENT_DAYS - 1))
            partitions.ensure(partitions.months_ahead(UNTIL.date()))
        rows = [row for shape in SHAPES for row in _shape(shape, copies, rounds)]
    columns = ("events", "standing", "fold µs/event", "INSERT µs/event", "fold ÷ INSERT", "fold ÷ smallest")
    tables.show(f"Folding {BATCH:,} new events into what stands", columns, rows)


def _shape(shape: str, copies: dict[str, str], rounds: int) -> list[tuple[tables.Cell, ...]]:
    """A row for each copy; seconds are per event."""
    folds: dict[str, list[float]] = {label: [] for label in copies}
    inserts: dict[str, list[float]] = {label: [] for label in copies}
    for number, (label, database) in itertools.product(range(1, rounds + 1), copies.items()):
        stage.use(database)
        events = _draw(shape, number)
        inserts[label].append(seconds(_insert) / events)
        _put_into_outbox()
        folds[label].append(seconds(fold_pending) / events)
    least = min(folds[next(iter(copies))])
    return [
        (shape, label, fold * 1e6, insert * 1e6, tables.times(fold, insert), tables.times(fold, least))
        for label, fold, insert in ((label, min(folds[label]), min(inserts[label])) for label in copies)
    ]


def _draw(shape: str, number: int) -> int:
    """Makes the table `batch` of new events, modelled on standing ones that their keys pick; returns how many."""
    span, shift = SHAPES[shape]
    columns = ", ".join(f"{_SHIFTED.get(name, name)} AS {name}" for name in COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS batch")
        cursor.execute(
            f"CREATE TABLE batch AS SELECT {columns} FROM (SELECT * FROM usage_event "
            "WHERE occurred_at >= %s AND occurred_at < %s "
            "ORDER BY md5(event_key::text || %s) LIMIT %s) model",
            [f"{(shift * number).total_seconds()} s", UNTIL - span, UNTIL, str(number), BATCH],
        )
        return int(cursor.rowcount)


def _insert() -> None:
    columns = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO usage_event ({columns}) SELECT {columns} FROM batch")


def _put_into_outbox() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO pending_event ({_OUTBOX}) SELECT {_OUTBOX} FROM batch")

"""The database as the rollup tests see it: events put in through the store, every rollup table read whole."""

# ruff: noqa: S608 - the names in these statements are literals of this file

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from analytics.ingest.draft import event_key
from analytics.ingest.store import EventRow, store_rows
from analytics.rollups.rebuild import rebuild_all
from analytics.rollups.recent import begin_with
from tests.analytics.oracle import RECENT_SINCE, Event, Row, Table, rollups

SUMS = ("requests", "failed_requests", "input_tokens", "output_tokens", "calls_without_usage")
SPLIT = ("chat_requests", "assistant_requests", "workflow_requests")
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "daily_total": (("day",), (*SUMS, "active_users", *SPLIT)),
    "daily_team": (("day", "team_id"), SUMS),
    "daily_assistant": (("day", "assistant_id"), SUMS),
    "daily_workflow": (("day", "workflow_id"), SUMS),
    "daily_usage": (("day", "team_id", "kind", "item_id"), SUMS),
    "daily_model": (("day", "model"), SUMS),
    "daily_user": (("user_id", "day"), (*SUMS, "first_value_at", "last_active_at")),
    "monthly_team": (("month", "team_id"), SUMS),
    "monthly_assistant": (("month", "assistant_id"), SUMS),
    "monthly_workflow": (("month", "workflow_id"), SUMS),
    "active_transition": (("day", "previous_day"), ("users",)),
    "person_activity": (("user_id",), ("first_value_at", "last_active_at", "last_active_day")),
    "person_recent": (("user_id",), ("requests", "tokens")),
}


def empty(zone: ZoneInfo) -> None:
    """No event, no rollup, days of `zone`, and recent ones from the oracle's on."""
    execute("DELETE FROM usage_event")
    execute("DELETE FROM rollup_state")
    rebuild_all(zone)
    assert begin_with(RECENT_SINCE)


def store(events: Iterable[Event]) -> set[bytes]:
    """The keys of those that were new."""
    return store_rows([_row(event) for event in events])


def _row(event: Event) -> EventRow:
    return EventRow(
        user_id=event.user_id,
        occurred_at=event.occurred_at,
        event_key=event_key(event.source, event.event_id),
        received_at=event.occurred_at,
        source=event.source,
        team_id=event.team_id,
        kind=event.kind,
        assistant_id=event.assistant_id,
        workflow_id=event.workflow_id,
        model=event.model,
        requests=event.requests,
        input_tokens=event.input_tokens,
        cached_tokens=0,
        output_tokens=event.output_tokens,
        reasoning_tokens=0,
        usage_known=event.usage_known,
        status=event.status,
        latency_ms=None,
    )


def pending() -> int:
    return len(execute("SELECT id FROM pending_event"))


def vacuum_emptied(outbox: str) -> None:
    """Lets PostgreSQL take `outbox`, whose rows have been taken out, for a table of no rows, whatever comes next."""
    execute(f"VACUUM (ANALYZE, TRUNCATE OFF) {outbox}")
    ((pages, rows),) = execute(f"SELECT relpages, reltuples FROM pg_class WHERE relname = '{outbox}'")
    assert (pages > 0, rows) == (True, 0)


@contextmanager
def reads_at_most(rows: int, table: str) -> Iterator[None]:
    """One transaction that may look at so many rows of `table` and its indexes, counted as often as looked at."""
    statement = f"""
        SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM (
            SELECT '{table}'::regclass UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = '{table}'::regclass
        ) relation (oid)
    """
    with transaction.atomic():
        ((before,),) = execute(statement)
        yield
        ((after,),) = execute(statement)
    assert after - before <= rows


def read() -> dict[str, Table]:
    """Every rollup table whole: table → key columns → value columns."""
    return {table: _read(table, *columns) for table, columns in COLUMNS.items()}


def _read(table: str, keys: tuple[str, ...], values: tuple[str, ...]) -> Table:
    rows = execute(f"SELECT {', '.join((*keys, *values))} FROM {table}")
    return {row[: len(keys)]: row[len(keys) :] for row in rows}


def execute(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


def differences(actual: Mapping[str, Table], expected: Mapping[str, Table]) -> dict[str, dict[Row, object]]:
    """table → key → (what stands, what should); empty where both are equal to the row."""
    wrong: dict[str, dict[Row, object]] = {
        table: {
            key: (actual[table].get(key), expected[table].get(key))
            for key in actual[table].keys() | expected[table].keys()
            if actual[table].get(key) != expected[table].get(key)
        }
        for table in expected
    }
    return {table: rows for table, rows in wrong.items() if rows}


def assert_equal_oracle(sent: Iterable[Event], zone: ZoneInfo) -> None:
    """Every rollup holds exactly what these events amount to."""
    wrong = differences(read(), rollups(sent, zone))
    assert not wrong, {table: (len(rows), *list(rows.items())[:2]) for table, rows in wrong.items()}

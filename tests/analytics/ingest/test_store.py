"""What is stored can be read back, once, together with what the rollups need of it; or nothing is stored at all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from analytics.ingest import partitions
from analytics.ingest.draft import event_key
from analytics.ingest.store import FEW, EventRow, store_rows
from analytics.models import Kind, PendingEvent, Status, UsageEvent
from analytics.models.events import MAX_TOKENS
from analytics.models.locks import Lock
from tests.analytics.ingest.drafts import AN_HOUR_AGO
from tests.analytics.parallel import Threads, locked, until_somebody_waits_for

pytestmark = pytest.mark.django_db


def row(event_id: str = "e1", **given: Any) -> EventRow:
    plain: dict[str, Any] = {
        "user_id": 7, "occurred_at": AN_HOUR_AGO, "received_at": AN_HOUR_AGO, "source": "test", "team_id": 3,
        "kind": Kind.WORKFLOW, "assistant_id": 4, "workflow_id": 5, "model": "m", "requests": 1, "input_tokens": 20,
        "cached_tokens": 2, "output_tokens": 10, "reasoning_tokens": 1, "usage_known": True, "status": Status.ERROR,
        "latency_ms": 9,
    }  # fmt: skip
    return EventRow(**plain | {"event_key": event_key("test", event_id)} | given)


def keys(*rows: EventRow) -> set[bytes]:
    return {row.event_key for row in rows}


def read_back() -> EventRow:
    """The only event."""
    values = UsageEvent.objects.values(*EventRow._fields).get()
    return EventRow(**values | {"event_key": values["event_key"].bytes})


def counts() -> tuple[int, int]:
    """Of stored, and of pending events."""
    return UsageEvent.objects.count(), PendingEvent.objects.count()


@pytest.mark.parametrize("size", [1, FEW + 1])
def test_every_column_comes_back_as_it_went_in(size: int) -> None:
    stored = row()
    assert store_rows([stored] * size) == keys(stored)
    assert read_back() == stored
    shared = ("user_id", "occurred_at", "team_id", "kind", "assistant_id", "workflow_id", "requests", "status",
              "input_tokens", "output_tokens", "usage_known")  # fmt: skip
    assert PendingEvent.objects.values(*shared).get() == {name: getattr(stored, name) for name in shared}


@pytest.mark.parametrize("size", [1, FEW + 1])
def test_the_widest_values_come_back(size: int) -> None:
    wide = row(
        user_id=2**62, team_id=2**62, source="s" * 40, model="𝒳" * 200,
        input_tokens=MAX_TOKENS, cached_tokens=MAX_TOKENS, output_tokens=MAX_TOKENS, reasoning_tokens=MAX_TOKENS,
        latency_ms=10**12,
        occurred_at=dt.datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=dt.timezone(dt.timedelta(hours=-14))),
    )  # fmt: skip
    store_rows([wide] * size)
    assert read_back() == wide


@pytest.mark.parametrize("size", [1, FEW + 1])
@pytest.mark.parametrize("hours", [-23, 16, 23])
def test_any_offset_of_a_time_is_taken(size: int, hours: int) -> None:
    there = dt.datetime(2026, 3, 1, 12, 0, 0, 7, tzinfo=dt.timezone(dt.timedelta(hours=hours, minutes=0)))
    store_rows([row(str(number), occurred_at=there, received_at=there) for number in range(size)])
    assert set(UsageEvent.objects.values_list("occurred_at", "received_at")) == {(there, there)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("use", [0, 1, 5, 6])
def test_a_store_that_did_not_get_the_lock_spoils_none_after_it(use: int) -> None:
    other = connection.copy()
    connection.close()
    try:
        for number in range(9):
            if number == use:
                with other.cursor() as alone, connection.cursor() as cursor:
                    alone.execute("SELECT pg_advisory_lock(%s)", [int(Lock.INGEST)])
                    cursor.execute("SET lock_timeout = 100")
                    with pytest.raises(OperationalError):
                        store_rows([row(str(number))])
                    alone.execute("SELECT pg_advisory_unlock(%s)", [int(Lock.INGEST)])
            else:
                assert store_rows([row(str(number))])
    finally:
        other.close()
        connection.close()


@pytest.mark.parametrize("size", [1, FEW + 1])
def test_no_latency_is_null(size: int) -> None:
    store_rows([row(latency_ms=None)] * size)
    assert UsageEvent.objects.get().latency_ms is None


def test_nothing_is_no_work() -> None:
    assert store_rows([]) == set()
    assert counts() == (0, 0)


def test_a_replay_stores_nothing_and_is_told_so() -> None:
    batch = [row(str(n)) for n in range(10)]
    assert store_rows(batch) == keys(*batch)
    assert store_rows(batch) == set()
    assert store_rows([*batch, new := row("new")]) == keys(new)
    assert counts() == (11, 11)


def test_a_key_that_stands_twice_in_a_batch_is_stored_once() -> None:
    assert store_rows([row(), row(), row("other")]) == keys(row(), row("other"))
    assert counts() == (2, 2)


@pytest.mark.parametrize(
    "given",
    [
        {"input_tokens": -1},
        {"input_tokens": MAX_TOKENS + 1},
        {"output_tokens": -1},
        {"cached_tokens": -1},
        {"reasoning_tokens": MAX_TOKENS + 1},
        {"requests": 2},
        {"requests": -1},
        {"kind": 0},
        {"kind": 4},
        {"status": 4},
        {"occurred_at": dt.datetime(1999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)},
    ],
)
def test_the_database_refuses_what_the_door_refuses(given: dict[str, Any]) -> None:
    for size in (1, FEW + 1):
        with pytest.raises(IntegrityError), transaction.atomic():
            store_rows([row("good"), *[row("bad", **given)] * size])


@pytest.mark.parametrize("size", [1, FEW + 1])
def test_what_the_database_says_of_a_batch_is_an_error_of_djangos_however_it_travels(size: int) -> None:
    """A lost connection or a full disk must look alike in COPY and INSERT: one is answered 503, anything else 500."""
    with pytest.raises(DataError):
        store_rows([row(str(number), source="s" * 41) for number in range(size)])


def test_a_batch_is_stored_whole_or_not_at_all(transactional_db: None) -> None:
    with pytest.raises(IntegrityError):
        store_rows([row("good"), row("bad", requests=2)])
    assert counts() == (0, 0)
    assert store_rows([row("good")])


@pytest.mark.parametrize("size", [1, FEW + 1])
def test_a_column_that_the_next_release_has_brought_is_filled_by_its_default(size: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS incoming_event")  # as on a connection that is new
        cursor.execute("ALTER TABLE usage_event ADD COLUMN next_release int NOT NULL DEFAULT 7")
    rows = [row(f"e{number}") for number in range(size)]
    assert store_rows(rows) == keys(*rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT next_release FROM usage_event")
        assert cursor.fetchall() == [(7,)]


def test_it_is_on_disk_when_the_answer_comes() -> None:
    """P1: nobody may switch this off for the sake of speed; the server that tests run on does."""
    store_rows([row()])
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


@pytest.mark.parametrize("size", [FEW, FEW + 100])
def test_writers_of_the_same_events_share_them_out(transactional_db: None, size: int) -> None:
    """Each event is new to exactly one of the writers, whatever the order in which they come; and none deadlocks."""
    for turn in range(6):
        batch = [row(f"{turn}.{n}", user_id=n % 7, occurred_at=AN_HOUR_AGO - dt.timedelta(days=n)) for n in range(size)]
        partitions.ensure(partitions.months_of(one.occurred_at for one in batch))
        with Threads(4) as pool:
            with locked("usage_event"):  # so that all begin at once
                parts = [size * part // 4 for part in range(4)]
                done = [pool.run(store_rows, batch[start:] + batch[:start]) for start in parts]
                until_somebody_waits_for("usage_event", 4)
            new = [future.result() for future in done]
        assert sum(map(len, new)) == size
        assert set().union(*new) == keys(*batch)
    assert counts() == (6 * size, 6 * size)

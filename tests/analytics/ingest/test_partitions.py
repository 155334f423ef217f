"""Partitions: one a month, there before they are needed, made once however many want them."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pytest
from django.db import connection

from analytics.ingest.intake import Stored, ingest
from analytics.ingest.partitions import ensure, forget, months_ahead, months_of
from analytics.ingest.store import FEW
from analytics.models import UsageEvent
from analytics.models.locks import Lock
from tests.analytics.ingest.drafts import good
from tests.analytics.parallel import Threads, until_somebody_waits_for_advisory_lock
from tests.cast import NOW

pytestmark = pytest.mark.django_db

OLDEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def made() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'usage_event'::regclass")
        return {name for (name,) in cursor.fetchall()}


def test_a_month_is_that_of_utc() -> None:
    east, west = (dt.timezone(dt.timedelta(hours=hours)) for hours in (14, -12))
    instants = [
        dt.datetime(2024, 3, 1, 13, 59, tzinfo=east),  # still February in UTC
        dt.datetime(2024, 2, 29, 12, 0, tzinfo=west),  # already March
        dt.datetime(2024, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
    ]
    assert months_of(instants) == {dt.date(2024, 2, 1), dt.date(2024, 3, 1), dt.date(2024, 12, 1)}
    assert months_of([]) == set()


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (dt.date(2024, 1, 31), ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]),
        (dt.date(2025, 11, 1), ["2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]),
    ],
)
def test_this_month_and_the_next_three_are_made_ahead(today: dt.date, expected: list[str]) -> None:
    assert sorted(map(str, months_ahead(today))) == expected


def test_making_them_again_makes_nothing() -> None:
    months = {dt.date(2001, 5, 1), dt.date(2001, 12, 1)}
    assert ensure(months) == 2
    assert ensure(months) == 0
    assert {"usage_event_2001_05", "usage_event_2001_12"} <= made()


def test_events_older_than_every_partition_get_theirs() -> None:
    assert ingest([good(occurred_at=OLDEST.isoformat())], "test", NOW) == [Stored.ACCEPTED]
    assert UsageEvent.objects.get().occurred_at == OLDEST
    assert "usage_event_2000_01" in made()


def test_the_edges_of_a_month_are_in_the_right_one() -> None:
    last, first = dt.datetime(2003, 1, 31, 23, 59, 59, 999999, tzinfo=dt.UTC), dt.datetime(2003, 2, 1, tzinfo=dt.UTC)
    ingest([good(event_id=str(n), occurred_at=at.isoformat()) for n, at in enumerate((last, first))], "test", NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, occurred_at FROM usage_event ORDER BY occurred_at")
        assert cursor.fetchall() == [("usage_event_2003_01", last), ("usage_event_2003_02", first)]


def test_one_look_is_enough_where_nothing_is_missing(django_assert_num_queries: partial[object]) -> None:
    months = {dt.date(2001, month, 1) for month in range(1, 13)}
    ensure(months)
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        ensure(months)


@pytest.mark.django_db(transaction=True)
def test_several_ingests_of_a_new_month_make_it_once() -> None:
    month = dt.date(2002, 7, 1)
    with connection.cursor() as cursor:  # partitions outlive tests that commit
        cursor.execute("DROP TABLE IF EXISTS usage_event_2002_07")
    with Threads(4) as pool:
        done = [pool.run(ensure, [month]) for _ in range(4)]
        assert sum(future.result() for future in done) == 1
    assert "usage_event_2002_07" in made()


@pytest.mark.django_db(transaction=True)
def test_one_that_somebody_is_just_making_is_waited_for() -> None:
    """In PostgreSQL a commit shows in the catalogue before other sessions learn of it; the maker holds the lock."""
    month = dt.date(2002, 8, 1)
    ensure([month])
    forget()
    other = connection.copy()
    try:
        with Threads(1) as pool, other.cursor() as maker:
            maker.execute("SELECT pg_advisory_lock(%s)", [int(Lock.PARTITIONS)])
            done = pool.run(ensure, [month])
            until_somebody_waits_for_advisory_lock()
            maker.execute("SELECT pg_advisory_unlock(%s)", [int(Lock.PARTITIONS)])
            assert done.result() == 0
    finally:
        other.close()


def test_a_partition_checks_what_its_table_checks() -> None:
    ensure([dt.date(2004, 1, 1)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, array_agg(conname ORDER BY conname) FROM pg_constraint "
            "WHERE contype = 'c' AND conrelid IN ('usage_event'::regclass, 'usage_event_2004_01'::regclass) GROUP BY 1"
        )
        checks = dict(cursor.fetchall())
    assert checks["usage_event"] == checks["usage_event_2004_01"]
    assert checks["usage_event"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("events", [1, FEW + 1])
def test_a_partition_that_somebody_dropped_is_made_again(events: int) -> None:
    batch = [good(event_id=str(n), occurred_at=OLDEST.isoformat()) for n in range(events)]
    ingest(batch, "test", NOW)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE usage_event_{OLDEST:%Y_%m}")
    assert ingest(batch, "test", NOW) == [Stored.ACCEPTED] * events

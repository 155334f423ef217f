"""One person's usage against the naive oracle: sums by rollup, and by assistant out of raw events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import given
from pytest_django import DjangoAssertNumQueries

from analytics.metrics import person
from analytics.metrics.figures import Measures, Named
from analytics.models import Assistant
from analytics.periods import DayRange
from analytics.rollups.fold import fold_pending
from tests.analytics import oracle, tables
from tests.analytics.oracle import ASSISTANT, CHAT, ERROR, WORKFLOW, Event
from tests.analytics.streams import Stream, examples, short_ranges, streams
from tests.cast import NOW

pytestmark = pytest.mark.django_db

WEEK = DayRange(dt.date(2026, 3, 9), dt.date(2026, 3, 16))


def fold(events: Iterable[Event]) -> None:
    tables.store(events)
    fold_pending()


def sums(figures: Measures) -> tuple[int, ...]:
    return (
        figures.requests,
        figures.failed_requests,
        figures.input_tokens,
        figures.output_tokens,
        figures.calls_without_usage,
    )


@pytest.mark.django_db(transaction=True)
@examples(40)
@given(stream=streams(), days=short_ranges())
def test_sums_and_assistants_are_what_a_naive_count_says_in_any_zone(stream: Stream, days: DayRange) -> None:
    tables.empty(stream.zone)
    fold(stream.sent)
    inside = oracle.within(stream.sent_once, days.start, days.last, stream.zone)
    for user_id in (1, 2, 3):
        own = [event for event in inside if event.user_id == user_id]
        assert sums(person.of_person(user_id, days)) == oracle.measures(own)
        assistants, without = person.by_assistant(user_id, days.start, days.end)
        to_assistants = [event for event in own if event.kind == ASSISTANT]
        assert {(a.id,): sums(a) for a in assistants} == oracle.sums(to_assistants, lambda e: (e.assistant_id,))
        assert sums(without) == oracle.measures(event for event in own if event.kind != ASSISTANT)


def test_assistants_are_ranked_and_keep_their_last_name_when_they_are_gone() -> None:
    names = ("Writer", "Archived", "Deleted", "Also 60")
    ids = [Assistant.objects.create(key=name, name=name).pk for name in names]
    Assistant.objects.filter(name="Archived").update(archived_at=NOW)
    Assistant.objects.filter(name="Deleted").update(deleted_at=NOW)
    fold(
        [
            *(Event(f"{n}", NOW, user_id=1, kind=ASSISTANT, assistant_id=ids[0], input_tokens=30) for n in range(2)),
            Event("archived", NOW, user_id=1, kind=ASSISTANT, assistant_id=ids[1], output_tokens=900, status=ERROR),
            Event("deleted", NOW, user_id=1, kind=ASSISTANT, assistant_id=ids[2], requests=0, output_tokens=70),
            Event("also", NOW, user_id=1, kind=ASSISTANT, assistant_id=ids[3], input_tokens=60),
            Event("unnamed", NOW, user_id=1, kind=ASSISTANT, input_tokens=1),
            Event("run of one", NOW, user_id=1, kind=WORKFLOW, workflow_id=1, assistant_id=ids[0], input_tokens=4),
            Event("chat", NOW, user_id=1, kind=CHAT, input_tokens=5, usage_known=False),
            Event("of another", NOW, user_id=2, kind=ASSISTANT, assistant_id=ids[0], input_tokens=10_000),
            Event("of nobody", NOW, kind=ASSISTANT, assistant_id=ids[0], input_tokens=10_000),
        ]
    )
    assistants, without = person.by_assistant(1, WEEK.start, WEEK.end)

    def shown(item: Named) -> tuple[object, ...]:
        return item.name, item.tokens, item.requests, item.failed_requests, item.archived, item.deleted

    assert [shown(item) for item in assistants] == [
        ("Archived", 900, 1, 1, True, False),
        ("Deleted", 70, 0, 0, False, True),
        ("Writer", 60, 2, 0, False, False),
        ("Also 60", 60, 1, 0, False, False),
        ("", 1, 1, 0, False, False),
    ]
    assert sums(without) == (2, 0, 9, 0, 1)


def test_days_are_those_of_the_rollups_also_before_the_first_fold() -> None:
    """23:30 UTC on the 8th is the 9th in Berlin. Without a fold the zone is that of the settings, UTC here."""
    event = Event("late", dt.datetime(2026, 3, 8, 23, 30, tzinfo=dt.UTC), user_id=1, kind=ASSISTANT, input_tokens=1)
    tables.store([event])
    tables.execute("DELETE FROM rollup_state")
    assert person.by_assistant(1, WEEK.start, WEEK.end) == ((), Measures())
    tables.empty(ZoneInfo("Europe/Berlin"))
    tables.store([event])
    ((assistant,), _without) = person.by_assistant(1, WEEK.start, WEEK.end)
    assert assistant.tokens == 1


@pytest.mark.parametrize(
    "ask", [lambda: person.of_person(1, WEEK), lambda: person.by_assistant(1, WEEK.start, WEEK.end)]
)
def test_each_question_is_one_query(
    ask: Callable[[], object], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        ask()


def test_only_the_persons_own_rows_of_the_days_partitions_are_read() -> None:
    """By the primary key of a partition or two, however long the history is."""
    for months_ago in range(6):
        tables.store([Event(f"{months_ago}", NOW - dt.timedelta(days=30 * months_ago), user_id=1)])
    asked: dict[str, int | str | dt.date] = {"user_id": 1, "start": WEEK.start, "end": WEEK.end, "zone": "UTC"}
    asked |= {"after": dt.datetime(2026, 3, 8, tzinfo=dt.UTC), "before": dt.datetime(2026, 3, 17, tzinfo=dt.UTC)}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("EXPLAIN " + person._BY_ASSISTANT, asked)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "usage_event_2026_03_pkey" in plan
    assert "Index Cond: ((user_id = 1) AND (occurred_at >=" in plan
    assert "usage_event_2026_02" not in plan

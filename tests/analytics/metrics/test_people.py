"""Who uses it: people who exist, people who were active, and how long new people took to their first value."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError
from pytest_django import DjangoAssertNumQueries

from analytics.metrics import people
from analytics.metrics.figures import Bucket, TimeToFirstValue, Workspace
from analytics.models import Assistant, Workflow
from analytics.periods import DayRange
from analytics.rollups.fold import fold_pending
from tests.analytics import oracle, tables
from tests.analytics.oracle import CANCELLED, ERROR, SUCCESS, Event
from tests.cast import NOW
from usermgmt.models import Status, User

pytestmark = pytest.mark.django_db

UTC = ZoneInfo("UTC")
MARCH = DayRange(dt.date(2026, 3, 1), dt.date(2026, 4, 1))
JOINED = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)  # 13 days before NOW
TICK = dt.timedelta(microseconds=1)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def person(user_id: int, joined_at: dt.datetime | None, status: Status = Status.ACTIVE) -> None:
    User.objects.create(pk=user_id, external_id=f"p{user_id}", joined_at=joined_at, status=status)


def fold(*events: Event) -> None:
    tables.store(events)
    fold_pending()


def first_value(days: DayRange = MARCH, zone: ZoneInfo = UTC) -> TimeToFirstValue:
    return people.time_to_first_value(days, zone, NOW, unknown_joined=0)


# --- Active -------------------------------------------------------------------------------------------------------


def test_a_person_active_on_many_days_of_several_ranges_counts_once_in_each() -> None:
    """Active on 1, 5, 6 and 10 March; the last instant of the 10th still counts."""
    noon = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    fold(
        *(Event(f"a{day}", noon + (day - 1) * DAY, user_id=1) for day in (1, 5, 6)),
        Event("edge", dt.datetime(2026, 3, 11, tzinfo=dt.UTC) - TICK, user_id=1),
        Event("other", noon + 5 * DAY, user_id=2, status=ERROR),
        Event("nobody", noon + 5 * DAY),
        Event("title", noon + 5 * DAY, user_id=3, requests=0, input_tokens=9),
    )
    ranges = [(1, 2), (2, 5), (5, 7), (7, 10), (10, 11), (11, 12), (1, 11), (6, 7)]
    expected = (1, 0, 2, 0, 1, 0, 2, 2)
    march = [DayRange(dt.date(2026, 3, a), dt.date(2026, 3, b)) for a, b in ranges]
    assert people.active(*march) == expected
    assert tuple(people.active(days)[0] for days in march) == expected


# --- What exists --------------------------------------------------------------------------------------------------


def test_invited_and_deleted_people_and_archived_and_deleted_things_are_not_counted() -> None:
    for user_id, status in enumerate([Status.ACTIVE, Status.ACTIVE, Status.DEACTIVATED, Status.DELETED], start=1):
        person(user_id, JOINED, status)
    person(5, None, Status.PENDING)
    person(6, None)  # known from an event only
    for key in range(3):
        Assistant.objects.create(key=key, name=key)
    for key in range(4):
        Workflow.objects.create(key=key, name=key)
    for name, gone in (("archived", {"archived_at": NOW}), ("deleted", {"deleted_at": NOW})):
        Assistant.objects.create(key=name, name=name, **gone)
        Workflow.objects.create(key=name, name=name, **gone)
    assert people.workspace() == Workspace(total_users=4, workflows=4, assistants=3, unknown_joined=1)


# --- Time to first value ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("took", "bucket"),
    [
        (-400 * DAY, Bucket.UNDER_1H),  # used it before onboarding was completed: no time at all
        (0 * DAY, Bucket.UNDER_1H),
        (HOUR - TICK, Bucket.UNDER_1H),
        (HOUR, Bucket.H1_6),
        (6 * HOUR - TICK, Bucket.H1_6),
        (6 * HOUR, Bucket.H6_24),
        (DAY - TICK, Bucket.H6_24),
        (DAY, Bucket.D1_3),
        (3 * DAY - TICK, Bucket.D1_3),
        (3 * DAY, Bucket.D3_7),
        (7 * DAY - TICK, Bucket.D3_7),
        (7 * DAY, Bucket.D7_PLUS),
    ],
)
def test_each_edge_belongs_to_the_bucket_that_begins_with_it(took: dt.timedelta, bucket: Bucket) -> None:
    person(1, JOINED)
    fold(Event("value", JOINED + took, user_id=1))
    result = first_value()
    assert {b for b, number in result.buckets.items() if number} == {bucket}
    assert (result.included, result.reached, result.never_recent, result.never_old) == (1, 1, 0, 0)
    assert result.median_seconds == max(took.total_seconds(), 0)


def test_first_value_is_looked_for_in_all_time_and_not_only_in_the_range() -> None:
    person(1, JOINED)
    fold(Event("value", JOINED + 10 * DAY, user_id=1))
    assert first_value(DayRange(JOINED.date(), JOINED.date() + DAY)).buckets[Bucket.D7_PLUS] == 1


def test_a_failed_a_cancelled_and_a_system_call_are_no_value() -> None:
    person(1, JOINED)
    fold(
        Event("failed", JOINED + HOUR / 2, user_id=1, status=ERROR),
        Event("cancelled", JOINED + HOUR / 2, user_id=1, status=CANCELLED),
        Event("title", JOINED + HOUR / 2, user_id=1, requests=0),
        Event("of another", JOINED + HOUR / 2, user_id=2),
    )
    assert first_value().buckets[Bucket.NEVER] == 1
    fold(Event("success", JOINED + 2 * HOUR, user_id=1))
    assert first_value().median_seconds == 7200


def test_a_late_event_moves_the_first_value_back() -> None:
    person(1, JOINED)
    fold(Event("second", JOINED + 2 * DAY, user_id=1))
    fold(Event("first", JOINED + HOUR, user_id=1))
    assert first_value().median_seconds == 3600


@pytest.mark.parametrize(("ago", "recent"), [(7 * DAY - TICK, True), (7 * DAY, False), (7 * DAY + TICK, False)])
def test_never_is_split_at_seven_days_since_joining(ago: dt.timedelta, recent: bool) -> None:
    person(1, NOW - ago)
    result = first_value()
    assert result.buckets[Bucket.NEVER] == 1
    assert (result.never_recent, result.never_old) == ((1, 0) if recent else (0, 1))
    assert result.median_seconds is None


def test_people_whose_join_time_is_unknown_are_left_out_and_their_number_is_said() -> None:
    person(1, None)
    person(2, JOINED)
    fold(Event("a", JOINED, user_id=1), Event("b", JOINED + HOUR, user_id=2))
    unknown = people.workspace().unknown_joined
    result = people.time_to_first_value(MARCH, UTC, NOW, unknown)
    assert (result.included, result.reached, result.unknown_joined) == (1, 1, 1)


def test_deleted_and_deactivated_people_stay_in_the_history_of_those_who_joined() -> None:
    for user_id, status in enumerate([Status.ACTIVE, Status.DEACTIVATED, Status.DELETED], start=1):
        person(user_id, JOINED, status)
    fold(Event("a", JOINED + HOUR, user_id=3))
    assert (first_value().included, first_value().reached) == (3, 1)


def test_an_invited_person_has_not_joined() -> None:
    person(1, None, Status.PENDING)
    assert first_value().included == 0
    with pytest.raises(IntegrityError, match="person_pending_not_joined"):
        person(2, JOINED, Status.PENDING)


@pytest.mark.parametrize(
    ("joined_at", "included"),
    [
        ("2026-03-28T23:00+00:00", True),  # Berlin's 29 March begins, which has 23 hours
        ("2026-03-28T22:59:59.999999+00:00", False),
        ("2026-03-29T21:59:59.999999+00:00", True),
        ("2026-03-29T22:00+00:00", False),
    ],
)
def test_who_joined_in_the_range_is_decided_by_days_of_the_reporting_zone(joined_at: str, included: bool) -> None:
    person(1, dt.datetime.fromisoformat(joined_at))
    sunday = DayRange(dt.date(2026, 3, 29), dt.date(2026, 3, 30))
    assert first_value(sunday, ZoneInfo("Europe/Berlin")).included == int(included)


@pytest.mark.parametrize("people_number", [1, 2, 3, 8])
def test_the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle(people_number: int) -> None:
    """Hours 1, 4, 9, 16 …; `statistics.median` says 1, 2.5, 4 and 20.5 hours."""
    for user_id in range(1, people_number + 1):
        person(user_id, JOINED)
        fold(Event(f"v{user_id}", JOINED + user_id**2 * HOUR, user_id=user_id))
    assert first_value().median_seconds == {1: 1, 2: 2.5, 3: 4, 8: 20.5}[people_number] * 3600


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York")], ids=str)
def test_any_range_of_a_workspace_says_what_a_naive_count_says(zone: ZoneInfo) -> None:
    """80 people who joined in the last 90 days, some of whom never started, failed first, or started before joining."""
    chance = random.Random(3)
    joined = {user_id: NOW - chance.random() * 90 * DAY for user_id in range(1, 81)}
    for user_id, joined_at in joined.items():
        person(user_id, joined_at)
    sent = [
        Event(
            str(n),
            joined[user_id := chance.randrange(1, 60)] + (chance.paretovariate(0.5) - 1.5) * HOUR,
            user_id=user_id,
            status=chance.choice([SUCCESS, ERROR, CANCELLED]),
            requests=chance.choice([1, 1, 0]),
        )
        for n in range(150)
    ]
    sent = [event for event in sent if event.occurred_at <= NOW]
    fold(*sent)
    for _ in range(40):
        start = NOW.date() - chance.randrange(1, 95) * DAY
        days = DayRange(start, start + chance.choice([1, 7, 30, 95]) * DAY)
        result = first_value(days, zone)
        expected = oracle.first_value(joined, sent, set(days), zone, NOW)
        assert {str(bucket): number for bucket, number in result.buckets.items()} == expected.buckets
        assert (result.median_seconds is None) == (expected.median_seconds is None)
        assert (result.median_seconds or 0.0) == pytest.approx(expected.median_seconds or 0.0, rel=1e-12)
        assert (result.never_recent, result.never_old) == (expected.never_recent, expected.never_old)
        assert result.included == sum(expected.buckets.values())
        assert result.reached == result.included - expected.buckets["Never"]


def test_each_question_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):
        people.active(MARCH, MARCH.previous())
        people.workspace()
        first_value()

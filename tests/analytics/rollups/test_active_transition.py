"""Distinct people by transitions: for any range the sum of one table equals COUNT(DISTINCT) over raw events."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.metrics import people
from analytics.periods import DayRange
from analytics.rollups import fold
from analytics.rollups.fold import fold_pending
from tests.analytics import tables
from tests.analytics.oracle import NEVER_BEFORE, Event, active_people, within
from tests.analytics.streams import Stream, day_ranges, examples, streams

pytestmark = pytest.mark.django_db(transaction=True)

UTC = ZoneInfo("UTC")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
DISTINCT = """
    SELECT count(DISTINCT user_id) FROM usage_event WHERE user_id <> 0 AND requests > 0
    AND (occurred_at AT TIME ZONE %s)::date >= %s AND (occurred_at AT TIME ZONE %s)::date < %s
"""


def count_distinct(days: DayRange, zone: ZoneInfo) -> int:
    return int(tables.execute(DISTINCT, zone.key, days.start, zone.key, days.end)[0][0])


@examples(40)
@given(stream=streams(), ranges=st.lists(day_ranges(), min_size=1, max_size=6))
def test_any_range_of_any_stream_counts_each_person_once(stream: Stream, ranges: list[DayRange]) -> None:
    tables.empty(stream.zone)
    tables.store(stream.sent)
    fold_pending(batch=3)
    expected = tuple(len(active_people(within(stream.sent, r.start, r.last, stream.zone))) for r in ranges)
    assert people.active(*ranges) == expected
    assert expected == tuple(count_distinct(r, stream.zone) for r in ranges)


def test_a_year_of_two_hundred_people_counts_right_in_three_hundred_ranges() -> None:
    """2,000 events in random order, many of them late, folded in batches of 170."""
    chance = random.Random(2026)
    start = dt.datetime(2025, 3, 15, tzinfo=dt.UTC)
    sent = [
        Event(
            str(n),
            start + dt.timedelta(seconds=chance.randrange(365 * 86_400)),
            user_id=int(chance.paretovariate(0.7)) % 200,  # few do much, many a little
            requests=int(chance.random() < 0.9),
        )
        for n in range(2000)
    ]
    tables.empty(LORD_HOWE)
    tables.store(sent)
    fold_pending(batch=170)
    tables.assert_equal_oracle(sent, LORD_HOWE)
    first = start.date()
    for _ in range(300):
        a, b = sorted(chance.sample(range(-5, 371), 2))
        days = DayRange(first + dt.timedelta(days=a), first + dt.timedelta(days=b))
        assert people.active(days) == (count_distinct(days, LORD_HOWE),), days


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([1, 3, 5], {(1, 0): 1, (3, 1): 1, (5, 3): 1}),
        ([5, 1, 3], {(1, 0): 1, (3, 1): 1, (5, 3): 1}),
        ([3, 5, 1], {(1, 0): 1, (3, 1): 1, (5, 3): 1}),
        ([5, 3, 5, 3], {(3, 0): 1, (5, 3): 1}),
    ],
)
def test_a_late_day_splits_the_link_it_falls_into(order: list[int], expected: dict[tuple[int, int], int]) -> None:
    """Days of March 2026 in the order in which they arrive, each folded alone; 0 is never before."""
    tables.empty(UTC)
    for number, day in enumerate(order):
        tables.store([Event(str(number), dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC), user_id=1)])
        fold_pending()
    march = {day: dt.date(2026, 3, day) for day in (1, 3, 5)} | {0: NEVER_BEFORE}
    assert tables.read()["active_transition"] == {
        (march[day], march[before]): (users,) for (day, before), users in expected.items()
    }


def test_two_people_whose_links_move_at_once_leave_no_empty_row() -> None:
    """Both stood on 1 → 5; both get the 3rd in one fold: the row 1 → 5 goes, it does not stay with nobody."""
    tables.empty(UTC)
    for days in ((1, 5), (3,)):
        tables.store(
            Event(f"{user}-{day}", dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC), user_id=user)
            for user in (1, 2)
            for day in days
        )
        fold_pending()
    links = tables.execute("SELECT extract(day FROM day), extract(day FROM previous_day), users FROM active_transition")
    assert sorted(links) == [(1, 1, 2), (3, 1, 2), (5, 3, 2)]


def test_the_usual_fold_does_not_read_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """People whose new days come last need their last day only: with their history away the result is the same."""
    tables.empty(UTC)
    first, second, third = (dt.datetime(2026, 3, day, tzinfo=dt.UTC) for day in (1, 2, 3))
    tables.store([Event("1", first, user_id=1), Event("2", second, user_id=1)])
    fold_pending()
    history = "FROM daily_user JOIN"
    assert history in fold._TRANSITIONS
    gone = "FROM (SELECT * FROM daily_user WHERE false) daily_user JOIN"
    monkeypatch.setattr(fold, "_TRANSITIONS", fold._TRANSITIONS.replace(history, gone))
    tables.store([Event("3", third, user_id=1)])
    fold_pending()
    assert (third.date(), second.date()) in tables.read()["active_transition"]

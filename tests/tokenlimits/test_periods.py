"""Days, weeks and months as limits count them: where they begin and end, whatever the calendar does."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.periods import DayRange
from tokenlimits.periods import Period

DAY = dt.timedelta(days=1)
days = st.dates(dt.date(2000, 1, 1), dt.date(2100, 12, 31))
periods = st.sampled_from(Period)


def day_range(first: str, end: str) -> DayRange:
    return DayRange(dt.date.fromisoformat(first), dt.date.fromisoformat(end))


@pytest.mark.parametrize(
    "period, day, first, end",
    [
        (Period.DAY, "2026-03-15", "2026-03-15", "2026-03-16"),
        (Period.WEEK, "2026-03-15", "2026-03-09", "2026-03-16"),  # a Sunday ends its week
        (Period.WEEK, "2026-03-16", "2026-03-16", "2026-03-23"),  # a Monday begins one
        (Period.WEEK, "2026-01-01", "2025-12-29", "2026-01-05"),  # across the year
        (Period.MONTH, "2026-03-31", "2026-03-01", "2026-04-01"),
        (Period.MONTH, "2028-02-29", "2028-02-01", "2028-03-01"),
        (Period.MONTH, "2026-12-31", "2026-12-01", "2027-01-01"),
    ],
)
def test_a_day_lies_in_the_period_that_a_calendar_shows(period: Period, day: str, first: str, end: str) -> None:
    assert period.around(dt.date.fromisoformat(day)) == day_range(first, end)


@pytest.mark.parametrize(
    "day, hours", [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-15", 24)], ids=["forward", "back", "plain"]
)
def test_a_day_ends_at_local_midnight_also_when_clocks_change(day: str, hours: int) -> None:
    start, end = Period.DAY.around(dt.date.fromisoformat(day)).bounds(ZoneInfo("Europe/Berlin"))
    assert end - start == dt.timedelta(hours=hours)


@given(period=periods, day=days)
def test_periods_follow_each_other_without_gap_or_overlap(period: Period, day: dt.date) -> None:
    around = period.around(day)
    assert day in around
    assert period.around(around.last) == period.around(around.start) == around
    assert period.around(around.end).start == around.end
    assert period.around(around.start - DAY).end == around.start


@given(period=periods, day=days, count=st.integers(1, 8))
def test_the_last_periods_end_with_the_one_around_the_day(period: Period, day: dt.date, count: int) -> None:
    last = period.last(count, day)
    assert len(last) == count
    assert day in last[-1]
    assert all(one.end == following.start for one, following in pairwise(last))


@given(period=periods, first=days, length=st.integers(1, 70))
def test_the_periods_that_touch_a_range_cover_it_and_no_more(period: Period, first: dt.date, length: int) -> None:
    window = DayRange(first, first + length * DAY)
    touching = period.touching(window)
    assert touching[0] == period.around(window.start)
    assert touching[-1] == period.around(window.last)
    assert all(one.end == following.start for one, following in pairwise(touching))

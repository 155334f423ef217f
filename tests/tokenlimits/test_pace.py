"""The pace of a limit: how much of its period has passed, what it will end with, when it runs out."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.periods import DayRange
from tokenlimits.pace import HISTORY, Fall, Method, history_of, pace
from tokenlimits.periods import Period

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
APRIL = Period.MONTH.around(dt.date(2026, 4, 1))  # begins on a Wednesday, 30 days
WEEK = Period.WEEK.around(dt.date(2026, 4, 8))  # Monday 6 April
DAY = dt.timedelta(days=1)


def at(text: str, zone: ZoneInfo = UTC) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


def working_days(days: DayRange, tokens: int = 100) -> dict[dt.date, int]:
    """Usage on Mondays to Fridays of the eight weeks before."""
    return {day: tokens for day in history_of(days) if day.weekday() < 5}


def test_without_history_every_hour_counts_alike() -> None:
    told = pace(APRIL, at("2026-04-16T00:00"), UTC, used=500, allowed=1500, history={})
    assert told.method is Method.HOURS
    assert told.elapsed == pytest.approx(0.5)
    assert told.projected == 1000
    assert told.runs_out is None


def test_weekends_count_for_what_they_did_before() -> None:
    """Wednesday noon of a week of five working days: two and a half of five have passed, not of seven."""
    told = pace(WEEK, at("2026-04-08T12:00"), UTC, used=250, allowed=450, history=working_days(WEEK))
    assert told.method is Method.WEEKDAYS
    assert told.elapsed == pytest.approx(0.5)
    assert told.projected == 500
    assert told.runs_out == dt.date(2026, 4, 10)  # Friday, not the weekend


def test_at_the_weekend_of_a_working_week_all_has_passed() -> None:
    told = pace(WEEK, at("2026-04-11T12:00"), UTC, used=400, allowed=450, history=working_days(WEEK))
    assert told.elapsed == pytest.approx(1.0)
    assert (told.projected, told.runs_out) == (400, None)


def test_two_weeks_of_history_are_the_least_to_tell_weekdays_by() -> None:
    known = {WEEK.start - n * DAY: 10 for n in (1, 2, 14)}
    assert pace(WEEK, at("2026-04-08T12:00"), UTC, 10, None, known).method is Method.WEEKDAYS
    known = {WEEK.start - n * DAY: 10 for n in (1, 2, 13)}
    assert pace(WEEK, at("2026-04-08T12:00"), UTC, 10, None, known).method is Method.HOURS


def test_days_before_the_first_usage_do_not_thin_out_the_pattern() -> None:
    """Two Mondays with 70, the other days of these two weeks with 10: a Monday weighs seven days, not less."""
    known = {WEEK.start - n * DAY: 70 if n % 7 == 0 else 10 for n in range(1, 15)}
    told = pace(WEEK, at("2026-04-07T00:00"), UTC, used=70, allowed=None, history=known)
    assert told.elapsed == pytest.approx(70 / 130)
    assert told.projected == 130


def test_a_period_of_one_day_is_told_by_its_hours_whatever_came_before() -> None:
    day = Period.DAY.around(dt.date(2026, 4, 8))
    told = pace(day, at("2026-04-08T18:00"), UTC, used=75, allowed=90, history=working_days(day))
    assert (told.method, told.elapsed, told.projected, told.runs_out) == (Method.HOURS, 0.75, 100, day.start)


@pytest.mark.parametrize(
    "day, hours", [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-15", 24)], ids=["forward", "back", "plain"]
)
def test_the_part_of_a_day_is_of_all_its_hours(day: str, hours: int) -> None:
    noon = at(f"{day}T12:00", BERLIN)
    told = pace(Period.DAY.around(dt.date.fromisoformat(day)), noon, BERLIN, 1, None, {})
    assert told.elapsed == pytest.approx((hours - 12) / hours)


def test_days_are_those_of_the_reporting_zone() -> None:
    """23:00 UTC on 31 March is 1 April in Berlin: the period has an hour behind it."""
    told = pace(APRIL, at("2026-03-31T23:00"), BERLIN, 5, None, {})
    assert told.elapsed == pytest.approx(1 / 24 / 30)


def test_in_the_first_hours_it_is_too_early_to_project() -> None:
    told = pace(APRIL, at("2026-04-01T20:00"), UTC, used=10**9, allowed=10**9 + 1, history={})
    assert (told.projected, told.runs_out) == (None, None)
    assert pace(APRIL, at("2026-04-03T20:00"), UTC, used=1, allowed=2, history={}).projected is not None


def test_what_is_reached_does_not_run_out_again() -> None:
    assert pace(APRIL, at("2026-04-16T00:00"), UTC, used=100, allowed=100, history={}).runs_out is None


def test_what_lasts_exactly_to_the_end_runs_out_on_the_last_day() -> None:
    assert pace(APRIL, at("2026-04-16T00:00"), UTC, used=50, allowed=100, history={}).runs_out == APRIL.last


def test_it_runs_out_on_the_day_after_a_raise_if_by_then_more_is_used_than_the_limit() -> None:
    """Ten a day: 150 after the 15th. Raised to 1,000 up to the 20th, by when 200 are used."""
    moment = at("2026-04-16T00:00")
    for usual, day in ((180, 21), (200, 21), (201, 21), (210, 21), (211, 22), (300, 30), (301, None)):
        fall = Fall(dt.date(2026, 4, 21), usual)
        expected = dt.date(2026, 4, day) if day else None
        assert pace(APRIL, moment, UTC, 150, 1000, {}, fall).runs_out == expected, usual
    assert pace(APRIL, moment, UTC, 150, 155, {}, Fall(dt.date(2026, 4, 21), 100)).runs_out == moment.date()


def test_a_raise_below_the_limit_lowers_nothing_when_it_ends() -> None:
    fall = Fall(dt.date(2026, 4, 21), 1000)
    assert pace(APRIL, at("2026-04-16T00:00"), UTC, 150, 1000, {}, fall).runs_out is None
    assert pace(APRIL, at("2026-04-16T00:00"), UTC, 150, 200, {}, fall).runs_out == dt.date(2026, 4, 20)


def test_nothing_used_projects_to_nothing() -> None:
    told = pace(APRIL, at("2026-04-16T00:00"), UTC, used=0, allowed=100, history={})
    assert (told.projected, told.runs_out) == (0, None)


def test_history_ends_where_the_period_begins() -> None:
    assert history_of(APRIL) == DayRange(APRIL.start - HISTORY, APRIL.start)
    later = working_days(APRIL) | {APRIL.start: 10**12}
    moment = at("2026-04-16T00:00")
    assert pace(APRIL, moment, UTC, 9, 9, later) == pace(APRIL, moment, UTC, 9, 9, working_days(APRIL))


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no finding
@given(
    hours=st.integers(0, 30 * 24 - 1),
    used=st.integers(0, 10**15),
    allowed=st.integers(1, 10**15),
    history=st.dictionaries(st.sampled_from(list(history_of(APRIL))), st.integers(0, 10**12)),
)
def test_whatever_came_before_the_share_grows_with_time_and_dates_lie_ahead(
    hours: int, used: int, allowed: int, history: dict[dt.date, int]
) -> None:
    now = at("2026-04-01T00:00") + dt.timedelta(hours=hours)
    told = pace(APRIL, now, UTC, used, allowed, history)
    later = pace(APRIL, min(now + dt.timedelta(hours=5), at("2026-04-30T23:59")), UTC, used, allowed, history)
    assert 0 <= told.elapsed <= later.elapsed <= 1 + 1e-9
    assert told.runs_out is None or now.date() <= told.runs_out <= APRIL.last

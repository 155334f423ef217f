"""Days, ranges and presets: leap days, month ends, both clock changes, zones east and west, and bad input."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.periods import MAX_DAYS, DayRange, Preset, Problem, Selection, local_midnight, select
from tests.analytics.streams import examples, zones

TODAY = dt.date(2026, 3, 15)  # a Sunday
DAY = dt.timedelta(days=1)
any_day = st.dates(dt.date(2000, 1, 1), dt.date(2035, 12, 31))


def day_range(start: str, end: str) -> DayRange:
    return DayRange(dt.date.fromisoformat(start), dt.date.fromisoformat(end))


# --- Ranges -------------------------------------------------------------------------------------------------------


def test_a_range_holds_its_first_day_and_not_its_end() -> None:
    days = day_range("2024-02-28", "2024-03-02")
    assert [day.isoformat() for day in days] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert days.days == 3
    assert days.last == dt.date(2024, 3, 1)
    assert days.start in days
    assert days.end not in days
    assert "2024-02-28" not in days


def test_the_previous_range_is_as_long_and_ends_where_this_one_starts() -> None:
    assert day_range("2024-03-01", "2024-03-31").previous() == day_range("2024-01-31", "2024-03-01")
    assert day_range("2026-03-15", "2026-03-16").previous() == day_range("2026-03-14", "2026-03-15")


@pytest.mark.parametrize("end", ["2026-03-15", "2026-03-14"])
def test_an_empty_or_reversed_range_is_a_mistake_that_names_the_dates(end: str) -> None:
    with pytest.raises(ValueError, match="2026-03-15"):
        day_range("2026-03-15", end)


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("UTC", "2026-03-15", "2026-03-15T00:00", 24),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00", 25),
        ("Asia/Kathmandu", "2026-03-15", "2026-03-14T18:15", 24),
        ("America/St_Johns", "2026-07-01", "2026-07-01T02:30", 24),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),
        ("Pacific/Kiritimati", "2026-03-15", "2026-03-14T10:00", 24),
        ("Etc/GMT+12", "2026-03-15", "2026-03-15T12:00", 24),
        ("Africa/Cairo", "2025-04-25", "2025-04-24T22:00", 23),  # its first hour does not exist
        ("Africa/Cairo", "2025-10-30", "2025-10-29T21:00", 25),  # its last hour comes twice
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),  # the day that Samoa left out
    ],
)
def test_a_day_has_the_hours_that_people_there_lived(zone: str, day: str, start: str, hours: float) -> None:
    first = dt.date.fromisoformat(day)
    begins, ends = DayRange(first, first + DAY).bounds(ZoneInfo(zone))
    assert begins == dt.datetime.fromisoformat(f"{start}+00:00")
    assert begins.tzinfo is dt.UTC
    assert (ends - begins) == dt.timedelta(hours=hours)


@examples(300)
@given(day=any_day, zone=zones)
def test_a_midnight_is_the_first_instant_of_its_day(day: dt.date, zone: ZoneInfo) -> None:
    midnight = local_midnight(day, zone)
    assert midnight.astimezone(zone).date() == day
    assert (midnight - dt.timedelta(microseconds=1)).astimezone(zone).date() == day - DAY


# --- Presets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "start", "end"),
    [
        (Preset.TODAY, "2026-03-15", "2026-03-16"),
        (Preset.YESTERDAY, "2026-03-14", "2026-03-15"),
        (Preset.LAST_7_DAYS, "2026-03-09", "2026-03-16"),
        (Preset.LAST_30_DAYS, "2026-02-14", "2026-03-16"),
        (Preset.LAST_90_DAYS, "2025-12-16", "2026-03-16"),
        (Preset.THIS_MONTH, "2026-03-01", "2026-03-16"),
        (Preset.LAST_MONTH, "2026-02-01", "2026-03-01"),
        (Preset.THIS_YEAR, "2026-01-01", "2026-03-16"),
        (Preset.LAST_12_MONTHS, "2025-03-16", "2026-03-16"),
    ],
)
def test_each_preset_on_a_sunday_in_march(preset: Preset, start: str, end: str) -> None:
    assert preset.resolve(TODAY) == day_range(start, end)


@pytest.mark.parametrize(
    ("today", "preset", "start", "end"),
    [
        ("2024-02-29", Preset.LAST_12_MONTHS, "2023-03-01", "2024-03-01"),
        ("2025-02-28", Preset.LAST_12_MONTHS, "2024-02-29", "2025-03-01"),
        ("2024-03-31", Preset.LAST_MONTH, "2024-02-01", "2024-03-01"),
        ("2026-01-01", Preset.LAST_MONTH, "2025-12-01", "2026-01-01"),
        ("2026-01-01", Preset.YESTERDAY, "2025-12-31", "2026-01-01"),
        ("2026-01-01", Preset.THIS_YEAR, "2026-01-01", "2026-01-02"),
        ("2026-12-31", Preset.THIS_MONTH, "2026-12-01", "2027-01-01"),
    ],
)
def test_presets_at_the_ends_of_months_and_years(today: str, preset: Preset, start: str, end: str) -> None:
    assert preset.resolve(dt.date.fromisoformat(today)) == day_range(start, end)


@examples(200)
@given(today=any_day, preset=st.sampled_from(Preset))
def test_a_preset_never_reaches_past_today_and_includes_it_unless_its_name_says_otherwise(
    today: dt.date, preset: Preset
) -> None:
    days = preset.resolve(today)
    past = preset in {Preset.YESTERDAY, Preset.LAST_MONTH}
    assert days.last < today if past else days.last == today


# --- What the URL says --------------------------------------------------------------------------------------------


def test_without_a_question_it_is_the_last_thirty_days() -> None:
    assert select("", "", "", TODAY) == Selection(Preset.LAST_30_DAYS.resolve(TODAY), Preset.LAST_30_DAYS)


def test_two_dates_are_both_included_and_a_preset_goes_before_them() -> None:
    chosen = select("", "2026-02-01", " 2026-02-28 ", TODAY)
    assert chosen.days == day_range("2026-02-01", "2026-03-01")
    assert chosen.preset is None
    assert select("custom", "2026-02-01", "2026-02-28", TODAY).days == chosen.days
    assert select("today", "2026-02-01", "2026-02-28", TODAY).preset is Preset.TODAY


def test_a_range_that_reaches_past_today_is_cut_at_today() -> None:
    assert select("", "2026-03-01", "2027-12-31", TODAY).days == day_range("2026-03-01", "2026-03-16")
    assert select("", "2026-03-15", "9999-12-31", TODAY).days == day_range("2026-03-15", "2026-03-16")


@pytest.mark.parametrize(
    ("preset", "date_from", "date_to", "problem"),
    [
        ("last_century", "", "", Problem("unknown_preset", "last_century")),
        ("custom", "", "", Problem("missing_date")),
        ("", "2026-01-01", "", Problem("missing_date")),
        ("", "2026-02-30", "2026-03-01", Problem("bad_date", "2026-02-30")),
        ("", "20260201", "2026-03-01", Problem("bad_date", "20260201")),
        ("", "2026-W01-1", "2026-03-01", Problem("bad_date", "2026-W01-1")),
        ("", "1.2.2026", "2026-03-01", Problem("bad_date", "1.2.2026")),
        ("", "0000-00-00", "2026-03-01", Problem("bad_date", "0000-00-00")),
        ("", "2026-03-02", "2026-03-01", Problem("reversed")),
        ("", "2026-03-16", "2026-03-17", Problem("future", "2026-03-16")),
        ("", "1999-12-31", "2026-03-01", Problem("too_early", "1999-12-31")),
        ("", "2000-01-01", "2026-03-01", Problem("too_long")),
    ],
)
def test_what_cannot_be_shown_is_explained_beside_the_default_range(
    preset: str, date_from: str, date_to: str, problem: Problem
) -> None:
    selection = select(preset, date_from, date_to, TODAY)
    assert selection.problem == problem
    assert selection.days == Preset.LAST_30_DAYS.resolve(TODAY)


def test_ten_years_are_the_longest_range() -> None:
    longest = (TODAY - (MAX_DAYS - 1) * DAY).isoformat()
    one_more = (TODAY - MAX_DAYS * DAY).isoformat()
    assert select("", longest, TODAY.isoformat(), TODAY).days.days == MAX_DAYS
    assert select("", one_more, TODAY.isoformat(), TODAY).problem == Problem("too_long")


@examples(300)
@given(preset=st.text(max_size=12), date_from=st.text(max_size=12), date_to=st.text(max_size=12))
def test_no_text_breaks_it(preset: str, date_from: str, date_to: str) -> None:
    assert select(preset, date_from, date_to, TODAY).days.last <= TODAY


@examples(200)
@given(start=any_day, last=any_day)
def test_the_query_of_a_selection_leads_back_to_it(start: dt.date, last: dt.date) -> None:
    first = select("", start.isoformat(), last.isoformat(), TODAY)
    query = first.query
    again = select(query.get("range", ""), query.get("from", ""), query.get("to", ""), TODAY)
    assert (again.days, again.preset) == (first.days, first.preset)

"""Rebuilding: all rollups anew from raw events, in whatever zone, whatever stood before."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from analytics.rollups import state
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import SLICE, rebuild_all
from tests.analytics import tables
from tests.analytics.oracle import Event
from tests.analytics.streams import SPECIAL_DAYS, ZONES, Stream, examples, streams, zones

pytestmark = pytest.mark.django_db(transaction=True)

UTC = ZoneInfo("UTC")


@examples(30)
@given(stream=streams(), other_zone=zones)
def test_a_rebuild_takes_over_what_is_pending_and_ends_with_the_oracle(stream: Stream, other_zone: ZoneInfo) -> None:
    tables.empty(stream.zone)
    tables.store(stream.sent)
    fold_pending(time_limit_s=0, batch=3)
    assert rebuild_all(other_zone) == len(stream.sent) - _repeated(stream)
    assert tables.pending() == 0
    tables.assert_equal_oracle(stream.sent, other_zone)


def _repeated(stream: Stream) -> int:
    return len(stream.sent) - len({(event.source, event.event_id) for event in stream.sent})


@pytest.mark.parametrize("name", ZONES)
def test_every_hour_of_special_days_falls_into_the_days_of_each_zone(name: str) -> None:
    """One event in every hour of the days on which clocks change, and of those around them."""
    hours = {
        dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(hours=hour, minutes=30)
        for day in SPECIAL_DAYS
        for hour in range(-30, 60)
    }
    sent = [Event(str(hour), hour, user_id=1 + hour.day % 2) for hour in hours]
    tables.empty(UTC)
    tables.store(sent)
    rebuild_all(ZoneInfo(name))
    tables.assert_equal_oracle(sent, ZoneInfo(name))


def test_events_on_both_sides_of_every_cut_between_two_slices_are_read_once() -> None:
    first, tick = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timedelta(microseconds=1)
    cuts = [first + n * SLICE for n in range(4)]
    sent = [Event(str(at), at, user_id=1) for cut in cuts for at in (cut - tick, cut, cut + tick) if at >= first]
    tables.empty(UTC)
    tables.store(sent)
    assert rebuild_all(UTC) == 11
    tables.assert_equal_oracle(sent, UTC)


def test_a_rebuild_brings_back_lost_rows_of_every_table_and_moves_the_version() -> None:
    noon = dt.datetime(2026, 3, 15, 12, tzinfo=dt.UTC)
    sent = [Event(str(n), noon - dt.timedelta(days=20 * n), user_id=1, team_id=n) for n in range(8)]
    tables.empty(UTC)
    tables.store(sent)
    fold_pending()
    before = state.read()
    for table in tables.COLUMNS:
        tables.execute(f"DELETE FROM {table} WHERE ctid = (SELECT min(ctid) FROM {table})")  # noqa: S608
    told: list[int] = []
    assert rebuild_all(UTC, progress=told.append) == 8
    assert told == sorted(told)
    assert told[-1] == 8
    tables.assert_equal_oracle(sent, UTC)
    after = state.read()
    assert after.version > before.version
    assert before.as_of is not None
    assert after.as_of is not None
    assert after.as_of > before.as_of


def test_a_rebuild_without_events_leaves_empty_tables_in_the_new_zone() -> None:
    tables.empty(UTC)
    assert rebuild_all(ZoneInfo("Asia/Kathmandu")) == 0
    tables.assert_equal_oracle([], UTC)
    assert state.read().time_zone.key == "Asia/Kathmandu"

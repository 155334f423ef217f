"""Reconciliation: says nothing when all is right; finds, repairs and counts every row that is not."""

# ruff: noqa: S608 - the names in these statements are literals of this file

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from analytics.periods import DayRange
from analytics.rollups import state
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import reconcile
from tests.analytics import tables
from tests.analytics.oracle import ASSISTANT, CHAT, WORKFLOW, Event

pytestmark = pytest.mark.django_db(transaction=True)

KATHMANDU = ZoneInfo("Asia/Kathmandu")
FIRST, END = dt.date(2026, 2, 27), dt.date(2026, 3, 4)
DAYS = DayRange(FIRST, END)
QUIET = dt.date(2026, 3, 2)  # a day inside on which nothing happened
EVENTS = [
    event
    for n in range(60)
    if (
        event := Event(
            f"{n}",
            dt.datetime(2026, 2, 20, 18, 15, tzinfo=dt.UTC) + dt.timedelta(hours=7 * n),
            user_id=n % 4,
            team_id=n % 3,
            kind=(CHAT, ASSISTANT, WORKFLOW)[n % 3],
            assistant_id=n % 2,
            workflow_id=n % 5,
            requests=int(n % 7 > 0),
            input_tokens=n,
            output_tokens=1,
        )
    ).day(KATHMANDU)
    != QUIET
]


@pytest.fixture(autouse=True)
def _folded() -> None:
    tables.empty(KATHMANDU)
    tables.store(EVENTS)
    fold_pending()


def test_nothing_is_said_or_changed_where_all_is_right() -> None:
    before = state.read().version
    assert reconcile(DAYS) == {}
    assert state.read().version == before
    tables.assert_equal_oracle(EVENTS, KATHMANDU)


@pytest.mark.parametrize("table", tables.COLUMNS)
def test_a_wrong_a_missing_and_a_surplus_row_of_every_table_are_counted_and_repaired(table: str) -> None:
    damage(table)
    before = state.read().version
    assert reconcile(DAYS) == {table: 3}
    tables.assert_equal_oracle(EVENTS, KATHMANDU)
    assert state.read().version > before
    assert reconcile(DAYS) == {}


def damage(table: str) -> None:
    """One row wrong in its last column, one gone, one for which there is no event; all where DAYS reach."""
    keys, values = tables.COLUMNS[table]
    reached = {"day": f"day >= '{FIRST}' AND day < '{END}'", "month": f"month >= '{FIRST.replace(day=1)}'"}
    rows = f"{table} WHERE " + " AND ".join([reached[key] for key in keys if key in reached] or ["true"])
    others_key = {"day": f"'{QUIET}'"} if "day" in keys else {keys[-1]: "999"}
    copied = ", ".join(others_key.get(column, column) for column in (*keys, *values))
    surplus = tables.execute(f"SELECT {copied} FROM {rows} LIMIT 1")[0]
    wrong, gone = tables.execute(f"SELECT ctid::text FROM {rows} AND {values[-1]} IS NOT NULL ORDER BY ctid LIMIT 2")
    tables.execute(f"UPDATE {table} SET {values[-1]} = {values[-1]} + {_one_more(values[-1])} WHERE ctid = %s", *wrong)
    tables.execute(f"DELETE FROM {table} WHERE ctid = %s", *gone)
    marks = ", ".join(["%s"] * len(surplus))
    tables.execute(f"INSERT INTO {table} ({', '.join((*keys, *values))}) VALUES ({marks})", *surplus)


def _one_more(column: str) -> str:
    return "interval '1 s'" if column.endswith("_at") else "1"


def test_a_value_that_was_lost_is_a_difference_too() -> None:
    """NULL is neither equal nor unequal to anything."""
    day = tables.execute("SELECT min(day) FROM daily_user WHERE day >= %s AND first_value_at IS NOT NULL", FIRST)[0][0]
    lost = tables.execute(
        "UPDATE daily_user SET first_value_at = NULL WHERE day = %s AND first_value_at > %s RETURNING 1", day, day
    )
    tables.execute("UPDATE person_activity SET first_value_at = NULL WHERE user_id = 1")
    assert reconcile(DAYS) == {"daily_user": len(lost), "person_activity": 1}
    tables.assert_equal_oracle(EVENTS, KATHMANDU)


def test_damage_outside_the_days_is_left_to_those_who_ask_for_them() -> None:
    tables.execute("DELETE FROM daily_team WHERE day = %s", FIRST - dt.timedelta(days=1))
    assert "daily_team" not in reconcile(DAYS)
    assert reconcile(DayRange(FIRST - dt.timedelta(days=1), FIRST))["daily_team"] > 0
    tables.assert_equal_oracle(EVENTS, KATHMANDU)


def test_what_is_pending_is_folded_and_not_called_a_difference() -> None:
    late = Event("late", dt.datetime(2026, 2, 28, tzinfo=dt.UTC), user_id=1, output_tokens=3)
    tables.store([late])
    assert reconcile(DAYS) == {}
    assert tables.pending() == 0
    tables.assert_equal_oracle([*EVENTS, late], KATHMANDU)


@pytest.mark.parametrize("first", [6, 7])
def test_a_day_lived_in_two_pieces_is_compared_whole(first: int) -> None:
    """In St John's, 7 November 2010 began, was the 6th again for 59 minutes from 02:31 UTC, and began once more."""
    st_johns = ZoneInfo("America/St_Johns")
    tables.empty(st_johns)
    instants = [dt.datetime(2010, 11, 7, 2, minute, tzinfo=dt.UTC) for minute in (29, 30, 31, 59)]
    sent = [Event(str(at), at, user_id=1) for at in instants]
    assert [event.day(st_johns).day for event in sent] == [6, 7, 6, 6]
    tables.store(sent)
    fold_pending()
    assert reconcile(DayRange(dt.date(2010, 11, first), dt.date(2010, 11, first + 1))) == {}
    tables.assert_equal_oracle(sent, st_johns)

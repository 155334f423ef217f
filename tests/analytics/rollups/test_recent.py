"""The last days by person: where they begin, what moving that day does, and that nothing else changes by it."""

from __future__ import annotations

import datetime as dt
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from time_machine import Traveller

from analytics import tasks
from analytics.rollups import state
from analytics.rollups.fold import fold_pending
from analytics.rollups.recent import begin_with
from tests.analytics import tables
from tests.analytics.oracle import Event, Table
from tests.analytics.parallel import Threads, locked, until_somebody_waits_for

pytestmark = pytest.mark.django_db(transaction=True)

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = dt.date(2026, 2, 14)
MIDNIGHT = dt.datetime(2026, 2, 14, tzinfo=BERLIN)
SECOND = dt.timedelta(seconds=1)
EVENTS = [
    Event("last of the day before", MIDNIGHT - SECOND, user_id=1, input_tokens=1),
    Event("first", MIDNIGHT, user_id=1, input_tokens=10, output_tokens=20),
    Event("title", MIDNIGHT, user_id=2, requests=0, output_tokens=300),
    Event("last", MIDNIGHT + dt.timedelta(days=1) - SECOND, user_id=2, input_tokens=4_000),
    Event("first of the day after", MIDNIGHT + dt.timedelta(days=1), user_id=3, input_tokens=50_000),
    Event("of nobody", MIDNIGHT + dt.timedelta(days=1), input_tokens=600_000),
]
FROM_THE_DAY_BEFORE = {(1,): (2, 31), (2,): (1, 4_300), (3,): (1, 50_000)}
FROM_THE_FIRST = {(1,): (1, 30), (2,): (1, 4_300), (3,): (1, 50_000)}
FROM_THE_DAY_AFTER = {(3,): (1, 50_000)}


@pytest.fixture(autouse=True)
def _stored() -> None:
    tables.empty(BERLIN)
    tables.store(EVENTS)


def standing() -> Table:
    return tables.read()["person_recent"]


@pytest.mark.parametrize(
    "days_later, expected", [(-1, FROM_THE_DAY_BEFORE), (0, FROM_THE_FIRST), (1, FROM_THE_DAY_AFTER), (2, {})]
)
def test_the_sums_begin_with_the_day_they_are_told(days_later: int, expected: Table) -> None:
    """Told before or after the events are folded, from an earlier day or a later one: it is all the same."""
    day = FIRST + dt.timedelta(days=days_later)
    assert begin_with(day)
    fold_pending()
    assert standing() == expected
    for other in (FIRST - dt.timedelta(days=9), FIRST + dt.timedelta(days=9)):
        assert begin_with(other)
        assert begin_with(day)
        assert standing() == expected


def test_nothing_but_these_sums_moves() -> None:
    fold_pending()
    before, version = tables.read(), state.read().version
    assert begin_with(FIRST)
    after = tables.read()
    assert after.pop("person_recent") != before.pop("person_recent")
    assert (after, state.read().version) == (before, version)


def test_before_anybody_said_a_day_there_are_no_sums() -> None:
    tables.execute("UPDATE rollup_state SET recent_since = NULL")
    fold_pending()
    assert (state.recent_since(), standing()) == (None, {})


def test_a_day_can_be_said_before_the_first_fold() -> None:
    tables.execute("DELETE FROM rollup_state")
    assert begin_with(FIRST)
    assert (state.recent_since(), state.read().as_of) == (FIRST, None)


def test_while_somebody_folds_the_day_stays() -> None:
    with Threads(1) as others, locked("monthly_team"):
        folder = others.run(partial(fold_pending))
        until_somebody_waits_for("monthly_team")
        before = state.recent_since()
        assert not begin_with(FIRST)
        assert state.recent_since() == before
    assert folder.result().events == len(EVENTS)
    assert begin_with(FIRST)
    assert standing() == FROM_THE_FIRST


def test_the_task_lets_the_last_thirty_days_begin_at_midnight_of_the_reporting_zone(
    frozen_now: Traveller, settings: object
) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"  # type: ignore[attr-defined]
    frozen_now.move_to(MIDNIGHT + dt.timedelta(days=30) - SECOND)
    tasks.fold_pending()
    assert (state.recent_since(), standing()) == (FIRST, FROM_THE_FIRST)
    frozen_now.shift(SECOND)
    tasks.fold_pending()
    assert (state.recent_since(), standing()) == (FIRST + dt.timedelta(days=1), FROM_THE_DAY_AFTER)

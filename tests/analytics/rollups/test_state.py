"""The state row: which zone, how fresh, which version; it must never promise more than what is folded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from django.db import models
from pytest_django import DjangoAssertNumQueries, Settings

from analytics.models import Assistant, Workflow
from analytics.rollups import state
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import tables
from tests.analytics.oracle import Event
from usermgmt.models import Team, User

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 3, 15, 12, tzinfo=dt.UTC)


def test_before_the_first_fold_there_is_the_zone_of_the_settings_and_no_freshness(settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Asia/Kathmandu"
    assert state.read() == state.State(ZoneInfo("Asia/Kathmandu"), 0, None, None)


def test_a_first_fold_that_was_cut_short_promises_no_freshness() -> None:
    tables.store([Event(str(n), NOON) for n in range(3)])
    assert not fold_pending(time_limit_s=0, batch=2).drained
    assert state.read().as_of is None
    assert state.read().version > 0


def test_the_zone_stays_what_the_days_were_made_for_when_the_setting_changes(settings: Settings) -> None:
    fold_pending()
    settings.REPORTING_TIME_ZONE = "Asia/Kathmandu"
    fold_pending()
    assert state.read().time_zone.key == "UTC"
    rebuild_all(ZoneInfo("Asia/Kathmandu"))
    assert state.read().time_zone.key == "Asia/Kathmandu"


def test_a_fold_of_something_moves_version_and_freshness_and_a_fold_of_nothing_freshness_alone() -> None:
    tables.store([Event("1", NOON)])
    fold_pending()
    first = state.read()
    fold_pending()
    second = state.read()
    tables.store([Event("2", NOON)])
    fold_pending()
    third = state.read()
    assert first.version == second.version < third.version
    assert first.same_data(second)
    assert not second.same_data(third)
    assert _instant(first) < _instant(second) < _instant(third)


def _instant(at: state.State) -> dt.datetime:
    assert at.as_of is not None
    return at.as_of


def test_freshness_never_goes_back() -> None:
    zone = ZoneInfo("UTC")
    state.write(zone, NOON, changed=False)
    state.write(zone, NOON - dt.timedelta(hours=1), changed=False)
    state.write(zone, None, changed=True)
    assert state.read().as_of == NOON


@pytest.mark.parametrize(
    "change",
    [
        lambda: Team.objects.create(key="t", name="Team"),
        lambda: Assistant.objects.create(key="a", name="Assistant"),
        lambda: Workflow.objects.create(key="w", name="Workflow"),
        lambda: User.objects.create_person(None, "Ann", external_id="ann"),
    ],
)
def test_a_name_that_changes_is_other_data(change: Callable[[], models.Model]) -> None:
    """Cached reports carry names and head counts."""
    first = state.read()
    thing = change()
    second = state.read()
    thing.save()
    assert not first.same_data(second)
    assert not second.same_data(state.read())


def test_it_is_read_by_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        state.read()

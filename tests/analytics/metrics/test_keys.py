"""What keys are doing: counted and waiting deliveries together, the last one, and the events that were rejected."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics import keys
from analytics.metrics import keys as metrics
from analytics.metrics.keys import Counts, DayCounts, KeyUse, State
from analytics.models import ApiKey, Delivery, Endpoint, RejectedEvent, Scope
from analytics.periods import DayRange
from analytics.rollups import deliveries
from tests.analytics import tables
from tests.analytics.api.client import make_key
from tests.cast import NOW
from usermgmt.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

UTC = ZoneInfo("UTC")
TODAY = dt.date(2026, 3, 15)
DAY = dt.timedelta(days=1)
TICK = dt.timedelta(microseconds=1)
MIDNIGHT = dt.datetime(2026, 3, 15, tzinfo=dt.UTC)


def note(key: ApiKey, at: dt.datetime, accepted: int = 0, duplicate: int = 0, rejected: int = 0) -> None:
    Delivery.objects.create(
        key_id=key.pk, endpoint="api", received_at=at, accepted=accepted, duplicate=duplicate, rejected=rejected
    )


def found(key: ApiKey, zone: ZoneInfo = UTC, today: dt.date = TODAY) -> KeyUse:
    use = metrics.one(key.pk, today, zone)
    assert use is not None
    return use


def test_a_new_key_has_done_nothing() -> None:
    key, text = make_key(Scope.INGEST, Scope.READ, source="gateway", name="Gateway")
    assert found(key) == KeyUse(
        id=key.pk,
        name="Gateway",
        prefix=text[:12],
        scopes=(Scope.INGEST, Scope.READ),
        source="gateway",
        created_at=ApiKey.objects.get().created_at,
        created_by="Ada Admin",
        last_used_at=None,
        revoked_at=None,
        last_delivery_at=None,
        has_counted=False,
        today=Counts(),
        is_behind=False,
    )
    assert metrics.one(key.pk + 1, TODAY, UTC) is None


@pytest.mark.parametrize("folded", ["all", "none", "some"])
def test_today_is_what_came_since_midnight_whether_it_is_folded_or_not(folded: str) -> None:
    key, other = make_key()[0], make_key()[0]
    note(key, MIDNIGHT - TICK, accepted=1000)
    note(key, MIDNIGHT, accepted=1, duplicate=2, rejected=3)
    note(other, MIDNIGHT, accepted=500)
    if folded == "some":
        deliveries.fold()
    note(key, NOW, accepted=10, duplicate=20, rejected=30)
    if folded == "all":
        deliveries.fold()
    assert found(key).today == Counts(2, 11, 22, 33)
    assert found(key).last_delivery_at == NOW
    assert found(other).today == Counts(1, 500, 0, 0)


@pytest.mark.parametrize("folded", [False, True])
def test_today_is_a_day_of_the_reporting_zone(folded: bool) -> None:
    """In Kathmandu (+05:45) the 15th began at 18:15 UTC."""
    kathmandu = ZoneInfo("Asia/Kathmandu")
    tables.empty(kathmandu)
    key, _ = make_key()
    began = dt.datetime(2026, 3, 14, 18, 15, tzinfo=dt.UTC)
    note(key, began - TICK, accepted=100)
    note(key, began, accepted=1)
    if folded:
        deliveries.fold()
    assert found(key, kathmandu).today.accepted == 1


def test_the_last_delivery_may_be_long_ago_and_by_any_door() -> None:
    key, _ = make_key()
    note(key, NOW - 40 * DAY)
    note(key, NOW - 30 * DAY)
    Delivery.objects.create(
        key_id=key.pk, endpoint="otlp", received_at=NOW - 30 * DAY - TICK, accepted=0, duplicate=0, rejected=0
    )
    deliveries.fold()
    assert found(key).last_delivery_at == NOW - 30 * DAY
    assert found(key).today == Counts()


@pytest.mark.parametrize("folded", [False, True])
def test_a_key_is_waited_for_until_something_of_it_counts(folded: bool) -> None:
    key, _ = make_key(Scope.INGEST)
    states = [found(key).state]
    for counts in ({}, {"rejected": 3}, {"duplicate": 1}, {"rejected": 3}):
        note(key, NOW - 20 * DAY, **counts)
        if folded:
            deliveries.fold()
        states.append(found(key).state)
    keys.revoke(User.objects.get(), key, NOW)
    states.append(found(key).state)
    nothing = State.NOTHING_COUNTED
    assert states == [State.WAITING, nothing, nothing, State.LIVE, State.LIVE, State.REVOKED]


def test_nobody_waits_for_usage_from_a_key_that_may_not_report_any() -> None:
    assert found(make_key(Scope.READ, Scope.LIMITS, Scope.METRICS)[0]).state is State.ASKS_ONLY


def test_keys_come_by_name_and_revoked_ones_behind_the_last_revoked_first() -> None:
    names = ["beta", "Alpha", "gone", "went before", "alpha"]
    made = {name: make_key(name=name)[0] for name in names}
    actor = User.objects.get()
    keys.revoke(actor, made["went before"], NOW - DAY)
    keys.revoke(actor, made["gone"], NOW)
    assert [use.name for use in metrics.every(TODAY, UTC)] == ["Alpha", "alpha", "beta", "gone", "went before"]


def test_a_key_outlives_who_made_it() -> None:
    key, _ = make_key()
    ApiKey.objects.update(created_by=None)
    assert found(key).created_by == ""


def test_beyond_what_is_read_the_numbers_say_that_they_are_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = make_key()
    for _ in range(3):
        note(key, NOW, accepted=1)
    monkeypatch.setattr(metrics, "_USE", metrics._USE.replace(str(metrics.MOST_WAITING), "2"))
    assert found(key).today.accepted == 2
    assert found(key).is_behind
    deliveries.fold()
    assert found(key).today.accepted == 3
    assert not found(key).is_behind


def test_all_keys_are_read_by_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(5):
        note(make_key(name=str(number))[0], NOW, accepted=number)
    with django_assert_num_queries(1):
        assert [use.today.accepted for use in metrics.every(TODAY, UTC)] == [0, 1, 2, 3, 4]


# --- By day -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folded", [False, True])
def test_every_day_of_the_range_is_there_with_its_edges(folded: bool) -> None:
    key, other = make_key()[0], make_key()[0]
    note(key, MIDNIGHT - 2 * DAY - TICK, accepted=7)  # before the range
    note(key, MIDNIGHT - 2 * DAY, accepted=1)
    note(key, MIDNIGHT - TICK, accepted=2, rejected=4)
    note(key, MIDNIGHT + DAY - TICK, duplicate=3)
    note(key, MIDNIGHT + DAY, accepted=7)  # behind it
    note(other, MIDNIGHT, accepted=7)
    if folded:
        deliveries.fold()
    assert metrics.by_day(key.pk, DayRange(TODAY - 2 * DAY, TODAY + DAY), UTC) == (
        DayCounts(1, 1, 0, 0, day=dt.date(2026, 3, 13)),
        DayCounts(1, 2, 0, 4, day=dt.date(2026, 3, 14)),
        DayCounts(1, 0, 3, 0, day=TODAY),
    )


def test_days_without_a_delivery_are_zeros() -> None:
    key, _ = make_key()
    days = metrics.by_day(key.pk, DayRange(TODAY - DAY, TODAY + DAY), UTC)
    assert days == (DayCounts(day=TODAY - DAY), DayCounts(day=TODAY))


# --- Rejected events ----------------------------------------------------------------------------------------------


def test_the_last_rejected_events_come_latest_first() -> None:
    key, other = make_key()[0], make_key()[0]
    for number in range(4):
        RejectedEvent.objects.create(
            key_id=key.pk, endpoint="litellm", received_at=NOW, index=number, reason=f"reason {number}"
        )
    RejectedEvent.objects.create(key_id=other.pk, endpoint="api", received_at=NOW, index=0, reason="other")
    assert metrics.rejected(key.pk, 2) == (
        metrics.RejectedEvent(NOW, Endpoint.LITELLM, 3, "reason 3"),
        metrics.RejectedEvent(NOW, Endpoint.LITELLM, 2, "reason 2"),
    )

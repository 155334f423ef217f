"""The report: one data version, cached where Redis answers, and the same without Redis or with a lying one."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from analytics import cache, report
from analytics.metrics.figures import PeriodTotals
from analytics.models import Assistant
from analytics.periods import DayRange
from analytics.report import AnalyticsReport
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all
from analytics.rollups.state import State
from tests.analytics import tables, workspace
from tests.analytics.oracle import ASSISTANT, WORKFLOW, Event
from tests.analytics.parallel import Threads
from tests.cast import NOW

MARCH = DayRange(dt.date(2026, 3, 1), dt.date(2026, 3, 16))
FEBRUARY = DayRange(dt.date(2026, 2, 1), dt.date(2026, 3, 1))
UNCACHED_QUERIES = 8
DAY = dt.timedelta(days=1)


def load(days: DayRange = MARCH, now: dt.datetime = NOW) -> AnalyticsReport:
    return report.load(days, now, report.read_state())


@pytest.fixture
def _workspace(db: None) -> None:
    workspace.fill()


# --- What it says -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_holds_the_range_the_one_before_it_and_what_exists() -> None:
    """Six events by hand: the range is 1 to 15 March, the one before it 14 to 28 February."""

    def event(day: str, **fields: Any) -> Event:
        return Event(day, dt.datetime.fromisoformat(f"{day}T12:00+00:00"), **fields)

    tables.store(
        [
            event("2026-02-13", user_id=101, input_tokens=1_000_000),
            event("2026-02-14", user_id=101, input_tokens=10),
            event("2026-02-28", user_id=102, input_tokens=20),
            event("2026-03-01", user_id=101, team_id=3, input_tokens=1, output_tokens=2),
            event("2026-03-15", user_id=101, kind=ASSISTANT, assistant_id=7, output_tokens=4),
            event("2026-03-16", user_id=103, kind=WORKFLOW, workflow_id=8, input_tokens=1_000_000),
        ]
    )
    fold_pending()
    for name in ("one", "two"):
        workspace.joined(name, days_ago=1)
    shown = load()
    assert (shown.days_range, shown.previous_range) == (MARCH, DayRange(dt.date(2026, 2, 14), dt.date(2026, 3, 1)))
    assert (shown.today, shown.time_zone) == (dt.date(2026, 3, 15), "UTC")
    assert shown.totals == PeriodTotals(2, 0, 1, 6, 0, active_users=1, chat_requests=1, assistant_requests=1)
    assert shown.previous == PeriodTotals(2, 0, 30, 0, 0, active_users=2, chat_requests=2)
    assert [day.day for day in shown.days] == list(MARCH)
    assert [day.requests for day in shown.days] == [1, *[0] * 13, 1]
    assert [day.incomplete for day in shown.days] == [*[False] * 14, True]
    assert [(team.id, team.tokens) for team in shown.teams] == [(0, 4), (3, 3)]
    assert [(item.id, item.tokens) for item in shown.assistants] == [(7, 4)]
    assert shown.workflows == ()
    assert (shown.workspace.total_users, shown.first_value.included, shown.first_value.never_recent) == (2, 2, 2)


def test_its_day_is_that_of_the_reporting_zone(db: None) -> None:
    """At 10:30 UTC it is the 16th already on Kiritimati, and still the 14th at UTC-12."""
    for zone, today in (("Pacific/Kiritimati", 16), ("Etc/GMT+12", 14)):
        rebuild_all(ZoneInfo(zone))
        assert load().today == dt.date(2026, 3, today)
        assert load().time_zone == zone


# --- Cache --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_workspace")
def test_it_is_asked_once_and_comes_out_of_the_cache_as_it_went_in(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    at = report.read_state()
    with django_assert_num_queries(UNCACHED_QUERIES):
        first = report.load(MARCH, NOW, at)
    with django_assert_num_queries(0):
        assert report.load(MARCH, NOW, at) == first


@pytest.mark.usefixtures("_workspace")
def test_one_that_comes_from_the_cache_is_as_fresh_as_the_state() -> None:
    before = load()
    fold_pending()  # of nothing: the numbers stand, and are newer
    after = load()
    assert before.as_of is not None
    assert after.as_of is not None
    assert after.as_of > before.as_of
    assert replace(after, as_of=before.as_of) == before


def _fold_one_more() -> None:
    workspace.fold(workspace.event(1, user_id="ann"))


def _rename() -> None:
    assistant = Assistant.objects.earliest("pk")
    assistant.name = "Renamed"
    assistant.save()


@pytest.mark.usefixtures("_workspace")
@pytest.mark.parametrize(
    ("days", "now", "change"),
    [
        (MARCH, NOW, _fold_one_more),
        (MARCH, NOW, _rename),
        (MARCH, NOW, lambda: rebuild_all(ZoneInfo("Asia/Kathmandu"))),
        (MARCH, NOW + DAY, lambda: None),
        (FEBRUARY, NOW, lambda: None),
    ],
    ids=["fold", "name", "zone", "tomorrow", "range"],
)
def test_whatever_changes_its_content_is_asked_anew(
    days: DayRange, now: dt.datetime, change: Callable[[], object], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    load()
    change()
    at = report.read_state()
    with django_assert_num_queries(UNCACHED_QUERIES):
        report.load(days, now, at)


# --- Redis in trouble ---------------------------------------------------------------------------------------------


@pytest.fixture
def valkey(
    own_valkey: tuple[subprocess.Popen[bytes], str], settings: Settings, _workspace: None
) -> tuple[subprocess.Popen[bytes], redis.Redis]:
    """The cache's server, for this test alone."""
    process, settings.REDIS_URL = own_valkey
    cache.forget_server()
    return process, redis.Redis.from_url(settings.REDIS_URL)


def _stop(process: subprocess.Popen[bytes], _server: redis.Redis) -> None:
    process.kill()
    process.wait()


def _hang(process: subprocess.Popen[bytes], _server: redis.Redis) -> None:
    process.send_signal(signal.SIGSTOP)


def _empty(_process: subprocess.Popen[bytes], server: redis.Redis) -> None:
    server.flushall()


def _fill_up(_process: subprocess.Popen[bytes], server: redis.Redis) -> None:
    server.flushall()
    server.config_set("maxmemory-policy", "noeviction")
    server.config_set("maxmemory", 1)


@pytest.mark.parametrize("trouble", [_stop, _hang, _empty, _fill_up])
def test_redis_in_trouble_costs_time_only(
    trouble: Callable[[subprocess.Popen[bytes], redis.Redis], None],
    valkey: tuple[subprocess.Popen[bytes], redis.Redis],
) -> None:
    expected = load()
    trouble(*valkey)
    began = time.monotonic()
    assert load() == expected
    first = time.monotonic() - began
    began = time.monotonic()
    assert load() == expected
    second = time.monotonic() - began
    assert first < 3  # one look for a quarter of a second
    assert second < 1  # none


def test_a_hung_redis_that_comes_back_is_used_again(
    valkey: tuple[subprocess.Popen[bytes], redis.Redis],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(cache, "RETRY_AFTER_S", 0.1)
    process, _server = valkey
    process.send_signal(signal.SIGSTOP)
    load()
    process.send_signal(signal.SIGCONT)
    time.sleep(0.2)
    load()
    at = report.read_state()
    with django_assert_num_queries(0):
        report.load(MARCH, NOW, at)


def _another_ranges_report(server: redis.Redis, key: bytes) -> None:
    load(FEBRUARY)
    (other,) = set(_keys(server)) - {key}
    server.rename(other, key)


POISON: dict[str, Callable[[redis.Redis, bytes], object]] = {
    "nothing": lambda server, key: server.set(key, b""),
    "noise": lambda server, key: server.set(key, bytes(range(256)) * 9),
    "cut short": lambda server, key: server.set(key, _value(server, key)[:-9]),
    "a smaller number": lambda server, key: server.set(key, _value(server, key).replace(b"ests\x06", b"ests\x05")),
    "a broken name": lambda server, key: server.set(key, _value(server, key).replace(b"Forgotten", b"Forg\xfftten")),
    "another type": lambda server, key: (server.delete(key), server.lpush(key, "x")),
    "another range": _another_ranges_report,
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
def test_what_we_did_not_write_is_not_believed(
    poison: Callable[[redis.Redis, bytes], object], valkey: tuple[subprocess.Popen[bytes], redis.Redis]
) -> None:
    _process, server = valkey
    expected = load()
    (key,) = _keys(server)
    before = _value(server, key)
    poison(server, key)
    assert server.type(key) == b"list" or _value(server, key) != before
    assert load() == expected


def _keys(server: redis.Redis) -> list[bytes]:
    return [*server.scan_iter("report:*")]


def _value(server: redis.Redis, key: bytes) -> bytes:
    value = server.get(key)
    assert isinstance(value, bytes)
    return value


# --- One version --------------------------------------------------------------------------------------------------


class Interruption:
    """Does something in another connection, committed, when this one comes to its n-th query."""

    def __init__(self, at: int, action: Callable[[], object]) -> None:
        self.at, self.action, self.queries = at, action, 0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.queries += 1
        if self.queries == self.at:
            with Threads(1) as others:
                others.run(self.action).result()
        return execute(*arguments)


def assert_of_one_version(shown: AnalyticsReport) -> None:
    total = shown.totals
    assert sum(day.tokens for day in shown.days) == total.tokens
    assert sum(team.tokens for team in shown.teams) == total.tokens
    assert sum(assistant.requests for assistant in shown.assistants) == total.assistant_requests
    assert sum(workflow.requests for workflow in shown.workflows) == total.workflow_requests


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", range(1, UNCACHED_QUERIES + 1))
def test_a_fold_that_commits_between_two_queries_is_in_the_report_whole(at: int) -> None:
    workspace.fill()
    team = f"New {at}"
    newcomer = (
        workspace.event(1, user_id="new", team=team, assistant="A"),
        workspace.event(1, user_id="new", team=team, workflow="W"),
    )
    state = report.read_state()
    with connection.execute_wrapper(Interruption(at, lambda: workspace.fold(*newcomer))):
        shown = report.load(MARCH, NOW, state)
    assert_of_one_version(shown)
    with CaptureQueriesContext(connection) as asked:
        assert shown == load()
    assert len(asked) == 1  # the state: the report stands in the cache under the version that it is of
    assert team in {item.name for item in shown.teams}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", range(2, UNCACHED_QUERIES + 1))
def test_without_the_second_look_at_the_version_that_is_caught(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(State, "same_data", lambda _self, _other: True)
    with pytest.raises(AssertionError):
        test_a_fold_that_commits_between_two_queries_is_in_the_report_whole(at)


@pytest.mark.django_db(transaction=True)
def test_a_workspace_that_never_stands_still_is_shown_after_three_attempts_and_not_cached() -> None:
    workspace.fill()
    state = report.read_state()
    interruption = Interruption(0, _fold_one_more)

    def fold_before_every_second_look(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        interruption.at = interruption.queries + 1 if "rollup_state" in sql else 0
        return interruption(execute, sql, *arguments)

    with connection.execute_wrapper(fold_before_every_second_look):
        shown = report.load(MARCH, NOW, state)
    assert interruption.queries == report.ATTEMPTS * UNCACHED_QUERIES
    assert shown.totals.requests < load().totals.requests

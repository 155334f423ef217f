"""The tasks as they run: in a Celery worker of its own, through the real broker; and what the nightly one reports."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs
from time_machine import Traveller

from analytics import tasks
from analytics.rollups.fold import fold_pending
from analytics.rollups.recent import begin_with
from panta_admin.celery import app
from tests.analytics import tables
from tests.analytics.oracle import RECENT_SINCE, Event
from tests.analytics.parallel import locked, python, until, until_somebody_waits_for
from tests.cast import NOW

pytestmark = pytest.mark.django_db(transaction=True)

UTC = ZoneInfo("UTC")
Worker = Callable[[], subprocess.Popen[bytes]]


def some_events(first: int, last: int) -> list[Event]:
    return [Event(str(n), NOW - dt.timedelta(hours=9 * n), user_id=1 + n % 3) for n in range(first, last)]


@pytest.fixture
def worker() -> Iterator[Worker]:
    """Starts workers, each one process that runs one task at a time; ends what is left of them."""
    started: list[subprocess.Popen[bytes]] = []
    app.control.purge()

    def start() -> subprocess.Popen[bytes]:
        options = ("--pool=solo", "--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat")
        started.append(python("-m", "celery", "-A", "panta_admin", "worker", *options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    app.control.purge()


def test_a_worker_killed_in_the_middle_of_a_fold_loses_nothing_and_repeated_messages_do_no_harm(worker: Worker) -> None:
    tables.empty(UTC)
    tables.store(some_events(0, 30))
    with locked("monthly_workflow"):  # all daily tables are written by then
        first = worker()
        tasks.fold_pending.delay()
        until_somebody_waits_for("monthly_workflow")
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert tables.pending() == 30
    tables.store(some_events(20, 50))
    for _ in range(10):
        tasks.fold_pending.delay()
    second = worker()
    until(lambda: tables.pending() == 0, "a second worker has folded")
    second.kill()
    second.wait()
    # It let the last 30 days begin by its own clock; the server may not have noticed yet that it is gone.
    until(lambda: begin_with(RECENT_SINCE), "the last days begin with the oracle's")
    tables.assert_equal_oracle(some_events(0, 50), UTC)


def test_partitions_are_made_for_this_month_and_the_next_three(frozen_now: Traveller) -> None:
    frozen_now.move_to(dt.datetime(2031, 11, 30, 23, 59, tzinfo=dt.UTC))
    tasks.make_partitions()
    partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'usage_event'::regclass"
    made = sorted(name for (name,) in tables.execute(partitions) if "_203" in name)
    assert made == [f"usage_event_{month}" for month in ("2031_11", "2031_12", "2032_01", "2032_02")]


def test_the_nightly_reconciliation_repairs_the_last_days_and_reports_it_as_an_error(frozen_now: Traveller) -> None:
    """From three days ago, in the reporting zone, up to today; on Kiritimati the 16th has begun."""
    tables.empty(ZoneInfo("Pacific/Kiritimati"))
    events = some_events(0, 30)
    tables.store(events)
    fold_pending()
    with capture_logs() as quiet:
        tasks.reconcile_recent()
    tables.execute("DELETE FROM daily_team WHERE day = '2026-03-13'")
    with capture_logs() as loud:
        tasks.reconcile_recent()
    assert quiet == []
    assert [(entry["log_level"], entry["event"], entry["days"]) for entry in loud] == [
        ("error", "rollups_differed", "2026-03-13..2026-03-16")
    ]
    assert loud[0]["tables"] == {"daily_team": 1}
    tables.assert_equal_oracle(events, ZoneInfo("Pacific/Kiritimati"))

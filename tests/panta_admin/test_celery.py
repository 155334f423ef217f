"""What happens by the clock, and what publishing costs when the broker does not answer."""

from __future__ import annotations

import inspect
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from celery.schedules import crontab
from django.contrib.sessions.models import Session
from django.utils import timezone
from kombu import Connection
from kombu.exceptions import OperationalError

from panta_admin.celery import app, broker_address
from panta_admin.tasks import clear_sessions


def test_the_schedule_is_this_table() -> None:
    table = {
        name: (entry["task"], entry["schedule"], entry["options"]) for name, entry in app.conf.beat_schedule.items()
    }
    assert table == {
        "fold_pending": ("analytics.tasks.fold_pending", 5.0, {"expires": 5}),
        "make_partitions": ("analytics.tasks.make_partitions", crontab(minute="10", hour="0"), {"expires": 3600}),
        "reconcile_recent": ("analytics.tasks.reconcile_recent", crontab(minute="30", hour="2"), {"expires": 3600}),
        "purge_rejected": ("analytics.tasks.purge_rejected", crontab(minute="25"), {"expires": 3600}),
        "tell_alerts": ("tokenlimits.tasks.tell_alerts", 30.0, {"expires": 30}),
        "send_mails": ("usermgmt.tasks.send_mails", 30.0, {"expires": 30}),
        "erase_removed": ("usermgmt.tasks.erase_removed", crontab(minute="20", hour="3"), {"expires": 3600}),
        "purge_uploads": ("usermgmt.tasks.purge_uploads", crontab(minute="40"), {"expires": 3600}),
        "clear_sessions": ("panta_admin.tasks.clear_sessions", crontab(minute="50", hour="3"), {"expires": 3600}),
    }


def test_every_scheduled_task_exists_and_is_given_nothing() -> None:
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert "args" not in entry
        assert "kwargs" not in entry


def test_every_task_of_ours_takes_ids_and_days_or_nothing() -> None:
    """What a message carries can be lost, repeated, or stand in the open: never an object, a name or a secret."""
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert len(ours) >= len(app.conf.beat_schedule)
    for task in ours:
        parameters = inspect.signature(task.run, eval_str=True).parameters.values()
        assert {parameter.annotation for parameter in parameters} <= {int, date}, task.name


def test_messages_are_json_and_answers_are_not_kept() -> None:
    assert (app.conf.accept_content, app.conf.task_serializer, app.conf.task_ignore_result) == (["json"], "json", True)
    assert app.conf.result_backend is None


def test_clear_sessions_removes_expired_ones_only(db: None) -> None:
    now = timezone.now()
    Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(days=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))
    clear_sessions()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]


def test_celery_gets_a_unix_socket_in_its_own_spelling() -> None:
    assert broker_address("unix:///run/valkey.sock?db=3") == "redis+socket:///run/valkey.sock?virtual_host=3"
    assert broker_address(network := "rediss://:secret@redis.example.com:6379/0") == network


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    with app.connection_for_write(url=broker_address(url)) as connection:
        yield connection


def test_publishing_to_a_hung_broker_gives_up_within_a_second(own_valkey: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = own_valkey
    with connected(url) as connection:
        app.send_task(clear_sessions.name, connection=connection)
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(OperationalError):
                app.send_task(clear_sessions.name, connection=connection)
        assert time.monotonic() - began < 2


def test_work_on_a_closed_connection_is_a_lost_connection(own_valkey: tuple[subprocess.Popen[bytes], str]) -> None:
    """An error that Celery knows: it connects anew, where by any other it would end (tests/chaos shows how)."""
    with connected(own_valkey[1]) as connection:
        channel: Any = connection.channel()
        lost = connection.connection_errors
        channel.close()
        with pytest.raises(lost), channel.conn_or_acquire():
            pass
    with connected(own_valkey[1]) as connection:
        channel = connection.channel()
        connection.transport.client = None
        channel._disconnect_pools()
        with pytest.raises(lost), channel.conn_or_acquire():
            pass

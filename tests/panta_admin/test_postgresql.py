"""Whether a kept connection is still there: seen without a question, and never believed of one that ended."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest
from django.db import close_old_connections, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    """A second connection, which sees and ends the first."""
    second = connection.copy()
    yield second
    second.close()
    connection.close()


def _last_statement(of: int, seen_by: BaseDatabaseWrapper) -> str:
    with seen_by.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [of])
        return str(cursor.fetchone()[0])


def _pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_quiet_connection_is_usable_without_a_question(other: BaseDatabaseWrapper) -> None:
    pid = _pid()
    assert connection.is_usable()
    assert _last_statement(pid, other) == "SELECT pg_backend_pid()"


def test_one_that_the_server_ended_is_not_usable(other: BaseDatabaseWrapper) -> None:
    pid = _pid()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert not connection.is_usable()


def test_the_request_after_that_is_answered(other: BaseDatabaseWrapper, client: Client) -> None:
    pid = _pid()
    close_old_connections()  # as a request's end does
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert client.get("/health/ready").json()["database"] == "ok"
    assert _pid() != pid


def test_a_message_that_nobody_asked_for_is_no_end(other: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("LISTEN news")
    pid = _pid()
    with other.cursor() as cursor:
        cursor.execute("NOTIFY news")
    listening = select.poll()  # it comes some time after the sender's commit
    listening.register(connection.connection.pgconn.socket, select.POLLIN)
    assert listening.poll(5_000)
    assert connection.is_usable()
    assert _last_statement(pid, other) == "SELECT 1"


def test_after_an_error_it_asks(other: BaseDatabaseWrapper) -> None:
    pid = _pid()
    connection.errors_occurred = True
    assert connection.is_usable()
    assert _last_statement(pid, other) == "SELECT 1"


def test_a_closed_one_is_not_usable() -> None:
    connection.ensure_connection()
    connection.connection.close()
    assert not connection.is_usable()
    connection.close()

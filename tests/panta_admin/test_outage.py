"""A lost database is a 503 with Retry-After at every layer; a slow question is not an outage."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from psycopg.errors import AdminShutdown, DeadlockDetected, DiskFull, QueryCanceled

from panta_admin.outage import is_database_away
from tests import cast


@pytest.fixture
def signed_in(transactional_db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(cast.create_administrator())
    return client


@pytest.fixture
def database_is_down(signed_in: Client) -> Iterator[None]:
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    yield
    connection.settings_dict["HOST"] = host


@pytest.mark.usefixtures("database_is_down")
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/nowhere/"])
def test_every_page_is_503_with_retry_after(signed_in: Client, path: str) -> None:
    response = signed_in.get(path)
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response["Cache-Control"] == "no-store"
    assert b"database is not answering" in response.content


def caused_by(cause: psycopg.Error | None) -> OperationalError:
    error = OperationalError("…")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (InterfaceError("the connection is closed"), True),
        (caused_by(psycopg.OperationalError("connection refused")), True),
        (caused_by(AdminShutdown("terminating connection")), True),
        (caused_by(DiskFull("could not extend file")), True),
        (caused_by(QueryCanceled("canceling statement due to statement timeout")), False),
        (caused_by(DeadlockDetected("deadlock detected")), False),
        (ValueError("a mistake of ours"), False),
        (None, False),
    ],
)
def test_only_an_absent_database_is_an_outage(error: Exception | None, away: bool) -> None:
    assert is_database_away(error) is away

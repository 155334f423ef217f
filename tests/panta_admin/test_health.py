"""Live asks nobody; ready asks the database, and tells about Redis without minding it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from analytics import cache


def test_live_answers_without_a_database(client: Client) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_reports_each_part(client: Client, db: None) -> None:
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok", "redis": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.fixture
def redis_is_down(settings: Settings) -> Iterator[None]:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    cache.forget_server()
    yield
    cache.forget_server()


@pytest.mark.usefixtures("db", "redis_is_down")
def test_ready_does_not_mind_redis_being_down(client: Client) -> None:
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok", "redis": "down"})


def test_ready_does_not_wait_for_a_hung_redis(
    client: Client, db: None, own_valkey: tuple[subprocess.Popen[bytes], str], settings: Settings
) -> None:
    process, settings.REDIS_URL = own_valkey
    cache.forget_server()
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert client.get("/health/ready").json()["redis"] == "down"
    assert time.monotonic() - began < 3  # one look for a quarter of a second
    process.send_signal(signal.SIGCONT)
    assert client.get("/health/ready").json()["redis"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_ready_is_503_while_the_database_is_down_and_200_after(client: Client) -> None:
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        response = client.get("/health/ready")
        assert (response.status_code, response.json()["database"]) == (503, "down")
    finally:
        connection.settings_dict["HOST"] = host
    assert client.get("/health/ready").status_code == 200


def test_health_answers_reading_only(client: Client) -> None:
    assert client.post("/health/live").status_code == 405

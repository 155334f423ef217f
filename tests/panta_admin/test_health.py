"""Live asks nobody; ready asks the database, and tells about Redis without minding it."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from pytest_django import Settings


def test_live_answers_without_a_database(client: Client) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_reports_each_part(client: Client, db: None) -> None:
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok", "redis": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.fixture
def redis_is_down(settings: Settings) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "report": {**settings.CACHES["report"], "LOCATION": "unix:///nowhere/valkey.sock"},
    }


def test_ready_does_not_mind_redis_being_down(client: Client, db: None, redis_is_down: None) -> None:
    assert caches["report"] is not None
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok", "redis": "down"})


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

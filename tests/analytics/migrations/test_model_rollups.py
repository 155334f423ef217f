"""Sums by model of what came in before there were any: as if they had always been kept."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from analytics.rollups.fold import fold_pending
from tests.analytics import tables
from tests.analytics.oracle import ERROR, Event

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 3, 15, 12, tzinfo=dt.UTC)
migration = import_module("analytics.migrations.0005_model_rollups")


def test_old_events_are_summed_once_whether_folded_or_still_waiting() -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    tables.empty(zone)
    folded = [
        Event("a", NOON, user_id=1, input_tokens=5, model="gpt-5", status=ERROR),
        Event("b", NOON - dt.timedelta(days=40), user_id=1, output_tokens=7, usage_known=False),
    ]
    waiting = [Event("c", NOON, user_id=2, input_tokens=9, model="gpt-5"), Event("d", NOON, user_id=2, model="new")]
    tables.store(folded)
    fold_pending()
    tables.store(waiting)
    tables.execute("DELETE FROM daily_model")
    tables.execute("UPDATE pending_event SET model = ''")
    with connection.schema_editor() as editor:
        migration.hold_writers(None, editor)
        migration.fill(None, editor)
    assert {model for (_day, model) in tables.read()["daily_model"]} == {"gpt-5", ""}
    fold_pending()
    tables.assert_equal_oracle([*folded, *waiting], zone)


def test_an_empty_workspace_stays_empty() -> None:
    tables.execute("DELETE FROM rollup_state")
    with connection.schema_editor() as editor:
        migration.fill(None, editor)
    assert tables.read()["daily_model"] == {}

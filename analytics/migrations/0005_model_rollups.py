"""Sums by model: the outbox carries the model's name, and what was folded before is summed once from raw events."""

from typing import Any

import django.contrib.postgres.indexes
from django.db import migrations, models

from analytics.models.locks import Lock

_SAME_EVENT = " AND ".join(
    f"event.{name} = waiting.{name}"
    for name in (
        "user_id", "occurred_at", "team_id", "kind", "assistant_id", "workflow_id", "requests", "status",
        "input_tokens", "output_tokens", "usage_known",
    )
)
_NAME_PENDING = f"UPDATE pending_event waiting SET model = event.model FROM usage_event event WHERE {_SAME_EVENT}"
# All events but those that wait, which the next fold will add.
_COLUMNS = "occurred_at, model, requests, status, input_tokens, output_tokens, usage_known"
_FILL = f"""
    INSERT INTO daily_model
        (day, model, requests, failed_requests, input_tokens, output_tokens, calls_without_usage)
    SELECT (occurred_at AT TIME ZONE %s)::date, model, sum(sign * requests),
        coalesce(sum(sign * requests) FILTER (WHERE status = 2), 0), sum(sign * input_tokens),
        sum(sign * output_tokens), coalesce(sum(sign) FILTER (WHERE NOT usage_known), 0)
    FROM (
        SELECT 1 AS sign, {_COLUMNS} FROM usage_event UNION ALL SELECT -1, {_COLUMNS} FROM pending_event
    ) event
    GROUP BY 1, 2 HAVING sum(sign) > 0
"""


def hold_writers(apps: Any, schema_editor: Any) -> None:
    """Before any table is locked, so that nobody who folds or ingests waits for us while we wait for them."""
    for lock in (Lock.FOLD, Lock.INGEST):
        schema_editor.execute(f"SELECT pg_advisory_xact_lock({int(lock)})")


def fill(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT time_zone FROM rollup_state")
        zone = cursor.fetchone()
        if zone is not None:
            cursor.execute(_NAME_PENDING)
            cursor.execute(_FILL, zone)


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0004_person_recent"),
    ]

    operations = [
        migrations.RunPython(hold_writers, migrations.RunPython.noop),
        migrations.CreateModel(
            name="DailyModel",
            fields=[
                ("requests", models.BigIntegerField(default=0)),
                ("failed_requests", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("calls_without_usage", models.BigIntegerField(default=0)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "model", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("model", models.CharField(max_length=200)),
            ],
            options={"db_table": "daily_model"},
        ),
        migrations.AddField(
            model_name="pendingevent",
            name="model",
            field=models.CharField(db_default="", default="", max_length=200),
        ),
        migrations.AddIndex(
            model_name="dailyuser",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["day"], name="daily_user_day", pages_per_range=16
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]

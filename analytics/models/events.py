"""Usage events as they came in, and the outbox of those not folded into the rollups yet.

Fact tables: no foreign key constraint, no trigger, 0 where there is no person, team or item, and `user_id` in
every unique key, so that they can be distributed by person later (CITUS rules).
"""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

MAX_TOKENS = 1_000_000_000
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class Kind(models.IntegerChoices):
    CHAT = 1, "chat"
    ASSISTANT = 2, "assistant"
    WORKFLOW = 3, "workflow"


class Status(models.IntegerChoices):
    SUCCESS = 1, "success"
    ERROR = 2, "error"
    CANCELLED = 3, "cancelled"


def _tokens_check(name: str) -> models.CheckConstraint:
    in_range = Q()
    for column in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"):
        in_range &= Q(**{f"{column}__gte": 0, f"{column}__lte": MAX_TOKENS})
    return models.CheckConstraint(condition=in_range, name=name)


class UsageEvent(models.Model):
    """One model call or request. Partitioned by month of `occurred_at` (UTC); see `ingest.partitions`."""

    pk = models.CompositePrimaryKey("user_id", "occurred_at", "event_key")
    user_id = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    event_key = models.UUIDField(help_text="128-bit hash of (source, the client's event id)")
    received_at = models.DateTimeField(db_default=Now())
    source = models.CharField(max_length=40)
    team_id = models.BigIntegerField(default=0)
    kind = models.SmallIntegerField(choices=Kind.choices)
    assistant_id = models.BigIntegerField(default=0)
    workflow_id = models.BigIntegerField(default=0)
    model = models.CharField(max_length=200, default="")
    requests = models.SmallIntegerField(default=1)
    input_tokens = models.BigIntegerField(default=0, help_text="Including cached")
    cached_tokens = models.BigIntegerField(default=0, help_text="Part of input")
    output_tokens = models.BigIntegerField(default=0, help_text="Including reasoning")
    reasoning_tokens = models.BigIntegerField(default=0, help_text="Part of output")
    usage_known = models.BooleanField(default=True)
    status = models.SmallIntegerField(choices=Status.choices, default=Status.SUCCESS)
    latency_ms = models.BigIntegerField(null=True)

    class Meta:
        db_table = "usage_event"
        constraints = (
            _tokens_check("usage_event_tokens_in_range"),
            models.CheckConstraint(condition=Q(requests__in=(0, 1)), name="usage_event_at_most_one_request"),
            models.CheckConstraint(condition=Q(occurred_at__gte=EARLIEST), name="usage_event_not_before_2000"),
            models.CheckConstraint(
                condition=Q(kind__in=Kind.values, status__in=Status.values), name="usage_event_known_kind_and_status"
            ),
        )

    def __str__(self) -> str:
        return f"{self.event_key} at {self.occurred_at}"


class PendingEvent(models.Model):
    """The outbox: what the rollups need of one event, written in the event's own transaction, deleted by the fold."""

    user_id = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    team_id = models.BigIntegerField()
    kind = models.SmallIntegerField()
    assistant_id = models.BigIntegerField()
    workflow_id = models.BigIntegerField()
    requests = models.SmallIntegerField()
    status = models.SmallIntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    usage_known = models.BooleanField()
    model = models.CharField(max_length=200, default="", db_default="")

    class Meta:
        db_table = "pending_event"

    def __str__(self) -> str:
        return f"pending {self.pk}"

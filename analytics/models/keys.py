"""Keys of machines that report usage or ask for numbers, and what was delivered with each.

Only a hash of a key is stored. `Delivery` is the outbox of the counters, as `PendingEvent` is that of the rollups: a
counter row that every request updates would make requests of one key wait for each other.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from usermgmt.models import User

MAX_SOURCE = 40
MAX_REASON = 300
WHOLE = -1  # in the place of an event's place: the request as a whole, of which nothing could be read


class Scope(models.TextChoices):
    """What a key may do; each endpoint asks for one of these."""

    INGEST = "ingest", _("Report usage")
    READ = "read", _("Read numbers")
    LIMITS = "limits", _("Check token limits")
    METRICS = "metrics", _("Read metrics")


class Endpoint(models.TextChoices):
    """By which door usage came in; the default source of events whose key names none."""

    EVENTS = "api", _("Events API")
    LITELLM = "litellm", "LiteLLM"
    OTLP = "otlp", "OpenTelemetry"


class ApiKey(models.Model):
    """`prefix` is the part of the key that may be shown. `source` names the id space of events, "" the endpoint's."""

    name = models.CharField(max_length=200)
    source = models.CharField(max_length=MAX_SOURCE, blank=True, default="")
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices))
    prefix = models.CharField(max_length=20)
    secret_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the whole key, hexadecimal")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, help_text="To the minute: not every request writes it")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key"

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """What became of the events of one request; deleted when it is added to `DailyKey`."""

    key_id = models.BigIntegerField()
    endpoint = models.CharField(max_length=10)
    received_at = models.DateTimeField()
    accepted = models.IntegerField()
    duplicate = models.IntegerField()
    rejected = models.IntegerField()

    class Meta:
        db_table = "delivery"

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class DailyKey(models.Model):
    """Deliveries by key, door and day of the reporting zone on which they came in."""

    pk = models.CompositePrimaryKey("key_id", "day", "endpoint")
    key_id = models.BigIntegerField()
    day = models.DateField()
    endpoint = models.CharField(max_length=10)
    deliveries = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(help_text="When the last of them came in")

    class Meta:
        db_table = "daily_key"


class RejectedEvent(models.Model):
    """One event that could not be counted, kept for a week so that its sender can be mended. Holds no content.

    A request that is refused as a whole is one.
    """

    key_id = models.BigIntegerField()
    endpoint = models.CharField(max_length=10)
    received_at = models.DateTimeField()
    index = models.IntegerField(help_text="Its place in the request, from 0")
    reason = models.CharField(max_length=MAX_REASON)

    class Meta:
        db_table = "rejected_event"
        indexes = (
            models.Index(fields=["key_id", "-id"], name="rejected_event_newest"),
            models.Index(fields=["received_at"], name="rejected_event_age"),
        )

    def __str__(self) -> str:
        return self.reason

"""Keys of the demo's systems, and what they delivered lately: as many accepted events as are stored of their source.

In: the stored events, a `Scale`. Out: keys whose text nobody knows, so that none of them opens anything; deliveries by
the hour, folded; the events that were rejected. All of it ends with the usage.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db.models import Count, Max
from django.db.models.functions import TruncHour

from analytics.management.demo.scale import Scale, from_us
from analytics.masking import PREFIX
from analytics.models import ApiKey, Delivery, Endpoint, RejectedEvent, Scope, UsageEvent
from analytics.rollups import deliveries

LATELY = dt.timedelta(days=30)
LATE = dt.timedelta(days=22)  # how long after it occurred an event may still come
CHANCE = 77  # of this module's draws


@dataclass(frozen=True, slots=True)
class System:
    """`source` is that of the demo's events; "" reports none. Ages are days before the end of the usage."""

    name: str
    scopes: tuple[Scope, ...]
    created: int
    source: str = ""
    endpoint: Endpoint = Endpoint.EVENTS
    reasons: tuple[str, ...] = ()
    used_minutes_ago: int | None = None
    revoked: int | None = None


SYSTEMS = (
    System(
        "LiteLLM gateway",
        (Scope.INGEST,),
        300,
        source="litellm",
        endpoint=Endpoint.LITELLM,
        reasons=("startTime is missing", "null: LiteLLM could not tell of this call"),
    ),
    System(
        "Chat and assistants",
        (Scope.INGEST, Scope.LIMITS),
        410,
        source="panta-os",
        reasons=(
            "occurred_at: Expected `datetime` with a timezone component",
            "Object missing required field `event_id`",
            "input_tokens: Expected `int` >= 0",
        ),
    ),
    System("Research notebooks", (Scope.INGEST,), 95, source="otlp", endpoint=Endpoint.OTLP),
    System("Finance dashboard", (Scope.READ,), 150, used_minutes_ago=190),
    System("Prometheus", (Scope.METRICS,), 150, used_minutes_ago=1),
    System("Workflow runner, staging", (Scope.INGEST,), 2),
    System("Old gateway", (Scope.INGEST,), 420, used_minutes_ago=305 * 24 * 60, revoked=300),
)


def store(scale: Scale, administrator: int) -> None:
    """Stores the keys and what came in with them."""
    until = from_us(scale.until_us)
    chance = scale.chance(CHANCE)
    for system in SYSTEMS:
        key = _key(system, until, administrator)
        delivered = list(_deliveries(key, system, until, chance))
        Delivery.objects.bulk_create(delivered)
        RejectedEvent.objects.bulk_create(_rejected(delivered, system, until))
        if delivered:
            key.last_used_at = max(one.received_at for one in delivered)
            key.save(update_fields=["last_used_at"])
    deliveries.fold()


def _key(system: System, until: dt.datetime, administrator: int) -> ApiKey:
    used, revoked = system.used_minutes_ago, system.revoked
    return ApiKey.objects.create(
        name=system.name,
        scopes=[scope.value for scope in system.scopes],
        prefix=PREFIX + secrets.token_hex(3),
        secret_hash=secrets.token_hex(32),  # of nothing
        created_by_id=administrator,
        created_at=until - dt.timedelta(days=system.created),
        last_used_at=None if used is None else until - dt.timedelta(minutes=used),
        revoked_at=None if revoked is None else until - dt.timedelta(days=revoked),
    )


def _deliveries(key: ApiKey, system: System, until: dt.datetime, chance: np.random.Generator) -> Iterator[Delivery]:
    """One for each hour with events; now and then a retry brings some twice, and a broken one of few events."""
    since = until - min(LATELY, dt.timedelta(days=system.created))
    events = UsageEvent.objects.filter(source=system.source, occurred_at__gte=since - LATE, received_at__gte=since)
    hours = events.annotate(hour=TruncHour("received_at")).values("hour").order_by("hour")
    for hour in hours.annotate(count=Count("pk"), last=Max("received_at")):
        retried = int(hour["count"] * chance.random()) if chance.random() < 0.04 else 0
        rejected = int(chance.integers(1, 4)) if system.reasons and chance.random() < 0.03 else 0
        yield Delivery(
            key_id=key.pk,
            endpoint=system.endpoint,
            received_at=hour["last"],
            accepted=hour["count"],
            duplicate=retried,
            rejected=rejected,
        )


def _rejected(delivered: list[Delivery], system: System, until: dt.datetime) -> list[RejectedEvent]:
    """Of the last week, as they are kept; all of one delivery for the same reason, as with one broken sender."""
    kept = [one for one in delivered if one.rejected and one.received_at >= until - deliveries.REJECTED_FOR]
    return [
        RejectedEvent(
            key_id=one.key_id,
            endpoint=one.endpoint,
            received_at=one.received_at,
            index=index,
            reason=system.reasons[number % len(system.reasons)],
        )
        for number, one in enumerate(kept)
        for index in range(one.rejected)
    ]

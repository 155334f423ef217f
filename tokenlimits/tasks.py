"""Celery tasks: thin, argument-free, safe to lose and to repeat. The beat schedule is in `panta_admin.celery`."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from tokenlimits import alerts

log = structlog.get_logger(__name__)


@shared_task
def tell_alerts() -> None:
    """Tells administrators of thresholds that were reached since the last look."""
    told = alerts.tell_due(timezone.now())
    if told:
        log.info("limit_alerts_told", count=told)

"""Celery tasks: thin, argument-free, safe to lose and to repeat. The beat schedule is in `panta_admin.celery`."""

from __future__ import annotations

import datetime as dt

import structlog
from celery import shared_task
from django.utils import timezone

from analytics.ingest import partitions
from analytics.periods import DayRange
from analytics.rollups import deliveries, fold, rebuild, recent, state
from usermgmt.people_list import recent_since

RECONCILED_DAYS = 3
FOLD_LIMIT_S = 60

log = structlog.get_logger(__name__)


@shared_task
def fold_pending() -> None:
    """Folds what is pending, events first, and lets the last 30 days begin a day later when it is one; leaves at once
    if somebody else is folding.
    """
    fold.fold_pending(time_limit_s=FOLD_LIMIT_S)
    recent.begin_with(recent_since(timezone.now()))
    deliveries.fold()


@shared_task
def purge_rejected() -> None:
    """Deletes rejected events that their senders had long enough to be mended by."""
    deliveries.purge(timezone.now())


@shared_task
def make_partitions() -> None:
    """Makes the partitions of this month and the next three."""
    made = partitions.ensure(partitions.months_ahead(timezone.now().astimezone(dt.UTC).date()))
    if made:
        log.info("partitions_made", count=made)


@shared_task
def reconcile_recent() -> None:
    """Compares the rollups of the last days with raw events and repairs what differs, which would be a fault."""
    today = timezone.now().astimezone(state.read().time_zone).date()
    days = DayRange(today - dt.timedelta(days=RECONCILED_DAYS), today + dt.timedelta(days=1))
    differences = rebuild.reconcile(days)
    if differences:
        log.error("rollups_differed", days=f"{days.start}..{days.last}", tables=differences)

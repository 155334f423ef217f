"""Celery tasks: thin, argument-free, safe to lose and to repeat. The beat schedule is in `panta_admin.celery`."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from usermgmt import actions, bulk_add, outbox

log = structlog.get_logger(__name__)


@shared_task
def send_mails() -> None:
    """Sends what stands in the outbox and is due."""
    sent = outbox.send_due(timezone.now())
    if sent:
        log.info("mails_sent", count=sent)


@shared_task
def erase_removed() -> None:
    """Erases the personal data of people removed 30 days ago."""
    erased = actions.erase_due(timezone.now())
    if erased:
        log.info("people_erased", count=erased)


@shared_task
def purge_uploads() -> None:
    """Forgets uploaded files of people after their day."""
    purged = bulk_add.purge(timezone.now())
    if purged:
        log.info("people_uploads_purged", count=purged)

"""The Celery application and everything that happens by the clock.

Messages carry nothing that matters: every task looks up its work in PostgreSQL, so losing or repeating one does no
harm. There is no result backend.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from celery.schedules import crontab
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panta_admin.settings")

from django.conf import settings

# task name, when it runs, seconds after which a waiting message is worthless
SCHEDULE: tuple[tuple[str, float | crontab, int], ...] = (
    ("analytics.tasks.fold_pending", 5.0, 5),
    ("analytics.tasks.make_partitions", crontab(minute="10", hour="0"), 3600),
    ("analytics.tasks.reconcile_recent", crontab(minute="30", hour="2"), 3600),
    ("analytics.tasks.purge_rejected", crontab(minute="25"), 3600),
    ("tokenlimits.tasks.tell_alerts", 30.0, 30),
    ("usermgmt.tasks.send_mails", 30.0, 30),
    ("usermgmt.tasks.erase_removed", crontab(minute="20", hour="3"), 3600),
    ("usermgmt.tasks.purge_uploads", crontab(minute="40"), 3600),
    ("panta_admin.tasks.clear_sessions", crontab(minute="50", hour="3"), 3600),
)


def _beat_schedule() -> dict[str, dict[str, Any]]:
    return {
        name.rpartition(".")[2]: {"task": name, "schedule": when, "options": {"expires": expires}}
        for name, when, expires in SCHEDULE
    }


def broker_address(redis_url: str) -> str:
    """Celery spells a unix socket differently from everyone else."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    return f"redis+socket://{parts.path}?{parts.query.replace('db=', 'virtual_host=')}"


TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "panta_admin.broker:Transport"))
app = Celery("panta_admin")
app.conf.update(
    broker_url=broker_address(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a worker waits for its broker for as long as it takes
    # A hung broker must not hold whoever publishes: one attempt, half a second.
    broker_transport_options={"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "max_retries": 0},
    task_publish_retry=False,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule=_beat_schedule(),
)
app.autodiscover_tasks()

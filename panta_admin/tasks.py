"""The project's own housekeeping by the clock."""

from celery import shared_task
from django.core.management import call_command


@shared_task
def clear_sessions() -> None:
    """Removes sessions that have expired; nothing else would."""
    call_command("clearsessions")

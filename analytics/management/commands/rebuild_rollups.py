"""`manage.py rebuild_rollups`: all rollups anew from raw events, with days of the reporting time zone."""

from __future__ import annotations

import time
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from analytics.rollups.rebuild import rebuild_all


class Command(BaseCommand):
    help = (
        "Computes every rollup anew from raw events, with days of REPORTING_TIME_ZONE: run it after changing that "
        "setting. Readers see the old numbers until it is done; events that come in meanwhile wait."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        zone, started = ZoneInfo(settings.REPORTING_TIME_ZONE), time.monotonic()
        with _progress() as progress:
            task = progress.add_task("", events=0)
            events = rebuild_all(zone, lambda done: progress.update(task, events=done))
        self.stdout.write(f"{events:,} events, days of {zone.key}, rebuilt in {time.monotonic() - started:.1f} s.")


def _progress() -> Progress:
    """How many events are done; how many there are is not counted first."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.fields[events]:,} events"), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)

"""`manage.py fold`: brings the rollups up to this second."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.rollups import deliveries
from analytics.rollups.fold import fold_pending


class Command(BaseCommand):
    help = "Folds every pending event into the rollups that the Analytics tab reads. Does no harm at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait", type=float, default=60.0, metavar="SECONDS",
            help="How long to wait for another process that is folding. Default: 60.",
        )  # fmt: skip

    def handle(self, *_args: Any, **options: Any) -> None:
        started = time.monotonic()
        result = fold_pending(wait_s=options["wait"])
        if result.busy:
            raise CommandError("Another process is folding and did not finish in time.")
        deliveries.fold()
        self.stdout.write(f"{result.events:,} events folded in {time.monotonic() - started:.1f} s.")

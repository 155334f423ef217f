"""`manage.py demo`: fills an empty database with a believable workspace, and says how to sign in."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from analytics.management.demo import load, sign_in
from analytics.management.demo.scale import Scale
from analytics.management.demo.settle import Mark
from analytics.models import Assistant, UsageEvent, Workflow
from usermgmt.models import Team, User

SIZES = tuple(field.name for field in fields(Scale) if field.name not in ("until", "seed"))
_DEFAULTS = {field.name: field.default for field in fields(Scale)}


class Command(BaseCommand):
    help = "Fills an empty database with a demo workspace: people, teams, assistants, workflows and their usage."

    def add_arguments(self, parser: CommandParser) -> None:
        for name in SIZES:
            parser.add_argument(f"--{name}", type=_count, default=_DEFAULTS[name], metavar="N")
        parser.add_argument("--seed", type=int, default=_DEFAULTS["seed"], help="same seed and until: same workspace")
        parser.add_argument("--until", type=_instant, help="ISO date or time at which the usage ends (default: now)")
        occupied = parser.add_mutually_exclusive_group()
        occupied.add_argument("--add", action="store_true", help="also into a database that is not empty")
        occupied.add_argument("--if-empty", action="store_true", help="leave a database that is not empty as it is")

    def handle(self, *, seed: int, until: dt.datetime | None, add: bool, if_empty: bool, **options: Any) -> None:
        now = timezone.now()
        if until and until > now:
            raise CommandError(f"--until {until.isoformat()} lies in the future.")
        try:
            scale = Scale(until or now, seed=seed, **{name: options[name] for name in SIZES})
        except ValueError as error:
            raise CommandError(str(error)) from error
        held = _held()
        if held and if_empty:
            self._greet(Mark())
            return
        mark = _mark(scale, held, add=add)
        started = time.monotonic()
        with _bar(scale) as progress:
            load.load(scale, mark, progress)
        self.settle_beside(mark)
        self._report(scale, time.monotonic() - started)
        self._greet(mark)

    def settle_beside(self, mark: Mark) -> None:
        """What a project that stands on more than this adds to a workspace that was just filled."""

    def _report(self, scale: Scale, seconds: float) -> None:
        counts = ", ".join(f"{getattr(scale, name):,} {name}" for name in SIZES)
        rate = scale.events / max(seconds, 0.001)
        self.stdout.write(f"Demo workspace: {counts}, in {seconds:.1f} s ({rate:,.0f} events/s).")

    def _greet(self, mark: Mark) -> None:
        for known in sign_in.valid(mark):
            self.stdout.write(f"  Sign in as {known.role}: {self.style.SUCCESS(known.email)}  {known.password}")


def _count(text: str) -> int:
    """A number; `50_000_000` and `50,000,000` are welcome."""
    return int(text.replace(",", ""))


def _instant(text: str) -> dt.datetime:
    """The instant of an ISO text; without an offset it is meant in the reporting zone."""
    instant = dt.datetime.fromisoformat(text)
    return timezone.make_aware(instant) if timezone.is_naive(instant) else instant


def _held() -> list[str]:
    """What the database holds already, in words."""
    models = (User, Team, Assistant, Workflow, UsageEvent)
    return [str(model._meta.verbose_name_plural) for model in models if model._default_manager.exists()]


def _mark(scale: Scale, held: list[str], *, add: bool) -> Mark:
    """How to tell this workspace's names apart. Raises where it would mix with what is there."""
    if not held:
        return Mark()
    if not add:
        raise CommandError(
            f"The database is not empty: it holds {', '.join(held)}. Nothing was written. "
            "With --add the demo is put beside it."
        )
    mark = Mark(f"demo{scale.seed}")
    if Team.objects.filter(key=mark.key("team", 0)).exists():
        raise CommandError(f"A demo of seed {scale.seed} was added before. Choose another one: --seed {scale.seed + 1}")
    return mark


@contextmanager
def _bar(scale: Scale) -> Iterator[load.Progress]:
    """A bar for storing and one for folding, with rate and time left; silent where nobody watches."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        stored = progress.add_task("Storing events", total=scale.events)
        folded = progress.add_task("Folding", total=scale.events)

        def advance(events: int, folds: int) -> None:
            progress.advance(stored, events)
            progress.advance(folded, folds)

        yield advance

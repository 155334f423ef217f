"""`manage.py reconcile`: compares the rollups of some days with raw events, and repairs what differs."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.periods import MAX_DAYS, DayRange
from analytics.rollups import state
from analytics.rollups.rebuild import reconcile


class Command(BaseCommand):
    help = (
        "Compares the rollups of the given days with raw events, repairs what differs and says what it was. "
        "Without dates: the last --days days, today included. The exit code is 1 if anything had to be repaired."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=_day_count, default=7, metavar="N", help="Default: 7.")
        parser.add_argument("--from", type=_day, dest="first", metavar="DATE", help="First day, such as 2026-01-31.")
        parser.add_argument("--to", type=_day, dest="last", metavar="DATE", help="Last day, included. Default: today.")

    def handle(self, *_args: Any, **options: Any) -> None:
        days = _range(options, dt.datetime.now(state.read().time_zone).date())
        differences = reconcile(days)
        if not differences:
            self.stdout.write(f"{days.start} to {days.last}: the rollups agree with the raw events.")
            return
        for table, rows in differences.items():
            self.stdout.write(f"  {table}: {rows:,} rows repaired")
        raise CommandError(f"{days.start} to {days.last}: the rollups differed from the raw events; they are repaired.")


def _range(options: dict[str, Any], today: dt.date) -> DayRange:
    last = options["last"] or today
    first = options["first"] or last - dt.timedelta(days=options["days"] - 1)
    if last < first:
        raise CommandError(f"--from {first} is after --to {last}.")
    return DayRange(first, last + dt.timedelta(days=1))


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"'{text}' is not a date such as 2026-01-31") from None


def _day_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise ArgumentTypeError(f"'{text}' is not a number from 1 to {MAX_DAYS}")
    return int(text)

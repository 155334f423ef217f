"""What a limit would have done lately: its periods played again from the sums of their days.

In: a limit, stored or not. Out: an `Effect` on the last 30 days. The sums know days, not hours: whoever came on the
days after the one on which the limit was reached, until its period ended, would have been warned or blocked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from zoneinfo import ZoneInfo

from analytics.metrics import spending
from analytics.metrics.figures import PersonFigures
from analytics.periods import DayRange
from tokenlimits.meter import meter_of
from tokenlimits.models import Scope, TokenLimit
from tokenlimits.periods import Period
from usermgmt.models import Membership

REPLAYED_DAYS = 30  # today included
NAMED = 10  # of the people who would have reached it


@dataclass(frozen=True, slots=True)
class Reached:
    """One period in which the limit would have been reached, and the day on which."""

    days: DayRange
    on: dt.date


@dataclass(frozen=True, slots=True)
class Effect:
    """`periods`: how many lie in the window, the first one whole and the last one so far.

    `people`: how many would have been warned or blocked; None where the sums do not tell (a model's). `named`: the ten
    of them who used the most, of limits that count people one by one. `requests`: those that came on later days of
    periods in which it was reached.
    """

    window: DayRange
    periods: int
    reached: tuple[Reached, ...]
    people: int | None
    named: tuple[PersonFigures, ...]
    requests: int


def effect(limit: TokenLimit, now: dt.datetime, zone: ZoneInfo) -> Effect:
    """Four queries at most."""
    today = now.astimezone(zone).date()
    window = DayRange(today - dt.timedelta(days=REPLAYED_DAYS - 1), today + dt.timedelta(days=1))
    periods = Period(limit.period).touching(window)
    if limit.scope == Scope.EVERYBODY:
        return _of_everybody(limit, window, periods)
    reached = _reached(limit, periods, window)
    later = [
        DayRange(_after(r.on), min(r.days.end, window.end))
        for r in reached
        if _after(r.on) < min(r.days.end, window.end)
    ]
    later = [DayRange(max(days.start, window.start), days.end) for days in later if days.end > window.start]
    requests = spending.requests_on([meter_of(limit, days) for days in later])
    return Effect(window, len(periods), reached, _people(limit, reached, later), (), requests)


def _of_everybody(limit: TokenLimit, window: DayRange, periods: Sequence[DayRange]) -> Effect:
    own = TokenLimit.objects.filter(removed_at__isnull=True, scope=Scope.PERSON, period=limit.period)
    with_own = list(own.values_list("person_id", flat=True))
    people, named = spending.who_reached(periods, limit.tokens, NAMED, with_own)
    return Effect(window, len(periods), (), people, named, 0)


def _reached(limit: TokenLimit, periods: Sequence[DayRange], window: DayRange) -> tuple[Reached, ...]:
    """Of the periods that the window touches, those in which the days add up to the limit."""
    whole = DayRange(periods[0].start, window.end)
    by_day = dict(zip(whole, spending.tokens_by_day(meter_of(limit, whole)), strict=True))
    reached = []
    for period in periods:
        days = [day for day in period if day in whole]
        sums = zip(days, accumulate(by_day[day] for day in days), strict=True)
        on = next((day for day, used in sums if used >= limit.tokens), None)
        if on is not None:
            reached.append(Reached(period, on))
    return tuple(reached)


def _people(limit: TokenLimit, reached: Sequence[Reached], later: Sequence[DayRange]) -> int | None:
    match Scope(limit.scope):
        case Scope.PERSON:
            return int(bool(reached))
        case Scope.WORKSPACE:
            return spending.people_on(later)
        case Scope.TEAM:
            members = Membership.objects.filter(team=limit.team, is_primary=True)
            return spending.people_on(later, list(members.values_list("user_id", flat=True)))
        case _:
            return None


def _after(day: dt.date) -> dt.date:
    return day + dt.timedelta(days=1)

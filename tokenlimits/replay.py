"""What a limit would have done lately: its periods played again, with what was used as it was used.

In: a limit, stored or not. Out: an `Effect` on the last 30 days. On which day it would have been reached the sums of
days say; which requests came after that moment, the events themselves. Where those are too many to be read, or gone,
only requests on the days after the one on which it was reached count: a lower bound, and said to be one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from zoneinfo import ZoneInfo

from analytics.metrics import beyond, spending
from analytics.metrics.beyond import Beyond, Crossing, Part, Stopped
from analytics.metrics.spending import Meter, Subject
from analytics.periods import DayRange
from tokenlimits.meter import meter_of, own_limits_of
from tokenlimits.models import Scope, TokenLimit
from tokenlimits.periods import Period

REPLAYED_DAYS = 30  # today included
NAMED = 10  # of the people who would have been held up
MOST_REQUESTS = 500_000  # whose events are read: two seconds, on a busy machine


@dataclass(frozen=True, slots=True)
class Reached:
    """One period in which the limit would have been reached, and the day on which.

    `part`: the instant, and what came afterwards inside the window; None where only days were played.
    """

    days: DayRange
    on: dt.date
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """`periods`: how many lie in the window, the first one whole and the last one so far.

    `people`: how many would have been warned or blocked, `requests`: with what; `named`: the ten of them who asked the
    most. `is_exact`: else it is what came on later days, and `people` None where the sums of days do not tell.
    `reached`: the periods, of limits that count everybody together; `reached_by`: how many people, of those that count
    each one. `zone`: of the days.
    """

    window: DayRange
    periods: int
    zone: ZoneInfo
    reached: tuple[Reached, ...]
    reached_by: int
    people: int | None
    requests: int
    named: tuple[Stopped, ...]
    is_exact: bool

    @property
    def is_reached(self) -> bool:
        return bool(self.reached or self.reached_by)


def effect(limit: TokenLimit, now: dt.datetime, zone: ZoneInfo) -> Effect:
    """Four queries at most."""
    today = now.astimezone(zone).date()
    window = DayRange(today - dt.timedelta(days=REPLAYED_DAYS - 1), today + dt.timedelta(days=1))
    periods = Period(limit.period).touching(window)
    if limit.scope == Scope.EVERYBODY:
        return _of_everybody(limit, window, periods, zone)
    reached = _reached(limit, periods, window)
    found = _beyond(limit, reached, zone)
    if found is None:
        return _by_days(limit, window, len(periods), reached, zone)
    played = tuple(
        Reached(period, each.on, part)
        for (period, each), part in zip(reached, found.parts, strict=True)
        if part.at or part.requests
    )
    return Effect(window, len(periods), zone, played, 0, found.people, found.requests, found.most, is_exact=True)


def _of_everybody(limit: TokenLimit, window: DayRange, periods: Sequence[DayRange], zone: ZoneInfo) -> Effect:
    with_own = own_limits_of(limit.period)[limit.period]
    found = beyond.of_everybody(periods, window, limit.tokens, NAMED, zone, with_own)
    held = found.beyond
    return Effect(
        window, len(periods), zone, (), found.reached, held.people, held.requests, held.most, is_exact=found.is_whole
    )


_Crossed = tuple[DayRange, Crossing]  # the whole period, and what of it is played


def _reached(limit: TokenLimit, periods: Sequence[DayRange], window: DayRange) -> list[_Crossed]:
    """Of the periods that the window touches, those in which the days add up to the limit. One query."""
    whole = DayRange(periods[0].start, window.end)
    by_day = dict(zip(whole, spending.tokens_by_day(meter_of(limit, whole)), strict=True))
    reached = []
    for period in periods:
        days = DayRange(period.start, min(period.end, window.end))
        for day, used in zip(days, accumulate(by_day[day] for day in days), strict=True):
            if used >= limit.tokens:
                played = DayRange(max(days.start, window.start), days.end)
                reached.append((period, Crossing(played, day, used - by_day[day])))
                break
    return reached


def _beyond(limit: TokenLimit, reached: Sequence[_Crossed], zone: ZoneInfo) -> Beyond | None:
    """What came after the limit was reached; None where the events are too many or do not say it. Two queries."""
    crossings = [each for _period, each in reached]
    if not crossings:
        return Beyond()
    meter = meter_of(limit, crossings[0].days)
    if meter.subject is not Subject.PERSON:
        read = [Meter(Subject.WORKSPACE, 0, DayRange(max(c.on, c.days.start), c.days.end)) for c in crossings]
        if spending.requests_on(read) > MOST_REQUESTS:
            return None
    return beyond.of_meter(meter.subject, meter.key, crossings, limit.tokens, NAMED, zone)


def _by_days(limit: TokenLimit, window: DayRange, periods: int, reached: Sequence[_Crossed], zone: ZoneInfo) -> Effect:
    """What came on the days after the ones on which it was reached. Two queries."""
    later = [
        DayRange(max(_after(each.on), each.days.start), each.days.end)
        for _period, each in reached
        if _after(each.on) < each.days.end
    ]
    return Effect(
        window,
        periods,
        zone,
        tuple(Reached(period, each.on) for period, each in reached),
        0,
        spending.people_on(later) if limit.scope == Scope.WORKSPACE else None,
        spending.requests_on([meter_of(limit, days) for days in later]),
        (),
        is_exact=False,
    )


def _after(day: dt.date) -> dt.date:
    return day + dt.timedelta(days=1)

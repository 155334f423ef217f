"""How fast a limit is being used up: how much of its period has passed, what it would end with, when it would run out.

In: the period, what was used in it, what was used on the days before it. Out: a `Pace`. Pure: no Django, no clock.

A day counts for as much as its weekday did, on average, in the eight weeks before the period; with less than two weeks
of history, or in a period of one day, every hour counts alike. Today counts for the part of it that has passed.
It runs out on the first day whose share, at the pace so far, reaches what is allowed on that day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics.periods import DayRange, local_midnight

HISTORY = dt.timedelta(weeks=8)
LEAST_HISTORY = 14  # days from the first one with usage
TOO_EARLY = 0.05  # of a period: before, what follows from it is noise


class Method(StrEnum):
    HOURS = "hours"  # every hour counts alike
    WEEKDAYS = "weekdays"


class Fall(NamedTuple):
    """What is allowed from the day `on`, because what raised the limit is over by then."""

    on: dt.date
    allowed: int


@dataclass(frozen=True, slots=True)
class Pace:
    """`elapsed`: the share of the period (0..1) that has passed, in the method's terms.

    `projected`: tokens at the end of the period if it goes on like this; None where it is too early to say.
    `runs_out`: the day on which the limit would be reached; None if not in this period, or reached already.
    """

    elapsed: float
    method: Method
    projected: int | None
    runs_out: dt.date | None


def history_of(days: DayRange) -> DayRange:
    """The days before a period that its pace is told by."""
    return DayRange(days.start - HISTORY, days.start)


def pace(
    days: DayRange,
    now: dt.datetime,
    zone: ZoneInfo,
    used: int,
    allowed: int | None,
    history: Mapping[dt.date, int],
    fall: Fall | None = None,
) -> Pace:
    """The pace of the period `days`, which holds `now`. `history`: tokens by day before it; days without may lack."""
    weights, method = _weights(days, history)
    today = now.astimezone(zone).date()
    passed = _part_of_day(today, now, zone)
    total = sum(weights.values())
    elapsed = (sum(weight for day, weight in weights.items() if day < today) + passed * weights[today]) / total
    if elapsed < TOO_EARLY:
        return Pace(elapsed, method, None, None)
    runs_out = None
    if allowed is not None and used < allowed:
        per_weight = used / (elapsed * total)
        ahead = {
            day: (per_weight * weight * (1 - passed if day == today else 1), _allowed_on(day, allowed, fall))
            for day, weight in weights.items()
            if day >= today
        }
        runs_out = _runs_out(used, ahead)
    return Pace(elapsed, method, round(used / elapsed), runs_out)


def _weights(days: DayRange, history: Mapping[dt.date, int]) -> tuple[dict[dt.date, float], Method]:
    """How much each day of the period counts for; never all nothing."""
    used_days = [day for day, tokens in history.items() if tokens and day < days.start]
    if days.days > 1 and used_days and (days.start - min(used_days)).days >= LEAST_HISTORY:
        known = DayRange(min(used_days), days.start)
        means = [_mean([history.get(day, 0) for day in known if day.weekday() == weekday]) for weekday in range(7)]
        weights = {day: means[day.weekday()] for day in days}
        if any(weights.values()):
            return weights, Method.WEEKDAYS
    return dict.fromkeys(days, 1.0), Method.HOURS


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)


def _part_of_day(day: dt.date, now: dt.datetime, zone: ZoneInfo) -> float:
    """How much of `day` (of 23, 24 or 25 hours) has passed, 0..1."""
    start, end = local_midnight(day, zone), local_midnight(day + dt.timedelta(days=1), zone)
    return (now - start) / (end - start)


def _allowed_on(day: dt.date, allowed: int, fall: Fall | None) -> int:
    return allowed if fall is None or day < fall.on else min(allowed, fall.allowed)


def _runs_out(used: int, ahead: Mapping[dt.date, tuple[float, int]]) -> dt.date | None:
    """`ahead`: the tokens expected on each day and what is allowed on it, from today on."""
    reached = 0.0
    for day, (expected, allowed) in ahead.items():
        reached += expected
        if reached >= allowed - used:
            return day
    return None

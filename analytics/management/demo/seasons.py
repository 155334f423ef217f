"""When people work: zones, weekdays, public holidays, seasons, the hours of a day, and growth over the months.

In: a `Scale`. Out: `Seasons`, tables by zone and day that weigh how much happens then, and turn a day and a share of
it into an instant. Days are counted from the scale's first day, each in the zone's own calendar.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.holiday import (
    AbstractHolidayCalendar,
    EasterMonday,
    GoodFriday,
    Holiday,
    USLaborDay,
    USMemorialDay,
    USThanksgivingDay,
)

from analytics.management.demo.scale import Scale

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ZONES = (ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo"))
ZONE_SHARES = (0.6, 0.25, 0.15)
SCHEDULE = len(ZONES)  # the pseudo zone of scheduled runs: UTC, every day alike
DAY_US = 86_400_000_000
WEEKDAY_WEIGHT = np.array([0.97, 1.06, 1.05, 1.0, 0.8, 0.07, 0.05])
HOLIDAY_WEIGHT = 0.05
_HOURS = np.array(  # how much of a working day's usage falls into each local hour
    [
        0.2,
        0.1,
        0.05,
        0.05,
        0.05,
        0.2,
        0.8,
        2.5,
        6.5,
        10,
        11.5,
        10.5,
        6,
        8,
        10,
        10.5,
        9.5,
        6.5,
        3,
        1.8,
        1.4,
        1.2,
        0.8,
        0.4,
    ]
)
_SCHEDULED_HOURS = np.array([6.0, 0, 0, 0, 0, 10, 30, 20, 5, 2, 2, 2, 8, 2, 2, 2, 2, 8, 10, 2, 2, 2, 6, 2])


class _Germany(AbstractHolidayCalendar):
    rules = [
        Holiday("New Year", month=1, day=1),
        GoodFriday,
        EasterMonday,
        Holiday("Labour Day", month=5, day=1),
        Holiday("Unity Day", month=10, day=3),
        Holiday("Christmas Day", month=12, day=25),
        Holiday("Boxing Day", month=12, day=26),
    ]


class _UnitedStates(AbstractHolidayCalendar):
    rules = [
        Holiday("New Year", month=1, day=1),
        USMemorialDay,
        Holiday("Independence Day", month=7, day=4),
        USLaborDay,
        USThanksgivingDay,
        Holiday("Christmas Day", month=12, day=25),
    ]


class _Japan(AbstractHolidayCalendar):
    rules = [
        Holiday("New Year", month=1, day=1),
        Holiday("Foundation Day", month=2, day=11),
        Holiday("Showa Day", month=4, day=29),
        Holiday("Constitution Day", month=5, day=3),
        Holiday("Greenery Day", month=5, day=4),
        Holiday("Children's Day", month=5, day=5),
        Holiday("Mountain Day", month=8, day=11),
        Holiday("Culture Day", month=11, day=3),
        Holiday("Labour Thanksgiving Day", month=11, day=23),
    ]


_CALENDARS = (_Germany, _UnitedStates, _Japan)
# By zone: (first month-day, last month-day, weight) of the quiet weeks.
_QUIET = (
    (("07-15", "08-25", 0.68), ("12-22", "12-31", 0.3), ("01-01", "01-05", 0.45)),
    (("07-01", "08-20", 0.82), ("12-22", "12-31", 0.4), ("11-27", "11-29", 0.35)),
    (("08-11", "08-16", 0.4), ("12-29", "12-31", 0.1), ("01-01", "01-04", 0.1), ("04-29", "05-06", 0.45)),
)


@dataclass(frozen=True, slots=True)
class Seasons:
    """Tables of shape (zones + schedule, days). `calm` is the calendar alone; `weight` adds growth and the end."""

    calm: Floats
    weight: Floats
    starts_us: Ints  # the instant of each local midnight
    elapsed: Floats  # the part of the day's usage that lies before `until`: 1 for past days, 0 for future ones
    weeks: Ints  # (days,): a running week number, from Monday to Sunday

    def instants(self, zone: Ints, day: Ints, share: Floats) -> Ints:
        """Instants in microseconds: `share` (0..1) runs over the usage of that local day as far as it has come."""
        reached = share * self.elapsed[zone, day]
        hours = np.where(
            zone == SCHEDULE, np.interp(reached, _CURVES[1], _EDGES), np.interp(reached, _CURVES[0], _EDGES)
        )
        return self.starts_us[zone, day] + (hours * 3.6e9).astype(np.int64)

    def local_day(self, zone: Ints, instant_us: Ints) -> Ints:
        """The local day that holds each instant; instants outside the table belong to its first or last day."""
        day = np.zeros(len(instant_us), np.int64)
        for index in range(len(self.starts_us)):
            mine = zone == index
            day[mine] = np.searchsorted(self.starts_us[index], instant_us[mine], side="right") - 1
        return day.clip(0, self.calm.shape[1] - 1)

    def bustle(self, zone: Ints, instant_us: Ints) -> Floats:
        """How likely somebody works at that instant: the day's weight times the hour's."""
        day = self.local_day(zone, instant_us)
        hour = ((instant_us - self.starts_us[zone, day]) // 3_600_000_000).clip(0, 23)
        bustle: Floats = self.calm[zone, day] * _HOURS[hour]
        return bustle


def _curve(hours: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(hours) / hours.sum()])


_EDGES = np.arange(25, dtype=np.float64)
_CURVES = (_curve(_HOURS), _curve(_SCHEDULED_HOURS))


def seasons(scale: Scale) -> Seasons:
    """The tables for every day on which something may happen."""
    days = pd.date_range(scale.first_day, periods=scale.days, freq="D")
    calm = np.vstack([*(_calm(days, zone) for zone in range(SCHEDULE)), np.full(len(days), 0.75)])
    starts = np.vstack([_midnights(days, zone) for zone in (*ZONES, dt.UTC)])
    elapsed = np.vstack([_elapsed(starts[zone], scale.until_us, zone) for zone in range(SCHEDULE + 1)])
    weeks = (np.arange(len(days)) + scale.first_day.weekday()) // 7
    return Seasons(calm, calm * elapsed * _growth(len(days)), starts, elapsed, weeks)


def _calm(days: pd.DatetimeIndex, zone: int) -> Floats:
    weight: Floats = WEEKDAY_WEIGHT[days.day_of_week.to_numpy()].copy()
    month_day = days.strftime("%m-%d").to_numpy()
    for first, last, factor in _QUIET[zone]:
        weight[(month_day >= first) & (month_day <= last)] *= factor
    holidays = _CALENDARS[zone]().holidays(days[0], days[-1])
    weight[days.isin(holidays)] = HOLIDAY_WEIGHT
    return weight


def _midnights(days: pd.DatetimeIndex, zone: dt.tzinfo) -> Ints:
    utc = days.tz_localize(zone).tz_convert("UTC").tz_localize(None)
    midnights: Ints = utc.to_numpy().astype("datetime64[us]").astype(np.int64)
    return midnights


def _elapsed(starts_us: Ints, until_us: int, zone: int) -> Floats:
    hours = ((until_us - starts_us) / 3.6e9).clip(0, 24)
    elapsed: Floats = np.interp(hours, _EDGES, _CURVES[1 if zone == SCHEDULE else 0])
    return elapsed


def _growth(days: int) -> Floats:
    """Usage per person: it more than doubles over the months, with slow waves so that no line is straight."""
    t: Floats = np.linspace(0.0, 1.0, days)
    growth: Floats = (0.45 + 0.55 * t) * (1 + 0.07 * np.sin(t * 17) + 0.04 * np.sin(t * 41))
    return growth

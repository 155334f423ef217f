"""The periods that limits count over: days, weeks and months of the reporting zone. Pure, without Django, no clock.

In: a day. Out: the `DayRange` of the period around it, or of those before it. Weeks begin on Monday.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from analytics.periods import DayRange


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def around(self, day: dt.date) -> DayRange:
        """The period that holds `day`."""
        match self:
            case Period.DAY:
                return DayRange(day, day + dt.timedelta(days=1))
            case Period.WEEK:
                monday = day - dt.timedelta(days=day.weekday())
                return DayRange(monday, monday + dt.timedelta(days=7))
            case Period.MONTH:
                first = day.replace(day=1)
                return DayRange(first, (first + dt.timedelta(days=32)).replace(day=1))

    def last(self, count: int, day: dt.date) -> tuple[DayRange, ...]:
        """`count` periods one after another, oldest first; the last one holds `day`."""
        periods = [self.around(day)]
        while len(periods) < count:
            periods.append(self.around(periods[-1].start - dt.timedelta(days=1)))
        return tuple(reversed(periods))

    def touching(self, days: DayRange) -> tuple[DayRange, ...]:
        """The whole periods that share a day with `days`, oldest first."""
        periods = [self.around(days.last)]
        while periods[-1].start > days.start:
            periods.append(self.around(periods[-1].start - dt.timedelta(days=1)))
        return tuple(reversed(periods))

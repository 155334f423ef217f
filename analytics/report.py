"""The one object behind page, charts and export, so that they cannot disagree.

In: a `DayRange` and an instant. Out: an `AnalyticsReport`; cached in Redis under (range, data version).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from analytics.metrics.figures import DayFigures, Named, PeriodTotals, TimeToFirstValue, UnusedAssistant, Workspace
from analytics.periods import DayRange


@dataclass(frozen=True, slots=True)
class AnalyticsReport:
    """All that the Analytics tab shows for one range. Lists are whole: nothing is cut at a page size."""

    days_range: DayRange
    previous_range: DayRange
    today: dt.date
    time_zone: str
    workspace: Workspace
    totals: PeriodTotals
    previous: PeriodTotals
    days: tuple[DayFigures, ...]  # in day order
    teams: tuple[Named, ...]  # by tokens, then requests, then name
    workflows: tuple[Named, ...]  # by runs, then tokens, then name
    assistants: tuple[Named, ...]  # by tokens, then requests, then name
    unused_assistants: tuple[UnusedAssistant, ...]  # by last use (never first), then name
    first_value: TimeToFirstValue

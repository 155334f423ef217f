"""Reports written by hand, for charts and templates: every number of a test is visible in the test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from analytics.metrics.figures import (
    Bucket,
    DayFigures,
    Named,
    PeriodTotals,
    TimeToFirstValue,
    UnusedAssistant,
    Workspace,
)
from analytics.periods import DayRange
from analytics.report import AnalyticsReport

TODAY = dt.date(2026, 11, 22)
AS_OF = dt.datetime(2026, 11, 22, 13, 3, 12, tzinfo=dt.UTC)
NOBODY_JOINED = TimeToFirstValue({}, 0, 0, None, 0, 0, 0)


def team(number: int, name: str, tokens: int, requests: int = 1, **marks: bool) -> Named:
    return Named(id=number, name=name, input_tokens=tokens, requests=requests, **marks)


def workflow(number: int, name: str, runs: int, tokens: int = 0, **marks: bool) -> Named:
    return Named(id=number, name=name, requests=runs, input_tokens=tokens, **marks)


assistant = team


def day_figures(day: dt.date, active_users: int, incomplete: bool = False) -> DayFigures:
    return DayFigures(
        day=day,
        active_users=active_users,
        incomplete=incomplete,
        requests=active_users * 3,
        chat_requests=active_users,
        assistant_requests=active_users,
        workflow_requests=active_users,
        input_tokens=active_users * 1000,
        output_tokens=active_users * 100,
    )


def first_value(median_seconds: float | None = 11_520.0, never_recent: int = 5, never_old: int = 6) -> TimeToFirstValue:
    reached = dict(zip(Bucket, (10, 16, 7, 4, 3, 1), strict=False))
    never = never_recent + never_old
    return TimeToFirstValue(
        buckets={**reached, Bucket.NEVER: never},
        included=41 + never,
        reached=41,
        median_seconds=median_seconds,
        never_recent=never_recent,
        never_old=never_old,
        unknown_joined=3,
    )


def report(
    active: Sequence[int] = (),
    *,
    teams: Sequence[Named] = (),
    workflows: Sequence[Named] = (),
    assistants: Sequence[Named] = (),
    unused: Sequence[UnusedAssistant] = (),
    first_value: TimeToFirstValue = NOBODY_JOINED,
    totals: PeriodTotals | None = None,
    previous: PeriodTotals | None = None,
    workspace: Workspace | None = None,
) -> AnalyticsReport:
    """A range that ends today, with `active` people on its days; without any, one empty day."""
    counts = list(active) or [0]
    days_range = DayRange(TODAY - dt.timedelta(days=len(counts) - 1), TODAY + dt.timedelta(days=1))
    days = tuple(day_figures(day, count, day == TODAY) for day, count in zip(days_range, counts, strict=True))
    return AnalyticsReport(
        days_range=days_range,
        previous_range=days_range.previous(),
        today=TODAY,
        time_zone="Europe/Berlin",
        as_of=AS_OF,
        workspace=workspace or Workspace(total_users=52, workflows=15, assistants=30, unknown_joined=3),
        totals=totals or _sum(days, teams),
        previous=previous or PeriodTotals(),
        days=days,
        teams=tuple(teams),
        workflows=tuple(workflows),
        assistants=tuple(assistants),
        unused_assistants=tuple(unused),
        first_value=first_value,
    )


def _sum(days: Sequence[DayFigures], teams: Sequence[Named]) -> PeriodTotals:
    return PeriodTotals(
        requests=sum(day.requests for day in days),
        chat_requests=sum(day.chat_requests for day in days),
        assistant_requests=sum(day.assistant_requests for day in days),
        workflow_requests=sum(day.workflow_requests for day in days),
        input_tokens=sum(item.input_tokens for item in teams or days),
        output_tokens=sum(item.output_tokens for item in teams or days),
        active_users=max((day.active_users for day in days), default=0),
    )

"""Spending & Budget: what the workspace used in the present period, against its budget, its pace and its past.

In: an instant, the period that is asked for. Out: a `Budget`, all of one data version. The sums come from the same
metrics as the Analytics page's, so both say the same for the same days.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from analytics.metrics import spending, usage
from analytics.metrics.figures import ModelFigures, Named
from analytics.metrics.spending import TopPeople
from analytics.periods import DayRange
from analytics.rollups import state
from analytics.rollups.state import State
from tokenlimits import meter, pace
from tokenlimits.meter import Reading
from tokenlimits.models import Scope
from tokenlimits.pace import Pace
from tokenlimits.periods import Period

PAST_PERIODS = 6
TOP_PEOPLE = 10
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """The workspace's tokens in one period; the present one is still going on."""

    days: DayRange
    tokens: int
    is_present: bool


@dataclass(frozen=True, slots=True)
class Budget:
    """`reading` is the workspace's own limit over the period; None where there is none. `bars`: oldest first."""

    period: Period
    days: DayRange
    used: int
    reading: Reading | None
    pace: Pace
    bars: tuple[Bar, ...]
    teams: tuple[Named, ...]
    models: tuple[ModelFigures, ...]
    people: TopPeople

    @property
    def past(self) -> tuple[Bar, ...]:
        return self.bars[:-1]

    @property
    def typical(self) -> int | None:
        """The mean of the past periods since the first one with usage; None without any."""
        tokens = [bar.tokens for bar in self.past]
        while tokens and not tokens[0]:
            del tokens[0]
        return round(sum(tokens) / len(tokens)) if tokens else None


@dataclass(frozen=True, slots=True)
class Standing:
    """The whole page: the budget, and every limit as it stands, the fullest first."""

    budget: Budget
    readings: tuple[Reading, ...]
    at: State


def load(now: dt.datetime, asked: Period | None, *, budget_alone: bool = False) -> Standing:
    """What the tab shows. Ten queries; asked again if a fold commits between two of them.

    Without a period that is asked for: the longest over which the workspace has a limit, else the month. With
    `budget_alone` only the workspace's limits are read.
    """
    at = state.read()
    for _attempt in range(ATTEMPTS):
        standing = _build(now, asked, at, budget_alone=budget_alone)
        after = state.read()
        if after.same_data(at):
            break
        at = after
    return standing  # a workspace that never stands still: parts may be one fold apart


def _build(now: dt.datetime, asked: Period | None, at: State, *, budget_alone: bool) -> Standing:
    limits = meter.limits_in_force(now.astimezone(at.time_zone).date())
    if budget_alone:
        limits = limits.filter(scope=Scope.WORKSPACE)
    readings = meter.read(list(limits), now, at.time_zone)
    workspace = {Period(r.limit.period): r for r in readings if r.limit.scope == Scope.WORKSPACE}
    period = asked or next((p for p in reversed(Period) if p in workspace), Period.MONTH)
    fullest_first = sorted(readings, key=lambda r: (-r.share, r.limit.pk))
    return Standing(_budget(now, period, workspace.get(period), at), tuple(fullest_first), at)


def _budget(now: dt.datetime, period: Period, reading: Reading | None, at: State) -> Budget:
    today = now.astimezone(at.time_zone).date()
    periods = period.last(PAST_PERIODS + 1, today)
    days, history = periods[-1], pace.history_of(periods[-1])
    every = DayRange(min(periods[0].start, history.start), days.end)
    tokens = {figures.day: figures.tokens for figures in usage.by_day(every, today)}
    bars = tuple(Bar(each, sum(tokens[day] for day in each), each == days) for each in periods)
    used = bars[-1].tokens
    before = {day: tokens[day] for day in history}
    allowed, fall = (reading.allowed, reading.fall) if reading else (None, None)
    return Budget(
        period=period,
        days=days,
        used=used,
        reading=reading,
        pace=pace.pace(days, now, at.time_zone, used, allowed, before, fall),
        bars=bars,
        teams=usage.by_team(days),
        models=spending.by_model(days),
        people=spending.top_people(days, TOP_PEOPLE),
    )

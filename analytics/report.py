"""The one object behind page, charts and export, so that they cannot disagree.

In: a `DayRange` and an instant. Out: an `AnalyticsReport`; cached in Redis under (range, data version).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import msgspec

from analytics import cache
from analytics.metrics import people, usage
from analytics.metrics.figures import (
    DayFigures,
    Named,
    PeriodTotals,
    PersonFigures,
    TimeToFirstValue,
    UnusedAssistant,
    Workspace,
)
from analytics.periods import DayRange
from analytics.rollups import state
from analytics.rollups.state import State

ATTEMPTS = 3
CACHE_SECONDS = 60  # bounds what depends on the clock alone: who counts as new, what counts as unused


@dataclass(frozen=True, slots=True)
class AnalyticsReport:
    """All that the Analytics tab shows for one range. Lists are whole: nothing is cut at a page size."""

    days_range: DayRange
    previous_range: DayRange
    today: dt.date
    time_zone: str
    as_of: dt.datetime | None  # every event committed before it is in; None before the first fold
    workspace: Workspace
    totals: PeriodTotals
    previous: PeriodTotals
    days: tuple[DayFigures, ...]  # in day order
    teams: tuple[Named, ...]  # by tokens, then requests, then name
    workflows: tuple[Named, ...]  # by runs, then tokens, then name
    assistants: tuple[Named, ...]  # by tokens, then requests, then name
    unused_assistants: tuple[UnusedAssistant, ...]  # by last use (never first), then name
    first_value: TimeToFirstValue


def read_state() -> State:
    """Zone, version and freshness of the rollups. One query."""
    return state.read()


def is_blank(shown: AnalyticsReport) -> bool:
    """Whether the report is empty because no usage ever came in. One query where both ranges are empty, else none."""
    periods = (shown.totals, shown.previous)
    return not any(period.requests or period.tokens for period in periods) and not usage.has_come_in()


def load(days: DayRange, now: dt.datetime, at: State) -> AnalyticsReport:
    """The report of `days`, all of it of one data version; from the cache if it holds that version.

    `at` is the state that the caller read. Eight queries when it is not cached: if a fold commits between two of
    them, the version has moved on and all are asked again.
    """
    key = _cache_key(days, now, at)
    cached = _from_cache(key)
    if cached is not None:
        return replace(cached, as_of=at.as_of)
    for _attempt in range(ATTEMPTS):
        report = _build(days, now, at)
        after = state.read()
        if after.same_data(at):
            _to_cache(key, report)
            return report
        at, key = after, _cache_key(days, now, after)
    return report  # a workspace that never stands still: parts may be one fold apart


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """People with any usage in the report's range, by id. `nobody`: usage without a person, if there is any, told with
    the last page.
    """

    people: tuple[PersonFigures, ...]
    more: bool
    nobody: PersonFigures | None


def load_people(
    days: DayRange, now: dt.datetime, at: State, *, after: int, limit: int
) -> tuple[AnalyticsReport, PeoplePage]:
    """The report of `days` and the page of its people behind the id `after`, both of one data version."""
    for _attempt in range(ATTEMPTS):
        report, page = load(days, now, at), _people(days, after, limit)
        fresh = state.read()
        if fresh.same_data(at):
            break
        at = fresh
    return report, page


def _people(days: DayRange, after: int, limit: int) -> PeoplePage:
    found = usage.by_person(days, after, limit + 1)
    if len(found) > limit:
        return PeoplePage(found[:limit], more=True, nobody=None)
    nobody = usage.without_person(days)
    return PeoplePage(found, more=False, nobody=nobody if nobody != PersonFigures() else None)


def _build(days: DayRange, now: dt.datetime, at: State) -> AnalyticsReport:
    previous = days.previous()
    today = now.astimezone(at.time_zone).date()
    both = usage.by_day(DayRange(previous.start, days.end), today)
    active, active_before = people.active(days, previous)
    exists = people.workspace()
    assistants, unused = usage.by_assistant(days, now)
    return AnalyticsReport(
        days_range=days,
        previous_range=previous,
        today=today,
        time_zone=at.time_zone.key,
        as_of=at.as_of,
        workspace=exists,
        totals=usage.totals(both[previous.days :], active),
        previous=usage.totals(both[: previous.days], active_before),
        days=both[previous.days :],
        teams=usage.by_team(days),
        workflows=usage.by_workflow(days),
        assistants=assistants,
        unused_assistants=unused,
        first_value=people.time_to_first_value(days, at.time_zone, now, exists.unknown_joined),
    )


# --- Cache ---------------------------------------------------------------------------------------------------------

_decoder = msgspec.msgpack.Decoder(AnalyticsReport)


def _cache_key(days: DayRange, now: dt.datetime, at: State) -> str:
    today = now.astimezone(at.time_zone).date()
    return f"{days.start}:{days.end}:{today}:{at.time_zone.key}:{at.version}:{at.named_at}"


def _from_cache(key: str) -> AnalyticsReport | None:
    packed = cache.get(key)
    if packed is None:
        return None
    try:
        return _decoder.decode(packed)
    except msgspec.MsgspecError:  # written by another release
        return None


def _to_cache(key: str, report: AnalyticsReport) -> None:
    cache.put(key, msgspec.msgpack.encode(report), CACHE_SECONDS)

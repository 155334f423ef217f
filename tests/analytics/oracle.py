"""What rollups and metrics must say, computed the naive way: one event after the other, in plain Python.

In: events as their senders mean them, people with their join times, a reporting zone. Out: every rollup table whole,
and every figure of the page. Written from the product's definitions, not from the code under test, which it never
imports.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

CHAT, ASSISTANT, WORKFLOW = 1, 2, 3
SUCCESS, ERROR, CANCELLED = 1, 2, 3
NEVER_BEFORE = dt.date(1, 1, 1)
RECENT_SINCE = dt.date(2025, 3, 30)  # from which day on person_recent adds up; random streams lie on both sides

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
BUCKETS = {"<1h": HOUR, "1–6h": 6 * HOUR, "6–24h": DAY, "1–3d": 3 * DAY, "3–7d": 7 * DAY, "7+d": dt.timedelta.max}

Row = tuple[object, ...]
Table = dict[Row, Row]  # key → values


@dataclass(frozen=True)
class Event:
    """0 is nobody, no team, no assistant, no workflow."""

    event_id: str
    occurred_at: dt.datetime
    source: str = "test"
    user_id: int = 0
    team_id: int = 0
    kind: int = CHAT
    assistant_id: int = 0
    workflow_id: int = 0
    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    usage_known: bool = True
    status: int = SUCCESS
    model: str = ""

    @property
    def item_id(self) -> int:
        """The assistant of a message to one, the workflow of a run; what else an event names does not count."""
        return {CHAT: 0, ASSISTANT: self.assistant_id, WORKFLOW: self.workflow_id}[self.kind]

    def day(self, zone: ZoneInfo) -> dt.date:
        return self.occurred_at.astimezone(zone).date()

    def month(self, zone: ZoneInfo) -> dt.date:
        return self.day(zone).replace(day=1)


def distinct(events: Iterable[Event]) -> list[Event]:
    """An event counts once however often it was sent."""
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        first.setdefault((event.source, event.event_id), event)
    return list(first.values())


# --- Sums ---------------------------------------------------------------------------------------------------------


def measures(events: Iterable[Event]) -> tuple[int, int, int, int, int]:
    """(requests, failed requests, input tokens, output tokens, calls without usage)."""
    requests = failed = input_tokens = output_tokens = without_usage = 0
    for event in events:
        requests += event.requests
        failed += event.requests if event.status == ERROR else 0
        input_tokens += event.input_tokens
        output_tokens += event.output_tokens
        without_usage += 0 if event.usage_known else 1
    return requests, failed, input_tokens, output_tokens, without_usage


def requests_of(kind: int, events: Iterable[Event]) -> int:
    return sum(event.requests for event in events if event.kind == kind)


def active_people(events: Iterable[Event]) -> set[int]:
    return {event.user_id for event in events if event.user_id != 0 and event.requests > 0}


def first_value_at(events: Iterable[Event]) -> dt.datetime | None:
    """The first successful request."""
    return min((e.occurred_at for e in events if e.requests > 0 and e.status == SUCCESS), default=None)


def last_active_at(events: Iterable[Event]) -> dt.datetime | None:
    return max((e.occurred_at for e in events if e.requests > 0), default=None)


def grouped(events: Iterable[Event], key: Callable[[Event], Row]) -> dict[Row, list[Event]]:
    groups: dict[Row, list[Event]] = defaultdict(list)
    for event in events:
        groups[key(event)].append(event)
    return dict(groups)


def sums(events: Iterable[Event], key: Callable[[Event], Row]) -> Table:
    return {k: measures(group) for k, group in grouped(events, key).items()}


# --- Rollups ------------------------------------------------------------------------------------------------------


def rollups(sent: Iterable[Event], zone: ZoneInfo, recent_since: dt.date = RECENT_SINCE) -> dict[str, Table]:
    """Every rollup table whole: table → key columns → value columns, in the order of `tables.COLUMNS`."""
    events = distinct(sent)
    to_assistants = [e for e in events if e.kind == ASSISTANT]
    runs = [e for e in events if e.kind == WORKFLOW]
    return {
        "daily_total": {k: _total(group) for k, group in grouped(events, lambda e: (e.day(zone),)).items()},
        "daily_team": sums(events, lambda e: (e.day(zone), e.team_id)),
        "daily_assistant": sums(to_assistants, lambda e: (e.day(zone), e.assistant_id)),
        "daily_workflow": sums(runs, lambda e: (e.day(zone), e.workflow_id)),
        "daily_usage": sums(events, lambda e: (e.day(zone), e.team_id, e.kind, e.item_id)),
        "daily_model": sums(events, lambda e: (e.day(zone), e.model)),
        "daily_user": _daily_user(events, zone),
        "monthly_team": sums(events, lambda e: (e.month(zone), e.team_id)),
        "monthly_assistant": sums(to_assistants, lambda e: (e.month(zone), e.assistant_id)),
        "monthly_workflow": sums(runs, lambda e: (e.month(zone), e.workflow_id)),
        "active_transition": _transitions(events, zone),
        "person_activity": _person_activity(events, zone),
        "person_recent": _person_recent(events, zone, recent_since),
    }


def _total(events: list[Event]) -> Row:
    split = tuple(requests_of(kind, events) for kind in (CHAT, ASSISTANT, WORKFLOW))
    return (*measures(events), len(active_people(events)), *split)


def _daily_user(events: list[Event], zone: ZoneInfo) -> Table:
    days = grouped((e for e in events if e.user_id != 0), lambda e: (e.user_id, e.day(zone)))
    return {k: (*measures(group), first_value_at(group), last_active_at(group)) for k, group in days.items()}


def _requests_by_person(events: list[Event]) -> dict[int, list[Event]]:
    people: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.user_id != 0 and event.requests > 0:
            people[event.user_id].append(event)
    return people


def _transitions(events: list[Event], zone: ZoneInfo) -> Table:
    people: dict[tuple[dt.date, dt.date], int] = defaultdict(int)
    for own in _requests_by_person(events).values():
        previous = NEVER_BEFORE
        for day in sorted({event.day(zone) for event in own}):
            people[day, previous] += 1
            previous = day
    return {k: (count,) for k, count in people.items()}


def _person_activity(events: list[Event], zone: ZoneInfo) -> Table:
    return {
        (user_id,): (first_value_at(own), last_active_at(own), max(event.day(zone) for event in own))
        for user_id, own in _requests_by_person(events).items()
    }


def _person_recent(events: list[Event], zone: ZoneInfo, since: dt.date) -> Table:
    recent = grouped((e for e in events if e.user_id != 0 and e.day(zone) >= since), lambda e: (e.user_id,))
    return {
        k: (sum(e.requests for e in group), sum(e.input_tokens + e.output_tokens for e in group))
        for k, group in recent.items()
    }


# --- Figures of a range -------------------------------------------------------------------------------------------


def within(events: Iterable[Event], first: dt.date, last: dt.date, zone: ZoneInfo) -> list[Event]:
    """The events of these days, both included."""
    return [e for e in events if first <= e.day(zone) <= last]


@dataclass(frozen=True)
class FirstValue:
    buckets: dict[str, int]
    median_seconds: float | None
    never_recent: int
    never_old: int


def first_value(
    joined: Mapping[int, dt.datetime], events: Iterable[Event], days: set[dt.date], zone: ZoneInfo, now: dt.datetime
) -> FirstValue:
    """Of the people who joined on `days`: how long they took to their first successful request in all time."""
    requests = _requests_by_person(list(events))
    buckets = dict.fromkeys((*BUCKETS, "Never"), 0)
    seconds: list[float] = []
    never = {True: 0, False: 0}
    for user_id, joined_at in joined.items():
        if joined_at.astimezone(zone).date() not in days:
            continue
        value_at = first_value_at(requests.get(user_id, ()))
        if value_at is None:
            buckets["Never"] += 1
            never[now - joined_at < 7 * DAY] += 1
            continue
        took = max(value_at - joined_at, dt.timedelta(0))
        seconds.append(took.total_seconds())
        buckets[next(name for name, bound in BUCKETS.items() if took < bound)] += 1
    return FirstValue(buckets, statistics.median(seconds) if seconds else None, never[True], never[False])

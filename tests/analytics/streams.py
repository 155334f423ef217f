"""Random event streams for property tests: days and zones where calendars hurt, few people, many collisions.

HYPOTHESIS_SCALE=20 runs twenty times as many examples.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from analytics.periods import DayRange
from tests.analytics.oracle import ASSISTANT, CANCELLED, CHAT, ERROR, SUCCESS, WORKFLOW, Event, distinct

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",  # +05:45
    "America/St_Johns",  # -03:30
    "Australia/Lord_Howe",  # half an hour of summer time
    "Africa/Cairo",  # its clocks skip midnight itself
    "Pacific/Kiritimati",  # +14
    "Etc/GMT+12",  # -12
]
SPECIAL_DAYS = [
    dt.date(2024, 2, 29),
    dt.date(2024, 12, 31),
    dt.date(2025, 3, 9),  # 23 hours in New York
    dt.date(2025, 3, 30),  # 23 hours in Berlin
    dt.date(2025, 4, 25),  # no 00:00 in Cairo
    dt.date(2025, 10, 26),  # 25 hours in Berlin
    dt.date(2025, 11, 2),  # 25 hours in New York
]
zones = st.sampled_from(ZONES).map(ZoneInfo)


def examples(number: int) -> settings:
    return settings(
        max_examples=number * int(os.environ.get("HYPOTHESIS_SCALE", "1")),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def days(draw: st.DrawFn) -> dt.date:
    """A special day or one near it."""
    return draw(st.sampled_from(SPECIAL_DAYS)) + dt.timedelta(days=draw(st.integers(-3, 3)))


@st.composite
def day_ranges(draw: st.DrawFn) -> DayRange:
    first, last = sorted((draw(days()), draw(days())))
    return DayRange(first, last + dt.timedelta(days=1))


@st.composite
def short_ranges(draw: st.DrawFn) -> DayRange:
    first = draw(days())
    return DayRange(first, first + dt.timedelta(days=draw(st.integers(1, 7))))


@st.composite
def instants(draw: st.DrawFn, zone: ZoneInfo) -> dt.datetime:
    """Anywhere in a day of `zone`, with a liking for both sides of its midnights."""
    midnight = dt.datetime.combine(draw(days()), dt.time.min, zone).astimezone(dt.UTC)
    edges = st.sampled_from([dt.timedelta(0), -dt.timedelta(microseconds=1), dt.timedelta(minutes=30)])
    return midnight + draw(edges | st.builds(dt.timedelta, minutes=st.integers(0, 25 * 60)))


def events(zone: ZoneInfo) -> st.SearchStrategy[Event]:
    tokens = st.sampled_from([0, 1, 7, 1_000_000_000])
    return st.builds(
        Event,
        event_id=st.integers(0, 60).map(str),
        source=st.sampled_from(["litellm", "otlp"]),
        occurred_at=instants(zone),
        user_id=st.integers(0, 3),
        team_id=st.integers(0, 2),
        kind=st.sampled_from([CHAT, ASSISTANT, WORKFLOW]),
        assistant_id=st.integers(0, 2),
        workflow_id=st.integers(0, 2),
        requests=st.sampled_from([1, 1, 1, 0]),
        input_tokens=tokens,
        output_tokens=tokens,
        usage_known=st.booleans(),
        status=st.sampled_from([SUCCESS, SUCCESS, ERROR, CANCELLED]),
        model=st.sampled_from(["", "gpt-5", "Gemini 3 “pro”"]),
    )


@dataclass(frozen=True)
class Store:
    """A batch arrives: any events, some for the second time."""

    batch: tuple[Event, ...]


@dataclass(frozen=True)
class Fold:
    """One batch of up to `limit` pending events is folded."""

    limit: int


@dataclass(frozen=True)
class Stream:
    zone: ZoneInfo
    steps: tuple[Store | Fold, ...]

    @property
    def sent(self) -> list[Event]:
        return [event for step in self.steps if isinstance(step, Store) for event in step.batch]

    @property
    def sent_once(self) -> list[Event]:
        return distinct(self.sent)


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Events of some days in any order, sent in batches, repeated, with folds in between."""
    zone = draw(zones)
    known = draw(
        st.lists(events(zone), min_size=1, max_size=30, unique_by=lambda event: (event.source, event.event_id))
    )
    batches = st.lists(st.sampled_from(known), min_size=1, max_size=12).map(tuple)
    steps = draw(st.lists(st.builds(Store, batches) | st.builds(Fold, st.integers(1, 8)), max_size=14))
    return Stream(zone, (*steps, Store(tuple(known))))

"""How large the demo workspace is, and until when. Out: a checked `Scale`, the only source of size and chance."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

# Below these not every kind of person and item (never started, deleted, unused …) would be present.
LEAST = {"people": 24, "teams": 2, "assistants": 8, "workflows": 4, "months": 1, "events": 500}
MOST = {"people": 1_000_000, "teams": 5_000, "assistants": 20_000, "workflows": 20_000, "months": 120}
EARLIEST = dt.date(2000, 2, 1)  # what events may be stored from, and room for what was there before the first
EVENTS_PER_PERSON = 2  # everybody's first event, and one more


@dataclass(frozen=True, slots=True)
class Scale:
    """`events` and the other counts are met exactly. `until` is aware and excluded: nothing happens at or after it."""

    until: dt.datetime
    people: int = 120
    teams: int = 8
    assistants: int = 30
    workflows: int = 15
    months: int = 14
    events: int = 90_000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.until.tzinfo is None:
            raise ValueError(f"until needs a time zone: {self.until}")
        for name, least in LEAST.items():
            _require_within(name, getattr(self, name), least, MOST.get(name))
        if self.events < self.people * EVENTS_PER_PERSON:
            raise ValueError(f"{self.people:,} people need at least {self.people * EVENTS_PER_PERSON:,} events")
        if self.first_day < EARLIEST:
            raise ValueError(f"usage would begin on {self.first_day}, before {EARLIEST}: shorten months or move until")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative: {self.seed}")

    @property
    def first_day(self) -> dt.date:
        """The day on which the workspace opened: `months` calendar months before `until`."""
        last = self.until.astimezone(dt.UTC).date()
        year, month = divmod(last.year * 12 + last.month - 1 - self.months, 12)
        return dt.date(year, month + 1, min(last.day, 28))

    @property
    def days(self) -> int:
        """Days from `first_day` on that can hold events in some zone: one more than UTC has, for those east of it."""
        return (self.until.astimezone(dt.UTC).date() - self.first_day).days + 2

    @property
    def until_us(self) -> int:
        """`until` in microseconds since 1970, as all instants of the drawn columns are."""
        return to_us(self.until)

    @property
    def opened_us(self) -> int:
        """The first instant of `first_day` in UTC."""
        return to_us(dt.datetime.combine(self.first_day, dt.time(), dt.UTC))

    def chance(self, *purpose: int) -> np.random.Generator:
        """The generator for one purpose, so that a change in one place does not reshuffle all others."""
        return np.random.default_rng([self.seed, *purpose])


def _require_within(name: str, value: int, least: int, most: int | None) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least:,}: {value:,}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most:,}: {value:,}")


def to_us(instant: dt.datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def from_us(instant: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=int(instant))

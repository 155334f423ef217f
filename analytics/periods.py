"""Days and ranges of the reporting zone, without Django and without a clock.

In: `today` and what a person asked for (a preset, or two dates). Out: a half-open `DayRange`, or why not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

MAX_DAYS = 3660  # ten years
EARLIEST = dt.date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class DayRange:
    """Whole days, `start` included, `end` not."""

    start: dt.date
    end: dt.date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a range ends after it starts: {self.start} .. {self.end}")

    def __iter__(self) -> Iterator[dt.date]:
        return (self.start + dt.timedelta(days=n) for n in range(self.days))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, dt.date) and self.start <= day < self.end

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last(self) -> dt.date:
        """The last day inside."""
        return self.end - dt.timedelta(days=1)

    def previous(self) -> DayRange:
        """The range of equal length that ends where this one starts."""
        return DayRange(self.start - dt.timedelta(days=self.days), self.start)

    def bounds(self, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
        """The instants [start 00:00, end 00:00) of `zone`, in UTC; whole also on days of 23 and 25 hours."""
        return local_midnight(self.start, zone), local_midnight(self.end, zone)


def local_midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first instant of `day` in `zone`, in UTC."""
    return dt.datetime.combine(day, dt.time.min, zone).astimezone(dt.UTC)


class Preset(StrEnum):
    TODAY = "today"
    YESTERDAY = "yesterday"
    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_90_DAYS = "last_90_days"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    THIS_YEAR = "this_year"
    LAST_12_MONTHS = "last_12_months"

    def resolve(self, today: dt.date) -> DayRange:
        """The days this preset means on `today`, which the "last n" presets include."""
        return DayRange(*_SPANS[self](today))


_Span = tuple[dt.date, dt.date]  # first day, day after the last


def _last(days: int) -> Callable[[dt.date], _Span]:
    return lambda today: (_after(today) - dt.timedelta(days=days), _after(today))


def _after(day: dt.date) -> dt.date:
    return day + dt.timedelta(days=1)


def _year_before(day: dt.date) -> dt.date:
    if (day.month, day.day) == (2, 29):
        return dt.date(day.year - 1, 2, 28)
    return day.replace(year=day.year - 1)


_SPANS: dict[Preset, Callable[[dt.date], _Span]] = {
    Preset.TODAY: _last(1),
    Preset.YESTERDAY: lambda today: (today - dt.timedelta(days=1), today),
    Preset.LAST_7_DAYS: _last(7),
    Preset.LAST_30_DAYS: _last(30),
    Preset.LAST_90_DAYS: _last(90),
    Preset.THIS_MONTH: lambda today: (today.replace(day=1), _after(today)),
    Preset.LAST_MONTH: lambda today: (
        (today.replace(day=1) - dt.timedelta(days=1)).replace(day=1),
        today.replace(day=1),
    ),
    Preset.THIS_YEAR: lambda today: (today.replace(month=1, day=1), _after(today)),
    Preset.LAST_12_MONTHS: lambda today: (_after(_year_before(today)), _after(today)),
}
DEFAULT_PRESET = Preset.LAST_30_DAYS


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a range cannot be shown: a code that the page turns into a sentence, and what was asked."""

    code: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the page shows. With a `problem`, `days` is the default range, so that there is something to see."""

    days: DayRange
    preset: Preset | None
    problem: Problem | None = None
    asked_from: str = ""
    asked_to: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The URL parameters that lead back here."""
        if self.preset is not None:
            return {"range": self.preset.value}
        return {"from": self.days.start.isoformat(), "to": self.days.last.isoformat()}


def select(preset: str, date_from: str, date_to: str, today: dt.date) -> Selection:
    """The selection for the URL's `range`, `from` and `to` (all may be empty); `from`/`to` count without a preset.

    Both dates are included, as people mean them. A range that reaches past today is cut at today.
    """
    if preset and preset != "custom":
        try:
            chosen = Preset(preset)
        except ValueError:
            return _default(today, Problem("unknown_preset", preset))
        return Selection(chosen.resolve(today), chosen)
    if preset == "custom" or date_from or date_to:
        return _between(date_from.strip(), date_to.strip(), today)
    return Selection(DEFAULT_PRESET.resolve(today), DEFAULT_PRESET)


def _default(today: dt.date, problem: Problem, asked_from: str = "", asked_to: str = "") -> Selection:
    return Selection(DEFAULT_PRESET.resolve(today), DEFAULT_PRESET, problem, asked_from, asked_to)


def _between(date_from: str, date_to: str, today: dt.date) -> Selection:
    try:
        start, last = _date(date_from), _date(date_to)
        problem = _check(start, last, today)
    except ValueError as error:
        problem = Problem(*error.args)
    if problem is not None:
        return _default(today, problem, date_from, date_to)
    days = DayRange(start, min(last, today) + dt.timedelta(days=1))
    return Selection(days, None, None, date_from, date_to)


def _date(text: str) -> dt.date:
    if not text:
        raise ValueError("missing_date")
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError("bad_date", text) from None
    if day.isoformat() != text:  # 20260315 and 2026-W11-7 are ISO 8601 too
        raise ValueError("bad_date", text)
    return day


def _check(start: dt.date, last: dt.date, today: dt.date) -> Problem | None:
    if last < start:
        return Problem("reversed")
    if start > today:
        return Problem("future", start.isoformat())
    if start < EARLIEST:
        return Problem("too_early", start.isoformat())
    if (min(last, today) - start).days >= MAX_DAYS:
        return Problem("too_long")
    return None

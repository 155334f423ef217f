"""Used, allowed, remaining and state of limits in the period that holds a moment. The one place that says so.

In: limits with their open overrides (`limits_in_force`), an instant, the rollups' zone. Out: a `Reading` each. The sums
are those of `analytics.metrics.spending`, so they stand for everything up to the last folded event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, QuerySet

from analytics.metrics import spending
from analytics.metrics.spending import Everybody, Mark, Meter, Subject
from analytics.periods import DayRange, local_midnight
from tokenlimits.models import WHOLE, Enforcement, LimitOverride, Scope, TokenLimit
from tokenlimits.pace import Fall
from tokenlimits.periods import Period

AMBER, RED = 75, 90  # percent

# Period → people whose own limit stands in place of the one for every person.
OwnLimits = Mapping[str, Sequence[int]]


class HasTokens(Protocol):
    """A limit or an override of one."""

    @property
    def tokens(self) -> int: ...


class HasTarget(Protocol):
    """A limit, as it is stored or as it applies to a request."""

    @property
    def scope(self) -> str: ...
    @property
    def team_id(self) -> int | None: ...
    @property
    def person_id(self) -> int | None: ...
    @property
    def model(self) -> str: ...


class Level(StrEnum):
    """How full a limit is: the colour and the word of its bar."""

    CALM = "calm"
    AMBER = "amber"
    RED = "red"
    REACHED = "reached"


@dataclass(frozen=True, slots=True)
class Reading:
    """One limit in one period. `allowed` is the limit, or what an override allows instead.

    Of a limit for every person, `used` is what whoever used the most used; `everybody` says who and how many.
    """

    limit: TokenLimit
    days: DayRange
    resets_at: dt.datetime
    used: int
    allowed: int
    override: LimitOverride | None = None
    everybody: Everybody | None = None

    @property
    def remaining(self) -> int:
        return max(0, self.allowed - self.used)

    @property
    def share(self) -> float:
        """0..1 and beyond."""
        return self.used / self.allowed

    @property
    def is_reached(self) -> bool:
        return self.used >= self.allowed

    @property
    def blocks(self) -> bool:
        return self.is_reached and self.limit.enforcement == Enforcement.HARD

    @property
    def level(self) -> Level:
        if self.is_reached:
            return Level.REACHED
        if reaches(self.used, RED, self.allowed):
            return Level.RED
        return Level.AMBER if reaches(self.used, AMBER, self.allowed) else Level.CALM

    @property
    def is_outgrown(self) -> bool:
        """Whether there is an override that allows no more than the limit does by now."""
        return self.override is not None and self.override.tokens <= self.limit.tokens

    @property
    def fall(self) -> Fall | None:
        """What is allowed when the override has ended, if that is in this period."""
        if self.override is None or self.is_outgrown or self.override.ends_on >= self.days.last:
            return None
        return Fall(self.override.ends_on + dt.timedelta(days=1), self.limit.tokens)

    @property
    def threshold(self) -> int | None:
        """The highest of the limit's thresholds that is reached."""
        return max((t for t in self.limit.thresholds if reaches(self.used, t, self.allowed)), default=None)


def reaches(used: int, percent: int, allowed: int) -> bool:
    """Whether `used` is `percent` of `allowed` or more; in whole numbers, so exactly at it is at it."""
    return used * WHOLE >= percent * allowed


def limits_in_force(today: dt.date) -> QuerySet[TokenLimit]:
    """All limits that are not removed, with team, person and the override open on `today`. Two queries."""
    open_overrides = LimitOverride.objects.filter(ended_at__isnull=True, ends_on__gte=today).select_related(
        "created_by"
    )
    limits = TokenLimit.objects.filter(removed_at__isnull=True).select_related("team", "person")
    return limits.defer("person__search").prefetch_related(
        Prefetch("overrides", open_overrides, to_attr="open_overrides")
    )


def override_of(limit: TokenLimit) -> LimitOverride | None:
    """The open override of a limit out of `limits_in_force`."""
    overrides: list[LimitOverride] = getattr(limit, "open_overrides", [])
    return overrides[0] if overrides else None


def allowed_by(limit: HasTokens, override: HasTokens | None) -> int:
    """An override never takes away: a limit raised beyond it counts as it is."""
    return max(limit.tokens, override.tokens) if override else limit.tokens


def meter_of(limit: HasTarget, days: DayRange, person_id: int = 0) -> Meter:
    """What counts against `limit` on `days`; of a limit for every person, for this one."""
    match Scope(limit.scope):
        case Scope.WORKSPACE:
            return Meter(Subject.WORKSPACE, 0, days)
        case Scope.TEAM:
            return Meter(Subject.TEAM, limit.team_id or 0, days)
        case Scope.MODEL:
            return Meter(Subject.MODEL, limit.model, days)
        case Scope.PERSON | Scope.EVERYBODY:
            return Meter(Subject.PERSON, limit.person_id or person_id, days)


def read(
    limits: Sequence[TokenLimit], now: dt.datetime, zone: ZoneInfo, own: OwnLimits | None = None
) -> tuple[Reading, ...]:
    """A reading of each limit, in order. `own`: who has one of their own, where `limits` do not say so.

    One query, and one more where some limit every person.
    """
    today = now.astimezone(zone).date()
    periods = {period: period.around(today) for period in Period}
    counted = [limit for limit in limits if limit.scope != Scope.EVERYBODY]
    meters = [meter_of(limit, periods[Period(limit.period)]) for limit in counted]
    used = dict(zip((limit.pk for limit in counted), spending.tokens_on(meters), strict=True))
    everybody = _everybody(limits, periods, own_limits(limits) if own is None else own)
    readings = []
    for limit in limits:
        days, override, people = periods[Period(limit.period)], override_of(limit), everybody.get(limit.pk)
        tokens = people.highest if people else used[limit.pk]
        resets_at, allowed = local_midnight(days.end, zone), allowed_by(limit, override)
        readings.append(Reading(limit, days, resets_at, tokens, allowed, override, people))
    return tuple(readings)


def _everybody(
    limits: Sequence[TokenLimit], periods: Mapping[Period, DayRange], own: OwnLimits
) -> dict[int, Everybody]:
    """Of the limits for every person, by id. One query, none without any."""
    each = [limit for limit in limits if limit.scope == Scope.EVERYBODY]
    marks = [
        Mark(periods[Period(limit.period)], allowed_by(limit, override_of(limit)), tuple(own.get(limit.period, ())))
        for limit in each
    ]
    return dict(zip((limit.pk for limit in each), spending.everybody(marks), strict=True))


def read_for(person_id: int, limits: Sequence[TokenLimit], now: dt.datetime, zone: ZoneInfo) -> tuple[Reading, ...]:
    """A reading of each limit as one person meets it: of a limit for every person, theirs. One query."""
    today = now.astimezone(zone).date()
    meters = [meter_of(limit, Period(limit.period).around(today), person_id) for limit in limits]
    readings = zip(limits, meters, spending.tokens_on(meters), strict=True)
    return tuple(
        Reading(
            limit,
            counted.days,
            local_midnight(counted.days.end, zone),
            used,
            allowed_by(limit, override_of(limit)),
            override_of(limit),
        )
        for limit, counted, used in readings
    )


def own_limits(limits: Iterable[TokenLimit]) -> OwnLimits:
    """Who of these limits has one of their own, by period."""
    own: dict[str, list[int]] = {}
    for limit in limits:
        if limit.person_id:
            own.setdefault(limit.period, []).append(limit.person_id)
    return own


def own_limits_of(period: str) -> OwnLimits:
    """The same of all limits that stand, over one period. One query."""
    own = TokenLimit.objects.filter(removed_at__isnull=True, scope=Scope.PERSON, period=period)
    return {period: list(own.values_list("person_id", flat=True))}

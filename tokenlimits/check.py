"""Before a request: may it run? What the platform asks, answered from the same sums as the page.

In: who asks, for which team, with which model, for how many tokens, as the platform names them. Out: an `Answer` with
every limit that applies. Two queries, whatever limits there are; nothing but PostgreSQL is asked.

*Blocked*: a hard limit is reached, or the request would pass it. *Warn*: a soft one is, or one of a limit's thresholds
is reached. Else *allowed*. The tightest limit binds: the worst decision, then the fewest tokens left, then the latest
reset. Names resolve as those of usage do: a person by the platform's id or email, a team by key, else the person's
primary team; an unknown person has used nothing yet, and limits for every person apply to them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from analytics.metrics import spending
from analytics.metrics.spending import Meter, Subject
from analytics.periods import DayRange, local_midnight
from tokenlimits import applying
from tokenlimits.applying import Applying, Question
from tokenlimits.meter import allowed_by, meter_of, reaches
from tokenlimits.models import Enforcement
from tokenlimits.periods import Period

MODEL_KNOWN_DAYS = 90  # without a limit on it and without tokens in these, a model is called unknown


class Decision(StrEnum):
    """From the best to the worst."""

    ALLOWED = "allowed"
    WARN = "warn"
    BLOCKED = "blocked"


_BADNESS = {decision: place for place, decision in enumerate(Decision)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one limit says to the request."""

    limit: Applying
    decision: Decision
    used: int
    allowed: int
    threshold: int | None  # the highest that is reached, percent
    days: DayRange
    resets_at: dt.datetime
    override_until: dt.date | None

    @property
    def remaining(self) -> int:
        return max(0, self.allowed - self.used)

    @property
    def is_reached(self) -> bool:
        return self.used >= self.allowed


@dataclass(frozen=True, slots=True)
class Answer:
    """`verdicts`: of all limits that apply, the tightest first. `unknown`: which of the names nobody knows.

    `as_of`: every event committed before it is counted; None before the first fold.
    """

    decision: Decision
    verdicts: tuple[Verdict, ...]
    unknown: tuple[str, ...]
    as_of: dt.datetime | None

    @property
    def binding(self) -> Verdict | None:
        return self.verdicts[0] if self.verdicts else None


def check(question: Question, now: dt.datetime) -> Answer:
    """The answer for now. Two queries."""
    found = applying.find(question, now)
    periods = {period: period.around(found.today) for period in Period}
    resets_at = {period: local_midnight(days.end, found.time_zone) for period, days in periods.items()}
    meters = [meter_of(limit, periods[limit.period], found.person_id) for limit in found.limits]
    asks_for_model = bool(question.model) and not any(limit.model for limit in found.limits)
    if asks_for_model:
        lately = DayRange(found.today - dt.timedelta(days=MODEL_KNOWN_DAYS), found.today + dt.timedelta(days=1))
        meters.append(Meter(Subject.MODEL, question.model, lately))
    used = spending.tokens_on(meters)
    unknown = (*found.unknown, *(["model"] if asks_for_model and not used[-1] else []))
    verdicts = [
        _verdict(limit, tokens, question.tokens, periods[limit.period], resets_at[limit.period])
        for limit, tokens in zip(found.limits, used, strict=False)
    ]
    verdicts.sort(key=lambda v: (-_BADNESS[v.decision], v.remaining, -v.resets_at.timestamp(), v.limit.id))
    decision = verdicts[0].decision if verdicts else Decision.ALLOWED
    return Answer(decision, tuple(verdicts), unknown, found.as_of)


def _verdict(limit: Applying, used: int, wanted: int, days: DayRange, resets_at: dt.datetime) -> Verdict:
    allowed = allowed_by(limit, limit.override)
    threshold = max((t for t in limit.thresholds if reaches(used, t, allowed)), default=None)
    decision = Decision.ALLOWED if threshold is None else Decision.WARN
    if used >= allowed or used + wanted > allowed:
        decision = Decision.BLOCKED if limit.enforcement == Enforcement.HARD else Decision.WARN
    until = limit.override.ends_on if limit.override and limit.override.tokens > limit.tokens else None
    return Verdict(limit, decision, used, allowed, threshold, days, resets_at, until)

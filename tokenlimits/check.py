"""Before a request: may it run? What the platform asks, answered from the same sums as the page.

In: who asks, for which team, with which model, for how many tokens, as the platform names them. Out: an `Answer` with
every limit that applies. Four queries at most; nothing but PostgreSQL is asked.

*Blocked*: a hard limit is reached, or the request would pass it. *Warn*: a soft one is, or one of a limit's thresholds
is reached. Else *allowed*. The tightest limit binds: the worst decision, then the fewest tokens left, then the latest
reset. Names resolve as those of usage do: a person by the platform's id or email, a team by key, else the person's
primary team; an unknown person has used nothing yet, and limits for every person apply to them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection

from analytics.metrics import spending
from analytics.metrics.spending import Meter, Subject
from analytics.periods import DayRange, local_midnight
from analytics.rollups import state
from tokenlimits.meter import allowed_by, meter_of, reaches
from tokenlimits.models import Enforcement, LimitOverride, Scope, TokenLimit
from tokenlimits.periods import Period
from usermgmt.models import normalize_email

MODEL_KNOWN_DAYS = 90  # without a limit on it and without tokens in these, a model is called unknown


class Decision(StrEnum):
    """From the best to the worst."""

    ALLOWED = "allowed"
    WARN = "warn"
    BLOCKED = "blocked"


_BADNESS = {decision: place for place, decision in enumerate(Decision)}


@dataclass(frozen=True, slots=True)
class Question:
    """As the platform names things; "" is nobody, the person's own team, no model. `tokens`: about to be used."""

    user: str = ""
    team: str = ""
    model: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one limit says to the request."""

    limit: TokenLimit
    name: str
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
    """The answer for now."""
    at = state.read()
    today = now.astimezone(at.time_zone).date()
    applying = _applying(question, today)
    periods = {period: period.around(today) for period in Period}
    meters = [
        meter_of(limit, periods[Period(limit.period)], applying.person_id) for limit, _name, _o in applying.limits
    ]
    asks_for_model = bool(question.model) and not any(limit.model for limit, _name, _o in applying.limits)
    if asks_for_model:
        lately = DayRange(today - dt.timedelta(days=MODEL_KNOWN_DAYS), today + dt.timedelta(days=1))
        meters.append(Meter(Subject.MODEL, question.model, lately))
    used = spending.tokens_on(meters)
    unknown = [*applying.unknown, *(["model"] if asks_for_model and not used[-1] else [])]
    verdicts = [
        _verdict(
            limit, name, override, tokens, question.tokens, meter.days, local_midnight(meter.days.end, at.time_zone)
        )
        for (limit, name, override), tokens, meter in zip(applying.limits, used, meters, strict=False)
    ]
    verdicts.sort(key=lambda v: (-_BADNESS[v.decision], v.remaining, -v.resets_at.timestamp(), v.limit.pk))
    decision = verdicts[0].decision if verdicts else Decision.ALLOWED
    return Answer(decision, tuple(verdicts), tuple(unknown), at.as_of)


def _verdict(
    limit: TokenLimit,
    name: str,
    override: LimitOverride | None,
    used: int,
    wanted: int,
    days: DayRange,
    resets_at: dt.datetime,
) -> Verdict:
    allowed = allowed_by(limit, override)
    threshold = max((t for t in limit.thresholds if reaches(used, t, allowed)), default=None)
    decision = Decision.ALLOWED if threshold is None else Decision.WARN
    if used >= allowed or used + wanted > allowed:
        decision = Decision.BLOCKED if limit.enforcement == Enforcement.HARD else Decision.WARN
    until = override.ends_on if override and allowed == override.tokens else None
    return Verdict(limit, name, decision, used, allowed, threshold, days, resets_at, until)


# --- Which limits apply -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Applying:
    """`person_id` is 0 where nobody is named, or nobody known."""

    person_id: int
    limits: list[tuple[TokenLimit, str, LimitOverride | None]]
    unknown: list[str]


# Unique keys of person and team, membership_one_primary; limits are few enough to be read from end to end.
_APPLYING = """
    WITH somebody AS (
        SELECT id, display_name FROM person WHERE external_id = %(user)s OR email = %(email)s
        ORDER BY external_id IS NOT DISTINCT FROM %(user)s DESC LIMIT 1
    ), theirs AS (
        SELECT team.id, team.name FROM team WHERE %(team)s <> '' AND team.key = %(team)s
        UNION ALL
        SELECT team.id, team.name FROM somebody
        JOIN membership ON membership.user_id = somebody.id AND membership.is_primary
        JOIN team ON team.id = membership.team_id AND team.deleted_at IS NULL
        WHERE %(team)s = ''
    ), found AS (
        SELECT (SELECT id FROM somebody) AS person_id, (SELECT id FROM theirs) AS team_id
    ), applying AS (
        SELECT token_limit.* FROM token_limit, found
        WHERE removed_at IS NULL AND (
            scope = 'workspace'
            OR scope = 'team' AND token_limit.team_id = found.team_id
            OR scope = 'person' AND token_limit.person_id = found.person_id
            OR scope = 'model' AND token_limit.model = %(model)s
            OR scope = 'everybody' AND %(user)s <> '' AND NOT EXISTS (
                SELECT FROM token_limit own WHERE own.removed_at IS NULL AND own.scope = 'person'
                AND own.person_id = found.person_id AND own.period = token_limit.period
            )
        )
    )
    SELECT found.person_id, found.team_id, (SELECT display_name FROM somebody), (SELECT name FROM theirs),
        applying.id, applying.scope, applying.team_id, applying.person_id, applying.model, applying.period,
        applying.tokens, applying.enforcement, applying.thresholds, higher.tokens, higher.ends_on
    FROM found LEFT JOIN applying ON true
    LEFT JOIN limit_override higher
        ON higher.limit_id = applying.id AND higher.ended_at IS NULL AND higher.ends_on >= %(today)s
"""
_FIELDS = ("id", "scope", "team_id", "person_id", "model", "period", "tokens", "enforcement", "thresholds")


def _applying(question: Question, today: dt.date) -> _Applying:
    """One query: this stands before every request of the platform, and the ORM would need four."""
    with connection.cursor() as cursor:
        cursor.execute(
            _APPLYING,
            {
                "user": question.user,
                "email": normalize_email(question.user) if "@" in question.user else None,
                "team": question.team,
                "model": question.model,
                "today": today,
            },
        )
        rows = cursor.fetchall()
    person_id, team_id, person, team = rows[0][:4]
    unknown = [name for name, said, pk in (("user", question.user, person_id), ("team", question.team, team_id))
               if said and pk is None]  # fmt: skip
    limits = [_limit(row[4:], person or "", team or "") for row in rows if row[4] is not None]
    return _Applying(person_id or 0, limits, unknown)


def _limit(row: tuple[Any, ...], person: str, team: str) -> tuple[TokenLimit, str, LimitOverride | None]:
    limit = TokenLimit(**dict(zip(_FIELDS, row, strict=False)))
    *_fields, tokens, ends_on = row
    names = {Scope.WORKSPACE: "Workspace", Scope.EVERYBODY: "Every person", Scope.TEAM: team, Scope.PERSON: person}
    override = None if tokens is None else LimitOverride(limit_id=limit.pk, tokens=tokens, ends_on=ends_on)
    return limit, names.get(Scope(limit.scope), limit.model), override

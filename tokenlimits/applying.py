"""Which limits apply to a request, by the names that the platform uses. One statement.

It stands before every request of the platform: the ORM would need five queries for it, which took longer than all else.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from analytics.models.statements import prepared
from analytics.rollups import state
from tokenlimits.models import LimitOverride, Scope, TokenLimit
from usermgmt.models import normalize_email


@dataclass(frozen=True, slots=True)
class Question:
    """As the platform names things; "" is nobody, the person's own team, no model. `tokens`: about to be used."""

    user: str = ""
    team: str = ""
    model: str = ""
    tokens: int = 0


class Applying(NamedTuple):
    """A limit that applies, what it is called, and the override that is open."""

    limit: TokenLimit
    name: str
    override: LimitOverride | None


@dataclass(frozen=True, slots=True)
class Found:
    """`person_id` is 0 where nobody is named, or nobody known. `unknown`: the names of the question nobody knows.

    `time_zone`, `today`, `as_of`: of the rollups, at the instant of the question.
    """

    limits: tuple[Applying, ...]
    person_id: int
    unknown: tuple[str, ...]
    time_zone: ZoneInfo
    today: dt.date
    as_of: dt.datetime | None


# Unique keys of person and team, membership_one_primary; limits are few enough to be read from end to end.
_FIND = f"""
    WITH fresh AS ({state.FRESHNESS}), moment AS (
        SELECT as_of, coalesce(time_zone, %(zone)s) AS time_zone,
            (%(now)s::timestamptz AT TIME ZONE coalesce(time_zone, %(zone)s))::date AS today
        FROM fresh
    ), somebody AS (
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
        SELECT (SELECT id FROM somebody) AS person_id, (SELECT id FROM theirs) AS team_id, array(
            SELECT period FROM token_limit JOIN somebody ON token_limit.person_id = somebody.id
            WHERE removed_at IS NULL AND scope = 'person'
        ) AS own_periods
    ), applying AS (
        SELECT token_limit.* FROM token_limit, found
        WHERE removed_at IS NULL AND (
            scope = 'workspace'
            OR scope = 'team' AND token_limit.team_id = found.team_id
            OR scope = 'person' AND token_limit.person_id = found.person_id
            OR scope = 'model' AND token_limit.model = %(model)s
            OR scope = 'everybody' AND %(user)s <> '' AND period <> ALL (own_periods)
        )
    )
    SELECT moment.time_zone, moment.today, moment.as_of,
        found.person_id, found.team_id, (SELECT display_name FROM somebody), (SELECT name FROM theirs),
        applying.id, applying.scope, applying.team_id, applying.person_id, applying.model, applying.period,
        applying.tokens, applying.enforcement, applying.thresholds, higher.tokens, higher.ends_on
    FROM moment CROSS JOIN found LEFT JOIN applying ON true
    LEFT JOIN limit_override higher
        ON higher.limit_id = applying.id AND higher.ended_at IS NULL AND higher.ends_on >= moment.today
"""
# In the order of the model.
_FIELDS = ("id", "scope", "team_id", "person_id", "model", "period", "tokens", "enforcement", "thresholds")


def find(question: Question, now: dt.datetime) -> Found:
    """The limits that apply at `now`. One query."""
    with prepared() as cursor:
        cursor.execute(
            _FIND,
            {
                "user": question.user,
                "email": normalize_email(question.user) if "@" in question.user else None,
                "team": question.team,
                "model": question.model,
                "now": now,
                "zone": settings.REPORTING_TIME_ZONE,
            },
        )
        rows = cursor.fetchall()
    time_zone, today, as_of, person_id, team_id, person, team = rows[0][:7]
    known = {"user": person_id, "team": team_id}
    return Found(
        limits=tuple(_applying(row[7:], person or "", team or "") for row in rows if row[7] is not None),
        person_id=person_id or 0,
        unknown=tuple(name for name, pk in known.items() if getattr(question, name) and pk is None),
        time_zone=ZoneInfo(time_zone),
        today=today,
        as_of=as_of,
    )


def _applying(row: tuple[Any, ...], person: str, team: str) -> Applying:
    limit = TokenLimit.from_db(DEFAULT_DB_ALIAS, _FIELDS, row[: len(_FIELDS)])
    *_fields, tokens, ends_on = row
    names = {Scope.WORKSPACE: "Workspace", Scope.EVERYBODY: "Every person", Scope.TEAM: team, Scope.PERSON: person}
    override = None if tokens is None else LimitOverride(limit_id=limit.pk, tokens=tokens, ends_on=ends_on)
    return Applying(limit, names.get(Scope(limit.scope), limit.model), override)

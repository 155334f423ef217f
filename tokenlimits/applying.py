"""Which limits apply to a request, by the names that the platform uses. One statement.

It stands before every request of the platform: the ORM would need five queries for it, which took longer than all else.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings

from analytics.models.statements import Statement
from analytics.rollups import state
from tokenlimits.models import Enforcement, Scope
from tokenlimits.periods import Period
from usermgmt.models import normalize_email


@dataclass(frozen=True, slots=True)
class Question:
    """As the platform names things; "" is nobody, the person's own team, no model. `tokens`: about to be used."""

    user: str = ""
    team: str = ""
    model: str = ""
    tokens: int = 0


class Override(msgspec.Struct, frozen=True):
    """What is open of a limit's overrides: so many tokens instead, until the end of a day."""

    tokens: int
    ends_on: dt.date


class Applying(msgspec.Struct, frozen=True):
    """A limit that applies, as it stands in `TokenLimit`, what it is called, and the override that is open."""

    id: int
    scope: Scope
    team_id: int | None
    person_id: int | None
    model: str
    period: Period
    tokens: int
    enforcement: Enforcement
    thresholds: tuple[int, ...]
    name: str
    override: Override | None


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


# Unique keys of person and team, membership_one_primary, token_limit_once, token_limit_person_id.
_FIND = Statement(
    f"""
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
        SELECT (SELECT id FROM somebody) AS person_id, (SELECT display_name FROM somebody) AS person,
            (SELECT id FROM theirs) AS team_id, (SELECT name FROM theirs) AS team,
            array(
                SELECT period FROM token_limit JOIN somebody ON token_limit.person_id = somebody.id
                WHERE removed_at IS NULL AND scope = 'person'
            ) AS own_periods
    ), applying AS (
        SELECT one.id, scope, one.team_id, one.person_id, model, period, one.tokens, enforcement, thresholds,
            CASE scope WHEN 'workspace' THEN 'Workspace' WHEN 'everybody' THEN 'Every person'
                WHEN 'team' THEN found.team WHEN 'person' THEN found.person ELSE model END AS name,
            override
        FROM found CROSS JOIN moment JOIN token_limit one ON removed_at IS NULL AND (
            scope = 'workspace'
            OR scope = 'team' AND one.team_id = found.team_id
            OR scope = 'person' AND one.person_id = found.person_id
            OR scope = 'model' AND model = %(model)s
            OR scope = 'everybody' AND %(user)s <> '' AND period <> ALL (own_periods)
        )
        LEFT JOIN (SELECT limit_id, tokens, ends_on FROM limit_override WHERE ended_at IS NULL) override
            ON override.limit_id = one.id AND override.ends_on >= moment.today
    )
    SELECT json_build_array(
        time_zone, today, as_of, person_id, team_id, (SELECT coalesce(json_agg(applying), '[]') FROM applying)
    )::text
    FROM moment CROSS JOIN found
    """,
    tuple[str, dt.date, dt.datetime | None, int | None, int | None, tuple[Applying, ...]],
)


def find(question: Question, now: dt.datetime) -> Found:
    """The limits that apply at `now`. One query."""
    found = _FIND.ask(
        {
            "user": question.user,
            "email": normalize_email(question.user) if "@" in question.user else None,
            "team": question.team,
            "model": question.model,
            "now": now,
            "zone": settings.REPORTING_TIME_ZONE,
        }
    )
    assert found is not None  # there is always a moment
    time_zone, today, as_of, person_id, team_id, limits = found
    known = {"user": person_id, "team": team_id}
    return Found(
        limits=limits,
        person_id=person_id or 0,
        unknown=tuple(name for name, pk in known.items() if getattr(question, name) and pk is None),
        time_zone=ZoneInfo(time_zone),
        today=today,
        as_of=as_of,
    )

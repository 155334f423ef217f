"""How much was used: sums by day, team, assistant and workflow over a range. The only reader of those rollups."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

from analytics.metrics.figures import (
    DayFigures,
    Named,
    PeriodTotals,
    PersonFigures,
    UnusedAssistant,
)
from analytics.metrics.tiers import usage_by
from analytics.periods import DayRange

CLEAN_UP_AGE = dt.timedelta(days=30)  # assistants younger than that are not called unused

_DAY_COLUMNS = (
    "requests, failed_requests, input_tokens, output_tokens, calls_without_usage, "
    "active_users, chat_requests, assistant_requests, workflow_requests"
)
_MEASURES = ("requests", "failed_requests", "input_tokens", "output_tokens", "calls_without_usage")
_SUMS = ", ".join(f"u.{name}" for name in _MEASURES)
_SUM_UP = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in _MEASURES)


def has_come_in() -> bool:
    """Whether any usage ever did, counted already or not. One query."""
    ((found,),) = _rows("SELECT EXISTS (SELECT FROM daily_total) OR EXISTS (SELECT FROM pending_event)", {})
    return bool(found)


def by_day(days: DayRange, today: dt.date) -> tuple[DayFigures, ...]:
    """Every day of the range in order, zeros where nothing happened. One query, by primary key."""
    rows = _rows(
        f"SELECT {_DAY_COLUMNS}, day, day = %(today)s FROM daily_total WHERE day >= %(start)s AND day < %(end)s",
        {"start": days.start, "end": days.end, "today": today},
    )
    figures = {figure.day: figure for figure in (DayFigures(*row) for row in rows)}
    return tuple(figures.get(day) or DayFigures(day=day, incomplete=day == today) for day in days)


def totals(days: tuple[DayFigures, ...], active_users: int) -> PeriodTotals:
    """The sums of these days; people are distinct over the range, so their number comes from outside."""
    return PeriodTotals(
        requests=sum(d.requests for d in days),
        failed_requests=sum(d.failed_requests for d in days),
        input_tokens=sum(d.input_tokens for d in days),
        output_tokens=sum(d.output_tokens for d in days),
        calls_without_usage=sum(d.calls_without_usage for d in days),
        active_users=active_users,
        chat_requests=sum(d.chat_requests for d in days),
        assistant_requests=sum(d.assistant_requests for d in days),
        workflow_requests=sum(d.workflow_requests for d in days),
    )


def by_team(days: DayRange) -> tuple[Named, ...]:
    """Teams with any usage, by tokens, then requests, then name; id 0 is usage without a team. One query."""
    sql, params = usage_by("team", days)
    rows = _rows(
        f"""SELECT {_SUMS}, u.id, coalesce(t.name, ''), t.deleted_at IS NOT NULL, t.archived_at IS NOT NULL
            FROM ({sql}) u LEFT JOIN team t ON t.id = u.id""",
        params,
    )
    return tuple(sorted((Named(*row) for row in rows), key=by_tokens))


def by_workflow(days: DayRange) -> tuple[Named, ...]:
    """Workflows with any usage, by runs, then tokens, then name. One query."""
    sql, params = usage_by("workflow", days)
    rows = _rows(
        f"""SELECT {_SUMS}, u.id, coalesce(w.name, ''), w.deleted_at IS NOT NULL, w.archived_at IS NOT NULL
            FROM ({sql}) u LEFT JOIN workflow w ON w.id = u.id""",
        params,
    )
    return tuple(
        sorted(
            (Named(*row) for row in rows),
            key=lambda w: (-w.requests, -w.tokens, w.name, w.id),
        )
    )


def by_assistant(days: DayRange, now: dt.datetime) -> tuple[tuple[Named, ...], tuple[UnusedAssistant, ...]]:
    """Assistants with any usage, by tokens, then requests, then name; and the live ones that are older than 30 days
    and had no request in the range, never used first, then longest unused. One query.
    """
    sql, params = usage_by("assistant", days)
    rows = _rows(
        f"""SELECT {_SUMS}, coalesce(u.id, a.id), coalesce(a.name, ''), a.deleted_at IS NOT NULL,
                a.archived_at IS NOT NULL, a.created_at, CASE WHEN u.requests > 0 THEN NULL ELSE (
                    SELECT max(day) FROM daily_assistant d WHERE d.assistant_id = a.id AND d.requests > 0
                ) END
            FROM ({sql}) u FULL JOIN assistant a ON a.id = u.id
            WHERE u.id IS NOT NULL OR (
                a.archived_at IS NULL AND a.deleted_at IS NULL AND a.created_at < %(old_enough)s
            )""",
        params | {"old_enough": now - CLEAN_UP_AGE},
    )
    used = sorted((Named(*row[:9]) for row in rows if row[0] is not None), key=by_tokens)
    unused = [
        UnusedAssistant(row[5], row[6], row[9], row[10])
        for row in rows
        if not row[0] and row[9] and not row[7] and not row[8] and row[9] < now - CLEAN_UP_AGE
    ]
    return tuple(used), tuple(sorted(unused, key=lambda a: (a.last_used or dt.date.min, a.name, a.id)))


def by_person(days: DayRange, after: int, limit: int) -> tuple[PersonFigures, ...]:
    """Up to `limit` people with any usage whose id is larger than `after`, by id. One query.

    Walks daily_user's key (user_id, day) and stops after that many people, however many there are.
    """
    rows = _rows(
        f"""SELECT {_SUMS}, u.user_id, coalesce(p.name, ''), coalesce(p.email, ''), coalesce(p.external_id, ''),
                coalesce(p.status = 'deleted', false)
            FROM (
                SELECT user_id, {_SUM_UP} FROM daily_user
                WHERE user_id > %(after)s AND day >= %(start)s AND day < %(end)s
                GROUP BY user_id ORDER BY user_id LIMIT %(limit)s
            ) u LEFT JOIN person p ON p.id = u.user_id ORDER BY u.user_id""",
        {"after": after, "limit": limit, "start": days.start, "end": days.end},
    )
    return tuple(PersonFigures(*row) for row in rows)


def without_person(days: DayRange) -> PersonFigures:
    """The sums of usage without a person: all of it less that of people. One query, which reads the whole range."""
    each = ", ".join(f"(t.{name} - u.{name})::bigint" for name in _MEASURES)
    ((*sums,),) = _rows(
        f"""SELECT {each} FROM
            (SELECT {_SUM_UP} FROM daily_total WHERE day >= %(start)s AND day < %(end)s) t,
            (SELECT {_SUM_UP} FROM daily_user WHERE day >= %(start)s AND day < %(end)s) u""",
        {"start": days.start, "end": days.end},
    )
    return PersonFigures(*sums)


def by_tokens(item: Named) -> tuple[int, int, str, int]:
    """The key of a ranking: most tokens first, then most requests, then by name."""
    return (-item.tokens, -item.requests, item.name, item.id)


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

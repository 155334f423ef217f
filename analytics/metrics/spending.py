"""Tokens as budgets count them: by model, by person, and what stands on a meter. The only reader of daily_model.

A meter is whose tokens over which days: the workspace's, a team's, a person's or a model's. All figures are sums of the
same rollups as the Analytics page's, so that both say the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from analytics.metrics.figures import ModelFigures, PersonFigures
from analytics.models.statements import Statement
from analytics.periods import DayRange

_MEASURES = ("requests", "failed_requests", "input_tokens", "output_tokens", "calls_without_usage")
_NAMED_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in _MEASURES)
_WITHIN = "day >= %(start)s AND day < %(end)s"


class Subject(StrEnum):
    """Whose tokens are counted."""

    WORKSPACE = "workspace"
    TEAM = "team"
    PERSON = "person"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Meter:
    """`key` is the id of the team or person, or the model's name; nothing for the workspace."""

    subject: Subject
    key: int | str
    days: DayRange


class _Source(NamedTuple):
    table: str
    key: str  # the column, or what stands for it
    type: str


_SOURCES = {
    Subject.WORKSPACE: _Source("daily_total", "0", "int"),
    Subject.TEAM: _Source("daily_team", "used.team_id", "bigint"),
    Subject.PERSON: _Source("daily_user", "used.user_id", "bigint"),
    Subject.MODEL: _Source("daily_model", "used.model", "text"),
}


# A person's days lie together in the primary key, a team's and a model's between those of all others: day by day.
_TOKENS_ON = Statement(
    """
    WITH meter AS MATERIALIZED (
        SELECT * FROM json_to_recordset(%(meters)s) AS meter(place int, subject text, key text, first date, next date)
    ), part AS (
        SELECT place, input_tokens + output_tokens AS tokens
        FROM meter JOIN daily_total ON day >= first AND day < next
        WHERE subject = 'workspace'
        UNION ALL
        SELECT place, input_tokens + output_tokens
        FROM meter JOIN daily_user ON user_id = key::bigint AND day >= first AND day < next
        WHERE subject = 'person'
        UNION ALL
        SELECT place, (
            SELECT input_tokens + output_tokens FROM daily_team WHERE day = first + n AND team_id = key::bigint
        ) FROM meter, generate_series(0, next - first - 1) n
        WHERE subject = 'team'
        UNION ALL
        SELECT place, (SELECT input_tokens + output_tokens FROM daily_model WHERE day = first + n AND model = key)
        FROM meter, generate_series(0, next - first - 1) n
        WHERE subject = 'model'
    )
    SELECT json_agg(json_build_array(place, tokens))::text
    FROM (SELECT place, coalesce(sum(tokens), 0)::bigint AS tokens FROM part GROUP BY place) used
    """,
    list[tuple[int, int]],
)


def tokens_on(meters: Sequence[Meter]) -> tuple[int, ...]:
    """The tokens on each meter, in order. One query however many, none for none; by primary keys.

    It stands before every request of the platform: the meters are one value, because to write each as values of its
    own took as long as to look them up.
    """
    if not meters:
        return ()
    asked = [
        {"place": place, "subject": m.subject, "key": str(m.key), "first": m.days.start, "next": m.days.end}
        for place, m in enumerate(meters)
    ]
    found = dict(_TOKENS_ON.ask({"meters": msgspec.json.encode(asked)}) or ())
    return tuple(found.get(place, 0) for place in range(len(meters)))


def tokens_by_day(meter: Meter) -> tuple[int, ...]:
    """The meter's tokens on each of its days, in order. One query."""
    return tokens_on([Meter(meter.subject, meter.key, DayRange(day, day + dt.timedelta(days=1))) for day in meter.days])


def requests_on(meters: Sequence[Meter]) -> int:
    """Requests on all these meters of one subject together, which must not overlap. One query, none for none."""
    if not meters:
        return 0
    source = _SOURCES[meters[0].subject]
    ((requests,),) = _rows(
        f"""SELECT coalesce(sum(used.requests), 0)::bigint FROM {source.table} used
            JOIN unnest(%(keys)s::{source.type}[], %(days)s::date[]) AS meter(key, day)
            ON {source.key} = meter.key AND used.day = meter.day""",
        {"keys": [m.key for m in meters for _day in m.days], "days": [day for m in meters for day in m.days]},
    )
    return int(requests)


# --- By model, by person ------------------------------------------------------------------------------------------


def by_model(days: DayRange) -> tuple[ModelFigures, ...]:
    """Models with any usage, by tokens, then requests, then name; the name '' is usage without a model. One query."""
    rows = _rows(
        f"SELECT {_NAMED_SUMS}, model FROM daily_model WHERE {_WITHIN} GROUP BY model",
        {"start": days.start, "end": days.end},
    )
    return tuple(sorted((ModelFigures(*row) for row in rows), key=lambda m: (-m.tokens, -m.requests, m.name)))


_OF_PERSON = (
    "u.requests, u.failed_requests, u.input_tokens, u.output_tokens, u.calls_without_usage, "
    "p.id, p.name, coalesce(p.email, ''), coalesce(p.external_id, ''), p.status = 'deleted'"
)


@dataclass(frozen=True, slots=True)
class TopPeople:
    """Those who used the most, and of how many with any tokens; `tokens` are those of all of them."""

    top: tuple[PersonFigures, ...] = ()
    people: int = 0
    tokens: int = 0


def top_people(days: DayRange, most: int) -> TopPeople:
    """Those who used the most tokens, by tokens, then requests, then id; at most `most` of them. One query.

    Reads daily_user by the index daily_user_day, and of those few all sums by primary key.
    """
    rows = _rows(
        f"""WITH used AS MATERIALIZED (
                SELECT user_id, sum(input_tokens + output_tokens)::bigint AS tokens, sum(requests) AS requests
                FROM daily_user WHERE {_WITHIN} GROUP BY user_id HAVING sum(input_tokens + output_tokens) > 0
            ), top AS (
                SELECT * FROM used ORDER BY tokens DESC, requests DESC, user_id LIMIT %(most)s
            )
            SELECT (SELECT count(*) FROM used), (SELECT sum(tokens)::bigint FROM used), {_OF_PERSON}
            FROM top CROSS JOIN LATERAL (
                SELECT {_NAMED_SUMS} FROM daily_user WHERE user_id = top.user_id AND {_WITHIN}
            ) u JOIN person p ON p.id = top.user_id
            ORDER BY top.tokens DESC, top.requests DESC, p.id""",
        {"start": days.start, "end": days.end, "most": most},
    )
    if not rows:
        return TopPeople()
    return TopPeople(tuple(PersonFigures(*figures) for _people, _tokens, *figures in rows), *rows[0][:2])


@dataclass(frozen=True, slots=True)
class Everybody:
    """People's sums over some days against one number of tokens. `highest` is 0, of person 0, where nobody used any."""

    people: int  # with any tokens
    reached: int
    highest: int
    highest_id: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A number of tokens that each person's sum over some days is held against; some people are left out."""

    days: DayRange
    tokens: int
    leave_out: tuple[int, ...] = ()


def everybody(marks: Sequence[Mark]) -> tuple[Everybody, ...]:
    """How many people used as many tokens as each mark says, and the most that one used, in order.

    One query however many, none for none; all marks read daily_user once, by daily_user_day: their days lie together.
    """
    if not marks:
        return ()
    sums, figures = [], []
    params: dict[str, Any] = {"start": min(m.days.start for m in marks), "end": max(m.days.end for m in marks)}
    for n, mark in enumerate(marks):
        sums.append(
            f"""coalesce(sum(input_tokens + output_tokens)
                FILTER (WHERE day >= %(start_{n})s AND day < %(end_{n})s), 0)::bigint AS tokens_{n}"""
        )
        counted = f"tokens_{n} > 0 AND user_id <> ALL(%(leave_out_{n})s::bigint[])"
        figures.append(
            f"""count(*) FILTER (WHERE {counted}),
                count(*) FILTER (WHERE {counted} AND tokens_{n} >= %(tokens_{n})s),
                coalesce(max(tokens_{n}) FILTER (WHERE {counted}), 0),
                coalesce((SELECT user_id FROM used WHERE {counted} ORDER BY tokens_{n} DESC, user_id LIMIT 1), 0)"""
        )
        params |= {f"start_{n}": mark.days.start, f"end_{n}": mark.days.end}
        params |= {f"tokens_{n}": mark.tokens, f"leave_out_{n}": list(mark.leave_out)}
    # OFFSET 0: people are left out by their sums, not by the day.
    (row,) = _rows(
        f"""WITH used AS MATERIALIZED (
                SELECT user_id, {", ".join(sums)} FROM daily_user WHERE {_WITHIN} GROUP BY user_id OFFSET 0
            )
            SELECT {", ".join(figures)} FROM used""",
        params,
    )
    return tuple(Everybody(*row[place : place + 4]) for place in range(0, len(row), 4))


def people_on(ranges: Sequence[DayRange]) -> int:
    """Distinct people with a request on any of these days. One query, none for no days."""
    if not ranges:
        return 0
    ((people,),) = _rows(
        """SELECT count(DISTINCT user_id)
            FROM unnest(%(starts)s::date[], %(ends)s::date[]) AS range(first, next)
            JOIN daily_user ON day >= first AND day < next
            WHERE requests > 0""",
        {"starts": [r.start for r in ranges], "ends": [r.end for r in ranges]},
    )
    return int(people)


def models_since(day: dt.date) -> tuple[str, ...]:
    """The names of models used since that day, the most used first. One query."""
    rows = _rows(
        """SELECT model FROM daily_model WHERE day >= %(day)s AND model <> ''
            GROUP BY model ORDER BY sum(requests) DESC, model""",
        {"day": day},
    )
    return tuple(model for (model,) in rows)


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

"""The rows of the export, streamed from the rollups at the grain of a day, or of a person. Nothing is cut."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connection

from analytics.models.events import Kind
from analytics.periods import DayRange

CHUNK = 5_000


class UsageRow(NamedTuple):
    """One day × team × kind × assistant or workflow. An id of 0 is none, with the name ''."""

    day: dt.date
    team_id: int
    team: str
    team_deleted: bool
    kind: int
    item_id: int
    item: str
    item_deleted: bool
    requests: int
    failed_requests: int
    input_tokens: int
    output_tokens: int
    calls_without_usage: int


class PersonRow(NamedTuple):
    """One person's sums over the range. `user_id` 0 is all usage without a person."""

    user_id: int
    email: str
    name: str
    teams: str
    role: str
    status: str
    joined_at: dt.datetime | None
    first_value_at: dt.datetime | None
    last_active_at: dt.datetime | None
    requests: int
    failed_requests: int
    input_tokens: int
    output_tokens: int


def usage_rows(days: DayRange) -> Iterator[UsageRow]:
    """In order of day, team, kind and item. One statement, so one moment of the data; by primary key of daily_usage."""
    sql = f"""
        SELECT u.day, u.team_id, coalesce(t.name, ''), t.deleted_at IS NOT NULL, u.kind, u.item_id,
            coalesce(a.name, w.name, ''), coalesce(a.deleted_at, w.deleted_at) IS NOT NULL,
            u.requests, u.failed_requests, u.input_tokens, u.output_tokens, u.calls_without_usage
        FROM daily_usage u
        LEFT JOIN team t ON t.id = u.team_id
        LEFT JOIN assistant a ON u.kind = {Kind.ASSISTANT.value} AND a.id = u.item_id
        LEFT JOIN workflow w ON u.kind = {Kind.WORKFLOW.value} AND w.id = u.item_id
        WHERE u.day >= %(start)s AND u.day < %(end)s
        ORDER BY u.day, u.team_id, u.kind, u.item_id
    """
    return map(UsageRow._make, _stream(sql, {"start": days.start, "end": days.end}))


def person_rows(days: DayRange) -> Iterator[PersonRow]:
    """Everybody who is in the workspace or used it in the range, by email and id; last, usage without a person.

    One statement; the usage of the range is summed over daily_user, the rest of daily_total has no person.
    """
    sql = """
        WITH used AS (
            SELECT user_id, sum(requests)::bigint AS requests, sum(failed_requests)::bigint AS failed_requests,
                sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens
            FROM daily_user WHERE day >= %(start)s AND day < %(end)s GROUP BY user_id
        ), belongs AS (
            SELECT m.user_id, string_agg(t.name, '; ' ORDER BY m.is_primary DESC, t.name) AS teams
            FROM membership m JOIN team t ON t.id = m.team_id WHERE t.deleted_at IS NULL GROUP BY m.user_id
        ), person_row AS (
            SELECT p.id, coalesce(p.email, ''), coalesce(nullif(p.name, ''), p.external_id, ''),
                coalesce(belongs.teams, ''), p.role, p.status, p.joined_at, a.first_value_at, a.last_active_at,
                coalesce(used.requests, 0), coalesce(used.failed_requests, 0),
                coalesce(used.input_tokens, 0), coalesce(used.output_tokens, 0)
            FROM person p
            LEFT JOIN used ON used.user_id = p.id
            LEFT JOIN belongs ON belongs.user_id = p.id
            LEFT JOIN person_activity a ON a.user_id = p.id
            WHERE p.status IN ('active', 'deactivated') OR used.user_id IS NOT NULL
            ORDER BY p.email NULLS LAST, p.id
        )
        SELECT * FROM person_row
        UNION ALL
        SELECT 0, '', '', '', '', '', NULL, NULL, NULL, t.requests - u.requests, t.failed - u.failed,
            t.input - u.input, t.output - u.output
        FROM (
            SELECT coalesce(sum(requests), 0)::bigint AS requests, coalesce(sum(failed_requests), 0)::bigint AS failed,
                coalesce(sum(input_tokens), 0)::bigint AS input, coalesce(sum(output_tokens), 0)::bigint AS output
            FROM daily_total WHERE day >= %(start)s AND day < %(end)s
        ) t, (
            SELECT coalesce(sum(requests), 0)::bigint AS requests, coalesce(sum(failed_requests), 0)::bigint AS failed,
                coalesce(sum(input_tokens), 0)::bigint AS input, coalesce(sum(output_tokens), 0)::bigint AS output
            FROM used
        ) u
    """
    return map(PersonRow._make, _stream(sql, {"start": days.start, "end": days.end}))


def _stream(sql: str, params: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(CHUNK):
            yield from rows

"""Requests that came when a number of tokens was used up already: what a limit would have refused, event by event.

In: whose tokens, and the periods in which their sums of days reach the number. Out: a `Beyond`. A request is beyond if
the events before it, in its period, add up to the number; those of the same instant go by their key. Only requests on
the days of a window count. Which day an event belongs to is said as in the fold, by the zone of the rollups.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from analytics.metrics.spending import Subject
from analytics.periods import DayRange

MOST_CROSSINGS = 20_000  # people whose events of one day are read: about a second


@dataclass(frozen=True, slots=True)
class Crossing:
    """A period that reached the number on the day `on`; `carried` are its tokens of the days before that one.

    `days`: those of the period on which requests count.
    """

    days: DayRange
    on: dt.date
    carried: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """One person, and how many of their requests were beyond."""

    requests: int
    id: int
    name: str
    email: str
    external_id: str
    deleted: bool

    @property
    def known_as(self) -> str:
        return self.name or self.email or self.external_id


@dataclass(frozen=True, slots=True)
class Part:
    """Of one period: the instant at which it reached the number (None: before the window), and what came then."""

    at: dt.datetime | None
    people: int
    requests: int


@dataclass(frozen=True, slots=True)
class Beyond:
    """`people` are distinct, `requests` also those without a person; `most`: who had the most of them.

    `parts`: of each crossing of a meter, in order.
    """

    people: int = 0
    requests: int = 0
    most: tuple[Stopped, ...] = ()
    parts: tuple[Part, ...] = ()


# Planned for the partitions of these instants alone.
_WITHIN = "occurred_at >= %(first)s AND occurred_at < %(last)s"
_DAY = "(occurred_at AT TIME ZONE %(zone)s)::date"
_USED = "input_tokens + output_tokens"

# Both statements end alike: with the totals of `beyond (user_id, requests)`, and a row for each who had the most.
_BY_PERSON = """by_person AS (
        SELECT user_id, sum(requests) AS requests FROM beyond WHERE user_id <> 0 GROUP BY user_id
    ), most AS (
        SELECT * FROM by_person ORDER BY requests DESC, user_id LIMIT %(most)s
    )"""
_TOTALS = "(SELECT count(*) FROM by_person), (SELECT coalesce(sum(requests), 0)::bigint FROM beyond)"
_PERSON = (
    "most.requests::bigint, p.id, p.name, coalesce(p.email, ''), coalesce(p.external_id, ''), p.status = 'deleted'"
)
_EACH = """FROM (SELECT 1) always LEFT JOIN most ON true LEFT JOIN person p ON p.id = most.user_id
    ORDER BY most.requests DESC, most.user_id"""


# --- Of one meter ---------------------------------------------------------------------------------------------------

_WHOSE = {
    Subject.WORKSPACE: "true",
    Subject.TEAM: "team_id = %(key)s",
    Subject.PERSON: "user_id = %(key)s",
    Subject.MODEL: "model = %(key)s",
}
_OF_METER = f"""
    WITH moment AS MATERIALIZED (
        SELECT DISTINCT ON (place) place, day, occurred_at AS at, event_key AS key FROM (
            SELECT place, day, occurred_at, event_key,
                carried + sum({_USED}) OVER (PARTITION BY place ORDER BY occurred_at, event_key) AS used
            FROM usage_event
            JOIN unnest(%(met_days)s::date[], %(met_places)s::int[], %(carried)s::bigint[]) AS met(day, place, carried)
                ON met.day = {_DAY}
            WHERE {_WITHIN} AND {{whose}}
        ) running WHERE used >= %(tokens)s ORDER BY place, occurred_at, event_key
    ), beyond AS MATERIALIZED (
        SELECT place, user_id, count(*) AS requests
        FROM usage_event
        JOIN unnest(%(days)s::date[], %(places)s::int[]) AS counted(day, place) ON counted.day = {_DAY}
        LEFT JOIN moment USING (place, day)
        WHERE {_WITHIN} AND {{whose}} AND requests = 1 AND (at IS NULL OR (occurred_at, event_key) > (at, key))
        GROUP BY place, user_id
    ), {_BY_PERSON}, by_place AS (
        SELECT place, count(*) FILTER (WHERE user_id <> 0) AS people, sum(requests)::bigint AS requests
        FROM beyond GROUP BY place
    )
    SELECT {_TOTALS},
        (SELECT array_agg(ARRAY[place, people, requests]) FROM by_place),
        (SELECT array_agg(place ORDER BY place) FROM moment), (SELECT array_agg(at ORDER BY place) FROM moment),
        {_PERSON}
    {_EACH}
"""


def of_meter(
    subject: Subject, key: int | str, crossings: Sequence[Crossing], tokens: int, most: int, zone: ZoneInfo
) -> Beyond | None:
    """What came after each of the crossings, which must not overlap; None if the events do not lead to all of them.

    One query, none without crossings. A person's events by primary key; else all events of those days are read.
    """
    if not crossings:
        return Beyond()
    counted = [(day, place) for place, each in enumerate(crossings) for day in each.days if day >= each.on]
    met = [(each.on, place, each.carried) for place, each in enumerate(crossings) if each.on in each.days]
    first, last = DayRange(min(counted)[0], max(counted)[0] + dt.timedelta(days=1)).bounds(zone)
    rows = _rows(
        _OF_METER.format(whose=_WHOSE[subject]),
        {"key": key, "tokens": tokens, "zone": zone.key, "first": first, "last": last, "most": most}
        | _columns(("days", "places"), counted)
        | _columns(("met_days", "met_places", "carried"), met),
    )
    people, requests, sums, places, instants = rows[0][:5]
    moments = dict(zip(places or (), instants or (), strict=True))
    if len(moments) < len(met):
        return None
    by_place = {place: counts for place, *counts in sums or ()}
    parts = [Part(moments.get(place), *by_place.get(place, (0, 0))) for place in range(len(crossings))]
    return Beyond(people, requests, _stopped(rows, 5), tuple(parts))


def _columns(names: tuple[str, ...], lines: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [line[place] for line in lines] for place, name in enumerate(names)}


# --- Of every person ------------------------------------------------------------------------------------------------

_OF_EVERYBODY = f"""
    WITH fullest AS MATERIALIZED (
        SELECT * FROM (
            SELECT user_id, start, next FROM unnest(%(starts)s::date[], %(ends)s::date[]) AS period(start, next)
            JOIN daily_user ON day >= start AND day < next
            GROUP BY user_id, start, next HAVING sum({_USED}) >= %(tokens)s
            OFFSET 0  -- people are left out by the sum, not by the day
        ) reached WHERE user_id <> ALL(%(leave_out)s::bigint[])
    ), by_day AS (
        SELECT user_id, start, day, requests, {_USED} AS used,
            sum({_USED}) OVER (PARTITION BY user_id, start ORDER BY day) - ({_USED}) AS before
        FROM fullest JOIN daily_user USING (user_id)
        WHERE day >= start AND day < next AND day >= %(oldest)s AND day < %(until)s
    ), crossing AS MATERIALIZED (
        SELECT user_id, min(day) FILTER (WHERE before + used >= %(tokens)s) AS met,
            coalesce(max(before + used) FILTER (WHERE before + used < %(tokens)s), 0) AS carried,
            coalesce(sum(requests) FILTER (WHERE before >= %(tokens)s AND day >= %(since)s), 0) AS later
        FROM by_day GROUP BY user_id, start
    ), inside AS MATERIALIZED (
        SELECT user_id, met, carried FROM crossing WHERE met >= %(since)s
    ), same_day AS MATERIALIZED (
        SELECT user_id, event.* FROM inside CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE requests = 1 AND carried + before >= %(tokens)s) AS requests,
                carried + max(before + used) >= %(tokens)s AS leads_to_it
            FROM (
                SELECT requests, {_USED} AS used,
                    sum({_USED}) OVER (ORDER BY occurred_at, event_key) - ({_USED}) AS before
                FROM usage_event
                WHERE usage_event.user_id = inside.user_id AND {_DAY} = inside.met AND {_WITHIN}
                    AND occurred_at >= inside.met - 1 AND occurred_at < inside.met + 2
            ) day
        ) event WHERE (SELECT count(*) FROM inside) <= %(most_crossings)s
    ), beyond AS MATERIALIZED (
        SELECT user_id, later AS requests FROM crossing WHERE later > 0
        UNION ALL SELECT user_id, requests FROM same_day WHERE requests > 0
    ), {_BY_PERSON}
    SELECT {_TOTALS},
        (SELECT count(DISTINCT user_id) FROM crossing WHERE met >= %(since)s OR later > 0),
        (SELECT count(*) FROM inside) = (SELECT count(*) FROM same_day WHERE leads_to_it),
        {_PERSON}
    {_EACH}
"""


@dataclass(frozen=True, slots=True)
class EverybodyBeyond:
    """`reached`: people who used the number in the window, or asked in it when they had used it before.

    `is_whole` where the events of the days on which they reached it were read too; else what came on later days alone.
    """

    reached: int
    is_whole: bool
    beyond: Beyond


def of_everybody(
    periods: Sequence[DayRange],
    window: DayRange,
    tokens: int,
    most: int,
    zone: ZoneInfo,
    leave_out: Collection[int] = (),
) -> EverybodyBeyond:
    """What came after each person had used the number in one of the periods, the oldest first.

    One query, by daily_user_day; by primary key for those who reached it, and their events of that day.
    """
    first, last = window.bounds(zone)
    rows = _rows(
        _OF_EVERYBODY,
        {"tokens": tokens, "zone": zone.key, "first": first, "last": last, "since": window.start, "most": most}
        | {"leave_out": list(leave_out), "most_crossings": MOST_CROSSINGS}
        | {"oldest": periods[0].start, "until": window.end}
        | {"starts": [days.start for days in periods], "ends": [min(days.end, window.end) for days in periods]},
    )
    people, requests, reached, is_whole = rows[0][:4]
    return EverybodyBeyond(reached, is_whole, Beyond(people, requests, _stopped(rows, 4)))


def _stopped(rows: Sequence[tuple[Any, ...]], start: int) -> tuple[Stopped, ...]:
    return tuple(Stopped(*row[start:]) for row in rows if row[start] is not None)


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

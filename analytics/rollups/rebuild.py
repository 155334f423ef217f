"""Rollups from raw events: all of them anew, or recent days compared and repaired.

While raw events are read no ingest may commit: a batch between two statements would be counted twice or never.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from analytics.models.locks import Lock, hold
from analytics.models.rollups import NEVER_BEFORE
from analytics.periods import DayRange
from analytics.rollups import fold, recent, state
from analytics.rollups.definitions import DAILY, MEASURES, MONTHLY, TOTAL, Rollup
from analytics.rollups.repair import repair

Differences = dict[str, int]  # table → rows that were wrong, missing or too many

SLICE = dt.timedelta(days=31)  # of raw events at a time: bounds the temporary table
MARGIN = dt.timedelta(days=1)

_RAW = f"""
    SELECT {fold.EVENT}, (occurred_at AT TIME ZONE %(zone)s)::date
    FROM usage_event WHERE occurred_at >= %(start)s AND occurred_at < %(end)s
"""

_TOTAL = f"""
    SELECT * FROM ({TOTAL.select("fold_event")}) sums JOIN (
        SELECT day, count(DISTINCT user_id) FILTER (WHERE user_id <> 0 AND requests > 0) AS active_users
        FROM fold_event GROUP BY day
    ) people USING (day)
"""
_PERSON_ACTIVITY = """
    SELECT user_id, min(first_value_at) AS first_value_at, max(last_active_at) AS last_active_at,
        max(day) FILTER (WHERE requests > 0) AS last_active_day
    FROM daily_user WHERE requests > 0 GROUP BY user_id
"""
_ACTIVE_TRANSITION = f"""
    SELECT day, previous_day, count(*) AS users FROM (
        SELECT day, lag(day, 1, '{NEVER_BEFORE}') OVER (PARTITION BY user_id ORDER BY day) AS previous_day
        FROM daily_user WHERE requests > 0
    ) link GROUP BY day, previous_day
"""


def rebuild_all(zone: ZoneInfo, progress: Callable[[int], None] = lambda events: None) -> int:
    """Empties every rollup and folds all raw events anew, with days of `zone`; returns how many events.

    One transaction: readers see the old rollups until it commits, ingest waits. `progress` is told the events done.
    """
    with transaction.atomic():
        _hold_all()
        as_of = _empty()
        state.write(zone, as_of, changed=True)
        events = 0
        for start, end in _slices():
            fold.prepare()
            taken = _take_raw(zone, start, end)
            if taken:
                fold.add_to_rollups()
            events += taken
            progress(events)
    return events


def reconcile(days: DayRange) -> Differences:
    """Compares the rollups of `days` with raw events, and what follows from them over all time; repairs what differs.

    Two transactions: ingest waits only for the first, which reads raw events. Empty where nothing was wrong.
    """
    with transaction.atomic():
        zone = _hold_all_folded()
        fold.prepare()
        _take_raw_of(days, zone)
        differences = {rollup.table: _repair_days(rollup, days) for rollup in DAILY}
        _mark_changed(zone, differences)
    with transaction.atomic():
        hold(Lock.FOLD)
        derived = {rollup.table: _repair_months(rollup, days) for rollup in MONTHLY}
        derived["active_transition"] = repair("active_transition", ("day", "previous_day"), _ACTIVE_TRANSITION)
        derived["person_activity"] = repair("person_activity", ("user_id",), _PERSON_ACTIVITY)
        derived["person_recent"] = recent.repair_sums()
        _mark_changed(zone, derived)
    return {table: rows for table, rows in (differences | derived).items() if rows}


def _hold_all() -> None:
    hold(Lock.FOLD)
    hold(Lock.INGEST)


def _hold_all_folded() -> ZoneInfo:
    """Takes both locks with nothing left pending; returns the zone of the days."""
    fold.fold_pending(wait_s=30)  # most of it, while ingest goes on
    _hold_all()
    while fold.fold_batch(fold.BATCH)[0]:
        pass
    return state.read().time_zone


def _mark_changed(zone: ZoneInfo, differences: Differences) -> None:
    state.write(zone, None, changed=any(differences.values()))


# --- Raw events ---------------------------------------------------------------------------------------------------


def _empty() -> dt.datetime:
    """Deletes every rollup and the outbox; returns the instant up to which the raw events then hold everything.

    DELETE, not TRUNCATE: readers go on reading.
    """
    tables = [rollup.table for rollup in (*DAILY, *MONTHLY)]
    with connection.cursor() as cursor:
        for table in (*tables, "active_transition", "person_activity", "person_recent", "pending_event"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SELECT clock_timestamp()")
        as_of: dt.datetime = cursor.fetchone()[0]
    return as_of


def _slices() -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Half-open spans that cover all raw events, oldest first (in order, so that few days are late to the fold)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(occurred_at), max(occurred_at) FROM usage_event")
        first, last = cursor.fetchone()
    while first is not None and first <= last:
        yield first, first + SLICE
        first += SLICE


def _take_raw(zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO fold_event {_RAW}",
            {"zone": zone.key, "start": start, "end": end},
        )
        return int(cursor.rowcount)


def _take_raw_of(days: DayRange, zone: ZoneInfo) -> None:
    """Takes the events of `days` with a margin, and leaves the margin: which day it was then is PostgreSQL's word
    alone. Clocks that change about midnight make a day of two pieces, which no two instants bound.
    """
    start, end = days.bounds(zone)
    _take_raw(zone, start - MARGIN, end + MARGIN)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM fold_event WHERE NOT ({_between('day', days.start, days.end)})")


# --- Repair -------------------------------------------------------------------------------------------------------


def _repair_days(rollup: Rollup, days: DayRange) -> int:
    return repair(
        rollup.table,
        tuple(rollup.keys),
        _TOTAL if rollup is TOTAL else rollup.select("fold_event"),
        _between("day", days.start, days.end),
    )


def _repair_months(rollup: Rollup, days: DayRange) -> int:
    first = days.start.replace(day=1)
    end = (days.last.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    item = next(key for key in rollup.keys if key != "month")
    sums = ", ".join(f"sum({measure}) AS {measure}" for measure in MEASURES)
    daily = rollup.table.replace("monthly", "daily")
    expected = (
        f"SELECT date_trunc('month', day)::date AS month, {item}, {sums} FROM {daily} "
        f"WHERE {_between('day', first, end)} GROUP BY 1, 2"
    )
    return repair(rollup.table, tuple(rollup.keys), expected, _between("month", first, end))


def _between(column: str, start: dt.date, end: dt.date) -> str:
    return f"{column} >= '{start}' AND {column} < '{end}'"

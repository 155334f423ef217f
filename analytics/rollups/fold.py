"""Folding: what is pending becomes part of the rollups, exactly once.

One transaction takes rows out of the outbox and adds their sums. A crash undoes all of it; a repeat finds nothing
pending. The cost follows the number of new events, not the size of the day they belong to.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

from django.db import connection, transaction

from analytics.models.locks import Lock, try_hold
from analytics.models.rollups import NEVER_BEFORE
from analytics.rollups import state
from analytics.rollups.definitions import DAILY, MONTHLY, RECENT

BATCH = 50_000

# Named one by one: the next release's columns stand in the tables while this one still runs.
EVENT = (
    "user_id, occurred_at, team_id, kind, assistant_id, workflow_id, requests, status, "
    "input_tokens, output_tokens, usage_known, model"
)
# Up to a number, not a list of numbers: last vacuumed when it was empty, as an outbox mostly is, it counts as one of
# no rows, and the list would be compared with each of them.
_TAKE = f"""
    WITH taken AS (
        DELETE FROM pending_event
        WHERE id <= (SELECT max(id) FROM (SELECT id FROM pending_event ORDER BY id LIMIT %s) batch)
        RETURNING {EVENT}
    )
    INSERT INTO fold_event SELECT {EVENT}, (occurred_at AT TIME ZONE %s)::date FROM taken
"""

# People with a request on a day on which they had none before.
_NEW_DAYS = """
    INSERT INTO fold_new_day
    SELECT batch.user_id, batch.day
    FROM (SELECT DISTINCT user_id, day FROM fold_event WHERE user_id <> 0 AND requests > 0) batch
    LEFT JOIN daily_user standing
        ON standing.user_id = batch.user_id AND standing.day = batch.day AND standing.requests > 0
    WHERE standing.user_id IS NULL
"""

# A new day changes two links of a person's chain of active days: its own, and that of the day after it. For people
# whose new days all come after their last one (nearly everybody) that last day is all the history needed; only for
# late days the whole chain is read. Both are read before daily_user and person_activity are written.
_TRANSITIONS = """
    WITH person AS (
        SELECT new.user_id, min(new.day) AS first_new, activity.last_active_day
        FROM fold_new_day new LEFT JOIN person_activity activity USING (user_id)
        GROUP BY new.user_id, activity.last_active_day
    ), active_day AS (
        SELECT user_id, day, true AS is_new FROM fold_new_day
        UNION ALL
        SELECT user_id, last_active_day, false FROM person WHERE last_active_day < first_new
        UNION ALL
        SELECT daily_user.user_id, daily_user.day, false
        FROM daily_user JOIN person USING (user_id)
        WHERE daily_user.requests > 0 AND person.last_active_day >= person.first_new
    ), link AS (
        SELECT day, is_new,
            lag(day) OVER chain AS previous_day,
            lag(is_new) OVER chain AS previous_is_new,
            max(day) FILTER (WHERE NOT is_new) OVER (chain ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                AS former_previous_day
        FROM active_day WINDOW chain AS (PARTITION BY user_id ORDER BY day)
    ), change AS (
        SELECT day, coalesce(previous_day, %(never)s) AS previous_day, 1 AS users
        FROM link WHERE is_new OR previous_is_new
        UNION ALL
        SELECT day, coalesce(former_previous_day, %(never)s), -1 FROM link WHERE NOT is_new AND previous_is_new
    )
    INSERT INTO active_transition AS standing (day, previous_day, users)
    SELECT day, previous_day, sum(users) FROM change GROUP BY 1, 2 HAVING sum(users) <> 0 ORDER BY 1, 2
    ON CONFLICT (day, previous_day) DO UPDATE SET users = standing.users + EXCLUDED.users
    RETURNING day, previous_day, users
"""

_ACTIVE_USERS = """
    UPDATE daily_total SET active_users = active_users + new.people
    FROM (SELECT day, count(*) AS people FROM fold_new_day GROUP BY day) new WHERE daily_total.day = new.day
"""

_MILESTONES = """
    INSERT INTO person_activity AS standing (user_id, first_value_at, last_active_at, last_active_day)
    SELECT user_id, min(occurred_at) FILTER (WHERE status = 1), max(occurred_at), max(day)
    FROM fold_event WHERE user_id <> 0 AND requests > 0 GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        first_value_at = LEAST(standing.first_value_at, EXCLUDED.first_value_at),
        last_active_at = GREATEST(standing.last_active_at, EXCLUDED.last_active_at),
        last_active_day = GREATEST(standing.last_active_day, EXCLUDED.last_active_day)
"""


@dataclass(frozen=True, slots=True)
class FoldResult:
    """`drained`: nothing committed before `as_of` is pending. `busy`: another folder held the lock."""

    events: int
    drained: bool
    busy: bool = False
    as_of: dt.datetime | None = None


def fold_pending(time_limit_s: float | None = None, *, wait_s: float = 0.0, batch: int = BATCH) -> FoldResult:
    """Folds batch after batch until nothing is pending or the time is up; each batch is committed on its own.

    Waits up to `wait_s` for another folder; if that one stays, nothing is done and the result is `busy`.
    """
    deadline = None if time_limit_s is None else time.monotonic() + time_limit_s
    events = 0
    while True:
        with transaction.atomic():
            if not _lock(wait_s):
                return FoldResult(events, drained=False, busy=True)
            taken, as_of = fold_batch(batch)
        events += taken
        if taken < batch:
            return FoldResult(events, drained=True, as_of=as_of)
        if deadline is not None and time.monotonic() >= deadline:
            return FoldResult(events, drained=False)


def _lock(wait_s: float) -> bool:
    give_up = time.monotonic() + wait_s
    while not try_hold(Lock.FOLD):
        if time.monotonic() >= give_up:
            return False
        time.sleep(0.05)
    return True


def fold_batch(limit: int) -> tuple[int, dt.datetime]:
    """Folds up to `limit` pending events; returns how many, and since when none is left if it was fewer."""
    zone = state.read().time_zone
    with connection.cursor() as cursor:
        prepare()
        cursor.execute("SELECT clock_timestamp()")
        (as_of,) = cursor.fetchone()
        cursor.execute(_TAKE, [limit, zone.key])
        taken = cursor.rowcount
    if taken:
        add_to_rollups()
    state.write(zone, as_of if taken < limit else None, changed=bool(taken))
    return taken, as_of


def prepare() -> None:
    """Makes this connection's empty temporary tables `fold_event` (`EVENT` and `day`) and `fold_new_day`."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning")  # "already exists, skipping", every batch
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS fold_event ON COMMIT DELETE ROWS "
            f"AS SELECT {EVENT}, NULL::date AS day FROM pending_event WITH NO DATA"
        )
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS fold_new_day "
            "(user_id bigint NOT NULL, day date NOT NULL) ON COMMIT DELETE ROWS"
        )
        cursor.execute("DELETE FROM fold_event")  # several folds may share one transaction
        cursor.execute("DELETE FROM fold_new_day")


def add_to_rollups() -> None:
    """Adds the events of `fold_event` to every rollup."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE fold_event")
        cursor.execute(_NEW_DAYS)
        _add_transitions()
        for rollup in (*DAILY, *MONTHLY, RECENT):
            cursor.execute(rollup.add("fold_event"))
        cursor.execute(_ACTIVE_USERS)
        cursor.execute(_MILESTONES)


def _add_transitions() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TRANSITIONS, {"never": NEVER_BEFORE})
        emptied = [(day, previous_day) for day, previous_day, users in cursor.fetchall() if users == 0]
        if emptied:
            days, previous_days = map(list, zip(*emptied, strict=True))
            cursor.execute(
                "DELETE FROM active_transition "
                "WHERE (day, previous_day) IN (SELECT * FROM unnest(%s::date[], %s::date[]))",
                [days, previous_days],
            )

"""Folding: whatever comes in, in whatever order, every rollup holds exactly what the events amount to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import given

from analytics.periods import DayRange
from analytics.rollups import fold
from analytics.rollups.definitions import Rollup
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all, reconcile
from tests.analytics import tables
from tests.analytics.oracle import ASSISTANT, CANCELLED, CHAT, ERROR, NEVER_BEFORE, WORKFLOW, Event
from tests.analytics.streams import Fold, Store, Stream, day_ranges, examples, streams, zones

pytestmark = pytest.mark.django_db(transaction=True)

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
OUTBOX = ("usage_event", "pending_event")
MONDAY = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)


def run(stream: Stream) -> None:
    """Plays the steps into an empty database and holds the rollups to the oracle whenever nothing is pending."""
    tables.empty(stream.zone)
    sent: list[Event] = []
    for step in (*stream.steps, Fold(5), Fold(100)):
        if isinstance(step, Store):
            tables.store(step.batch)
            sent += step.batch
        elif fold_pending(time_limit_s=0, batch=step.limit).drained:
            tables.assert_equal_oracle(sent, stream.zone)
    assert tables.pending() == 0


# --- The property -------------------------------------------------------------------------------------------------


@examples(60)
@given(stream=streams(), other_zone=zones)
def test_fold_and_rebuild_and_the_oracle_agree_to_the_row(stream: Stream, other_zone: ZoneInfo) -> None:
    run(stream)
    rebuild_all(stream.zone)
    tables.assert_equal_oracle(stream.sent, stream.zone)
    rebuild_all(other_zone)
    tables.assert_equal_oracle(stream.sent, other_zone)


@examples(40)
@given(stream=streams(), days=day_ranges())
def test_after_any_stream_there_is_nothing_to_reconcile_on_any_days(stream: Stream, days: DayRange) -> None:
    run(stream)
    assert reconcile(days) == {}
    tables.assert_equal_oracle(stream.sent, stream.zone)


# --- By hand ------------------------------------------------------------------------------------------------------


def test_every_table_holds_what_a_hand_counts() -> None:
    """Berlin's clocks go forward on 29 March 2026 at 01:00 UTC; 22:30 UTC is the 30th there, and the 29th without."""
    tables.empty(BERLIN)
    saturday, sunday, monday = dt.date(2026, 3, 28), dt.date(2026, 3, 29), dt.date(2026, 3, 30)
    before = dt.datetime(2026, 3, 28, 22, 59, tzinfo=dt.UTC)  # 23:59 on Saturday
    after = dt.datetime(2026, 3, 29, 22, 30, tzinfo=dt.UTC)  # 00:30 on Monday
    tables.store(
        [
            Event("chat", before, user_id=7, team_id=2, input_tokens=10, output_tokens=5, status=ERROR, model="gpt-5"),
            Event("run", after, user_id=7, team_id=2, kind=WORKFLOW, workflow_id=4, input_tokens=3, model="gpt-5"),
            Event("title", after, user_id=7, team_id=2, kind=WORKFLOW, workflow_id=4, requests=0, output_tokens=1),
            Event("unknown", after, kind=ASSISTANT, assistant_id=9, workflow_id=4, usage_known=False),
        ]
    )
    fold_pending()
    run_at, march = after, dt.date(2026, 3, 1)
    assert tables.read() == {
        "daily_total": {(saturday,): (1, 1, 10, 5, 0, 1, 1, 0, 0), (monday,): (2, 0, 3, 1, 1, 1, 0, 1, 1)},
        "daily_team": {(saturday, 2): (1, 1, 10, 5, 0), (monday, 2): (1, 0, 3, 1, 0), (monday, 0): (1, 0, 0, 0, 1)},
        "daily_assistant": {(monday, 9): (1, 0, 0, 0, 1)},
        "daily_workflow": {(monday, 4): (1, 0, 3, 1, 0)},
        "daily_usage": {
            (saturday, 2, CHAT, 0): (1, 1, 10, 5, 0),
            (monday, 2, WORKFLOW, 4): (1, 0, 3, 1, 0),
            (monday, 0, ASSISTANT, 9): (1, 0, 0, 0, 1),
        },
        "daily_model": {
            (saturday, "gpt-5"): (1, 1, 10, 5, 0),
            (monday, "gpt-5"): (1, 0, 3, 0, 0),
            (monday, ""): (1, 0, 0, 1, 1),
        },
        "daily_user": {
            (7, saturday): (1, 1, 10, 5, 0, None, before),
            (7, monday): (1, 0, 3, 1, 0, run_at, run_at),
        },
        "monthly_team": {(march, 2): (2, 1, 13, 6, 0), (march, 0): (1, 0, 0, 0, 1)},
        "monthly_assistant": {(march, 9): (1, 0, 0, 0, 1)},
        "monthly_workflow": {(march, 4): (1, 0, 3, 1, 0)},
        "active_transition": {(saturday, NEVER_BEFORE): (1,), (monday, saturday): (1,)},
        "person_activity": {(7,): (run_at, run_at, monday)},
        "person_recent": {(7,): (2, 19)},
    }
    assert sunday not in {key[0] for key in tables.read()["daily_total"]}


def test_a_late_event_counts_at_once_in_the_day_it_belongs_to() -> None:
    tables.empty(UTC)
    sent = [Event("new", MONDAY, user_id=1), Event("old", MONDAY - dt.timedelta(weeks=9), user_id=1)]
    for event in sent:
        tables.store([event])
        fold_pending()
    assert tables.read()["daily_total"].keys() == {(dt.date(2026, 3, 9),), (dt.date(2026, 1, 5),)}
    tables.assert_equal_oracle(sent, UTC)


def test_a_replayed_batch_changes_nothing() -> None:
    tables.empty(UTC)
    batch = [Event(str(n), MONDAY + dt.timedelta(hours=n), user_id=n % 3, input_tokens=n) for n in range(9)]
    assert len(tables.store(batch)) == 9
    fold_pending()
    before = tables.read(), tables.execute("SELECT version FROM rollup_state")
    assert tables.store(reversed(batch)) == set()
    assert fold_pending().events == 0
    assert (tables.read(), tables.execute("SELECT version FROM rollup_state")) == before


def test_three_trillion_tokens_are_summed_to_the_last_one() -> None:
    """A thousand calls of the largest size that is let in, three times over, and one token."""
    tables.empty(UTC)
    giant = Event("", MONDAY, user_id=1, team_id=1, kind=ASSISTANT, assistant_id=1, output_tokens=1_000_000_000)
    sent = [replace(giant, event_id=str(n)) for n in range(3000)]
    sent.append(replace(giant, event_id="one", output_tokens=1))
    tables.store(sent)
    fold_pending(batch=1700)
    tables.assert_equal_oracle(sent, UTC)
    assert tables.execute("SELECT output_tokens FROM monthly_assistant") == [(3_000_000_000_001,)]


def test_a_fold_without_time_left_stops_after_one_batch_and_says_so() -> None:
    tables.empty(UTC)
    tables.store([Event(str(n), MONDAY) for n in range(5)])
    result = fold_pending(time_limit_s=0, batch=2)
    assert (result.events, result.drained, result.busy, result.as_of) == (2, False, False, None)
    assert tables.pending() == 3
    result = fold_pending(batch=2)
    assert (result.events, result.drained, tables.pending()) == (3, True, 0)


def test_an_outbox_vacuumed_while_it_was_empty_is_read_once_all_the_same() -> None:
    """Which is when outboxes are vacuumed: PostgreSQL then takes it for one of no rows, whatever is pending."""
    tables.empty(UTC)
    events = 2_000
    tables.store([Event(f"before {n}", MONDAY) for n in range(events)])
    fold_pending()
    tables.vacuum_emptied("pending_event")
    tables.store([Event(f"after {n}", MONDAY) for n in range(events)])
    with tables.reads_at_most(3 * events, "pending_event"):
        assert fold_pending().events == events


def test_columns_of_the_next_release_do_not_stop_the_one_that_runs() -> None:
    """In a connection that has folded before, and in a new one; new columns come with a default."""
    tables.empty(UTC)
    sent = [Event(str(n), MONDAY, user_id=n) for n in range(3)]
    tables.store(sent[:1])
    fold_pending()
    try:
        for table in OUTBOX:
            tables.execute(f"ALTER TABLE {table} ADD COLUMN next_release integer NOT NULL DEFAULT 0")
        for event in sent[1:]:
            tables.store([event])
            fold_pending()
            connection.close()
        tables.assert_equal_oracle(sent, UTC)
        rebuild_all(UTC)
        tables.assert_equal_oracle(sent, UTC)
    finally:
        for table in OUTBOX:
            tables.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS next_release")


# --- The comparison has teeth -------------------------------------------------------------------------------------
# A known fault is put into the fold; the comparison must notice it in a stream that a sound fold passes.

_PERSON = Event("", MONDAY, user_id=1, team_id=1, input_tokens=5)
TELLING = Stream(
    UTC,
    (
        Store((replace(_PERSON, event_id="wednesday", occurred_at=MONDAY + dt.timedelta(days=2)),)),
        Fold(10),
        Store((replace(_PERSON, event_id="monday"), replace(_PERSON, event_id="again"))),  # late
        Fold(1),
        Store((replace(_PERSON, event_id="failed", user_id=2, status=CANCELLED),)),
        Fold(1),
    ),
)
Break = Callable[[pytest.MonkeyPatch], None]


def _skip_late(patch: pytest.MonkeyPatch) -> None:
    newest = "(SELECT coalesce(max(day), '2000-01-01') FROM daily_total)"
    patch.setattr(fold, "_TAKE", f"{fold._TAKE} WHERE (occurred_at AT TIME ZONE 'UTC')::date >= {newest}")


def _replace_what_stands(patch: pytest.MonkeyPatch) -> None:
    sound = Rollup.add
    patch.setattr(Rollup, "add", lambda self, source: _without_addition(self, sound(self, source)))


def _without_addition(rollup: Rollup, sql: str) -> str:
    return sql.replace(f" = {rollup.table}.input_tokens + EXCLUDED", " = EXCLUDED")


def _keep_what_stands(patch: pytest.MonkeyPatch) -> None:
    sound = Rollup.add
    patch.setattr(Rollup, "add", lambda self, source: sound(self, source).partition(" DO UPDATE")[0] + " DO NOTHING")


def _leave_the_broken_link(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fold, "_TRANSITIONS", fold._TRANSITIONS.replace(", -1 FROM link", ", 0 FROM link"))


def _count_people_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fold, "_NEW_DAYS", fold._NEW_DAYS.replace("standing.requests > 0", "false"))


def _take_but_never_delete(patch: pytest.MonkeyPatch) -> None:
    take = "SELECT * FROM pending_event ORDER BY id LIMIT %s"
    start, end = fold._TAKE.index("DELETE"), fold._TAKE.index("\n    )\n")
    patch.setattr(fold, "_TAKE", fold._TAKE[:start] + take + fold._TAKE[end:])


def test_the_telling_stream_passes_with_a_sound_fold() -> None:
    run(TELLING)


@pytest.mark.parametrize(
    "break_it",
    [
        _skip_late,
        _replace_what_stands,
        _keep_what_stands,
        _leave_the_broken_link,
        _count_people_again,
        _take_but_never_delete,
    ],
)
def test_a_fold_with_a_known_fault_is_caught(break_it: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        run(TELLING)

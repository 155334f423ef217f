"""Several writers, several folders, a rebuild and a kill -9 at the same time: nothing is lost, nothing counts twice."""

from __future__ import annotations

import datetime as dt
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Barrier
from threading import Event as Flag
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from analytics.ingest import partitions
from analytics.ingest.draft import EventDraft, draft
from analytics.ingest.intake import ingest
from analytics.models import Assistant, Workflow
from analytics.models.locks import Lock, hold
from analytics.rollups import fold, rebuild
from analytics.rollups.fold import FoldResult, fold_pending
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import tables
from tests.analytics.oracle import ASSISTANT, CHAT, WORKFLOW, Event
from tests.analytics.parallel import (
    Threads,
    locked,
    python,
    until,
    until_somebody_waits_for,
    until_somebody_waits_for_advisory_lock,
)
from usermgmt.models import Team, User

pytestmark = pytest.mark.django_db(transaction=True)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = dt.datetime(2026, 3, 15, 10, 30, tzinfo=dt.UTC)
PROMPT_S = 20.0
FOLD = "import django; django.setup(); from analytics.rollups.fold import fold_pending; fold_pending()"


def some_events(number: int) -> list[Event]:
    return [
        Event(str(n), NOW - dt.timedelta(hours=5 * n), user_id=1 + n % 4, team_id=n % 3, input_tokens=n)
        for n in range(number)
    ]


@pytest.fixture(autouse=True)
def _empty() -> None:
    tables.empty(BERLIN)
    partitions.ensure(partitions.months_of(NOW - dt.timedelta(days=30 * n) for n in range(4)))


# --- Writers and folders ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_writers_with_overlapping_batches_and_folders_at_once_lose_and_double_nothing(seed: int) -> None:
    """Four writers send the same 240 events, each in an order of its own, with all names and months new; two fold."""
    drafts = [_draft(seed, n) for n in range(240)]
    start, written = Barrier(6), Flag()

    def write(writer: int) -> None:
        mine = random.Random(seed * 10 + writer).sample(drafts, len(drafts))
        start.wait()
        for first in range(0, len(mine), 17):
            ingest(mine[first : first + 17], "litellm", NOW)

    def fold_on(batch: int) -> None:
        start.wait()
        while not written.is_set():
            fold_pending(wait_s=0.01, batch=batch)

    with Threads(6) as others:
        folders = [others.run(fold_on, batch) for batch in (7, 50)]
        writers = [others.run(write, writer) for writer in range(4)]
        try:
            for writer in writers:
                writer.result()
        finally:
            written.set()
        for folder in folders:
            folder.result()
    fold_pending()
    assert tables.pending() == 0
    tables.assert_equal_oracle(_as_stored(drafts), BERLIN)


def _draft(seed: int, n: int) -> EventDraft:
    """Of people known by id, by email and not at all, in all three kinds, from a year that no other test uses."""
    event = draft(
        {
            "event_id": f"e{n}",
            "occurred_at": NOW.replace(year=2010 + seed) - dt.timedelta(hours=3 * n),
            **([{}, {"user_id": f"u{n % 7}"}, {"email": f"u{n % 7}@example.com"}][n % 3]),
            "team": f"team {n % 4}",
            **([{}, {"assistant": f"assistant {n % 6}"}, {"workflow": f"workflow {n % 6}"}][n % 4 % 3]),
            "input_tokens": n,
        },
        NOW,
    )
    assert isinstance(event, EventDraft)
    return event


def _as_stored(drafts: list[EventDraft]) -> list[Event]:
    """The same events with the ids that names got."""
    people = User.objects.values_list("id", "external_id", "email")
    users: dict[str | None, int] = {None: 0} | {text: pk for pk, *known in people for text in known if text}
    teams, assistants, workflows = (
        {None: 0} | dict(model.objects.values_list("key", "id")) for model in (Team, Assistant, Workflow)
    )
    return [
        Event(
            d.event_id,
            d.occurred_at,
            source="litellm",
            user_id=users[d.user_id or d.email],
            team_id=teams[d.team],
            kind=WORKFLOW if d.workflow else ASSISTANT if d.assistant else CHAT,
            assistant_id=assistants[d.assistant],
            workflow_id=workflows[d.workflow],
            input_tokens=d.input_tokens or 0,
        )
        for d in drafts
    ]


def test_a_second_folder_leaves_at_once_and_one_that_waits_gets_its_turn() -> None:
    events = some_events(3)
    tables.store(events)
    with Threads(3) as others, locked("monthly_team"):
        first = others.run(partial(fold_pending, batch=2))
        until_somebody_waits_for("monthly_team")
        assert others.run(fold_pending).result(timeout=PROMPT_S) == FoldResult(0, drained=False, busy=True)
        patient = others.run(partial(fold_pending, wait_s=30))
    assert first.result().events + patient.result().events == 3
    assert tables.pending() == 0
    tables.assert_equal_oracle(events, BERLIN)


def test_an_event_committed_after_a_later_one_was_folded_is_folded_next() -> None:
    early, late = some_events(2)
    with Threads(1) as others:
        stored, commit = Flag(), Flag()
        slow = others.run(_store_slowly, early, stored, commit)
        stored.wait()
        tables.store([late])
        assert fold_pending().events == 1
        commit.set()
        slow.result()
    assert fold_pending().events == 1
    tables.assert_equal_oracle([early, late], BERLIN)


def _store_slowly(event: Event, stored: Flag, commit: Flag) -> None:
    with transaction.atomic():
        tables.store([event])
        stored.set()
        assert commit.wait(30)


def test_as_of_promises_that_nothing_committed_before_it_is_pending() -> None:
    """What a writer has not committed yet when the fold looks is committed after `as_of`."""
    (event,) = some_events(1)
    with Threads(1) as others:
        stored, commit = Flag(), Flag()
        slow = others.run(_store_slowly, event, stored, commit)
        stored.wait()
        as_of = fold_pending().as_of
        commit.set()
        slow.result()
    committed_at = tables.execute("SELECT clock_timestamp()")[0][0]
    assert as_of is not None
    assert as_of < committed_at
    assert tables.pending() == 1


# --- kill -9 ------------------------------------------------------------------------------------------------------


def test_a_folder_killed_in_the_middle_loses_nothing() -> None:
    events = some_events(40)
    tables.store(events[:30])
    fold_pending()
    tables.store(events[30:])
    before = tables.read()
    with locked("monthly_workflow"):  # all daily tables are written by then
        process = python("-c", FOLD)
        until_somebody_waits_for("monthly_workflow")
        process.send_signal(signal.SIGKILL)
        process.wait()
    until(lambda: not _fold_lock_is_held(), "the server has noticed that the folder is gone")
    assert tables.read() == before
    assert tables.pending() == 10
    assert fold_pending().drained
    tables.assert_equal_oracle(events, BERLIN)


def _fold_lock_is_held() -> bool:
    return bool(tables.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", int(Lock.FOLD)))


# --- Rebuild ------------------------------------------------------------------------------------------------------


def test_a_rebuild_while_writers_write_and_folders_fold_misses_and_doubles_nothing() -> None:
    events = some_events(300)
    tables.store(events[:100])
    with Threads(4) as others:
        writers = [others.run(_store_all, events[100 + part :: 2]) for part in range(2)]
        folder = others.run(_fold_until_all_are_folded)
        for _ in range(3):
            rebuild_all(BERLIN)
        for writer in writers:
            writer.result()
        folder.result()
    tables.assert_equal_oracle(events, BERLIN)


def _store_all(events: list[Event]) -> None:
    for first in range(0, len(events), 5):
        tables.store(events[first : first + 5])


def _fold_until_all_are_folded() -> None:
    stored = "SELECT count(*) = 300 FROM usage_event"
    until(lambda: bool(fold_pending(batch=9) and tables.execute(stored)[0][0]), "all events are stored")
    fold_pending(wait_s=30)


def test_readers_see_the_old_numbers_until_a_rebuild_is_done_and_writers_wait() -> None:
    events = some_events(80)
    tables.store(events)
    fold_pending()
    before, during = tables.read(), []
    late = replace(events[0], event_id="late")
    with Threads(2) as others:

        def look(_events: int) -> None:
            during.append(others.run(tables.read).result())
            if len(during) == 1:
                writers.append(others.run(tables.store, [late]))
                until_somebody_waits_for_advisory_lock()

        writers: list[object] = []
        rebuild_all(ZoneInfo("America/New_York"), progress=look)
    assert len(writers) == 1
    assert during
    assert all(seen == before for seen in during)
    fold_pending()
    tables.assert_equal_oracle([*events, late], ZoneInfo("America/New_York"))


# --- These tests have teeth ---------------------------------------------------------------------------------------

Break = Callable[[pytest.MonkeyPatch], None]
WATERMARK = f"""
    WITH taken AS (
        SELECT * FROM pending_event WHERE id > (SELECT coalesce(max(id), 0) FROM watermark) ORDER BY id LIMIT %s
    ), mark AS (INSERT INTO watermark SELECT max(id) FROM taken)
    INSERT INTO fold_event SELECT {fold.EVENT}, (occurred_at AT TIME ZONE %s)::date FROM taken
"""  # noqa: S608


def test_a_fold_without_the_lock_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "_lock", lambda _wait_s: True)
    monkeypatch.setattr(f"{__name__}.PROMPT_S", 1.0)
    with pytest.raises(TimeoutError):
        test_a_second_folder_leaves_at_once_and_one_that_waits_gets_its_turn()


def test_a_fold_by_watermark_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    tables.execute("CREATE TABLE watermark (id bigint)")
    monkeypatch.setattr(fold, "_TAKE", WATERMARK)
    try:
        with pytest.raises(AssertionError):
            test_an_event_committed_after_a_later_one_was_folded_is_folded_next()
    finally:
        tables.execute("DROP TABLE watermark")


def test_a_rebuild_without_the_ingest_lock_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "hold", lambda lock: None if lock is Lock.INGEST else hold(lock))
    monkeypatch.setattr("tests.analytics.parallel.PATIENCE_S", 1.0)
    with pytest.raises(AssertionError):
        test_readers_see_the_old_numbers_until_a_rebuild_is_done_and_writers_wait()

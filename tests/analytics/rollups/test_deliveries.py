"""Counting deliveries: every one counts once, in the day of the reporting zone on which it came in."""

from __future__ import annotations

import datetime as dt
import signal
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Barrier
from threading import Event as Flag
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from analytics import tasks
from analytics.models import Delivery
from analytics.models.locks import Lock, hold
from analytics.rollups import deliveries
from tests.analytics import tables
from tests.analytics.api.client import make_key
from tests.analytics.parallel import Threads, locked, python, until, until_somebody_waits_for
from tests.analytics.streams import days, examples, zones

pytestmark = pytest.mark.django_db(transaction=True)

BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2026, 3, 15, 12, tzinfo=dt.UTC)
FOLD = "import django; django.setup(); from analytics.rollups import deliveries; deliveries.fold()"


@dataclass(frozen=True)
class Sent:
    """One request: by which key and door, when, and what became of its events."""

    key_id: int = 1
    endpoint: str = "api"
    at: dt.datetime = NOON
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0


def note(*sent: Sent) -> None:
    for one in sent:
        Delivery.objects.create(
            key_id=one.key_id,
            endpoint=one.endpoint,
            received_at=one.at,
            accepted=one.accepted,
            duplicate=one.duplicate,
            rejected=one.rejected,
        )


def note_many(number: int) -> None:
    Delivery.objects.bulk_create(
        Delivery(key_id=1, endpoint="api", received_at=NOON, accepted=1, duplicate=0, rejected=0) for _ in range(number)
    )


def counted() -> dict[tuple[object, ...], tuple[object, ...]]:
    """`daily_key` whole: key, day and door → deliveries, accepted, duplicate, rejected, the last one's time."""
    rows = tables.execute(
        "SELECT key_id, day, endpoint, deliveries, accepted, duplicate, rejected, last_at FROM daily_key"
    )
    return {row[:3]: row[3:] for row in rows}


def oracle(sent: Iterable[Sent], zone: ZoneInfo) -> dict[tuple[object, ...], tuple[object, ...]]:
    by_key: dict[tuple[object, ...], list[Sent]] = defaultdict(list)
    for one in sent:
        by_key[one.key_id, one.at.astimezone(zone).date(), one.endpoint].append(one)
    return {
        key: (
            len(these),
            sum(one.accepted for one in these),
            sum(one.duplicate for one in these),
            sum(one.rejected for one in these),
            max(one.at for one in these),
        )
        for key, these in by_key.items()
    }


def waiting() -> int:
    return len(tables.execute("SELECT id FROM delivery"))


def empty(zone: ZoneInfo) -> None:
    tables.empty(zone)
    for table in ("delivery", "daily_key", "rejected_event"):
        tables.execute(f"DELETE FROM {table}")  # noqa: S608 - literals of this line


@pytest.fixture(autouse=True)
def _empty() -> None:
    empty(BERLIN)


# --- What is counted ----------------------------------------------------------------------------------------------


def test_an_outbox_vacuumed_while_it_was_empty_is_read_once_all_the_same() -> None:
    """See `test_fold`."""
    number = 2_000
    note_many(number)
    assert deliveries.fold() == number
    tables.vacuum_emptied("delivery")
    note_many(number)
    with tables.reads_at_most(3 * number, "delivery"):
        assert deliveries.fold() == number


def test_the_table_holds_what_a_hand_counts() -> None:
    """Berlin's clocks go forward on 29 March 2026 at 01:00 UTC: that Sunday ends at 22:00 UTC, Saturday at 23:00."""
    saturday, sunday, monday = dt.date(2026, 3, 28), dt.date(2026, 3, 29), dt.date(2026, 3, 30)
    last_of_saturday = dt.datetime(2026, 3, 28, 22, 59, 59, 999999, tzinfo=dt.UTC)
    first_of_sunday = dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC)
    last_of_sunday = dt.datetime(2026, 3, 29, 21, 59, 59, 999999, tzinfo=dt.UTC)
    first_of_monday = dt.datetime(2026, 3, 29, 22, tzinfo=dt.UTC)
    note(
        Sent(1, "api", last_of_saturday, accepted=10, duplicate=1),
        Sent(1, "api", first_of_sunday, accepted=1),
        Sent(1, "api", last_of_sunday, accepted=2, rejected=3),
        Sent(1, "otlp", last_of_sunday, duplicate=4),
        Sent(2, "api", last_of_sunday, accepted=5),
        Sent(1, "api", first_of_monday),
    )
    assert deliveries.fold() == 6
    assert counted() == {
        (1, saturday, "api"): (1, 10, 1, 0, last_of_saturday),
        (1, sunday, "api"): (2, 3, 0, 3, last_of_sunday),
        (1, sunday, "otlp"): (1, 0, 4, 0, last_of_sunday),
        (2, sunday, "api"): (1, 5, 0, 0, last_of_sunday),
        (1, monday, "api"): (1, 0, 0, 0, first_of_monday),
    }
    assert waiting() == 0


times = st.builds(
    lambda day, minutes: dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(minutes=minutes),
    days(),
    st.integers(-60, 24 * 60 + 60),
)
few = st.integers(0, 3)
requests = st.builds(Sent, st.integers(1, 2), st.sampled_from(["api", "otlp"]), times, few, few, few)


@examples(40)
@given(batches=st.lists(st.lists(requests, max_size=5), max_size=4), zone=zones, batch=st.integers(1, 4))
def test_after_any_deliveries_folded_at_any_time_the_table_is_what_they_amount_to(
    batches: list[list[Sent]], zone: ZoneInfo, batch: int
) -> None:
    empty(zone)
    sent: list[Sent] = []
    for these in batches:
        note(*these)
        sent += these
        assert deliveries.fold(batch=batch) == len(these)
        assert counted() == oracle(sent, zone)
        assert waiting() == 0


def test_folding_again_changes_nothing() -> None:
    note(Sent(accepted=2), Sent(accepted=3))
    deliveries.fold()
    before = counted()
    assert deliveries.fold() == 0
    assert counted() == before


def test_one_that_comes_late_counts_in_its_own_day_and_is_not_the_last() -> None:
    note(Sent(at=NOON, accepted=1))
    deliveries.fold()
    note(Sent(at=NOON - dt.timedelta(hours=1), accepted=1), Sent(at=NOON - dt.timedelta(days=1), accepted=1))
    deliveries.fold()
    assert counted() == {
        (1, dt.date(2026, 3, 15), "api"): (2, 2, 0, 0, NOON),
        (1, dt.date(2026, 3, 14), "api"): (1, 1, 0, 0, NOON - dt.timedelta(days=1)),
    }


def test_three_trillion_events_are_counted_to_the_last_one() -> None:
    tables.execute(
        "INSERT INTO delivery (key_id, endpoint, received_at, accepted, duplicate, rejected) "
        "SELECT 1, 'api', %s, 2000000000, 0, n %% 2 FROM generate_series(1, 1501) n",
        NOON,
    )
    deliveries.fold()
    assert counted() == {(1, dt.date(2026, 3, 15), "api"): (1501, 3_002_000_000_000, 0, 751, NOON)}


def test_the_task_and_the_command_count_deliveries_too() -> None:
    from django.core.management import call_command

    note(Sent(accepted=1))
    tasks.fold_pending()
    assert waiting() == 0
    note(Sent(accepted=1))
    call_command("fold")
    assert counted() == {(1, dt.date(2026, 3, 15), "api"): (2, 2, 0, 0, NOON)}


# --- At once, and in the middle -----------------------------------------------------------------------------------


def test_writers_and_folders_at_once_lose_and_double_nothing() -> None:
    """Four writers note 200 requests each, two fold meanwhile in small batches."""
    start, written = Barrier(6), Flag()
    by_writer = [
        [
            Sent(1 + n % 2, ("api", "otlp")[n % 3 == 0], NOON - dt.timedelta(hours=n), n % 4, n % 3, n % 2)
            for n in range(writer, 200 + writer)
        ]
        for writer in range(4)
    ]

    def write(these: list[Sent]) -> None:
        start.wait()
        note(*these)

    def fold_on(batch: int) -> None:
        start.wait()
        while not written.is_set():
            deliveries.fold(batch=batch)

    with Threads(6) as others:
        folders = [others.run(fold_on, batch) for batch in (3, 20)]
        writers = [others.run(write, these) for these in by_writer]
        try:
            for writer in writers:
                writer.result()
        finally:
            written.set()
        for folder in folders:
            folder.result()
    deliveries.fold()
    assert waiting() == 0
    assert counted() == oracle([one for these in by_writer for one in these], BERLIN)


def test_one_committed_after_a_later_one_was_counted_is_counted_next() -> None:
    noted, commit = Flag(), Flag()

    def note_slowly() -> None:
        with transaction.atomic():
            note(Sent(accepted=1))
            noted.set()
            assert commit.wait(30)

    with Threads(1) as others:
        slow = others.run(note_slowly)
        noted.wait()
        note(Sent(accepted=10))
        assert deliveries.fold() == 1
        commit.set()
        slow.result()
    assert deliveries.fold() == 1
    assert counted() == {(1, dt.date(2026, 3, 15), "api"): (2, 11, 0, 0, NOON)}


PROMPT_S = 20.0


def test_a_second_folder_leaves_at_once() -> None:
    note(Sent(accepted=1))
    with Threads(2) as others, locked("daily_key"):
        first = others.run(deliveries.fold)
        until_somebody_waits_for("daily_key")
        assert others.run(deliveries.fold).result(timeout=PROMPT_S) == 0
    assert first.result() == 1
    assert counted() == {(1, dt.date(2026, 3, 15), "api"): (1, 1, 0, 0, NOON)}


def test_folding_events_does_not_wait_for_it() -> None:
    with Threads(1) as others, transaction.atomic():
        hold(Lock.DELIVERIES)
        others.run(tasks.fold_pending).result(timeout=PROMPT_S)


def test_a_folder_killed_in_the_middle_loses_nothing() -> None:
    note(Sent(accepted=1))
    deliveries.fold()
    note(Sent(accepted=2), Sent(accepted=3))
    before = counted()
    with locked("daily_key"):
        process = python("-c", FOLD)
        until_somebody_waits_for("daily_key")
        process.send_signal(signal.SIGKILL)
        process.wait()
    until(lambda: not _lock_is_held(), "the server has noticed that the folder is gone")
    assert (counted(), waiting()) == (before, 2)
    assert deliveries.fold() == 2
    assert counted() == {(1, dt.date(2026, 3, 15), "api"): (3, 6, 0, 0, NOON)}


def _lock_is_held() -> bool:
    held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
    return bool(tables.execute(held, int(Lock.DELIVERIES)))


# --- Rejected events ----------------------------------------------------------------------------------------------


def reject(key_id: int, at: dt.datetime, count: int = 1) -> None:
    tables.execute(
        "INSERT INTO rejected_event (key_id, endpoint, received_at, index, reason) "
        "SELECT %s, 'api', %s, n, 'no' FROM generate_series(0, %s - 1) n",
        key_id,
        at,
        count,
    )


def test_rejected_events_are_kept_for_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    week = dt.timedelta(days=7)
    reject(1, NOON - week - dt.timedelta(microseconds=1))
    reject(1, NOON - week)
    reject(2, NOON)
    assert deliveries.purge(NOON) == 1
    left = tables.execute("SELECT key_id, received_at FROM rejected_event ORDER BY id")
    assert left == [(1, NOON - week), (2, NOON)]


def test_of_each_key_the_latest_thousand_are_kept() -> None:
    noisy, quiet = make_key()[0].pk, make_key()[0].pk
    reject(noisy, NOON, 1003)
    reject(quiet, NOON, 1000)
    assert deliveries.purge(NOON) == 3
    left = dict(tables.execute("SELECT key_id, min(index) FROM rejected_event GROUP BY key_id"))
    assert left == {noisy: 3, quiet: 0}
    assert deliveries.purge(NOON) == 0


# --- These tests have teeth ---------------------------------------------------------------------------------------

Break = Callable[[pytest.MonkeyPatch], None]


def _replace_what_stands(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliveries, "_FOLD", deliveries._FOLD.replace("standing.accepted + EXCLUDED", "EXCLUDED"))


def _count_the_days_of_utc(patch: pytest.MonkeyPatch) -> None:
    utc = "AT TIME ZONE (left(%s, 0) || 'UTC')"
    patch.setattr(deliveries, "_FOLD", deliveries._FOLD.replace("AT TIME ZONE %s", utc))


def _take_but_never_delete(patch: pytest.MonkeyPatch) -> None:
    start, end = deliveries._FOLD.index("DELETE"), deliveries._FOLD.index("RETURNING *") + len("RETURNING *")
    take = "SELECT * FROM delivery ORDER BY id LIMIT %s"
    patch.setattr(deliveries, "_FOLD", deliveries._FOLD[:start] + take + deliveries._FOLD[end:])


def tell() -> None:
    """Three deliveries on two days of Berlin, each folded on its own."""
    sent = [Sent(at=NOON.replace(hour=hour), accepted=1) for hour in (1, 2, 23)]
    for number, one in enumerate(sent, 1):
        note(one)
        deliveries.fold()
        assert waiting() == 0
        assert counted() == oracle(sent[:number], BERLIN)


def test_the_telling_deliveries_pass_with_a_sound_fold() -> None:
    tell()


@pytest.mark.parametrize("break_it", [_replace_what_stands, _count_the_days_of_utc, _take_but_never_delete])
def test_a_fold_with_a_known_fault_is_caught(break_it: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        tell()


def test_a_fold_without_the_lock_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "try_hold", lambda _lock: True)
    monkeypatch.setattr(f"{__name__}.PROMPT_S", 1.0)
    with pytest.raises(TimeoutError):
        test_a_second_folder_leaves_at_once()

"""A short seed of every fault, with real processes. `make chaos` lets them last, and lets mutants be caught."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.chaos.burst_faults import burst, senders_stall
from tests.chaos.calendar_faults import odd_times
from tests.chaos.database_faults import database_restarts
from tests.chaos.disk_faults import can_mount, disk_is_full, log_is_full
from tests.chaos.faults import Fault
from tests.chaos.line_faults import line_is_cut
from tests.chaos.load import Ledger, Pace
from tests.chaos.reckoning import compared
from tests.chaos.redis_faults import TROUBLES, redis_in_trouble
from tests.chaos.release_faults import release_is_migrated
from tests.chaos.scene import Dose, Outcome, Scene
from tests.chaos.stage import Stage, opened
from tests.chaos.worker_faults import killed_in_mid_fold, many_folders

# One after the other: each has many processes.
pytestmark = [
    pytest.mark.xdist_group("chaos"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are stopped and disks filled the Linux way"),
]
DOSE = Dose(seconds=0.5, deliveries=40, pace=Pace(pause_s=0.05, events=6_000))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with opened() as stage:
        yield stage


def check(outcome: Outcome) -> None:
    assert outcome.reckoning.is_clean, outcome


# --- Faults -------------------------------------------------------------------------------------------------------


def test_redis_in_trouble_costs_freshness_only(stage: Stage) -> None:
    check(redis_in_trouble(stage, DOSE, *TROUBLES))


def test_folders_killed_in_the_middle_lose_and_double_nothing(stage: Stage) -> None:
    check(killed_in_mid_fold(stage, DOSE))


def test_repeated_messages_to_many_workers_and_two_beats_do_no_harm(stage: Stage) -> None:
    check(many_folders(stage, DOSE))


def test_a_database_that_ends_at_once_is_503_until_it_is_back_and_has_kept_all(stage: Stage) -> None:
    check(database_restarts(stage, DOSE))


@pytest.mark.skipif(not can_mount(), reason="it takes root to mount a small disk")
@pytest.mark.parametrize("full", [disk_is_full, log_is_full])
def test_a_full_disk_is_503_until_there_is_space(stage: Stage, full: Fault) -> None:
    check(full(stage, DOSE))


def test_what_is_sent_again_after_a_cut_line_is_known(stage: Stage) -> None:
    check(line_is_cut(stage, DOSE))


def test_events_count_in_the_day_they_belong_to_however_late(stage: Stage) -> None:
    check(odd_times(stage, DOSE))


def test_a_burst_is_told_to_come_again_and_leaves_pages_and_memory_alone(stage: Stage) -> None:
    check(burst(stage, DOSE))


def test_senders_who_stop_in_the_middle_give_their_places_back(stage: Stage) -> None:
    check(senders_stall(stage, DOSE))


def test_a_release_migrates_while_usage_comes_in(stage: Stage) -> None:
    check(release_is_migrated(stage, DOSE))


# --- The reckoning has teeth --------------------------------------------------------------------------------------
# `make chaos` shows it whole mutants; here single rows are changed behind its back.


@pytest.fixture(scope="module")
def ledger(stage: Stage) -> Ledger:
    """Of some deliveries that nothing has happened to, all folded."""
    with Scene(stage, DOSE, "rows changed behind its back") as scene:
        scene.wait(answers=DOSE.deliveries)
    check(scene.reckoned())
    return scene.ledger


ONE = "(SELECT event_key FROM usage_event ORDER BY event_key LIMIT 1)"
OTHERS = (
    "event_key, received_at, source, team_id, kind, assistant_id, workflow_id, model, requests, input_tokens, "
    "cached_tokens, output_tokens, reasoning_tokens, usage_known, status"
)
TWICE = f"""
    INSERT INTO usage_event (user_id, occurred_at, {OTHERS})
    SELECT user_id + 1, occurred_at, {OTHERS} FROM usage_event WHERE event_key = {ONE}
"""
ANOTHER_BUCKET = "UPDATE daily_total SET day = '1999-01-01' WHERE day = (SELECT min(day) FROM daily_total)"
ONE_MORE = """
    WITH one AS (SELECT user_id, day FROM daily_user ORDER BY user_id, day LIMIT 1)
    UPDATE daily_user SET requests = requests + 1 FROM one
    WHERE daily_user.user_id = one.user_id AND daily_user.day = one.day
"""
ONE_PERSON_LESS = "UPDATE active_transition SET users = users - 1 WHERE day = (SELECT min(day) FROM active_transition)"
SOME = None  # as many as the buckets that the event was in


@pytest.mark.parametrize(
    ("change", "lost", "duplicated", "wrong"),
    [
        pytest.param(f"DELETE FROM usage_event WHERE event_key = {ONE}", 1, 0, SOME, id="lost"),
        pytest.param(TWICE, 0, 1, SOME, id="twice"),
        pytest.param(
            f"UPDATE usage_event SET event_key = gen_random_uuid() WHERE event_key = {ONE}", 1, 1, SOME, id="never sent"
        ),
        pytest.param(
            f"UPDATE usage_event SET input_tokens = input_tokens + 1 WHERE event_key = {ONE}", 0, 0, 1, id="changed"
        ),
        pytest.param(ANOTHER_BUCKET, 0, 0, 2, id="another bucket"),
        pytest.param(ONE_MORE, 0, 0, 1, id="one more"),
        pytest.param(ONE_PERSON_LESS, 0, 0, SOME, id="one person less"),
        pytest.param("WITH gone AS (DELETE FROM delivery) DELETE FROM daily_key", 0, 0, SOME, id="not counted"),
    ],
)
def test_the_reckoning_sees(
    stage: Stage, ledger: Ledger, change: str, lost: int, duplicated: int, wrong: int | None
) -> None:
    with stage.connect() as database, database.transaction(force_rollback=True):
        assert compared(database, ledger).is_clean
        database.execute(change)
        found = compared(database, ledger)
    assert (found.lost, found.duplicated) == (lost, duplicated), found
    assert found.wrong == wrong if wrong is not SOME else found.wrong > 0, found

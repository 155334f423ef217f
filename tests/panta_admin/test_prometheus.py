"""What Prometheus is told: usage as the database has it, and durations of every worker process, dead ones included."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from analytics.models import RollupState, Scope
from analytics.rollups import deliveries
from tests import webserver
from tests.analytics import workspace
from tests.analytics.api.client import Program, make_key, told
from tests.analytics.ingest.drafts import fields
from tests.analytics.workspace import event
from tests.cast import NOW, Actor
from tests.panta_admin.local.test_environment import wait_until
from tests.webserver import WebServer
from usermgmt.models import User

METRICS = "/metrics"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    """Name and labels → value; every one stands there once."""
    found = [
        ((sample.name, tuple(sorted(sample.labels.items()))), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(found) == len(dict(found))
    return dict(found)


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def ask(program: Program) -> Samples:
    response = program.get(METRICS)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(response.content.decode())


@pytest.fixture
def prometheus(db: None) -> Program:
    return Program(make_key(Scope.METRICS)[1])


@pytest.fixture
def ada(prometheus: Program) -> Actor:
    """Who made the key, in front of the pages."""
    return Actor(User.objects.get(email="ada@example.com"))


# --- Usage --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("frozen_now")
def test_what_became_of_events_is_counted_by_door(prometheus: Program) -> None:
    sender = Program(make_key(Scope.INGEST)[1])
    sender.deliver("/api/v1/events", [fields(event_id="a"), fields(event_id="b"), {}])
    sender.deliver("/api/v1/events", [fields(event_id="a")])
    found = ask(prometheus)
    verdicts = ("accepted", "duplicate", "rejected")
    assert [value(found, "panta_ingest_events_total", endpoint="api", verdict=v) for v in verdicts] == [2, 1, 1]
    assert value(found, "panta_ingest_requests_total", endpoint="api") == 2
    for door in ("litellm", "otlp"):  # nothing came in there, and the series is there from the first scrape on
        assert [value(found, "panta_ingest_events_total", endpoint=door, verdict=v) for v in verdicts] == [0, 0, 0]


@pytest.mark.usefixtures("frozen_now")
def test_counters_go_on_when_deliveries_are_added_to_their_day(prometheus: Program) -> None:
    """Of two keys, some of it counted by day and some still in the outbox."""
    senders = [Program(make_key(Scope.INGEST)[1]) for _ in range(2)]
    for number, sender in enumerate(senders):
        sender.deliver("/api/v1/events", [fields(event_id=f"{number}"), {}])
    deliveries.fold()
    assert accepted(ask(prometheus)) == 2
    for number, sender in enumerate(senders):
        sender.deliver("/api/v1/events", [fields(event_id=f"{number} more")])
    assert accepted(ask(prometheus)) == 4
    deliveries.fold()
    found = ask(prometheus)
    assert accepted(found) == value(found, "panta_ingest_requests_total", endpoint="api") == 4
    assert value(found, "panta_ingest_events_total", endpoint="api", verdict="rejected") == 2


def accepted(found: Samples) -> float:
    return value(found, "panta_ingest_events_total", endpoint="api", verdict="accepted")


def test_what_waits_to_be_counted_is_told(prometheus: Program, frozen_now: Any) -> None:
    workspace.store(event(1), event(1), event(2))
    assert value(ask(prometheus), "panta_pending_events") == 3
    workspace.fold()
    assert value(ask(prometheus), "panta_pending_events") == 0


def test_the_lag_is_the_age_of_the_last_whole_count(prometheus: Program, frozen_now: Any) -> None:
    workspace.fold(event(1))
    RollupState.objects.update(as_of=NOW - dt.timedelta(seconds=90))
    found = ask(prometheus)
    assert value(found, "panta_fold_lag_seconds") == 90
    assert value(found, "panta_counted_until_timestamp_seconds") == NOW.timestamp() - 90
    frozen_now.shift(10)
    assert value(ask(prometheus), "panta_fold_lag_seconds") == 100


def test_before_the_first_count_there_is_no_lag_to_tell(prometheus: Program) -> None:
    assert not [name for name, _labels in ask(prometheus) if name.startswith(("panta_fold", "panta_counted"))]


# --- Durations ----------------------------------------------------------------------------------------------------


def requests(found: Samples, route: str, status: int) -> float:
    labels = {"route": route, "status": str(status)}
    name = "panta_request_duration_seconds_count"
    return found.get((name, tuple(sorted(labels.items()))), 0)


def test_durations_are_told_by_route_and_status(prometheus: Program, ada: Actor) -> None:
    before = ask(prometheus)
    ada.get("/admin/users/1234567/")
    ada.get("/admin/users/7654321/")
    ada.get("/admin/analytics/")
    after = ask(prometheus)
    for route, status, more in (
        ("/admin/users/<int:user_id>/", 404, 2),
        ("/admin/analytics/", 200, 1),
        ("/metrics", 200, 1),
    ):
        assert requests(after, route, status) - requests(before, route, status) == more
    labels = {"route": "/admin/analytics/", "status": "200"}
    assert value(after, "panta_request_duration_seconds_bucket", le="+Inf", **labels) >= 1
    assert value(after, "panta_request_duration_seconds_sum", **labels) > 0


def test_addresses_that_somebody_tries_make_no_series(prometheus: Program, stranger: Actor) -> None:
    stranger.get("/of/nothing/")
    known = ask(prometheus)
    for number in range(20):
        stranger.get(f"/of/nothing/{number}/")
        stranger.post(f"/admin/users/{number}/edit/")
    after = ask(prometheus)
    assert requests(after, "none", 302) - requests(known, "none", 302) == 20
    assert {labels for _name, labels in after.keys() - known.keys()} <= {
        labels for _name, labels in after if ("route", "none") in labels
    }


# --- Keys ---------------------------------------------------------------------------------------------------------


def test_only_a_key_with_the_scope_reads_them(prometheus: Program, ada: Actor) -> None:
    assert Program().get(METRICS).status_code == 401
    assert ada.get(METRICS).status_code == 401
    for scope in Scope:
        response = Program(make_key(scope)[1]).get(METRICS)
        assert response.status_code == (200 if scope is Scope.METRICS else 403)
    assert "metrics" in told(Program(make_key(Scope.READ)[1]).get(METRICS))["detail"]


# --- Several processes --------------------------------------------------------------------------------------------

LIVE = "/health/live"


@pytest.fixture
def key(transactional_db: None) -> str:
    return make_key(Scope.METRICS)[1]


def scrape(server: WebServer, key: str) -> Samples:
    answer = server.ask("GET", METRICS, Authorization=f"Bearer {key}")
    assert answer.status == 200
    return samples(answer.body.decode())


def spread(server: WebServer, number: int) -> None:
    for _ in range(number):
        assert server.ask("GET", LIVE).status == 200


def test_every_worker_tells_what_all_of_them_observed_dead_ones_included(key: str, tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    with webserver.serving(workers=2, PROMETHEUS_MULTIPROC_DIR=str(folder)) as server:
        counted = requests(scrape(server, key), LIVE, 200) + 40
        spread(server, 40)
        assert {requests(scrape(server, key), LIVE, 200) for _ in range(20)} == {counted}
        for _ in range(2):
            kill_all_workers(server)
            spread(server, 5)
            counted += 5
        assert requests(scrape(server, key), LIVE, 200) == counted
        alive = {str(worker.pid) for worker in server.workers()}
        assert wait_until(lambda: numbers_of(folder) <= {*alive, "gone"}), numbers_of(folder)


def kill_all_workers(server: WebServer) -> None:
    """And wait for those that take their place."""
    dead = server.workers()
    for worker in dead:
        worker.kill()
    assert wait_until(lambda: len(set(server.workers()) - set(dead)) == len(dead), 30)


def numbers_of(folder: Path) -> set[str]:
    """Whose files lie there."""
    return {path.stem.rpartition("_")[2] for path in folder.glob("*.db")}


def test_a_new_server_begins_at_zero_and_leaves_other_files_alone(key: str, tmp_path: Path) -> None:
    (tmp_path / "histogram_12345.db").write_bytes(b"of an earlier server")
    (tmp_path / "people.db").write_bytes(b"somebody else's")
    with webserver.serving(workers=2, PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) as server:
        assert requests(scrape(server, key), METRICS, 200) == 0
    assert (tmp_path / "people.db").read_bytes() == b"somebody else's"
    assert not (tmp_path / "histogram_12345.db").exists()


def test_the_folder_that_was_made_goes_with_the_server(key: str) -> None:
    with webserver.serving() as server:
        spread(server, 1)
        folder = folder_of(server)
    assert not folder.exists()


def test_what_a_killed_server_leaves_the_next_one_removes(key: str) -> None:
    with webserver.serving() as server:
        left = folder_of(server)
        with webserver.serving():
            assert left.exists()  # somebody's who is alive
        family = [server.process.pid, *(worker.pid for worker in server.workers())]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        with webserver.serving():
            assert not left.exists()


def folder_of(server: WebServer) -> Path:
    (folder,) = {
        Path(file.path).parent for w in server.workers() for file in w.open_files() if file.path.endswith(".db")
    }
    return folder


def test_requests_are_answered_although_the_folder_is_gone(key: str, tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    with webserver.serving(PROMETHEUS_MULTIPROC_DIR=str(folder)) as server:
        shutil.rmtree(folder)
        kill_all_workers(server)
        spread(server, 2)


NO_ROOM = """
import os, resource
from panta_admin import worker_files
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
made = worker_files.make()
worker_files.reserve(os.getpid())
worker_files.remove(made)
from prometheus_client import CollectorRegistry, Histogram, generate_latest
registry = CollectorRegistry()
Histogram("seconds", "…", ("route",), registry=registry).labels("/").observe(1)
print(worker_files.folder(), generate_latest(registry).decode())
"""


def test_where_there_is_no_room_a_process_counts_for_itself() -> None:
    said = subprocess.run(
        [sys.executable, "-c", NO_ROOM], cwd=webserver.PROJECT, check=True, capture_output=True, text=True
    ).stdout
    assert said.startswith("None")
    assert 'seconds_count{route="/"} 1.0' in said


def test_without_the_configuration_everything_works(key: str) -> None:
    with webserver.serving(workers=1, config="") as server:
        spread(server, 3)
        assert requests(scrape(server, key), LIVE, 200) >= 3

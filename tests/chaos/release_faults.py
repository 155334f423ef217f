"""F12: a release migrates while usage comes in and somebody reads for long. Ingest goes on; migrate waits politely."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.load import Answer
from tests.chaos.scene import Dose, Outcome, Scene
from tests.chaos.stage import WEB_THREADS, Stage

TABLES = ("usage_event", "pending_event", "daily_total", "person")
LOCK_TIMEOUT_S = 1.0
LONGEST_S = 8.0  # of one delivery meanwhile; had migrate no limit, all would wait for as long as the reader reads
_CHANGED = "SELECT table_name FROM information_schema.columns WHERE column_name = 'next_release'"


def release_is_migrated(stage: Stage, dose: Dose) -> Outcome:
    with _undone_afterwards(stage):
        with Scene(stage, dose, "migrate while usage comes in") as scene:
            _refresh(scene)
            longest = _check_refused(scene)
            _check_done(scene)
            _refresh(scene)
        return scene.reckoned(f"longest delivery while it waited {longest:.1f} s")


def _refresh(scene: Scene) -> None:
    """Folds in the web threads, whose connections and temporary tables outlive the migration: the release before runs
    on until it is replaced.
    """
    for _ in range(2 * WEB_THREADS):
        assert scene.visitor.post("/admin/analytics/refresh/", range="today").status == 200


def _check_refused(scene: Scene) -> float:
    """Somebody reads all the time: migrate gives up, and nothing is changed. The longest delivery meanwhile."""
    began = time.monotonic()
    with _long_reader(scene.stage):
        refused = _migrate(scene.stage, "--attempts=2", "--pause=0.5")
        meanwhile: list[Answer] = scene.deliveries((began, time.monotonic()))
        assert refused.returncode == 1, refused
        assert "Run migrate again" in refused.stderr, refused.stderr
        assert not _changed(scene.stage)
    longest = max(answer.took_s for answer in meanwhile)
    assert longest < LONGEST_S, longest
    assert sum(answer.status == 200 for answer in meanwhile) > 3, meanwhile
    return longest


def _check_done(scene: Scene) -> None:
    done = _migrate(scene.stage)
    assert done.returncode == 0, done.stderr
    assert _changed(scene.stage) >= set(TABLES)


@contextmanager
def _long_reader(stage: Stage) -> Iterator[None]:
    """An export that takes its time: its lock stands in the way of nothing but a change of the table."""
    with stage.connect() as database, database.transaction():
        database.execute("SELECT 1 FROM usage_event LIMIT 1")
        yield


def _migrate(stage: Stage, *options: str) -> subprocess.CompletedProcess[str]:
    """`manage.py migrate` of the next release."""
    command = ("manage.py", "migrate", f"--lock-timeout={LOCK_TIMEOUT_S}", *options)
    return stage.run(*command, DJANGO_SETTINGS_MODULE="tests.chaos.settings")


def _changed(stage: Stage) -> set[str]:
    return {name for (name,) in stage.query(_CHANGED)}


@contextmanager
def _undone_afterwards(stage: Stage) -> Iterator[None]:
    try:
        yield
    finally:
        for table in TABLES:
            stage.query(f"ALTER TABLE {table} DROP COLUMN IF EXISTS next_release")
        stage.query("DELETE FROM django_migrations WHERE app = 'next_release'")

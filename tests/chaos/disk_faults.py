"""F4: PostgreSQL's disk is full. Reads go on, ingest is told to come again, and all is well once there is space.

The cluster moves to a small tmpfs, where a file of nothing takes the space that is left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from panta_admin.local.place import LocalServerError
from tests.chaos.load import Line
from tests.chaos.scene import Dose, Outcome, Scene
from tests.chaos.stage import Stage, until

SPARE_MIB = 192  # for what comes in before the disk is full
SEGMENTS = 4  # of the log, kept for use again


def can_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None


@dataclass(frozen=True, slots=True)
class Disk:
    folder: Path

    def fill(self) -> None:
        with (self.folder / "nothing").open("ab", buffering=0) as file, suppress(OSError):
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        (self.folder / "nothing").unlink()


@contextmanager
def _on_a_small_disk(stage: Stage) -> Iterator[Disk]:
    """The database lives there while this lasts; afterwards it stands where it was before."""
    usual, folder = stage.postgres.data, stage.folder / "small"
    folder.mkdir()
    stage.end_server("postgres", signal.SIGINT)
    used = sum(file.stat().st_size for file in usual.rglob("*") if file.is_file()) >> 20
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + SPARE_MIB}m", "tmpfs", str(folder)], check=True)
    try:
        subprocess.run(["cp", "-a", str(usual), str(folder)], check=True)
        stage.postgres.data = folder / usual.name
        stage.start_server("postgres")
        yield Disk(folder)
    finally:
        stage.end_server("postgres", signal.SIGQUIT)
        stage.postgres.data = usual
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
        stage.start_server("postgres")


def disk_is_full(stage: Stage, dose: Dose) -> Outcome:
    """There is no space for another page of a table; the log still has what it needs."""
    with _on_a_small_disk(stage) as disk:
        with Scene(stage, dose, "disk full") as scene:
            _keep_segments(stage)
            scene.wait(0.5)
            disk.fill()
            until(lambda: _last_status(scene) == 503, "a delivery is refused")
            full = scene.wait()
            assert scene.visitor.get().status == 200
            disk.free()
            freed = time.monotonic()
            until(lambda: scene.accepted_since(freed), "deliveries are taken again")
        assert {answer.status for answer in scene.pages(full)} == {200}
        refused = sum(answer.status == 503 for answer in scene.deliveries(full))
        return scene.reckoned(f"{refused} times 503, pages go on", alone=True)


def _keep_segments(stage: Stage) -> None:
    """As on any database that has run for a while: segments of the log lie ready, and none has to be made."""
    for _ in range(SEGMENTS):
        stage.query("SELECT pg_switch_wal()")
        stage.query("CREATE TABLE IF NOT EXISTS nothing AS SELECT")
        stage.query("DROP TABLE nothing")
    stage.query("CHECKPOINT")


def _last_status(scene: Scene) -> int:
    return scene.ledger.answers[-1].status


def log_is_full(stage: Stage, dose: Dose) -> Outcome:
    """Not even the log can grow: PostgreSQL gives up and cannot start again. Whoever looks after it tries on."""
    with _on_a_small_disk(stage) as disk:
        with Scene(stage, dose, "disk full, log too") as scene:
            scene.wait(0.5)
            disk.fill()
            until(lambda: _has_given_up(stage), "PostgreSQL gives up")
            assert Line(stage.port, stage.key).post(b"[]").status == 503
            scene.wait()
            disk.free()
            until(lambda: _starts(stage), "PostgreSQL starts again")
            started = time.monotonic()
            until(lambda: scene.accepted_since(started), "deliveries are taken again")
        return scene.reckoned("503 until there is space")


def _has_given_up(stage: Stage) -> bool:
    with suppress(psycopg.Error):
        stage.query("SELECT pg_switch_wal()")
    return not stage.server_runs("postgres")


def _starts(stage: Stage) -> bool:
    try:
        stage.start_server("postgres")
    except LocalServerError:
        return False
    return True

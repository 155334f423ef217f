"""The stage: the whole product in real processes of its own, each of which can be stopped, frozen or killed by its pid.

PostgreSQL that waits for its disk, Valkey, gunicorn as in the image, Celery workers and beat. In: nothing. Out: a
running `Stage`; when its block ends, so does everything it started.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg

from panta_admin.local.place import Place, end_with_parent, tail
from panta_admin.local.servers import Postgres, Valkey

PROJECT = Path(__file__).resolve().parents[2]
ZONE = "Europe/Berlin"
ADMINISTRATOR, PASSWORD = "ada@example.com", "correct horse battery staple"
START_S = 60.0
PATIENCE_S = 60.0
EMPTY_ATTEMPTS = 5
WEB_THREADS = 8
FOLD = "analytics.tasks.fold_pending"
WEB = (
    "gunicorn", "panta_admin.wsgi", "--config=python:panta_admin.serving", "--workers=2", "--threads=4",
    "--worker-tmp-dir=/dev/shm", "--max-requests=10000", "--max-requests-jitter=1000", "--log-level=warning",
)  # fmt: skip
CELERY = ("celery", "--app=panta_admin.celery")
# Beside the rollups; people, teams and items keep their ids.
_EMPTIED = ("usage_event", "pending_event", "delivery", "daily_key", "rejected_event", "rollup_state")


class DurablePostgres(Postgres):
    """As in production: a commit waits for the disk."""

    def __init__(self, place: Place, more: tuple[str, ...] = ()) -> None:
        super().__init__(place)
        self._more = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", *more)

    def _options(self) -> list[str]:
        return [*super()._options(), *(part for option in self._more for part in ("-c", option))]


@dataclass
class Stage:
    folder: Path
    port: int
    postgres: DurablePostgres
    valkey: Valkey
    key: str = ""
    mutant: str = ""
    _servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
        return kept | {
            "DATABASE_URL": self.postgres.address,
            "REDIS_URL": self.valkey.address,
            "SECRET_KEY": "only-for-the-stage-" + "x" * 32,
            "ALLOWED_HOSTS": "127.0.0.1",
            "BASE_URL": self.url,
            "REPORTING_TIME_ZONE": ZONE,
            "STATIC_ROOT": str(self.folder / "static"),
            "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings" if self.mutant else "panta_admin.settings",
            "CHAOS_MUTANT": self.mutant,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- Servers ---------------------------------------------------------------------------------------------------

    def start_server(self, name: str) -> None:
        """Starts `postgres` or `valkey`, and returns when it answers. From the thread that lives longest."""
        self._servers[name] = getattr(self, name).start()

    def signal_server(self, name: str, number: signal.Signals) -> None:
        self._servers[name].send_signal(number)

    def end_server(self, name: str, number: signal.Signals) -> None:
        """Sends the signal and waits until the server is gone."""
        if self._servers[name].poll() is None:
            self._servers[name].send_signal(number)
        self._servers[name].wait(START_S)

    def server_runs(self, name: str) -> bool:
        return self._servers[name].poll() is None

    def backends(self) -> list[psutil.Process]:
        """PostgreSQL's processes, one a connection and some of its own."""
        return psutil.Process(self._servers["postgres"].pid).children()

    # --- Processes -------------------------------------------------------------------------------------------------

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        """Runs `python -m …` under this name, with a log of its own."""
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=PROJECT, env=self.environment | environment,
                preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509  # it makes one system call
            )  # fmt: skip

    def start_web(self) -> None:
        self.start("web", *WEB, f"--bind=127.0.0.1:{self.port}")
        until(self.web_answers, f"the web server answers:\n{self.log('web')}")

    def start_worker(self, name: str = "worker", *options: str) -> None:
        """Returns at once; `worker_is_ready` some seconds later."""
        options = options or ("--concurrency=2",)
        self.start(name, *CELERY, "worker", f"--hostname={name}@%h", "--loglevel=INFO", *options, LOG_LEVEL="INFO")

    def worker_is_ready(self, name: str) -> bool:
        return " ready." in self._log(name).read_text()

    def start_beat(self, name: str = "beat") -> None:
        self.start(name, *CELERY, "beat", "--loglevel=INFO", "--pidfile=", f"--schedule={self.folder / name}-schedule")

    def kill(self, name: str) -> None:
        """kill -9: the process and whatever it has started, pid by pid."""
        process = self._processes.pop(name)
        for each in self._with_children(process):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()

    def stop(self, name: str) -> None:
        """The polite way, as `docker stop` does it."""
        process = self._processes.pop(name)
        children = self._with_children(process)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        for each in children:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()

    def children(self, name: str) -> list[psutil.Process]:
        return psutil.Process(self._processes[name].pid).children()

    def _with_children(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        try:
            whole = psutil.Process(process.pid)
            return [whole, *whole.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def log(self, name: str) -> str:
        """How it ends."""
        return tail(self._log(name), 30)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs `python …` to its end."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT, env=self.environment | environment, text=True, capture_output=True, check=False,
        )  # fmt: skip

    def web_answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    # --- Database --------------------------------------------------------------------------------------------------

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.postgres.address, autocommit=True)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connect() as database:
            cursor = database.execute(sql, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def empty(self) -> None:
        """No event and no rollup, and days of the reporting zone."""
        from tests.analytics.tables import COLUMNS

        for _ in range(EMPTY_ATTEMPTS):  # who reads a page at the moment may hold what this waits for, and wait for it
            with suppress(psycopg.errors.DeadlockDetected):
                self.query(f"TRUNCATE {', '.join((*_EMPTIED, *COLUMNS))}")
                return
        raise AssertionError("the tables could not be emptied")

    def pending(self) -> int:
        return int(self.query("SELECT count(*) FROM pending_event")[0][0])

    def ask_to_fold(self, times: int = 1) -> None:
        """The message that beat sends."""
        from panta_admin.celery import app, broker_address

        with app.connection_for_write(url=broker_address(self.valkey.address)) as connection:
            for _ in range(times):
                app.send_task(FOLD, connection=connection)

    def settle(self, *, alone: bool = False, patience_s: float = PATIENCE_S) -> None:
        """Waits until nothing is pending: folded by those who are there, at once or (`alone`) when beat says so."""
        deadline = time.monotonic() + patience_s
        while left := self.pending():
            if time.monotonic() > deadline:
                raise AssertionError(f"{left:,} events are still pending after {patience_s:g} s:\n{self.log('worker')}")
            if not alone:
                self.ask_to_fold()
            time.sleep(0.2)


def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s:g} s in vain until {what}")
        time.sleep(0.02)


@contextmanager
def opened(*, mutant: str = "", database_options: tuple[str, ...] = ()) -> Iterator[Stage]:
    """A stage with an empty workspace, an administrator, a key, and everybody at work; with one promise broken, if a
    mutant is named.
    """
    folder = Path(tempfile.mkdtemp(prefix="panta-chaos-"))
    places = []
    for name in ("postgres", "valkey"):
        (folder / name).mkdir()
        places.append(Place.make(folder / name, durable=True))
    stage = Stage(folder, free_port(), DurablePostgres(places[0], database_options), Valkey(places[1]), mutant=mutant)
    try:
        stage.start_server("postgres")
        stage.start_server("valkey")
        stage.key = _prepared(stage)
        stage.start_worker()
        stage.start_beat()
        stage.start_web()
        yield stage
    finally:
        _end(stage)
        for place in places:
            place.clear()
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(stage: Stage) -> str:
    """Tables, static files, an administrator; the text of a key."""
    said = stage.run("-m", "tests.chaos.prepare")
    found = re.search(r"panta_[\w-]{43}", said.stdout)
    assert found, said.stderr
    return found[0]


def _end(stage: Stage) -> None:
    for name in list(stage._processes):
        stage.kill(name)
    for name, number in (("valkey", signal.SIGKILL), ("postgres", signal.SIGQUIT)):
        if name in stage._servers:
            stage.end_server(name, number)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

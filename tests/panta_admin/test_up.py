"""`manage.py up` with real processes: it serves, it outlives lost connections, and it leaves nothing behind."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from panta_admin.local.place import tail
from tests.panta_admin.local.test_environment import (
    PROJECT,
    environment_of,
    folder_to_walk_into,
    processes_below,
    wait_until,
)

# One after the other in one process: the second start goes on where the first was.
pytestmark = pytest.mark.xdist_group("up")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def local() -> Iterator[Path]:
    """One clone's `.local/`: the second start finds what the first has made."""
    with folder_to_walk_into() as folder:
        yield folder / "local"


def command(local: Path, port: int, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "up", *options],
        env=environment_of(local, PORT=str(port), STATIC_ROOT=str(local / "static")),
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@contextmanager
def running(local: Path, port: int, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command once it has said its address, with what it printed until then."""
    process = command(local, port, *options)
    assert process.stdout is not None
    said = ""
    try:
        while "Ctrl-C stops everything" not in said:
            line = process.stdout.readline()
            assert line, f"ended before it was ready:\n{said}"
            said += line
        yield process, said
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # our own address
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def is_alive(process: psutil.Process) -> bool:
    """A dead process whose new parent takes its time to notice (a zombie) is not alive."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def check_nothing_is_left(local: Path, children: list[psutil.Process]) -> None:
    def left() -> list[str]:
        return processes_below(local) + [str(child) for child in children if is_alive(child)]

    assert wait_until(lambda: not left(), 30), (left(), [tail(log, 5) for log in local.glob("port-*/*.log")])


def test_it_serves_folds_and_ends_with_ctrl_c(local: Path) -> None:
    port = free_port()
    with running(local, port) as (process, said):
        assert f"http://localhost:{port}" in said
        assert re.search(r"Sign in as .*@", said)
        status, page = get(f"http://localhost:{port}/")
        style = re.search(r'href="(/static/css/tokens\.[0-9a-f]{12}\.css)"', page)
        assert status == 200
        assert "password" in page
        document = json.loads(get(f"http://localhost:{port}/api/v1/openapi.json")[1])
        assert document["servers"][0]["url"] == f"http://localhost:{port}"  # as do links in mails, and what is pasted
        assert style is not None
        assert get(f"http://localhost:{port}{style[1]}")[0] == 200
        worker_log = local / f"port-{port}" / "worker.log"
        assert wait_until(
            lambda: "fold_pending" in worker_log.read_text() and "succeeded" in worker_log.read_text(), 30
        )
        children = descendants(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    check_nothing_is_left(local, children)


def test_a_second_start_goes_on_where_the_first_was_outlives_lost_connections_and_names_a_dead_child(
    local: Path,
) -> None:
    port = free_port()
    with running(local, port) as (process, said):
        assert "Sign in as" in said
        address = (local / "postgres" / "address").read_text()
        with psycopg.connect(address, autocommit=True) as connection:
            people = connection.execute("SELECT count(*) FROM person").fetchone()
            assert get(f"http://localhost:{port}/health/ready")[0] == 200
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            assert get(f"http://localhost:{port}/health/ready")[0] == 200
        assert people is not None
        assert people[0] > 50
        children = descendants(process)
        beat = next(child for child in children if "beat" in child.cmdline())
        beat.kill()
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "beat ended with code -9" in output
    check_nothing_is_left(local, children)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_even_a_killed_command_leaves_nothing_running(local: Path) -> None:
    with running(local, free_port(), "--no-demo") as (process, _):
        children = descendants(process)
        process.kill()
        check_nothing_is_left(local, children)


def test_a_taken_port_is_said_with_what_to_type(local: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = command(local, port)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Port {port} is taken. Choose another one: make run PORT={port + 1}" in output
    assert "Traceback" not in output
    assert wait_until(lambda: not processes_below(local))

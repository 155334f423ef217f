"""What a laptop leaves unset: fills os.environ with the embedded servers' addresses and safe local values.

Called before settings are read; imports no Django. The servers live in LOCAL_DIR (`.local/` beside manage.py), are
shared by every process of this clone, and stop when the last of them ends.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from panta_admin.local.keeper import try_lock
from panta_admin.local.place import LocalServerError, tail
from panta_admin.local.servers import VARIABLES, require_wheel

PROJECT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90

_held: list[IO[str]] = []


def complete() -> None:
    """Sets every variable that settings need and nobody set; ends the program with a message where that cannot be."""
    local = folder()
    missing = [name for name, variable in VARIABLES.items() if not os.environ.get(variable)]
    try:
        addresses = join(local, missing)
    except LocalServerError as error:
        sys.exit(str(error))
    except PermissionError as error:
        sys.exit(f"{local} belongs to another user ({error}). Run as that user, or set LOCAL_DIR.")
    os.environ.update({VARIABLES[name]: address for name, address in addresses.items()})
    os.environ.setdefault("SECRET_KEY", _secret(local / "secret_key"))
    os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")


def folder() -> Path:
    """Where everything local lives: data of the embedded servers, the secret, logs."""
    return Path(os.environ.get("LOCAL_DIR") or PROJECT / ".local").resolve()


def join(folder: Path, names: list[str], *, durable: bool = True) -> dict[str, str]:
    """The addresses of the named servers, started where they do not run; they stay up while this process lives."""
    folder.mkdir(parents=True, exist_ok=True)
    with _starting(folder):
        keepers = {name: _use(folder / name, durable) for name in names}
        return {name: _address(folder / name, keeper) for name, keeper in keepers.items()}


def leave() -> None:
    """Gives up this process's share of the servers, and waits for those that nobody else uses to be gone."""
    folders = {Path(file.name).parent for file in _held}
    while _held:
        _held.pop().close()
    deadline = time.monotonic() + START_SECONDS
    while any(_is_stopping(folder) for folder in folders) and time.monotonic() < deadline:
        time.sleep(0.05)


@contextmanager
def _starting(folder: Path) -> Iterator[None]:
    with (folder / "starting.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _use(folder: Path, durable: bool) -> subprocess.Popen[bytes] | None:
    """Takes a share of the server; the new keeper's process where none was alive."""
    require_wheel(folder.name)
    folder.mkdir(exist_ok=True)
    users = (folder / "users.lock").open("a")
    fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is just stopping
    _held.append(users)
    if _has_keeper(folder):
        return None
    (folder / "address").unlink(missing_ok=True)  # of a keeper that was killed
    command = [sys.executable, "-m", "panta_admin.local.keeper", folder.name, str(folder)]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command if durable else [*command, "--fast"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=PROJECT,
            start_new_session=True,  # Ctrl-C is for us, not for the servers under us
        )


def _address(folder: Path, keeper: subprocess.Popen[bytes] | None) -> str:
    deadline = time.monotonic() + START_SECONDS
    address = folder / "address"
    while not address.exists():
        if (keeper and keeper.poll() is not None) or time.monotonic() > deadline:
            raise LocalServerError(f"The embedded {folder.name} did not start:\n{tail(folder / 'log')}")
        time.sleep(0.02)
    return address.read_text()


def _has_keeper(folder: Path) -> bool:
    with (folder / "keeper.lock").open("a") as file:
        return not try_lock(file, fcntl.LOCK_SH)


def _is_stopping(folder: Path) -> bool:
    """Whether a keeper still lives that has no user left."""
    if not _has_keeper(folder):
        return False
    with (folder / "users.lock").open("a") as file:
        if not try_lock(file, fcntl.LOCK_SH):
            return True  # the keeper holds it
        return try_lock(file, fcntl.LOCK_EX)  # nobody does; the keeper looks again in a moment


def _secret(path: Path) -> str:
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # the first of several starters wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()

"""The process that owns one embedded server: started by its first user, it stops the server after its last.

Users hold a shared lock on `users.lock`; the kernel drops it however they end, kill -9 included. The keeper holds
`keeper.lock` while it lives, publishes the server's address in `address`, and waits for an exclusive `users.lock`.

    python -m panta_admin.local.keeper postgres FOLDER [--fast]
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from panta_admin.local.place import LocalServerError, Place
from panta_admin.local.servers import SERVERS

POLL_SECONDS = 0.1


def try_lock(file: IO[str], kind: int) -> bool:
    """Whether the lock was taken at once."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def keep(name: str, folder: Path, durable: bool) -> None:
    """Runs the server until nobody uses it, it ends by itself, or we are told to stop."""
    with (folder / "users.lock").open("a") as users, (folder / "keeper.lock").open("a") as alive:
        if not try_lock(alive, fcntl.LOCK_EX):
            return
        _end_orphan(name, folder)
        place = Place.make(folder, durable=durable)
        address = folder / "address"
        try:
            server = SERVERS[name](place)
            process = server.start()
            _publish(address, server.address)
            _wait_for_the_end(process, users)
            server.stop(process)
        finally:
            address.unlink(missing_ok=True)
            place.clear()
            # In this order: whoever waits for `users.lock` must find `keeper.lock` free and start a new keeper.
            fcntl.flock(alive, fcntl.LOCK_UN)


def _end_orphan(name: str, folder: Path) -> None:
    if place := Place.left_behind(folder):
        SERVERS[name](place).stop_orphan()
        place.clear()


def _publish(address: Path, text: str) -> None:
    draft = address.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(address)


def _wait_for_the_end(process: subprocess.Popen[bytes], users: IO[str]) -> None:
    told_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told_to_stop.append(number))
    while process.poll() is None and not told_to_stop and not try_lock(users, fcntl.LOCK_EX):
        time.sleep(POLL_SECONDS)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    name, folder, *flags = sys.argv[1:]
    try:
        keep(name, Path(folder), durable="--fast" not in flags)
    except LocalServerError as error:
        sys.exit(str(error))
    os._exit(0)  # all is tidied; the interpreter's own slow end would look like something left running


if __name__ == "__main__":
    main()

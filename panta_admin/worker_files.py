"""Where the worker processes of one web server write what they observe, so that any of them can tell all of it.

prometheus_client gives each process a file of its own, in the folder that PROMETHEUS_MULTIPROC_DIR names. Here the
folder is made, and what a worker leaves behind when it ends is added to one file for all that are gone: workers come
and go by design, and their files would pile up. Imports no Django: the server's own process has none.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_MEMORY = "/dev/shm"  # noqa: S108  # of the machine: files there never wait for a disk
_PREFIX, _OWNER = "panta-metrics-", "server"
_FILE = re.compile(r"(?P<kind>counter|histogram|summary)_(?P<process>\d+|gone)\.db")
_ROOM = 1 << 20  # bytes; several hundred pairs of route and status
_PATIENCE_S = 1.0
_held: list[IO[str]] = []


def folder() -> Path | None:
    """The folder of this web server; None in a process that belongs to none."""
    path = Path(os.environ.get(VARIABLE) or "/nowhere")
    return path if path.is_dir() else None


def make() -> Path | None:
    """Names the folder for this process and its children; one that was made for it is returned, to be removed."""
    if given := os.environ.get(VARIABLE):
        Path(given).mkdir(mode=0o700, parents=True, exist_ok=True)
        _empty(Path(given))
        return None
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()
    _remove_orphans(Path(parent))
    made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    _held.append((made / _OWNER).open("w"))
    fcntl.flock(_held[-1], fcntl.LOCK_EX)  # until the last process of this server ends, however it does
    os.environ[VARIABLE] = str(made)
    return made


def _remove_orphans(parent: Path) -> None:
    """Folders of servers that were killed before they could remove them."""
    for owner in parent.glob(f"{_PREFIX}*/{_OWNER}"):
        with suppress(OSError), owner.open("r+") as file:  # somebody's who is alive, or another user's
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(owner.parent)


def _empty(path: Path) -> None:
    """What an earlier server counted is no part of what this one counts."""
    for file in files(path):
        file.unlink(missing_ok=True)


def remove(made: Path) -> None:
    shutil.rmtree(made, ignore_errors=True)


def reserve(process: int) -> None:
    """Takes the room for a worker's file now: memory that is mapped to a full disk kills whoever touches it.

    Where there is none, or no folder any more, this process counts for itself alone.
    """
    if VARIABLE not in os.environ:
        return
    path = Path(os.environ[VARIABLE]) / f"histogram_{process}.db"
    try:
        with path.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, _ROOM)
    except OSError:
        path.unlink(missing_ok=True)
        _count_alone()


def _count_alone() -> None:
    from prometheus_client import values

    del os.environ[VARIABLE]
    values.ValueClass = values.MutexValue  # had the server's own process imported it, it would have chosen for us


def retire() -> None:
    """Adds the files of processes that have ended to that of all who are gone. For the server's own process alone."""
    path = folder()
    if path is None:
        return
    with _locked(path, fcntl.LOCK_EX) as held:
        if not held:
            return  # somebody reads for very long; the next end is another occasion
        for file in files(path):
            match = _FILE.fullmatch(file.name)
            if match and match["process"] != "gone" and not _is_alive(int(match["process"])):
                _add(file, path / f"{match['kind']}_gone.db")
                file.unlink()


@contextmanager
def at_rest() -> Iterator[None]:
    """While it lasts no file is added to another, so that what is read is neither missed nor read twice."""
    path = folder()
    if path is None:
        yield
        return
    with _locked(path, fcntl.LOCK_SH):
        yield


def files(path: Path) -> list[Path]:
    """Those that worker processes wrote, and that of all who are gone."""
    return [file for file in path.iterdir() if _FILE.fullmatch(file.name)]


def _add(file: Path, sum_of: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    gone = MmapedDict(str(sum_of))
    try:
        for key, value, _when, _place in MmapedDict.read_all_values_from_file(str(file)):
            gone.write_value(key, gone.read_value(key)[0] + value, 0.0)
    finally:
        gone.close()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[bool]:
    """Whether the folder's lock was had within a second: whoever holds it may be stopped, and we must not stop too."""
    with (path / "lock").open("ab") as file:
        deadline = time.monotonic() + _PATIENCE_S
        held = False
        while not held and time.monotonic() < deadline:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
                held = True
            except BlockingIOError:
                time.sleep(0.01)
        yield held

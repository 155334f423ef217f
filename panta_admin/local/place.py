"""Where one embedded server lives, and what ties its life to ours."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_LIMIT = 104  # bytes; the smallest of any platform
_LONGEST = len("/panta-12345678/.s.PGSQL.5432") + 1
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class LocalServerError(Exception):
    """An embedded server cannot be run here; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """A folder for a server's data and one for its socket; `durable=False` trades safety for speed (tests).

    The socket's folder is a short temporary one: below a deep clone the path would not fit into an address.
    """

    folder: Path
    sockets: Path
    durable: bool = True

    @classmethod
    def make(cls, folder: Path, *, durable: bool) -> Place:
        """A place with a new socket folder, noted so that somebody else can clear it should we be killed."""
        sockets = Path(tempfile.mkdtemp(prefix="panta-", dir=_short_parent()))
        (folder / "sockets").write_text(str(sockets))
        return cls(folder, sockets, durable)

    @classmethod
    def left_behind(cls, folder: Path) -> Place | None:
        """The place of a keeper that was killed before it could clear it."""
        note = folder / "sockets"
        return cls(folder, Path(note.read_text())) if note.exists() else None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def clear(self) -> None:
        """Removes the socket's folder; data and log stay."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        (self.folder / "sockets").unlink(missing_ok=True)


def _short_parent() -> str:
    parent = tempfile.gettempdir()
    fits = len(os.fsencode(parent)) + _LONGEST <= SOCKET_PATH_LIMIT
    return parent if fits else "/tmp"  # noqa: S108  # mkdtemp makes a private folder in it


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, or an empty text where there is none."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def end_with_parent(number: signal.Signals) -> None:
    """For `preexec_fn`: Linux sends this child `number` when whoever started it ends, however that happens."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)

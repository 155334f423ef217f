"""How much memory a process takes at most, as Linux tells it; by Python's own account what C keeps would be missing."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


@contextmanager
def growing_less_than(most: int, process: int | str = "self") -> Iterator[None]:
    """Fails where the process has, at any moment of the block, so much more resident than at its beginning."""
    if process == "self":
        ctypes.CDLL(None).malloc_trim(0)  # what is free, but still there, would hide growth
    Path(f"/proc/{process}/clear_refs").write_text("5")  # begins a new peak
    before = _peak(process)
    yield
    grown = _peak(process) - before
    assert grown < most, f"{grown / MIB:.0f} MiB"


def _peak(process: int | str) -> int:
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

"""A client program in a process of its own: heavy imports and global settings stay out of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from analytics.models import Delivery, UsageEvent

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parents[1]
ARRIVE_SECONDS = 120  # importing these clients alone takes long on a busy machine
# What these libraries would else look for in the world: nothing here leaves the machine.
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "NO_PROXY": "*",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


@dataclass(frozen=True)
class Program:
    """A client program, which carries out one plan after the other."""

    process: subprocess.Popen[str]
    said: IO[str]

    def run(self, plan: dict[str, Any], has_arrived: Callable[[], bool], **environment: str) -> None:
        """Carries out this plan until all has arrived, and lets it end."""
        self._tell(json.dumps(plan | {"environment": environment}))
        arrived = self._arrive(has_arrived)
        self._tell("end")
        assert self.process.stdout is not None
        ended = self.process.stdout.readline()
        self.said.seek(0)
        assert (arrived, ended) == (True, "ended 0\n"), self.said.read()

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _arrive(self, has_arrived: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + ARRIVE_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if has_arrived():
                return True
            time.sleep(0.1)
        return has_arrived()


@contextmanager
def program(name: str, **environment: str) -> Iterator[Program]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, str(FOLDER / name)],
            env={**kept, **QUIET, "PYTHONPATH": str(PROJECT), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            yield Program(process, said)
        finally:
            process.communicate(timeout=ARRIVE_SECONDS)  # closes its input, at which it ends


def events(number: int) -> Callable[[], bool]:
    """Whether so many are there."""
    return lambda: UsageEvent.objects.count() >= number


def duplicates(number: int) -> Callable[[], bool]:
    """Whether so many came again, which they do after those that were new."""
    return lambda: sum(Delivery.objects.values_list("duplicate", flat=True)) >= number


def stored() -> Sequence[UsageEvent]:
    return list(UsageEvent.objects.order_by("occurred_at"))

"""A client program in a process of its own: heavy imports and global settings stay out of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analytics.models import Delivery, UsageEvent

FOLDER = Path(__file__).parent
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


def run(name: str, plan: dict[str, Any], has_arrived: Callable[[], bool], **environment: str) -> None:
    """Runs `name` with this plan until all has arrived, and lets it end."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    process = subprocess.Popen(
        [sys.executable, str(FOLDER / name)],
        env={**kept, **QUIET, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(plan) + "\n")
        process.stdin.flush()
        arrived = _arrive(has_arrived, process)
    finally:
        said, _nothing = process.communicate(timeout=ARRIVE_SECONDS)  # closes its input, at which it ends
    assert arrived, said
    assert process.returncode == 0, said


def events(number: int) -> Callable[[], bool]:
    """Whether so many are there."""
    return lambda: UsageEvent.objects.count() >= number


def duplicates(number: int) -> Callable[[], bool]:
    """Whether so many came again, which they do after those that were new."""
    return lambda: sum(Delivery.objects.values_list("duplicate", flat=True)) >= number


def _arrive(has_arrived: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + ARRIVE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if has_arrived():
            return True
        time.sleep(0.1)
    return has_arrived()


def stored() -> Sequence[UsageEvent]:
    return list(UsageEvent.objects.order_by("occurred_at"))

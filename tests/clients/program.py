"""A client program in a process of its own: heavy imports and global settings stay out of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analytics.models import UsageEvent

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


def run(name: str, plan: dict[str, Any], events: int, **environment: str) -> None:
    """Runs `name` with this plan until so many events have arrived, and lets it end."""
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
        arrived = _arrive(events, process)
    finally:
        said, _nothing = process.communicate(timeout=ARRIVE_SECONDS)  # closes its input, at which it ends
    assert arrived, said
    assert process.returncode == 0, said


def _arrive(events: int, process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + ARRIVE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if UsageEvent.objects.count() >= events:
            return True
        time.sleep(0.1)
    return UsageEvent.objects.count() >= events


def stored() -> Sequence[UsageEvent]:
    return list(UsageEvent.objects.order_by("occurred_at"))

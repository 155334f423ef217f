"""What real clients sent, byte for byte, and what it must count to."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from analytics.ingest.draft import EventDraft, Rejected

FOLDER = Path(__file__).parents[2] / "data" / "captures"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_bytes())
SENT_AT = dt.datetime(2026, 11, 22, 7, 55, tzinfo=dt.UTC)

LITELLM = (FOLDER / "litellm_proxy_batch.body.json").read_bytes()
OTLP_PROTOBUF = (FOLDER / "otel_openai_v2_protobuf.body.pb").read_bytes()
OTLP_JSON = (FOLDER / "otel_js_json.body.json").read_bytes()


def drafts(found: Iterable[EventDraft | Rejected]) -> list[EventDraft]:
    """All of them, none rejected."""
    events = list(found)
    good = [event for event in events if isinstance(event, EventDraft)]
    assert len(good) == len(events), [event for event in events if isinstance(event, Rejected)]
    return good


def summary(events: Sequence[EventDraft], models: str = "by_model") -> dict[str, Any]:
    """These events in the words of `expected.json`."""
    people = {event.user_id for event in events if event.user_id}
    return {
        "events": len(events),
        "by_status": dict(Counter("success" if event.status == "success" else "failure" for event in events)),
        "input_tokens": sum(event.input_tokens or 0 for event in events),
        "output_tokens": sum(event.output_tokens or 0 for event in events),
        "active_users": len(people),
        "per_user[events,in,out]": _by(events, lambda event: event.user_id, _sums),
        "by_team": _by(events, lambda event: event.team_id, len),
        "by_assistant": _by(events, lambda event: event.assistant, len),
        models: _by(events, lambda event: event.model, len),
    }


def _by(events: Sequence[EventDraft], key: Callable[[EventDraft], str | None], told: Callable[..., Any]) -> Any:
    keys = {key(event) or "" for event in events}
    return {one: told([event for event in events if (key(event) or "") == one]) for one in keys}


def _sums(events: Sequence[EventDraft]) -> list[int]:
    inputs, outputs = (event.input_tokens or 0 for event in events), (event.output_tokens or 0 for event in events)
    return [len(events), sum(inputs), sum(outputs)]

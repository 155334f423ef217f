"""The other doors: clients who tell the same usage as LiteLLM and OpenTelemetry do.

In: an endless row of events. Out: bodies in their formats, and events as they must then be stored.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from tests.chaos.load import Answer, Clients, Ledger
from tests.chaos.sent import Sent, Usage
from tests.chaos.stage import Stage

LITELLM, OTLP = "litellm", "otlp"
PATHS = {LITELLM: "/api/v1/litellm", OTLP: "/v1/traces"}
SIZE = 20
PAUSE_S = 0.05
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Gateways(Clients):
    """One client at each door; what has no answer or "come again" is sent again."""

    def __init__(self, stage: Stage, usage: Usage, ledger: Ledger) -> None:
        super().__init__(stage.port, stage.key, len(PATHS), ledger)
        self._usage = usage

    def path(self, client: int) -> str:
        return PATHS[list(PATHS)[client]]

    def batches(self, client: int) -> Iterator[tuple[list[Sent], bytes, Mapping[str, str]]]:
        source = list(PATHS)[client]
        for number in count():
            first = (number * len(PATHS) + client) * SIZE
            batch = [_by(source, self._usage[n]) for n in range(first, first + SIZE)]
            self.ledger.note_sent(batch)
            yield batch, (_calls if source == LITELLM else _export)(batch), {}
            self._over.wait(PAUSE_S)

    def said(self, batch: Sequence[Sent], answer: Answer) -> Answer:
        """OpenTelemetry is told of rejected spans alone, and never which were there already."""
        if answer.status != 200 or b"results" in answer.body or b"partialSuccess" in answer.body:
            return answer
        return replace(answer, body=json.dumps({"results": [{"status": "duplicate"}] * len(batch)}).encode())


def _by(source: str, event: Sent) -> Sent:
    """The event as it comes by this door; a span is known by its trace's id and its own."""
    if source == LITELLM:
        return replace(event, source=source)
    trace = hashlib.sha256(event.id.encode()).hexdigest()[:32]
    span = hashlib.sha256(trace.encode()).hexdigest()[:16]
    return replace(event, fields={**event.fields, "event_id": f"{trace}:{span}"}, source=source)


def _calls(batch: Sequence[Sent]) -> bytes:
    return json.dumps([_call(event) for event in batch]).encode()


def _call(event: Sent) -> dict[str, Any]:
    said = event.fields
    tags = [f"{kind}:{said[kind]}" for kind in ("assistant", "workflow") if kind in said]
    return {
        "litellm_call_id": event.id,
        "call_type": "acompletion",
        "startTime": event.occurred_at.timestamp(),
        "status": "success" if said["status"] == "success" else "failure",
        "error_information": {"error_code": "499" if said["status"] == "cancelled" else "500"},
        "model_group": said["model"],
        "prompt_tokens": said.get("input_tokens"),
        "completion_tokens": said.get("output_tokens"),
        "request_tags": tags if said["request"] else [*tags, "request:false"],
        "metadata": {
            "user_api_key_hash": "c0ffee",
            "user_api_key_user_id": said.get("user_id"),
            "user_api_key_user_email": said.get("email"),
            "user_api_key_team_alias": said.get("team"),
        },
    }


def _export(batch: Sequence[Sent]) -> bytes:
    spans = [_span(event) for event in batch]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


_ATTRIBUTES = {
    "user_id": "user.id", "email": "user.email", "team": "team.name", "assistant": "gen_ai.agent.name",
    "workflow": "gen_ai.workflow.name", "model": "gen_ai.request.model", "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens", "request": "panta.request",
}  # fmt: skip
_ERRORS = {"error": "TimeoutError", "cancelled": "CancelledError"}


def _span(event: Sent) -> dict[str, Any]:
    said = event.fields
    trace, span = event.id.split(":")
    named = {_ATTRIBUTES[name]: value for name, value in said.items() if name in _ATTRIBUTES}
    failed = {"error.type": _ERRORS[said["status"]]} if said["status"] in _ERRORS else {}
    attributes = {"gen_ai.operation.name": "chat", **named, **failed}
    start = (event.occurred_at - _EPOCH) // dt.timedelta(microseconds=1) * 1_000
    return {
        "traceId": trace,
        "spanId": span,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start),
        "attributes": [{"key": key, "value": _value(value)} for key, value in attributes.items()],
    }


def _value(value: Any) -> dict[str, Any]:
    kind = "boolValue" if isinstance(value, bool) else "intValue" if isinstance(value, int) else "stringValue"
    return {kind: value}

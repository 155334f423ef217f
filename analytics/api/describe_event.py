"""The schema of an event of our own: that of the type it is decoded into, with words beside its fields."""

from __future__ import annotations

import msgspec

from analytics.api.describe import Part
from analytics.ingest.draft import TEXT_FIELDS, EventDraft

EXAMPLE = {
    "event_id": "msg_8f2c51",
    "occurred_at": "2026-01-31T09:30:00+01:00",
    "user_id": "u-17",
    "email": "ann@example.com",
    "user_name": "Ann Lee",
    "team": "Legal",
    "assistant_id": "a-4",
    "assistant": "Contracts",
    "model": "gpt-4o",
    "input_tokens": 1200,
    "cached_tokens": 1024,
    "output_tokens": 310,
    "status": "success",
    "latency_ms": 2150,
}
WORDS = {
    "event_id": "The sender's own id of the event. Sent again, it changes nothing.",
    "occurred_at": "With an offset; between 2000-01-01 and ten minutes from now.",
    "received_at": "When the platform took note of it. Default: now.",
    "user_id": "The person, by the platform's id.",
    "email": "The person, by email. Without either the event counts in requests and tokens, never in active users.",
    "user_name": "What the person is called, should they not be known yet.",
    "team_id": "The team at that moment, by the platform's id. Default: the person's primary team.",
    "team": "The team's name; with `team_id` for people to read, without it the id as well.",
    "kind": "Default: `workflow` if a workflow is named, else `assistant` if an assistant is, else `chat`.",
    "assistant_id": "The assistant that was used, by the platform's id; an unknown one is created.",
    "assistant": "Its name; without `assistant_id` the id as well.",
    "workflow_id": "The workflow that ran, by the platform's id; an unknown one is created.",
    "workflow": "Its name; without `workflow_id` the id as well.",
    "model": "The model's name.",
    "request": "False for calls that nobody asked for on their own: titles, embeddings, evaluations, further model "
    "calls for one answer, test runs. They add tokens and no request.",
    "input_tokens": "With cached ones. Without input and output the call counts as one without usage.",
    "cached_tokens": "Part of `input_tokens`, and never more.",
    "output_tokens": "With reasoning.",
    "reasoning_tokens": "Part of `output_tokens`, and never more.",
    "status": "Failed requests count as requests.",
    "latency_ms": "How long the answer took, in whole milliseconds.",
}
_PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*$"


def schema() -> Part:
    """The schema of `EventDraft` as JSON is read: an absent field and one that is null are the same."""
    _, components = msgspec.json.schema_components([EventDraft])
    found: Part = components[EventDraft.__name__]
    fields = {name: _field(name, shape, name in found["required"]) for name, shape in found["properties"].items()}
    return found | {"title": "Event", "properties": fields, "examples": [EXAMPLE]}


def _field(name: str, shape: Part, required: bool) -> Part:
    value: Part = shape.get("anyOf", [{key: part for key, part in shape.items() if key != "default"}])[0]
    if name in TEXT_FIELDS and "pattern" not in value:
        value = value | {"pattern": _PRINTABLE}
    said = {"description": WORDS[name]}
    if required:
        return value | said
    default = {"default": shape["default"]} if shape["default"] is not None else {}
    return {"anyOf": [value, {"type": "null"}]} | default | said

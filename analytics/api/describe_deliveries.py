"""What the document says of the three doors by which usage comes in: bodies, limits, answers.

In: the limits of a door. Out: what its operation says of itself, for ninja's `openapi_extra`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from analytics.api import describe, describe_event
from analytics.api.body import MIB, Limits
from analytics.api.describe import Part, answer, header, problem, reference
from analytics.api.problems import CONTENT_TYPE, ProblemDocument
from analytics.ingest.decoding import MAX_EVENTS

JSON, NDJSON, PROTOBUF = "application/json", "application/x-ndjson", "application/x-protobuf"

# --- Answers ------------------------------------------------------------------------------------------------------

Count = Annotated[int, Meta(ge=0)]
Verdicts = Annotated[
    list["Verdict"], Meta(description="One for each event, in the order of the request.", max_length=MAX_EVENTS)
]


class Verdict(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What became of one event."""

    index: Annotated[Count, Meta(description="Its place in the request, from 0.")]
    status: Annotated[
        Literal["accepted", "duplicate", "rejected"],
        Meta(
            description="`accepted`: it is on disk. `duplicate`: it was already, and nothing changed. "
            "`rejected`: it cannot be counted; the others are."
        ),
    ]
    reason: Annotated[str, Meta(description="Why it was rejected.")] = ""


class Delivered(msgspec.Struct, kw_only=True):
    """Every event has its verdict, and those that were accepted are committed."""

    accepted: Count
    duplicate: Count
    rejected: Count
    results: Verdicts


class AllRejected(ProblemDocument, kw_only=True):
    """No event could be counted; each verdict says why."""

    accepted: Literal[0]
    duplicate: Literal[0]
    rejected: Annotated[int, Meta(ge=1)]
    results: Verdicts


class Unreadable(ProblemDocument, kw_only=True):
    """The body as a whole cannot be read. Nothing was stored."""

    position: Annotated[Count, Meta(description="The byte of the unpacked body at which reading ended.")] = 0


class TooLarge(ProblemDocument, kw_only=True):
    """Nothing was stored: send less at a time. The limit is named where it is one of these."""

    limit_bytes: Annotated[Count, Meta(description="As sent; unpacked it may be more.")] = 0
    limit_events: Count = 0


_PROBLEMS = {
    400: problem("The body cannot be read: it ends early, is no JSON or no gzip.", Unreadable),
    413: problem("The body is too large, unpacks to too much, or holds too many events.", TooLarge),
    415: problem(
        "The body is packed by something else than gzip.",
        headers={"Accept-Encoding": header("What is understood.", required=False)},
    ),
    422: problem("Every event was rejected.", AllRejected),
}

# --- LiteLLM ------------------------------------------------------------------------------------------------------

_TEXT = {"type": ["string", "null"]}
_TIME = {"type": ["number", "null"], "description": "Seconds since 1970."}
_WHOLE = {"type": ["integer", "null"]}
CALL: Part = {
    "title": "LiteLLMCall",
    "description": "A call as LiteLLM's `generic_api` callback tells of it (its standard logging payload). These "
    "fields are read, and a few more; prompts and answers are skipped.",
    "type": ["object", "null"],
    "properties": {
        "litellm_call_id": _TEXT | {"description": "Identifies the call."},
        "startTime": _TIME,
        "endTime": _TIME,
        "call_type": _TEXT | {"description": "Embeddings and the like are no requests."},
        "status": {"enum": ["success", "failure", None]},
        "model": _TEXT,
        "model_group": _TEXT | {"description": "The name that the proxy gives the model; before `model`."},
        "prompt_tokens": _WHOLE,
        "completion_tokens": _WHOLE,
        "request_tags": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "`assistant:NAME` and `workflow:NAME` say what was used; `request:false` marks a call that "
            "nobody asked for on its own.",
        },
        "metadata": {
            "type": ["object", "null"],
            "properties": {
                "user_api_key_user_id": _TEXT | {"description": "The person."},
                "user_api_key_user_email": _TEXT,
                "user_api_key_team_id": _TEXT | {"description": "The team."},
                "user_api_key_team_alias": _TEXT,
                "requester_metadata": {
                    "type": ["object", "null"],
                    "description": "What the caller put into the request's metadata: `assistant_id`, `assistant`, "
                    "`workflow_id`, `workflow`, `request`, `task`.",
                },
            },
        },
    },
}

# --- OpenTelemetry ------------------------------------------------------------------------------------------------

_PROTOCOL = {"description": "OTLP/HTTP", "url": "https://opentelemetry.io/docs/specs/otlp/#otlphttp"}
TRACES_REQUEST: Part = {
    "title": "ExportTraceServiceRequest",
    "description": "Model calls are the spans whose `gen_ai.*` attributes tell of an operation that calls a model; all "
    "others are passed over, and so are prompts and answers.",
    "externalDocs": _PROTOCOL,
    "type": "object",
    "properties": {"resourceSpans": {"type": ["array", "null"], "items": {"type": "object"}}},
}


class PartialSuccess(msgspec.Struct, rename="camel", kw_only=True):
    rejected_spans: Annotated[str, Meta(description="How many, a number in a text as the protocol wants it.")]
    error_message: Annotated[str, Meta(description="Why; the first of them.")]


class ExportTraceServiceResponse(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Empty where every model call is stored."""

    partial_success: PartialSuccess | msgspec.UnsetType = msgspec.UNSET


class RpcStatus(msgspec.Struct, kw_only=True):
    """What the protocol wants in an error: a google.rpc.Status."""

    code: Annotated[int, Meta(description="google.rpc.Code")] = 13
    message: Annotated[str, Meta(description="The same as `detail`.")] = ""


_BINARY: Part = {"schema": {"type": "string", "contentMediaType": PROTOBUF}}


def _in_both_forms(told: Part) -> Part:
    """A problem as the clients of the protocol get it: a document that is a google.rpc.Status too, or only that."""
    document = {"allOf": [told["content"][CONTENT_TYPE]["schema"], reference(RpcStatus)]}
    return told | {"content": {CONTENT_TYPE: {"schema": document}, PROTOBUF: _BINARY}}


# --- Operations ---------------------------------------------------------------------------------------------------


def events(limits: Limits) -> Part:
    """For `openapi_extra`."""
    one = describe.add("Event", describe_event.schema())
    lines = "\n".join(f'{{"event_id": "msg_{n}", "occurred_at": "2026-01-31T09:30:00Z"}}' for n in (1, 2))
    return {
        "parameters": [_encoding()],
        "requestBody": _body(
            {
                JSON: {
                    "schema": {"anyOf": [_many(one), one]},
                    "examples": {"several": {"value": [describe_event.EXAMPLE]}},
                },
                NDJSON: {"schema": {"type": "string", "description": "One object a line."}, "example": lines},
            },
            limits,
        ),
        "responses": {200: _delivered(), **_PROBLEMS},
    }


def calls(limits: Limits) -> Part:
    """For `openapi_extra`."""
    one = describe.add("LiteLLMCall", CALL)
    return {
        "parameters": [_encoding()],
        "requestBody": _body({JSON: {"schema": {"anyOf": [_many(one), one]}}}, limits),
        "responses": {200: _delivered(), **_PROBLEMS},
    }


def traces(limits: Limits) -> Part:
    """For `openapi_extra`. Clients of the protocol want their errors in its form, so nothing is shared here."""
    told = {status: part for status, part in _PROBLEMS.items() if status != 422}
    told[415] = problem("The body is of another type, or packed by something else than gzip.")
    responses = {status: _in_both_forms(part) for status, part in {**describe.SHARED, **told}.items()}
    success = answer("Everything that could be stored is; the rest is told.", reference(ExportTraceServiceResponse))
    return {
        "parameters": [_encoding()],
        "externalDocs": _PROTOCOL,
        "requestBody": _body(
            {PROTOBUF: _BINARY, JSON: {"schema": describe.add("ExportTraceServiceRequest", TRACES_REQUEST)}}, limits
        ),
        "responses": {200: success | {"content": success["content"] | {PROTOBUF: _BINARY}}, **responses},
    }


def _many(one: Part) -> Part:
    return {"type": "array", "items": one, "maxItems": MAX_EVENTS}


def _body(content: dict[str, Any], limits: Limits) -> Part:
    size = f"at most {limits.wire // MIB} MiB as sent and {limits.unpacked // MIB} MiB unpacked"
    return {"description": f"At most {MAX_EVENTS:,} events, {size}.", "required": True, "content": content}


def _delivered() -> Part:
    example = {
        "accepted": 1,
        "duplicate": 1,
        "rejected": 1,
        "results": [
            {"index": 0, "status": "accepted"},
            {"index": 1, "status": "duplicate"},
            {"index": 2, "status": "rejected", "reason": "Object missing required field `occurred_at`"},
        ],
    }
    return answer("Each event has its verdict; what is accepted is committed.", reference(Delivered), example=example)


def _encoding() -> Part:
    return {
        "name": "Content-Encoding",
        "in": "header",
        "required": False,
        "description": "How the body is packed.",
        "schema": {"enum": ["gzip", "identity"]},
    }

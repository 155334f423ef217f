"""OTLP traces in both encodings: which spans are calls, what they count to, and who asked for them."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from analytics.ingest import otlp
from analytics.ingest.decoding import TooMuch, Undecodable
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.otlp import decode_json, decode_protobuf
from tests.analytics.ingest.captures import EXPECTED, OTLP_JSON, OTLP_PROTOBUF, SENT_AT, drafts, summary
from tests.analytics.ingest.test_litellm import anything
from tests.analytics.streams import examples
from tests.cast import NOW

TRACE = "0af7651916cd43dd8448eb211c80319c"
SECOND = 10**9
START = int(NOW.timestamp() - 60) * SECOND
CALL = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 12}


class Trace:
    """Spans of one export, told in both encodings; the answer has to be the same."""

    def __init__(self, scope: str = "my-app", **resource: Any) -> None:
        self.resource = {key.replace("__", "."): value for key, value in resource.items()}
        self.scope = scope
        self.spans: list[dict[str, Any]] = []

    def span(self, attributes: dict[str, Any], parent: str = "", *, failed: bool = False, trace: str = TRACE) -> str:
        """Adds a span, a second later and longer than the one before, and returns its id."""
        number = len(self.spans) + 1
        span_id = f"{number:016x}"
        self.spans.append(
            {
                "traceId": trace, "spanId": span_id, "parentSpanId": parent, "attributes": attributes,
                "startTimeUnixNano": START + number * SECOND, "endTimeUnixNano": START + 2 * number * SECOND,
                "failed": failed,
            }
        )  # fmt: skip
        return span_id

    def read(self) -> list[EventDraft | Rejected]:
        found = decode_json(self.json(), NOW)
        assert decode_protobuf(self.protobuf(), NOW) == found
        return found

    def json(self) -> bytes:
        spans = [
            {
                **span,
                "attributes": _json_attributes(span["attributes"]),
                "startTimeUnixNano": str(span["startTimeUnixNano"]),
                "endTimeUnixNano": str(span["endTimeUnixNano"]),
                "status": {"code": 2} if span["failed"] else {},
            }
            for span in self.spans
        ]
        return _request(spans, self.scope, _json_attributes(self.resource))

    def protobuf(self) -> bytes:
        spans = [
            Span(
                trace_id=bytes.fromhex(span["traceId"]),
                span_id=bytes.fromhex(span["spanId"]),
                parent_span_id=bytes.fromhex(span["parentSpanId"]),
                name="secret",
                start_time_unix_nano=span["startTimeUnixNano"],
                end_time_unix_nano=span["endTimeUnixNano"],
                attributes=_protobuf_attributes(span["attributes"]),
                events=[Span.Event(name="secret")],
                status=Status(code=Status.STATUS_CODE_ERROR if span["failed"] else Status.STATUS_CODE_UNSET),
            )
            for span in self.spans
        ]
        scope_spans = ScopeSpans(scope=InstrumentationScope(name=self.scope), spans=spans)
        shared = Resource(attributes=_protobuf_attributes(self.resource))
        return _export(ResourceSpans(resource=shared, scope_spans=[scope_spans]))


def _request(spans: list[Any], scope: str = "", attributes: Any = None) -> bytes:
    scope_spans = {"scope": {"name": scope}, "spans": spans}
    told = {"resourceSpans": [{"resource": {"attributes": attributes or []}, "scopeSpans": [scope_spans]}]}
    return json.dumps(told).encode()


def _export(*resource_spans: ResourceSpans) -> bytes:
    body: bytes = ExportTraceServiceRequest(resource_spans=resource_spans).SerializeToString()
    return body


def _json_attributes(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _json_value(value)} for key, value in attributes.items()]


def _json_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_json_value(one) for one in value]}}
    return {"stringValue": value}


def _protobuf_attributes(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_protobuf_value(value)) for key, value in attributes.items()]


def _protobuf_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_protobuf_value(one) for one in value]))
    return AnyValue(string_value=value)


def good(attributes: dict[str, Any] | None = None, **rest: Any) -> EventDraft:
    """The one event of a trace of one call with these attributes besides those that make it a call."""
    trace = Trace(**rest)
    trace.span({**CALL, **(attributes or {})})
    (event,) = drafts(trace.read())
    return event


def reason(attributes: dict[str, Any]) -> str:
    trace = Trace()
    trace.span({**CALL, **attributes})
    (event,) = trace.read()
    assert isinstance(event, Rejected), event
    return event.reason


# --- What real exporters sent -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "decode", "body"),
    [("otel_openai_v2_protobuf", decode_protobuf, OTLP_PROTOBUF), ("otel_js_json", decode_json, OTLP_JSON)],
)
def test_the_recorded_exports_count_to_what_they_must(name: str, decode: Any, body: bytes) -> None:
    events = drafts(decode(body, SENT_AT))
    assert summary(events, "by_requested_model") == EXPECTED[name]["wire"]
    assert len({event.event_id for event in events}) == len(events)
    assert {event.model for event in events if not event.request} == {"text-embedding-3-small"}


def test_a_recorded_export_in_the_other_encoding_is_the_same() -> None:
    told = ExportTraceServiceRequest.FromString(OTLP_PROTOBUF)
    spans = [
        {
            "traceId": span.trace_id.hex(), "spanId": span.span_id.hex(), "parentSpanId": span.parent_span_id.hex(),
            "startTimeUnixNano": str(span.start_time_unix_nano), "endTimeUnixNano": str(span.end_time_unix_nano),
            "status": {"code": span.status.code},
            "attributes": _json_attributes(
                {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes
                 if one.value.WhichOneof("value") != "array_value"}
            ),
        }
        for scope_spans in told.resource_spans[0].scope_spans
        for span in scope_spans.spans
    ]  # fmt: skip
    assert decode_json(_request(spans), SENT_AT) == decode_protobuf(OTLP_PROTOBUF, SENT_AT)


# --- Which spans are calls ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attributes", "request_"),
    [
        ({"gen_ai.operation.name": "chat"}, True),
        ({"gen_ai.operation.name": "text_completion"}, True),
        ({"gen_ai.operation.name": "generate_content"}, True),
        ({"gen_ai.operation.name": "embeddings"}, False),
        ({"openinference.span.kind": "LLM"}, True),
        ({"openinference.span.kind": "EMBEDDING"}, False),
        ({"llm.request.type": "chat"}, True),
        ({"llm.request.type": "completion"}, True),
        ({"llm.request.type": "embedding"}, False),
    ],
)
def test_model_calls(attributes: dict[str, Any], request_: bool) -> None:
    trace = Trace()
    trace.span(attributes)
    (event,) = drafts(trace.read())
    assert (event.request, event.usage_known) == (request_, False)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "POST", "user.id": "ada"},
        {"gen_ai.operation.name": "invoke_agent", "llm.request.type": "chat"},
        {"gen_ai.operation.name": "invoke_workflow"},
        {"gen_ai.operation.name": "execute_tool"},
        {"gen_ai.operation.name": ["chat"]},
        {"openinference.span.kind": "AGENT"},
        {"openinference.span.kind": "CHAIN"},
        {"traceloop.span.kind": "workflow"},
        {"llm.request.type": "rerank"},
    ],
)
def test_other_spans_are_no_events_whatever_they_carry(attributes: dict[str, Any]) -> None:
    trace = Trace()
    trace.span({"gen_ai.usage.input_tokens": 30, "user.id": "x" * 500, **attributes})
    assert trace.read() == []


def test_every_field_of_a_call() -> None:
    event = good(
        {
            "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024",
            "user.id": "ada", "user.email": "ada@example.com", "user.full_name": "Ada " + "x" * 300,
            "team.id": "t-1", "team.name": "Legal", "gen_ai.agent.name": "contract-review", "gen_ai.agent.id": "asst_5",
            "gen_ai.workflow.name": "nightly", "gen_ai.usage.cache_read.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 4, "gen_ai.input.messages": "secret",
        }
    )  # fmt: skip
    assert event == EventDraft(
        event_id=f"{TRACE}:0000000000000001",
        occurred_at=NOW - dt.timedelta(seconds=59),
        user_id="ada", email="ada@example.com", user_name=("Ada " + "x" * 300)[:200], team_id="t-1", team="Legal",
        assistant="contract-review", workflow="nightly", model="gpt-4o",
        input_tokens=30, cached_tokens=10, output_tokens=12, reasoning_tokens=4, latency_ms=1000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "tokens"),
    [
        ({"gen_ai.usage.prompt_tokens": 3, "gen_ai.usage.completion_tokens": 5}, (3, 0, 5)),
        ({"llm.token_count.prompt": 3, "llm.token_count.completion": 5}, (3, 0, 5)),
        ({"llm.token_count.prompt": 3, "llm.token_count.prompt_details.cache_read": 2}, (3, 2, None)),
        ({"gen_ai.usage.input_tokens": 3.0}, (3, 0, None)),
        ({}, (None, 0, None)),
    ],
)
def test_tokens_by_older_and_other_names(attributes: dict[str, Any], tokens: tuple[int | None, ...]) -> None:
    trace = Trace()
    trace.span({"gen_ai.operation.name": "chat", **attributes})
    (event,) = drafts(trace.read())
    assert (event.input_tokens, event.cached_tokens, event.output_tokens) == tokens


READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"
ANTHROPIC, OPENAI = {"gen_ai.provider.name": "anthropic"}, {"gen_ai.provider.name": "openai"}


@pytest.mark.parametrize(
    ("scope", "attributes", "tokens"),
    [
        ("my-app", {**OPENAI, READ: 20}, (30, 20)),
        ("my-app", {**ANTHROPIC, READ: 20, WRITE: 5}, (55, 20)),
        ("my-app", {"gen_ai.system": "anthropic", "gen_ai.usage.cache_read_input_tokens": 20}, (50, 20)),
        ("my-app", {"gen_ai.system": "aws.bedrock", "gen_ai.request.model": "eu.anthropic.claude-x", READ: 5}, (35, 5)),
        # Libraries that keep to the conventions have added it, whoever the provider is.
        ("opentelemetry.instrumentation.anthropic", {**ANTHROPIC, READ: 20, WRITE: 5}, (30, 20)),
        ("openinference.instrumentation.anthropic", {"llm.provider": "anthropic", READ: 20}, (30, 20)),
        # Whoever says it: a whole is not smaller than its parts, nor than its own total.
        ("opentelemetry.instrumentation.anthropic", {**ANTHROPIC, READ: 900}, (930, 900)),
        ("my-app", {**OPENAI, READ: 900}, (930, 900)),
        ("my-app", {**OPENAI, READ: 20, "gen_ai.usage.total_tokens": 62}, (50, 20)),
        ("my-app", {**OPENAI, READ: 20, "gen_ai.usage.total_tokens": 42}, (30, 20)),
        ("my-app", ANTHROPIC, (30, 0)),
    ],
)
def test_anthropics_input_is_without_what_was_cached(
    scope: str, attributes: dict[str, Any], tokens: tuple[int, int]
) -> None:
    event = good(attributes, scope=scope)
    assert (event.input_tokens, event.cached_tokens) == tokens


@pytest.mark.parametrize(
    ("attributes", "failed", "status"),
    [
        ({}, True, "error"),
        ({"error.type": "RateLimitError"}, False, "error"),
        ({"error.type": "<class 'asyncio.exceptions.CancelledError'>"}, True, "cancelled"),
        ({"error.type": "AbortError"}, True, "cancelled"),
    ],
)
def test_how_a_call_ended(attributes: dict[str, Any], failed: bool, status: str) -> None:
    trace = Trace()
    trace.span({**CALL, **attributes}, failed=failed)
    (event,) = drafts(trace.read())
    assert event.status == status


# --- Names --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attributes", "person"),
    [
        ({"user.id": "ada", "enduser.id": "eve"}, "ada"),
        ({"user.id": "", "enduser.id": "ada"}, "ada"),
        ({"traceloop.association.properties.user_id": "ada"}, "ada"),
        ({"user.id": 42}, "42"),
        ({"user.email": "ada@example.com"}, None),
    ],
)
def test_the_person_of_a_call(attributes: dict[str, Any], person: str | None) -> None:
    assert good(attributes).user_id == person


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"gen_ai.agent.id": "asst_5"}, ("asst_5", None)),
        ({"traceloop.workflow.name": "joke_creation"}, (None, "joke_creation")),
        ({"traceloop.span.kind": "agent", "traceloop.entity.name": "helper"}, ("helper", None)),
        ({"traceloop.span.kind": "task", "traceloop.entity.name": "step"}, (None, None)),
        ({"agent.name": "java"}, (None, None)),
    ],
)
def test_assistant_and_workflow_of_a_call(attributes: dict[str, Any], names: tuple[str | None, str | None]) -> None:
    event = good(attributes)
    assert (event.assistant, event.workflow) == names


def test_names_come_from_the_nearest_span_around_else_from_the_resource() -> None:
    trace = Trace(team__id="t-resource", user__id="resource", service__name="web")
    root = trace.span({"user.id": "ada", "user.email": "ada@example.com", "gen_ai.workflow.name": "nightly"})
    outer = trace.span({"openinference.span.kind": "AGENT", "agent.name": "outer"}, root)
    inner = trace.span({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "inner"}, outer)
    tool = trace.span({"gen_ai.operation.name": "execute_tool"}, inner)
    trace.span(CALL, tool)
    trace.span({**CALL, "user.email": "bob@example.com"}, outer)
    trace.span(CALL)
    deep, other, alone = drafts(trace.read())
    assert (deep.user_id, deep.email, deep.team_id, deep.assistant, deep.workflow) == (
        "ada", "ada@example.com", "t-resource", "inner", "nightly",
    )  # fmt: skip
    assert (other.user_id, other.email, other.assistant) == (None, "bob@example.com", "outer")  # one person, not two
    assert (alone.user_id, alone.assistant, alone.workflow) == ("resource", None, None)


def test_a_workflows_name_is_that_of_the_span_that_runs_it_by_either_convention() -> None:
    for name in ("gen_ai.workflow.name", "gen_ai.agent.name"):
        trace = Trace()
        workflow = trace.span({"gen_ai.operation.name": "invoke_workflow", name: "nightly"})
        agent = trace.span({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer"}, workflow)
        trace.span(CALL, agent)
        trace.span(CALL, workflow)
        first, second = drafts(trace.read())
        assert (first.assistant, first.workflow) == ("writer", "nightly")
        assert (second.assistant, second.workflow) == (None, "nightly")


# --- Requests -----------------------------------------------------------------------------------------------------
def requests(trace: Trace) -> list[bool]:
    return [event.request for event in drafts(trace.read())]


def test_an_agents_run_is_one_request_and_its_sums_count_nothing() -> None:
    trace = Trace()
    agent = trace.span({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 90})
    for _ in range(3):
        trace.span(CALL, agent)
    assert requests(trace) == [True, False, False]
    assert sum(event.input_tokens or 0 for event in drafts(trace.read())) == 90


def test_calls_beneath_one_handler_are_one_request_whether_or_not_it_is_sent_along() -> None:
    trace = Trace()
    handler = trace.span({"http.request.method": "POST"})
    trace.span(CALL, handler)
    trace.span(CALL, handler)
    assert requests(trace) == [True, False]
    del trace.spans[0]
    assert requests(trace) == [True, False]


def test_traces_are_requests_of_their_own() -> None:
    trace = Trace()
    trace.span(CALL)
    trace.span(CALL, trace="1" * 32)
    assert requests(trace) == [True, True]


def test_a_call_that_is_rejected_is_no_request_in_the_place_of_another() -> None:
    trace = Trace()
    trace.span({**CALL, "user.id": "x" * 201})
    trace.span(CALL)
    trace.span(CALL)
    rejected, *others = trace.read()
    assert isinstance(rejected, Rejected)
    assert [event.request for event in drafts(others)] == [True, False]


def test_the_request_is_the_first_call_that_succeeded() -> None:
    """An attempt that failed and was repeated must not make a failure of an answer."""
    trace = Trace()
    trace.span({**CALL, "gen_ai.operation.name": "embeddings"})
    trace.span(CALL, failed=True)
    trace.span(CALL)
    trace.span(CALL)
    assert requests(trace) == [False, False, True, False]
    del trace.spans[2:]
    assert requests(trace) == [False, True]


@pytest.mark.parametrize("mark", [False, "false", "False"])
def test_what_is_marked_is_no_request(mark: Any) -> None:
    trace = Trace()
    trace.span({**CALL, "panta.request": mark})
    assert requests(trace) == [False]


def test_a_call_told_by_two_libraries_counts_once_with_the_names_of_both() -> None:
    trace = Trace()
    outer = trace.span({"openinference.span.kind": "LLM", "llm.token_count.prompt": 30, "user.id": "ada"})
    trace.span(CALL, outer)
    (event,) = drafts(trace.read())
    assert (event.event_id[-1], event.user_id, event.input_tokens) == ("2", "ada", 30)


def test_where_only_the_outer_of_two_knows_the_usage_it_counts() -> None:
    trace = Trace()
    outer = trace.span(CALL)
    middle = trace.span({"gen_ai.operation.name": "chat"}, outer)
    trace.span({"gen_ai.operation.name": "chat"}, middle)
    (event,) = drafts(trace.read())
    assert (event.event_id[-1], event.input_tokens) == ("1", 30)


def test_spans_that_hang_in_a_circle_count_like_any() -> None:
    trace = Trace()
    trace.span(CALL, f"{2:016x}")
    trace.span(CALL, f"{1:016x}")
    trace.span(CALL, f"{3:016x}")
    assert len(drafts(trace.read())) == 3


# --- What is wrong ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"user.id": "x" * 201}, "user.id is longer than 200 characters"),
        ({"user.id": "x" * 5_000}, "user.id is too long"),
        ({"user.id": ["ada"]}, "user.id is no text, number or boolean"),
        ({"user.id": True}, "user.id is no text"),
        ({"user.id": "a\x00b"}, "user_id contains control characters"),
        ({"user.email": "nobody"}, "email: "),
        ({"gen_ai.agent.name": 1.5}, "gen_ai.agent.name is no text"),
        ({"gen_ai.request.model": "x" * 201}, "gen_ai.request.model is longer than 200 characters"),
        ({"gen_ai.usage.input_tokens": "30"}, "gen_ai.usage.input_tokens is no whole number"),
        ({"gen_ai.usage.input_tokens": 1.5}, "gen_ai.usage.input_tokens is no whole number"),
        ({"gen_ai.usage.input_tokens": True}, "gen_ai.usage.input_tokens is no whole number"),
        ({"gen_ai.usage.input_tokens": -1}, "input_tokens: Expected `int` >= 0"),
        ({"gen_ai.usage.input_tokens": 2**62}, "input_tokens: Expected `int` <= 1000000000"),
    ],
)
def test_what_is_wrong_with_a_call_is_said_by_its_span(attributes: dict[str, Any], said: str) -> None:
    assert reason(attributes).startswith(f"span 0000000000000001: {said}")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("traceId", "0" * 32, "traceId is not 32 hexadecimal digits"),
        ("traceId", "CvdlGRbNQ92ESOshHIAxnA==", "traceId is not 32 hexadecimal digits"),
        ("traceId", None, "traceId is not 32 hexadecimal digits"),
        ("spanId", "xyz4567890123456", "spanId is not 16 hexadecimal digits"),
        ("spanId", 5, "spanId is not 16 hexadecimal digits"),
        ("startTimeUnixNano", "0", "startTimeUnixNano is missing"),
        ("startTimeUnixNano", "soon", "startTimeUnixNano is missing"),
        ("startTimeUnixNano", -5, "startTimeUnixNano is missing"),
        ("startTimeUnixNano", 10**40, "startTimeUnixNano is missing"),
        ("startTimeUnixNano", str(2**64 - 1), "occurred_at 2554-07-21"),
        ("startTimeUnixNano", "1", "occurred_at 1970-01-01"),
    ],
)
def test_what_is_wrong_with_ids_and_times(field: str, value: Any, said: str) -> None:
    trace = Trace()
    trace.span(CALL)
    trace.span(CALL)
    told = json.loads(trace.json())
    told["resourceSpans"][0]["scopeSpans"][0]["spans"][0][field] = value
    bad, neighbour = decode_json(json.dumps(told).encode(), NOW)
    assert isinstance(bad, Rejected)
    assert said in bad.reason
    assert isinstance(neighbour, EventDraft)


def test_ids_in_capitals_are_the_same_ids() -> None:
    trace = Trace()
    trace.span(CALL)
    assert decode_json(trace.json().replace(TRACE.encode(), TRACE.upper().encode()), NOW) == trace.read()


@pytest.mark.parametrize("status", [{"code": 2}, {"code": "2"}, {"code": "STATUS_CODE_ERROR"}])
def test_enums_are_numbers_or_names(status: dict[str, Any]) -> None:
    trace = Trace()
    trace.span(CALL, failed=True)
    body = trace.json().replace(b'{"code": 2}', json.dumps(status).encode())
    assert [event.status for event in drafts(decode_json(body, NOW))] == ["error"]


@pytest.mark.parametrize("number", ["30", 30])
def test_integers_are_numbers_or_texts(number: Any) -> None:
    trace = Trace()
    trace.span(CALL)
    body = trace.json().replace(b'{"intValue": "30"}', json.dumps({"intValue": number}).encode())
    assert [event.input_tokens for event in drafts(decode_json(body, NOW))] == [30]


def test_half_a_character_in_a_prompt_costs_nothing_and_in_a_name_its_own_span() -> None:
    trace = Trace()
    trace.span({**CALL, "gen_ai.input.messages": "cut \ud83d"})
    trace.span({**CALL, "user.id": "cut \ud83d"})
    first, second = decode_json(trace.json(), NOW)
    assert isinstance(first, EventDraft)
    assert isinstance(second, Rejected)


def test_text_that_is_not_utf8_costs_at_most_its_own_span() -> None:
    trace = Trace()
    trace.span({**CALL, "gen_ai.input.messages": "cut"})
    trace.span({**CALL, "user.id": "cut"})
    first, second = decode_protobuf(
        trace.protobuf().replace(b"cut", b"c\xff\xfe").replace(b"secret", b"s\xffcret"), NOW
    )
    assert isinstance(first, EventDraft)
    assert isinstance(second, Rejected)


@pytest.mark.parametrize("body", [b"\xff", b"hello", OTLP_PROTOBUF[:-5], b"\x0a\x05ab"])
def test_a_body_that_is_no_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_protobuf(body, NOW)


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"[]", b"5", OTLP_JSON[:-5], b'{"resourceSpans": 5}', b'{"resourceSpans": [5]}',
     b'{"resourceSpans": ' + b"[" * 100_000, b'{"x": ' + b"[" * 100_000, _request([5])],
)  # fmt: skip
def test_a_body_that_is_no_json_export_is_refused(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_json(body, NOW)


def test_an_export_of_nothing_is_nothing() -> None:
    assert decode_protobuf(b"", NOW) == []
    assert decode_json(b"{}", NOW) == []
    assert decode_json(b'{"resourceSpans": null}', NOW) == []


# --- Bombs --------------------------------------------------------------------------------------------------------
def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def _nested(depth: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = _field(5, _field(1, value))  # AnyValue in ArrayValue in AnyValue
    return value


@pytest.mark.parametrize("depth", [40, 90, 150])
def test_values_nested_deeply_are_no_text(depth: int) -> None:
    span = Trace()
    span.span(CALL)
    attribute = _field(9, _field(1, b"user.id") + _field(2, _nested(depth)))
    whole = ExportTraceServiceRequest.FromString(span.protobuf()).resource_spans[0].scope_spans[0].spans[0]
    (event,) = decode_protobuf(_field(1, _field(2, _field(2, whole.SerializeToString() + attribute))), NOW)
    assert isinstance(event, Rejected)
    assert "user.id is no text" in event.reason


def test_a_span_may_have_very_many_attributes_and_a_request_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenInference makes several of each message of a prompt."""
    trace = Trace()
    for _ in range(2):
        trace.span({**{f"llm.input_messages.{n}.message.role": "user" for n in range(5_000)}, **CALL})
    assert len(drafts(trace.read())) == 2
    monkeypatch.setattr(otlp, "MAX_ATTRIBUTES", 10_000)
    for decode, body in ((decode_json, trace.json()), (decode_protobuf, trace.protobuf())):
        with pytest.raises(TooMuch, match="more than 10,000 attributes in one request"):
            decode(body, NOW)


# --- Any JSON, any bytes ------------------------------------------------------------------------------------------
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["traceId", "spanId", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano", "status"])
            | st.integers(0, 4),
            anything,
        ),
        min_size=1,
        max_size=3,
    )
)
@examples(200)
def test_any_json_in_any_field_costs_at_most_its_own_span(changes: list[tuple[str | int, Any]]) -> None:
    trace = Trace()
    for _ in range(2):
        trace.span({**CALL, "user.id": "ada", "gen_ai.request.model": "m"})
    told = json.loads(trace.json())
    odd = told["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for field, value in changes:
        if isinstance(field, int):
            odd["attributes"][field]["value"] = value
        else:
            odd[field] = value
    found = decode_json(json.dumps(told).encode(), NOW)
    assert isinstance(found[-1], EventDraft)
    assert all(isinstance(event, EventDraft) or event.reason.encode() for event in found)


@given(st.binary(max_size=200), st.integers(0, len(OTLP_PROTOBUF)))
@examples(200)
def test_any_bytes_are_spans_or_refused(junk: bytes, at: int) -> None:
    for decode, body in (
        (decode_protobuf, junk),
        (decode_protobuf, OTLP_PROTOBUF[:at] + junk + OTLP_PROTOBUF[at + len(junk) :]),
        (decode_json, junk),
        (decode_json, OTLP_JSON[:at] + junk + OTLP_JSON[at + len(junk) :]),
    ):
        try:
            found = decode(body, SENT_AT)
        except Undecodable:
            continue
        assert all(isinstance(event, EventDraft | Rejected) for event in found)

"""What real clients send, byte for byte, through the doors that they are pointed at; answers in their own protocol."""

from __future__ import annotations

import base64
import gzip
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus

from analytics.models import Assistant, Delivery, Scope, Status, UsageEvent
from tests.analytics.api.client import Program, make_key, told
from tests.analytics.ingest.captures import EXPECTED, LITELLM, OTLP_JSON, OTLP_PROTOBUF, SENT_AT
from usermgmt.models import Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_capture")]

CALLS = "/api/v1/litellm"
TRACES = "/v1/traces"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
CAPTURES = [
    ("litellm_proxy_batch", CALLS, LITELLM, JSON),
    ("otel_openai_v2_protobuf", TRACES, OTLP_PROTOBUF, PROTOBUF),
    ("otel_js_json", TRACES, OTLP_JSON, JSON),
]
each_capture = pytest.mark.parametrize(("name", "path", "body", "kind"), CAPTURES, ids=[name for name, *_ in CAPTURES])


@pytest.fixture
def at_capture(frozen_now: Any) -> None:
    """The clock stands where it stood when the clients were recorded."""
    frozen_now.move_to(SENT_AT)


@pytest.fixture
def program() -> Program:
    return Program(make_key(Scope.INGEST)[1])


def send(program: Program, path: str, body: bytes, kind: str, **headers: str) -> Any:
    """With its Content-Type also where the body is empty, for which the test client leaves it out."""
    return program.deliver(path, body, content_type=kind, Content_Type=kind, **headers)


# --- Counts -------------------------------------------------------------------------------------------------------


def stored() -> dict[str, Any]:
    """What stands in the database, in the words of `expected.json`."""
    events = list(UsageEvent.objects.all())
    people = dict(User.objects.values_list("pk", "external_id"))
    teams = dict(Team.objects.values_list("pk", "key"))
    assistants = dict(Assistant.objects.values_list("pk", "name"))
    failed = sum(event.status == Status.ERROR for event in events)
    return {
        "events": len(events),
        "by_status": {"success": len(events) - failed, "failure": failed},
        "input_tokens": sum(event.input_tokens for event in events),
        "output_tokens": sum(event.output_tokens for event in events),
        "active_users": len({event.user_id for event in events if event.user_id}),
        "by_team": _counts(teams.get(event.team_id, "") for event in events),
        "by_assistant": _counts(assistants[event.assistant_id] for event in events),
        "by_user": _counts(people.get(event.user_id) or "" for event in events),
    }


def _counts(names: Any) -> dict[str, int]:
    names = list(names)
    return {name: names.count(name) for name in set(names)}


@each_capture
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_recorded_request_counts_to_what_is_expected(
    program: Program, name: str, path: str, body: bytes, kind: str, packed: bool
) -> None:
    headers = {"Content_Encoding": "gzip"} if packed else {}
    response = send(program, path, gzip.compress(body) if packed else body, kind, **headers)
    assert response.status_code == 200
    expected = EXPECTED[name]["wire"]
    by_user = {user: events for user, (events, _in, _out) in expected["per_user[events,in,out]"].items()}
    assert stored() == {key: expected[key] for key in stored() if key != "by_user"} | {"by_user": by_user}


@each_capture
def test_a_request_sent_twice_changes_nothing(program: Program, name: str, path: str, body: bytes, kind: str) -> None:
    send(program, path, body, kind)
    before = stored()
    assert send(program, path, body, kind).status_code == 200
    assert stored() == before
    assert Delivery.objects.latest("pk").duplicate == EXPECTED[name]["wire"]["events"]


def test_protobuf_and_json_of_the_same_span_are_one_event(program: Program) -> None:
    message = ExportTraceServiceRequest.FromString(OTLP_PROTOBUF)
    as_json = MessageToDict(message)
    for resource in as_json["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for field in ("traceId", "spanId", "parentSpanId"):
                    if field in span:
                        span[field] = _hex(span[field])
    send(program, TRACES, OTLP_PROTOBUF, PROTOBUF)
    before = stored()
    send(program, TRACES, json.dumps(as_json).encode(), JSON)
    assert stored() == before


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


def test_no_prompt_and_no_answer_is_stored(program: Program) -> None:
    (call, *_rest) = json.loads(LITELLM)
    call["messages"][0]["content"] = "canary of the prompt"
    call["response"]["choices"][0]["message"]["content"] = "canary of the answer"
    bad = call | {"litellm_call_id": None, "startTime": "canary of no time"}
    assert told(send(program, CALLS, json.dumps([call, bad]).encode(), JSON))["rejected"] == 1
    everything = StringIO()
    call_command("dumpdata", "analytics", "usermgmt", stdout=everything)
    assert "canary of the" not in everything.getvalue()


# --- LiteLLM ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [b"\n", b""], ids=["ndjson", "single"])
def test_litellm_s_other_formats_store_the_same(program: Program, separator: bytes) -> None:
    other = Program(make_key(Scope.INGEST, source="other")[1])  # in an id space of its own, so that all is stored again
    calls = [json.dumps(call).encode() for call in json.loads(LITELLM)]
    send(program, CALLS, LITELLM, JSON)
    for body in [separator.join(calls)] if separator else calls:
        assert send(other, CALLS, body, JSON).status_code == 200
    assert _rows("other") == _rows("litellm")
    assert len(_rows("other")) == EXPECTED["litellm_proxy_batch"]["wire"]["events"]


def _rows(source: str) -> list[tuple[Any, ...]]:
    """What is stored of each event but its source and its key, in order of time."""
    names = [field.name for field in UsageEvent._meta.concrete_fields if field.name not in ("source", "event_key")]
    return list(UsageEvent.objects.filter(source=source).order_by("occurred_at", "user_id").values_list(*names))


def test_a_null_among_litellm_s_calls_is_told_and_costs_nothing_else(program: Program) -> None:
    answer = told(send(program, CALLS, b"[null," + LITELLM.strip()[1:], JSON))
    assert (answer["accepted"], answer["rejected"]) == (13, 1)


def test_a_full_batch_of_litellm_is_taken(program: Program) -> None:
    """512 calls of 12 kB and more, prompts inside."""
    (call, *_rest) = json.loads(LITELLM)
    calls = [
        call | {"litellm_call_id": str(n), "messages": [{"role": "user", "content": "x" * 20_000}]} for n in range(512)
    ]
    body = json.dumps(calls).encode()
    assert len(body) > 10 << 20
    assert told(send(program, CALLS, body, JSON))["accepted"] == 512


# --- OpenTelemetry --------------------------------------------------------------------------------------------------


def test_success_is_the_protocol_s_empty_message(program: Program) -> None:
    in_json = send(program, TRACES, OTLP_JSON, JSON)
    assert (in_json["Content-Type"], in_json.content) == (JSON, b"{}")
    in_protobuf = send(program, TRACES, OTLP_PROTOBUF, PROTOBUF)
    assert (in_protobuf["Content-Type"], in_protobuf.content) == (PROTOBUF, b"")


def broken_trace() -> dict[str, Any]:
    """The recorded trace, with a model call whose user is no text."""
    trace: dict[str, Any] = json.loads(OTLP_JSON)
    calls = [
        span
        for resource in trace["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
        if any(attribute["key"] == "gen_ai.operation.name" for attribute in span["attributes"])
    ]
    calls[0]["attributes"].append({"key": "user.id", "value": {"stringValue": "x" * 201}})
    return trace


def test_a_rejected_span_is_a_partial_success(program: Program) -> None:
    response = send(program, TRACES, json.dumps(broken_trace()).encode(), JSON)
    assert response.status_code == 200
    partial = json.loads(response.content)["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "user.id" in partial["errorMessage"]
    assert UsageEvent.objects.count() == EXPECTED["otel_js_json"]["wire"]["events"] - 1


def test_a_span_whose_id_cannot_be_stored_is_rejected_alone(program: Program) -> None:
    body = OTLP_JSON.replace(b"d88d35d839dbbb03", b"d88d35\\u0000\\ud800")
    partial = json.loads(send(program, TRACES, body, JSON).content)["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "span d88d35\ufffd\ufffd" in partial["errorMessage"]
    assert UsageEvent.objects.count() == EXPECTED["otel_js_json"]["wire"]["events"] - 1


def test_a_partial_success_speaks_protobuf_to_whom_does(program: Program) -> None:
    message = ExportTraceServiceRequest.FromString(OTLP_PROTOBUF)
    for span in message.resource_spans[0].scope_spans[0].spans:
        span.start_time_unix_nano = 1
    response = send(program, TRACES, message.SerializeToString(), PROTOBUF)
    assert response.status_code == 200
    told_back = ExportTraceServiceResponse.FromString(response.content)
    assert told_back.partial_success.rejected_spans > 0
    assert told_back.partial_success.error_message


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_errors_carry_a_status_message(program: Program, kind: str) -> None:
    body = b"\xff\xff\xff" if kind == PROTOBUF else b"{broken"
    response = send(program, TRACES, body, kind)
    assert response.status_code == 400
    assert _rpc_code(response, kind) == 3


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_a_wrong_key_is_told_in_the_protocol_too(kind: str) -> None:
    response = send(Program("wrong"), TRACES, b"", kind)
    assert response.status_code == 401
    assert _rpc_code(response, kind) == 16


def _rpc_code(response: Any, kind: str) -> int:
    if kind == JSON:
        document = told(response)
        assert document["message"] == document["detail"]
        return int(document["code"])
    assert response["Content-Type"] == PROTOBUF
    # A span's status has its text where google.rpc.Status has it, so a library can read it back.
    first, number, second, length = response.content[:4]
    assert (first, second) == (0x08, 0x12)
    assert length >= 0x80 or length == len(response.content) - 4
    assert SpanStatus.FromString(response.content).message.startswith(("Nothing", "Send"))
    return int(number)


@pytest.mark.parametrize("kind", ["text/plain", "application/grpc", ""])
def test_another_kind_of_body_is_refused(program: Program, kind: str) -> None:
    assert send(program, TRACES, OTLP_JSON, kind).status_code == 415


def test_an_empty_export_is_a_success(program: Program) -> None:
    assert send(program, TRACES, b"", PROTOBUF).status_code == 200
    assert send(program, TRACES, b"{}", JSON).status_code == 200


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs"])
def test_other_signals_are_told_that_there_is_nothing(program: Program, path: str) -> None:
    assert told(program.deliver(path, b"{}"))["status"] == 404

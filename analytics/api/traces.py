"""The door for OpenTelemetry: OTLP/HTTP traces, in protobuf or JSON, answered in the protocol's own messages.

Clients append `/v1/traces` to whatever address they are given, so it stands at the root of the site.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from analytics.api import describe_deliveries
from analytics.api.auth import Key
from analytics.api.body import MIB, Limits
from analytics.api.deliver import noting_refusal, take
from analytics.api.problems import Problem
from analytics.ingest import otlp
from analytics.ingest.draft import Rejected
from analytics.ingest.intake import Verdict
from analytics.models.keys import Endpoint, Scope

PATH = "/v1/traces"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
TRACE_LIMITS = Limits(wire=16 * MIB, unpacked=32 * MIB)
REASONS_TOLD = 5

_DECODERS = {PROTOBUF: otlp.decode_protobuf, JSON: otlp.decode_json}
# google.rpc.Code for what we answer; the protocol wants it in the body of every error.
_RPC_CODES = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
_INTERNAL = 13

router = Router(tags=["Usage comes in"])


@router.post(
    PATH,
    auth=Key(Scope.INGEST),
    operation_id="deliver_traces",
    summary="Deliver traces of OpenTelemetry",
    openapi_extra=describe_deliveries.traces(TRACE_LIMITS),
)
def traces(request: HttpRequest) -> HttpResponse:
    """Model calls as OpenTelemetry spans (GenAI semantic conventions). Other spans are passed over."""
    decode = _DECODERS.get(_kind(request))
    if decode is None:
        with noting_refusal(request, Endpoint.OTLP):
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type {_kind(request)[:60]!r} is not understood; send {PROTOBUF} or {JSON}.",
            )
    verdicts = take(request, Endpoint.OTLP, decode, TRACE_LIMITS)
    return _success(_kind(request), verdicts)


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The problem in the protocol's form: a google.rpc.Status, in JSON with the members of a problem document too."""
    code = _RPC_CODES.get(problem.status, _INTERNAL)
    if _kind(request) != PROTOBUF:
        problem.members |= {"code": code, "message": problem.detail}
        return problem.response()
    return HttpResponse(
        _status(code, problem.detail), status=problem.status, content_type=PROTOBUF, headers=problem.headers
    )


def _kind(request: HttpRequest) -> str:
    return (request.content_type or "").lower()


def _success(kind: str, verdicts: Sequence[Verdict]) -> HttpResponse:
    """Empty, or how many spans were rejected and the first reasons."""
    reasons = [f"model call {index}: {v.reason}" for index, v in enumerate(verdicts) if isinstance(v, Rejected)]
    told = "; ".join(reasons[:REASONS_TOLD])
    if kind == PROTOBUF:
        message = ExportTraceServiceResponse()
        if reasons:
            message.partial_success.rejected_spans = len(reasons)
            message.partial_success.error_message = told
        return HttpResponse(message.SerializeToString(), content_type=PROTOBUF)
    partial = {"partialSuccess": {"rejectedSpans": str(len(reasons)), "errorMessage": told}} if reasons else {}
    return HttpResponse(msgspec.json.encode(partial), content_type=JSON)


def _status(code: int, message: str) -> bytes:
    """A google.rpc.Status: field 1 the code, field 2 the message."""
    text = message.encode()
    return b"\x08" + bytes([code]) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    pieces = bytearray()
    while number > 0x7F:
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*pieces, number])

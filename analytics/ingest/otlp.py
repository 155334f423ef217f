"""OTLP/HTTP traces: an `ExportTraceServiceRequest`, as protobuf or as JSON, to usage events.

In: the body. Out: a draft or a rejection for each model call in it (see `spans`). Prompts, answers, events and links
are passed over as bytes: only the few attributes that `spans` wants become objects.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from analytics.ingest.decoding import MAX_EVENTS, Counted, TooManyEvents, Undecodable, decode_document
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.span_words import WANTED
from analytics.ingest.spans import Attributes, Span, Unusable, Value, events

MAX_VALUE = 4_000  # bytes of an attribute that is wanted
_TOO_LONG = Unusable("is too long")
_NO_VALUE = Unusable("is no text, number or boolean")

T = TypeVar("T")
Drafts = list[EventDraft | Rejected]


def decode_protobuf(body: bytes, now: dt.datetime) -> Drafts:
    """One draft or rejection a model call, in order. Raises Undecodable."""
    try:
        return events(_limited(_protobuf_spans(body)), now)
    except DecodeError as error:
        raise Undecodable("the body is no ExportTraceServiceRequest") from error


def decode_json(body: bytes, now: dt.datetime) -> Drafts:
    """One draft or rejection a model call, in order. Raises Undecodable."""
    return events(_limited(_json_spans(decode_document(body, _json_request))), now)


def _limited(spans: Iterator[Span]) -> list[Span]:
    found = list(islice(spans, MAX_EVENTS + 1))
    if len(found) > MAX_EVENTS:
        raise TooManyEvents
    return found


# --- Protobuf -----------------------------------------------------------------------------------------------------
# The messages of opentelemetry-proto as far as they are looked at, with what is inside them left as bytes: the library
# makes 80 bytes of an empty message of two, and refuses a whole body for one text that is not UTF-8.
_ONE, _MANY, _FIXED64, _ENUM = "one", "many", "fixed64", "enum"
_SHALLOW = {
    "Request": {"resource_spans": (1, _MANY)},
    "ResourceSpans": {"resource": (1, _ONE), "scope_spans": (2, _MANY)},
    "Resource": {"attributes": (1, _MANY)},
    "ScopeSpans": {"scope": (1, _ONE), "spans": (2, _MANY)},
    "Scope": {"name": (1, _ONE)},
    "Span": {
        "trace_id": (1, _ONE),
        "span_id": (2, _ONE),
        "parent_span_id": (4, _ONE),
        "start_time_unix_nano": (7, _FIXED64),
        "end_time_unix_nano": (8, _FIXED64),
        "attributes": (9, _MANY),
        "status": (15, _ONE),
    },
    "Status": {"code": (3, _ENUM)},
    "KeyValue": {"key": (1, _ONE), "value": (2, _ONE)},
}


def _shallow_messages() -> dict[str, Any]:
    field = descriptor_pb2.FieldDescriptorProto
    types = {_FIXED64: field.TYPE_FIXED64, _ENUM: field.TYPE_INT32}
    file = descriptor_pb2.FileDescriptorProto(name="shallow_trace.proto", package="shallow", syntax="proto3")
    for message, fields in _SHALLOW.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            described.field.add(
                name=name,
                number=number,
                type=types.get(kind, field.TYPE_BYTES),
                label=field.LABEL_REPEATED if kind == _MANY else field.LABEL_OPTIONAL,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shallow.{name}")) for name in _SHALLOW}


_shallow = _shallow_messages()


def _protobuf_spans(body: bytes) -> Iterator[Span]:
    for raw_resource_spans in _shallow["Request"].FromString(body).resource_spans:
        resource_spans = _shallow["ResourceSpans"].FromString(raw_resource_spans)
        resource = _protobuf_attributes(_shallow["Resource"].FromString(resource_spans.resource).attributes)
        for raw_scope_spans in resource_spans.scope_spans:
            scope_spans = _shallow["ScopeSpans"].FromString(raw_scope_spans)
            scope = _shallow["Scope"].FromString(scope_spans.scope).name.decode(errors="replace")
            for raw_span in scope_spans.spans:
                yield _protobuf_span(_shallow["Span"].FromString(raw_span), resource, scope)


def _protobuf_span(span: Any, resource: Attributes, scope: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=_shallow["Status"].FromString(span.status).code == Status.STATUS_CODE_ERROR,
        attributes=_protobuf_attributes(span.attributes),
        resource=resource,
        scope=scope,
    )


def _protobuf_attributes(raw_attributes: Iterable[bytes]) -> Attributes:
    found: dict[str, Value] = {}
    for raw in raw_attributes:
        attribute = _shallow["KeyValue"].FromString(raw)
        if (key := _WANTED_BYTES.get(attribute.key)) is not None:
            found[key] = _protobuf_value(attribute.value)
    return found


def _protobuf_value(raw: bytes) -> Value:
    if len(raw) > MAX_VALUE:
        return _TOO_LONG
    try:
        value = AnyValue.FromString(raw)
    except DecodeError:
        return _NO_VALUE
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in _SCALARS else _NO_VALUE


_WANTED_BYTES = {key.encode(): key for key in WANTED}
_SCALARS = frozenset({"string_value", "int_value", "double_value", "bool_value"})


# --- JSON ---------------------------------------------------------------------------------------------------------
# Values stay text until they are wanted, so that a wrong one is the matter of its span alone.
class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | None = None
    bool_value: bool | None = None


class _Attribute(msgspec.Struct):
    key: str = ""
    value: msgspec.Raw = msgspec.Raw()


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] | None = None


class _Scope(msgspec.Struct):
    name: str | None = None


class _Status(msgspec.Struct):
    code: int | str | None = None


class _Span(Counted, rename="camel"):
    trace_id: msgspec.Raw = msgspec.Raw()
    span_id: msgspec.Raw = msgspec.Raw()
    parent_span_id: msgspec.Raw = msgspec.Raw()
    start_time_unix_nano: msgspec.Raw = msgspec.Raw()
    end_time_unix_nano: msgspec.Raw = msgspec.Raw()
    attributes: list[_Attribute] | None = None
    status: msgspec.Raw = msgspec.Raw()


class _ScopeSpans(Counted, rename="camel"):
    scope: _Scope | None = None
    spans: list[_Span] | None = None


class _ResourceSpans(Counted, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


_json_request = msgspec.json.Decoder(_Request)
_json_value = msgspec.json.Decoder(_Value)
_json_status = msgspec.json.Decoder(_Status)
_json_text = msgspec.json.Decoder(str)
_json_number = msgspec.json.Decoder(int | str)
_FAULTS = (msgspec.DecodeError, UnicodeError, RecursionError)


def _json_spans(request: _Request) -> Iterator[Span]:
    for resource_spans in request.resource_spans or ():
        resource = _json_attributes(resource_spans.resource.attributes if resource_spans.resource else None)
        for scope_spans in resource_spans.scope_spans or ():
            scope = (scope_spans.scope.name if scope_spans.scope else None) or ""
            for span in scope_spans.spans or ():
                yield _json_span(span, resource, scope)


def _json_span(span: _Span, resource: Attributes, scope: str) -> Span:
    status = _read(_json_status, span.status)
    return Span(
        trace_id=_read(_json_text, span.trace_id) or "",
        span_id=_read(_json_text, span.span_id) or "",
        parent_id=_read(_json_text, span.parent_span_id) or "",
        start=_json_integer(span.start_time_unix_nano),
        end=_json_integer(span.end_time_unix_nano),
        failed=status is not None and status.code in (Status.STATUS_CODE_ERROR, "2", "STATUS_CODE_ERROR"),
        attributes=_json_attributes(span.attributes),
        resource=resource,
        scope=scope,
    )


def _json_integer(raw: msgspec.Raw) -> int:
    """0, which is no time, for what is no integer."""
    return _integer(_read(_json_number, raw)) or 0


def _integer(value: int | str | None) -> int | None:
    """64-bit integers come as numbers or as texts."""
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) else None
    return value


_INTEGER = re.compile(r"-?[0-9]{1,20}")


def _json_attributes(attributes: Iterable[_Attribute] | None) -> Attributes:
    return {one.key: _json_attribute(one.value) for one in attributes or () if one.key in WANTED}


def _json_attribute(raw: msgspec.Raw) -> Value:
    if len(bytes(raw)) > MAX_VALUE:
        return _TOO_LONG
    value = _read(_json_value, raw)
    if value is None:
        return _NO_VALUE
    said = (value.string_value, _integer(value.int_value), value.double_value, value.bool_value)
    return next((one for one in said if one is not None), _NO_VALUE)


def _read(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    """None for what the decoder does not take."""
    try:
        return decoder.decode(raw) if raw else None
    except _FAULTS:
        return None

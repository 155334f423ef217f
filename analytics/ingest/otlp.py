"""OTLP/HTTP traces: an `ExportTraceServiceRequest`, as protobuf or as JSON, to usage events.

In: the body. Out: a draft or a rejection for each model call in it (see `spans`). Prompts, answers, events and links
are passed over as bytes: only the few attributes that `spans` wants become objects. Of whatever a body could hold very
many of, it may hold so many and no more.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from analytics.ingest.decoding import (
    FAULTS,
    MAX_EVENTS,
    Counted,
    Spent,
    TooManyEvents,
    TooMuch,
    Undecodable,
    allow,
    decode_document,
)
from analytics.ingest.draft import EventDraft, Rejected, reason
from analytics.ingest.span_words import WANTED
from analytics.ingest.spans import Attributes, Span, Unusable, Value, events

MAX_VALUE = 4_000  # bytes of an attribute that is wanted
MAX_ATTRIBUTES = 1_000_000  # of one request
MAX_FIELDS = 10_000  # of one span or resource; OpenInference makes several attributes of each message of a prompt
MAX_PARTS = 4 * MAX_EVENTS  # of one request: whatever stands around spans and beside them
_TOO_LONG = Unusable("is too long")
_NO_VALUE = Unusable("is no text, number or boolean")

T = TypeVar("T")
Drafts = list[EventDraft | Rejected]


def decode_protobuf(body: bytes, now: dt.datetime) -> Drafts:
    """One draft or rejection a model call, in order. Raises Undecodable."""
    try:
        spans = _limited(_protobuf_spans(memoryview(body)))
    except (DecodeError, LookupError) as error:
        raise Undecodable("the body is no ExportTraceServiceRequest") from error
    return events(spans, now)


def decode_json(body: bytes, now: dt.datetime) -> Drafts:
    """One draft or rejection a model call, in order. Raises Undecodable."""
    return events(_limited(_json_spans(decode_document(body, _json_request))), now)


def _limited(spans: Iterator[Span]) -> list[Span]:
    found = list(islice(spans, MAX_EVENTS + 1))
    if len(found) > MAX_EVENTS:
        raise TooManyEvents
    return found


class _Budget:
    """How much of something there may still be."""

    def __init__(self, most: int, of_what: str) -> None:
        self._fault = TooMuch(most, of_what)
        self.left = most

    def spend(self, number: int = 1) -> None:
        self.left -= number
        if self.left < 0:
            raise self._fault


def _attributes_of_a_request() -> _Budget:
    return _Budget(MAX_ATTRIBUTES, "attributes in one request")


# --- Protobuf -----------------------------------------------------------------------------------------------------
# The messages of opentelemetry-proto as far as they are looked at, with what is inside them left as bytes: the library
# makes 80 bytes of an empty message of two, and refuses a whole body for one text that is not UTF-8. Even of bytes it
# makes eight times as many: so what holds spans is read field by field, and what they hold is counted where it is much.
_ONE, _MANY, _FIXED64, _ENUM = "one", "many", "fixed64", "enum"
_SHALLOW = {
    "Resource": {"attributes": (1, _MANY)},
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


def _protobuf_spans(body: memoryview) -> Iterator[Span]:
    parts, attributes = _Budget(MAX_PARTS, "parts in one request"), _attributes_of_a_request()
    for resource_spans in _fields(body, parts).get(_RESOURCE_SPANS, ()):
        around = _fields(resource_spans, parts)
        resource = _protobuf_attributes(_shallow_of("Resource", around.get(_RESOURCE)).attributes, attributes)
        for scope_spans in around.get(_SCOPE_SPANS, ()):
            inside = _fields(scope_spans, parts)
            scope = _shallow_of("Scope", inside.get(_SCOPE)).name.decode(errors="replace")
            for span in inside.get(_SPANS, ()):
                yield _protobuf_span(_shallow_of("Span", [span]), resource, scope, attributes)


_RESOURCE_SPANS = 1
_RESOURCE, _SCOPE_SPANS = 1, 2
_SCOPE, _SPANS = 1, 2


def _fields(message: memoryview, budget: _Budget) -> dict[int, list[memoryview]]:
    """The fields of a message that have a length, by number, in order. Raises DecodeError or LookupError."""
    found: dict[int, list[memoryview]] = {}
    at = 0
    while at < len(message):
        budget.spend()
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _WITH_LENGTH:
            size, at = _varint(message, at)
            found.setdefault(tag >> 3, []).append(message[at : at + size])
        elif kind == _VARINT:
            size, (_number, at) = 0, _varint(message, at)
        else:
            size = _SIZES[kind]
        at += size
    if at > len(message):
        raise DecodeError
    return found


_VARINT, _WITH_LENGTH = 0, 2
_SIZES = {1: 8, 5: 4}  # bytes by kind; groups are no more


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise DecodeError


def _shallow_of(name: str, found: Sequence[memoryview] | None) -> Any:
    """The last of the messages, or an empty one."""
    if not found:
        return _shallow[name]()
    if len(found[-1]) > 2 * MAX_FIELDS:
        _fields(found[-1], _Budget(MAX_FIELDS, "fields in one span or resource"))
    return _shallow[name].FromString(bytes(found[-1]))


def _protobuf_span(span: Any, resource: Attributes, scope: str, budget: _Budget) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=_shallow["Status"].FromString(span.status).code == Status.STATUS_CODE_ERROR,
        attributes=_protobuf_attributes(span.attributes, budget),
        resource=resource,
        scope=scope,
    )


def _protobuf_attributes(raw_attributes: Sequence[bytes], budget: _Budget) -> Attributes:
    budget.spend(len(raw_attributes))
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


class _Attribute(Counted):
    key: str = ""
    value: msgspec.Raw = msgspec.Raw()


class _Resource(msgspec.Struct):
    attributes: msgspec.Raw = msgspec.Raw()


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
    attributes: msgspec.Raw = msgspec.Raw()
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
_json_attribute_list = msgspec.json.Decoder(list[_Attribute] | None)
_json_value = msgspec.json.Decoder(_Value)
_json_status = msgspec.json.Decoder(_Status)
_json_text = msgspec.json.Decoder(str)
_json_number = msgspec.json.Decoder(int | str)


def _json_spans(request: _Request) -> Iterator[Span]:
    budget = _attributes_of_a_request()
    for resource_spans in request.resource_spans or ():
        resource = _json_attributes(resource_spans.resource.attributes, budget) if resource_spans.resource else {}
        for scope_spans in resource_spans.scope_spans or ():
            scope = (scope_spans.scope.name if scope_spans.scope else None) or ""
            for span in scope_spans.spans or ():
                yield _json_span(span, resource, scope, budget)


def _json_span(span: _Span, resource: Attributes, scope: str, budget: _Budget) -> Span:
    status = _read(_json_status, span.status)
    return Span(
        trace_id=_read(_json_text, span.trace_id) or "",
        span_id=_read(_json_text, span.span_id) or "",
        parent_id=_read(_json_text, span.parent_span_id) or "",
        start=_json_integer(span.start_time_unix_nano),
        end=_json_integer(span.end_time_unix_nano),
        failed=status is not None and status.code in (Status.STATUS_CODE_ERROR, "2", "STATUS_CODE_ERROR"),
        attributes=_json_attributes(span.attributes, budget),
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


def _json_attributes(raw: msgspec.Raw, budget: _Budget) -> Attributes:
    if not raw:
        return {}
    allow(MAX_FIELDS)
    try:
        found = _json_attribute_list.decode(raw) or ()
    except Spent:
        raise TooMuch(MAX_FIELDS, "attributes in one span or resource") from None
    except FAULTS as error:
        raise Undecodable(f"attributes: {reason(error)}") from error
    budget.spend(len(found))
    return {one.key: _json_attribute(one.value) for one in found if one.key in WANTED}


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
    except FAULTS:
        return None

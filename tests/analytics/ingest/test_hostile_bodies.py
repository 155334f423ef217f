"""Bodies made to hurt, at the functions that read them: little memory beside the body's own, and little time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from analytics.ingest import litellm, native, otlp
from analytics.ingest.decoding import Undecodable
from tests.cast import NOW
from tests.memory import MIB, growing_less_than

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most memory a process had")
MANY = 3_000_000
AT_ONCE_S = 2.0  # of a processor's time, which other work on the machine does not make longer


def field(number: int, inside: bytes) -> bytes:
    """A field of a protobuf message that has a length."""
    size, pieces = len(inside), bytearray([number << 3 | 2])
    while size > 0x7F:
        pieces.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*pieces, size]) + inside


def spans(text: bytes) -> bytes:
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + text + b"]}]}]}"


def objects(number: int, text: bytes = b"{}") -> bytes:
    return b"[" + b",".join([text] * number) + b"]"


def printed(name: str, text: bytes) -> bytes:
    """Calls in LiteLLM's old payload, with a text of 180,000 characters each."""
    call = (
        b'{"id":"a","startTime":"2026-01-31 09:30:00","'
        + name.encode()
        + b'":"'
        + text * (180_000 // len(text))
        + b'"}'
    )
    return objects(120, call)


def chain(number: int) -> bytes:
    """Calls around calls, none of which says who asks."""
    chat = b'[{"key":"gen_ai.operation.name","value":{"stringValue":"embeddings"}}]'
    one = b'{"traceId":"%032x","spanId":"%016x","parentSpanId":"%016x","startTimeUnixNano":"%d","attributes":%s}'
    return spans(b",".join([one % (1, n + 1, n, 1_773_000_000 * 10**9, chat) for n in range(number)]))


EVENT = b'{"event_id":"a","occurred_at":"2026-01-31T09:30:00Z"}'
CASES: dict[str, tuple[Callable[..., Any], Callable[[], bytes]]] = {
    "attributes of a span": (otlp.decode_json, lambda: spans(b'{"attributes":' + objects(MANY) + b"}")),
    "attributes of many spans": (
        otlp.decode_json,
        lambda: spans(b",".join([b'{"attributes":' + objects(9_000) + b"}"] * 200)),
    ),
    "attributes of a resource": (
        otlp.decode_json,
        lambda: b'{"resourceSpans":[{"resource":{"attributes":' + objects(MANY) + b'},"scopeSpans":[{"spans":[{}]}]}]}',
    ),
    "spans around spans": (otlp.decode_json, lambda: chain(9_900)),
    "resources, packed": (otlp.decode_protobuf, lambda: field(1, b"") * MANY),
    "scopes, packed": (otlp.decode_protobuf, lambda: field(1, field(2, b"") * MANY)),
    "spans, packed": (otlp.decode_protobuf, lambda: field(1, field(2, field(2, b"") * MANY))),
    "attributes of a span, packed": (
        otlp.decode_protobuf,
        lambda: field(1, field(2, field(2, field(9, b"") * MANY))),
    ),
    "attributes of many spans, packed": (
        otlp.decode_protobuf,
        lambda: field(1, field(2, field(2, field(9, b"") * 9_000) * 200)),
    ),
    "attributes of a resource, packed": (
        otlp.decode_protobuf,
        lambda: field(1, field(1, field(1, b"") * MANY) + field(2, field(2, b""))),
    ),
    "fields that nobody knows, packed": (otlp.decode_protobuf, lambda: b"\x78\x01" * MANY),
    "events": (native.decode, lambda: objects(200_000, EVENT)),
    "calls": (litellm.decode, lambda: objects(MANY)),
    "numbers": (litellm.decode, lambda: objects(MANY, b"0")),
    "nulls": (litellm.decode, lambda: objects(MANY, b"null")),
    "brackets": (native.decode, lambda: b'[1,{"event_id":' + objects(MANY, b"[]") + b"}]"),
    "brackets in brackets": (
        native.decode,
        lambda: b'[1,{"event_id":' + objects(MANY // 450, b"[" * 450 + b"]" * 450) + b"}]",
    ),
    "lines": (native.decode, lambda: b"{\n" * MANY),
    "lines that are events": (litellm.decode, lambda: b"{}\n" * MANY),
    "texts beside what is no JSON": (native.decode, lambda: b'[NaN,"' + b'abc","' * MANY + b'"]'),
    "what is no JSON": (native.decode, lambda: b"[" + b"NaN," * MANY + b"NaN]"),
    "what is no JSON, in lines": (
        native.decode,
        lambda: (b'{"prompt":[' + b"NaN," * 1_000 + b"NaN]}\n") * 5_000 + EVENT,
    ),
    "halves of characters": (native.decode, lambda: b'["' + rb"\ud83d" * MANY + b'"]'),
    "brackets that Python prints": (litellm.decode, lambda: printed("metadata", b"(),")),
    "numbers that Python prints": (litellm.decode, lambda: printed("usage", b"prompt_tokens ")),
    "spaces": (native.decode, lambda: b" " * 16 * MIB + b"[" + EVENT + b"]"),
}


FINE = {
    "spans around spans",
    "brackets",
    "brackets that Python prints",
    "numbers that Python prints",
    "what is no JSON, in lines",
    "spaces",
}


@pytest.mark.parametrize("name", CASES)
def test_a_body_made_to_hurt_costs_little_memory_and_time(name: str) -> None:
    decode, make = CASES[name]
    body = make()
    began = time.thread_time()
    with growing_less_than(len(body) + 20 * MIB):  # texts are copied once at most
        refused = _refuses(decode, body)
    took = time.thread_time() - began
    assert took < AT_ONCE_S, f"{took:.1f} s"
    assert refused is (name not in FINE)


def _refuses(decode: Callable[..., Any], body: bytes) -> bool:
    try:
        decode(body, NOW)
    except Undecodable:
        return True
    return False

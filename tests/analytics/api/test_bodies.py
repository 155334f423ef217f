"""Any bytes at any door: never an error of ours, and whatever is accepted can be read back, counted and told again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import Delivery, PendingEvent, UsageEvent
from analytics.rollups.fold import fold_pending
from tests.analytics.api.client import Program, make_key, told
from tests.analytics.ingest.captures import LITELLM, OTLP_JSON, OTLP_PROTOBUF, SENT_AT
from tests.analytics.ingest.drafts import fields
from tests.analytics.streams import examples

pytestmark = pytest.mark.usefixtures("at_capture")


@pytest.fixture
def at_capture(frozen_now: Any) -> None:
    """The clock stands where it stood when the clients were recorded."""
    frozen_now.move_to(SENT_AT)


JSON, PROTOBUF = "application/json", "application/x-protobuf"
OWN = json.dumps(
    [
        fields(event_id="a", user_id="u", team="Legal", assistant="Contracts", input_tokens=3, output_tokens=4),
        fields(event_id="b", email="ann@example.com", workflow="Digest", latency_ms=12, request=False),
    ]
).encode()
DOORS = {
    "own": ("/api/v1/events", JSON, [OWN, b"\n".join(OWN[1:-1].split(b", {"))]),
    "litellm": ("/api/v1/litellm", JSON, [json.dumps(json.loads(LITELLM)[:2]).encode()]),
    "protobuf": ("/v1/traces", PROTOBUF, [OTLP_PROTOBUF]),
    "traces": ("/v1/traces", JSON, [OTLP_JSON]),
}
# What is put into a body: bytes, halves of characters, and values of JSON that nobody reckons with.
BYTES = st.binary(max_size=4) | st.sampled_from([b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xff", b"\x00", b"\n"])
VALUES = st.sampled_from(
    [
        b"null", b"{}", b"[]", b"[[]]", b'{"a":{}}', b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"-1", b"1.5",
        b"9" * 30, b"1000000000", b"1000000001", b'""', b'" "', b'"\\u0000"', b'"\\ud800"', b'"\\ud83d\\ude00"',
        b'"' + b"x" * 201 + b'"', b'"chat"', b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59Z"',
        b'"2000-01-01T00:00:00Z"', b'"2016-12-31T23:59:60Z"',
    ]
)  # fmt: skip
VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')
PLACES = st.floats(0, 1, exclude_max=True)


def with_bytes(body: bytes, where: float, length: int, piece: bytes) -> bytes:
    start = int(where * len(body))
    return body[:start] + piece + body[start + length :]


def with_value(body: bytes, where: float, value: bytes) -> bytes:
    """The body of JSON with another value in the place of one, or of a name."""
    values = list(VALUE.finditer(body))
    there = values[int(where * len(values))]
    return body[: there.start()] + value + body[there.end() :]


@st.composite
def bodies(draw: st.DrawFn, door: str) -> bytes:
    """What a client sends, with something else in a few places."""
    _path, kind, whole = DOORS[door]
    body = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(0, 3))):
        if kind == JSON and draw(st.integers(0, 3)):
            body = with_value(body, draw(PLACES), draw(VALUES))
        else:  # mostly of the same length: elsewhere protobuf says how much follows
            piece = draw(BYTES)
            body = with_bytes(body, draw(PLACES), draw(st.sampled_from([len(piece)] * 4 + [0, 1, 9])), piece)
    return body


def some(number: int) -> settings:
    """The same ones every time."""
    return settings(parent=examples(number), derandomize=True)


class TestAnyBytes(TestCase):
    @given(bodies("own"))
    @some(60)
    def test_our_own_format(self, body: bytes) -> None:
        check("own", body)

    @given(bodies("litellm"))
    @some(30)
    def test_litellm(self, body: bytes) -> None:
        check("litellm", body)

    @given(bodies("protobuf"))
    @some(30)
    def test_opentelemetry_in_protobuf(self, body: bytes) -> None:
        check("protobuf", body)

    @given(bodies("traces"))
    @some(30)
    def test_opentelemetry_in_json(self, body: bytes) -> None:
        check("traces", body)


def check(door: str, body: bytes) -> None:
    path, kind, _whole = DOORS[door]
    program = Program(make_key()[1])
    response: Any = program.deliver(path, body, content_type=kind, Content_Type=kind)
    assert response.status_code in (200, 400, 413, 422), response.content
    stored = _read_back()
    delivery = Delivery.objects.first()
    assert stored == (delivery.accepted if delivery else 0)
    assert PendingEvent.objects.count() == stored
    if stored:
        fold_pending()
        for by in ("day", "user"):
            assert told(program.get("/api/v1/usage", {"by": by, "from": "2000-01-01", "to": "2009-12-31"}))
            assert told(program.get("/api/v1/usage", {"by": by}))


def _read_back() -> int:
    """How many events there are, read whole: by the ORM, with every name that they created."""
    events = list(UsageEvent.objects.values())
    with connection.cursor() as cursor:
        for table in ("person", "team", "assistant", "workflow", "rejected_event", "delivery"):
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608  # the names above
            cursor.fetchall()
    return len(events)

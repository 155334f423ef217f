"""Bodies in every framing, whole and broken: events come out in order, one bad event is rejected alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.ingest import native
from analytics.ingest.decoding import Undecodable
from analytics.ingest.draft import FIELDS, EventDraft, Rejected
from tests.analytics.ingest.drafts import fields
from tests.cast import NOW

ONE = json.dumps(fields(event_id="a")).encode()
TWO = json.dumps(fields(event_id="b")).encode()


def read(body: bytes) -> list[str]:
    """Event ids, or reasons in brackets."""
    found = native.decode(body, NOW)
    return [f"({event.reason})" if isinstance(event, Rejected) else event.event_id for event in found]


def with_field(name: str, text: str) -> bytes:
    """The first event with one more field, whose JSON is `text`."""
    return ONE[:-1] + f', "{name}": {text}}}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"[" + ONE + b"," + TWO + b"]",
        b" \r\n[" + ONE + b",\n" + TWO + b"]\n",
        ONE + b"\n" + TWO,
        ONE + b"\r\n\r\n" + TWO + b"\r\n",
        b"\xef\xbb\xbf" + ONE + b"\n" + TWO,
    ],
    ids=["array", "array with spaces", "lines", "lines of Windows", "lines with a byte order mark"],
)
def test_every_framing_gives_the_events_in_order(body: bytes) -> None:
    assert read(body) == ["a", "b"]


@pytest.mark.parametrize("body", [ONE, b"[" + ONE + b"]", json.dumps(json.loads(ONE), indent=2).encode()])
def test_one_event_may_come_alone_and_on_several_lines(body: bytes) -> None:
    assert read(body) == ["a"]


def test_an_empty_array_is_no_event() -> None:
    assert read(b"[]") == []


@pytest.mark.parametrize("bad", [b"null", b"1", b'"text"', b"[]", b"{}", b'{"event_id": 1}'])
def test_an_element_of_another_shape_is_rejected_alone(bad: bytes) -> None:
    first, middle, last = read(b"[" + ONE + b"," + bad + b"," + TWO + b"]")
    assert (first, last) == ("a", "b")
    assert middle.startswith("(")


@pytest.mark.parametrize("broken", [b"{broken", b"broken}", b'"text', b"<html>"])
def test_a_broken_line_is_rejected_alone_wherever_it_stands(broken: bytes) -> None:
    for place in range(3):
        lines = [ONE, TWO]
        lines.insert(place, broken)
        found = read(b"\n".join(lines))
        assert found.pop(place).startswith(("(JSON is malformed", "(Input data was truncated"))
        assert found == ["a", "b"]


def test_a_field_that_is_null_is_absent() -> None:
    assert read(b"[" + with_field("cached_tokens", "null") + b"]") == ["a"]
    assert read(with_field("request", "null")) == ["a"]


@pytest.mark.parametrize(
    "half", [r'"\ud83d"', r'"x\uDE00y"', r'"\ud83d\ud83d\ude00"', "NaN", "-Infinity", "[NaN, Infinity]"]
)
def test_what_encoders_write_that_is_no_json_does_not_cost_the_batch(half: str) -> None:
    assert read(b"[" + with_field("prompt", half) + b"," + TWO + b"]") == ["a", "b"]
    assert read(with_field("prompt", half) + b"\n" + TWO) == ["a", "b"]
    assert read(with_field("prompt", half)) == ["a"]


def test_half_a_character_in_a_field_of_ours_is_rejected_with_its_event() -> None:
    first, second = read(b"[" + with_field("model", r'"\ud83d"') + b"," + TWO + b"]")
    assert (first, second) == ("(model contains control characters)", "b")


@pytest.mark.parametrize("text", [r"\\ud83d", r"\ud83d\ude00", r"\"NaN\""])
def test_mending_leaves_whole_text_alone(text: str) -> None:
    (first, _second) = native.decode(
        b"[" + with_field("model", f'"{text}"') + b"," + with_field("x", "NaN") + b"]", NOW
    )
    assert isinstance(first, EventDraft)
    assert first.model == json.loads(f'"{text}"')


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b"", 0),
        (b"  \n", 3),
        (b"hello", 0),
        (b" \n hello", 3),
        (b'"text"', 0),
        (b'[{"a": 1} x]', 10),
        (b' \n[{"a": 1} x]', 12),
        (b'\xef\xbb\xbf[{"a": 1} x]', 13),
        (b"[1, 2", 5),
        (b"[1, 2 \n", 7),
        (b"{broken", 1),
        (ONE + b" " + TWO, len(ONE) + 2),  # the byte after the one that does not belong there
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
    ],
)
def test_a_body_that_is_no_json_says_where(body: bytes, position: int | None) -> None:
    with pytest.raises(Undecodable) as caught:
        native.decode(body, NOW)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "before", ["NaN", "[NaN, Infinity, -Infinity]", r'"\ud83d"', r'["\ud83d NaN", NaN, "\ud83d\ude00"]']
)
def test_where_is_told_of_the_body_as_it_came_although_it_was_mended(before: str) -> None:
    body = f" [{before}, {{}} x]".encode()
    with pytest.raises(Undecodable) as caught:
        native.decode(body, NOW)
    assert caught.value.position == body.index(b"x")
    assert f"(byte {body.index(b'x')})" in caught.value.reason


def test_no_more_than_so_much_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.ingest.mending.MAX_MENDED", 3)
    three = with_field("prompt", "[NaN, NaN, NaN]")
    assert read(b"[" + three + b"]") == ["a"]
    first, second, third = read(b"\n".join([three, with_field("prompt", "NaN"), TWO]))
    assert (first, third) == ("a", "b")
    assert second.startswith("(JSON is malformed")


def test_an_event_nested_too_deeply_in_a_line_is_rejected_alone() -> None:
    deep = with_field("prompt", "[" * 100_000 + "]" * 100_000)
    assert read(TWO + b"\n" + deep) == ["b", "(the event is nested too deeply)"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.binary(max_size=200) | st.binary(max_size=50).map(lambda junk: b"[" + ONE + junk + TWO + b"]"))
@example(b"[" + ONE + b'\x80"' + b"]")
def test_any_bytes_are_events_or_refused(body: bytes) -> None:
    try:
        found = native.decode(body, NOW)
    except Undecodable:
        return
    assert all(isinstance(event, EventDraft | Rejected) for event in found)


@given(st.lists(st.tuples(st.sampled_from(FIELDS), JSON), max_size=4))
def test_any_json_in_any_field_costs_at_most_its_own_event(changes: list[tuple[str, Any]]) -> None:
    odd = json.dumps(fields(event_id="odd") | dict(changes))
    _verdict, good = native.decode(f"[{odd}, {TWO.decode()}]".encode(), NOW)
    assert isinstance(good, EventDraft)

"""Field by field: what an event may say, and how it is told that it may not."""

from __future__ import annotations

import datetime as dt

import pytest

from analytics.ingest.draft import FIELDS, EventDraft, Rejected, draft, event_key
from analytics.models.events import Kind, Status
from analytics.models.keys import MAX_REASON
from tests.analytics.ingest.drafts import checked, fields, good, reason
from tests.cast import NOW

TOKEN_FIELDS = ["input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"]
TEXT_FIELDS = [
    "user_id",
    "user_name",
    "team_id",
    "team",
    "assistant_id",
    "assistant",
    "workflow_id",
    "workflow",
    "model",
]


def _with_room(field: str, value: object) -> dict[str, object]:
    """The parts (cached, reasoning) need a whole they can be part of."""
    return {"input_tokens": 10**9, "output_tokens": 10**9, field: value}


def test_an_event_needs_no_more_than_an_id_and_a_time() -> None:
    event = checked()
    assert isinstance(event, EventDraft)
    assert (event.kind_code, event.status_code, event.request, event.usage_known) == (
        Kind.CHAT, Status.SUCCESS, True, False,
    )  # fmt: skip


@pytest.mark.parametrize("absent", ["event_id", "occurred_at"])
def test_an_event_without_id_or_time_is_rejected(absent: str) -> None:
    event = draft({name: value for name, value in fields().items() if name != absent}, NOW)
    assert isinstance(event, Rejected)
    assert absent in event.reason


@pytest.mark.parametrize("value", [[], None, "text", 5, 1.5, True, {1: 2}])
def test_what_is_no_object_is_rejected(value: object) -> None:
    assert isinstance(draft(value, NOW), Rejected)  # type: ignore[arg-type]


# --- Tokens -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", TOKEN_FIELDS)
@pytest.mark.parametrize("value", [0, 1, 10**9])
def test_tokens_are_whole_numbers_from_zero_to_a_billion(field: str, value: int) -> None:
    assert getattr(good(**_with_room(field, value)), field) == value


@pytest.mark.parametrize("field", TOKEN_FIELDS)
@pytest.mark.parametrize(
    "value", [-1, 10**9 + 1, 2**63, 10**40, 1.0, 1.5, float("nan"), float("inf"), True, "5", "", [], {}]
)
def test_nothing_else_is_a_number_of_tokens(field: str, value: object) -> None:
    assert field in reason(**_with_room(field, value))


def test_cached_and_reasoning_tokens_are_part_of_their_whole() -> None:
    assert good(input_tokens=5, cached_tokens=5, output_tokens=7, reasoning_tokens=7).usage_known
    assert "cached_tokens" in reason(input_tokens=5, cached_tokens=6)
    assert "reasoning_tokens" in reason(output_tokens=7, reasoning_tokens=8)
    assert "cached_tokens" in reason(cached_tokens=1)


@pytest.mark.parametrize(
    ("given", "known"),
    [({}, False), ({"input_tokens": None}, False), ({"input_tokens": 0}, True), ({"output_tokens": 0}, True)],
)
def test_usage_is_known_if_either_number_was_reported(given: dict[str, int], known: bool) -> None:
    assert good(**given).usage_known is known


# --- Text ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", [*TEXT_FIELDS, "event_id"])
@pytest.mark.parametrize(
    "value", ["a", "a" * 200, "ü" * 200, "𝒳" * 200, "研究開発部", "'; DROP TABLE person; --", "<b>"]
)
def test_text_of_up_to_200_characters_is_taken_as_it_is(field: str, value: str) -> None:
    assert getattr(good(**{field: value}), field) == value


@pytest.mark.parametrize("field", [*TEXT_FIELDS, "event_id"])
@pytest.mark.parametrize(
    "value", ["a" * 201, "a\x00b", "a\nb", "\x1b[31m", "\x7f", "\x85", "\ud800", "a\udfffb", 5, 1.5, True, [], {}]
)
def test_no_other_text(field: str, value: object) -> None:
    assert field in reason(**{field: value})


def test_an_event_id_is_not_empty() -> None:
    assert "event_id" in reason(event_id="")


@pytest.mark.parametrize("value", ["ada@example.com", "ADA@Example.COM", "jürgen@müller.example", "a@b"])
def test_emails(value: str) -> None:
    assert good(email=value).email == value


@pytest.mark.parametrize(
    "value",
    [
        "", "ada", "@", "a@", "@b", "a b@c", "a@b c", "a@b\n", "a@b@c", "a\x00@b", "\ud800@b",
        "a" * 250 + "@b.cd",  # 255 characters
        "ﷺ" * 20 + "@b.cd",  # 26 characters, but 365 in the form in which addresses are stored
        "a＠b@c",  # two @ in that form
        5,
    ],
)  # fmt: skip
def test_what_is_no_email(value: object) -> None:
    assert "email" in reason(email=value)


# --- Times --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["occurred_at", "received_at"])
@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2000-01-01T00:00:00Z", dt.datetime(2000, 1, 1, tzinfo=dt.UTC)),
        ("2000-01-01T05:45:00+05:45", dt.datetime(2000, 1, 1, tzinfo=dt.UTC)),
        ("2024-02-29T23:59:59.999999-12:00", dt.datetime(2024, 3, 1, 11, 59, 59, 999999, tzinfo=dt.UTC)),
        ((NOW + dt.timedelta(minutes=10)).isoformat(), NOW + dt.timedelta(minutes=10)),
    ],
)
def test_times_from_2000_to_ten_minutes_from_now(field: str, value: str, instant: dt.datetime) -> None:
    assert getattr(checked(**{field: value}), field) == instant


@pytest.mark.parametrize("field", ["occurred_at", "received_at"])
@pytest.mark.parametrize(
    "value",
    [
        "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00+00:01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", (NOW + dt.timedelta(minutes=10, seconds=1)).isoformat(),
        "2026-03-01T10:00:00", "2026-03-01", "2026-02-30T10:00:00Z", "yesterday", "", 1_700_000_000, True, [], {},
    ],
)  # fmt: skip
def test_no_other_time(field: str, value: object) -> None:
    assert field in reason(**{field: value})


# --- The rest -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, Kind.CHAT),
        ({"assistant": "Helper"}, Kind.ASSISTANT),
        ({"assistant_id": "a-1"}, Kind.ASSISTANT),
        ({"workflow": "Digest"}, Kind.WORKFLOW),
        ({"assistant": "Helper", "workflow_id": "w-1"}, Kind.WORKFLOW),
        ({"assistant": "Helper", "kind": "chat"}, Kind.CHAT),
        ({"assistant": "", "workflow": ""}, Kind.CHAT),
    ],
)
def test_the_kind_is_what_the_event_says_or_names(given: dict[str, str], kind: Kind) -> None:
    assert good(**given).kind_code is kind


@pytest.mark.parametrize(
    ("field", "value"), [("kind", "Chat"), ("kind", ""), ("status", "ok"), ("status", 1), ("request", 1)]
)
def test_words_of_a_closed_set_are_taken_literally(field: str, value: object) -> None:
    assert field in reason(**{field: value})


@pytest.mark.parametrize("value", [0, 1, 10**12])
def test_latency_is_a_whole_number_of_milliseconds(value: int) -> None:
    assert good(latency_ms=value).latency_ms == value


@pytest.mark.parametrize("value", [-1, 10**12 + 1, 0.5, "3", True])
def test_no_other_latency(value: object) -> None:
    assert "latency_ms" in reason(latency_ms=value)


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in ("event_id", "occurred_at")])
def test_null_is_absent(field: str) -> None:
    assert checked(**{field: None}) == checked()


def test_prompts_and_answers_are_thrown_away_at_the_door() -> None:
    event = good(prompt="secret", messages=[{"role": "user", "content": "secret"}], completion={"deep": ["secret"]})
    assert "secret" not in repr(event)


@pytest.mark.parametrize("field", ["status", "kind", "occurred_at", "email"])
def test_a_reason_can_be_sent_back_whatever_it_quotes(field: str) -> None:
    said = reason(**{field: "\ud800\x00" + "x" * 100_000})
    assert said.encode("utf-8").isascii() or said.isprintable()
    assert len(said) < 500


def test_no_reason_can_cost_a_whole_batch() -> None:
    said = Rejected("event \x00 \ud800 " + "x" * 1_000).reason
    assert said.startswith("event \ufffd \ufffd xxx")
    assert len(said) == MAX_REASON


# --- From files ---------------------------------------------------------------------------------------------------
def test_text_from_a_file_is_read_as_what_it_means() -> None:
    event = draft(
        fields(input_tokens="12", latency_ms="3", request="false", user_id="007", team="null"), NOW, from_text=True
    )
    assert isinstance(event, EventDraft)
    assert (event.input_tokens, event.latency_ms, event.request, event.user_id, event.team) == (
        12,
        3,
        False,
        "007",
        "null",
    )


@pytest.mark.parametrize("value", ["1,234", "12 tokens", "-1", "1.5", "0x10", "١٢", "1000000001"])
def test_what_is_no_number_in_a_file_is_rejected(value: str) -> None:
    assert isinstance(draft(fields(input_tokens=value), NOW, from_text=True), Rejected)


# --- The key ------------------------------------------------------------------------------------------------------
def test_the_key_is_that_of_source_and_id() -> None:
    assert event_key("a", "1") == event_key("a", "1")
    keys = [event_key(*pair) for pair in (("a", "1"), ("b", "1"), ("a", "2"), ("a1", ""), ("", "a1"))]
    assert len(set(keys)) == len(keys)

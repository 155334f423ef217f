"""LiteLLM's callback, today's payload and the old one: what a call becomes, and what is wrong where it cannot."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest import litellm_v1
from analytics.ingest.decoding import Undecodable
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.litellm import decode
from tests.analytics.ingest.captures import EXPECTED, LITELLM, SENT_AT, drafts, summary
from tests.analytics.streams import examples
from tests.cast import NOW

START = NOW.timestamp() - 60


def call(**given: Any) -> dict[str, Any]:
    """A call as LiteLLM tells of it, as far as it is read; `metadata` is added to."""
    metadata = {"user_api_key_hash": "c0ffee", "user_api_key_user_id": "ada", **given.pop("metadata", {})}
    return {
        "id": "chatcmpl-1",
        "litellm_call_id": "call-1",
        "call_type": "acompletion",
        "status": "success",
        "startTime": START,
        "endTime": START + 1.5,
        "response_time": 0.25,
        "model": "openai/gpt-4o",
        "model_group": "gpt-4o",
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "request_tags": [],
        "messages": [{"role": "user", "content": "secret"}],
        "response": {"choices": [{"message": {"content": "secret"}}]},
        "metadata": metadata,
        **given,
    }


def read(*calls: Any) -> list[EventDraft | Rejected]:
    return decode(json.dumps(calls).encode(), NOW)


def good(**given: Any) -> EventDraft:
    (event,) = read(call(**given))
    assert isinstance(event, EventDraft), event
    return event


def reason(**given: Any) -> str:
    (event,) = read(call(**given))
    assert isinstance(event, Rejected), event
    return event.reason


# --- What a proxy sent --------------------------------------------------------------------------------------------
def test_the_recorded_batch_counts_to_what_it_must() -> None:
    events = drafts(decode(LITELLM, SENT_AT))
    expected = dict(EXPECTED["litellm_proxy_batch"]["wire"])
    for apart in ("cache_hits", "input_tokens_without_cache_hits", "output_tokens_without_cache_hits"):
        expected.pop(apart)
    assert summary(events) == expected
    assert len({event.event_id for event in events}) == 13


def test_the_recorded_batch_as_lines_and_one_by_one_is_the_same() -> None:
    calls = json.loads(LITELLM)
    whole = decode(LITELLM, SENT_AT)
    assert decode("\n".join(map(json.dumps, calls)).encode(), SENT_AT) == whole
    assert [event for one in calls for event in decode(json.dumps(one).encode(), SENT_AT)] == whole


def test_in_the_recorded_batch_embeddings_are_no_requests_and_failures_have_no_usage() -> None:
    events = drafts(decode(LITELLM, SENT_AT))
    assert [event.model for event in events if not event.request] == ["text-embedding-3-small"]
    assert all(event.usage_known == (event.status == "success") for event in events)


# --- Fields -------------------------------------------------------------------------------------------------------
def test_every_field_of_a_call() -> None:
    event = good(
        metadata={
            "user_api_key_user_email": "ada@example.com",
            "user_api_key_team_id": "t-1",
            "user_api_key_team_alias": "Legal",
            "usage_object": {
                "prompt_tokens_details": {"cached_tokens": 10},
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
        },
        request_tags=["User-Agent: x", "assistant:contract-review"],
    )
    assert event == EventDraft(
        event_id="call-1",
        occurred_at=NOW - dt.timedelta(minutes=1),
        user_id="ada",
        email="ada@example.com",
        team_id="t-1",
        team="Legal",
        assistant="contract-review",
        model="gpt-4o",
        input_tokens=30,
        cached_tokens=10,
        output_tokens=12,
        reasoning_tokens=4,
        latency_ms=1500,
    )


def test_prompts_and_answers_are_thrown_away_while_parsing() -> None:
    assert "secret" not in repr(good())


@pytest.mark.parametrize(
    ("given", "event_id"),
    [({}, "call-1"), ({"litellm_call_id": None}, "chatcmpl-1"), ({"id": "chatcmpl-1_cache_hit1"}, "call-1")],
)
def test_the_call_id_is_the_identity(given: dict[str, Any], event_id: str) -> None:
    assert good(**given).event_id == event_id


@pytest.mark.parametrize(
    ("given", "person"),
    [
        ({"end_user": "customer-7"}, "ada"),
        ({"end_user": "customer-7", "metadata": {"user_api_key_user_id": None}}, None),
        ({"metadata": {"user_api_key_user_id": "default_user_id"}}, None),
        ({"model_parameters": {"user": "bob"}}, "ada"),
        ({"model_parameters": {"user": "bob"}, "metadata": {"user_api_key_user_id": None}}, None),
        # The SDK inside an application: no key, so the request's user is whom the application names.
        (
            {
                "model_parameters": {"user": "bob"},
                "metadata": {"user_api_key_user_id": None, "user_api_key_hash": None},
            },
            "bob",
        ),
    ],
)
def test_the_person_is_who_the_key_belongs_to(given: dict[str, Any], person: str | None) -> None:
    assert good(**given).user_id == person


CALLER = {"assistant_id": 7, "assistant": "From metadata", "workflow": "nightly"}
HEADERS = {"x-assistant": "From header", "x-workflow-id": "w-9"}


@pytest.mark.parametrize(
    ("tags", "caller", "headers", "names"),
    [
        (["assistant:A", "assistant:B"], CALLER, HEADERS, ("A", None, None, None)),
        (["workflow: digest "], CALLER, HEADERS, (None, None, "digest", None)),
        (["Assistant:A", "workflow:W"], None, None, ("A", None, "W", None)),
        (["assistant:"], CALLER, HEADERS, ("From metadata", "7", "nightly", None)),
        ([], {"other": {"deep": [1]}}, HEADERS, ("From header", None, None, "w-9")),
        (["a", ":", "x:assistant:A"], {}, {}, (None, None, None, None)),
    ],
)
def test_assistant_and_workflow_are_what_the_first_place_says(
    tags: list[str], caller: Any, headers: Any, names: tuple[str | None, ...]
) -> None:
    event = good(request_tags=tags, metadata={"requester_metadata": caller, "requester_custom_headers": headers})
    assert (event.assistant, event.assistant_id, event.workflow, event.workflow_id) == names


@pytest.mark.parametrize(
    "call_type",
    ["completion", "acompletion", "atext_completion", "aresponses", "anthropic_messages", "agenerate_content",
     "aimage_generation", "atranscription", "aspeech", "_arealtime", "arun_thread", "asend_message", "", None,
     "allm_passthrough_route", "pass_through_endpoint", "acreate_video", "something_new"],
)  # fmt: skip
def test_what_answers_somebody_is_a_request(call_type: str | None) -> None:
    assert good(call_type=call_type).request


@pytest.mark.parametrize(
    "given",
    [
        *({"call_type": kind} for kind in (
            "aembedding", "embedding", "amoderation", "arerank", "asearch", "avector_store_search", "aget_responses",
            "acreate_file", "acreate_batch", "alist_input_items", "call_mcp_tool", "aocr", "avideo_content",
        )),
        {"request_tags": ["request:false"]},
        {"request_tags": ["task:title_generation"]},
        {"request_tags": ["litellm-internal-health-check"]},
        {"metadata": {"requester_metadata": {"request": False}}},
        {"metadata": {"requester_metadata": {"request": "False"}}},
        {"metadata": {"requester_metadata": {"task": "follow_up_generation"}}},
        {"metadata": {"requester_custom_headers": {"x-request": "false"}}},
        {"metadata": {"is_silent_experiment": True}},
    ],
)  # fmt: skip
def test_helpers_of_an_answer_add_tokens_and_no_request(given: dict[str, Any]) -> None:
    event = good(**given)
    assert not event.request
    assert (event.input_tokens, event.output_tokens) == (30, 12)


@pytest.mark.parametrize("caller", [{"request": True, "task": "translate"}, {"request": [1], "task": {"a": None}}])
def test_other_marks_of_a_caller_mean_nothing(caller: dict[str, Any]) -> None:
    assert good(metadata={"requester_metadata": caller}).request


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({}, (30, 0)),
        ({"prompt_tokens_details": {"cached_tokens": 20}}, (30, 20)),
        # Anthropic's own fields beside a sum that has them, and beside one that has not (LiteLLM before 2025).
        ({"cache_read_input_tokens": 20, "cache_creation_input_tokens": 10}, (30, 20)),
        ({"cache_read_input_tokens": 500, "cache_creation_input_tokens": 10}, (540, 500)),
        ({"cache_read_input_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}}, (30, 0)),
    ],
)
def test_cached_tokens_are_part_of_the_input(usage: dict[str, Any], counted: tuple[int, int]) -> None:
    event = good(metadata={"usage_object": usage})
    assert (event.input_tokens, event.cached_tokens) == counted


def test_a_stream_without_usage_is_without_usage() -> None:
    assert not good(prompt_tokens=0, completion_tokens=0).usage_known


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"status": "failure", "error_information": {"error_code": "429"}}, "error"),
        ({"status": "failure", "error_information": None}, "error"),
        ({"status": "failure", "error_information": {"error_code": "499"}}, "cancelled"),
        ({"status": None}, "success"),
    ],
)
def test_how_a_call_ended(given: dict[str, Any], status: str) -> None:
    assert good(**given).status == status


@pytest.mark.parametrize(
    ("given", "latency_ms"),
    [
        ({"endTime": None}, 250),
        ({"endTime": START - 1}, None),  # the clock was set meanwhile
        ({"endTime": 1e300}, None),
        ({"endTime": None, "response_time": None}, None),
    ],
)
def test_latency_is_to_the_end_of_the_answer(given: dict[str, Any], latency_ms: int | None) -> None:
    assert good(**given).latency_ms == latency_ms


# --- What is wrong ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"startTime": None}, "startTime is missing"),
        ({"startTime": "yesterday"}, "startTime is missing"),
        ({"startTime": 1e300}, "startTime 1e+300 is no time"),
        ({"startTime": START + 3600}, "startTime 2026-03-15T11:29:00+00:00 is not between"),
        ({"startTime": True}, "startTime: Expected"),
        ({"litellm_call_id": "", "id": ""}, "litellm_call_id: Expected `str` of length >= 1"),
        ({"litellm_call_id": 5}, "litellm_call_id: Expected `str"),
        ({"status": "pending"}, "status: Invalid enum value"),
        ({"prompt_tokens": -1}, "prompt_tokens: Expected `int` >= 0"),
        ({"prompt_tokens": 10**9 + 1}, "prompt_tokens: Expected `int` <= 1000000000"),
        ({"prompt_tokens": 10**40}, "prompt_tokens: "),
        ({"prompt_tokens": 1.5}, "prompt_tokens: Expected `int"),
        ({"model_group": "x" * 201}, "model_group or model: Expected `str` of length <= 200"),
        ({"metadata": {"user_api_key_user_id": "x" * 201}}, "metadata.user_api_key_user_id: Expected `str` of length"),
        ({"metadata": {"user_api_key_user_id": 5}}, "metadata.user_api_key_user_id: Expected `str"),
        ({"metadata": {"user_api_key_user_id": "a\nb"}}, "metadata.user_api_key_user_id contains control characters"),
        ({"metadata": {"user_api_key_user_id": "\ud800"}}, "metadata.user_api_key_user_id contains control characters"),
        ({"metadata": {"user_api_key_user_email": "nobody"}}, "metadata.user_api_key_user_email: Expected"),
        ({"metadata": {"requester_metadata": {"workflow": {}}}}, "metadata.requester_metadata.workflow: Expected"),
        ({"request_tags": "assistant:A"}, "request_tags is no list of texts"),
        ({"request_tags": ["a", 5]}, "request_tags is no list of texts"),
        ({"request_tags": ["x" * 20_000]}, "request_tags is longer than"),
        ({"request_tags": ["assistant:" + "x" * 201]}, "the assistant named by request_tags"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_senders_words(given: dict[str, Any], said: str) -> None:
    assert reason(**given).startswith(said)


@pytest.mark.parametrize("bad", [None, 5, "text", [], {"startTime": {}}, {"litellm_call_id": "\ud800", "startTime": 1}])
def test_one_bad_call_is_rejected_alone(bad: Any) -> None:
    first, middle, last = read(call(), bad, call(litellm_call_id="call-2"))
    assert isinstance(first, EventDraft)
    assert isinstance(middle, Rejected)
    assert isinstance(last, EventDraft)


def test_a_batch_of_lines_may_begin_with_a_broken_one_or_null() -> None:
    for broken in (b'{"id": "a', b"null"):
        first, second = decode(broken + b"\n" + json.dumps(call()).encode(), NOW)
        assert isinstance(first, Rejected)
        assert isinstance(second, EventDraft)


def test_half_a_character_and_nan_in_a_prompt_cost_nothing() -> None:
    told = call(messages=["half a \ud83d", float("nan")], response_cost=float("inf"))
    assert len(drafts(read(told, call(litellm_call_id="call-2")))) == 2


@pytest.mark.parametrize("body", [b"", b"hello", b"[", b'[{"id": "a"}', b"[" * 100_000, b'{"a":' * 100_000])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(body, NOW)


# --- Any JSON -----------------------------------------------------------------------------------------------------
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters()) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = [
    *((name,) for name in call()),
    ("error_information",), ("model_parameters",), ("model_parameters", "user"), ("usage",), ("user",),
    *(("metadata", name) for name in (
        "user_api_key_hash", "user_api_key_user_id", "user_api_key_user_email", "user_api_key_team_id",
        "user_api_key_team_alias", "requester_metadata", "requester_custom_headers", "usage_object",
    )),
    *(("metadata", "requester_metadata", name) for name in ("assistant_id", "workflow", "request", "task")),
    *(("metadata", "requester_custom_headers", name) for name in ("x-assistant", "x-request")),
    *(("metadata", "usage_object", name) for name in ("prompt_tokens_details", "cache_read_input_tokens")),
    ("metadata", "usage_object", "prompt_tokens_details", "cached_tokens"),
    ("metadata", "usage_object", "completion_tokens_details", "reasoning_tokens"),
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(PATHS), anything), min_size=1, max_size=3))
@examples(300)
def test_any_json_in_any_field_costs_at_most_its_own_call(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    odd = call()
    for path, value in changes:
        place: Any = odd
        for name in path[:-1]:
            inner = place.get(name)
            place[name] = inner if isinstance(inner, dict) else {}
            place = place[name]
        place[path[-1]] = value
    verdict, neighbour = read(odd, call(litellm_call_id="call-2"))
    assert isinstance(neighbour, EventDraft)
    assert isinstance(verdict, EventDraft) or verdict.reason.encode()


@given(st.binary(max_size=300))
@examples(200)
def test_any_bytes_are_calls_or_refused(body: bytes) -> None:
    try:
        found = decode(body, NOW)
    except Undecodable:
        return
    assert all(isinstance(event, EventDraft | Rejected) for event in found)


# --- The old payload ----------------------------------------------------------------------------------------------
def old(**given: Any) -> dict[str, Any]:
    """A call as `litellm.generic_api_use_v1` tells of it: every value is what Python prints for it."""
    metadata = given.pop("metadata", {"tags": ["assistant:contract-review", "it's"], "user_api_key_user_id": "ada"})
    told = {
        "id": "chatcmpl-1",
        "call_type": "acompletion",
        "cache_hit": None,
        "startTime": dt.datetime(2026, 3, 15, 10, 29, 0, 5),  # noqa: DTZ001  # as it is sent
        "endTime": dt.datetime(2026, 3, 15, 10, 29, 1, 5),  # noqa: DTZ001
        "model": "gpt-4o-mini",
        "user": "",
        "messages": [{"role": "user", "content": "'user_api_key_user_id': 'eve', prompt_tokens=99"}],
        "usage": "Usage(completion_tokens=20, prompt_tokens=10, total_tokens=30, completion_tokens_details="
        "CompletionTokensDetailsWrapper(reasoning_tokens=7), prompt_tokens_details="
        "PromptTokensDetailsWrapper(audio_tokens=None, cached_tokens=4))",
        "metadata": metadata,
        **given,
    }
    return {name: str(value) for name, value in told.items()}


def test_the_old_payload_is_read_from_what_python_prints() -> None:
    (event,) = read(old())
    assert event == EventDraft(
        event_id="chatcmpl-1 2026-03-15 10:29:00.000005",
        occurred_at=dt.datetime(2026, 3, 15, 10, 29, 0, 5, tzinfo=dt.UTC),
        user_id="ada",
        assistant="contract-review",
        model="gpt-4o-mini",
        input_tokens=10,
        cached_tokens=4,
        output_tokens=20,
        reasoning_tokens=7,
        latency_ms=1000,
    )


@pytest.mark.parametrize(
    ("marks", "is_request"),
    [
        ({"task": "title_generation"}, False),
        ({"request": False}, False),
        ({"request": "false"}, False),
        ({"request": True, "task": "translation"}, True),
        ({}, True),
    ],
)
def test_the_old_payload_tells_calls_that_nobody_asked_for(marks: dict[str, Any], is_request: bool) -> None:
    (event,) = drafts(read(old(metadata={"user_api_key_user_id": "ada", "requester_metadata": marks})))
    assert event.request is is_request


def test_of_printed_texts_only_so_much_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    one = old()
    monkeypatch.setattr(litellm_v1, "MAX_PRINTED", 2 * len(one["metadata"]) + 2 * len(one["usage"]))
    *looked_at, too_much = read(*(old(id=f"chatcmpl-{n}") for n in range(3)))
    assert [event.user_id for event in drafts(looked_at)] == ["ada", "ada"]
    assert isinstance(too_much, Rejected)
    assert too_much.reason.startswith("metadata and usage of the batch are longer than")


def test_the_old_payload_from_a_proxy() -> None:
    """Objects print as calls; what a caller writes into a text is no key."""

    class UserApiKeyAuth:
        def __repr__(self) -> str:
            return "UserAPIKeyAuth(user_api_key_user_id='eve', team={'user_api_key_team_id': 'evil'})"

    (event,) = read(
        old(
            metadata={
                "note": "', 'user_api_key_user_id': 'eve",
                "user_api_key_auth": UserApiKeyAuth(),
                "nested": {"user_api_key_user_id": "eve"},
                "user_api_key": "c0ffee",
                "user_api_key_user_id": 'O\'Hara \\ "研究"',
                "user_api_key_user_email": "o@example.com",
                "user_api_key_team_id": "t-1",
                "user_api_key_team_alias": None,
                "requester_metadata": {"workflow": "nightly", "deep": [{"workflow": "other"}]},
                "model_group": "gpt-4o",
            },
            usage={"prompt_tokens": 3, "completion_tokens": 5, "cache_read_input_tokens": 40},
            user="customer-7",
        )
    )
    assert isinstance(event, EventDraft), event
    assert (event.user_id, event.email, event.team_id, event.team, event.assistant, event.workflow, event.model) == (
        "O'Hara \\ \"研究\"", "o@example.com", "t-1", None, None, "nightly", "gpt-4o",
    )  # fmt: skip
    assert (event.input_tokens, event.cached_tokens, event.output_tokens) == (43, 40, 5)


@pytest.mark.parametrize("broken", ["startTime", "usage", "metadata"])
@given(text=st.text(alphabet="'\"\\[](){}:,=abuser_api_key\n\ud800 0123N", max_size=60))
@examples(60)
def test_the_old_payload_with_any_text_is_an_event_or_a_reason(broken: str, text: str) -> None:
    (event,) = read({**old(), broken: text})
    assert isinstance(event, EventDraft) or event.reason.encode()


def test_printed_text_of_many_brackets_is_read_in_time() -> None:
    (event,) = read({**old(), "metadata": "{'a': " + "[" * 100_000})
    assert isinstance(event, EventDraft)

"""LiteLLM's `generic_api` callback: what its proxy and its SDK say of each call, as events.

In: the body as LiteLLM posts it, a JSON array, one object, or one object a line (all called application/json). Out: a
draft or a rejection for each. Prompts and answers make up most of a body; they are skipped while parsing.

- **Identity** is `litellm_call_id`: `id` is the provider's, and changes where the answer came from LiteLLM's cache.
- **A cache hit counts** like any answer, with the tokens LiteLLM repeats for it: somebody asked and was answered.
  What it cost is another question.
- **Requests.** LiteLLM does not say which calls were made while answering another. So every call for an answer is a
  request unless the caller marks it: `request: false` in the request's metadata, as a tag (`request:false`) or as a
  header (`x-request: false`), or a `task` like `title_generation` in metadata or tags. `trace_id` is no help: it is
  the session, and a session holds many questions. Embeddings, moderation, searches and the proxy's own health checks
  are never requests.
- **The person** is who the key belongs to. `end_user` is a customer of that person, and nobody of the workspace. Where
  there is no key at all (the SDK inside an application), the request's `user` is whom the application names.
- **Assistant and workflow** are named by tags (`assistant:NAME`, `workflow:NAME`); where no tag names either, by the
  caller's metadata (`assistant_id`, `assistant`, `workflow_id`, `workflow`), else by headers (`x-assistant`, …).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from analytics.ingest.decoding import Decoder
from analytics.ingest.draft import MAX_LATENCY_MS, EventDraft, Rejected, draft
from analytics.ingest.litellm_payload import (
    Call,
    CallerHeaders,
    CallerMetadata,
    CompletionDetails,
    Metadata,
    Name,
    PromptDetails,
    Usage,
)
from analytics.ingest.litellm_v1 import Printed, TooMuchPrinted, is_old, modern
from analytics.ingest.tokens import counted

MAX_TAGS = 20_000  # bytes
PROXY_ITSELF = "default_user_id"  # whose calls are those with the master key: nobody's
HEALTH_CHECK = "litellm-internal-health-check"

# Calls that answer nobody: helpers of an answer, and reading and managing what earlier calls made.
_NO_REQUEST = re.compile(
    r"embedding|moderation|rerank|search|ocr|batch|file|vector_store|fine_tuning|container|sandbox|skill|mcp|ingest"
    r"|query|assistants|create_thread|add_message|client_secret|session|input_items|video_content|run_code"
    r"|code_interpreter|compact|retrieve|delete|cancel|get_|list_|_list"
)
_SYSTEM_TASK = re.compile(r"title|tags|emoji|follow_?up|autocomplete|query_generation|eval|judge|test|preview")
_THEIRS = {
    "event_id": "litellm_call_id",
    "occurred_at": "startTime",
    "user_id": "metadata.user_api_key_user_id",
    "email": "metadata.user_api_key_user_email",
    "team_id": "metadata.user_api_key_team_id",
    "team": "metadata.user_api_key_team_alias",
    "assistant": "the assistant named by request_tags, metadata or headers",
    "assistant_id": "metadata.requester_metadata.assistant_id",
    "workflow": "the workflow named by request_tags, metadata or headers",
    "workflow_id": "metadata.requester_metadata.workflow_id",
    "model": "model_group or model",
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "latency_ms": "endTime - startTime",
}
_ITEM_FIELDS = ("assistant_id", "assistant", "workflow_id", "workflow")
_FIRST_WORD = re.compile(r"^\w+")

_decoder = Decoder(Call, nullable=True)
_tags = msgspec.json.Decoder(list[str] | None)
_value = msgspec.json.Decoder(str | bool | None)


def decode(body: bytes, now: dt.datetime) -> list[EventDraft | Rejected]:
    """One draft or rejection an event, in order. Raises Undecodable."""
    printed = Printed()
    return [event if isinstance(event, Rejected) else _draft(event, now, printed) for event in _decoder.decode(body)]


def _draft(call: Call | None, now: dt.datetime, printed: Printed) -> EventDraft | Rejected:
    if call is None:
        return Rejected("null: LiteLLM could not tell of this call")
    try:
        event = draft(_fields(modern(call, printed) if is_old(call) else call), now)
    except (_Unusable, TooMuchPrinted) as fault:
        return Rejected(str(fault))
    if isinstance(event, Rejected):
        return Rejected(_FIRST_WORD.sub(lambda word: _THEIRS.get(word[0], word[0]), event.reason))
    return event


class _Unusable(Exception):  # noqa: N818  # a verdict
    """A field that cannot be read; becomes the event's rejection."""


def _fields(call: Call) -> dict[str, Any]:
    metadata = call.metadata if isinstance(call.metadata, Metadata) else Metadata()
    caller = metadata.requester_metadata or CallerMetadata()
    tags = _tag_texts(call.request_tags)
    named = _named(tags, caller, metadata.requester_custom_headers or CallerHeaders())
    return {
        "event_id": call.litellm_call_id or call.id or "",
        "occurred_at": _instant(call.startTime),
        "user_id": _person(call, metadata),
        "email": metadata.user_api_key_user_email or None,
        "team_id": metadata.user_api_key_team_id or None,
        "team": metadata.user_api_key_team_alias or None,
        **named,
        "model": call.model_group or call.model or "",
        "request": _is_request(call, metadata, tags),
        **_tokens(call, metadata.usage_object or Usage()).fields(),
        "status": _status(call),
        "latency_ms": _latency_ms(call),
    }


def _tag_texts(raw: msgspec.Raw) -> list[str]:
    text = bytes(raw)
    if not text:
        return []
    if len(text) > MAX_TAGS:
        raise _Unusable(f"request_tags is longer than {MAX_TAGS:,} bytes")
    try:
        return _tags.decode(text) or []
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _Unusable("request_tags is no list of texts") from error


def _named(tags: Iterable[str], caller: CallerMetadata, headers: CallerHeaders) -> dict[str, str | None]:
    """Assistant and workflow as the first place says that names either."""
    tagged = dict(_pairs(tags))
    if tagged.get("assistant") or tagged.get("workflow"):
        return {name: tagged.get(name) or None for name in ("assistant", "workflow")}
    for place in (caller, headers):
        named = {name: _text(getattr(place, name)) for name in _ITEM_FIELDS}
        if any(named.values()):
            return named
    return {}


def _pairs(tags: Iterable[str]) -> list[tuple[str, str]]:
    """Tags that say something of a kind, the last first: in a dict the first tag of its kind wins."""
    split = (tag.partition(":") for tag in tags)
    return [(kind.strip().lower(), text.strip()) for kind, colon, text in split if colon][::-1]


def _text(value: Name) -> str | None:
    return None if value is None or value == "" else str(value)


def _person(call: Call, metadata: Metadata) -> str | None:
    if metadata.user_api_key_user_id == PROXY_ITSELF:
        return None
    if metadata.user_api_key_user_id or metadata.user_api_key_hash:
        return metadata.user_api_key_user_id or None
    return _text(call.model_parameters.user) if call.model_parameters else None


def _is_request(call: Call, metadata: Metadata, tags: list[str]) -> bool:
    kind = call.call_type or ""
    if _NO_REQUEST.search(kind) or metadata.is_silent_experiment or HEALTH_CHECK in tags:
        return False
    caller = metadata.requester_metadata or CallerMetadata()
    headers = metadata.requester_custom_headers or CallerHeaders()
    marks = dict(_pairs(tags))
    said = (_mark(caller.request), headers.request, marks.get("request"))
    tasks = (_mark(caller.task), marks.get("task"))
    return not any(_is_no(mark) for mark in said) and not any(
        isinstance(task, str) and _SYSTEM_TASK.search(task.lower()) for task in tasks
    )


def _mark(raw: msgspec.Raw) -> str | bool | None:
    """The caller's mark; None where it is nothing of ours."""
    try:
        return _value.decode(raw) if 0 < len(bytes(raw)) <= MAX_TAGS else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _is_no(mark: str | bool | None) -> bool:
    return mark is False or (isinstance(mark, str) and mark.strip().lower() == "false")


def _tokens(call: Call, usage: Usage) -> Any:
    """LiteLLM adds Anthropic's cached tokens to `prompt_tokens` (its `AnthropicConfig.calculate_usage`), and keeps
    Anthropic's own fields beside; releases before 2025 did not add them. `counted` sees which."""
    prompt = usage.prompt_tokens_details or PromptDetails()
    completion = usage.completion_tokens_details or CompletionDetails()
    return counted(
        call.prompt_tokens or usage.prompt_tokens,
        call.completion_tokens or usage.completion_tokens,
        cache_read=usage.cache_read_input_tokens or prompt.cached_tokens or 0,
        cache_write=(
            usage.cache_creation_input_tokens or prompt.cache_creation_tokens or prompt.cache_write_tokens or 0
        ),
        reasoning=completion.reasoning_tokens or 0,
    )


def _status(call: Call) -> str:
    if call.status != "failure":
        return "success"
    # 499 is how LiteLLM tells of a client that went away.
    return "cancelled" if call.error_information and str(call.error_information.error_code) == "499" else "error"


def _instant(seconds: float | str | None) -> dt.datetime:
    if not isinstance(seconds, int | float):
        raise _Unusable("startTime is missing")
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _Unusable(f"startTime {seconds!r} is no time") from error


def _latency_ms(call: Call) -> int | None:
    """To the end of the answer. `response_time` of a stream is that of its first token: only where there is no end."""
    seconds = call.response_time
    if isinstance(call.endTime, int | float) and isinstance(call.startTime, int | float):
        seconds = call.endTime - call.startTime
    if seconds is None or not 0 <= seconds * 1000 <= MAX_LATENCY_MS:  # a clock was set meanwhile
        return None
    return round(seconds * 1000)

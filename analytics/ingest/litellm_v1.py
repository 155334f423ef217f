"""LiteLLM's old payload (`litellm.generic_api_use_v1`): every value is the text that Python prints for it.

In: a call whose times, usage and metadata are texts. Out: the same call in the terms of today's payload.

There is no call id, so the provider's id and the start time make one. Times have no offset; they are taken for UTC,
which is what containers run in. Failed calls are not in this payload at all.
"""

from __future__ import annotations

import ast
import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from analytics.ingest.litellm_payload import Call, CallerMetadata, Metadata, Parameters, Usage

MAX_TEXT = 200_000  # characters that are looked at of one text
MAX_PRINTED = 5_000_000  # of all texts of one request; 512 calls of ten thousand each
MAX_DEPTH = 50

# What Python prints for values: texts, and the brackets and colons between them. A text without an end is the rest.
# Of words only False tells something: a call that its caller marks as no request.
_PIECE = re.compile(
    r"""'(?:[^'\\]++|\\.)*+(?:'|\\?\Z)|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\](){}:,]|\bFalse\b""", re.DOTALL
)
_OPENING, _CLOSING = frozenset("[({"), frozenset("])}")
_MARKS = _OPENING | _CLOSING | {":", ","}

_NUMBER = re.compile(
    r"(?<!\w)(prompt_tokens|completion_tokens|cache_read_input_tokens|cache_creation_input_tokens|cached_tokens"
    r"|reasoning_tokens)['\"]?\s*[=:]\s*(\d{1,12})\b"
)

Path = tuple[str, ...]
_NOBODY = "None"  # the payload's user is what Python prints of it


class TooMuchPrinted(ValueError):  # noqa: N818  # a verdict
    """Each piece of a printed text is a step of Python's."""


class Printed:
    """How much of printed texts is still looked at in one request."""

    def __init__(self) -> None:
        self._left = MAX_PRINTED

    def part(self, text: str) -> str:
        """Of the text what is looked at. Raises TooMuchPrinted."""
        part = text[:MAX_TEXT]
        self._left -= len(part)
        if self._left < 0:
            raise TooMuchPrinted(f"metadata and usage of the batch are longer than {MAX_PRINTED:,} characters")
        return part


def is_old(call: Call) -> bool:
    return isinstance(call.startTime, str) or isinstance(call.metadata, str)


def modern(call: Call, printed: Printed) -> Call:
    """The call in today's terms. Raises TooMuchPrinted."""
    texts = _texts(printed.part(call.metadata)) if isinstance(call.metadata, str) else {}
    return msgspec.structs.replace(
        call,
        litellm_call_id=f"{call.id or ''} {call.startTime}",
        startTime=_seconds(call.startTime),
        endTime=_seconds(call.endTime),
        model_group=_first(texts, "model_group"),
        request_tags=_raw(texts.get(("tags",), [])),
        metadata=_metadata(texts, printed.part(call.usage or "")),
        model_parameters=Parameters(user=None if call.user == _NOBODY else call.user),
    )


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def _seconds(text: float | str | None) -> float | None:
    if not isinstance(text, str):
        return text
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def _metadata(texts: dict[Path, list[str]], usage: str) -> Metadata:
    caller = "requester_metadata"
    return Metadata(
        user_api_key_hash=_first(texts, "user_api_key_hash") or _first(texts, "user_api_key"),
        user_api_key_user_id=_first(texts, "user_api_key_user_id"),
        user_api_key_user_email=_first(texts, "user_api_key_user_email"),
        user_api_key_team_id=_first(texts, "user_api_key_team_id"),
        user_api_key_team_alias=_first(texts, "user_api_key_team_alias"),
        requester_metadata=CallerMetadata(
            assistant_id=_first(texts, caller, "assistant_id"),
            assistant=_first(texts, caller, "assistant"),
            workflow_id=_first(texts, caller, "workflow_id"),
            workflow=_first(texts, caller, "workflow"),
            request=_raw(_first(texts, caller, "request")),
            task=_raw(_first(texts, caller, "task")),
        ),
        usage_object=_usage(usage),
    )


def _usage(text: str) -> Usage:
    numbers: dict[str, int | None] = {}
    for name, number in _NUMBER.findall(text):
        numbers.setdefault(name, int(number))
    cached, reasoning = numbers.pop("cached_tokens", None), numbers.pop("reasoning_tokens", None)
    return msgspec.convert(
        {
            **numbers,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
        Usage,
    )


def _first(texts: dict[Path, list[str]], *path: str) -> str | None:
    return next(iter(texts.get(path, ())), None)


# --- What Python prints -------------------------------------------------------------------------------------------
def _texts(printed: str) -> dict[Path, list[str]]:
    """The texts inside a printed dict by the keys that lead to them; objects in it have keys that no one asks for.

    Read piece by piece, so that a text that looks like a key inside another text is not taken for one.
    """
    found: dict[Path, list[str]] = defaultdict(list)
    for path, text in _walk(printed):
        found[path].append(text)
    return found


def _walk(printed: str) -> Iterator[tuple[Path, str]]:
    around: list[list[str]] = []  # the brackets around, each with the key of the place inside it
    text: str | None = None
    for piece in _PIECE.findall(printed):
        if piece not in _MARKS:
            text = "false" if piece == "False" else _literal(piece)
            continue
        if text is not None and piece != ":":
            yield _path(around), text
        if piece in _OPENING:
            around.append([piece, ""])
            if len(around) > MAX_DEPTH:
                return
        elif around and piece in _CLOSING:
            around.pop()
        elif around and piece == ":":
            around[-1][1] = text or ""
        text = None


def _path(around: Sequence[Sequence[str]]) -> Path:
    """The keys on the way; a list has none of its own."""
    return tuple(key for bracket, key in around if bracket != "[")


def _literal(token: str) -> str | None:
    try:
        text = ast.literal_eval(token)
    except (ValueError, SyntaxError):
        return None
    return text if isinstance(text, str) else None

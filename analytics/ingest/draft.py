"""What an event says, before anything is looked up: decoded, checked, and named by text.

In: a mapping of fields (strings when read from a file). Out: an `EventDraft`, or `Rejected` with the reason.
The rules are those of the database's own checks, so that what passes here can be stored and read back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from analytics.masking import masked
from analytics.models.events import EARLIEST, MAX_TOKENS, Kind, Status
from analytics.models.keys import MAX_REASON
from usermgmt.models import normalize_email

CLOCK_SKEW = dt.timedelta(minutes=10)
MAX_EMAIL = 254
MAX_LATENCY_MS = 10**12
EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+$"
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Text = Annotated[str, Meta(max_length=200)]
Email = Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN)]
Tokens = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Instant = Annotated[dt.datetime, Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why one event cannot be counted. Its neighbours are.

    A reason may quote the event. It is stored and sent back, so whatever is quoted, it is printable and of bounded
    length: else one bad event would take its whole batch with it. And it holds no key.
    """

    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", _printable(self.reason))


def _printable(text: str) -> str:
    return masked(_FORBIDDEN.sub("\ufffd", text))[:MAX_REASON]


class EventDraft(msgspec.Struct, kw_only=True, gc=False):
    """One event as its sender names things. `*_id` is the sender's own id, the bare name is for people to read.

    Without `kind`: a workflow run if it names a workflow, else a message to an assistant if it names one, else chat.
    Without `input_tokens` and `output_tokens` the call's usage is unknown. `request` is false for calls that nobody
    asked for on their own: titles, embeddings, evaluations, extra model calls, test runs.
    """

    event_id: Annotated[str, Meta(min_length=1, max_length=200)]
    occurred_at: Instant
    received_at: Instant | None = None
    user_id: Text | None = None
    email: Email | None = None
    user_name: Text | None = None
    team_id: Text | None = None
    team: Text | None = None
    kind: Literal["chat", "assistant", "workflow"] | None = None
    assistant_id: Text | None = None
    assistant: Text | None = None
    workflow_id: Text | None = None
    workflow: Text | None = None
    model: Text = ""
    request: bool = True
    input_tokens: Tokens | None = None
    cached_tokens: Tokens = 0
    output_tokens: Tokens | None = None
    reasoning_tokens: Tokens = 0
    status: Literal["success", "error", "cancelled"] = "success"
    latency_ms: Annotated[int, Meta(ge=0, le=MAX_LATENCY_MS)] | None = None

    @property
    def kind_code(self) -> Kind:
        kind = self.kind or (
            "workflow"
            if self.workflow_id or self.workflow
            else "assistant"
            if self.assistant_id or self.assistant
            else "chat"
        )
        return _KINDS[kind]

    @property
    def status_code(self) -> Status:
        return _STATUSES[self.status]

    @property
    def usage_known(self) -> bool:
        return self.input_tokens is not None or self.output_tokens is not None


FIELDS = EventDraft.__struct_fields__
TEXT_FIELDS = (
    "event_id", "user_id", "email", "user_name", "team_id", "team",
    "assistant_id", "assistant", "workflow_id", "workflow", "model",
)  # fmt: skip
_texts: Callable[[EventDraft], tuple[str | None, ...]] = attrgetter(*TEXT_FIELDS)
_KINDS = {kind.label: kind for kind in Kind}
_STATUSES = {status.label: status for status in Status}


def draft(fields: Mapping[str, Any], now: dt.datetime, *, from_text: bool = False) -> EventDraft | Rejected:
    """The draft of one event, or why not. `from_text`: every value is a string, as files have it."""
    try:
        event = msgspec.convert(fields, EventDraft, strict=not from_text)
    except (msgspec.ValidationError, UnicodeError) as error:
        if isinstance(fields, Mapping) and None in fields.values():  # null is absent; it is rare, so it pays here
            return draft({n: v for n, v in fields.items() if v is not None}, now, from_text=from_text)
        return Rejected(reason(error, fields))
    return checked(event, now)


def checked(event: EventDraft, now: dt.datetime) -> EventDraft | Rejected:
    """The event if what its types cannot say is right as well, or why not."""
    fault = problem(event, now)
    return Rejected(fault) if fault else event


def problem(event: EventDraft, now: dt.datetime) -> str | None:
    """What the types alone cannot say, or None."""
    if not EARLIEST <= event.occurred_at <= now + CLOCK_SKEW:
        return f"occurred_at {event.occurred_at.isoformat()} is not between 2000-01-01 and ten minutes from now"
    if event.received_at is not None and not EARLIEST <= event.received_at <= now + CLOCK_SKEW:
        return f"received_at {event.received_at.isoformat()} is not between 2000-01-01 and ten minutes from now"
    if event.cached_tokens > (event.input_tokens or 0):
        return "cached_tokens is part of input_tokens and cannot be larger"
    if event.reasoning_tokens > (event.output_tokens or 0):
        return "reasoning_tokens is part of output_tokens and cannot be larger"
    return _text_problem(event)


def _text_problem(event: EventDraft) -> str | None:
    texts = _texts(event)
    together = "".join([text for text in texts if text])
    if together.isascii() and together.isprintable():  # nearly always, and much faster than one by one
        return None
    for name, text in zip(TEXT_FIELDS, texts, strict=True):
        if text and _FORBIDDEN.search(text):
            return f"{name} contains control characters"
    # Addresses are stored in a form that may be longer, or none.
    if event.email and not event.email.isascii() and not _is_email(normalize_email(event.email)):
        return "email is no address that can be stored"
    return None


def _is_email(text: str) -> bool:
    return len(text) <= MAX_EMAIL and re.fullmatch(EMAIL_PATTERN, text) is not None


def reason(error: Exception, fields: Mapping[str, Any] | None = None) -> str:
    """What the decoder said, field first. It may quote the event: only printable text of bounded length."""
    if isinstance(error, RecursionError):
        return "the event is nested too deeply"
    if isinstance(error, UnicodeError):
        texts = ((name, value) for name, value in (fields or {}).items() if isinstance(value, str))
        name = next((name for name, value in texts if _FORBIDDEN.search(value)), "the event")
        return f"{name} contains control characters"
    text, _, path = str(error).partition(" - at `$.")
    said = f"{path.rstrip('`')}: {text}" if path else text
    return _printable(said)


def event_key(source: str, event_id: str) -> bytes:
    """The 128-bit hash under which (source, event id) is stored once: the bytes of a uuid."""
    return hashlib.blake2b(f"{source}\x00{event_id}".encode(), digest_size=16).digest()

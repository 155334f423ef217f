"""Spans of traces as usage: which are model calls, who asked for them, and which of them is the request.

In: the spans of one export, in either encoding. Out: a draft or a rejection for each model call; other spans are no
events, but lend their names to the calls beneath them.

- **A model call** is what says so: `gen_ai.operation.name`, else OpenInference's kind, else Traceloop's request type.
  Agents, workflows, tools and handlers around calls are none, whatever sums of tokens they carry. Where two libraries
  tell of the same call (a framework's span around its client's), the one next to the provider counts.
- **Requests.** What makes one trace is one ask: of the calls of a trace that can be counted the first that succeeded
  (else the first) is the request, the others were made while answering it. Spans are sent as they end, so a long
  trace comes in several exports, and nothing in a span tells whether an earlier export brought a call of its trace:
  each export that holds calls of it counts one. Embeddings are never requests, nor are calls with `panta.request` =
  false.
- **Identity** is trace id and span id, so that an export sent again changes nothing.
- **Names** (person, team, assistant, workflow) are those of the call, else of the nearest span around it in the same
  export, else of the resource. `service.name` names a program and no assistant.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from analytics.ingest import span_words as words
from analytics.ingest.draft import MAX_LATENCY_MS, EventDraft, Rejected, draft
from analytics.ingest.tokens import Tokens, counted


@dataclass(frozen=True, slots=True)
class Unusable:
    """An attribute whose value cannot be what is asked for; a call that needs it is rejected."""

    reason: str


Value = str | int | float | bool | Unusable
Attributes = Mapping[str, Value]

_CANCELLED = ("CancelledError", "AbortError")
_MAX_NAME = 200
_MAX_NANOSECONDS = 2**64
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_HEX = re.compile(r"[0-9a-fA-F]+")

SpanId = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """One span, its attributes reduced to `words.WANTED`. Ids are hexadecimal, times nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    failed: bool
    attributes: Attributes
    resource: Attributes
    scope: str

    @property
    def id(self) -> SpanId:
        return self.trace_id, self.span_id

    @property
    def answers(self) -> bool:
        return _is_one_of(self.attributes, words.ANSWERING)

    @property
    def knows_usage(self) -> bool:
        return any(key in self.attributes for key in words.INPUT + words.OUTPUT)

    @property
    def succeeded(self) -> bool:
        return not self.failed and words.ERROR not in self.attributes

    @property
    def is_call(self) -> bool:
        return self.answers or _is_one_of(self.attributes, words.EMBEDDING)


def _is_one_of(attributes: Attributes, kinds: Mapping[str, set[str]]) -> bool:
    """By the first of the three vocabularies that the span speaks."""
    return next((attributes[key] in names for key, names in kinds.items() if key in attributes), False)


def events(spans: Sequence[Span], now: dt.datetime) -> list[EventDraft | Rejected]:
    """A draft or a rejection for each model call, in order."""
    parents = _parents(spans)
    names = _names(parents)
    found = [(span, _draft(span, names[span], now)) for span in _calls(spans, parents)]
    good = [(span, event) for span, event in found if isinstance(event, EventDraft)]
    requests = _request_of_each_trace(span for span, _event in good)
    for span, event in good:
        event.request = span.id in requests
    return [event for _span, event in found]


def _request_of_each_trace(calls: Iterable[Span]) -> set[SpanId]:
    asked = [span for span in calls if span.answers and not _is_no(span.attributes.get(words.MARK))]
    asked.sort(key=lambda span: (span.succeeded, -span.start, span.span_id))
    return set({span.trace_id: span.id for span in asked}.values())  # the last of each trace stays


def _is_no(mark: Value | None) -> bool:
    return mark is False or (isinstance(mark, str) and mark.lower() == "false")


class _Refused(Exception):  # noqa: N818  # a verdict
    pass


# --- How spans hang together: each is looked at once, however deep they are -----------------------------------------
Parents = Mapping[Span, Span | None]


def _parents(spans: Sequence[Span]) -> Parents:
    """The parent of each span, parents before their children. None where it is not in this export, and for spans whose
    parents go in a circle.
    """
    by_id = {span.id: span for span in spans}
    found: dict[Span, Span | None] = {}
    circling: set[Span] = set()
    for span in spans:
        path: dict[Span, Span | None] = {}
        at: Span | None = span
        while at is not None and at not in found and at not in path:
            at = path.setdefault(at, by_id.get((at.trace_id, at.parent_id)))
        circles = at is not None and (at in path or at in circling)
        circling.update(path if circles else ())
        found.update((one, None if circles else path[one]) for one in reversed(path))
    return found


def _calls(spans: Iterable[Span], parents: Parents) -> list[Span]:
    """The model calls, each told once: by the span next to the provider, or by that around it where only that knows
    its usage.
    """
    calls = [span for span in spans if span.is_call]
    known_around: dict[Span, bool] = {}
    for span, parent in parents.items():
        known_around[span] = parent is not None and (known_around[parent] or (parent.answers and parent.knows_usage))
    told_twice = {call.id for call in calls if call.answers and not call.knows_usage and known_around[call]}
    seen: set[Span] = set()
    for call in calls:
        around = parents[call] if call.answers and call.id not in told_twice else None
        while around is not None and around not in seen:
            seen.add(around)
            around = parents[around]
    told_twice.update(span.id for span in seen if span.answers)
    return [call for call in calls if call.id not in told_twice]


class _Names(NamedTuple):
    """Where or what the nearest says that says something: who names person and team, and how the rest is called."""

    person: Attributes | None
    team: Attributes | None
    assistant: str | _Refused | None
    workflow: str | _Refused | None

    def before(self, others: _Names) -> _Names:
        return _Names(
            self.person if self.person is not None else others.person,
            self.team if self.team is not None else others.team,
            self.assistant or others.assistant,
            self.workflow or others.workflow,
        )


def _names(parents: Parents) -> dict[Span, _Names]:
    found: dict[Span, _Names] = {}
    around: dict[Span, _Names] = {}
    for span, parent in parents.items():
        own = _named(span.attributes)
        around[span] = own.before(around[parent]) if parent is not None else own
        found[span] = around[span].before(_named(span.resource))
    return found


def _named(held: Attributes) -> _Names:
    return _Names(
        held if _names_any(held, words.USER_ID + words.EMAIL) else None,
        held if _names_any(held, words.TEAM_ID + words.TEAM) else None,
        _or_refusal(_agent, held),
        _or_refusal(_workflow, held),
    )


def _names_any(held: Attributes, keys: Sequence[str]) -> bool:
    return any(held.get(key, "") != "" for key in keys)


def _or_refusal(named: Callable[[Attributes], str | None], held: Attributes) -> str | _Refused | None:
    try:
        return named(held) or None
    except _Refused as fault:
        return fault


# --- One call -----------------------------------------------------------------------------------------------------
def _draft(span: Span, names: _Names, now: dt.datetime) -> EventDraft | Rejected:
    try:
        event = draft(_fields(span, names), now)
    except _Refused as fault:
        return Rejected(f"span {span.span_id[:16]}: {fault}")
    return Rejected(f"span {span.span_id[:16]}: {event.reason}") if isinstance(event, Rejected) else event


def _fields(span: Span, names: _Names) -> dict[str, Any]:
    person, team = names.person or {}, names.team or {}
    return {
        "event_id": f"{_id(span.trace_id, 32, 'traceId')}:{_id(span.span_id, 16, 'spanId')}",
        "occurred_at": _instant(span.start),
        "user_id": _text(person, words.USER_ID),
        "email": _text(person, words.EMAIL),
        "user_name": (_text(person, words.USER_NAME) or "")[:_MAX_NAME] or None,
        "team_id": _text(team, words.TEAM_ID),
        "team": _text(team, words.TEAM),
        "assistant": _given(names.assistant),
        "workflow": _given(names.workflow),
        "model": _text(span.attributes, words.MODEL) or "",
        "request": False,  # one of the export's: see `events`
        **_tokens(span).fields(),
        "status": _status(span),
        "latency_ms": _latency_ms(span),
    }


def _given(name: str | _Refused | None) -> str | None:
    if isinstance(name, _Refused):
        raise name
    return name


def _agent(held: Attributes) -> str | None:
    """By name; by id only where there is no name, for frameworks make up a new id with every start."""
    if held.get(words.OPERATION) == words.RUNS_WORKFLOW:
        return None
    own = [name for kind, name in words.AGENT_SPANS.items() if str(held.get(kind)).lower() == "agent"]
    return _text(held, words.AGENT) or _text(held, own)


def _workflow(held: Attributes) -> str | None:
    own = words.AGENT if held.get(words.OPERATION) == words.RUNS_WORKFLOW else ()
    return _text(held, words.WORKFLOW) or _text(held, own)


def _text(attributes: Attributes, keys: Sequence[str]) -> str | None:
    """The first of these attributes that says something. Raises _Refused where it is no text of a length we keep."""
    for key in keys:
        value = attributes.get(key, "")
        if isinstance(value, Unusable):
            raise _Refused(f"{key} {value.reason}")
        if isinstance(value, bool | float):
            raise _Refused(f"{key} is no text")
        if value != "":
            text = str(value)
            if len(text) > _MAX_NAME and key not in words.USER_NAME + words.EMAIL:
                raise _Refused(f"{key} is longer than {_MAX_NAME} characters")
            return text
    return None


def _number(attributes: Attributes, keys: Sequence[str]) -> int | None:
    for key in keys:
        value = attributes.get(key)
        if value is None:
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Refused(f"{key} is no whole number")
        return value
    return None


def _tokens(span: Span) -> Tokens:
    said = span.attributes
    read, write = _number(said, words.CACHE_READ) or 0, _number(said, words.CACHE_WRITE) or 0
    input_, output, total = _number(said, words.INPUT), _number(said, words.OUTPUT), _number(said, words.TOTAL)
    separate = total is not None and total == (input_ or 0) + (output or 0) + read + write
    by_hand = _is_anthropic(said) and not span.scope.startswith(words.ADD_CACHED)
    return counted(
        input_,
        output,
        cache_read=read,
        cache_write=write,
        reasoning=_number(said, words.REASONING) or 0,
        cache_excluded=separate or by_hand,
    )


def _is_anthropic(attributes: Attributes) -> bool:
    """Also where another cloud offers Anthropic's models."""
    provider = str(next((attributes[key] for key in words.PROVIDER if key in attributes), ""))
    model = str(next((attributes[key] for key in words.MODEL if key in attributes), ""))
    return "anthropic" in provider.lower() or "claude" in model.lower()


def _status(span: Span) -> str:
    kind = span.attributes.get(words.ERROR)
    if span.succeeded:
        return "success"
    return "cancelled" if isinstance(kind, str) and kind.rstrip("'>").endswith(_CANCELLED) else "error"


def _latency_ms(span: Span) -> int | None:
    """None where a clock was set meanwhile, or an end is missing."""
    took = (span.end - span.start) // 1_000_000
    return took if 0 <= took <= MAX_LATENCY_MS else None


def _id(text: str, length: int, name: str) -> str:
    if len(text) != length or not _HEX.fullmatch(text) or not text.strip("0"):
        raise _Refused(f"{name} is not {length} hexadecimal digits")
    return text.lower()


def _instant(nanoseconds: int) -> dt.datetime:
    if not 0 < nanoseconds < _MAX_NANOSECONDS:
        raise _Refused("startTimeUnixNano is missing, or no time")
    return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000)

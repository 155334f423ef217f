"""The doors by which usage comes in: our own format, LiteLLM and OpenTelemetry.

In: a request with a key. Out: 200 when every event has its verdict and what is accepted is committed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

import msgspec
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from ninja import Router

from analytics.api import body, describe_deliveries, gate
from analytics.api.auth import Key
from analytics.api.body import MIB, Limits, LineCut
from analytics.api.problems import Problem
from analytics.ingest import litellm, native
from analytics.ingest.decoding import MAX_EVENTS, TooManyEvents, TooMuch, Undecodable
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.intake import Sender, Stored, Verdict, ingest, note_refusal
from analytics.keys import ValidKey
from analytics.models.keys import Endpoint, Scope

EVENT_LIMITS = Limits(wire=8 * MIB, unpacked=32 * MIB)
# A full batch of 512 calls is 6 MB without prompts, and they are inside; LiteLLM neither packs nor splits it.
LITELLM_LIMITS = Limits(wire=64 * MIB, unpacked=64 * MIB)

Drafts = list[EventDraft | Rejected]
Decode = Callable[[bytes, dt.datetime], Drafts]

router = Router(tags=["Usage comes in"])


class Result(msgspec.Struct, omit_defaults=True):
    """What became of one event; `index` is its place in the request, from 0."""

    index: int
    status: str
    reason: str = ""


@router.post(
    "/api/v1/events",
    auth=Key(Scope.INGEST),
    operation_id="deliver_events",
    summary="Deliver events",
    openapi_extra=describe_deliveries.events(EVENT_LIMITS),
)
def events(request: HttpRequest) -> HttpResponse:
    """Usage events in our own format: a JSON array, one object, or one object a line. The body is recognised by itself.

    200 means on disk. One bad event is rejected alone; its neighbours are stored. An event is known by the key's
    source, its `event_id`, its time and its person: sent again, whole or in part, it changes nothing. So whenever an
    answer is lost, send the same again.
    """
    return _answer(take(request, Endpoint.EVENTS, native.decode, EVENT_LIMITS))


@router.post(
    "/api/v1/litellm",
    auth=Key(Scope.INGEST),
    operation_id="deliver_litellm",
    summary="Deliver calls of LiteLLM",
    openapi_extra=describe_deliveries.calls(LITELLM_LIMITS),
)
def litellm_calls(request: HttpRequest) -> HttpResponse:
    """What LiteLLM's `generic_api` callback posts: model calls as a JSON array, one object, or one object a line."""
    return _answer(take(request, Endpoint.LITELLM, litellm.decode, LITELLM_LIMITS))


def take(request: HttpRequest, endpoint: Endpoint, decode: Decode, limits: Limits) -> list[Verdict]:
    """A verdict for each event of the body, in order. Raises Problem."""
    key: ValidKey = request.auth  # type: ignore[attr-defined]
    with gate.place(request, limits), noting_refusal(request, endpoint):
        now, drafts = _read(request, decode, limits)  # and keeps no body while the events are stored
        return ingest(drafts, key.source or endpoint.value, now, Sender(key.id, endpoint.value))


@contextmanager
def noting_refusal(request: HttpRequest, endpoint: Endpoint) -> Iterator[None]:
    """Of whoever sends what cannot be read, the Integrations tab tells. Where it cannot be noted the answer is given
    all the same.
    """
    try:
        yield
    except Problem as problem:
        if problem.status in _UNREADABLE and not isinstance(problem, LineCut):
            with suppress(DatabaseError):
                key: ValidKey = request.auth  # type: ignore[attr-defined]
                note_refusal(Sender(key.id, endpoint.value), problem.detail, dt.datetime.now(dt.UTC))
        raise


_UNREADABLE = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _read(request: HttpRequest, decode: Decode, limits: Limits) -> tuple[dt.datetime, Drafts]:
    """When all of the body was here, and its events."""
    unpacked = body.read(request, limits)
    now = dt.datetime.now(dt.UTC)
    try:
        return now, decode(unpacked, now)
    except TooMuch as fault:
        members = {"limit_events": MAX_EVENTS} if isinstance(fault, TooManyEvents) else {}
        detail = f"Nothing was stored: {fault.reason}; send smaller batches."
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, members=members) from fault
    except Undecodable as fault:
        raise _bad_request(fault) from fault


def _bad_request(fault: Undecodable) -> Problem:
    members = {"position": fault.position} if fault.position is not None else {}
    return Problem(HTTPStatus.BAD_REQUEST, f"Nothing was stored: {fault.reason}.", members=members)


def _answer(verdicts: Sequence[Verdict]) -> HttpResponse:
    """Counts and a verdict for each event. Where all are rejected it is a problem: many look at the status alone."""
    told = _told(verdicts)
    if verdicts and told["rejected"] == len(verdicts):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Every event was rejected; each result says why.", members=told)
    return HttpResponse(msgspec.json.encode(told), content_type="application/json")


def _told(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    results = [_result(index, verdict) for index, verdict in enumerate(verdicts)]
    counts = dict.fromkeys(("accepted", "duplicate", "rejected"), 0)
    for result in results:
        counts[result.status] += 1
    return {**counts, "results": results}


def _result(index: int, verdict: Verdict) -> Result:
    if isinstance(verdict, Stored):
        return Result(index, verdict.value)
    return Result(index, "rejected", verdict.reason)

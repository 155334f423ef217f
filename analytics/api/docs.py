"""The page that documents the API for people, at /api/docs/: the OpenAPI document, and what holds for all of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.api import deliver, ground, traces
from analytics.api.body import MIB, Limits
from analytics.api.reference import Example, Operation, Reference, reference
from analytics.forms import EXPLAINED
from analytics.ingest.decoding import MAX_EVENTS


@dataclass(frozen=True, slots=True)
class Room:
    """How large a request may be, in MiB as sent and unpacked."""

    path: str
    wire: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Call:
    """An operation, and how it is called from a shell."""

    operation: Operation
    curl: Example


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Open to everybody; asks no database, except who is signed in where somebody is."""
    shown = _reference()
    base_url = settings.BASE_URL.rstrip("/")
    context = {
        "reference": shown,
        "groups": [
            (group.name, [Call(one, _curl(one, base_url)) for one in group.operations]) for group in shown.groups
        ],
        "header": Example("HTTP", "Authorization: Bearer YOUR_KEY"),
        "scopes": EXPLAINED,
        "rooms": _rooms(),
        "max_events": MAX_EVENTS,
        "base_url": base_url,
    }
    return render(request, "api/docs.html", context)


@cache
def _reference() -> Reference:
    """The document stands when the process has started."""
    return reference(ground.api.document())


def _rooms() -> list[Room]:
    limits: tuple[tuple[str, Limits], ...] = (
        ("/api/v1/events", deliver.EVENT_LIMITS),
        ("/api/v1/litellm", deliver.LITELLM_LIMITS),
        (traces.PATH, traces.TRACE_LIMITS),
    )
    return [Room(path, limit.wire // MIB, limit.unpacked // MIB) for path, limit in limits]


def _curl(operation: Operation, base_url: str) -> Example:
    method = "" if operation.method == "GET" or operation.bodies else f"-X {operation.method} "
    parts = [f"curl {method}{base_url}{operation.path}"]
    if operation.scopes:
        parts.append('-H "Authorization: Bearer YOUR_KEY"')
    if operation.bodies:
        parts.append(f'-H "Content-Type: {operation.bodies[0].media_type}"')
        parts.append(f"-d {shlex.quote(operation.example.text)}" if operation.example else "--data-binary @BODY_FILE")
    return Example("curl", " \\\n  ".join(parts))

"""The Integrations tab: all keys with what they did today, and a key's page, which waits for its first event.

In: a key's id. Out: HTML; while a key is waited for, to htmx what changed since, or nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import report
from analytics.metrics import keys as metrics
from analytics.metrics.keys import KeyUse, State
from analytics.periods import DayRange
from analytics.rollups.state import State as RollupState
from analytics.views import bars, setup

KEY_TEMPLATE = "analytics/key.html"
DAYS = 14
REJECTED_SHOWN = 20
WAITED_FOR = (State.WAITING, State.NOTHING_COUNTED)


@require_safe
def integrations(request: HttpRequest) -> HttpResponse:
    """All keys, and how clients are set up. Two queries beside sign-in's two."""
    now = timezone.now()
    state = report.read_state()
    found = metrics.every(_today(now, state), state.time_zone)
    context = {
        "present": [key for key in found if key.state is not State.REVOKED],
        "revoked": [key for key in found if key.state is State.REVOKED],
        "is_behind": any(key.is_behind for key in found),
        "guides": setup.guides(["ingest"], now),
        "now": now,
    }
    return render(request, "analytics/integrations.html", context)


@require_safe
@vary_on_headers("HX-Request")
def key(request: HttpRequest, key_id: int) -> HttpResponse:
    """One key. Four queries beside sign-in's two; two where somebody waits and nothing has come."""
    now = timezone.now()
    state = report.read_state()
    shown = metrics.one(key_id, _today(now, state), state.time_zone)
    if shown is None:
        raise Http404
    if request.headers.get("HX-Request") == "true":
        return _what_is_new(request, shown, now, state)
    context = _context(shown, now, state) | {"guides": setup.guides(shown.scopes, now)}
    return render(request, KEY_TEMPLATE, context)


def _what_is_new(request: HttpRequest, shown: KeyUse, now: dt.datetime, state: RollupState) -> HttpResponse:
    """The parts of the page that a delivery changes; 204, which htmx leaves alone, where there was none since."""
    if request.GET.get("seen", "") == _seen(shown):
        return HttpResponse(status=204)
    return render(request, f"{KEY_TEMPLATE}#news", _context(shown, now, state) | {"is_news": True})


def _context(shown: KeyUse, now: dt.datetime, state: RollupState) -> dict[str, Any]:
    today = _today(now, state)
    days = DayRange(today - dt.timedelta(days=DAYS - 1), today + dt.timedelta(days=1))
    return {
        "key": shown,
        "state": shown.state.name,
        "is_waited_for": shown.state in WAITED_FOR,
        "seen": _seen(shown),
        "drawing": bars.draw(metrics.by_day(shown.id, days, state.time_zone)),
        "rejected": metrics.rejected(shown.id, REJECTED_SHOWN),
        "now": now,
    }


def _seen(shown: KeyUse) -> str:
    """What the page knows of, to be compared when it asks again."""
    return f"{shown.state} {shown.last_delivery_at.isoformat() if shown.last_delivery_at else ''}".strip()


def _today(now: dt.datetime, state: RollupState) -> dt.date:
    return now.astimezone(state.time_zone).date()

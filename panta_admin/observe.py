"""How long requests take, by route and status: observed for each, told by `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Histogram

REGISTRY = CollectorRegistry()  # of this process; the client's own would add what nobody asked for
STATIC = "static files"
UNMATCHED = "none"  # refused before anybody looked at the address, or no address of ours
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_durations = Histogram(
    "panta_request_duration_seconds",
    "From a request's arrival to the beginning of its answer.",
    ("route", "status"),
    registry=REGISTRY,
    buckets=BUCKETS_S,
)


class DurationMiddleware:
    """The outermost: what it measures is what the server measures, whatever happens inside."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        _durations.labels(_route(request), response.status_code).observe(time.perf_counter() - began)
        return response


def _route(request: HttpRequest) -> str:
    """The route as the resolver spells it, never the address: there are as many of those as somebody likes to try."""
    match = request.resolver_match
    if match is not None:
        return f"/{match.route}"
    return STATIC if request.path_info.startswith(settings.STATIC_URL) else UNMATCHED

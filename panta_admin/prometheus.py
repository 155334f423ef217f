"""`GET /metrics`: how usage comes in and is counted, and how long requests take, as Prometheus reads it.

What concerns usage is asked of the database, so that it is one truth for all processes and outlives them. Durations
are those of this web server's worker processes since it started.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from analytics.api.auth import Key
from analytics.metrics import intake
from analytics.metrics.keys import Counts
from analytics.models.keys import Endpoint, Scope
from panta_admin import observe, worker_files

router = Router(tags=["Operations"])


@router.api_operation(
    ["GET", "HEAD"],
    "/metrics",
    auth=Key(Scope.METRICS),
    operation_id="read_metrics",
    summary="Read metrics",
    openapi_extra={
        "responses": {
            200: {
                "description": "Metrics in the text format of Prometheus.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        }
    },
)
def metrics(request: HttpRequest) -> HttpResponse:
    """Counters of usage that came in by key, what waits to be counted and for how long, and durations of requests.

    For Prometheus: give its scrape job this key as `authorization: {credentials: …}`.
    """
    with worker_files.at_rest():
        text = generate_latest(_Intake(timezone.now())) + generate_latest(_durations())
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _durations() -> Collector:
    """Of all worker processes; of this one alone where nobody made room for the others."""
    path = worker_files.folder()
    return observe.REGISTRY if path is None else _Files(worker_files.files(path))


class _Files(Collector):
    """What worker processes wrote."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def collect(self) -> Iterable[Metric]:
        merged: Iterable[Metric] = MultiProcessCollector.merge([str(file) for file in self._files])
        return merged


class _Intake(Collector):
    def __init__(self, now: dt.datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        figures = intake.read()
        yield from _deliveries(figures)
        yield GaugeMetricFamily(
            "panta_pending_events", "Events that are stored and wait to be counted.", value=figures.pending
        )
        if figures.as_of is not None:
            yield GaugeMetricFamily(
                "panta_counted_until_timestamp_seconds",
                "Every event accepted before this instant is in the numbers.",
                value=figures.as_of.timestamp(),
            )
            yield GaugeMetricFamily(
                "panta_fold_lag_seconds",
                "How old that instant is. Some seconds are usual: counting happens every five.",
                value=max(0.0, (self._now - figures.as_of).total_seconds()),
            )


def _deliveries(figures: intake.Intake) -> Iterator[Metric]:
    requests = CounterMetricFamily("panta_ingest_requests", "Requests that brought events.", labels=["endpoint"])
    events = CounterMetricFamily(
        "panta_ingest_events", "Events that came in with a key, by what became of them.", labels=["endpoint", "verdict"]
    )
    for endpoint in Endpoint.values:
        sums = figures.by_endpoint.get(endpoint, Counts())
        requests.add_metric([endpoint], sums.deliveries)
        for verdict in ("accepted", "duplicate", "rejected"):
            events.add_metric([endpoint, verdict], getattr(sums, verdict))
    yield requests
    yield events

"""How many deliveries one process works on at a time, so that a burst leaves threads and memory to the pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpRequest

from analytics.api import body
from analytics.api.body import Limits
from analytics.api.problems import busy

RETRY_AFTER_S = 1
WAIT_S = 0.5

_places = threading.BoundedSemaphore(settings.INGEST_CONCURRENCY)


@contextmanager
def place(request: HttpRequest, limits: Limits) -> Iterator[None]:
    """Holds one of INGEST_CONCURRENCY places. Raises Problem 503 where none gets free in a moment.

    A moment, because LiteLLM as it comes loses what is not taken at once; no longer, because waiting costs a thread.
    """
    if not _places.acquire(timeout=WAIT_S):
        body.skip(request, limits)
        raise busy("Too many deliveries at once; send this one again in a moment.", RETRY_AFTER_S)
    try:
        yield
    finally:
        _places.release()

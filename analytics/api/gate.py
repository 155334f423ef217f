"""How many deliveries one process works on at a time, so that a burst leaves threads and memory to the pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from django.conf import settings
from django.http import HttpRequest

from analytics.api import body
from analytics.api.body import Limits
from analytics.api.problems import busy

RETRY_AFTER_S = 1
WAIT_S = 0.5

# A queue, which waits and wakes in C; a semaphore does so in Python.
_places: SimpleQueue[None] = SimpleQueue()
for _place in range(settings.INGEST_CONCURRENCY):
    _places.put(None)


@contextmanager
def place(request: HttpRequest, limits: Limits) -> Iterator[None]:
    """Holds one of INGEST_CONCURRENCY places. Raises Problem 503 where none gets free in a moment.

    A moment, because LiteLLM as it comes loses what is not taken at once; no longer, because waiting costs a thread.
    """
    try:
        _places.get(timeout=WAIT_S)
    except Empty:
        body.skip(request, limits)
        raise busy("Too many deliveries at once; send this one again in a moment.", RETRY_AFTER_S) from None
    try:
        yield
    finally:
        _places.put(None)

"""Redis as a cache: bytes under a key, sealed so that only ours are believed. Losing it costs time only.

The one client of Redis beside Celery's. Not Django's cache, which unpickles whatever stands there: who reaches Redis
would run code in our processes.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import redis
import structlog
from django.conf import settings
from django.utils.crypto import salted_hmac

TIMEOUT_S = 0.25  # for connecting, and for an answer: a page does not wait longer for a hung Redis
RETRY_AFTER_S = 10
SEAL_BYTES = 32
PREFIX = "report:"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Outage:
    """Until when Redis is left alone, by the monotonic clock of this process."""

    until: float = 0.0


_outage = _Outage()


def get(key: str) -> bytes | None:
    """What `put` put there; None where it is not, or not ours, or Redis is down or hung."""
    sealed = _ask(lambda server: server.get(PREFIX + key))
    if not isinstance(sealed, bytes):
        return None
    seal, value = sealed[:SEAL_BYTES], sealed[SEAL_BYTES:]
    return value if hmac.compare_digest(seal, _seal(key, value)) else None


def put(key: str, value: bytes, seconds: int) -> None:
    """Keeps `value` for that long, if Redis takes it."""
    _ask(lambda server: server.set(PREFIX + key, _seal(key, value) + value, ex=seconds))


def clear() -> None:
    """Forgets everything that was put."""
    for key in _redis().scan_iter(f"{PREFIX}*"):
        _redis().delete(key)


def answers() -> bool:
    """Whether Redis answers now."""
    try:
        return bool(_redis().ping())
    except (redis.RedisError, OSError):
        return False


def forget_server() -> None:
    """Connects anew, as REDIS_URL says now, and at once."""
    _redis.cache_clear()
    _outage.until = 0.0


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)


def _seal(key: str, value: bytes) -> bytes:
    """What only we can write beside a value of this key: others who reach Redis cannot change a number."""
    return salted_hmac(key, value, algorithm="sha256").digest()


def _ask(question: Callable[[redis.Redis], object]) -> object:
    """Redis's answer, or None when it is down or hung; then it is left alone for a while, so that pages stay fast."""
    if time.monotonic() < _outage.until:
        return None
    try:
        return question(_redis())
    except (redis.RedisError, OSError) as error:
        _outage.until = time.monotonic() + RETRY_AFTER_S
        log.warning("report_cache_unavailable", error=str(error))
        return None

"""What one model call was like: the model, tokens, outcome and latency, drawn for a whole block at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.management.demo import vocabulary
from analytics.management.demo.seasons import Floats, Ints
from analytics.management.demo.world import Flags
from analytics.models import Status

MOST_TOKENS = 900_000
NO_LATENCY = -1
SYSTEM_SHARE = 0.11  # titles, embeddings and extra model calls: tokens, but no request
UNKNOWN_SHARE = 0.013  # the provider reported no usage
ERROR_SHARE, CANCELLED_SHARE = 0.022, 0.011
INCIDENTS = ((0.38, 0.16), (0.93, 0.3))  # (when, as a part of the whole time; share of errors on those days)
INCIDENT_WIDTH = 0.0018
# By kind (index 0 is unused): typical input and output tokens.
_INPUT = np.log([1.0, 1_300, 3_100, 8_500])
_OUTPUT = np.log([1.0, 380, 560, 1_400])
# How models come and go: weight on the first and on the last day, in the order of `vocabulary.MODELS`.
_MODELS_FIRST = np.array([5.0, 2.5, 0.8, 0.4, 0.2, 1.2, 0.8, 0.0])
_MODELS_LAST = np.array([2.2, 3.0, 4.2, 2.0, 1.6, 0.7, 0.4, 0.0])


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of the person behind each call."""

    verbosity: Floats
    always_fails: Flags


@dataclass(frozen=True, slots=True)
class Calls:
    """Columns of `usage_event`; `model` is a position in `vocabulary.MODELS`, latency -1 means unknown."""

    model: Ints
    requests: Ints
    input_tokens: Ints
    cached_tokens: Ints
    output_tokens: Ints
    reasoning_tokens: Ints
    usage_known: Flags
    status: Ints
    latency_ms: Ints


def draw(
    rng: np.random.Generator, kind: Ints, progress: Floats, habits: Habits, first: Flags, scheduled: Flags
) -> Calls:
    """One call for each element. `progress` is 0..1 over the whole time; a `first` one is a request that succeeds."""
    count = len(kind)
    system = (rng.random(count) < SYSTEM_SHARE) & ~first & ~scheduled
    status = np.where(first, Status.SUCCESS, _status(rng, progress, habits, system))
    known = (rng.random(count) >= UNKNOWN_SHARE) & ~((status == Status.ERROR) & (rng.random(count) < 0.5))
    model = _model(rng, progress, system)
    input_tokens = np.where(known, _input(rng, kind, habits, system), 0)
    output_tokens = np.where(known, _output(rng, kind, status, model, system), 0)
    reasons = np.array(vocabulary.REASONING_MODELS)[model]
    caches = rng.random(count) < 0.45
    return Calls(
        model=model,
        requests=np.where(system, 0, 1),
        input_tokens=input_tokens,
        cached_tokens=np.where(caches, input_tokens * rng.random(count) * 0.9, 0).astype(np.int64),
        output_tokens=output_tokens,
        reasoning_tokens=np.where(reasons, output_tokens * rng.random(count) * 0.6, 0).astype(np.int64),
        usage_known=known,
        status=status,
        latency_ms=_latency(rng, output_tokens),
    )


def _status(rng: np.random.Generator, progress: Floats, habits: Habits, system: Flags) -> Ints:
    errors = np.full(len(progress), ERROR_SHARE)
    for when, share in INCIDENTS:
        errors[np.abs(progress - when) < INCIDENT_WIDTH] = share
    fate = rng.random(len(progress))
    errors = np.where(habits.always_fails, 0.8, errors)
    cancelled = np.where(habits.always_fails, 1.0, errors + CANCELLED_SHARE)
    status = np.where(fate < errors, Status.ERROR, np.where(fate < cancelled, Status.CANCELLED, Status.SUCCESS))
    return np.where(system & ~habits.always_fails, Status.SUCCESS, status)


def _model(rng: np.random.Generator, progress: Floats, system: Flags) -> Ints:
    """A model by its share at that time; system calls use the small ones and the embedding model."""
    first, last = (np.cumsum(weights / weights.sum()) for weights in (_MODELS_FIRST, _MODELS_LAST))
    point = rng.random(len(progress))
    model = np.zeros(len(progress), np.int64)
    for edge in range(len(first) - 1):
        model += point >= first[edge] + (last[edge] - first[edge]) * progress
    model = np.minimum(model, vocabulary.EMBEDDING_MODEL - 1)
    small = np.array((*vocabulary.SMALL_MODELS, vocabulary.EMBEDDING_MODEL))[rng.integers(0, 3, len(progress))]
    return np.where(system, small, model)


def _input(rng: np.random.Generator, kind: Ints, habits: Habits, system: Flags) -> Ints:
    """A heavy tail: now and then somebody pastes a whole binder."""
    count = len(kind)
    typical = np.where(system, np.log(420.0), _INPUT[kind])
    tokens = np.exp(typical + rng.standard_normal(count, np.float32) * 1.0) * habits.verbosity
    tokens = np.where(rng.random(count) < 0.004, tokens * 22, tokens)
    whole: Ints = tokens.clip(3, MOST_TOKENS).astype(np.int64)
    return whole


def _output(rng: np.random.Generator, kind: Ints, status: Ints, model: Ints, system: Flags) -> Ints:
    count = len(kind)
    typical = np.where(system, np.log(30.0), _OUTPUT[kind])
    tokens = np.exp(typical + rng.standard_normal(count, np.float32) * 0.85)
    part = np.where(status == Status.CANCELLED, rng.random(count), 1.0)
    silent = (status == Status.ERROR) | (model == vocabulary.EMBEDDING_MODEL)
    return np.where(silent, 0, (tokens * part).clip(1, 60_000)).astype(np.int64)


def _latency(rng: np.random.Generator, output_tokens: Ints) -> Ints:
    count = len(output_tokens)
    taken = 350 + output_tokens * np.exp(rng.standard_normal(count, np.float32) * 0.35) * 11
    return np.where(rng.random(count) < 0.02, NO_LATENCY, taken).astype(np.int64)

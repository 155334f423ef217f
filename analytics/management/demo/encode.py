"""Blocks as COPY text, in the order of `store.COLUMNS`, written by Arrow: a few hundred nanoseconds an event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from analytics.ingest.store import COLUMNS
from analytics.management.demo import vocabulary
from analytics.management.demo.calls import NO_LATENCY
from analytics.management.demo.seasons import Ints
from analytics.management.demo.usage import Block

SOURCES = ("panta-os", "litellm", "otlp")
COPY_EVENTS = 25_000  # at most so many a COPY: days of a very large workspace are cut
_OPTIONS = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none", batch_size=8192)
_NULL = r"\N"


@dataclass(frozen=True, slots=True)
class Ids:
    """The database's ids by position; the last element is 0, which position -1 (none) reads."""

    people: Ints
    teams: Ints
    assistants: Ints
    workflows: Ints


def encode(block: Block, ids: Ids) -> Iterator[tuple[bytes, int]]:
    """(COPY text, number of events), cut into pieces. No value needs escaping: all texts are our own constants."""
    table = pa.table(_columns(block, ids)).select(COLUMNS)
    for start in range(0, len(block), COPY_EVENTS):
        piece = table.slice(start, COPY_EVENTS)
        sink = pa.BufferOutputStream()
        csv.write_csv(piece, sink, _OPTIONS)
        yield sink.getvalue().to_pybytes(), piece.num_rows


def _columns(block: Block, ids: Ids) -> dict[str, pa.Array]:
    calls = block.calls
    return {
        "user_id": pa.array(ids.people[block.person]),
        "occurred_at": _instants(block.occurred_at),
        "event_key": _keys(block.key),
        "received_at": _instants(block.received_at),
        "source": _texts(SOURCES, block.source),
        "team_id": pa.array(ids.teams[block.team]),
        "kind": pa.array(block.kind),
        "assistant_id": pa.array(ids.assistants[block.assistant]),
        "workflow_id": pa.array(ids.workflows[block.workflow]),
        "model": _texts(vocabulary.MODELS, calls.model),
        "requests": pa.array(calls.requests),
        "input_tokens": pa.array(calls.input_tokens),
        "cached_tokens": pa.array(calls.cached_tokens),
        "output_tokens": pa.array(calls.output_tokens),
        "reasoning_tokens": pa.array(calls.reasoning_tokens),
        "usage_known": pa.array(calls.usage_known),
        "status": pa.array(calls.status),
        "latency_ms": _nullable(calls.latency_ms, NO_LATENCY),
    }


def _instants(instants_us: Ints) -> pa.Array:
    return pa.array(instants_us).cast(pa.timestamp("us", tz="UTC"))


def _texts(words: tuple[str, ...], positions: Ints) -> pa.Array:
    return pa.array(words).take(pa.array(positions))


def _nullable(values: Ints, null: int) -> pa.Array:
    texts = pc.cast(pa.array(values), pa.string())
    return pc.if_else(pa.array(values == null), pa.scalar(_NULL), texts)


def _keys(keys: bytes) -> pa.Array:
    """The keys as 32 hexadecimal digits each, sharing one buffer."""
    digits = keys.hex().encode()
    offsets: npt.NDArray[np.int32] = np.arange(0, len(digits) + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(digits))

"""Files into storage, batch after batch: a thread reads and checks ahead while the batch before it is stored."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from analytics.ingest.columns import Columns
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.intake import Stored, Verdict, ingest
from usermgmt.sheets import Damaged, TableFile, UnreadableFile

_AHEAD = 2  # batches: one being read, one waiting


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """`fields` is what the row says in our terms; empty where the line could not be taken apart."""

    line: int
    reason: str
    fields: dict[str, Any]


@dataclass(slots=True)
class Batch:
    """Rows of one file, read and checked. `position`: bytes of the file read so far."""

    drafts: list[EventDraft] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    position: int = 0

    @property
    def rows(self) -> int:
        return len(self.drafts) + len(self.rejected)


@dataclass(slots=True)
class Tally:
    """What became of the rows so far."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    tokens: int = 0  # of accepted events

    @property
    def rows(self) -> int:
        return self.accepted + self.duplicate + self.rejected

    def count_checked(self, batch: Batch) -> None:
        """Counts a batch that is not to be stored; whether its events are new is not known then."""
        self.rejected += len(batch.rejected)
        for event in batch.drafts:
            self._accept(event)

    def count_stored(self, batch: Batch, verdicts: Sequence[Verdict]) -> None:
        self.rejected += len(batch.rejected)
        for event, verdict in zip(batch.drafts, verdicts, strict=True):
            if verdict is Stored.ACCEPTED:
                self._accept(event)
            else:
                self.duplicate += 1

    def _accept(self, event: EventDraft) -> None:
        self.accepted += 1
        self.tokens += (event.input_tokens or 0) + (event.output_tokens or 0)


def batches(file: TableFile, columns: Columns, now: dt.datetime, size: int) -> Generator[Batch]:
    """All rows of `file`, read ahead in a thread of their own. Raises UnreadableFile after the last good batch."""
    produced = _read(file, columns, now, size)
    with ThreadPoolExecutor(1, "import-reader") as reader:
        waiting = deque(reader.submit(next, produced, None) for _ in range(_AHEAD))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(reader.submit(next, produced, None))
            yield batch


def _read(file: TableFile, columns: Columns, now: dt.datetime, size: int) -> Iterator[Batch]:
    batch = Batch()
    try:
        for line, values in file.rows(columns.theirs):
            _add(batch, line, values, columns, now)
            if batch.rows >= size:
                batch.position = file.position
                yield batch
                batch = Batch()
    except UnreadableFile:
        yield batch  # the rows before the damage stand
        raise
    batch.position = file.size
    yield batch


def _add(batch: Batch, line: int, values: Any, columns: Columns, now: dt.datetime) -> None:
    if isinstance(values, Damaged):
        batch.rejected.append(RejectedRow(line, values.reason, {}))
        return
    fields = columns.fields(values)
    event = columns.draft(fields, now)
    if isinstance(event, Rejected):
        batch.rejected.append(RejectedRow(line, event.reason, fields))
    else:
        batch.drafts.append(event)


def store(batch: Batch, source: str, now: dt.datetime, tally: Tally) -> None:
    """Stores a batch, committed when it returns, and counts it."""
    tally.count_stored(batch, ingest(batch.drafts, source, now))

"""Our own format: events whose fields are those of `EventDraft`, as a JSON array, one object, or one object a line."""

from __future__ import annotations

import datetime as dt

from analytics.ingest.decoding import Counted, Decoder
from analytics.ingest.draft import EventDraft, Rejected, checked


class Incoming(EventDraft, Counted, gc=False):
    """Counted while it is read: of files, which come batch by batch, drafts are made without."""


_decoder = Decoder(Incoming)


def decode(body: bytes, now: dt.datetime) -> list[EventDraft | Rejected]:
    """One draft or rejection an event, in order. Raises Undecodable."""
    return [event if isinstance(event, Rejected) else checked(event, now) for event in _decoder.decode(body)]

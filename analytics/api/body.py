"""A request's body, read from the socket within limits: bytes on the wire, bytes unpacked, time without a byte, time.

Django is not asked: it takes a body without Content-Length, as chunked requests have, for empty, and would hold the
packed body beside the unpacked one.
"""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from io import BytesIO
from itertools import chain
from typing import IO, Any

from django.http import HttpRequest
from gunicorn.http.errors import ParseException

from analytics.api.problems import Problem, busy

MIB = 1 << 20
STALL_S = 10.0  # without a byte: a sender that is gone without a word would hold its place for ever
WHOLE_S = 60.0  # a byte now and then would hold it as well; nine megabits a second bring the largest body
SKIP_S = 2.0
_LOOK_EVERY_S = 0.5
RETRY_AFTER_S = 1
_PIECE = 64 << 10
_PACKED_PIECE = 8 << 10  # a bomb shows with its first piece: the smaller that is, the less it has unpacked to
_GZIP = zlib.MAX_WBITS | 16
# Real bodies shrink to a tenth or a thirtieth; what unpacks to hundreds of times its size was made to hurt.
_MAX_RATIO = 200
_RATIO_FREE = MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """`wire`: bytes as sent, `unpacked`: bytes after gzip; more is answered 413."""

    wire: int
    unpacked: int


class LineCut(Problem):
    """400 to nobody: the sender has gone."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, detail)


def read(request: HttpRequest, limits: Limits) -> bytes:
    """The unpacked body. Raises Problem: 413 too large, 415 unknown encoding, 400 broken, 503 where no more comes."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    with _patience(request, STALL_S, WHOLE_S):
        match encoding:
            case "" | "identity":
                return _joined(_wire(request, limits.wire, _PIECE), _declared_length(request.META) or 0)
            case "gzip" | "x-gzip":
                return _unpacked(_wire(request, limits.wire, _PACKED_PIECE), limits.unpacked)
            case _:
                raise Problem(
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                    f"Content-Encoding {encoding[:40]!r} is not understood; send gzip or none.",
                    headers={"Accept-Encoding": "gzip"},
                )


def skip(request: HttpRequest, limits: Limits) -> None:
    """Lets the body pass, for a moment and within limits. A sender that is refused before it has sent all would find
    a broken line, and not the answer.
    """
    give_up = time.monotonic() + SKIP_S
    with _patience(request, SKIP_S, SKIP_S), suppress(Problem):  # the answer is another one already
        for _piece_of_it in _wire(request, limits.wire, _PIECE):
            if time.monotonic() > give_up:
                return


@contextmanager
def _patience(request: HttpRequest, for_a_byte: float, for_all: float) -> Iterator[None]:
    """Seconds to wait. Raises Problem 503 where they are over. Without gunicorn, as in tests, for ever."""
    line = request.META.get("gunicorn.socket")
    if line is None:
        yield
        return
    before = line.gettimeout()
    line.settimeout(for_a_byte)
    watch, deadline = _watch(), _Deadline(line, time.monotonic() + for_all)
    watch.deadlines.add(deadline)
    try:
        yield
    except Problem:
        if deadline.passed:
            raise _unfinished() from None
        raise
    finally:
        watch.deadlines.discard(deadline)
        line.settimeout(before)


@dataclass(slots=True, eq=False)
class _Deadline:
    """`passed`: the line has been closed because of it."""

    line: socket.socket
    at: float
    passed: bool = False


class _Watch:
    """Ends bodies that take too long, wherever they are: each byte that comes makes the socket wait anew, and the
    server reads on until it has all that was asked for. One thread for all, as one for each would cost a small request
    more than its body does.
    """

    def __init__(self) -> None:
        self.deadlines: set[_Deadline] = set()
        threading.Thread(target=self._look_on, name="bodies", daemon=True).start()

    def _look_on(self) -> None:
        while True:
            time.sleep(_LOOK_EVERY_S)
            for deadline in self.deadlines.copy():
                if time.monotonic() >= deadline.at:
                    deadline.passed = True
                    with suppress(OSError):  # the sender was faster
                        deadline.line.shutdown(socket.SHUT_RD)


@cache
def _watch() -> _Watch:
    """Made in the process that reads: a thread does not live through a fork."""
    return _Watch()


def _joined(pieces: Iterator[bytes], declared: int) -> bytes:
    """In memory once: a list of the pieces would be there beside their whole, and what grows is copied."""
    first = next(pieces, b"")  # raises where more is declared than may come
    whole = BytesIO(bytes(declared))
    for piece in chain([first], pieces):
        whole.write(piece)
    return whole.getvalue()


def _wire(request: HttpRequest, limit: int, most: int) -> Iterator[bytes]:
    """The body as sent, in pieces of at most that many bytes."""
    stream: IO[bytes] = request.META["wsgi.input"]
    declared = _declared_length(request.META)
    if declared is not None and declared > limit:
        raise _too_large(limit)
    left = limit + 1 if declared is None else declared
    while left:
        piece = _piece(stream, min(left, most))
        if not piece:
            break
        left -= len(piece)
        yield piece
    if declared is None and not left:
        raise _too_large(limit)
    if declared is not None and left:
        raise LineCut(f"The body ended {left:,} bytes early.")


def _declared_length(environ: Mapping[str, Any]) -> int | None:
    """None for a chunked body, whose end the server knows."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not length and environ.get("wsgi.input_terminated") and environ.get("HTTP_TRANSFER_ENCODING"):
        return None
    return int(length) if length.isascii() and length.isdigit() else 0


def _piece(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size)
    except TimeoutError as error:
        raise _unfinished() from error
    except (OSError, ParseException) as error:
        raise LineCut("The body could not be read to its end.") from error


def _unfinished() -> Problem:
    return busy("The body did not come to its end in time; send it again.", RETRY_AFTER_S)


def _unpacked(pieces: Iterator[bytes], limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    unpacked = BytesIO()
    wire = 0
    for piece in pieces:
        if unpacker.eof:
            raise Problem(HTTPStatus.BAD_REQUEST, "Bytes follow the end of the gzip body.")
        wire += len(piece)
        allowed = min(limit, max(_RATIO_FREE, wire * _MAX_RATIO))
        for step in _steps(unpacker, piece):
            unpacked.write(step)
            if unpacked.tell() > allowed:
                raise _too_large(limit)
    if not unpacker.eof:
        raise Problem(HTTPStatus.BAD_REQUEST, "The gzip body ended early.")
    if unpacker.unused_data:
        raise Problem(HTTPStatus.BAD_REQUEST, "Bytes follow the end of the gzip body.")
    return unpacked.getvalue()


def _steps(unpacker: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    """What a piece unpacks to, little by little: in one go a bomb would be in memory twice before it is measured."""
    try:
        while step := unpacker.decompress(piece, _PIECE):
            piece = unpacker.unconsumed_tail
            yield step
    except zlib.error as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is not gzip: {error}.") from error


def _too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The body is larger than {limit // MIB} MiB, or unpacks to more; send smaller batches.",
        members={"limit_bytes": limit},
    )

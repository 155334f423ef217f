"""Bytes to typed events, whatever the framing: a JSON array, one object, or one object a line.

Only the fields that a type names are kept: prompts and answers are skipped while parsing. One event that does not fit
its type is `Rejected` alone; a body that is no JSON at all is `Undecodable` as a whole.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from analytics.ingest.draft import Rejected, reason

MAX_EVENTS = 10_000
MAX_OWN_EVENT = 1 << 20  # bytes up to which an event is looked at field by field

_BYTE = re.compile(r"\(?byte (\d+)\)?")
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_NULL = b"null"
_LINE = re.compile(rb"[^ \t\r\n][^\n]*+")
_GAP = re.compile(rb"[ \t\r\n,]*+")
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^ \t\r\n,\]]++', re.DOTALL)
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+[\[\]{}]', re.DOTALL)


class Undecodable(ValueError):  # noqa: N818  # a verdict on a body
    """Nothing of the body can be read. `position`: byte offset of the fault in the decoded body, where known."""

    def __init__(self, fault: str, position: int | None = None) -> None:
        super().__init__(fault)
        self.reason = fault
        self.position = position


class TooManyEvents(Undecodable):
    """More than MAX_EVENTS in one request; told before they take memory."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_EVENTS:,} events in one request")


class Decoder:
    """Reads bodies of events of one msgspec type. Where all its fields are optional, make it `Counted`."""

    def __init__(self, type_: Any) -> None:
        self._one = msgspec.json.Decoder(type_)
        self._many = msgspec.json.Decoder(list[type_])

    def decode(self, body: bytes) -> list[Any]:
        """One entry an event, in order: a value of the type, or Rejected. Raises Undecodable."""
        body = body.removeprefix(_BOM).strip(_SPACE)
        if not body:
            raise Undecodable("the body is empty", 0)
        if body[:1] not in (b"[", b"{") and not body.startswith(_NULL):
            raise Undecodable("the body is neither a JSON array nor a JSON object", 0)
        read = self._array if body.startswith(b"[") else self._objects
        try:
            return read(body)
        except TooManyEvents:
            raise
        except Undecodable:
            mended = _mended(body)
            if mended == body:
                raise
        return read(mended)

    def _array(self, body: bytes) -> list[Any]:
        allow_events()
        try:
            events = self._many.decode(body)
        except _Spent:
            raise TooManyEvents from None
        except (msgspec.ValidationError, UnicodeError):
            _check(body)
            return self._each(_elements(body))
        except _FAULTS as error:
            raise _undecodable(error, len(body)) from error
        if len(events) > MAX_EVENTS:
            raise TooManyEvents
        return list(events)

    def _objects(self, body: bytes) -> list[Any]:
        """One object, which may stand on several lines, or one object a line."""
        try:
            _check(body)
        except Undecodable:
            if not any(_is_json(line) for line in _lines(body)):
                raise
            return self._each(_lines(body))
        return self._each([body])

    def _each(self, pieces: Iterable[bytes]) -> list[Any]:
        found: list[Any] = []
        for piece in pieces:
            if len(found) == MAX_EVENTS:
                raise TooManyEvents
            allow_events()
            found.append(self._element(piece))
        return found

    def _element(self, text: bytes) -> Any:
        try:
            return self._one.decode(text)
        except msgspec.ValidationError:
            again = _without_nulls(text)  # null is absent; it is rare, so it pays here
        except _FAULTS:
            again = _mended(text)
        try:
            return self._one.decode(again)
        except _FAULTS as error:
            return Rejected(reason(error))


def decode_document(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """The body as the one thing that `decoder` decodes. Raises Undecodable."""
    body = body.removeprefix(_BOM)
    allow_events()
    try:
        return decoder.decode(body)
    except _Spent:
        raise TooManyEvents from None
    except msgspec.ValidationError as error:
        raise Undecodable(reason(error)) from error
    except _FAULTS as error:
        mended = _mended(body)
        if mended == body:
            raise _undecodable(error, len(body)) from error
    return decode_document(mended, decoder)


# --- In proportion to the body --------------------------------------------------------------------------------------
# Two bytes of JSON can become hundreds of bytes of objects. What a body may hold many of is counted while it is read.


class _Allowance(threading.local):
    events = 0


_allowance = _Allowance()


class _Spent(Exception):  # noqa: N818
    """No ValueError: msgspec would take that for a fault of the event."""


class Counted(msgspec.Struct):
    """Base of types of which a small body could hold very many."""

    def __post_init__(self) -> None:
        _allowance.events -= 1
        if _allowance.events < 0:
            raise _Spent


def allow_events() -> None:
    """Lets this thread decode MAX_EVENTS of `Counted` from here on."""
    _allowance.events = MAX_EVENTS


def _elements(body: bytes) -> Iterator[bytes]:
    """The texts of the elements of an array, which is known to be JSON: no pattern can fail to match."""
    at = _GAP.match(body, 1).end()  # type: ignore[union-attr]
    while at < len(body) - 1:
        end = _end_of_value(body, at)
        yield body[at:end]
        at = _GAP.match(body, end).end()  # type: ignore[union-attr]


def _end_of_value(body: bytes, start: int) -> int:
    if body[start] not in b"[{":
        return _SCALAR.match(body, start).end()  # type: ignore[union-attr]
    at, depth = start, 0
    while True:
        at = _BRACKET.match(body, at).end()  # type: ignore[union-attr]
        depth += 1 if body[at - 1] in b"[{" else -1
        if depth == 0:
            return at


def _lines(body: bytes) -> Iterator[bytes]:
    """Those that are not blank."""
    return (found[0].strip(_SPACE) for found in _LINE.finditer(body))


def _without_nulls(text: bytes) -> bytes:
    """The object without the fields that are null; as it is where it is none."""
    if len(text) > MAX_OWN_EVENT or _NULL not in text:
        return text
    try:
        fields = _OBJECT.decode(text)
    except msgspec.ValidationError:
        return text
    return msgspec.json.encode({name: value for name, value in fields.items() if bytes(value) != _NULL})


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)
_FAULTS = (msgspec.DecodeError, UnicodeError, RecursionError)


def _check(body: bytes) -> None:
    """Raises Undecodable where the body is no JSON; nothing of it becomes an object."""
    try:
        _ANYTHING.decode(body)
    except _FAULTS as error:
        raise _undecodable(error, len(body)) from error


def _is_json(line: bytes) -> bool:
    try:
        _ANYTHING.decode(line)
    except _FAULTS:
        return False
    return line.startswith((b"{", _NULL))


def _undecodable(error: Exception, size: int) -> Undecodable:
    if isinstance(error, RecursionError):
        return Undecodable("the body is nested too deeply")
    found = _BYTE.search(str(error))
    position = int(found[1]) if found else size
    return Undecodable(f"the body is not JSON: {reason(error)}", position)


# --- What common encoders write although it is no JSON --------------------------------------------------------------
# Python's writes NaN and Infinity; Python's and JavaScript's cut characters in half where a text was cut. Somewhere in
# a prompt they must not cost the whole batch.

# A text without an end reaches to the body's: else each quote in it would begin a search to there of its own.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|-?Infinity|NaN', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]|NaN|Infinity")
_HALF = 6  # bytes of one escaped half
_NUL = rb"\u0000"  # in a field of ours it is rejected as a control character, with its event alone


def _mended(body: bytes) -> bytes:
    """The body itself where there is nothing to mend, found out fast: a broken body may be long."""
    return _TOKEN.sub(_mended_token, body) if _SUSPECT.search(body) else body


def _mended_token(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if not token.startswith(b'"'):
        return b"null"
    return _ESCAPE.sub(_mended_escape, token) if b"\\u" in token else token


def _mended_escape(found: re.Match[bytes]) -> bytes:
    return _NUL if len(found[0]) == _HALF and found[0][2:3] in b"dD" else found[0]

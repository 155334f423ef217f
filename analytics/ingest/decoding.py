"""Bytes to typed events, whatever the framing: a JSON array, one object, or one object a line.

Only the fields that a type names are kept: prompts and answers are skipped while parsing. One event that does not fit
its type is `Rejected` alone; a body that is no JSON at all is `Undecodable` as a whole.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec

from analytics.ingest.draft import Rejected, reason
from analytics.ingest.mending import Mender, place_before

MAX_EVENTS = 10_000
MAX_OWN_EVENT = 1 << 20  # bytes up to which an event is looked at field by field
MAX_DEEP = 200_000  # brackets of one body that are too deep to be passed over

T = TypeVar("T")

_BYTE = re.compile(r"\(?byte (\d+)\)?")
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_NULL = b"null"
_SPACES = re.compile(rb"[ \t\r\n]*+")
_LINE = re.compile(rb"[^ \t\r\n][^\n]*+")
_GAP = re.compile(rb"[ \t\r\n,]*+")
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^ \t\r\n,\]]++', re.DOTALL)
_END = ord("]")


def _flat(depth: int) -> bytes:
    """A pattern for what has no bracket without its partner and is nested at most so deep."""
    bracketed = rb"|[\[{]" + _flat(depth - 1) + rb"[\]}]" if depth else b""
    return rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"' + bracketed + rb")*+"


# Up to the next bracket whose partner is elsewhere. Each one found is a step of Python's, which costs as much as a
# hundred bytes: so what is nested as deep as events are is passed over in one go.
_BRACKET = re.compile(_flat(8) + rb"[\[\]{}]", re.DOTALL)


class Undecodable(ValueError):  # noqa: N818  # a verdict on a body
    """Nothing of the body can be read. `position`: byte offset of the fault in the body as it came, where known."""

    def __init__(self, fault: str, position: int | None = None) -> None:
        super().__init__(fault)
        self.reason = fault
        self.position = position


class TooMuch(Undecodable):
    """More of something than one request may hold; told before it takes memory."""

    def __init__(self, most: int, of_what: str) -> None:
        super().__init__(f"more than {most:,} {of_what}")


class TooManyEvents(TooMuch):
    def __init__(self) -> None:
        super().__init__(MAX_EVENTS, "events in one request")


class Decoder:
    """Reads bodies of events of one msgspec type. `nullable`: null is an event too, told as None."""

    def __init__(self, type_: type[Counted], *, nullable: bool = False) -> None:
        self._one = msgspec.json.Decoder(type_ | None if nullable else type_)
        self._many = msgspec.json.Decoder(list[type_])  # type: ignore[valid-type]  # nulls would not be counted

    def decode(self, body: bytes) -> list[Any]:
        """One entry an event, in order: a value of the type, or Rejected. Raises Undecodable."""
        body = _without_mark(body)
        start = _start(body)
        if start == len(body):
            raise Undecodable("the body is empty", start)
        read = self._array if body.startswith(b"[", start) else self._objects
        mender = Mender()
        return _mending(body, lambda text: read(text, mender), mender)

    def _array(self, body: bytes, mender: Mender) -> list[Any]:
        allow_events()
        try:
            return list(self._many.decode(body))
        except Spent:
            raise TooManyEvents from None
        except (msgspec.ValidationError, UnicodeError):
            _check(body)
            return self._each(_elements(body), mender)
        except FAULTS as error:
            raise _undecodable(error, len(body)) from error

    def _objects(self, body: bytes, mender: Mender) -> list[Any]:
        """One object, which may stand on several lines, or one object a line."""
        try:
            _check(body)
        except Undecodable:
            if not any(map(_is_event, islice(_lines(body), MAX_EVENTS))):
                raise
            return self._each(_lines(body), mender)
        start = _start(body)
        if not body.startswith((b"{", _NULL), start):
            raise Undecodable("the body is neither a JSON array nor a JSON object", start)
        return self._each([body], mender)

    def _each(self, pieces: Iterable[bytes], mender: Mender) -> list[Any]:
        found: list[Any] = []
        for piece in pieces:
            if len(found) == MAX_EVENTS:
                raise TooManyEvents
            allow_events()
            found.append(self._element(piece, mender))
        return found

    def _element(self, text: bytes, mender: Mender) -> Any:
        try:
            return self._one.decode(text)
        except msgspec.ValidationError:
            again = _without_nulls(text)  # null is absent; it is rare, so it pays here
        except FAULTS:
            again = mender.mend(text)
        try:
            return self._one.decode(again)
        except FAULTS as error:
            return Rejected(reason(error))


def decode_document(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as the one thing that `decoder` decodes. Raises Undecodable."""
    return _mending(_without_mark(body), lambda text: _document(text, decoder), Mender())


def _document(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    allow_events()
    try:
        return decoder.decode(body)
    except Spent:
        raise TooManyEvents from None
    except msgspec.ValidationError as error:
        raise Undecodable(reason(error)) from error
    except FAULTS as error:
        raise _undecodable(error, len(body)) from error


def _mending(body: bytes, read: Callable[[bytes], T], mender: Mender) -> T:
    """What is read of the body, or else of the body mended. Raises Undecodable with the place in what came."""
    try:
        return read(body)
    except TooMuch:
        raise
    except Undecodable:
        mended = mender.mend(body)
        if mended is body:
            raise
    try:
        return read(mended)
    except Undecodable as fault:
        if fault.position is None:
            raise
        place = place_before(body, fault.position)
        raise Undecodable(_BYTE.sub(f"(byte {place})", fault.reason), place) from fault


def _without_mark(body: bytes) -> bytes:
    """With spaces in the place of a byte order mark, so that everything else keeps its own."""
    return b"".join((b"   ", memoryview(body)[3:])) if body.startswith(_BOM) else body


def _start(body: bytes) -> int:
    return _SPACES.match(body).end()  # type: ignore[union-attr]  # it matches nothing at worst


# --- In proportion to the body --------------------------------------------------------------------------------------
# Two bytes of JSON can become hundreds of bytes of objects. What a body may hold many of is counted while it is read.


class _Allowance(threading.local):
    objects = 0


_allowance = _Allowance()


class Spent(Exception):  # noqa: N818
    """No ValueError: msgspec would take that for a fault of the event."""


class Counted(msgspec.Struct):
    """Base of types of which a body could hold very many."""

    def __post_init__(self) -> None:
        _allowance.objects -= 1
        if _allowance.objects < 0:
            raise Spent


def allow(number: int) -> None:
    """Lets this thread decode so many `Counted` from here on."""
    _allowance.objects = number


def allow_events() -> None:
    allow(MAX_EVENTS)


def _elements(body: bytes) -> Iterator[bytes]:
    """The texts of the elements of an array, which is known to be JSON: no pattern can fail to match."""
    deep = iter(range(MAX_DEEP))
    at = _GAP.match(body, _start(body) + 1).end()  # type: ignore[union-attr]
    while body[at] != _END:
        end = _end_of_value(body, at, deep)
        yield body[at:end]
        at = _GAP.match(body, end).end()  # type: ignore[union-attr]


def _end_of_value(body: bytes, start: int, deep: Iterator[int]) -> int:
    """`deep` has an entry for each step that may be taken."""
    if body[start] not in b"[{":
        return _SCALAR.match(body, start).end()  # type: ignore[union-attr]
    at, depth = start + 1, 1
    while depth:
        if next(deep, None) is None:
            raise Undecodable("too much of the body is nested too deeply")
        at = _BRACKET.match(body, at).end()  # type: ignore[union-attr]
        depth += 1 if body[at - 1] in b"[{" else -1
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
FAULTS = (msgspec.DecodeError, UnicodeError, RecursionError)


def _check(body: bytes) -> None:
    """Raises Undecodable where the body is no JSON; nothing of it becomes an object."""
    try:
        _ANYTHING.decode(body)
    except FAULTS as error:
        raise _undecodable(error, len(body)) from error


def _is_event(line: bytes) -> bool:
    try:
        _ANYTHING.decode(line)
    except FAULTS:
        return False
    return line.startswith((b"{", _NULL))


def _undecodable(error: Exception, size: int) -> Undecodable:
    if isinstance(error, RecursionError):
        return Undecodable("the body is nested too deeply")
    found = _BYTE.search(str(error))
    position = int(found[1]) if found else size
    return Undecodable(f"the body is not JSON: {reason(error)}", position)

"""Bytes to typed events, whatever the framing: a JSON array, one object, or one object a line.

Only the fields that a type names are kept: prompts and answers are skipped while parsing. One event that does not fit
its type is `Rejected` alone; a body that is no JSON at all is `Undecodable` as a whole.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from analytics.ingest.draft import Rejected, reason

T = TypeVar("T")
_BYTE = re.compile(r"\(?byte (\d+)\)?")
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class Undecodable(ValueError):  # noqa: N818  # a verdict on a body
    """Nothing of the body can be read. `position`: byte offset of the fault in the decoded body, where known."""

    def __init__(self, fault: str, position: int | None = None) -> None:
        super().__init__(fault)
        self.reason = fault
        self.position = position


class Decoder:
    """Reads bodies of events of one msgspec type."""

    def __init__(self, type_: Any) -> None:
        self._one = msgspec.json.Decoder(type_)
        self._many = msgspec.json.Decoder(list[type_])

    def decode(self, body: bytes) -> list[Any]:
        """One entry an event, in order: a value of the type, or Rejected. Raises Undecodable."""
        body = body.removeprefix(_BOM).strip(_SPACE)
        if not body:
            raise Undecodable("the body is empty", 0)
        if body[:1] not in (b"[", b"{"):
            raise Undecodable("the body is neither a JSON array nor a JSON object", 0)
        read = self._array if body.startswith(b"[") else self._objects
        try:
            return read(body)
        except Undecodable:
            mended = _mended(body)
            if mended == body:
                raise
        return read(mended)

    def _array(self, body: bytes) -> list[Any]:
        try:
            return list(self._many.decode(body))
        except (msgspec.ValidationError, UnicodeError):
            return [self._element(raw) for raw in _taken_apart(body, _ARRAY)]
        except _FAULTS as error:
            raise _undecodable(error, len(body)) from error

    def _objects(self, body: bytes) -> list[Any]:
        """One object, which may stand on several lines, or one object a line."""
        lines = [line for line in map(_stripped, body.split(b"\n")) if line]
        if len(lines) > 1 and _is_object(lines[0]):
            return [self._element(line) for line in lines]
        _taken_apart(body, _OBJECT)
        return [self._element(body)]

    def _element(self, raw: bytes | msgspec.Raw) -> Any:
        try:
            return self._one.decode(raw)
        except msgspec.ValidationError:
            again = _without_nulls(raw)  # null is absent; it is rare, so it pays here
        except _FAULTS:
            again = _mended(bytes(raw))
        try:
            return self._one.decode(again)
        except _FAULTS as error:
            return Rejected(reason(error))


def _without_nulls(raw: bytes | msgspec.Raw) -> bytes:
    """The object without the fields that are null; as it is where it is none."""
    try:
        fields = _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return bytes(raw)
    return msgspec.json.encode({name: value for name, value in fields.items() if bytes(value) != b"null"})


_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FAULTS = (msgspec.DecodeError, UnicodeError, RecursionError)


def _taken_apart(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    try:
        return decoder.decode(body)
    except _FAULTS as error:
        raise _undecodable(error, len(body)) from error


def _is_object(line: bytes) -> bool:
    try:
        _OBJECT.decode(line)
    except _FAULTS:
        return False
    return True


def _stripped(line: bytes) -> bytes:
    return line.strip(_SPACE)


def _undecodable(error: Exception, size: int) -> Undecodable:
    if isinstance(error, RecursionError):
        return Undecodable("the body is nested too deeply")
    found = _BYTE.search(str(error))
    position = int(found[1]) if found else size
    return Undecodable(f"the body is not JSON: {reason(error)}", position)


# --- What common encoders write although it is no JSON --------------------------------------------------------------
# Python's writes NaN and Infinity; Python's and JavaScript's cut characters in half where a text was cut. Somewhere in
# a prompt they must not cost the whole batch.

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
_HALF = 6  # bytes of one escaped half
_NUL = rb"\u0000"  # in a field of ours it is rejected as a control character, with its event alone


def _mended(body: bytes) -> bytes:
    return _TOKEN.sub(_mended_token, body)


def _mended_token(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if not token.startswith(b'"'):
        return b"null"
    return _ESCAPE.sub(_mended_escape, token) if b"\\u" in token else token


def _mended_escape(found: re.Match[bytes]) -> bytes:
    return _NUL if len(found[0]) == _HALF and found[0][2:3] in b"dD" else found[0]

"""What common encoders write although it is no JSON, made JSON: somewhere in a prompt it must not cost the whole batch.

Python's encoder writes NaN and Infinity; Python's and JavaScript's cut characters in half where a text was cut. In:
bytes. Out: the same with `null` and U+0000 in their places. In proportion to the body: what is whole is passed over
in one go, and of what is broken only so much is mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

MAX_MENDED = 100_000  # faults of one body

_HALF = rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_WHOLE = rb'(?:[^"\\]++|' + _PAIR + rb"|(?!" + _HALF + rb")\\.)*+"  # of a text, up to its end or half a character
_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]|NaN|Infinity")
_half = re.compile(_HALF)
_inside = re.compile(_WHOLE, re.DOTALL)
_outside = re.compile(rb'(?:[^"NI-]++|"' + _WHOLE + rb'"|N(?!aN)|I(?!nfinity)|-(?!Infinity))*+', re.DOTALL)
_number = re.compile(rb"-?Infinity|NaN")
_NUL = rb"\u0000"  # in a field of ours it is rejected as a control character, with its event alone


class Mender:
    """Mends one body, whole or piece by piece."""

    def __init__(self) -> None:
        self._left = MAX_MENDED

    def mend(self, text: bytes) -> bytes:
        """The very text where there is nothing to mend, found out fast, or more than is left to be mended."""
        if not _SUSPECT.search(text):
            return text
        mended, seen, at = BytesIO(), memoryview(text), 0
        for start, end, instead in _faults(text):
            self._left -= 1
            if self._left < 0:
                return text
            mended.write(seen[at:start])
            mended.write(instead)
            at = end
        mended.write(seen[at:])
        return mended.getvalue() if at else text


def place_before(text: bytes, place: int) -> int:
    """Where in the text began what is at this place of it mended."""
    shift = 0
    for start, end, instead in _faults(text):
        if place <= start + shift:
            break
        shift += len(instead) - (end - start)
    return place - shift


def _faults(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start, end, and what is to stand there, in order. The patterns match nothing at worst."""
    at = 0
    while (at := _outside.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        if number := _number.match(text, at):
            at = number.end()
            yield number.start(), at, b"null"
            continue
        at += 1  # a text with halves of characters, or without an end
        while half := _half.match(text, at := _inside.match(text, at).end()):  # type: ignore[union-attr]
            at = half.end()
            yield half.start(), at, _NUL
        at += 1

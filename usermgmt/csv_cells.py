"""CSV for people who open it in a spreadsheet: streamed, and text that would be run as a formula is disarmed.

In: columns and lines of plain values. Out: pieces of a CSV file; the first begins with a byte order mark, so that
Excel reads it as UTF-8.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Sequence

BYTE_ORDER_MARK = "\ufeff"
LINES_A_PIECE = 1_000
_FORMULA = re.compile("[ \u00a0\u3000]*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")

Cell = str | int | dt.date | None


def disarm(text: str) -> str:
    """`text`, with a leading apostrophe if a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def pieces(columns: Sequence[str], lines: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The file with these columns and lines. Nothing is held in memory but a piece of it."""
    piece = io.StringIO()
    writer = csv.writer(piece)
    piece.write(BYTE_ORDER_MARK)
    writer.writerow(columns)
    for number, line in enumerate(lines, start=1):
        writer.writerow([disarm(cell) if isinstance(cell, str) else cell for cell in line])
        if number % LINES_A_PIECE == 0:
            yield piece.getvalue()
            piece.seek(0)
            piece.truncate()
    yield piece.getvalue()


def instant(moment: dt.datetime | None) -> str | None:
    """The moment as ISO text in UTC, to the second."""
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds") if moment else None

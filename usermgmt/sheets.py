"""Rows of the tables that people hand over: CSV (plain or gzip) and Excel, with the line each one stands on.

In: a path. Out: the columns, then row after row as it is read. What cannot be read at all is `UnreadableFile`; a line
that is no row is `Damaged`, and its neighbours are still read. Memory stays bounded whatever the file holds.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

if TYPE_CHECKING:
    Reader = io.BufferedReader[Any]

MAX_LINE = 16 * 1024 * 1024  # characters: content columns may be long, a file without line ends may not
MAX_WORKBOOK_BYTES = 1024 * 1024 * 1024  # unpacked
MAX_SHEET_ROWS = 1_048_576  # Excel's own limit; a crafted sheet names rows far beyond
READING_ERRORS = (OSError, EOFError, zlib.error, UnicodeDecodeError)
_DELIMITERS = ",;\t|"
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class UnreadableFile(Exception):  # noqa: N818  # reads better where it is raised
    """A file that cannot be read, or not to its end; the message names the file and is for people."""


class UnmatchedColumns(Exception):  # noqa: N818
    """The columns of a file do not give what is needed; the message is for people."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Why a line is not a row."""

    reason: str


Row = tuple[int, Sequence[Any] | Damaged]  # line number from 1, values of the wanted columns


class TableFile(ABC):
    """An open file of rows with named columns. Use it as a context manager."""

    path: Path
    size: int  # bytes on disk
    columns: list[str]
    typed: bool = False  # whether values have types of their own, or are all text

    @abstractmethod
    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """The values of the wanted columns (each may be asked for twice). Raises UnreadableFile, also half-way."""

    @property
    @abstractmethod
    def position(self) -> int:
        """How many of `size` bytes have been read."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


# --- Bytes --------------------------------------------------------------------------------------------------------
def open_bytes(path: Path) -> IO[bytes]:
    """The file as it lies on disk, not empty. Raises UnreadableFile."""
    try:
        if not path.is_file():
            wrong = _("%(file)s is not a file.") if path.exists() else _("%(file)s does not exist.")
            raise UnreadableFile(wrong % {"file": path})
        if not path.stat().st_size:
            raise UnreadableFile(_("%(file)s is empty.") % {"file": path})
        return path.open("rb")
    except OSError as error:
        raise reading_problem(path, error) from error


def unpacked(path: Path, raw: IO[bytes]) -> Reader:
    """The bytes of `raw`, unpacked where they are gzip. Raises UnreadableFile where there are none."""
    packed = raw.read(2) == _GZIP
    raw.seek(0)
    source = gzip.GzipFile(fileobj=raw) if packed else raw
    reader: Reader = io.BufferedReader(cast("io.RawIOBase", source), 1 << 18)
    try:
        if not reader.peek(1):
            raise UnreadableFile(_("%(file)s is empty.") % {"file": path})
    except READING_ERRORS as error:
        raise reading_problem(path, error) from error
    return reader


def reading_problem(path: Path, error: Exception) -> UnreadableFile:
    """What a failed read means: a packed file cut short or damaged, a wrong encoding, a disk that gives up."""
    said: dict[str, object] = {"file": path, "error": error}
    if isinstance(error, EOFError):
        return UnreadableFile(_("%(file)s ends in the middle: the gzip file is truncated.") % said)
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        return UnreadableFile(_("%(file)s is damaged: %(error)s.") % said)
    if isinstance(error, UnicodeDecodeError):
        said["byte"] = f"0x{error.object[error.start]:02x}"
        return UnreadableFile(_("%(file)s is not UTF-8 (byte %(byte)s): save it as UTF-8.") % said)
    return UnreadableFile(_("%(file)s cannot be read: %(error)s.") % said)


def refuse_binary(path: Path, reader: Reader) -> None:
    """Raises UnreadableFile unless the file begins like text."""
    head = reader.peek(4096)
    if head.startswith(_UTF_16):
        raise UnreadableFile(_("%(file)s is UTF-16: save it as UTF-8.") % {"file": path})
    if b"\x00" in head:
        raise UnreadableFile(_("%(file)s is a binary file, not text.") % {"file": path})


# --- CSV ----------------------------------------------------------------------------------------------------------
class CsvFile(TableFile):
    """First line: the columns. Comma, semicolon, tab or bar between cells; UTF-8, with or without BOM."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw = open_bytes(path)
        try:
            self.size = path.stat().st_size
            reader = unpacked(path, self._raw)
            refuse_binary(path, reader)
            self._text = io.TextIOWrapper(reader, encoding="utf-8-sig", newline="")  # kept: it closes what it reads
            lines = self._lines(self._text)
            header = next(lines, "")
            self._reader = csv.reader(itertools.chain([header], lines), delimiter=_delimiter(header), strict=True)
            self.columns = self._header()
        except BaseException:
            self.close()
            raise

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        csv.field_size_limit(MAX_LINE)
        reader, width = self._reader, len(self.columns)
        pick = _picker([self.columns.index(name) for name in wanted])
        while True:
            line = reader.line_num + 1
            try:
                for cells in reader:
                    if len(cells) == width:
                        yield line, pick(cells)
                    elif cells:  # blank lines are no rows
                        yield line, Damaged(_uneven(len(cells), width))
                    line = reader.line_num + 1
                return
            except csv.Error as error:
                yield line, Damaged(_quoting_problem(error, line, reader.line_num))

    @property
    def position(self) -> int:
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        try:
            while line := text.readline(MAX_LINE):
                if len(line) == MAX_LINE:
                    raise UnreadableFile(
                        _("%(file)s has a line of %(count)s characters or more.")
                        % {"file": self.path, "count": number_format(MAX_LINE, force_grouping=True)}
                    )
                yield line
        except READING_ERRORS as error:
            raise reading_problem(self.path, error) from error

    def _header(self) -> list[str]:
        try:
            columns = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise UnreadableFile(
                _("%(file)s does not begin with a line of column names: %(error)s.")
                % {"file": self.path, "error": error}
            ) from error
        return checked_columns(self.path, columns)


def checked_columns(path: Path, columns: list[str]) -> list[str]:
    """`columns`, if they are names by which cells can be found. Raises UnreadableFile."""
    named = [name for name in columns if name]
    if not named or not all(name.isprintable() for name in named):
        raise UnreadableFile(_("%(file)s does not begin with a line of column names.") % {"file": path})
    if twins := sorted({name for name in named if named.count(name) > 1}):
        raise UnreadableFile(
            _("%(file)s has several columns named %(names)s.") % {"file": path, "names": ", ".join(twins)}
        )
    return columns


def _picker(indices: Sequence[int]) -> Callable[[list[str]], Sequence[str]]:
    """Takes these cells out of a row."""
    return itemgetter(*indices) if len(indices) > 1 else lambda cells: [cells[index] for index in indices]


def _delimiter(header: str) -> str:
    """The separator that stands most often outside of quotes in the first line."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=bare.count)


def _uneven(cells: int, width: int) -> str:
    return ngettext(
        "%(cells)s cell where the first line has %(width)s", "%(cells)s cells where the first line has %(width)s", cells
    ) % {"cells": cells, "width": width}


def _quoting_problem(error: csv.Error, first: int, last: int) -> str:
    if "unexpected end of data" in str(error):
        return _("a quoted cell is never closed: lines %(first)s to %(last)s could not be read") % {
            "first": first,
            "last": last,
        }
    return _("not valid CSV: %(error)s") % {"error": error}


# --- Excel --------------------------------------------------------------------------------------------------------
class ExcelFile(TableFile):
    """The first sheet of an .xlsx workbook, read only. A formula counts as the value it was last saved with."""

    typed = True

    def __init__(self, path: Path, max_bytes: int = MAX_WORKBOOK_BYTES, max_columns: int | None = None) -> None:
        """`max_bytes`: unpacked. Columns beyond `max_columns` are as if they were not there."""
        self.path = path
        self._max_columns = max_columns
        self._raw = open_bytes(path)
        try:
            self.size = path.stat().st_size
            self._sheet = _first_sheet(path, self._raw, max_bytes)
            self._rows = enumerate(self._sheet_rows(), start=1)
            _line, header = next(self._rows, (1, ()))
            self.columns = checked_columns(path, [_column_name(cell) for cell in header])
        except BaseException:
            self.close()
            raise

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        indices = [self.columns.index(name) for name in wanted]
        for line, cells in self._rows:
            filled = [*cells, *itertools.repeat(None, len(self.columns) - len(cells))]
            if any(cell is not None for cell in cells):
                yield line, [filled[index] for index in indices]

    @property
    def position(self) -> int:
        return min(self.size, self._raw.tell())

    def close(self) -> None:
        self._raw.close()

    def _sheet_rows(self) -> Iterator[tuple[Any, ...]]:
        try:
            for line, cells in enumerate(self._sheet.iter_rows(values_only=True, max_col=self._max_columns), start=1):
                if line > MAX_SHEET_ROWS:
                    count = number_format(MAX_SHEET_ROWS, force_grouping=True)
                    raise UnreadableFile(
                        _("%(file)s has more than %(count)s rows.") % {"file": self.path, "count": count}
                    )
                yield cells
        except UnreadableFile:
            raise
        except Exception as error:  # a crafted workbook fails anywhere inside the XML reader
            raise _no_workbook(self.path, error) from error


def _first_sheet(path: Path, raw: IO[bytes], max_bytes: int) -> Any:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(raw) as archive:
            if sum(member.file_size for member in archive.infolist()) > max_bytes:
                raise UnreadableFile(
                    _("%(file)s unpacks to more than %(size)s MiB.") % {"file": path, "size": max_bytes >> 20}
                )
        raw.seek(0)
        sheet = load_workbook(raw, read_only=True, data_only=True, keep_links=False).worksheets[0]
        sheet.reset_dimensions()  # what the file says about its own extent may be wrong
    except UnreadableFile:
        raise
    except Exception as error:  # as above
        raise _no_workbook(path, error) from error
    return sheet


def _no_workbook(path: Path, error: Exception) -> UnreadableFile:
    said = {"file": path, "error": f"{type(error).__name__} {error}".strip()}
    return UnreadableFile(_("%(file)s is not a readable Excel workbook (.xlsx): %(error)s") % said)


def _column_name(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


# --- Columns ------------------------------------------------------------------------------------------------------
def match_columns(
    columns: Sequence[str], fields: Collection[str], mapping: Mapping[str, str], required: Collection[str] = ()
) -> dict[str, str]:
    """Our field → the file's column that feeds it: as `mapping` says, else the column of the same name.

    Names are compared without regard to case, spaces and hyphens. A field mapped to "" is left out. One column may
    feed several fields. Raises UnmatchedColumns.
    """
    known = {_plain(name): name for name in reversed(columns) if name}
    wanted = {field: mapping.get(field, field) for field in fields}
    absent = sorted({theirs for theirs in mapping.values() if theirs and _plain(theirs) not in known})
    if absent:
        raise UnmatchedColumns(f"there is no column {', '.join(absent)}; there are {', '.join(filter(None, columns))}")
    matched = {field: known[_plain(theirs)] for field, theirs in wanted.items() if _plain(theirs) in known}
    missing = [field for field in required if field not in matched]
    if missing:
        raise UnmatchedColumns(
            f"no column gives {' and '.join(missing)}; there are {', '.join(filter(None, columns))} "
            f"(--map {missing[0]}=COLUMN names one)"
        )
    return matched


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")

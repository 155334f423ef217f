"""Files of usage history as rows: CSV and JSON lines (plain or gzip) and Parquet, read once, in bounded memory.

In: a path. Out: a `TableFile`; each row is the values of the wanted columns, with its line (Parquet: row) number.
Columns that nobody asks for, prompts and answers above all, are not looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from usermgmt.sheets import (
    MAX_LINE,
    READING_ERRORS,
    CsvFile,
    Damaged,
    Row,
    TableFile,
    UnreadableFile,
    checked_columns,
    open_bytes,
    reading_problem,
    refuse_binary,
    unpacked,
)

_LOOK_AHEAD = 100  # lines that tell the columns of a file without a header
_PARQUET = b"PAR1"
_PARQUET_ROWS = 8_192  # decoded at a time

Line = tuple[int, dict[str, Any] | Damaged]


def open_file(path: Path) -> TableFile:
    """The open file, its columns known and nothing else read. Raises UnreadableFile."""
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind in (".csv", ".tsv", ".txt"):
        return CsvFile(path)
    if kind in (".jsonl", ".ndjson", ".json"):
        return JsonLinesFile(path)
    if kind in (".parquet", ".pq"):
        return ParquetFile(path)
    raise UnreadableFile(f"{path}: only .csv, .jsonl and .parquet are read (.csv.gz and .jsonl.gz too).")


class JsonLinesFile(TableFile):
    """One JSON object a line. `columns` are the keys of the first lines."""

    typed = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw = open_bytes(path)
        try:
            self.size = path.stat().st_size
            self._reader = unpacked(path, self._raw)  # kept: a reader that nobody holds closes what it reads
            refuse_binary(path, self._reader)
            lines = self._lines(self._reader)
            head = list(itertools.islice(lines, _LOOK_AHEAD))
            self.columns = checked_columns(path, self._keys(head))
            self._rest = itertools.chain(head, lines)
        except BaseException:
            self.close()
            raise

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        for line, found in self._rest:
            yield line, found if isinstance(found, Damaged) else [found.get(name) for name in wanted]

    @property
    def position(self) -> int:
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()

    def _lines(self, reader: IO[bytes]) -> Iterator[Line]:
        try:
            for number in itertools.count(1):
                text = reader.readline(MAX_LINE)
                if not text:
                    return
                if len(text) == MAX_LINE:
                    raise UnreadableFile(f"{self.path} has a line of {MAX_LINE:,} bytes or more.")
                if number == 1:
                    text = text.removeprefix(b"\xef\xbb\xbf")
                if not text.isspace():
                    yield number, _decoded(text)
        except READING_ERRORS as error:
            raise reading_problem(self.path, error) from error

    def _keys(self, head: list[Line]) -> list[str]:
        objects = [found for _line, found in head if isinstance(found, dict)]
        if not objects:
            reason = next((found.reason for _line, found in head if isinstance(found, Damaged)), "there is no line")
            raise UnreadableFile(f"{self.path} does not hold one JSON object a line: {reason}.")
        return list(dict.fromkeys(key for found in objects for key in found))


def _decoded(text: bytes) -> dict[str, Any] | Damaged:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Damaged(f"not a JSON object: {error}")


class ParquetFile(TableFile):
    """Only the wanted columns leave the disk; numbers, booleans and times keep their types."""

    typed = True

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        self._raw = open_bytes(path)
        try:
            self.size = path.stat().st_size
            if self._raw.read(4) != _PARQUET:
                raise UnreadableFile(f"{path} is not a Parquet file.")
            self._file = pq.ParquetFile(self._raw)
            self.columns = checked_columns(path, self._file.schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            self.close()
            raise UnreadableFile(f"{path} is a damaged Parquet file: {error}.") from error
        except BaseException:
            self.close()
            raise
        self._read = 0

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        import pyarrow as pa

        try:
            for batch in self._file.iter_batches(_PARQUET_ROWS, columns=sorted(set(wanted))):
                columns = [_values(batch.column(name)) for name in wanted]
                yield from enumerate(zip(*columns, strict=True), start=self._read + 1)
                self._read += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFile(f"{self.path} is damaged: {error}.") from error

    @property
    def position(self) -> int:
        return self.size * self._read // (self._file.metadata.num_rows or 1)

    def close(self) -> None:
        self._raw.close()


def _values(column: Any) -> list[Any]:
    """Python values; times to the microsecond, which is what the database keeps."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values

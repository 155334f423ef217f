"""What every import command has in common: its arguments, its progress bar, its file of rejected rows, its summary.

Results go to standard output; the bar goes to standard error, and only where that is a terminal.
"""

from __future__ import annotations

import csv
import os
import re
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from usermgmt.csv_cells import disarm

REASONS_SHOWN = 5
REASONS_KEPT = 1_000
_NUMBER = re.compile(r"-?[0-9.]+")
INTERRUPTED = 130  # the exit code that shells expect of a program stopped by Ctrl-C


def add_common_arguments(parser: CommandParser, fields: Sequence[str]) -> None:
    parser.add_argument(
        "--map", dest="mapping", action="append", type=pair, default=[], metavar="OURS=THEIRS",
        help="The field OURS is fed by the file's column THEIRS. May be repeated; one column may feed several fields; "
        f"an empty THEIRS leaves the field out. Fields: {', '.join(fields)}.",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="Check every row, say what is wrong, store nothing.")
    parser.add_argument(
        "--rejects", type=Path, metavar="FILE",
        help="Where rejected rows go: CSV with file, line, reason and what the row says. "
        "Default: NAME.rejected.csv in the current folder, where that can be written to, or beside the input.",
    )  # fmt: skip


def pair(text: str) -> tuple[str, str]:
    """`ours=theirs` taken apart."""
    ours, sign, theirs = text.partition("=")
    if not sign or not ours.strip():
        raise ArgumentTypeError(f"'{text}' is not OURS=THEIRS")
    return ours.strip(), theirs.strip()


def mapping_of(pairs: Sequence[tuple[str, str]], fields: Sequence[str]) -> dict[str, str]:
    """Ours → theirs. Raises CommandError for what is no field of ours."""
    for ours, _theirs in pairs:
        if ours not in fields:
            raise CommandError(f"--map {ours}=…: there is no field {ours}. Fields: {', '.join(fields)}.")
    return dict(pairs)


# --- Progress -----------------------------------------------------------------------------------------------------
class _RateColumn(ProgressColumn):
    """Rows so far, and rows a second."""

    def render(self, task: Task) -> Text:
        rows = task.fields.get("rows", 0)
        rate = rows / task.elapsed if task.elapsed else 0
        return Text(f"{rows:,} rows  {rate:,.0f}/s", style="progress.data.speed")


def progress_bar() -> Progress:
    """A bar with rows, rate and time left; tasks carry a field `rows`."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)


# --- Rejected rows ------------------------------------------------------------------------------------------------
class RejectsFile:
    """The rejected rows as CSV, one column per field of ours, so that a corrected copy can be imported.

    Made with the first rejected row, so that a clean import leaves no file. `reasons` counts what was wrong.
    """

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        self.path = path
        self.count = 0
        self.reasons: Counter[str] = Counter()
        self._fields = fields
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def add(self, file: Path, line: int, reason: str, fields: dict[str, Any]) -> None:
        if self._file is None:
            # A lone surrogate, which JSON can smuggle in, has no UTF-8.
            self._file = self.path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
            csv.writer(self._file).writerow(["file", "line", "reason", *self._fields])
        self.count += 1
        if reason in self.reasons or len(self.reasons) < REASONS_KEPT:  # a reason may quote its row
            self.reasons[reason] += 1
        cells = [_cell(fields.get(name)) for name in self._fields]
        csv.writer(self._file).writerow([disarm(str(file)), line, disarm(reason), *cells])


def rejects_path(given: Path | None, inputs: Sequence[Path]) -> Path:
    """Where rejected rows go. Raises CommandError where an input would be overwritten or nothing can be written."""
    if given is None:
        name = f"{inputs[0].name.split('.')[0]}.rejected.csv"
        given = next((folder / name for folder in (Path(), inputs[0].parent) if os.access(folder, os.W_OK)), Path(name))
    if any(given.resolve() == path.resolve() for path in inputs):
        raise CommandError(f"--rejects {given} would overwrite an input.")
    if given.is_dir() or not os.access(given.parent, os.W_OK):
        raise CommandError(f"Rejected rows cannot be written to {given}: name a file with --rejects.")
    return given


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value if _NUMBER.fullmatch(value) else disarm(value)
        case datetime():
            return value.isoformat()
        case bool() | int() | float():
            return str(value).lower()
        case _:
            return disarm(msgspec.json.encode(value, enc_hook=str).decode())


# --- Summary ------------------------------------------------------------------------------------------------------
def summary(figures: dict[str, str]) -> str:
    """Names and figures below each other, figures to the right."""
    wide, narrow = (max(map(len, column)) for column in (figures.keys(), figures.values()))
    return "\n".join(f"  {name:<{wide}}  {figure:>{narrow}}" for name, figure in figures.items())


def reasons_text(reasons: Counter[str]) -> str:
    """The most frequent reasons, one a line."""
    lines = [f"  {count:>9,} × {reason}" for reason, count in reasons.most_common(REASONS_SHOWN)]
    if len(reasons) > REASONS_SHOWN:
        lines.append("            and others")
    return "\n".join(lines)

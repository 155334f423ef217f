"""`manage.py import_events FILE…`: usage history out of files, exactly once, with what was wrong said row by row."""

from __future__ import annotations

import datetime as dt
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from rich.progress import Progress

from analytics.ingest.columns import Columns
from analytics.ingest.draft import FIELDS
from analytics.ingest.files import open_file
from analytics.ingest.load import Batch, Tally, batches, store
from analytics.rollups.fold import fold_pending
from usermgmt.management.imports import (
    INTERRUPTED,
    RejectsFile,
    add_common_arguments,
    mapping_of,
    progress_bar,
    reasons_text,
    rejects_path,
    summary,
)
from usermgmt.sheets import TableFile, UnmatchedColumns, UnreadableFile

MAX_SOURCE = 40
FOLD_WAIT_S = 60.0

_Input = tuple[TableFile, Columns]


@dataclass(frozen=True, slots=True)
class _Job:
    """What the command line asked for."""

    source: str
    now: dt.datetime
    batch_size: int
    dry_run: bool


class Command(BaseCommand):
    help = (
        "Imports usage events from CSV, JSON lines and Parquet files (CSV and JSON lines also .gz). Columns are found "
        "by name; event_id and occurred_at are required; columns that are no field of ours (prompts, answers) are "
        "ignored. Times need a UTC offset. Every batch is committed: after Ctrl-C the same command goes on, and rows "
        "that are stored already count as duplicates. The exit code is 1 if any row was rejected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        add_common_arguments(parser, FIELDS)
        parser.add_argument(
            "--source", type=_source, default="import", metavar="NAME",
            help="The id space of the files: the same event id from two sources is two events. Default: import.",
        )  # fmt: skip
        parser.add_argument(
            "--naive-zone", type=_zone, metavar="ZONE",
            help="The time zone of times without an offset, such as Europe/Berlin. Without it such rows are rejected.",
        )  # fmt: skip
        parser.add_argument(
            "--batch-size", type=_batch_size, default=10_000, metavar="ROWS", help="Rows a commit. Default: 10000."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        paths: list[Path] = options["files"]
        mapping = mapping_of(options["mapping"], FIELDS)
        job = _Job(options["source"], dt.datetime.now(dt.UTC), options["batch_size"], options["dry_run"])
        rejects = RejectsFile(rejects_path(options["rejects"], paths), FIELDS)
        with ExitStack() as stack:
            inputs = [_open(path, mapping, options["naive_zone"], stack) for path in paths]
            self._say_ignored(inputs)
            stack.enter_context(rejects)
            stopped = self._run(inputs, job, rejects)
        if stopped:
            raise stopped
        if rejects.count:
            raise CommandError(f"{rejects.count:,} rows were rejected: see {rejects.path}")

    def _say_ignored(self, inputs: list[_Input]) -> None:
        for file, columns in inputs:
            if columns.ignored:
                self.stdout.write(f"{file.path.name}: ignored columns: {', '.join(columns.ignored)}")

    def _run(self, inputs: list[_Input], job: _Job, rejects: RejectsFile) -> CommandError | None:
        """Imports, folds and prints the summary; what stopped it before the end of the files, or None."""
        tally, started, stopped = Tally(), time.monotonic(), None
        try:
            with progress_bar() as bar:
                _import(inputs, job, rejects, tally, bar)
        except UnreadableFile as error:
            stopped = CommandError(f"{error} {_what_stands(tally, job)}")
        except OperationalError as error:
            return CommandError(f"The database stopped: {error} {_what_stands(tally, job)}")
        except KeyboardInterrupt:
            return CommandError(f"Stopped. {_what_stands(tally, job)}", returncode=INTERRUPTED)
        seconds = time.monotonic() - started
        freshness = "Nothing was stored: this was a dry run." if job.dry_run else _fold(tally)
        self.stdout.write(_summary(tally, seconds, job))
        if rejects.reasons:
            self.stdout.write(f"Reasons:\n{reasons_text(rejects.reasons)}")
        self.stdout.write(freshness)
        return stopped


def _open(path: Path, mapping: dict[str, str], naive_zone: ZoneInfo | None, stack: ExitStack) -> _Input:
    try:
        file = stack.enter_context(open_file(path))
        return file, Columns(file, mapping, naive_zone)
    except UnreadableFile as error:
        raise CommandError(f"{error} Nothing was imported.") from error
    except UnmatchedColumns as error:
        raise CommandError(f"{path}: {error}. Nothing was imported.") from error


def _import(inputs: list[_Input], job: _Job, rejects: RejectsFile, tally: Tally, bar: Progress) -> None:
    task = bar.add_task("", total=sum(file.size for file, _columns in inputs), rows=0)
    before = 0
    for file, columns in inputs:
        bar.update(task, description=file.path.name)
        with closing(batches(file, columns, job.now, job.batch_size)) as read:
            for batch in read:
                _take(batch, file.path, job, rejects, tally)
                bar.update(task, completed=before + batch.position, rows=tally.rows)
        before += file.size


def _take(batch: Batch, path: Path, job: _Job, rejects: RejectsFile, tally: Tally) -> None:
    if job.dry_run:
        tally.count_checked(batch)
    else:
        store(batch, job.source, job.now, tally)
    for row in batch.rejected:
        rejects.add(path, row.line, row.reason, row.fields)


def _fold(tally: Tally) -> str:
    """Folds what is pending and says how fresh the numbers are now."""
    try:
        with progress_bar() as bar:
            task = bar.add_task("Folding", total=tally.accepted, rows=0)
            busy = _fold_all(lambda events: bar.update(task, completed=events, rows=events))
    except KeyboardInterrupt:
        return "Stopped while folding: everything is stored, and the numbers follow with the next fold."
    if busy:
        return "Another process is folding; the numbers follow within seconds."
    return "The numbers of the Analytics tab are up to date."


def _fold_all(progress: Callable[[int], None]) -> bool:
    """Batch after batch; whether another process held the lock all the time."""
    events = 0
    while True:
        result = fold_pending(time_limit_s=0, wait_s=FOLD_WAIT_S)
        events += result.events
        progress(events)
        if result.busy or result.drained:
            return result.busy


def _summary(tally: Tally, seconds: float, job: _Job) -> str:
    return summary(
        {
            "accepted" if not job.dry_run else "acceptable": f"{tally.accepted:,}",
            "duplicate": f"{tally.duplicate:,}",
            "rejected": f"{tally.rejected:,}",
            "tokens": f"{tally.tokens:,}",
            "time": f"{seconds:,.1f} s",
            "rate": f"{tally.rows / seconds:,.0f} rows/s",
        }
    )


def _what_stands(tally: Tally, job: _Job) -> str:
    if job.dry_run:
        return "Nothing was stored: this was a dry run."
    stored = tally.accepted + tally.duplicate
    return f"{stored:,} rows before that are stored; run the same command again to go on, they count as duplicates."


def _source(text: str) -> str:
    name = text.strip()
    if not 0 < len(name) <= MAX_SOURCE or not name.isprintable():
        raise ArgumentTypeError(f"'{text}' is not a name of 1 to {MAX_SOURCE} characters")
    return name


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ArgumentTypeError(f"there is no time zone '{text}'") from None


def _batch_size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise ArgumentTypeError(f"'{text}' is not a number from 1 to 100000")
    return int(text)

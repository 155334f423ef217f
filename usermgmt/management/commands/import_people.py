"""`manage.py import_people FILE`: people with their ids, names, teams, join times and roles, out of CSV or Excel."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from usermgmt.imports.people import Outcome, import_people
from usermgmt.imports.rows import FIELDS, PersonRow, RejectedRow, check
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
from usermgmt.sheets import CsvFile, Damaged, ExcelFile, TableFile, UnmatchedColumns, UnreadableFile, match_columns

MAX_ROWS = 500_000
ROLE_CHANGES_SHOWN = 20
ROWS_A_STEP = 1_000  # of the progress bar


@dataclass(frozen=True, slots=True)
class _Checked:
    """The rows of a file, and the columns that fed nothing."""

    good: list[PersonRow]
    rejected: list[RejectedRow]
    ignored: list[str]


class Command(BaseCommand):
    help = (
        "Imports people from a CSV (also .gz) or Excel file (.xlsx). Columns are found by name: user_id (or "
        "external_id, the platform's own id), email, name, teams (separated by ; or |, the first is the primary one), "
        "joined_at and role (administrator or user). Each row needs a user_id or an email. People who are here "
        "already are updated, in what the row gives only; new ones get no invitation and no password. Dates, and "
        "times without an offset, are meant in the reporting time zone. All good rows are written in one transaction. "
        "The exit code is 1 if any row was rejected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        add_common_arguments(parser, FIELDS)

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path = options["file"]
        pairs = [("user_id" if ours == "external_id" else ours, theirs) for ours, theirs in options["mapping"]]
        mapping = mapping_of(pairs, FIELDS)
        now, started, dry_run = dt.datetime.now(dt.UTC), time.monotonic(), options["dry_run"]
        with RejectsFile(rejects_path(options["rejects"], [path]), FIELDS) as rejects:
            try:
                checked = _read(path, mapping, now)
                outcome = _write(checked, now, dry_run)
            except (UnreadableFile, UnmatchedColumns) as error:
                raise CommandError(f"{error} Nothing was imported.") from error
            except KeyboardInterrupt:
                raise CommandError("Stopped. Nothing was imported.", returncode=INTERRUPTED) from None
            for row in sorted([*checked.rejected, *outcome.rejected], key=lambda row: row.line):
                rejects.add(path, row.line, row.reason, row.fields)
        self._report(checked, outcome, rejects, time.monotonic() - started, dry_run)
        if rejects.count:
            raise CommandError(f"{rejects.count:,} rows were rejected: see {rejects.path}")

    def _report(self, checked: _Checked, outcome: Outcome, rejects: RejectsFile, seconds: float, dry_run: bool) -> None:
        if checked.ignored:
            self.stdout.write(f"Ignored columns: {', '.join(checked.ignored)}")
        figures = {
            "created": f"{outcome.created:,}",
            "updated": f"{outcome.updated:,}",
            "unchanged": f"{outcome.unchanged:,}",
            "rejected": f"{rejects.count:,}",
            "new teams": f"{len(outcome.new_teams):,}",
            "role changes": f"{len(outcome.role_changes):,}",
            "time": f"{seconds:,.1f} s",
        }
        self.stdout.write(summary(figures))
        for sentence in outcome.role_changes[:ROLE_CHANGES_SHOWN]:
            self.stdout.write(f"  {sentence}")
        if rejects.reasons:
            self.stdout.write(f"Reasons:\n{reasons_text(rejects.reasons)}")
        if dry_run:
            self.stdout.write("Nothing was stored: this was a dry run.")


def _read(path: Path, mapping: dict[str, str], now: dt.datetime) -> _Checked:
    """Every row checked. Raises UnreadableFile, UnmatchedColumns."""
    zone = ZoneInfo(settings.REPORTING_TIME_ZONE)
    with _open(path) as file, progress_bar() as bar:
        matched = _match(file, mapping)
        checked = _Checked([], [], [name for name in file.columns if name and name not in matched.values()])
        task = bar.add_task(f"Checking {path.name}", total=file.size, rows=0)
        for count, (line, cells) in enumerate(file.rows(list(matched.values())), start=1):
            if count > MAX_ROWS:
                raise UnreadableFile(f"{path} has more than {MAX_ROWS:,} rows.")
            if isinstance(cells, Damaged):
                checked.rejected.append(RejectedRow(line, cells.reason, {}))
                continue
            row = check(line, dict(zip(matched, cells, strict=True)), zone, now)
            if isinstance(row, PersonRow):
                checked.good.append(row)
            else:
                checked.rejected.append(row)
            if count % ROWS_A_STEP == 0:
                bar.update(task, completed=file.position, rows=count)
    return checked


def _open(path: Path) -> TableFile:
    name = path.name.lower()
    if name.endswith(".xlsx"):
        return ExcelFile(path)
    if name.removesuffix(".gz").endswith((".csv", ".tsv", ".txt")):
        return CsvFile(path)
    raise UnreadableFile(f"{path}: only .csv, .csv.gz and .xlsx are read.")


def _match(file: TableFile, mapping: dict[str, str]) -> dict[str, str]:
    if "user_id" not in mapping and "external_id" in file.columns:
        mapping = mapping | {"user_id": "external_id"}
    try:
        matched = match_columns(file.columns, FIELDS, mapping)
    except UnmatchedColumns as error:
        raise UnmatchedColumns(f"{file.path}: {error}.") from error
    if not {"user_id", "email"} & matched.keys():
        raise UnmatchedColumns(
            f"{file.path}: no column gives user_id or email; there are {', '.join(filter(None, file.columns))}."
        )
    return matched


def _write(checked: _Checked, now: dt.datetime, dry_run: bool) -> Outcome:
    with progress_bar() as bar:
        task = bar.add_task("Writing", total=len(checked.good), rows=0)
        return import_people(
            checked.good, now, dry_run=dry_run, progress=lambda done: bar.update(task, completed=done, rows=done)
        )

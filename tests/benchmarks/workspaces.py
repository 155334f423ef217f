"""Workspaces to measure: the demo's generator at any size, built once and kept for the next run.

In: a `Size`. Out: a database of PostgreSQL with folded events, and a DuckDB file with the same raw events.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
from django.core.management import call_command
from django.db import connection

from analytics.ingest import partitions
from analytics.ingest.store import COLUMNS
from analytics.management.demo import seasons, settle, sign_in, usage, world
from analytics.management.demo.encode import Ids, encode
from analytics.management.demo.scale import Scale
from analytics.periods import DayRange
from analytics.rollups import rebuild, state
from tests.benchmarks import stage

UNTIL = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)  # no event at or after it
DUCKDB_THREADS = 2

# What raw questions read, with DuckDB's types. It has no zones without an extension: all instants are UTC.
_RAW = {
    "usage_event": {
        "user_id": "BIGINT", "occurred_at": "TIMESTAMP", "team_id": "BIGINT", "kind": "SMALLINT",
        "assistant_id": "BIGINT", "workflow_id": "BIGINT", "requests": "SMALLINT", "status": "SMALLINT",
        "input_tokens": "BIGINT", "output_tokens": "BIGINT", "usage_known": "BOOLEAN",
    },
    "person": {"id": "BIGINT", "status": "VARCHAR", "joined_at": "TIMESTAMP"},
    "assistant": {"id": "BIGINT", "archived_at": "TIMESTAMP", "deleted_at": "TIMESTAMP"},
    "workflow": {"id": "BIGINT", "archived_at": "TIMESTAMP", "deleted_at": "TIMESTAMP"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    events: int
    people: int
    months: int
    seed: int

    @property
    def label(self) -> str:
        millions = self.events / 1_000_000
        return f"{millions:g} M"

    @property
    def scale(self) -> Scale:
        return Scale(
            UNTIL, people=self.people, teams=60, assistants=400, workflows=200,
            months=self.months, events=self.events, seed=self.seed,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workspace:
    size: Size
    database: str
    duckdb_file: Path

    def raw(self) -> duckdb.DuckDBPyConnection:
        """DuckDB over the raw events, warm and with as many threads as the figures say."""
        return duckdb.connect(str(self.duckdb_file), read_only=True, config={"threads": DUCKDB_THREADS})


def last(days: int) -> DayRange:
    """The last `days` days that hold events."""
    return DayRange(UNTIL.date() - dt.timedelta(days=days), UNTIL.date())


def months(scale: Scale) -> set[dt.date]:
    """The months that hold events of `scale`."""
    return partitions.months_of(scale.until - dt.timedelta(days=days) for days in range(scale.days + 1))


def prepare(size: Size, folder: Path, *, fresh: bool) -> Workspace:
    """The workspace of that size, built unless an earlier run left it; its schema is brought up to date."""
    name = f"events{size.events}_people{size.people}_months{size.months}_seed{size.seed}"
    workspace = Workspace(size, name, folder / f"{name}.duckdb")
    if fresh or name not in stage.names():
        _build(size, name)
    if fresh or not workspace.duckdb_file.exists():
        _export(workspace)
    stage.use(name)
    call_command("migrate", verbosity=0)
    return workspace


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


def _build(size: Size, name: str) -> None:
    """Under another name until it is whole, so that what was cut short is never taken for it."""
    started = time.monotonic()
    building = f"{name}_building"
    stage.create(building)
    stage.use(building)
    call_command("migrate", verbosity=0)
    _fill(size)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    stage.drop(name)
    stage.rename(building, name)
    _tell(f"{size.label} events built in {time.monotonic() - started:.0f} s")


def _fill(size: Size) -> None:
    """The demo's people, its events by bare COPY, and the rollups from raw events, as after a change of zone."""
    scale = size.scale
    calendar = seasons.seasons(scale)
    drawn = world.draw(scale, calendar)
    ids = settle.settle(scale, drawn, settle.Mark())
    sign_in.open_doors(settle.Mark())
    partitions.ensure(months(scale))
    done = 0
    with connection.cursor() as cursor:
        for piece, count in _pieces(scale, calendar, drawn, ids):
            with cursor.copy(f"COPY usage_event ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                copy.write(piece)
            done += count
            _tell(f"{done:,} of {size.events:,} events stored", passing=True)
        cursor.execute("ANALYZE usage_event")
    rebuild.rebuild_all(
        state.read().time_zone, lambda events: _tell(f"{events:,} of {size.events:,} folded", passing=True)
    )


def _pieces(scale: Scale, calendar: seasons.Seasons, drawn: world.World, ids: Ids) -> Iterator[tuple[bytes, int]]:
    for block in usage.draw(scale, calendar, drawn):
        yield from encode(block, ids)


# --- DuckDB -------------------------------------------------------------------------------------------------------


def _export(workspace: Workspace) -> None:
    """The raw events as a DuckDB file, in the order in which PostgreSQL has them."""
    started = time.monotonic()
    building = workspace.duckdb_file.with_suffix(".building")
    building.unlink(missing_ok=True)
    with duckdb.connect(str(building)) as target:
        for table, columns in _RAW.items():
            csv = building.with_suffix(".csv")
            _copy_out(workspace.database, table, columns, csv)
            target.execute(
                f"CREATE TABLE {table} AS SELECT * FROM read_csv(?, header=false, nullstr='', columns={columns})",
                [str(csv)],
            )
            csv.unlink()
    building.replace(workspace.duckdb_file)
    _tell(f"DuckDB has them too, after {time.monotonic() - started:.0f} s")


def _copy_out(database: str, table: str, columns: dict[str, str], file: Path) -> None:
    values = [f"{name} AT TIME ZONE 'UTC'" if kind == "TIMESTAMP" else name for name, kind in columns.items()]
    stage.copy_out(database, f"SELECT {', '.join(values)} FROM {table}", "(FORMAT csv)", file)


def _tell(text: str, *, passing: bool = False) -> None:
    """A word on the way, on stderr; what is passing is only for somebody who watches."""
    if not passing:
        print(text, file=sys.stderr, flush=True)
    elif sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)

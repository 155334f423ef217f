"""Importing a file of history with `import_events`, against COPY of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from django.apps import apps
from django.core.management import call_command
from django.db import connection

from analytics.ingest import partitions
from analytics.ingest.store import COLUMNS
from analytics.models import Assistant, Kind, Status, Workflow
from tests.benchmarks import stage, tables
from tests.benchmarks.timing import Samples, Timed, measured, seconds
from tests.benchmarks.workspaces import Workspace, months

ROWS = 200_000
TARGET = "import_target"
USAGE = [model for model in apps.get_app_config("analytics").get_models() if model not in (Assistant, Workflow)]

_WORD = {
    enum.__name__: "CASE {column} " + " ".join(f"WHEN {member.value} THEN '{member.label}'" for member in enum) + " END"
    for enum in (Kind, Status)
}
# The newest events as a platform would write them into a file: everybody and everything by the platform's own ids.
_FILE = f"""
    SELECT e.event_key AS event_id, to_char(e.occurred_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at,
        coalesce(p.external_id, p.email) AS user_id, t.key AS team_id, {_WORD["Kind"].format(column="e.kind")} AS kind,
        a.key AS assistant_id, w.key AS workflow_id, e.model,
        (e.requests = 1)::text AS request, {_WORD["Status"].format(column="e.status")} AS status,
        CASE WHEN usage_known THEN input_tokens END AS input_tokens, cached_tokens,
        CASE WHEN usage_known THEN output_tokens END AS output_tokens, reasoning_tokens, latency_ms
    FROM (SELECT * FROM usage_event ORDER BY occurred_at DESC LIMIT {ROWS}) e
    LEFT JOIN person p ON p.id = e.user_id LEFT JOIN team t ON t.id = e.team_id
    LEFT JOIN assistant a ON a.id = e.assistant_id LEFT JOIN workflow w ON w.id = e.workflow_id
    ORDER BY e.received_at
"""
_SAME = f"SELECT {', '.join(COLUMNS)} FROM usage_event ORDER BY occurred_at DESC LIMIT {ROWS}"


def compare(workspaces: Sequence[Workspace], rounds: int) -> None:
    """Prints rows per second into a workspace without usage, whose people and items the first, uncounted run made.

    The file is drawn from the smallest workspace given.
    """
    with TemporaryDirectory() as folder:
        file, same = Path(folder, "events.csv"), Path(folder, "same.copy")
        stage.copy_out(workspaces[0].database, _FILE, "(FORMAT csv, HEADER)", file)
        stage.copy_out(workspaces[0].database, _SAME, "", same)
        stage.create(TARGET)
        try:
            samples = _measure(file, same, workspaces[0], max(rounds // 3, 1))
        finally:
            stage.drop(TARGET)
        rows = same.read_bytes().count(b"\n")
    bare = samples["COPY into a bare table"].best
    lines = [(name, round(rows / taken.best), tables.times(taken.best, bare)) for name, taken in samples.items()]
    tables.show(f"Importing {rows:,} events", ("run", "rows/s", "÷ bare COPY (time)"), lines)


def _measure(file: Path, same: Path, workspace: Workspace, rounds: int) -> dict[str, Samples]:
    stage.use(TARGET)
    call_command("migrate", verbosity=0)
    partitions.ensure(months(workspace.size.scale))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_event (LIKE usage_event)")
    runs: dict[str, Timed] = {
        "COPY into a bare table": lambda: _copy_in("bare_event", same),
        "COPY into usage_event": lambda: _copy_in("usage_event", same),
        "import_events --dry-run: read and check": lambda: _import(file, "--dry-run"),
        "import_events: resolve, store and fold too": lambda: _import(file),
    }
    return measured({name: partial(_into_empty, run) for name, run in runs.items()}, rounds)


def _into_empty(run: Timed) -> float:
    _empty()
    return seconds(run)


def _empty() -> None:
    tables_of_usage = [model._meta.db_table for model in USAGE]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE bare_event, {', '.join(tables_of_usage)}")


def _import(file: Path, *options: str) -> None:
    call_command("import_events", str(file), *options, stdout=StringIO(), stderr=StringIO())


def _copy_in(table: str, file: Path) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        copy.write(file.read_bytes())

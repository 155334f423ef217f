"""The usage export of a year, streamed as CSV over HTTP, against COPY TO STDOUT of the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg import Connection

from analytics.models import Kind
from analytics.periods import DayRange
from tests.benchmarks import stage, tables
from tests.benchmarks.page import Visitor, query
from tests.benchmarks.timing import in_turns
from tests.benchmarks.workspaces import Workspace, last

DAYS = 365


def compare(workspaces: Sequence[Workspace], rounds: int) -> None:
    """Prints rows per second of both."""
    columns = ("events", "rows", "export rows/s", "COPY rows/s", "export ÷ COPY (time)")
    tables.show(f"Usage export of {DAYS} days", columns, [_compare(workspace, rounds) for workspace in workspaces])


def _compare(workspace: Workspace, rounds: int) -> tuple[tables.Cell, ...]:
    visitor, days = Visitor(workspace), last(DAYS)
    with stage.connect(workspace.database) as baseline:
        runs: dict[str, Callable[[], int]] = {
            "export": lambda: _export(visitor, days),
            "copy": lambda: _copy(baseline, days),
        }
        lines = {name: run() for name, run in runs.items()}
        if lines["export"] != lines["copy"] + 1:
            raise RuntimeError(f"the export has {lines['export']:,} lines, COPY {lines['copy']:,} and no header")
        samples = in_turns(runs, max(rounds // 3, 1), warm_up=False)
    count, export, copy = lines["copy"], samples["export"].best, samples["copy"].best
    return workspace.size.label, count, round(count / export), round(count / copy), tables.times(export, copy)


def _export(visitor: Visitor, days: DayRange) -> int:
    return sum(piece.count(b"\n") for piece in visitor.get("/admin/analytics/export/usage/", query(days)))


def _copy(connection: Connection, days: DayRange) -> int:
    sql = f"""
        SELECT u.day, u.team_id, t.name, u.kind, u.item_id, coalesce(a.name, w.name), u.requests, u.failed_requests,
            u.input_tokens, u.output_tokens, u.input_tokens + u.output_tokens, u.calls_without_usage
        FROM daily_usage u
        LEFT JOIN team t ON t.id = u.team_id
        LEFT JOIN assistant a ON u.kind = {Kind.ASSISTANT.value} AND a.id = u.item_id
        LEFT JOIN workflow w ON u.kind = {Kind.WORKFLOW.value} AND w.id = u.item_id
        WHERE u.day >= '{days.start}' AND u.day < '{days.end}'
        ORDER BY u.day, u.team_id, u.kind, u.item_id
    """
    with connection.cursor().copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)") as copy:
        return sum(bytes(piece).count(b"\n") for piece in copy)

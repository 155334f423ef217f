"""The Analytics page: the whole HTTP response with a cold report, against the bare questions asked of raw events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from analytics import cache, report
from analytics.periods import DayRange
from tests.benchmarks import questions, stage, tables
from tests.benchmarks.timing import Samples, Seconds, in_turns, measured, seconds
from tests.benchmarks.workspaces import Workspace, last
from usermgmt.models import Role, Status, User

RANGES = (7, 30, 90, 365)
WORK_MEMORY = "256MB"  # for PostgreSQL on raw events: with its default it would sort on disk


class Visitor:
    """An administrator's browser without a screen: whole responses of the WSGI application, in this process."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        stage.use(workspace.database)
        client = Client()
        client.force_login(User.objects.filter(role=Role.ADMINISTRATOR, status=Status.ACTIVE).earliest("pk"))
        self._cookie = client.cookies[settings.SESSION_COOKIE_NAME].OutputString()

    def get(self, path: str, query: str, headers: dict[str, str] | None = None) -> Iterator[bytes]:
        """The body of the answer, piece by piece as the server would send it."""
        from panta_admin.wsgi import application

        environ: dict[str, Any] = {"HTTP_COOKIE": self._cookie, "HTTP_HOST": stage.HOST}
        environ |= {"PATH_INFO": path, "QUERY_STRING": query} | (headers or {})
        setup_testing_defaults(environ)
        stage.use(self.workspace.database)
        with closing(application(environ, require_ok)) as body:
            yield from body

    def open_page(self, days: DayRange) -> int:
        """Opens the page with a report that no cache holds; the size of the HTML in bytes."""
        cache.clear()
        return sum(map(len, self.get("/admin/analytics/", query(days))))


def require_ok(status: str, *_headers: object) -> Callable[[bytes], object]:
    if status != "200 OK":
        raise RuntimeError(f"answered {status}")
    return bytes.__len__


def query(days: DayRange) -> str:
    return f"from={days.start}&to={days.last}"


def compare(workspaces: Sequence[Workspace], rounds: int) -> None:
    """Prints the table of all sizes and ranges, how the page's time is spent, and how it grows."""
    visitors = [Visitor(workspace) for workspace in workspaces]
    pages: dict[tuple[str, int], Samples] = {}
    for days in RANGES:
        runs = {visitor.workspace.size.label: _opening(visitor, last(days)) for visitor in visitors}
        pages |= {(label, days): samples for label, samples in measured(runs, rounds).items()}
    _show_baselines(visitors, pages, rounds)
    _show_split(visitors)
    if len(workspaces) > 1:
        _show_growth(workspaces, pages)


def _opening(visitor: Visitor, days: DayRange) -> Seconds:
    return lambda: seconds(lambda: visitor.open_page(days))


# --- Against raw events -------------------------------------------------------------------------------------------


def _show_baselines(visitors: Sequence[Visitor], pages: dict[tuple[str, int], Samples], rounds: int) -> None:
    rows = []
    for visitor in visitors:
        label = visitor.workspace.size.label
        for days in RANGES:
            page, duckdb, postgres = pages[label, days], *_raw(visitor, last(days), rounds)
            rows.append((
                label, f"{days} d", page.best_ms, duckdb.best_ms, tables.times(duckdb.best, page.best),
                postgres.best_ms, tables.times(postgres.best, page.best),
            ))  # fmt: skip
    columns = ("events", "range", "page ms", "DuckDB ms", "DuckDB ÷ page", "PostgreSQL ms", "PostgreSQL ÷ page")
    tables.show("The whole page against the bare questions on raw events", columns, rows)


def _raw(visitor: Visitor, days: DayRange, rounds: int) -> tuple[Samples, Samples]:
    """DuckDB's and PostgreSQL's times for all questions. Raises if they do not answer what the page says."""
    with ExitStack() as stack:
        duckdb = stack.enter_context(closing(visitor.workspace.raw()))
        postgres = stack.enter_context(stage.connect(visitor.workspace.database))
        postgres.execute(f"SET work_mem = '{WORK_MEMORY}'")
        postgres.execute("SET timezone = 'UTC'")
        runs: dict[str, Callable[[], questions.Answers]] = {
            "duckdb": lambda: questions.ask(days, lambda sql: duckdb.execute(sql).fetchall()),
            "postgres": lambda: questions.ask(days, lambda sql: postgres.execute(sql).fetchall()),
        }
        for name, run in runs.items():
            _require_same(
                run(), _reported(visitor.workspace, days), f"{name}, {visitor.workspace.size.label}, {days.days} days"
            )
        slow = in_turns({"postgres": runs["postgres"]}, max(rounds // 3, 1), warm_up=False)
        fast = in_turns({"duckdb": runs["duckdb"]}, rounds, warm_up=False)
        return fast["duckdb"], slow["postgres"]


def _reported(workspace: Workspace, days: DayRange) -> questions.Answers:
    stage.use(workspace.database)
    return questions.answered(report.load(days, timezone.now(), report.read_state()))


def _require_same(raw: questions.Answers, reported: questions.Answers, who: str) -> None:
    for name, answer in reported.items():
        if raw[name] != answer:
            raise RuntimeError(f"{who}: “{name}” is {raw[name]} in raw events, {answer} on the page")


# --- Where the time goes, and how it grows ------------------------------------------------------------------------


def _show_split(visitors: Sequence[Visitor]) -> None:
    rows = []
    for visitor in visitors:
        for days in RANGES:
            whole, sql, queries, size = min(_spent(visitor, last(days)) for _ in range(5))
            rows.append((
                visitor.workspace.size.label, f"{days} d", whole * 1_000, sql * 1_000, (whole - sql) * 1_000,
                queries, size / 1_024,
            ))  # fmt: skip
    columns = ("events", "range", "page ms", "of it SQL ms", "Python ms", "queries", "HTML KiB")
    tables.show("How the page's time is spent", columns, rows)


def _spent(visitor: Visitor, days: DayRange) -> tuple[float, float, int, int]:
    """Seconds of one page, those of them spent on SQL, the number of queries, the bytes of HTML."""
    spent: list[float] = []

    def watch(execute: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            spent.append(time.perf_counter() - start)

    stage.use(visitor.workspace.database)
    with connection.execute_wrapper(watch):
        start = time.perf_counter()
        size = visitor.open_page(days)
        return time.perf_counter() - start, sum(spent), len(spent), size


def _show_growth(workspaces: Sequence[Workspace], pages: dict[tuple[str, int], Samples]) -> None:
    least, *larger = (workspace.size.label for workspace in workspaces)
    rows = [
        (f"{days} d", label, pages[label, days].best_ms, tables.times(pages[label, days].best, pages[least, days].best))
        for label in larger
        for days in RANGES
    ]
    tables.show(f"Growth of the page from {least} events", ("range", "events", "page ms", f"÷ {least}"), rows)

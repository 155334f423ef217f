"""The questions of the Analytics page, asked of raw events in plain SQL that PostgreSQL and DuckDB both understand.

In: a range, and a function that runs SQL. Out: the answers, in a form in which the page's own can be compared with.
Names of teams, assistants and workflows are left out, and so is when an unused assistant was last used: the
page answers more than is asked here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analytics.metrics.figures import Measures, Named
from analytics.metrics.people import BOUNDS
from analytics.models import Kind, Status
from analytics.periods import DayRange
from analytics.report import AnalyticsReport

Rows = list[tuple[Any, ...]]
Answers = dict[str, Any]

_MEASURES = (
    f"sum(requests), coalesce(sum(requests) FILTER (WHERE status = {Status.ERROR.value}), 0), "
    "sum(input_tokens), sum(output_tokens), count(*) FILTER (WHERE NOT usage_known)"
)
_KINDS = ", ".join(f"coalesce(sum(requests) FILTER (WHERE kind = {kind.value}), 0)" for kind in Kind)


def ask(days: DayRange, run: Callable[[str], Rows]) -> Answers:
    """The answers of raw events to all questions, one after the other."""
    return {name: _plain(run(sql)) for name, sql in _questions(days).items()}


def answered(report: AnalyticsReport) -> Answers:
    """The same answers, out of the page's report."""
    value, workspace = report.first_value, report.workspace
    periods = (("now", report.totals), ("before", report.previous))
    median = None if value.median_seconds is None else round(value.median_seconds)
    return {
        "totals": sorted(
            (name, *_sums(t), t.chat_requests, t.assistant_requests, t.workflow_requests) for name, t in periods
        ),
        "active": sorted((name, totals.active_users) for name, totals in periods),
        "days": [(day.day, *_sums(day), day.active_users) for day in report.days if any(_sums(day))],
        "teams": _named(report.teams),
        "workflows": _named(report.workflows),
        "assistants": _named(report.assistants),
        "first value": [(median, *list(value.buckets.values())[:-1], value.never_old + value.never_recent)],
        "workspace": [(workspace.total_users, workspace.workflows, workspace.assistants)],
    }


def _questions(days: DayRange) -> dict[str, str]:
    before = days.previous()
    both = DayRange(before.start, days.end)
    period = f"CASE WHEN occurred_at >= '{days.start}' THEN 'now' ELSE 'before' END"
    return {
        "totals": f"SELECT {period}, {_MEASURES}, {_KINDS} FROM usage_event WHERE {_within(both)} GROUP BY 1",
        "active": (
            "SELECT period, count(*) FROM ("
            f"SELECT {period} AS period, user_id FROM usage_event "
            f"WHERE {_within(both)} AND requests > 0 AND user_id <> 0 GROUP BY 1, 2) person GROUP BY 1"
        ),
        "days": _per_day(days),
        "teams": _per("team_id", days),
        "workflows": _per("workflow_id", days, Kind.WORKFLOW),
        "assistants": _per("assistant_id", days, Kind.ASSISTANT),
        "first value": _first_value(days),
        "workspace": (
            "SELECT count(*), (SELECT count(*) FROM workflow WHERE archived_at IS NULL AND deleted_at IS NULL), "
            "(SELECT count(*) FROM assistant WHERE archived_at IS NULL AND deleted_at IS NULL) "
            "FROM person WHERE status IN ('active', 'deactivated')"
        ),
    }


def _per_day(days: DayRange) -> str:
    """Grouped by person first: both engines count distinct people faster that way."""
    sums = ", ".join(f"sum({name})" for name in ("requests", "failed", "input", "output", "unknown"))
    return (
        f"SELECT day, {sums}, "
        "count(*) FILTER (WHERE user_id <> 0 AND requests > 0) FROM ("
        "SELECT occurred_at::date AS day, user_id, sum(requests) AS requests, "
        f"coalesce(sum(requests) FILTER (WHERE status = {Status.ERROR.value}), 0) AS failed, "
        "sum(input_tokens) AS input, sum(output_tokens) AS output, count(*) FILTER (WHERE NOT usage_known) AS unknown "
        f"FROM usage_event WHERE {_within(days)} GROUP BY 1, 2) person GROUP BY 1"
    )


def _per(item: str, days: DayRange, kind: Kind | None = None) -> str:
    condition = f"{_within(days)} AND kind = {kind.value}" if kind else _within(days)
    return f"SELECT {item}, {_MEASURES} FROM usage_event WHERE {condition} GROUP BY 1"


def _first_value(days: DayRange) -> str:
    joined = f"joined_at >= '{days.start}' AND joined_at < '{days.end}'"
    bounds = zip(BOUNDS, (*BOUNDS[1:], 10**12), strict=True)
    buckets = ", ".join(f"count(*) FILTER (WHERE seconds >= {low} AND seconds < {high})" for low, high in bounds)
    return (
        f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), {buckets}, "
        "count(*) FILTER (WHERE seconds IS NULL) FROM ("
        "SELECT extract(epoch FROM CASE WHEN value_at > joined_at THEN value_at - joined_at "
        "WHEN value_at IS NOT NULL THEN joined_at - joined_at END)::float8 AS seconds "
        f"FROM (SELECT id, joined_at FROM person WHERE {joined}) newcomer LEFT JOIN ("
        "SELECT user_id, min(occurred_at) AS value_at FROM usage_event "
        f"WHERE requests = 1 AND status = {Status.SUCCESS.value} "
        f"AND user_id IN (SELECT id FROM person WHERE {joined}) GROUP BY 1) value ON value.user_id = newcomer.id) taken"
    )


def _within(days: DayRange) -> str:
    return f"occurred_at >= '{days.start}' AND occurred_at < '{days.end}'"


def _sums(measures: Measures) -> tuple[int, ...]:
    return (
        measures.requests,
        measures.failed_requests,
        measures.input_tokens,
        measures.output_tokens,
        measures.calls_without_usage,
    )


def _named(items: tuple[Named, ...]) -> Rows:
    return sorted((item.id, *_sums(item)) for item in items)


def _plain(rows: Rows) -> Rows:
    """Decimals and fractions of a second as whole numbers, in one order."""
    return sorted(
        tuple(value if value is None or isinstance(value, str) or not hasattr(value, "__round__") else round(value)
              for value in row)
        for row in rows
    )  # fmt: skip

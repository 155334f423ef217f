"""The CSV export: streamed, whole, with the sums of the cards. Text that a spreadsheet would run is disarmed.

In: a `DayRange`, or the report of one. Out: pieces of a CSV file; the first begins with a byte order mark, so that
Excel reads it as UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache

from django.utils.translation import gettext as _

from analytics.definitions import DEFINITIONS
from analytics.labels import Noun, label
from analytics.metrics import exports
from analytics.metrics.figures import Measures, Named
from analytics.models.events import Kind
from analytics.periods import DayRange
from analytics.report import AnalyticsReport
from usermgmt import csv_cells
from usermgmt.csv_cells import Cell, instant


class Variant(StrEnum):
    USAGE = "usage"
    USERS = "users"
    SUMMARY = "summary"


USAGE_COLUMNS = (
    "date", "team_id", "team", "kind", "item_id", "item", "requests", "failed_requests",
    "input_tokens", "output_tokens", "total_tokens", "calls_without_usage",
)  # fmt: skip
USERS_COLUMNS = (
    "user_id", "email", "name", "teams", "role", "status", "joined", "first_value", "last_active",
    "requests", "failed_requests", "input_tokens", "output_tokens", "total_tokens",
)  # fmt: skip
SUMMARY_COLUMNS = ("section", "item_id", "item", "value", "requests", "total_tokens", "definition")


def filename(variant: Variant, days: DayRange) -> str:
    """`panta-analytics_2026-10-24_2026-11-22.csv`, both days included; other variants carry their name."""
    infix = "" if variant == Variant.USAGE else f"-{variant.value}"
    return f"panta-analytics{infix}_{days.start}_{days.last}.csv"


def usage_csv(days: DayRange) -> Iterator[str]:
    """One line per day × team × kind × assistant or workflow. No row cap."""
    return csv_cells.pieces(USAGE_COLUMNS, _usage_lines(exports.usage_rows(days)))


def users_csv(days: DayRange) -> Iterator[str]:
    """One line per person, and a last one for usage without a person, so that the sums are those of the cards."""
    return csv_cells.pieces(USERS_COLUMNS, map(_person_line, exports.person_rows(days)))


def summary_csv(report: AnalyticsReport) -> Iterator[str]:
    """The cards and rankings of one report, with range, zone, freshness and definitions."""
    return csv_cells.pieces(SUMMARY_COLUMNS, _summary_lines(report))


_KIND_NAMES = {kind.value: kind.label for kind in Kind}
_NOUNS = {Kind.ASSISTANT.value: Noun.ASSISTANT, Kind.WORKFLOW.value: Noun.WORKFLOW}


def _usage_lines(rows: Iterable[exports.UsageRow]) -> Iterator[tuple[Cell, ...]]:
    shown = cache(_shown)  # the same few names stand on every day
    for row in rows:
        yield (
            row.day,
            row.team_id or None,
            shown(Noun.TEAM, row.team_id, row.team, row.team_deleted),
            _KIND_NAMES[row.kind],
            row.item_id or None,
            shown(_NOUNS.get(row.kind), row.item_id, row.item, row.item_deleted),
            row.requests,
            row.failed_requests,
            row.input_tokens,
            row.output_tokens,
            row.input_tokens + row.output_tokens,
            row.calls_without_usage,
        )


def _shown(noun: Noun | None, pk: int, name: str, deleted: bool) -> str:
    """The whole name; a chat has no item to name."""
    return label(Named(id=pk, name=name, deleted=deleted), noun) if noun else ""


def _person_line(row: exports.PersonRow) -> tuple[Cell, ...]:
    return (
        row.user_id or None,
        row.email,
        row.name if row.user_id else _("Usage without a person"),
        row.teams,
        row.role,
        row.status,
        instant(row.joined_at),
        instant(row.first_value_at),
        instant(row.last_active_at),
        row.requests,
        row.failed_requests,
        row.input_tokens,
        row.output_tokens,
        row.input_tokens + row.output_tokens,
    )


# --- Summary ------------------------------------------------------------------------------------------------------


def _summary_lines(report: AnalyticsReport) -> Iterator[tuple[Cell, ...]]:
    yield from _about(report)
    yield from _cards(report)
    yield from _ranking("teams", report.teams, Noun.TEAM)
    yield from _first_value(report)
    yield from _ranking("top_workflows", report.workflows, Noun.WORKFLOW)
    yield from _ranking("top_assistants", report.assistants, Noun.ASSISTANT)
    for assistant in report.unused_assistants:
        yield ("unused_assistants", assistant.id, assistant.name, assistant.last_used, None, None, None)


def _about(report: AnalyticsReport) -> Iterator[tuple[Cell, ...]]:
    yield ("range", None, "from", report.days_range.start, None, None, str(DEFINITIONS["days"]))
    yield ("range", None, "to", report.days_range.last, None, None, None)
    yield ("range", None, "time_zone", report.time_zone, None, None, None)
    yield ("range", None, "as_of", instant(report.as_of), None, None, None)


def _cards(report: AnalyticsReport) -> Iterator[tuple[Cell, ...]]:
    totals, workspace = report.totals, report.workspace
    for name, value in (
        ("total_users", workspace.total_users),
        ("active_users", totals.active_users),
        ("tokens", totals.tokens),
        ("input_tokens", totals.input_tokens),
        ("output_tokens", totals.output_tokens),
        ("calls_without_usage", totals.calls_without_usage),
        ("workflows", workspace.workflows),
        ("assistants", workspace.assistants),
        ("requests", totals.requests),
        ("chat_requests", totals.chat_requests),
        ("assistant_requests", totals.assistant_requests),
        ("workflow_requests", totals.workflow_requests),
        ("failed_requests", totals.failed_requests),
    ):
        yield ("cards", None, name, value, None, None, _definition(name))


def _first_value(report: AnalyticsReport) -> Iterator[tuple[Cell, ...]]:
    value = report.first_value
    median = None if value.median_seconds is None else round(value.median_seconds)
    yield ("first_value", None, "median_seconds", median, None, None, _definition("first_value"))
    for name in ("included", "reached", "never_recent", "never_old", "unknown_joined"):
        yield ("first_value", None, name, getattr(value, name), None, None, None)
    for bucket, people in value.buckets.items():
        yield ("first_value", None, bucket.value, people, None, None, None)


def _ranking(section: str, items: Sequence[Named], noun: Noun) -> Iterator[tuple[Cell, ...]]:
    for rank, item in enumerate(items, start=1):
        definition = _definition(section) if rank == 1 else None
        yield (section, item.id or None, label(item, noun), rank, *_sums(item), definition)


def _sums(item: Measures) -> tuple[int, int]:
    return item.requests, item.tokens


def _definition(name: str) -> str | None:
    return str(DEFINITIONS[name]) if name in DEFINITIONS else None

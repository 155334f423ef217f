"""The five figures on top of the page: what stands on each card, as numbers. The template words and formats them.

In: an `AnalyticsReport`. Out: a `Card` each, with its course through the range and its change against the range before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analytics.report import AnalyticsReport

SPARK_WIDTH, SPARK_HEIGHT = 100, 28  # units of the drawing, which is stretched to the card
MOST_POINTS = 60


@dataclass(frozen=True, slots=True)
class Change:
    """The way from `before` to `now`. `share` is -1 … and beyond 1; 0 where there was nothing before."""

    now: int
    before: int

    @property
    def direction(self) -> Literal["up", "down", "same", "new"]:
        if self.now == self.before:
            return "same"
        if self.before == 0:
            return "new"
        return "up" if self.now > self.before else "down"

    @property
    def share(self) -> float:
        return (self.now - self.before) / self.before if self.before else 0.0


@dataclass(frozen=True, slots=True)
class Card:
    """`value` is the large figure; `change` and `spark` are of what happened in the range."""

    name: str
    icon: str
    value: int
    change: Change
    spark: str  # points of an SVG polyline; "" where a line would say nothing


def cards(report: AnalyticsReport) -> dict[str, Card]:
    """The cards by name, in their order."""
    now, before = report.totals, report.previous
    days = [day for day in report.days if not day.incomplete]  # half a day would look like a fall
    whole = (
        Card(
            "total_users",
            "users",
            report.workspace.total_users,
            Change(now.active_users, before.active_users),
            sparkline([day.active_users for day in days]),
        ),
        Card(
            "tokens",
            "circle-stack",
            now.tokens,
            Change(now.tokens, before.tokens),
            sparkline([day.tokens for day in days]),
        ),
        Card(
            "workflows",
            "bolt",
            report.workspace.workflows,
            Change(now.workflow_requests, before.workflow_requests),
            sparkline([day.workflow_requests for day in days]),
        ),
        Card(
            "assistants",
            "sparkles",
            report.workspace.assistants,
            Change(now.assistant_requests, before.assistant_requests),
            sparkline([day.assistant_requests for day in days]),
        ),
        Card(
            "requests",
            "chat-bubble-left-right",
            now.requests,
            Change(now.requests, before.requests),
            sparkline([day.requests for day in days]),
        ),
    )
    return {card.name: card for card in whole}


def sparkline(values: Sequence[int]) -> str:
    """`values` as points from left to right, 0 at the bottom; long courses as sums of equal stretches of days."""
    course = _stretches(values)
    highest = max(course, default=0)
    if len(course) < 2 or highest == 0:
        return ""
    step = SPARK_WIDTH / (len(course) - 1)
    room = SPARK_HEIGHT - 4  # the line's own width, above and below
    points = ((place * step, SPARK_HEIGHT - 2 - value / highest * room) for place, value in enumerate(course))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _stretches(values: Sequence[int]) -> list[int]:
    """Sums of stretches of equal length that end with the last day; days in front that fill no stretch are left out."""
    length = -(-len(values) // MOST_POINTS)
    first = len(values) % length if length else 0
    return [sum(values[start : start + length]) for start in range(first, len(values), length or 1)]

"""The ranking of assistants: how many rows are shown, and how each compares with the first.

In: an `AnalyticsReport` and whether all were asked for. Out: a `Ranking` for the template.
"""

from __future__ import annotations

from dataclasses import dataclass

from analytics.metrics.figures import Named
from analytics.report import AnalyticsReport

FIRST_ROWS = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """`share` is of all tokens of the range, `length` of the first row's tokens (both 0..1)."""

    rank: int
    item: Named
    share: float
    length: float

    @property
    def tokens_per_request(self) -> float | None:
        """None without a request."""
        return self.item.tokens / self.item.requests if self.item.requests else None


@dataclass(frozen=True, slots=True)
class Ranking:
    rows: tuple[Ranked, ...]
    count: int  # of all assistants with usage
    whole: bool  # all were asked for

    @property
    def hidden(self) -> int:
        return self.count - len(self.rows)


def top_assistants(report: AnalyticsReport, *, whole: bool) -> Ranking:
    """The first rows, or all, in the report's order."""
    shown = report.assistants if whole else report.assistants[:FIRST_ROWS]
    most = max((item.tokens for item in shown), default=0) or 1
    total = report.totals.tokens or 1
    rows = tuple(Ranked(rank, item, item.tokens / total, item.tokens / most) for rank, item in enumerate(shown, 1))
    return Ranking(rows, len(report.assistants), whole)

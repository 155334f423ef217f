"""The Token limits tab, the look of the alerts and the effect of a limit, where three limits count every person apart.

Each against adding up everybody's month once, bare: nobody can say less of 200,000 people than that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from django.utils import timezone

from analytics.rollups import state
from tests.benchmarks import stage, tables
from tests.benchmarks.page import Visitor
from tests.benchmarks.timing import in_turns
from tests.benchmarks.workspaces import Size, Workspace
from tokenlimits import alerts, replay
from tokenlimits.models import Scope, TokenLimit
from tokenlimits.periods import Period

BARE = "everybody's month, added up"
_SUM = """
    SELECT count(*) FROM (
        SELECT user_id, sum(input_tokens + output_tokens) FROM daily_user WHERE day >= %s GROUP BY user_id
    ) person
"""
PART = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "budget"}


def compare(database: str, people: int, rounds: int) -> None:
    """Prints the best time of each, and how many bare sums it is worth."""
    visitor = Visitor(Workspace(Size(events=0, people=people, months=0, seed=0), database, Path()))
    month = Period.MONTH.around(timezone.now().date()).start
    everybody = TokenLimit.objects.get(scope=Scope.EVERYBODY, period=Period.MONTH)
    with stage.connect(database) as bare:
        runs: dict[str, Callable[[], object]] = {
            BARE: lambda: bare.execute(_SUM, [month]).fetchone(),
            "the tab": lambda: _open(visitor, "/admin/limits/"),
            "the tab, another period": lambda: _open(visitor, "/admin/limits/", "period=week", PART),
            "the look of the alerts": lambda: alerts.tell_due(timezone.now()),
            "the page that edits one": lambda: _open(visitor, f"/admin/limits/{everybody.pk}/edit/"),
            "the effect of one that half of the people reach": lambda: _effect(month),
        }
        samples = in_turns(runs, rounds)
    rows = [(name, sample.best_ms, tables.times(sample.best, samples[BARE].best)) for name, sample in samples.items()]
    tables.show(f"Limits that count {people:,} people apart, three of them", ("question", "ms", "÷ bare"), rows)


def _open(visitor: Visitor, path: str, query: str = "", headers: dict[str, str] | None = None) -> int:
    return sum(map(len, visitor.get(path, query, headers)))


def _effect(month: date) -> None:
    """Of as many tokens as the middle one of the people used in the month."""
    used = 1590 * (1 + (timezone.now().date() - month).days // 4)
    limit = TokenLimit(scope=Scope.EVERYBODY, period=Period.MONTH, tokens=used, enforcement="hard")
    found = replay.effect(limit, timezone.now(), state.read().time_zone)
    if not found.reached_by:
        raise RuntimeError("nobody reached it")

"""The Token limits tab: Spending & Budget, every limit as it stands, the latest alerts; and the page of all alerts.

In: the period that the URL asks for. Out: the page, or for htmx the part that another period changes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import charts
from analytics.labels import Noun, label
from analytics.metrics.figures import PersonFigures
from analytics.rollups import state
from analytics.templatetags.figures import span, tick
from tokenlimits import budget, labels
from tokenlimits.alerts import latest
from tokenlimits.budget import Budget, Standing
from tokenlimits.definitions import DEFINITIONS
from tokenlimits.models import PERIODS
from tokenlimits.pace import Method
from tokenlimits.periods import Period

TEMPLATE = "tokenlimits/limits.html"
FIRST_LIMITS = 50
LATEST_ALERTS = 8
ALERTS_A_PAGE = 50
RANKED = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """`share` is of the period's tokens, `length` of the first row's (both 0..1). `url`: more about it, if there is."""

    name: str
    tokens: int
    share: float
    length: float
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first rows; `more` further ones together; of people, what was used by nobody who is known. They add up."""

    rows: tuple[Ranked, ...]
    more: int
    rest: Ranked | None
    nobody: Ranked | None = None


@require_safe
@vary_on_headers("HX-Request")
def page(request: HttpRequest) -> HttpResponse:
    """Eleven queries beside sign-in's two, however many limits there are."""
    now = timezone.now()
    asked = request.GET.get("period", "")
    is_part = request.headers.get("HX-Target") == "budget" and request.headers.get("HX-Request") == "true"
    standing = budget.load(now, Period(asked) if asked in list(Period) else None, budget_alone=is_part)
    context = _context(standing, now, whole=request.GET.get("limits") == "all")
    if is_part:
        return render(request, f"{TEMPLATE}#spending", context)
    return render(request, TEMPLATE, context | {"alerts": latest()[:LATEST_ALERTS]})


def _context(standing: Standing, now: dt.datetime, *, whole: bool) -> dict[str, Any]:
    shown = standing.budget
    return {
        "budget": shown,
        "readings": standing.readings if whole else standing.readings[:FIRST_LIMITS],
        "limits": len(standing.readings),
        "whole": whole,
        "at": standing.at,
        "time_zone": standing.at.time_zone.key,
        "periods": [(value, label, value == shown.period) for value, label in PERIODS],
        "definitions": DEFINITIONS,
        "weekdays": shown.pace.method is Method.WEEKDAYS,
        "figure": _figure(shown),
        "rankings": _rankings(shown),
        "now": now,
    }


def _rankings(shown: Budget) -> dict[str, Ranking]:
    """Who and what used the most, ten of each, and what all others used together."""
    teams = [(label(team, Noun.TEAM), team.tokens, "") for team in shown.teams if team.tokens]
    models = [(model.name or _("No model named"), model.tokens, "") for model in shown.models if model.tokens]
    people = [(_called(person), person.tokens, reverse("person", args=[person.id])) for person in shown.people.top]
    everybody = shown.people
    by_person = _ranking(people, everybody.people, everybody.tokens, shown.used)
    return {
        "teams": _ranking(teams, len(teams), sum(tokens for _name, tokens, _url in teams), shown.used),
        "models": _ranking(models, len(models), sum(tokens for _name, tokens, _url in models), shown.used),
        "people": replace(by_person, nobody=_together(shown.used - everybody.tokens, shown.used)),
    }


def _called(person: PersonFigures) -> str:
    return f"{person.known_as} {_('(deleted)')}" if person.deleted else person.known_as


def _ranking(rows: Sequence[tuple[str, int, str]], count: int, tokens: int, used: int) -> Ranking:
    """Rows come by tokens; `count` and `tokens` are of all. Parts may be a fold apart, so the whole may lack."""
    first = rows[:RANKED]
    whole = max(used, 1)
    ranked = tuple(Ranked(name, each, each / whole, each / first[0][1], url) for name, each, url in first)
    return Ranking(ranked, count - len(first), _together(tokens - sum(row.tokens for row in ranked), used))


def _together(tokens: int, used: int) -> Ranked | None:
    return Ranked("", tokens, tokens / max(used, 1), 0) if tokens > 0 else None


def _figure(shown: Budget) -> str:
    bars = [
        charts.PeriodBar(span(bar.days), labels.tick(bar.days, shown.period), bar.tokens, bar.is_present)
        for bar in shown.bars
    ]
    return charts.tokens_per_period(bars, shown.reading.allowed if shown.reading else None, tick)


@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """All alerts there ever were, the newest first. Three queries."""
    page = Paginator(latest(), ALERTS_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "time_zone": state.read().time_zone.key}
    return render(request, "tokenlimits/alerts.html", context)

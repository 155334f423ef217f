"""The Token limits tab: Spending & Budget, every limit as it stands, the latest alerts; and the page of all alerts.

In: the period that the URL asks for. Out: the page, or for htmx the part that another period changes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
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


@require_safe
@vary_on_headers("HX-Request")
def page(request: HttpRequest) -> HttpResponse:
    """Eleven queries beside sign-in's two, however many limits there are."""
    now = timezone.now()
    asked = request.GET.get("period", "")
    standing = budget.load(now, Period(asked) if asked in list(Period) else None)
    context = _context(standing, now, whole=request.GET.get("limits") == "all")
    if request.headers.get("HX-Target") == "budget" and request.headers.get("HX-Request") == "true":
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


def _rankings(shown: Budget) -> dict[str, tuple[Ranked, ...]]:
    """Who and what used the most, ten of each at most."""
    teams = [(label(team, Noun.TEAM), team.tokens, "") for team in shown.teams]
    models = [(model.name or _("No model named"), model.tokens, "") for model in shown.models]
    people = [(_called(person), person.tokens, reverse("person", args=[person.id])) for person in shown.people]
    return {"teams": _ranked(teams, shown), "models": _ranked(models, shown), "people": _ranked(people, shown)}


def _called(person: PersonFigures) -> str:
    return f"{person.known_as} {_('(deleted)')}" if person.deleted else person.known_as


def _ranked(rows: list[tuple[str, int, str]], shown: Budget) -> tuple[Ranked, ...]:
    """Rows come by tokens; those without any are left out. Parts may be a fold apart, so the whole may lack."""
    used = [row for row in rows if row[1]][:RANKED]
    whole = max(shown.used, 1)
    return tuple(Ranked(name, tokens, tokens / whole, tokens / used[0][1], url) for name, tokens, url in used)


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

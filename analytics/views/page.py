"""The Analytics page: one report, read once, shown as the page, as the part that a new range changes, or as one chart.

In: the URL's range. Out: HTML. Nothing here writes but Refresh, which folds what is pending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_stubs_ext import StrPromise

from analytics import charts, report
from analytics.definitions import DEFINITIONS
from analytics.report import AnalyticsReport
from analytics.rollups import fold
from analytics.views import ranges
from analytics.views.cards import cards
from analytics.views.rankings import top_assistants

TEMPLATE = "analytics/analytics.html"
REFRESH_S = 5.0  # what a person waits for; what is left then, the worker folds
OTHER_FOLDER_S = 2.0
STALE_AFTER = timedelta(minutes=2)  # folding runs every few seconds; that late, something holds it up

CHARTS = {
    "active_users": (_("Active users"), charts.active_users),
    "teams": (_("Token usage per team"), charts.token_usage_per_team),
    "top_workflows": (_("Top workflows by usage"), charts.top_workflows),
    "first_value": (_("Time to first value"), charts.time_to_first_value),
}


@dataclass(frozen=True, slots=True)
class ChartCard:
    """The card of one chart; `figure` is "" where there is nothing to draw."""

    name: str
    title: StrPromise
    figure: str

    @property
    def template(self) -> str:
        return f"analytics/charts/{self.name}.html"

    @property
    def definition(self) -> Promise:
        return DEFINITIONS[self.name]

    @property
    def info(self) -> str:
        """The id of its definition on the page."""
        return f"chart-{self.name}"


@require_safe
@vary_on_headers("HX-Request")
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; for htmx the part below its header, and the range controls."""
    context = _context(request.GET)
    if _wants_fragment(request):
        return render(request, f"{TEMPLATE}#fragment", context | {"fragment": True})
    return render(request, TEMPLATE, context)


@require_safe
@vary_on_headers("HX-Request")
def chart(request: HttpRequest, name: str) -> HttpResponse:
    """One chart's card for htmx; without htmx, the page at that chart."""
    if name not in CHARTS:
        raise Http404
    if not _wants_fragment(request):
        return HttpResponseRedirect(f"{reverse('analytics')}?{request.GET.urlencode()}#{name}")
    context = _context(request.GET)
    (wanted,) = (card for card in context["charts"] if card.name == name)
    return render(request, wanted.template, context | {"chart": wanted})


@require_POST
def refresh(request: HttpRequest) -> HttpResponse:
    """Folds what is pending, then shows the same range: to htmx the fragment, else by a redirect."""
    result = fold.fold_pending(REFRESH_S, wait_s=OTHER_FOLDER_S)
    if not result.drained:
        messages.info(request, gettext("More usage is still being counted. Refresh again in a moment."))
    if _wants_fragment(request):
        return render(request, f"{TEMPLATE}#fragment", _context(request.POST) | {"fragment": True})
    kept = {name: value for name in ("range", "from", "to", "assistants") if (value := request.POST.get(name))}
    return HttpResponseRedirect(f"{reverse('analytics')}?{urlencode(kept)}", status=303)


def _wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part; when it restores history it wants the page."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true"


def _context(asked: Mapping[str, str]) -> dict[str, Any]:
    """What the template shows of one report, which is read here: one query, nine when it is not cached, and one more
    where it is empty.
    """
    now = timezone.now()
    state = report.read_state()
    today = now.astimezone(state.time_zone).date()
    selection = ranges.select(asked, today)
    shown = report.load(selection.days, now, state)
    return {
        "report": shown,
        "is_blank": report.is_blank(shown),
        "range": ranges.controls(selection, today),
        "cards": cards(shown),
        "charts": [ChartCard(name, title, build(shown)) for name, (title, build) in CHARTS.items()],
        "slices": charts.team_slices(shown),
        "bars": charts.shown_workflows(shown),
        "buckets": charts.bucket_rows(shown),
        "peak": _busiest(shown),
        "ranking": top_assistants(shown, whole=asked.get("assistants") == "all"),
        "definitions": DEFINITIONS,
        "behind": now - shown.as_of if shown.as_of and now - shown.as_of > STALE_AFTER else None,
    }


def _busiest(shown: AnalyticsReport) -> Any:
    """The first of the days with the most active users."""
    return max(shown.days, key=lambda day: day.active_users)

"""The User management page: the list of people, and what of it is asked for as CSV. Nothing here writes.

In: the URL's parameters. Out: the page, to htmx the part below the filter, or a download.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from usermgmt import downloads, people_csv, people_list
from usermgmt.downloads import Export
from usermgmt.people_forms import TAB_LABELS, PeopleFilterForm
from usermgmt.people_list import SORTS, ListState, PeoplePage
from usermgmt.people_steps import OFFERED
from usermgmt.queries import Overview, Sort
from usermgmt.views.people_rows import shown_rows

TEMPLATE = "usermgmt/people.html"
SORT_LABELS = {
    Sort.NAME: _("Name"),
    Sort.EMAIL: _("Email"),
    Sort.ROLE: _("Role"),
    Sort.JOINED: _("Joined"),
    Sort.LAST_ACTIVE: _("Last active"),
    Sort.TOKENS: _("Tokens"),
    Sort.REQUESTS: _("Requests"),
    Sort.INVITED: _("Invited"),
    Sort.REMOVED: _("Removed"),
}


@require_safe
@vary_on_headers("HX-Request")
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; for htmx the part below the filter. Six queries beside sign-in's two."""
    now, whole = timezone.now(), not _wants_fragment(request)
    form = PeopleFilterForm(request.GET, people_list.filter_teams())
    shown = people_list.load(form.state(), now, whole=whole)
    context = _context(shown, request.user.pk, now) | {"form": form}
    if whole:
        return render(request, TEMPLATE, context)
    response = render(request, f"{TEMPLATE}#results", context)
    response["HX-Push-Url"] = _url(shown.state)
    return response


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """Everybody whom the same parameters list, on whatever page. 400 with the reason for a filter that cannot be
    understood, because a file of other people than those asked for would be taken for the truth.
    """
    now, teams = timezone.now(), people_list.filter_teams()
    form = PeopleFilterForm(request.GET, teams)
    state = form.state()
    if problems := form.problems:
        return HttpResponse("\n".join(problems), status=400, content_type="text/plain; charset=utf-8")
    pieces = people_csv.people_csv(state, now)
    return downloads.exported(request, Export.PEOPLE, people_csv.filename(state, now), pieces, state.said(teams))


def _wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part; when it restores history it wants the page."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true"


# --- What the template shows ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TabLink:
    name: str
    label: str
    url: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: where a click on it leads, and how the list is sorted by it now."""

    label: str
    url: str
    order: str  # as aria-sort says it; "" where it is sorted by something else


def _context(shown: PeoplePage, viewer_id: int | None, now: dt.datetime) -> dict[str, Any]:
    state = shown.state
    return {
        "shown": shown,
        "state": state,
        "tab": state.tab.value,
        "here": _url(state),
        "now": now,
        "tokens_words": gettext("%(number)s tokens"),
        "rows": shown_rows(shown, _url(state), viewer_id, now),
        "tab_label": TAB_LABELS[state.tab],
        "tabs": _tab_links(shown.overview, state) if shown.overview else [],
        "headings": {sort.value: _heading(state, sort) for sort in SORTS[state.tab]},
        "previous_url": _url(replace(state, page=state.page - 1)) if state.page > 1 else "",
        "next_url": _url(replace(state, page=state.page + 1)) if state.page < shown.pages else "",
        "unfiltered_url": _url(state.unfiltered()),
        "export_url": f"{reverse('people-export')}?{replace(state, page=1).query}".rstrip("?"),
        "offered": OFFERED[state.tab],
    }


def _tab_links(overview: Overview, state: ListState) -> list[TabLink]:
    return [
        TabLink(tab.value, str(label), _url(ListState.of(tab)), overview.tabs[tab], tab is state.tab)
        for tab, label in TAB_LABELS.items()
    ]


def _heading(state: ListState, sort: Sort) -> Heading:
    order = ("descending" if state.descending else "ascending") if sort is state.sort else ""
    return Heading(str(SORT_LABELS[sort]), _url(state.sorted_by(sort)), order)


def _url(state: ListState) -> str:
    return f"{reverse('people')}?{state.query}".rstrip("?")

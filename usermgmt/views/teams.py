"""The Teams tab: cards of all teams, a team's page with its members, and what can be done to both.

In: forms. Out: pages; after a change, the way back to the team's page with a sentence about what happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from usermgmt import team_actions, team_lists
from usermgmt.models import Team, User
from usermgmt.refusals import Refused
from usermgmt.team_forms import MembersForm, TeamForm
from usermgmt.team_lists import MEMBERS_A_PAGE

TEAM_TEMPLATE = "usermgmt/team.html"


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    """All teams. One query beside sign-in's two."""
    present, archived = team_lists.cards()
    return render(request, "usermgmt/teams.html", {"present": present, "archived": archived})


@require_safe
@vary_on_headers("HX-Request")
def team(request: HttpRequest, team_id: int) -> HttpResponse:
    """One team and its members; for htmx the list that its search is about. Four queries beside sign-in's two."""
    fragment = request.headers.get("HX-Target") if _wants_fragment(request) else None
    try:
        card = team_lists.card(team_id)
    except Team.DoesNotExist:
        raise Http404 from None
    context: dict[str, Any] = {"card": card, "team": card.team}
    if fragment != "members":
        find = request.GET.get("find", "")[:200]
        context |= {"find": find, "candidates": team_lists.candidates(card.team, find)}
    if fragment != "candidates":
        context |= _members(request, card.team)
    if fragment in ("members", "candidates"):
        return render(request, f"{TEAM_TEMPLATE}#{fragment}", context)
    return render(request, TEAM_TEMPLATE, context)


def _members(request: HttpRequest, shown: Team) -> dict[str, Any]:
    said = request.GET.get("page", "")
    page = int(said) if said.isascii() and said.isdigit() and len(said) < 7 else 1
    members = team_lists.members(shown, request.GET.get("q", "")[:200], page)
    before, after = members.page - 1, members.page + 1
    return {
        "members": members,
        "previous_url": _url(shown.pk, members.search, before) if before >= 1 else "",
        "next_url": _url(shown.pk, members.search, after) if after <= members.pages else "",
    }


def _url(team_id: int, search: str = "", page: int = 1) -> str:
    said = {name: value for name, value in (("q", search), ("page", page if page > 1 else "")) if value}
    return f"{reverse('team', args=[team_id])}?{urlencode(said)}".rstrip("?")


def _wants_fragment(request: HttpRequest) -> bool:
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true"


# --- Changing teams -------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    def save(name: str, description: str, color: str) -> Team:
        return team_actions.create_team(_actor(request), name, description, color)

    form = TeamForm(request.POST if request.method == "POST" else None)
    return _form_page(request, form, save, None, _("The team is created. Now add its members."))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, team_id: int) -> HttpResponse:
    def save(name: str, description: str, color: str) -> Team:
        return team_actions.edit_team(_actor(request), team_id, name, description, color)

    now = Team.objects.filter(pk=team_id, deleted_at__isnull=True).first()
    if now is None:
        raise Http404
    form = TeamForm(request.POST if request.method == "POST" else None, now)
    return _form_page(request, form, save, now, _("The team is saved."))


def _form_page(
    request: HttpRequest, form: TeamForm, save: Callable[[str, str, str], Team], now: Team | None, done: str
) -> HttpResponse:
    """The form; after a good answer, the team's page."""
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            saved = save(said["name"], said["description"], said["color"])
        except Refused as refused:
            form.add_error("name", str(refused))
        else:
            messages.success(request, done)
            return redirect("team", saved.pk)
    return render(request, "usermgmt/team_form.html", {"form": form, "team": now})


@require_POST
def archive(request: HttpRequest, team_id: int) -> HttpResponse:
    def act() -> str:
        team_actions.archive_team(_actor(request), team_id, timezone.now())
        return _("The team is archived. Its members and its usage stay.")

    return _changed(request, team_id, act)


@require_POST
def unarchive(request: HttpRequest, team_id: int) -> HttpResponse:
    def act() -> str:
        team_actions.unarchive_team(_actor(request), team_id)
        return _("The team is back.")

    return _changed(request, team_id, act)


@require_POST
def add_members(request: HttpRequest, team_id: int) -> HttpResponse:
    def act() -> str:
        count = team_actions.add_members(_actor(request), team_id, _chosen(request))
        return ngettext("%(count)s person is added.", "%(count)s people are added.", count) % {"count": count}

    return _changed(request, team_id, act)


@require_POST
def remove_members(request: HttpRequest, team_id: int) -> HttpResponse:
    def act() -> str:
        count = team_actions.remove_members(_actor(request), team_id, _chosen(request))
        said = ngettext("%(count)s person has left the team.", "%(count)s people have left the team.", count)
        return said % {"count": count}

    return _changed(request, team_id, act)


def _changed(request: HttpRequest, team_id: int, act: Callable[[], str]) -> HttpResponse:
    """Does it and goes back to the team's page, which then says what happened, or why it did not."""
    try:
        messages.success(request, act())
    except Refused as refused:
        messages.error(request, str(refused))
    except (Team.DoesNotExist, User.DoesNotExist):
        raise Http404 from None
    return redirect("team", team_id)


def _chosen(request: HttpRequest) -> list[int]:
    """The people named. Refused: nobody_chosen."""
    form = MembersForm(request.POST, MEMBERS_A_PAGE)
    if not form.is_valid():
        raise Refused.of("nobody_chosen")
    chosen: list[int] = form.cleaned_data["person"]
    return chosen


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # held by the default-deny middleware
    return request.user

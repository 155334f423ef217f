"""Steps with chosen people: a page that names them and says what will be, then the step itself.

In: `person` (once for each), `next` (where the list stood). GET asks and writes nothing; POST acts, all or nothing.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from usermgmt import people_list
from usermgmt.models import User
from usermgmt.people_forms import PrimaryTeamForm, RoleForm
from usermgmt.people_steps import TAKES, WORDS, Step, asks_password
from usermgmt.redirects import is_own_path
from usermgmt.refusals import Refused
from usermgmt.views.password import require_password

TEMPLATE = "usermgmt/people_step.html"
MOST_PEOPLE = 500
CONFLICT = 409


@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, name: str) -> HttpResponseBase:
    """Asks, or acts and goes back to the list."""
    try:
        chosen = Step(name)
    except ValueError:
        raise Http404 from None
    asked = request.POST if request.method == "POST" else request.GET
    people = _people(asked)
    if not people:
        messages.info(request, _("Choose at least one person first."))
        return HttpResponseRedirect(_way_back(asked))
    form = _form(chosen, request.POST if request.method == "POST" else None)
    if request.method == "POST" and (form is None or form.is_valid()):
        return _take(request, chosen, people, form)
    return _ask(request, chosen, people, form)


def _take(request: HttpRequest, chosen: Step, people: list[User], form: forms.Form | None) -> HttpResponseBase:
    if asks_password(chosen, people):
        require_password(request)
    assert isinstance(request.user, User)
    said = form.cleaned_data if form else {}
    try:
        count = TAKES[chosen](request.user, [person.pk for person in people], said, timezone.now())
    except Refused as refused:
        return _ask(request, chosen, people, form, str(refused))
    messages.success(request, WORDS[chosen].done % {"count": count})
    return HttpResponseRedirect(_way_back(request.POST))


def _ask(
    request: HttpRequest, chosen: Step, people: list[User], form: forms.Form | None, refusal: str = ""
) -> HttpResponse:
    asked = request.POST if request.method == "POST" else request.GET
    context: dict[str, Any] = {
        "step": chosen.value,
        "words": WORDS[chosen],
        "title": WORDS[chosen].title % {"count": len(people)},
        "people": people,
        "form": form,
        "refusal": refusal,
        "next": _way_back(asked),
    }
    return render(request, TEMPLATE, context, status=CONFLICT if refusal else None)


def _people(asked: QueryDict) -> list[User]:
    """The chosen people, by name. Somebody who is not there, or not any more, is 404 for all of it."""
    try:
        ids = {int(text) for text in asked.getlist("person")}
    except ValueError:
        raise Http404 from None
    if len(ids) > MOST_PEOPLE or any(not 0 < pk < 2**63 for pk in ids):
        raise Http404
    people = list(User.objects.filter(pk__in=ids, erased_at__isnull=True).order_by("display_name", "pk"))
    if len(people) != len(ids):
        raise Http404
    return people


def _form(chosen: Step, said: QueryDict | None) -> forms.Form | None:
    if chosen is Step.ROLE:
        return RoleForm(said)
    if chosen is Step.TEAM:
        return PrimaryTeamForm(said, team_choices=people_list.open_teams())
    return None


def _way_back(asked: QueryDict) -> str:
    wanted = asked.get("next", "")
    return wanted if is_own_path(wanted) else reverse("people")

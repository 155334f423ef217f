"""Adding somebody by invitation, and editing name, role and teams.

In: the forms of `people_forms`. Out: the form's page; after a change the list, with what happened.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from usermgmt import actions, people_list
from usermgmt.models import Membership, Role, Status, User, normalize_email
from usermgmt.people_forms import EditForm, InviteForm
from usermgmt.redirects import is_own_path
from usermgmt.refusals import Refused
from usermgmt.views.password import require_password

CONFLICT = 409


# --- Adding -------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """The form; by POST an invitation. `email` and `name` in the URL fill it in."""
    teams = people_list.open_teams()
    if request.method != "POST":
        known = {"email": normalize_email(request.GET.get("email", "")), "name": request.GET.get("name", "")}
        return _add_page(request, InviteForm(initial=known, team_choices=teams))
    form = InviteForm(request.POST, team_choices=teams)
    if not form.is_valid():
        return _add_page(request, form)
    if form.chosen_role is Role.ADMINISTRATOR:
        require_password(request)
    said = form.cleaned_data
    try:
        actions.invite(_actor(request), said["email"], said["name"], form.chosen_role, form.team_ids, timezone.now())
    except Refused as refused:
        form.add_error("primary_team" if refused.code == "unknown_team" else "email", str(refused))
        return _add_page(request, form)
    messages.success(request, _("An invitation to %(email)s is on its way.") % {"email": said["email"]})
    another = "another" in request.POST
    return HttpResponseRedirect(reverse("person-add") if another else f"{reverse('people')}?tab=pending")


def _add_page(request: HttpRequest, form: InviteForm) -> HttpResponse:
    return render(request, "usermgmt/people_add.html", {"form": form})


# --- Editing ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, person_id: int) -> HttpResponse:
    """The form; by POST the change, unless somebody else made one since the form was opened."""
    person = _person(person_id)
    if request.method != "POST":
        return _edit_page(request, person, _fresh(request, person))
    form = _form(request, person, request.POST)
    if not form.is_valid():
        return _edit_page(request, person, form)
    if form.chosen_role != person.role:
        require_password(request)
    said = form.cleaned_data
    try:
        actions.edit_person(
            _actor(request), person.pk, said["version"], said["name"], form.chosen_role, form.team_ids, timezone.now()
        )
    except Refused as refused:
        return _refused(request, person, form, refused)
    messages.success(request, _("%(name)s was saved.") % {"name": said["name"]})
    return HttpResponseRedirect(_way_back(request))


def _refused(request: HttpRequest, person: User, form: EditForm, refused: Refused) -> HttpResponse:
    """What stands now is shown, and what was typed beside it, so that nothing is lost and nothing overwritten."""
    if refused.code != "changed_meanwhile":
        form.add_error(None, str(refused))
        return _edit_page(request, person, form, status=CONFLICT)
    teams = dict(form.fields["teams"].choices)  # type: ignore[attr-defined]
    typed = {
        _("Name"): form.cleaned_data["name"],
        _("Role"): form.chosen_role.label,
        _("Teams"): ", ".join(teams.get(str(pk), "") for pk in form.team_ids) or "–",
    }
    person = _person(person.pk)
    context = {"conflict": str(refused), "typed": typed}
    return _edit_page(request, person, _fresh(request, person), context, status=CONFLICT)


def _person(person_id: int) -> User:
    """Somebody who can be edited: not removed, not erased."""
    person = User.objects.filter(pk=person_id).exclude(status=Status.DELETED).first()
    if person is None:
        raise Http404
    return person


def _fresh(request: HttpRequest, person: User) -> EditForm:
    """The form with what stands in the database."""
    return _form(request, person, None)


def _form(request: HttpRequest, person: User, said: Any) -> EditForm:
    held = list(Membership.objects.filter(user=person).order_by("-is_primary", "pk"))
    primary = next((membership.team_id for membership in held if membership.is_primary), "")
    return EditForm(
        said,
        own=person.pk == request.user.pk,
        team_choices=people_list.open_teams(and_these=[membership.team_id for membership in held]),
        initial={
            "name": person.name,
            "role": person.role,
            "primary_team": str(primary),
            "teams": [str(membership.team_id) for membership in held if not membership.is_primary],
            "version": actions.version(person),
        },
    )


def _edit_page(
    request: HttpRequest, person: User, form: EditForm, more: dict[str, Any] | None = None, status: int | None = None
) -> HttpResponse:
    context = {"person": person, "form": form, "next": _way_back(request), "own": person.pk == request.user.pk}
    return render(request, "usermgmt/people_edit.html", context | (more or {}), status=status)


def _way_back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "") or request.GET.get("next", "")
    return wanted if is_own_path(wanted) else reverse("people")


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user

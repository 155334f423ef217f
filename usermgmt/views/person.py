"""One person's page for administrators, and ending that person's sessions from it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from usermgmt import actions, audit_log, person, sessions
from usermgmt.models import User
from usermgmt.refusals import Refused
from usermgmt.views.password import require_password

ENTRIES = 10


@require_safe
def page(request: HttpRequest, user_id: int) -> HttpResponse:
    """Seven queries beside sign-in's two."""
    now = timezone.now()
    try:
        shown = person.person(user_id)
    except User.DoesNotExist:
        raise Http404 from None
    context = {
        "person": shown,
        "activity": getattr(shown, "activity", None),
        "is_self": shown.pk == _actor(request).pk,
        "memberships": person.memberships(shown),
        "usage": person.usage(shown, now),
        "assistants": person.assistants(shown, now),
        "sign_in": person.sign_in(shown),
        "sessions": sessions.open_sessions(shown, now, request.session.session_key),
        "entries": audit_log.of_person(shown.pk, ENTRIES),
        "now": now,
    }
    return render(request, "usermgmt/person.html", context)


@require_POST
def end_sessions(request: HttpRequest, user_id: int) -> HttpResponse:
    """Signs somebody else out everywhere; one's own sessions are ended under Security, which keeps this one."""
    require_password(request)
    actor = _actor(request)
    if user_id == actor.pk:
        return redirect("security")
    try:
        actions.end_all_sessions(actor, user_id)
    except User.DoesNotExist:
        raise Http404 from None
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("This person is signed out everywhere."))
    return redirect("person", user_id)


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # held by the default-deny middleware
    return request.user

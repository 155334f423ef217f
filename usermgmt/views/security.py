"""/profile/security/: how a person signs in, and where they are signed in."""

from __future__ import annotations

from http import HTTPStatus

from allauth.account import views as allauth_views
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from usermgmt import second_factor, sessions, sign_on
from usermgmt.models import User

_OTHERS = "others"


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Everything on one page."""
    person = _person(request)
    return render(
        request,
        "usermgmt/profile/security.html",
        {
            "person": person,
            "provider": sign_on.name(),
            "connection": sign_on.connection_of(person),
            "may_disconnect": sign_on.may_disconnect(person),
            "methods": second_factor.methods_of(person),
            "sessions": sessions.open_sessions(person, timezone.now(), request.session.session_key),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """allauth's page, for people who have a password: nobody gets their first one here."""
    if not _person(request).has_usable_password():
        raise Http404
    response: HttpResponse = allauth_views.password_change(request)
    if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
        messages.success(request, _("Your password is changed. You are signed out everywhere else."))
    return response


@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    """Ends one session of the person, or all but this one."""
    person, which = _person(request), request.POST.get("session", "")
    if which == _OTHERS:
        sessions.end_sessions([person.pk], keep=request.session.session_key)
        messages.success(request, _("You are signed out everywhere else."))
    elif which.isascii() and which.isdigit() and len(which) < 19 and sessions.end_session(person, int(which)):
        messages.success(request, _("The session is ended."))
    else:
        raise Http404
    return redirect("security")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # held by the default-deny middleware
    return request.user

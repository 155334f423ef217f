"""Accepting an invitation: the page behind the mailed link, open to everybody who holds one.

In: the secret of the link. Out: the form; once it is sent, a person who is signed in. Looking never uses a link up,
because mail scanners look.
"""

from __future__ import annotations

from allauth.account.utils import perform_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from usermgmt import actions, invitations
from usermgmt.people_forms import AcceptForm
from usermgmt.refusals import Refused

TEMPLATE = "usermgmt/people_accept.html"
OVER = 410  # gone


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The form, or by POST: name and password set, onboarding completed, signed in."""
    now = timezone.now()
    invitation = invitations.find_open(secret, now)
    if invitation is None:
        return _over(request)
    form = AcceptForm(request.POST or None, person=invitation.user)
    if not form.is_valid():
        return render(request, TEMPLATE, {"form": form, "invitation": invitation})
    try:
        person = actions.accept_invitation(secret, form.cleaned_data["name"], form.cleaned_data["password1"], now)
    except Refused:  # somebody was faster
        return _over(request)
    answer: HttpResponseBase = perform_login(request, person, redirect_url=reverse("home"))
    return answer


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, TEMPLATE, {"form": None}, status=OVER)

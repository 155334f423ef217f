"""Signing in through the OpenID Connect provider of the settings, connecting one's account and disconnecting it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import requests
import structlog
from allauth.account.decorators import reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from usermgmt import sign_on
from usermgmt.models import User
from usermgmt.provider import SignOnAdapter

log = structlog.get_logger(__name__)
# What a provider can do wrong: not answer, or answer something else than the standard says.
_TROUBLE = (requests.RequestException, KeyError, TypeError, ValueError)


@require_POST
def start(request: HttpRequest) -> HttpResponseBase:
    """Off to the provider, to come back signed in."""
    provider = _provider(request)
    if request.user.is_authenticated:
        return redirect("home")
    return _leave(request, provider, AuthProcess.LOGIN, get_next_redirect_url(request))


@require_POST
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def connect(request: HttpRequest) -> HttpResponseBase:
    """Off to the provider, to come back with an account to connect."""
    return _leave(request, _provider(request), AuthProcess.CONNECT, None)


@require_safe
def callback(request: HttpRequest) -> HttpResponseBase:
    """Back from the provider."""
    adapter = SignOnAdapter(request, _provider(request).app.provider_id)
    try:
        response: HttpResponseBase = OAuth2CallbackView.adapter_view(adapter)(request)
    except _TROUBLE as error:
        log.warning("sign_on_failed", exception=repr(error))
        return sign_on.tell_trouble(request)
    return response


@require_POST
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def disconnect(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # held by the default-deny middleware
    _provider(request)
    if sign_on.may_disconnect(request.user):
        sign_on.disconnect(request, request.user)
    else:
        messages.error(request, _("This is your only way to sign in."))
    return redirect("security")


def _provider(request: HttpRequest) -> Any:
    """The provider of the settings; 404 without one."""
    if not sign_on.name():
        raise Http404
    return get_adapter(request).get_provider(request, sign_on.PROVIDER)


def _leave(request: HttpRequest, provider: Any, process: AuthProcess, next_url: str | None) -> HttpResponseBase:
    """A page that goes to the provider by itself. A redirect would not do: browsers hold the redirects that follow
    a form to the policy's `form-action`, and nobody knows all the addresses a provider sends people through.
    """
    try:
        response = provider.redirect(request, process, next_url=next_url)
    except _TROUBLE as error:
        log.warning("sign_on_not_reached", exception=repr(error))
        return sign_on.tell_trouble(request)
    if response.status_code != HTTPStatus.FOUND:
        return sign_on.tell_trouble(request)
    return render(request, "account/sign_on_leaving.html", {"url": response.url, "provider": provider.name})

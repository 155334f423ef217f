"""The second step of signing in and the way out of it; signing in with a passkey alone."""

from __future__ import annotations

from allauth.account.internal.stagekit import clear_login
from allauth.core.internal import ratelimit
from allauth.mfa.base import views as mfa_views
from allauth.mfa.webauthn import views as allauth_views
from allauth.mfa.webauthn.internal import auth
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

authenticate = require_http_methods(["GET", "HEAD", "POST"])(mfa_views.authenticate)


@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Back to the start of signing in."""
    clear_login(request)
    return redirect("account_login")


@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """What a browser needs to ask for a passkey of this address: JSON for passkeys.js. Names nobody."""
    limited: HttpResponse | None = ratelimit.consume_or_429(request, app="allauth.mfa", action="webauthn_login")
    return limited or JsonResponse(auth.begin_authentication(user=None))


@require_POST
def sign_in_with_passkey(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = allauth_views.login_webauthn(request)
    return response

"""Default deny, and the log of requests.

A URL answers an active administrator, or it is on the literal list of `panta_admin.access`. The refusal stands before
everything that looks at the URL (CSRF, the missing-slash redirect, views): it never says whether the address exists.
Somebody signed in who may not go on gets 404. Somebody not signed in is sent to sign in from every address alike,
existing or not, when reading (GET, HEAD), and gets 404 otherwise; htmx gets the same 404 with the way to sign-in in a
header, because it would put a redirect's page into a fragment's place. Headers choose how a refusal is written, never
whether there is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, resolve, reverse
from django.utils import translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.defaults import page_not_found
from django_structlog.middlewares import RequestMiddleware

from panta_admin.access import KEY, PUBLIC, Access, access_of

_READING = ("GET", "HEAD")
# The one secret that has to travel in an address: the key of a mailed link. It must not stay in a log.
_MAILED_KEY = re.compile(r"(/password/reset/key/[0-9A-Za-z]+-|/invitation/)[^/]+")


class RequestLogMiddleware(RequestMiddleware):
    """Writes each request to the log, without the keys of mailed links."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return _MAILED_KEY.sub(r"\1…", f"{request.method} {request.get_full_path()}")


class KeyDoorMiddleware:
    """Endpoints that check a key of their own: straight to the view, past sessions, cookies, languages and pages.

    They need none of it, must not heed any of it, and it would be a third of the time of a small request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.removeprefix("/") not in KEY:
            return self.get_response(request)
        request.get_host()  # raises DisallowedHost
        request.resolver_match = match = _door(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        patch_cache_control(response, no_store=True)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


@cache  # asked for addresses of KEY alone
def _door(path: str) -> ResolverMatch:
    return resolve(path)


class DefaultDenyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        access = access_of(request.path_info)
        response = self.get_response(request) if _may_open(request, access) else _refuse(request, access)
        return _keep_out_of_caches(response)


def _may_open(request: HttpRequest, access: Access) -> bool:
    """Asks the session and the database on every request: a role taken away is gone with the next click.

    A deactivated person is nobody here, because the authentication backend returns active people only.
    """
    if access is Access.PUBLIC:
        return True
    if not request.user.is_authenticated:
        return False
    return access is Access.SIGNED_IN or request.user.is_administrator


def _refuse(request: HttpRequest, access: Access) -> HttpResponseBase:
    if request.user.is_authenticated:
        return page_not_found(request, Http404())
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=404, headers={"HX-Redirect": _sign_in_url(_current_page(request))})
    if request.method in _READING or access is Access.SIGNED_IN:
        return HttpResponseRedirect(_sign_in_url(request.get_full_path() if request.method in _READING else ""))
    return page_not_found(request, Http404())


def _sign_in_url(next_path: str) -> str:
    url = reverse("account_login")
    return f"{url}?{urlencode({'next': next_path})}" if next_path not in ("", "/") else url


def _current_page(request: HttpRequest) -> str:
    """The page that htmx asked from, as a path of ours whatever the header holds."""
    try:
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return ""
    path = "/" + current.path.lstrip("/")
    return f"{path}?{current.query}" if current.query else path


def _keep_out_of_caches(response: HttpResponseBase) -> HttpResponseBase:
    """After signing out, *back* must show nothing; and a fragment must never stand in for its page."""
    patch_cache_control(response, private=True, no_store=True)
    patch_vary_headers(response, ("Cookie", "HX-Request"))
    return response


class OwnLanguageMiddleware:
    """A signed-in person's pages speak the language they chose, on every device. A cookie remembers it for the pages
    before sign-in, which know nobody. Asks no database: default deny has looked at the person already.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        language = _own_language(request)
        if language and request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) != language:
            _remember_language(response, language)
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        if language := _own_language(request):
            translation.activate(language)
            request.LANGUAGE_CODE = language


def _own_language(request: HttpRequest) -> str:
    """The language chosen by the person whose page this is; "" without a choice, and on pages open to everybody."""
    match = request.resolver_match
    if match is None or match.route in PUBLIC:
        return ""
    language = getattr(request.user, "language", "")
    return language if language in dict(settings.LANGUAGES) else ""


def _remember_language(response: HttpResponseBase, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )

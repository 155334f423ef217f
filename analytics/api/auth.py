"""Who asks: a bearer key with the scope that the endpoint needs. Sessions and cookies count for nothing here."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus

from django.http import HttpRequest
from ninja.security import HttpBearer

from analytics import keys
from analytics.api.problems import Problem
from analytics.keys import ValidKey
from analytics.models.keys import Scope


class Key(HttpBearer):
    """For ninja's `auth=`: the `ValidKey` of the request as `request.auth`. Raises Problem: 401 or 403. One query."""

    openapi_description = (
        "A key made on the Integrations tab. Its scopes: `ingest` delivers usage, `read` reads numbers, `limits` "
        "checks token limits, `metrics` reads metrics. Each operation names the one that it asks for."
    )
    openapi_bearerFormat = "panta_…"  # noqa: N815  # ninja hands it on by this name

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ValidKey:
        return key_of(request, self.scope)

    def authenticate(self, request: HttpRequest, token: str) -> ValidKey:
        raise NotImplementedError  # __call__ decides


def key_of(request: HttpRequest, scope: Scope) -> ValidKey:
    """The valid key that the request carries. A wrong one is not told apart from a missing or a revoked one."""
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    key = keys.find(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "Send a valid key as “Authorization: Bearer panta_…”. Keys are made on the Integrations tab.",
            headers={"WWW-Authenticate": 'Bearer realm="panta"'},
        )
    if scope not in key.scopes:
        raise Problem(HTTPStatus.FORBIDDEN, f"This key lacks the scope “{scope.value}”.")
    keys.note_use(key, dt.datetime.now(dt.UTC))
    return key

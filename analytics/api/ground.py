"""What every operation stands on: ninja with our errors, and the document that describes it all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import ValidationError

from analytics.api.describe import Document
from analytics.api.problems import Problem, invalid

_UNUSED = HttpResponse()


class Api(NinjaAPI):
    """One API for all apps, mounted at the root of the site: its routes are whole paths."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """For headers that an operation may add to what ninja answers; ours answer with a response of their own."""
        return _UNUSED

    def patterns(self) -> list[URLPattern]:
        """The operations alone, without ninja's own pages; whatever they answer in error is a problem document."""
        *operations, _root_page = self._get_urls()
        patterns = [pattern for pattern in operations if isinstance(pattern, URLPattern)]
        for pattern in patterns:
            pattern.callback = _refusals_as_problems(pattern.callback)
        return patterns

    def document(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        return dict(Document(self, path_prefix=""))


def _refusals_as_problems(view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    """Django answers a wrong method without a word of explanation."""

    @wraps(view)
    def view_or_problem(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return response
        allowed = response.headers.get("Allow", "")
        detail = f"{request.method} is not possible here, only {allowed}."
        return answer(request, Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed}))

    return view_or_problem


ABOUT = """
Usage comes in, numbers go out. Prompts and answers are thrown away at the door, so there are none to read.

A key is made on the Integrations tab and sent as `Authorization: Bearer panta_…`. Each operation asks for one scope; a
key may have several. Sessions and cookies count for nothing here.

What is no success is a problem document (RFC 9457, `application/problem+json`) whose `detail` says what
to do. With 503 nothing was kept: wait as long as `Retry-After` says and send the same again.

Days are calendar days of the workspace's reporting time zone. Instants are UTC.
"""

api = Api(
    title="PANTA OS Admin Panel",
    version="1",
    description=ABOUT.strip(),
    servers=[{"url": settings.BASE_URL, "description": settings.WORKSPACE_NAME}],
    openapi_extra={
        "tags": [
            {"name": "Usage comes in", "description": "Three doors for events, all idempotent."},
            {"name": "Numbers", "description": "What the Analytics tab shows."},
            {"name": "Limits", "description": "May this request run? The platform asks before it does."},
            {"name": "Operations", "description": "For whoever runs the panel."},
        ]
    },
    openapi_url=None,
    docs_url=None,
    urls_namespace="api",
)


# Operations of a protocol that has its own form of errors, by path.
OWN_FORMS: dict[str, Callable[[HttpRequest, Problem], HttpResponse]] = {}


@api.exception_handler(Problem)
def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The problem as whoever asks understands it."""
    own_form = OWN_FORMS.get(request.path_info)
    return own_form(request, problem) if own_form else problem.response()


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Parameters that do not fit: 422 with each one's name and what is wrong with it."""
    return invalid({str(fault["loc"][-1]): fault["msg"] for fault in error.errors}).response()


@api.exception_handler(Exception)
def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    """To the project's own handler, which knows a database that is away; never ninja's page with a traceback."""
    raise error


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(api.document()), content_type="application/json")


def nowhere(request: HttpRequest, rest: str) -> HttpResponse:
    """Every address below the API's that is none: to programs a page or a redirect to sign-in says nothing."""
    detail = f"There is nothing at {request.path[:200]}. The operations are listed at /api/docs/."
    return Problem(HTTPStatus.NOT_FOUND, detail).response()

"""The error pages, and what a visitor gets while the database is away: 503 with Retry-After, without a query.

A `handler500`, not a middleware: Django turns an exception into a response at every layer of the middleware, so only
the handler sees those of sessions and sign-in as well as those of views.
"""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import bad_request as malformed
from django.views.defaults import server_error as internal_error

from analytics.api import ground
from analytics.api.problems import Problem, busy
from panta_admin.access import Access, access_of

RETRY_AFTER_SECONDS = 5
# SQLSTATE classes and codes: connection lost, out of connections/memory/disk, shutting down or starting up.
_AWAY = ("08", "53", "57P01", "57P02", "57P03")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for a request that Django itself refuses: a host that is not ours, too many parameters."""
    if access_of(request.path_info) is Access.KEY:
        return Problem(
            HTTPStatus.BAD_REQUEST, "The request is malformed, or sent to a host that is not served here."
        ).response()
    return malformed(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when the exception being handled means that the database is away, else the usual 500."""
    if access_of(request.path_info) is Access.KEY:
        return ground.answer(request, _problem(sys.exc_info()[1]))
    if not is_database_away(sys.exc_info()[1]):
        return internal_error(request)
    # Rendered without the request: context processors ask for the user, and the user is in the database.
    page = render_to_string("503.html", {"retry_after_seconds": RETRY_AFTER_SECONDS})
    return HttpResponse(
        page, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    )


def _problem(error: BaseException | None) -> Problem:
    """For programs. A statement given up after waiting too long (for a rebuild, say) may well work later: 503 too."""
    if isinstance(error, OperationalError | InterfaceError):
        return busy("The database cannot answer now; nothing was kept. Try again later.", RETRY_AFTER_SECONDS)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here; it is in the log.")


def is_database_away(error: BaseException | None) -> bool:
    """Whether trying again later can help; a statement that took too long or met a deadlock is not an outage."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_AWAY)

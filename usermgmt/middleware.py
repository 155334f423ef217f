"""Notes when a session was last seen, for the list of sessions on the Security page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from usermgmt import sessions


class LastSeenMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Looks at the session only where somebody has looked at it already: public pages stay without a query."""
        if request.session.accessed:
            sessions.note_seen(request)
        return self.get_response(request)

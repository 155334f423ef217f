"""Asking for the password again before a risky step."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from django.http import Http404, HttpRequest


@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def require_password(request: HttpRequest) -> None:
    """Returns only to an administrator who gave their password (or second factor) within the last minutes.

    Else allauth puts the request aside, asks, and runs it again. That second run does not pass the default-deny
    middleware as a request of its own, so the role is looked at here once more.
    """
    if not getattr(request.user, "is_administrator", False):
        raise Http404

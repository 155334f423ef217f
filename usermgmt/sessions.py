"""Ending people's sessions, wherever they are signed in."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session


def end_sessions(ids: Collection[int]) -> None:
    """Signs these people out everywhere, in the caller's transaction. Reads every session: they are stored sealed."""
    wanted = {str(pk) for pk in ids}
    if wanted:
        keys = [s.session_key for s in Session.objects.iterator() if s.get_decoded().get(SESSION_KEY) in wanted]
        Session.objects.filter(session_key__in=keys).delete()

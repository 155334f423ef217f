"""Where people are signed in: the list of one person's sessions, and ending sessions.

A session is Django's row; beside it stands allauth's `UserSession` with the person, the address and the browser,
written at sign-in by `remember`. Ending a session deletes both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from allauth.account.utils import url_str_to_user_pk
from allauth.core.internal.httpkit import HTTP_USER_AGENT_MAX_LENGTH
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from usermgmt.models import User
from usermgmt.user_agents import Device, device

_REMEMBERED = "remembered"  # in a session: that it has a UserSession
_SEEN_EVERY = 300.0  # seconds between two updates of "last seen" by one process
_MOST_SEEN = 10_000


@dataclass(frozen=True, slots=True)
class OpenSession:
    id: int
    device: Device
    ip: str
    signed_in_at: dt.datetime
    last_seen_at: dt.datetime
    is_current: bool


# --- Ending ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def end_sessions(ids: Collection[int], keep: str | None = None) -> None:
    """Signs these people out everywhere, in the caller's transaction; the session with the key `keep` goes on.

    Also ends sign-ins that wait for their second step. Sessions without a UserSession are few and read one by one,
    because who is signed in is sealed in them.
    """
    if not ids:
        return
    remembered = UserSession.objects.filter(user_id__in=ids)
    keys = {*remembered.values_list("session_key", flat=True), *_unremembered_of(set(ids))} - {keep}
    Session.objects.filter(session_key__in=keys).delete()
    remembered.exclude(session_key=keep or "").delete()


def _unremembered_of(ids: set[int]) -> Iterator[str]:
    for session in Session.objects.exclude(session_key__in=UserSession.objects.values("session_key")).iterator():
        if _person_in(session.get_decoded()) in ids:
            yield session.session_key


def _person_in(data: dict[str, Any]) -> int | None:
    """Who is signed in, or has given their password and owes the second step."""
    if SESSION_KEY in data:
        return int(data[SESSION_KEY])
    waiting = (data.get(LOGIN_SESSION_KEY) or {}).get("user_pk")
    return int(url_str_to_user_pk(waiting)) if waiting else None


@transaction.atomic
def end_session(user: User, session_id: int) -> bool:
    """Ends one session of this person; False if they have none of this number."""
    session = UserSession.objects.filter(user=user, pk=session_id).first()
    if session is None:
        return False
    Session.objects.filter(session_key=session.session_key).delete()
    session.delete()
    return True


# --- Listing --------------------------------------------------------------------------------------------------------


def open_sessions(user: User, now: dt.datetime, current_key: str | None = None) -> list[OpenSession]:
    """Where this person is signed in: the current session first, then by last sign of life. One query."""
    found = [
        OpenSession(
            row.pk,
            device(row.user_agent),
            row.ip,
            row.created_at,
            row.last_seen_at,
            row.session_key == current_key,
        )
        for row in _alive(now).filter(user=user).order_by("-last_seen_at")
    ]
    return sorted(found, key=lambda session: not session.is_current)


def _alive(now: dt.datetime) -> QuerySet[UserSession]:
    alive = Session.objects.filter(expire_date__gt=now).values("session_key")
    rows: QuerySet[UserSession] = UserSession.objects.filter(session_key__in=alive)
    return rows


# --- Keeping track --------------------------------------------------------------------------------------------------


def remember(request: HttpRequest, **_signal: object) -> None:
    """Notes who signed in from where; receiver of Django's `user_logged_in`. A request without an address, as tests
    and commands make them, is not noted.
    """
    if request.META.get("REMOTE_ADDR"):
        request.session[_REMEMBERED] = True
        UserSession.objects.create_from_request(request)


class _Seen:
    """When this process last noted a session, so that most requests write nothing."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._lock = Lock()

    def is_due(self, key: str, now: float) -> bool:
        """Whether to note this session now; the answer yes is given once in `_SEEN_EVERY`."""
        with self._lock:
            if now - self._at.get(key, 0.0) < _SEEN_EVERY:
                return False
            if len(self._at) >= _MOST_SEEN:
                self._at.clear()
            self._at[key] = now
            return True


_seen = _Seen()


def note_seen(request: HttpRequest) -> None:
    """Notes that the session of this request is alive, every five minutes at most. No query otherwise."""
    key, now = request.session.session_key, timezone.now()
    if key and request.session.get(_REMEMBERED) and _seen.is_due(key, now.timestamp()):
        UserSession.objects.filter(session_key=key).update(
            last_seen_at=now,
            ip=get_adapter().get_client_ip(request),
            user_agent=request.headers.get("User-Agent", "")[:HTTP_USER_AGENT_MAX_LENGTH],
        )

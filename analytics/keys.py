"""Keys of machines: made, shown once, found again by their hash, revoked.

A key is `panta_` and 256 random bits. Only its SHA-256 is stored: a hash made to be slow protects what people choose,
and this nobody can guess.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from analytics.models.keys import ApiKey, Scope
from usermgmt import audit
from usermgmt.models import Action, User

PREFIX = "panta_"
_FORM = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
_SHOWN = len(PREFIX) + 6
_USE_NOTED_EVERY = dt.timedelta(minutes=1)


def create(actor: User, name: str, scopes: Sequence[Scope], *, source: str = "") -> tuple[ApiKey, str]:
    """A stored key and its text, which nobody can find out again. Audited."""
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name,
            source=source,
            scopes=[scope.value for scope in scopes],
            prefix=text[:_SHOWN],
            secret_hash=_hash(text),
            created_by=actor,
        )
        said = {"scopes": ", ".join(key.scopes), "source": source, "key": key.prefix}
        audit.record(actor, Action.KEY_CREATED, target=name, after=said)
    return key, text


def revoke(actor: User, key: ApiKey, now: dt.datetime) -> bool:
    """Ends the key with its next request; False if that had been done already. Audited."""
    with transaction.atomic():
        ended = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now)
        if ended:
            audit.record(actor, Action.KEY_REVOKED, target=key.name, before={"key": key.prefix})
    return bool(ended)


def find(text: str) -> ApiKey | None:
    """The key that is valid now and reads `text`. One query, none where `text` is no key's form."""
    if not _FORM.fullmatch(text):
        return None
    return ApiKey.objects.filter(secret_hash=_hash(text), revoked_at__isnull=True).first()


def note_use(key: ApiKey, now: dt.datetime) -> None:
    """Remembers that the key was used, to the minute. One query a minute, which no other request waits for long."""
    stale = now - _USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < stale:
        not_noted = Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale)
        ApiKey.objects.filter(not_noted, pk=key.pk).update(last_used_at=now)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

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
from uuid import UUID

import msgspec
import structlog
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import Q

from analytics.masking import PREFIX
from analytics.models.keys import ApiKey, Scope
from analytics.models.statements import Statement
from usermgmt import audit
from usermgmt.models import Action, User

log = structlog.get_logger(__name__)

_FORM = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
_SHOWN = len(PREFIX) + 6
_ATTEMPT_REMEMBERED_S = 14 * 24 * 3600  # as long as a session
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


class AlreadyCreated(Exception):  # noqa: N818  # nothing went wrong
    """This attempt made its key before, and the key cannot be shown again."""


def create_once(attempt: UUID, actor: User, name: str, scopes: Sequence[Scope], source: str) -> tuple[ApiKey, str]:
    """As `create`, but once for each attempt: a form sent again, by a reload or a second click, makes no second key
    that nobody knows of. Raises AlreadyCreated.
    """
    with transaction.atomic():  # the cache is a table: its row and the key stand or fall together
        if not cache.add(f"key-attempt:{attempt}", True, _ATTEMPT_REMEMBERED_S):
            raise AlreadyCreated
        return create(actor, name, scopes, source=source)


def by_id(key_id: int) -> ApiKey | None:
    return ApiKey.objects.filter(pk=key_id).first()


def revoke(actor: User, key: ApiKey, now: dt.datetime) -> bool:
    """Ends the key with its next request; False if that had been done already. Audited."""
    with transaction.atomic():
        ended = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now)
        if ended:
            audit.record(actor, Action.KEY_REVOKED, target=key.name, before={"key": key.prefix})
    return bool(ended)


class ValidKey(msgspec.Struct, frozen=True):
    """What a request is allowed by its key. `source` is "" where the key names none."""

    id: int
    source: str
    scopes: tuple[str, ...]
    last_used_at: dt.datetime | None


_FIND = Statement(
    """
    SELECT row_to_json(found)::text FROM (
        SELECT id, source, scopes, last_used_at FROM api_key WHERE secret_hash = %(hash)s AND revoked_at IS NULL
    ) found
    """,
    ValidKey,
)


def find(text: str) -> ValidKey | None:
    """The key that is valid now and reads `text`. One query by a unique index, none where `text` is no key's form.

    In SQL because it stands before every request: what the ORM adds was half the time of a small one.
    """
    return _FIND.ask({"hash": _hash(text)}) if _FORM.fullmatch(text) else None


def note_use(key: ValidKey, now: dt.datetime) -> None:
    """Remembers that the key was used, to the minute. One query a minute, which no other request waits for long.

    Where the database takes no change (its disk is full, it is a replica) the request goes on without.
    """
    stale = now - _USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < stale:
        not_noted = Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale)
        try:
            ApiKey.objects.filter(not_noted, pk=key.id).update(last_used_at=now)
        except DatabaseError as error:
            log.warning("use of a key is not noted", key_id=key.id, error=str(error))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

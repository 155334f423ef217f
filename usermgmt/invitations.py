"""Invitations: a link in a mail that lets one person in, once, until it expires.

The token is derived from the secret key and a stored nonce, and only its hash is stored: the database alone lets nobody
in, and a mail that has to be sent again carries the same link.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence

from django.conf import settings
from django.db.models import F, QuerySet

from usermgmt.languages import for_mail
from usermgmt.models import Invitation, Mail, MailKind, Role, Status, User
from usermgmt.refusals import Refused

LIFETIME = dt.timedelta(days=7)
CHUNK = 2_000


def issue(user: User, role: Role, actor: User | None, now: dt.datetime) -> Invitation:
    """A new open invitation and its mail in the outbox; those open before end. In the caller's transaction."""
    end_open([user], now)
    invitation = _made(user, role, actor, now)
    invitation.save()
    Mail.objects.create(kind=MailKind.INVITATION, invitation=invitation, language=for_mail(user), next_attempt_at=now)
    return invitation


def issue_all(people: Sequence[User], actor: User | None, now: dt.datetime) -> None:
    """`issue` for many at once, each with the role they have. None of them may have an open invitation."""
    made = [_made(user, Role(user.role), actor, now) for user in people]
    Invitation.objects.bulk_create(made, batch_size=CHUNK)
    mails = [
        Mail(
            kind=MailKind.INVITATION,
            invitation=one,
            language=for_mail(one.user),
            created_at=now,
            next_attempt_at=now,
        )
        for one in made
    ]
    Mail.objects.bulk_create(mails, batch_size=CHUNK)


def _made(user: User, role: Role, actor: User | None, now: dt.datetime) -> Invitation:
    """An open invitation, not stored yet."""
    nonce = secrets.token_bytes(32)
    return Invitation(
        user=user,
        email=user.email or "",
        role=role,
        nonce=nonce,
        token_hash=_hash(_token(nonce)),
        invited_by=actor,
        created_at=now,
        expires_at=now + LIFETIME,
    )


def end_open(people: Collection[User], now: dt.datetime) -> None:
    """Revokes what is open for these people, and the mails not sent yet. Two queries."""
    unsent = Mail.objects.filter(invitation__user__in=people, sent_at__isnull=True, given_up_at__isnull=True)
    unsent.update(given_up_at=now)
    _open_of(people).update(revoked_at=now)


def renew_for_role(user: User, actor: User | None, now: dt.datetime) -> None:
    """Where a link was mailed that would still let the person in, another one in its place: for the role they have by
    now, not for the one that it was mailed for.
    """
    if _open_of([user]).filter(expires_at__gt=now).exists():
        issue(user, Role(user.role), actor, now)


def _open_of(people: Collection[User]) -> QuerySet[Invitation]:
    """Neither accepted nor revoked; they may have run out."""
    return Invitation.objects.filter(user__in=people, accepted_at__isnull=True, revoked_at__isnull=True)


def token(invitation: Invitation) -> str:
    """The secret part of the link: 256 bits, for the mail alone."""
    return _token(bytes(invitation.nonce))


def find_open(secret: str, now: dt.datetime) -> Invitation | None:
    """The invitation that this token opens, if it is still open, and still about the same address and role."""
    return (
        Invitation.objects.select_related("user", "invited_by")
        .filter(
            token_hash=_hash(secret),
            accepted_at__isnull=True,
            revoked_at__isnull=True,
            expires_at__gt=now,
            email=F("user__email"),
            role=F("user__role"),
        )
        .exclude(user__status__in=(Status.DELETED, Status.DEACTIVATED))
        .first()
    )


def consume(secret: str, now: dt.datetime) -> Invitation:
    """Ends the invitation by accepting it, in one UPDATE: of two at once one wins, the other is refused."""
    invitation = find_open(secret, now)
    still_open = Invitation.objects.filter(
        token_hash=_hash(secret), accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
    )
    if invitation is None or not still_open.update(accepted_at=now):
        raise Refused.of("invitation_over")
    return invitation


def _token(nonce: bytes) -> str:
    key = hashlib.sha256(b"panta.invitation\x00" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, nonce, hashlib.sha256).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

"""Sending what stands in the outbox: each mail in a transaction of its own, again and again until it is out.

A mail that a server took and whose answer was lost is sent twice; none is lost.
"""

from __future__ import annotations

import datetime as dt
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import override

from usermgmt import invitations
from usermgmt.models import Invitation, Mail

GIVE_UP_AFTER = 12  # attempts: about two days
_FIRST_WAIT = dt.timedelta(minutes=1)
_LONGEST_WAIT = dt.timedelta(hours=6)

log = structlog.get_logger(__name__)


def send_due(now: dt.datetime, limit: int = 200) -> int:
    """Sends what is due, oldest first; returns how many went out. Several senders share the work."""
    sent = 0
    for _number in range(limit):
        with transaction.atomic():
            mail = _next(now)
            if mail is None:
                break
            sent += _try(mail, now)
    return sent


def _next(now: dt.datetime) -> Mail | None:
    due = Mail.objects.filter(sent_at__isnull=True, given_up_at__isnull=True, next_attempt_at__lte=now)
    return due.select_for_update(skip_locked=True).order_by("next_attempt_at", "pk").first()


def _try(mail: Mail, now: dt.datetime) -> bool:
    mail.attempts += 1
    try:
        message = _compose(mail)
        if message is not None:
            message.send()
        mail.sent_at = now
    except (SMTPException, OSError) as error:
        mail.last_error = str(error)[:300]
        wait = min(_FIRST_WAIT * 2 ** (mail.attempts - 1), _LONGEST_WAIT)
        mail.next_attempt_at = now + wait
        mail.given_up_at = now if mail.attempts >= GIVE_UP_AFTER else None
        log.warning("mail_not_sent", mail=mail.pk, attempts=mail.attempts, given_up=mail.given_up_at is not None)
    mail.save()
    return mail.sent_at is not None


def _compose(mail: Mail) -> EmailMultiAlternatives | None:
    """The mail, made now; None if its invitation is over meanwhile."""
    invitation = mail.invitation
    if invitation is None or invitation.revoked_at or invitation.accepted_at:
        return None
    with override(mail.language):
        context = {"invitation": invitation, "url": accept_url(invitation), "workspace_name": settings.WORKSPACE_NAME}
        subject = render_to_string("usermgmt/mail/invitation_subject.txt", context).strip()
        message = EmailMultiAlternatives(
            subject, render_to_string("usermgmt/mail/invitation.txt", context), to=[invitation.email]
        )
        message.attach_alternative(render_to_string("usermgmt/mail/invitation.html", context), "text/html")
    return message


def accept_url(invitation: Invitation) -> str:
    """The link, on the configured address: the Host header is whatever a client sent."""
    path = reverse("accept_invitation", kwargs={"secret": invitations.token(invitation)})
    return f"{settings.BASE_URL.rstrip('/')}{path}"

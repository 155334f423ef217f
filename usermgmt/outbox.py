"""Sending what stands in the outbox: each mail in a transaction of its own, again and again until it is out.

A mail that a server took and whose answer was lost is sent twice; none is lost. What a mail says is made when it is
sent, by the `Letter` of its kind; apps above register theirs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from smtplib import SMTPDataError, SMTPException, SMTPNotSupportedError, SMTPRecipientsRefused, SMTPSenderRefused

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import override

from usermgmt import invitations
from usermgmt.models import Invitation, Mail, MailKind

GIVE_UP_AFTER = 12  # attempts: about two days
_FIRST_WAIT = dt.timedelta(minutes=1)
_LONGEST_WAIT = dt.timedelta(hours=6)
# Errors that say nothing about the next mail.
_ABOUT_THIS_MAIL = (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError, SMTPNotSupportedError, ValueError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One kind of mail. `compose` is called in the mail's language, for a mail that is still wanted."""

    is_wanted: Callable[[Mail, dt.datetime], bool]
    compose: Callable[[Mail], EmailMultiAlternatives]


_letters: dict[str, Letter] = {}


def register(kind: MailKind, letter: Letter) -> None:
    """Says how mails of this kind are made; once, when the apps are loaded."""
    _letters[kind] = letter


def send_due(now: dt.datetime, limit: int = 200) -> int:
    """Sends what is due, oldest first; returns how many went out. Several senders share the work.

    Stops at a mail server that does not answer: the others would wait for it one after another.
    """
    sent = 0
    for _number in range(limit):
        with transaction.atomic():
            mail = _next(now)
            if mail is None:
                break
            answers = _try(mail, now)
        sent += mail.sent_at is not None
        if not answers:
            break
    return sent


def _next(now: dt.datetime) -> Mail | None:
    due = Mail.objects.filter(sent_at__isnull=True, given_up_at__isnull=True, next_attempt_at__lte=now)
    return due.select_for_update(skip_locked=True).order_by("next_attempt_at", "pk").first()


def _try(mail: Mail, now: dt.datetime) -> bool:
    """Whether the mail server answers; what became of the mail stands in it."""
    answers = True
    letter = _letters[mail.kind]
    if not letter.is_wanted(mail, now):
        mail.given_up_at = now
    else:
        mail.attempts += 1
        try:
            with override(mail.language):
                message = letter.compose(mail)
            message.send()
            mail.sent_at = now
        except (SMTPException, OSError, ValueError) as error:
            _put_off(mail, error, now)
            answers = isinstance(error, _ABOUT_THIS_MAIL)
    mail.save()
    return answers


def _put_off(mail: Mail, error: Exception, now: dt.datetime) -> None:
    mail.last_error = f"{type(error).__name__}: {error}"[:300].replace("\x00", "")
    mail.next_attempt_at = now + min(_FIRST_WAIT * 2 ** (mail.attempts - 1), _LONGEST_WAIT)
    mail.given_up_at = now if mail.attempts >= GIVE_UP_AFTER else None
    log.warning("mail_not_sent", mail=mail.pk, attempts=mail.attempts, given_up=mail.given_up_at is not None)


# --- Invitations ----------------------------------------------------------------------------------------------------


def _is_wanted(mail: Mail, now: dt.datetime) -> bool:
    """Whether the link it would carry still opens something."""
    invitation = mail.invitation
    return invitation is not None and not (
        invitation.revoked_at or invitation.accepted_at or invitation.expires_at <= now
    )


def _compose(mail: Mail) -> EmailMultiAlternatives:
    """Made now, so that its link stands nowhere in the database."""
    invitation = mail.invitation
    assert invitation is not None
    context = {"invitation": invitation, "url": accept_url(invitation)}
    return render("usermgmt/mail/invitation", context, invitation.email)


def render(template: str, context: dict[str, object], to: str) -> EmailMultiAlternatives:
    """A mail out of TEMPLATE_subject.txt, TEMPLATE.txt and TEMPLATE.html, in the active language."""
    context = {**context, "workspace_name": settings.WORKSPACE_NAME}
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    message = EmailMultiAlternatives(subject, render_to_string(f"{template}.txt", context), to=[to])
    message.attach_alternative(render_to_string(f"{template}.html", context), "text/html")
    return message


register(MailKind.INVITATION, Letter(_is_wanted, _compose))


def accept_url(invitation: Invitation) -> str:
    """The link, on the configured address: the Host header is whatever a client sent."""
    path = reverse("accept_invitation", kwargs={"secret": invitations.token(invitation)})
    return f"{settings.BASE_URL.rstrip('/')}{path}"

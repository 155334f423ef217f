"""The mail about an alert: which limit, used, limit, pace, reset. Made when it is sent, in the receiver's language."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from analytics.rollups import state
from tokenlimits import labels
from tokenlimits.models import LimitAlert
from usermgmt import outbox
from usermgmt.models import Mail, MailKind
from usermgmt.outbox import Letter


def is_wanted(mail: Mail, now: dt.datetime) -> bool:
    """Whether the receiver is an administrator still, and the limit in force."""
    receiver = mail.recipient
    if receiver is None or not receiver.is_administrator or not receiver.email:
        return False
    return LimitAlert.objects.filter(pk=mail.subject_id or 0, limit__removed_at__isnull=True).exists()


def compose(mail: Mail) -> EmailMultiAlternatives:
    alert = LimitAlert.objects.select_related("limit__team", "limit__person", "person").get(pk=mail.subject_id or 0)
    assert mail.recipient is not None
    context = {
        "alert": alert,
        "limit": alert.limit,
        "target": labels.target(alert.limit),
        "per_period": labels.per_period(alert.limit.period),
        "receiver": mail.recipient,
        "share": alert.used / alert.tokens,
        "url": f"{settings.BASE_URL.rstrip('/')}{reverse('limits')}",
        "time_zone": state.read().time_zone.key,
    }
    message = outbox.render("tokenlimits/mail/alert", context, mail.recipient.email or "")
    # A mail may be sent twice, when a server took it and its answer was lost: the same id makes it one to who gets it.
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    message.extra_headers["Message-ID"] = f"<limit-alert.{alert.pk}.{mail.pk}.{alert.reached_at:%Y%m%d%H%M%S}@{host}>"
    return message


def register() -> None:
    outbox.register(MailKind.LIMIT_ALERT, Letter(is_wanted, compose))

"""How django-allauth behaves here: nobody signs themselves up, addresses have one spelling, links come from settings.

In: allauth's questions during sign-in and password reset. Out: our answers, and the mails.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from usermgmt.languages import for_mail
from usermgmt.models import User, normalize_email
from usermgmt.redirects import is_own_path
from usermgmt.sessions import end_sessions

log = structlog.get_logger(__name__)

# Mail leaves after the answer: otherwise the time an answer takes tells whether an address is known,
# and a mail server that is down turns a reset for a known address into an error page.
_mailer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        # The same words for an unknown address and for a wrong password.
        "email_password_mismatch": _("This email address and password do not belong together."),
        "incorrect_password": _("This is not your password."),
        "enter_current_password": _("This is not your password."),
        "rate_limited": _("Too many attempts. Wait a few minutes, then try again."),
        "too_many_login_attempts": _("Too many failed attempts. Wait five minutes, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """Never: allauth would answer forms in JSON to whoever sends a header."""
        return False

    def is_safe_url(self, url: str) -> bool:
        return is_own_path(url)

    def clean_email(self, email: str) -> str:
        return normalize_email(email)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person with these credentials. The limit on failed attempts counts one spelling of an address."""
        if email := credentials.get("email"):
            credentials["email"] = normalize_email(email)
        user: User | None = super().authenticate(request, **credentials)
        return user

    def set_password(self, user: User, password: str) -> None:
        """Stores the password alone, so that a change made elsewhere meanwhile stays. Ends that person's sessions,
        but for the one in which they changed it themselves.
        """
        request = context.request
        is_own = request.user.is_authenticated and request.user.pk == user.pk
        user.set_password(password)
        with transaction.atomic():
            user.save(update_fields=["password", "updated_at"])
            end_sessions([user.pk], keep=request.session.session_key if is_own else None)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("security")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link for the mail: on the configured address, because the Host header is whatever a client sent."""
        uid, _, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.BASE_URL.rstrip('/')}{path}"

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Mails the stored address, never the typed one. People without a password of their own (known from usage
        alone) have no sign-in to recover: a mailbox must not be enough to get one.
        """
        if user.email and user.has_usable_password():
            with override(for_mail(user)):
                super().send_password_reset_mail(user, user.email, context)

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Mails in the language of who gets it, whoever caused it."""
        with override(for_mail(user)):
            super().send_notification_mail(template_prefix, user, context, email)

    def format_email_subject(self, subject: str) -> str:
        return str(subject)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        context = {**context, "email": email, "workspace_name": settings.WORKSPACE_NAME, "base_url": settings.BASE_URL}
        _mailer.submit(_deliver, self.render_mail(template_prefix, email, context))


def _deliver(message: EmailMessage) -> None:
    try:
        message.send()
    except (SMTPException, OSError):
        log.exception("mail_not_sent", subject=message.subject)

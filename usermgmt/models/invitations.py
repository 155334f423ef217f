"""Invitations, and the outbox of mails: what is to be sent is stored first, so a dead mail server loses nothing."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from usermgmt.models.people import Role, User


class Invitation(models.Model):
    """A way in for one pending person, bound to address and role. Only a hash of its token is stored.

    It is open until it is accepted, revoked (also by sending a new one) or past `expires_at`; one is open per person.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=8, choices=Role.choices)
    nonce = models.BinaryField(max_length=32)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "invitation"
        constraints = (
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_one_open",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True), name="invitation_one_end"
            ),
        )

    def __str__(self) -> str:
        return f"invitation of {self.email}"


class MailKind(models.TextChoices):
    INVITATION = "invitation"
    LIMIT_ALERT = "limit_alert"


class Mail(models.Model):
    """A mail to be sent. Its text is made when it is sent, so that no link stands in the database.

    It is about an invitation, or about the row `subject_id` of what its kind means, for `recipient`.
    """

    kind = models.CharField(max_length=20, choices=MailKind.choices)
    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, null=True, related_name="mails")
    recipient = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    subject_id = models.BigIntegerField(null=True)
    language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        db_table = "mail"
        indexes = (
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
                name="mail_to_send",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} mail {self.pk}"

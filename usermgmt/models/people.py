"""People, teams and memberships: who can be counted, and who may sign in.

A person may exist without sign-in (known only from usage events). Reference data: small, read by joins,
so columns that change with every request (last sign-in, last active) live elsewhere.
"""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Coalesce, Now, NullIf
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMINISTRATOR = "admin", _("Administrator")
    USER = "user", _("User")


class Status(models.TextChoices):
    PENDING = "pending", _("Pending invitation")
    ACTIVE = "active", _("Active")
    DEACTIVATED = "deactivated", _("Deactivated")
    DELETED = "deleted", _("Deleted")


class Theme(models.TextChoices):
    SYSTEM = "system", _("System")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


COUNTED_STATUSES = (Status.ACTIVE, Status.DEACTIVATED)


def normalize_email(email: str) -> str:
    """The one spelling under which an address is stored and looked up: NFKC, trimmed, lower case."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def _searchable() -> Func:
    """Name, address and platform id as words: addresses are taken apart at their punctuation."""
    words = [Coalesce(field, Value("")) for field in ("name", "email", "external_id")]
    text = Func(*words, template="(%(expressions)s)", arg_joiner=" || ' ' || ")
    return Func(text, Value("@._-+"), Value("     "), function="translate", output_field=models.TextField())


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalize_email(username or ""))

    def create_person(self, email: str | None, name: str, password: str | None = None, **fields: Any) -> User:
        """A stored person; without a password they cannot sign in until they set one."""
        user = self.model(email=normalize_email(email) if email else None, name=name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    last_login = None  # changes often; this is a reference table
    email = models.EmailField(unique=True, null=True, max_length=254)
    external_id = models.CharField(max_length=200, unique=True, null=True, help_text="The platform's own id")
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.USER)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    is_active = models.GeneratedField(
        expression=models.Case(models.When(status=Status.ACTIVE, then=True), default=False),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    display_name = models.GeneratedField(
        expression=Coalesce(NullIf("name", Value("")), "email", "external_id", Value("")),
        output_field=models.CharField(max_length=254),
        db_persist=True,
    )
    search = models.GeneratedField(
        expression=SearchVector(_searchable(), config="simple"), output_field=SearchVectorField(), db_persist=True
    )
    joined_at = models.DateTimeField(null=True, help_text="Onboarding completed; null where nobody told us")
    invited_at = models.DateTimeField(null=True, help_text="First invited; null for people who were never invited")
    accepted_at = models.DateTimeField(null=True, help_text="Accepted an invitation; null for who never had one")
    deactivated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    deleted_at = models.DateTimeField(null=True)
    removed_from = models.CharField(
        max_length=12, choices=Status.choices, default="", db_default="", help_text="Status that restoring gives back"
    )
    erased_at = models.DateTimeField(null=True, help_text="Personal data replaced; cannot be restored")
    language = models.CharField(max_length=8, blank=True, default="", db_default="")
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM, db_default=Theme.SYSTEM)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "person"
        indexes = (
            # Read by metrics: people counted now; people who joined in a range (index-only).
            models.Index(fields=["status"], include=["joined_at"], name="person_status"),
            models.Index(fields=["joined_at"], include=["id", "status"], name="person_joined"),
            models.Index(fields=["updated_at"], name="person_updated"),
            # Read by the list of people; the first is as small as can be, because all of it is counted.
            models.Index(fields=["status"], condition=Q(status__in=["active", "deactivated"]), name="person_counted"),
            models.Index(
                fields=["display_name", "id"], condition=Q(status__in=["active", "deactivated"]), name="person_by_name"
            ),
            models.Index(
                fields=["display_name", "id"],
                condition=Q(role="admin", status__in=["active", "deactivated"]),
                name="person_administrators",
            ),
            models.Index(
                fields=["status"], include=["accepted_at"], condition=Q(invited_at__isnull=False), name="person_invited"
            ),
            models.Index(
                fields=["deleted_at", "id"],
                condition=Q(status="deleted", erased_at__isnull=True),
                name="person_deleted",
            ),
            models.Index(
                fields=["invited_at", "id"],
                condition=Q(invited_at__isnull=False, accepted_at__isnull=True) & ~Q(status="deleted"),
                name="person_pending",
            ),
            GinIndex(fields=["search"], name="person_search"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(email__isnull=False) | Q(external_id__isnull=False) | Q(status=Status.DELETED),
                name="person_is_known_by_something",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.PENDING) | Q(joined_at__isnull=True), name="person_pending_not_joined"
            ),
        )

    def __str__(self) -> str:
        return self.name or self.email or self.external_id or f"#{self.pk}"

    @property
    def is_administrator(self) -> bool:
        return self.role == Role.ADMINISTRATOR and self.is_active


class Team(models.Model):
    """`key` is how usage names the team (the platform's id, else the name) and never changes; `name` may."""

    key = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=500, blank=True, default="", db_default="")
    color = models.CharField(max_length=7, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    archived_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    class Meta:
        db_table = "team"
        indexes = (models.Index(fields=["updated_at"], name="team_updated"),)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    is_primary = models.BooleanField(default=False)

    class Meta:
        db_table = "membership"
        constraints = (
            models.UniqueConstraint(fields=["user", "team"], name="membership_once"),
            models.UniqueConstraint(fields=["user"], condition=Q(is_primary=True), name="membership_one_primary"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id}"

"""The workspace always keeps an administrator: whoever takes the role from somebody holds one lock while counting."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection
from django.db.models import Q

from usermgmt.models import Role, Status, User

_LOCK = 7_310_004


def hold_lock() -> None:
    """Waits until nobody else is about to change administrators; ends with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def to_tell() -> list[User]:
    """Active administrators with an address, in the order in which they came. One query."""
    administrators = User.objects.filter(role=Role.ADMINISTRATOR, status=Status.ACTIVE, email__isnull=False)
    return list(administrators.defer("search").order_by("pk"))


def any_beside(ids: Collection[int]) -> bool:
    """Whether somebody other than these people is an administrator who can sign in. One query; hold the lock.

    Who is known from usage alone, or has not accepted yet, holds the role without being able to use it.
    """
    can_sign_in = Q(accepted_at__isnull=False) | ~Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    administrators = User.objects.filter(can_sign_in, role=Role.ADMINISTRATOR, status=Status.ACTIVE)
    return administrators.exclude(pk__in=ids).exists()

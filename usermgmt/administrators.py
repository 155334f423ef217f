"""The workspace always keeps an administrator: whoever takes the role from somebody holds one lock while counting."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from usermgmt.models import Role, Status, User

_LOCK = 7_310_004


def hold_lock() -> None:
    """Waits until nobody else is about to change administrators; ends with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def any_beside(ids: Collection[int]) -> bool:
    """Whether somebody other than these people is an active administrator. One query; hold the lock."""
    return User.objects.filter(role=Role.ADMINISTRATOR, status=Status.ACTIVE).exclude(pk__in=ids).exists()

"""The three people every permission is tested with, and the date on which tests happen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.test import Client

from usermgmt.models import Role, User

# A Sunday; 14 days before Europe's clocks go forward, 7 days after America's did.
NOW = datetime(2026, 3, 15, 10, 30, tzinfo=UTC)


class Actor(Client):
    """A browser without a screen, and who sits in front of it (None: a stranger)."""

    def __init__(self, user: User | None = None) -> None:
        super().__init__()
        self.user = user
        if user is not None:
            self.force_login(user)


def create_administrator() -> User:
    return _create("ada@example.com", "Ada Admin", Role.ADMINISTRATOR)


def create_member() -> User:
    return _create("max@example.com", "Max Member", Role.USER)


def _create(email: str, name: str, role: Role) -> User:
    return User.objects.create_person(email, name, role=role, joined_at=NOW - timedelta(days=60))

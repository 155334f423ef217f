"""People in every state, and who acts on them: what the tests of user management stand on."""

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.hashers import make_password
from django.db import connection

from tests.cast import NOW, Actor
from usermgmt import actions, invitations
from usermgmt.imports.rows import PersonRow, check
from usermgmt.models import AuditEntry, Membership, Role, Status, Team, User

PASSWORD = "correct horse battery staple"
HASHED = make_password(PASSWORD)  # making one is slow on purpose

_numbers = count(1)


def person(name: str = "", *, teams: tuple[str, ...] = (), **fields: Any) -> User:
    """Somebody active who joined 60 days ago and may sign in; the first team is primary."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "email": f"person{number}@example.com",
        "name": name or f"Person {number:03}",
        "password": HASHED,
        "joined_at": None if fields.get("status") == Status.PENDING else NOW - dt.timedelta(days=60),
    }
    user = User.objects.create(**(values | fields))
    for place, team_name in enumerate(teams):
        Membership.objects.create(user=user, team=team(team_name), is_primary=place == 0)
    return user


def team(name: str, **fields: Any) -> Team:
    return Team.objects.get_or_create(key=name, defaults={"name": name, **fields})[0]


def administrator(name: str = "", **fields: Any) -> User:
    return person(name, role=Role.ADMINISTRATOR, **fields)


def invited(email: str, *, by: User | None = None, role: Role = Role.USER, now: dt.datetime = NOW) -> User:
    """Somebody with an open invitation."""
    return actions.invite(by, email, email.partition("@")[0].title(), role, [], now).user


def token_of(user: User) -> str:
    """The secret of the open invitation's link, as it stands in the mail."""
    return invitations.token(user.invitations.get(accepted_at__isnull=True, revoked_at__isnull=True))


def deleted(name: str = "", *, days_ago: float = 1, **fields: Any) -> User:
    return person(name, status=Status.DELETED, deleted_at=NOW - dt.timedelta(days=days_ago), **fields)


def browser(user: User, *, confirmed: bool = True) -> Actor:
    """Signed in; `confirmed`: has given the password again a moment ago."""
    actor = Actor(user)
    if confirmed:
        confirm(actor)
    return actor


def confirm(actor: Actor) -> None:
    answer = actor.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()


def log() -> list[tuple[str, str]]:
    """Action and target of every entry of the audit log, oldest first."""
    return [(entry.action, entry.target_name) for entry in AuditEntry.objects.order_by("pk")]


def row_of(email: str | None, **said: str) -> PersonRow:
    """A row of a file of people, checked."""
    row = check(2, {"email": email} | said, ZoneInfo("UTC"), NOW)
    assert isinstance(row, PersonRow)
    return row


def never_end_a_session() -> None:
    """From now on, until the test is over, the database refuses to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
            "CREATE TRIGGER no_end BEFORE DELETE ON django_session FOR EACH ROW EXECUTE FUNCTION no_end()"
        )

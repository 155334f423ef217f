"""`manage.py createadmin`: what it makes, what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests.cast import create_member
from usermgmt.management.commands import createadmin
from usermgmt.models import AuditEntry, User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def run(email: str, text: str = f"{PASSWORD}\n", **options: Any) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        out = io.StringIO()
        call_command("createadmin", email, password_stdin=True, stdout=out, **options)
        return out.getvalue()

    return run


def test_the_new_administrator_signs_in(piped: Callable[..., str], client: Client) -> None:
    assert "ada@example.com is an administrator" in piped(" ADA@Example.com", name="Ada Lovelace")
    ada = User.objects.get()
    assert (ada.email, ada.name, ada.is_administrator) == ("ada@example.com", "Ada Lovelace", True)
    assert ada.joined_at is not None
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.person_id, entry.actor_id, entry.after) == (
        "person.role_changed",
        ada.pk,
        None,
        {"role": "admin"},
    )
    assert client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD}).headers["Location"] == "/"


def test_without_a_name_the_address_gives_one(piped: Callable[..., str]) -> None:
    piped("ada.lovelace@example.com")
    assert User.objects.get().name == "ada.lovelace"


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.com", "a b@example.com", "a" * 250 + "@example.com"])
def test_what_is_no_address_is_refused(piped: Callable[..., str], email: str) -> None:
    with pytest.raises(CommandError, match="Not an email address"):
        piped(email)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "empty"),
        ("\n", "empty"),
        ("short\n", "too short"),
        ("password123\n", "too common"),
        ("ada@example.com\n", "too similar"),
    ],
)
def test_weak_passwords_are_refused(piped: Callable[..., str], text: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        piped("ada@example.com", text)
    assert not User.objects.exists()


def test_an_address_that_is_taken_is_refused_and_nobody_changes(piped: Callable[..., str]) -> None:
    member = create_member()
    with pytest.raises(CommandError, match="belongs to somebody already"):
        piped("MAX@example.com")
    after = User.objects.get()
    assert (after.pk, after.is_administrator, after.has_usable_password()) == (member.pk, False, False)


def test_of_two_at_once_one_is_told_so(piped: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(createadmin, "_check_password", lambda *_: create_member())
    with pytest.raises(CommandError, match="belongs to somebody already"):
        piped("max@example.com")
    assert User.objects.count() == 1


def test_the_password_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PASSWORD, "something else"])
    monkeypatch.setattr(createadmin, "getpass", lambda prompt: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(CommandError, match="differ"):
        call_command("createadmin", "ada@example.com")
    assert not User.objects.exists()


def test_without_a_terminal_the_other_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="--password-stdin"):
        call_command("createadmin", "ada@example.com")

"""What entries of the audit log say, of every app, in the language of who reads them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils.translation import override

from analytics import keys
from analytics.models.keys import Scope as KeyScope
from tests.cast import NOW
from tests.usermgmt import people
from tokenlimits import actions
from tokenlimits.actions import Rules
from tokenlimits.models import Scope, TokenLimit
from usermgmt.audit_words import action_label, changes, target_label
from usermgmt.models import Action, AuditEntry, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
Words = tuple[str, str, list[tuple[str, str | None, str | None]]]


@pytest.fixture
def ada() -> User:
    return people.administrator("Ada")


def words(language: str) -> Words:
    """The newest entry: action, target, and each change with what was before and after."""
    entry = AuditEntry.objects.latest("pk")
    with override(language):
        said = [(change.label, change.before, change.after) for change in changes(entry)]
        return action_label(entry.action), target_label(entry), said


def test_a_limit_that_was_changed(ada: User) -> None:
    limit = TokenLimit(scope=Scope.EVERYBODY, period="month", tokens=1_000_000, enforcement="hard")
    made = actions.create(ada, limit, NOW)
    actions.edit(ada, made.pk, actions.version(made), Rules(2_500_000, "soft", (50, 80, 100)), NOW)
    assert words("en") == (
        "Changed a token limit",
        "Every person, per month",
        [("Tokens", "1,000,000", "2,500,000"), ("When it is reached", "Block", "Warn")],
    )
    assert words("de") == (
        "Token-Limit geändert",
        "Jede Person, je Monat",
        [("Tokens", "1.000.000", "2.500.000"), ("Bei Erreichen", "Sperren", "Warnen")],
    )


def test_a_limit_that_was_raised_for_a_time(ada: User) -> None:
    limit = TokenLimit(scope=Scope.WORKSPACE, period="week", tokens=100, enforcement="hard")
    made = actions.create(ada, limit, NOW)
    assert words("de")[2][1] == ("Je", None, "Woche")
    actions.raise_until(ada, made.pk, 200, dt.date(2026, 3, 20), "Messe", NOW)
    assert words("de") == (
        "Token-Limit befristet erhöht",
        "Workspace, je Woche",
        [("Tokens", None, "200"), ("Letzter Tag", None, "2026-03-20"), ("Grund", None, "Messe")],
    )


def test_what_is_called_like_a_limit_keeps_its_name(ada: User) -> None:
    for name in ("per month", "Workspace", "A, per year"):
        AuditEntry.objects.create(action=Action.LIMIT_REMOVED, target_name=name)
        assert words("de")[1] == name
    AuditEntry.objects.create(action=Action.TEAM_EDITED, target_name="Workspace, per month")
    assert words("de")[1] == "Workspace, per month"


def test_a_key(ada: User) -> None:
    keys.create(ada, "LiteLLM", [KeyScope.INGEST])
    action, target, said = words("de")
    assert (action, target) == ("Schlüssel angelegt", "LiteLLM")
    assert [label for label, _before, _after in said] == ["Schlüssel", "Was er darf", "Quelle"]


def test_an_erased_person(ada: User) -> None:
    AuditEntry.objects.create(action=Action.EDITED, target_name="Erased person", after={"name": "Erased person"})
    assert words("de") == ("Person bearbeitet", "Gelöschte Person", [("Name", None, "Gelöschte Person")])

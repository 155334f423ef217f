"""Thirty days after somebody was removed: their personal data is gone everywhere, and every number stays."""

from __future__ import annotations

import datetime as dt
from threading import Barrier
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Sum

from analytics.ingest.draft import EventDraft
from analytics.models import DailyTotal
from analytics.rollups.fold import fold_pending
from tests.analytics.parallel import PATIENCE_S, Threads
from tests.analytics.workspace import event, fold, store
from tests.cast import NOW, Actor
from tests.usermgmt.people import browser, deleted, invited, person
from usermgmt import actions, tasks
from usermgmt.models import AuditEntry, Invitation, Role, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
MONTH = dt.timedelta(days=30)


def of_lena(days_ago: float, **fields: Any) -> EventDraft:
    return event(days_ago, user_id="lena-7", email="lena.leaver@example.com", team="Sales", **fields)


@pytest.fixture
def lena(administrator: Actor) -> User:
    """Somebody with usage, sessions, teams and a history in the log, who is removed now."""
    user = person("Lena Leaver", email="lena.leaver@example.com", external_id="lena-7", teams=("Sales",))
    fold(of_lena(1, tokens=300), of_lena(2, assistant="Pitch", tokens=30), event(1, user_id="other", tokens=3))
    assert isinstance(administrator.user, User)
    actions.edit_person(administrator.user, user.pk, actions.version(user), "Lena L.", Role.USER, [], NOW)
    actions.edit_person(
        administrator.user, user.pk, actions.version(User.objects.get(pk=user.pk)), "Lena Leaver", Role.USER, [], NOW
    )
    browser(user)
    EmailAddress.objects.create(user=user, email=user.email, verified=True)
    actions.remove(administrator.user, [user.pk], NOW)
    return user


def sums() -> list[tuple[object, ...]]:
    """Every rollup, row for row."""
    rows: list[tuple[object, ...]] = []
    with connection.cursor() as cursor:
        for table in ("daily_total", "daily_team", "daily_user", "daily_usage", "daily_assistant", "active_transition"):
            cursor.execute(f"SELECT t.*::text FROM {table} t ORDER BY 1")  # noqa: S608  # our own names
            rows += [(table, *row) for row in cursor.fetchall()]
    return rows


def everything_stored() -> str:
    """All rows of all tables, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        texts = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {table} t")  # noqa: S608
            texts.append(cursor.fetchone()[0])
    return "\n".join(texts).lower()


def test_names_and_addresses_are_gone_everywhere_also_from_the_log(lena: User, frozen_now: Any) -> None:
    assert "leaver" in everything_stored()
    frozen_now.shift(MONTH)
    tasks.erase_removed()
    stored = everything_stored()
    assert "leaver" not in stored
    assert "lena" not in stored
    erased = User.objects.get(pk=lena.pk)
    assert (erased.name, erased.email, erased.external_id, erased.role) == ("Erased person", None, None, "user")
    assert not erased.has_usable_password()
    assert not [s for s in Session.objects.all() if s.get_decoded().get(SESSION_KEY) == str(lena.pk)]


def test_usage_is_unchanged_to_the_token(lena: User, frozen_now: Any) -> None:
    before = sums()
    frozen_now.shift(MONTH)
    tasks.erase_removed()
    assert sums() == before


def test_the_log_keeps_what_happened_when_and_who_did_it(lena: User, frozen_now: Any) -> None:
    before = list(AuditEntry.objects.order_by("pk").values_list("pk", "at", "action", "actor_id", "person_id"))
    frozen_now.shift(MONTH)
    tasks.erase_removed()
    after = list(AuditEntry.objects.order_by("pk").values_list("pk", "at", "action", "actor_id", "person_id"))
    assert after[:-1] == before
    assert after[-1][2:] == ("person.erased", None, lena.pk)
    names = set(AuditEntry.objects.filter(person_id=lena.pk).values_list("target_name", flat=True))
    assert names == {"Erased person"}


def test_nobody_is_erased_before_thirty_days_or_twice(lena: User, frozen_now: Any) -> None:
    frozen_now.shift(MONTH - dt.timedelta(seconds=1))
    assert actions.erase_due(NOW + MONTH - dt.timedelta(seconds=1)) == 0
    frozen_now.shift(dt.timedelta(seconds=1))
    assert actions.erase_due(NOW + MONTH) == 1
    assert actions.erase_due(NOW + MONTH) == 0


def test_who_was_restored_in_time_is_not_erased(lena: User, administrator: Actor) -> None:
    assert isinstance(administrator.user, User)
    actions.restore(administrator.user, [lena.pk], NOW + MONTH)
    assert actions.erase_due(NOW + 2 * MONTH) == 0
    assert User.objects.get(pk=lena.pk).name == "Lena Leaver"


def test_who_is_erased_cannot_be_restored_or_touched(lena: User, administrator: Actor, frozen_now: Any) -> None:
    frozen_now.shift(MONTH)
    tasks.erase_removed()
    client = browser(administrator.user, confirmed=False) if administrator.user else administrator
    for step in ("restore", "remove", "role", "resend"):
        assert client.post(f"/admin/users/steps/{step}/", {"person": lena.pk}).status_code == 404
    assert client.get("/admin/users/?tab=deleted").context["shown"].total == 0


def test_inviting_the_same_address_again_makes_a_new_person(lena: User, frozen_now: Any) -> None:
    frozen_now.shift(MONTH)
    tasks.erase_removed()
    again = invited("lena.leaver@example.com", now=NOW + MONTH)
    assert again.pk != lena.pk
    assert not again.days.exists()


def test_events_that_still_arrive_count_for_the_removed_and_after_that_for_a_new_person(
    lena: User, frozen_now: Any
) -> None:
    fold(of_lena(0.1, tokens=30))
    assert lena.days.count() == 3
    frozen_now.shift(MONTH)
    tasks.erase_removed()
    fold(of_lena(0, tokens=30, now=NOW + MONTH), now=NOW + MONTH)
    assert lena.days.count() == 3
    assert User.objects.get(email="lena.leaver@example.com").pk != lena.pk


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_their_events_arrive_leaves_every_token(lena: User) -> None:
    """Each of the events is stored, for her or for the new person that they make; none fails, none is lost."""
    before, batches, start = whole_usage(), 12, Barrier(2)

    def send() -> int:
        start.wait(timeout=PATIENCE_S)
        for _batch in range(batches):
            store(of_lena(0.1, tokens=30), of_lena(3, tokens=3))
        return batches

    def erase() -> int:
        start.wait(timeout=PATIENCE_S)
        return actions.erase_due(NOW + MONTH)

    with Threads(2) as threads:
        sent, erased = threads.run(send), threads.run(erase)
    assert (sent.result(), erased.result()) == (batches, 1)
    fold_pending()
    assert whole_usage() == (before[0] + 2 * batches, before[1] + 33 * batches)
    assert User.objects.get(pk=lena.pk).email is None


def whole_usage() -> tuple[int, int]:
    """Requests and tokens of all days, as Analytics counts them."""
    sums = DailyTotal.objects.aggregate(requests=Sum("requests"), tokens=Sum("input_tokens") + Sum("output_tokens"))
    return sums["requests"], sums["tokens"]


def test_everybody_who_is_due_goes_each_in_a_transaction_of_their_own() -> None:
    for days_ago in (29, 30, 31, 45):
        deleted(days_ago=days_ago)
    assert actions.erase_due(NOW) == 3
    assert User.objects.filter(erased_at__isnull=False).count() == 3


def test_invitations_of_the_erased_are_gone(administrator: Actor, frozen_now: Any) -> None:
    paul = invited("paul@example.com")
    assert isinstance(administrator.user, User)
    actions.remove(administrator.user, [paul.pk], NOW)
    frozen_now.shift(MONTH)
    tasks.erase_removed()
    assert not Invitation.objects.exists()
    assert "paul" not in everything_stored()

"""Names to ids: who an event belongs to, and what it mentions, also when two ingests meet the same name at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from analytics.ingest.draft import EventDraft
from analytics.ingest.resolve import FEW, resolve
from analytics.ingest.store import EventRow
from analytics.models import Assistant, Workflow
from tests.analytics.ingest.drafts import good
from tests.analytics.parallel import Threads, until
from tests.cast import NOW
from usermgmt.models import Membership, Status, Team, User


def rows(*drafts: EventDraft) -> list[EventRow]:
    return resolve(drafts, "test", NOW)


def row(**given: object) -> EventRow:
    (only,) = rows(good(**given))
    return only


def person(external_id: str | None = None, email: str | None = None, **given: Any) -> User:
    return User.objects.create_person(email, "", external_id=external_id, **given)


# --- People -------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
class TestPeople:
    def test_nobody_is_zero(self) -> None:
        assert row().user_id == 0
        assert not User.objects.exists()

    def test_empty_texts_name_nobody(self) -> None:
        assert row(user_id="", team="", assistant="", workflow_id="").user_id == 0
        assert not any(model._default_manager.exists() for model in (User, Team, Assistant, Workflow))

    def test_an_unknown_person_is_created_active_without_sign_in_and_without_join_time(self) -> None:
        user_id = row(user_id="u-1", email="Ada@Example.com", user_name="Ada").user_id
        created = User.objects.get(pk=user_id)
        assert (created.external_id, created.email, created.name) == ("u-1", "ada@example.com", "Ada")
        assert (created.status, created.joined_at, created.has_usable_password()) == (Status.ACTIVE, None, False)

    def test_a_name_is_taken_from_whichever_event_of_the_batch_has_one(self) -> None:
        rows(good(event_id="1", user_id="u-1"), good(event_id="2", user_id="u-1", user_name="Ada"))
        assert User.objects.get().name == "Ada"

    def test_known_by_id(self) -> None:
        ada = person("u-1", "ada@example.com")
        assert row(user_id="u-1").user_id == ada.pk

    @pytest.mark.parametrize("number", [1, FEW, FEW + 1])
    def test_any_number_are_known_each_by_what_names_them_and_with_their_team(self, number: int) -> None:
        sales = Team.objects.create(key="sales", name="Sales")
        people = [person(f"u-{n}", f"u-{n}@example.com") for n in range(number)]
        Membership.objects.create(user=people[0], team=sales, is_primary=True)
        by_id = [good(event_id=f"{p.pk} by id", user_id=p.external_id) for p in people]
        by_email = [good(event_id=f"{p.pk} by email", email=p.email) for p in people]
        by_both = [good(event_id=f"{p.pk} by both", user_id=p.external_id, email=p.email) for p in people]
        for drafts in (by_id, by_email, by_both, by_id + by_email):
            found = [(row.user_id, row.team_id) for row in rows(*drafts)]
            assert found == [(p.pk, sales.pk if p == people[0] else 0) for p in people] * (len(drafts) // number)
        assert User.objects.count() == number

    @pytest.mark.parametrize("spelling", ["ada@example.com", "ADA@Example.COM", "ａｄａ@example.com"])
    def test_known_by_email_however_it_is_spelt(self, spelling: str) -> None:
        ada = person(None, "ada@example.com")
        assert row(email=spelling).user_id == ada.pk
        assert User.objects.count() == 1

    def test_an_event_with_both_teaches_the_id_to_who_was_known_by_email(self) -> None:
        ada = person(None, "ada@example.com")
        assert row(user_id="u-1", email="ada@example.com").user_id == ada.pk
        assert row(user_id="u-1").user_id == ada.pk

    def test_an_event_with_both_teaches_the_email_to_who_was_known_by_id(self) -> None:
        ada = person("u-1")
        assert row(user_id="u-1", email="ada@example.com").user_id == ada.pk
        assert row(email="ada@example.com").user_id == ada.pk

    def test_learning_happens_within_a_batch_too(self) -> None:
        ids = [
            r.user_id
            for r in rows(
                good(event_id="1", email="ada@example.com"),
                good(event_id="2", user_id="u-1", email="ADA@example.com"),
                good(event_id="3", user_id="u-1"),
            )
        ]
        assert len(set(ids)) == 1
        assert User.objects.count() == 1

    def test_the_id_decides_where_id_and_email_are_two_people(self) -> None:
        by_id, by_email = person("u-1"), person("u-2", "bob@example.com")
        assert row(user_id="u-1", email="bob@example.com").user_id == by_id.pk
        by_email.refresh_from_db()
        assert (by_email.external_id, by_email.email) == ("u-2", "bob@example.com")

    def test_what_is_known_is_never_overwritten(self) -> None:
        ada = person("u-1", "ada@example.com")
        assert row(user_id="u-1", email="new@example.com").user_id == ada.pk
        ada.refresh_from_db()
        assert ada.email == "ada@example.com"

    def test_events_of_a_removed_person_stay_theirs(self) -> None:
        gone = person("u-1", status=Status.DELETED)
        assert row(user_id="u-1").user_id == gone.pk

    def test_a_batch_costs_the_same_number_of_queries_whatever_its_size(
        self, django_assert_max_num_queries: Callable[[int], object]
    ) -> None:
        batch = [
            good(event_id=str(n), user_id=f"u{n % 50}", team=f"t{n % 7}", assistant=f"a{n % 9}") for n in range(500)
        ]
        rows(*batch)
        with django_assert_max_num_queries(5):  # type: ignore[attr-defined]
            rows(*batch)


# --- Teams, assistants, workflows ---------------------------------------------------------------------------------
@pytest.mark.django_db
class TestTheTeam:
    def test_is_the_events_own(self) -> None:
        ada = person("u-1")
        Membership.objects.create(user=ada, team=Team.objects.create(key="sales", name="Sales"), is_primary=True)
        assert row(user_id="u-1", team="Legal").team_id == Team.objects.get(key="Legal").pk

    def test_else_the_persons_primary_one(self) -> None:
        ada, first, second = person("u-1"), *(Team.objects.create(key=k, name=k) for k in ("a", "b"))
        Membership.objects.create(user=ada, team=first)
        Membership.objects.create(user=ada, team=second, is_primary=True)
        assert row(user_id="u-1").team_id == second.pk

    def test_else_none(self) -> None:
        Membership.objects.create(user=person("u-1"), team=Team.objects.create(key="a", name="a"))
        assert row(user_id="u-1").team_id == 0
        assert row(user_id="u-2").team_id == 0
        assert row().team_id == 0

    def test_is_not_a_deleted_one_the_person_was_in(self) -> None:
        gone = Team.objects.create(key="a", name="a", deleted_at=NOW)
        Membership.objects.create(user=person("u-1"), team=gone, is_primary=True)
        assert row(user_id="u-1").team_id == 0


@pytest.mark.django_db
class TestNames:
    def test_the_same_name_is_the_same_thing(self) -> None:
        first, again = row(assistant="Helper", workflow="Helper"), row(assistant="Helper", workflow="Helper")
        assert (first.assistant_id, first.workflow_id) == (again.assistant_id, again.workflow_id)
        assert first.assistant_id == Assistant.objects.get(key="Helper", name="Helper").pk
        assert first.workflow_id == Workflow.objects.get(key="Helper", name="Helper").pk

    def test_an_id_outlives_a_new_name(self) -> None:
        before = row(assistant_id="a-1", assistant="Helper").assistant_id
        assert row(assistant_id="a-1", assistant="Best helper").assistant_id == before
        assert row(assistant_id="a-1").assistant_id == before
        assert Assistant.objects.get().name == "Helper"

    def test_who_was_known_by_name_alone_is_found_when_the_id_comes(self) -> None:
        before = row(assistant="Helper").assistant_id
        assert row(assistant_id="a-1", assistant="Helper").assistant_id == before

    def test_a_renamed_thing_keeps_its_key_and_its_new_name(self) -> None:
        before = row(workflow="Digest").workflow_id
        Workflow.objects.update(name="Morning digest")
        assert row(workflow="Digest").workflow_id == before
        assert Workflow.objects.get().name == "Morning digest"

    def test_names_differ_by_case(self) -> None:
        assert row(team="Sales").team_id != row(team="sales").team_id


# --- Several at once ----------------------------------------------------------------------------------------------
def until_waiting(number: int) -> None:
    """Waits until so many other connections stand still because of what this one has not committed yet."""

    def waiting() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                # Not pg_stat_activity, of which a transaction sees one snapshot only.
                "SELECT count(DISTINCT pid) FROM pg_locks waiting JOIN pg_locks held USING (pid) "
                "WHERE NOT waiting.granted AND waiting.locktype = 'transactionid' "
                "AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            (count,) = cursor.fetchone()
        return int(count)

    until(lambda: waiting() >= number, f"{number} others wait")


@pytest.mark.django_db(transaction=True)
class TestSeveralAtOnce:
    def test_the_same_new_names_end_with_the_same_ids(self) -> None:
        batch = [
            good(event_id=str(n), user_id=f"u{n}", team=f"t{n}", assistant=f"a{n}", workflow=f"w{n}")
            for n in range(300)
        ]
        with Threads(4) as pool:
            done = [pool.run(rows, *batch[::order]) for order in (1, -1, 1, -1)]
            results = [future.result() for future in done]
        found = [
            {(r.event_key, r.user_id, r.team_id, r.assistant_id, r.workflow_id) for r in result} for result in results
        ]
        assert found[0] == found[1] == found[2] == found[3]
        for model in (User, Team, Assistant, Workflow):
            assert model._default_manager.count() == 300

    def test_two_ingests_that_meet_new_people_in_opposite_orders_do_not_stop_each_other(self) -> None:
        """A third one holds a name of each, so that each has stored its first person before it wants its last."""
        one = [good(event_id=str(n), user_id=name) for n, name in enumerate(["a", "m1", "z"])]
        other = [good(event_id=str(n), user_id=name) for n, name in enumerate(["z", "m2", "a"])]
        with Threads(2) as pool:
            with transaction.atomic():
                person("m1")
                person("m2")
                done = [pool.run(rows, *one), pool.run(rows, *other)]
                until_waiting(2)
            first, second = (future.result() for future in done)
        assert first[0].user_id == second[2].user_id
        assert first[2].user_id == second[0].user_id

    def test_who_is_just_being_created_by_email_alone_is_taught_the_id_all_the_same(self) -> None:
        with Threads(1) as pool:
            with transaction.atomic():
                ada = person(None, "ada@example.com")
                done = pool.run(rows, good(user_id="u-1", email="ada@example.com"))
                until_waiting(1)
            assert done.result()[0].user_id == ada.pk
        assert row(user_id="u-1").user_id == ada.pk
        assert User.objects.count() == 1

    def test_what_somebody_else_taught_meanwhile_is_not_overwritten(self) -> None:
        ada = person("u-1")
        with Threads(1) as pool:
            with transaction.atomic():
                User.objects.filter(pk=ada.pk).update(email="first@example.com")
                done = pool.run(rows, good(user_id="u-1", email="second@example.com"))
                until_waiting(1)
            assert done.result()[0].user_id == ada.pk
        ada.refresh_from_db()
        assert ada.email == "first@example.com"

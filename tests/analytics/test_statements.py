"""Statements that are planned once, and one that goes with another as one message."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError, OperationalError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError
from pytest_django import DjangoAssertNumQueries

from analytics.models.statements import Statement
from tests.analytics.parallel import Threads, until_somebody_waits_for_advisory_lock
from usermgmt.models import Team

WIDE = 3_000_000  # bytes, more than the buffers of a socket hold
SUM = Statement("SELECT (%(left)s::int + %(right)s)::text AS planned_once", int)
ECHO = Statement("SELECT to_json(%(value)s::text)::text", str)
_KEPT = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"


def statement(sql: str, before: str = "") -> Statement[Any]:
    return Statement(sql, Any, before=before)


def kept(text: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [f"%{text}%"])
        return int(cursor.fetchone()[0])


def test_a_text_that_is_used_often_is_planned_once(db: None) -> None:
    for number in range(7):
        assert SUM.ask({"left": number, "right": 40}) == number + 40
    assert kept("AS planned_once") == 1


def test_a_plan_that_was_kept_outlives_a_change_of_its_table(db: None) -> None:
    count = statement("SELECT count(*)::text FROM team WHERE name = %(name)s")
    Team.objects.create(key="sales", name="Sales")
    assert {count.ask({"name": "Sales"}) for _ in range(7)} == {1}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE team ADD COLUMN next_release int")
    assert count.ask({"name": "Sales"}) == 1


def test_what_is_asked_is_a_query_for_whoever_counts_them(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):
        assert ECHO.ask({"value": "watched"}) == "watched"
        assert statement("SELECT '2'", before="SELECT 1").ask({}) == 2


def test_somebody_who_looks_on_sees_each_before_it_runs(db: None) -> None:
    seen = []

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        assert statement("SELECT '2'", before="SELECT 1").ask({}) == 2
    assert seen == ["SELECT 1", "SELECT '2'"]


@pytest.mark.parametrize("value", ["", "$1 %s '\\", "𝒳" * 9, "x" * WIDE, None])
def test_a_value_comes_as_it_went_in(db: None, value: str | None) -> None:
    assert ECHO.ask({"value": value}) == value
    assert value is None or ECHO.ask({"value": value.encode()}) == value
    assert statement("SELECT to_json(%(value)s::text)::text", before="SELECT 1").ask({"value": value}) == value


def test_a_value_is_used_as_often_as_it_is_named_and_others_are_left_alone(db: None) -> None:
    twice = statement("SELECT json_build_array(%(a)s::text, %(b)s::text, %(a)s::text)::text")
    assert twice.ask({"b": 2, "a": 1, "c": 3}) == ["1", "2", "1"]


def test_a_nul_is_refused_and_not_cut_off(db: None) -> None:
    with pytest.raises(DataError):
        ECHO.ask({"value": "a\0b"})
    assert ECHO.ask({"value": "a"}) == "a"


def test_no_row_is_none(db: None) -> None:
    assert statement("SELECT '1' WHERE false").ask({}) is None


@pytest.mark.parametrize("before", ["", "SELECT 1"])
def test_errors_are_those_of_django(db: None, before: str) -> None:
    with pytest.raises(DataError, match="division by zero"), transaction.atomic():
        statement("SELECT (1 / %(zero)s::int)::text", before=before).ask({"zero": 0})
    with pytest.raises(ProgrammingError), transaction.atomic():
        statement("SELECT nothing", before=before).ask({})
    assert SUM.ask({"left": 1, "right": 1}) == 2


def test_in_a_transaction_that_has_failed_nothing_is_asked(db: None) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            SUM.ask({"left": 1, "right": 1})


def delete_and_think_better_of_it(first: bool) -> None:
    delete = statement("WITH gone AS (DELETE FROM team RETURNING id) SELECT count(*)::text FROM gone")
    with transaction.atomic():
        if not first:
            Team.objects.create(key="another", name="Another")
        assert delete.ask({}) == (1 if first else 2)
        raise ZeroDivisionError


DELETE_AND_FAIL = statement("SELECT (1 / 0)::text", before="DELETE FROM team")


@pytest.mark.django_db(transaction=True)
class TestWithoutATransactionAround:
    def test_the_two_of_a_message_are_all_or_nothing(self) -> None:
        Team.objects.create(key="kept", name="Kept")
        with pytest.raises(DataError):
            DELETE_AND_FAIL.ask({})
        assert Team.objects.exists()

    def test_the_two_of_a_message_are_committed(self) -> None:
        Team.objects.create(key="gone", name="Gone")
        assert statement("SELECT '1'", before="DELETE FROM team").ask({}) == 1
        connection.close()
        assert not Team.objects.exists()

    def test_so_they_are_for_whoever_looks_on(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        Team.objects.create(key="kept", name="Kept")
        with pytest.raises(DataError), django_assert_num_queries(4):  # with BEGIN and ROLLBACK
            DELETE_AND_FAIL.ask({})
        assert Team.objects.exists()

    def test_after_an_error_the_connection_goes_on(self) -> None:
        SUM.ask({"left": 1, "right": 1})
        before = connection.connection
        for number in range(6):
            with pytest.raises(DataError):
                DELETE_AND_FAIL.ask({})
            assert SUM.ask({"left": number, "right": 7}) == number + 7
        assert connection.connection is before

    def test_the_second_sees_what_was_committed_while_the_first_waited(self) -> None:
        count = statement("SELECT count(*)::text FROM team", before="SELECT pg_advisory_xact_lock_shared(77)")
        other = connection.copy()
        try:
            with Threads(1) as threads, other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT pg_advisory_xact_lock(77)")
                counted = threads.run(count.ask, {})
                until_somebody_waits_for_advisory_lock()
                cursor.execute("INSERT INTO team (key, name, created_at) VALUES ('new', 'New', now())")
                cursor.execute("COMMIT")
                assert counted.result() == 1
        finally:
            other.close()

    @pytest.mark.parametrize("first", [True, False])
    def test_a_transaction_that_begins_with_it_holds_what_it_did(self, first: bool) -> None:
        Team.objects.create(key="kept", name="Kept")
        with pytest.raises(ZeroDivisionError):
            delete_and_think_better_of_it(first)
        assert Team.objects.count() == 1

    def test_a_new_connection_knows_nothing_of_the_one_before(self) -> None:
        for _connection in range(2):
            assert SUM.ask({"left": 1, "right": 1}) == 2
            connection.close()

    def test_a_session_that_has_forgotten_is_given_up(self) -> None:
        assert SUM.ask({"left": 1, "right": 1}) == 2
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        try:
            with pytest.raises(OperationalError):
                SUM.ask({"left": 1, "right": 1})
            connection.close_if_unusable_or_obsolete()
            assert SUM.ask({"left": 1, "right": 1}) == 2
        finally:
            connection.close()

    @pytest.mark.parametrize("before", ["", "SELECT 1"])
    def test_a_connection_that_is_ended_is_an_error_and_the_next_is_made_anew(self, before: str) -> None:
        asked = statement("SELECT '1'", before=before)
        assert asked.ask({}) == 1
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
        finally:
            other.close()
        try:
            with pytest.raises(OperationalError):
                asked.ask({})
            connection.close_if_unusable_or_obsolete()
            assert asked.ask({}) == 1
        finally:
            connection.close()

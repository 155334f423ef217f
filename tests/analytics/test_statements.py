"""Statements that are planned once, and several that go as one message."""

from __future__ import annotations

import pytest
from django.db import DataError, connection
from pytest_django import DjangoAssertNumQueries

from analytics.models.statements import prepared, together
from usermgmt.models import Team

_KEPT = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"


def kept(text: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [f"%{text}%"])
        return int(cursor.fetchone()[0])


def test_a_text_that_is_used_often_is_planned_once(db: None) -> None:
    for number in range(7):
        with prepared() as cursor:
            cursor.execute("SELECT %(number)s::int + 40 AS planned_once", {"number": str(number)})
            assert cursor.fetchone() == (number + 40,)
    assert kept("+ 40 AS planned_once") == 1


def test_a_plan_that_was_kept_outlives_a_change_of_its_table(db: None) -> None:
    def count() -> int:
        with prepared() as cursor:
            cursor.execute("SELECT count(*) FROM team WHERE name = %(name)s", {"name": "Sales"})
            return int(cursor.fetchone()[0])

    Team.objects.create(key="sales", name="Sales")
    assert {count() for _ in range(7)} == {1}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE team ADD COLUMN next_release int")
    assert count() == 1


def test_each_execution_is_a_query_for_whoever_counts_them(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2), prepared() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT 2")


def test_errors_are_those_of_django(db: None) -> None:
    with pytest.raises(DataError), prepared() as cursor:
        cursor.execute("SELECT 1 / %(zero)s::int", {"zero": "0"})


def test_together_the_last_result_is_read_afterwards(db: None) -> None:
    with prepared() as cursor:
        with together():
            cursor.execute("SELECT 1")
            cursor.execute("SELECT 2")
        assert cursor.fetchone() == (2,)


def delete_and_fail() -> None:
    with prepared() as cursor, together():
        cursor.execute("DELETE FROM team")
        cursor.execute("SELECT 1 / 0")


@pytest.mark.django_db(transaction=True)
def test_together_is_all_or_nothing() -> None:
    Team.objects.create(key="kept", name="Kept")
    with pytest.raises(DataError):
        delete_and_fail()
    assert Team.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_after_an_error_the_connection_goes_on() -> None:
    for _time in range(6):
        with pytest.raises(DataError):
            delete_and_fail()
        with prepared() as cursor:
            cursor.execute("SELECT %(number)s::int", {"number": "7"})
            assert cursor.fetchone() == (7,)


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_has_a_cursor_of_its_own() -> None:
    for _connection in range(2):
        with prepared() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
            assert cursor.connection is connection.connection
        connection.close()

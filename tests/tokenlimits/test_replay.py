"""What a limit would have done in the last 30 days: 14 February to 15 March 2026, a Sunday."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics.periods import DayRange
from tests.cast import NOW
from tests.tokenlimits.limits import ann, everybody, limit, sales, use
from tests.usermgmt import people
from tokenlimits.models import TokenLimit
from tokenlimits.replay import Effect, Reached, effect

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def played(of: TokenLimit) -> Effect:
    return effect(of, NOW, ZoneInfo("UTC"))


def reached(*days: str) -> list[dt.date]:
    return [dt.date.fromisoformat(day) for day in days]


def days_reached(of: TokenLimit) -> list[dt.date]:
    return [each.on for each in played(of).reached]


def test_without_usage_nothing_would_have_happened() -> None:
    found = played(limit(1))
    assert found.window == DayRange(dt.date(2026, 2, 14), dt.date(2026, 3, 16))
    assert (found.periods, found.reached, found.people, found.requests) == (2, (), 0, 0)
    assert (found.reached, found.named) == ((), ())


def test_of_a_month_it_says_on_which_day_and_who_came_afterwards() -> None:
    """March: 60 tokens on the 5th, 40 on the 10th, when 100 is reached; then Ann twice, Bob once."""
    use(60, days_ago=10, user_id="ann")
    use(40, days_ago=5, user_id="cid")
    use(1, days_ago=5, user_id="dan")
    use(1, days_ago=4, user_id="ann")
    use(1, days_ago=1, user_id="ann")
    use(1, days_ago=0, user_id="bob")
    found = played(limit(100))
    march = DayRange(dt.date(2026, 3, 1), dt.date(2026, 4, 1))
    assert found.reached == (Reached(march, dt.date(2026, 3, 10)),)
    assert (found.people, found.requests) == (2, 3)


def test_exactly_at_the_limit_is_reached_and_one_below_is_not() -> None:
    use(100, days_ago=3)
    assert days_reached(limit(100)) == reached("2026-03-12")
    assert days_reached(limit(101, "week")) == []


def test_each_week_is_played_from_its_own_monday() -> None:
    """Weeks from 9 February on, because the window begins on a Saturday."""
    for days_ago in (34, 33, 28, 27, 6, 5):
        use(50, days_ago=days_ago)
    assert days_reached(limit(100, "week")) == reached("2026-02-10", "2026-03-10")
    assert played(limit(1000, "week", model="x")).periods == 5


def test_what_was_used_before_the_window_in_the_same_period_counts() -> None:
    use(90, days_ago=40)  # 3 February
    use(10, days_ago=29)  # 14 February, the first day of the window
    use(1, days_ago=20, user_id="ann")
    found = played(limit(100))
    assert [each.on for each in found.reached] == reached("2026-02-14")
    assert found.people == 1


def test_who_came_before_the_window_does_not_count_even_if_the_limit_was_reached_by_then() -> None:
    use(100, days_ago=42)  # 1 February
    use(1, days_ago=35, user_id="ann")
    use(1, days_ago=20, user_id="bob")
    found = played(limit(100))
    assert (found.people, found.requests) == (1, 1)


def test_of_a_day_only_the_days_are_told() -> None:
    use(100, days_ago=3, user_id="ann")
    use(100, days_ago=1, user_id="ann")
    found = played(limit(100, "day"))
    assert [each.on for each in found.reached] == reached("2026-03-12", "2026-03-14")
    assert (found.periods, found.people, found.requests) == (30, 0, 0)


def test_of_a_team_its_own_members_are_counted() -> None:
    ann()
    people.person("Bob", external_id="bob", teams=("Legal",))
    use(100, days_ago=9, user_id="ann")
    use(1, days_ago=3, user_id="ann")
    use(1, days_ago=3, user_id="bob")
    found = played(limit(100, team=sales()))
    assert (found.people, found.requests) == (1, 1)


def test_of_a_model_requests_are_told_and_people_are_not_known() -> None:
    use(100, days_ago=9, model="gpt-5")
    use(1, days_ago=3, model="gpt-5")
    use(1, days_ago=3, model="other")
    found = played(limit(100, model="gpt-5"))
    assert (found.people, found.requests) == (None, 1)


def test_of_one_person_it_is_that_person() -> None:
    person = ann()
    use(100, days_ago=9, user_id="ann")
    assert played(limit(100, person=person)).people == 1
    assert played(limit(101, "week", person=person)).people == 0


def test_of_every_person_it_says_who() -> None:
    person = ann()
    use(60, days_ago=9, user_id="ann")
    use(40, days_ago=3, user_id="ann")
    use(99, days_ago=3, user_id="bob")
    use(100, days_ago=40, user_id="cid")  # 3 February: in a month that the window touches
    use(100, days_ago=45, user_id="dan")  # 29 January
    found = played(everybody(100))
    assert found.people == 2
    assert [(who.known_as, who.tokens) for who in found.named] == [("Ann", 100), ("cid", 100)]
    limit(1, person=person)
    assert [who.known_as for who in played(everybody(100, "month", removed_at=NOW)).named] == ["cid"]


def test_of_many_who_reached_it_ten_are_named_and_all_are_counted() -> None:
    for number in range(12):
        use(100 + number, user_id=f"person {number:02}")
    found = played(everybody(100))
    assert found.people == 12
    assert [who.tokens for who in found.named] == [111, 110, 109, 108, 107, 106, 105, 104, 103, 102]


def test_it_takes_four_queries_at_most(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ann()
    use(100, days_ago=9, user_id="ann")
    use(1, days_ago=3, user_id="ann")
    made = limit(100, team=sales())
    with django_assert_num_queries(4):
        played(made)

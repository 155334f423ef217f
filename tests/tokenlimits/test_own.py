"""What a person sees of limits on Home: their own in full, of shared ones that they are reached, and nobody else's."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from pytest_django import DjangoAssertNumQueries

from tests.cast import NOW, Actor
from tests.tokenlimits.limits import everybody, limit, override, use
from tests.usermgmt import people
from tokenlimits import own
from usermgmt.models import Membership, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

UTC = ZoneInfo("UTC")


@pytest.fixture
def max_(member: Actor) -> User:
    """Max Member, whom usage names "max", of the team Sales."""
    assert member.user is not None
    User.objects.filter(pk=member.user.pk).update(external_id="max")
    Membership.objects.create(user=member.user, team=people.team("Sales"), is_primary=True)
    return member.user


def home(actor: Actor) -> str:
    soup = BeautifulSoup(actor.get("/").content, "html.parser")
    assert soup.main is not None
    return " ".join(soup.main.get_text(" ").replace("\N{NO-BREAK SPACE}", " ").split())


def test_without_limits_home_says_nothing_of_them(member: Actor, max_: User) -> None:
    assert "limit" not in home(member)


def test_ones_own_limits_are_shown_with_what_is_used(member: Actor, max_: User) -> None:
    limit(1000, person=max_)
    everybody(200, "day")
    use(150, user_id="max")
    use(350, user_id="max", days_ago=3)
    said = home(member)
    assert "150 of 200 tokens today 75 % 50 left; it begins anew on 16 Mar 2026." in said
    assert "500 of 1,000 tokens this month 50 % 500 left; it begins anew on 1 Apr 2026." in said
    assert said.index("150 of 200") < said.index("500 of 1,000")


def test_an_own_limit_stands_in_place_of_the_one_for_everybody(max_: User) -> None:
    mine = limit(1000, person=max_)
    everybody(10)
    assert [reading.limit.pk for reading in own.limits_of(max_, NOW, UTC).own] == [mine.pk]


def test_what_is_used_up_says_what_follows(member: Actor, max_: User) -> None:
    limit(100, person=max_)
    limit(100, "week", person=max_, hard=False)
    use(100, user_id="max")
    said = home(member)
    assert "Used up: requests may be refused until 1 Apr 2026." in said
    assert "Used up; requests go on. It begins anew on 16 Mar 2026." in said


def test_an_override_counts(max_: User) -> None:
    override(limit(100, person=max_), 500)
    assert [reading.allowed for reading in own.limits_of(max_, NOW, UTC).own] == [500]


def test_of_shared_limits_only_that_they_are_reached(member: Actor, max_: User) -> None:
    limit(12345)
    limit(23456, team=people.team("Sales"))
    use(12344, user_id="other", team="Sales")
    assert "limit" not in home(member)
    use(20000, user_id="other", team="Sales")
    said = home(member)
    assert (
        "The limit of the workspace is reached. It begins anew on 1 Apr 2026. Requests may be refused until then."
        in said
    )
    assert "The limit of your team Sales is reached." in said
    for figure in ("12,345", "23,456", "32,344"):
        assert figure not in said


def test_nobody_elses_limits_are_shown(member: Actor, max_: User) -> None:
    limit(10, person=people.person("Somebody", external_id="somebody"))
    limit(10, team=people.team("Legal"))
    limit(10, model="gpt-5")
    use(50, user_id="somebody", team="Legal", model="gpt-5")
    assert own.limits_of(max_, NOW, UTC) == own.OwnLimits()
    assert "limit" not in home(member)


def test_limits_cost_one_query_without_any_and_three_with_some(
    max_: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        own.limits_of(max_, NOW, UTC)
    for period in ("day", "week", "month"):
        limit(10, period, person=max_)
        limit(10, period)
    with django_assert_num_queries(3):
        own.limits_of(max_, NOW, UTC)

"""What a limit would have done in the last 30 days: 14 February to 15 March 2026, a Sunday."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from analytics.metrics import beyond
from analytics.periods import DayRange
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import tables
from tests.analytics.oracle import Event
from tests.cast import NOW
from tests.tokenlimits.limits import ann, everybody, limit, sales, use
from tests.usermgmt import people
from tokenlimits import replay
from tokenlimits.models import Scope, TokenLimit
from tokenlimits.periods import Period
from tokenlimits.replay import Effect, effect

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

UTC = ZoneInfo("UTC")
HOUR = 1 / 24


def played(of: TokenLimit, zone: ZoneInfo = UTC) -> Effect:
    return effect(of, NOW, zone)


def reached(*days: str) -> list[dt.date]:
    return [dt.date.fromisoformat(day) for day in days]


def days_reached(of: TokenLimit) -> list[dt.date]:
    return [each.on for each in played(of).reached]


def named(found: Effect) -> list[tuple[str, int]]:
    return [(person.known_as, person.requests) for person in found.named]


# --- Against a naive reading --------------------------------------------------------------------------------------


def held_up(events: Iterable[Event], period: Period, tokens: int, zone: ZoneInfo) -> Counter[int]:
    """Person → requests that came in the window when what came before in their period had reached the number."""
    used: defaultdict[DayRange, int] = defaultdict(int)
    held: Counter[int] = Counter()
    window = DayRange(dt.date(2026, 2, 14), dt.date(2026, 3, 16))
    for event in sorted(events, key=lambda e: e.occurred_at):
        days = period.around(event.day(zone))
        if event.requests and event.day(zone) in window and used[days] >= tokens:
            held[event.user_id] += 1
        used[days] += event.input_tokens + event.output_tokens
    return held


@pytest.mark.parametrize("zone", [ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York")], ids=str)
def test_every_kind_of_limit_holds_up_whom_a_naive_replay_holds_up(zone: ZoneInfo) -> None:
    """New York's clocks go forward in the window, on 8 March."""
    chance = random.Random(3)
    persons = [people.person(name, external_id=name) for name in ("a", "b", "c")]
    teams = [people.team(name) for name in ("x", "y")]
    minutes = chance.sample(range(50 * 1440), 700)
    events = [
        Event(
            str(minute),
            NOW - dt.timedelta(minutes=minute),
            user_id=chance.choice([0, *(person.pk for person in persons)]),
            team_id=chance.choice([0, *(team.pk for team in teams)]),
            model=chance.choice(["m", "n"]),
            requests=int(chance.random() < 0.8),
            input_tokens=chance.randrange(100),
            output_tokens=chance.randrange(100),
        )
        for minute in minutes
    ]
    rebuild_all(zone)
    tables.store(events)
    fold_pending()
    for period in Period:
        for tokens in (60, 500, 2500):
            for target, mine in (
                ({"scope": Scope.WORKSPACE}, events),
                ({"team": teams[0]}, [e for e in events if e.team_id == teams[0].pk]),
                ({"model": "m"}, [e for e in events if e.model == "m"]),
                ({"person": persons[0]}, [e for e in events if e.user_id == persons[0].pk]),
            ):
                agrees(limit(tokens, period, **target), held_up(mine, period, tokens, zone), zone)
            each = [held_up([e for e in events if e.user_id == p.pk], period, tokens, zone) for p in persons[1:]]
            agrees(everybody(tokens, period), sum(each, Counter()), zone)  # the first person has a limit of their own
            TokenLimit.objects.all().delete()


def agrees(of: TokenLimit, expected: Counter[int], zone: ZoneInfo) -> None:
    found = played(of, zone)
    assert found.is_exact
    assert found.requests == expected.total(), str(of)
    assert found.people == len(expected.keys() - {0}), str(of)
    assert {person.id: person.requests for person in found.named} == {k: n for k, n in expected.items() if k}
    if of.scope != Scope.EVERYBODY:
        assert sum(each.part.requests for each in found.reached if each.part) == found.requests


# --- By hand --------------------------------------------------------------------------------------------------------


def test_without_usage_nothing_would_have_happened() -> None:
    found = played(limit(1))
    assert found.window == DayRange(dt.date(2026, 2, 14), dt.date(2026, 3, 16))
    assert (found.periods, found.reached, found.people, found.requests) == (2, (), 0, 0)
    assert (found.is_reached, found.named) == (False, ())


def test_of_a_month_it_says_at_which_moment_and_who_came_afterwards() -> None:
    """March: 60 tokens on the 5th, 40 on the 10th, when 100 is reached; then Dan that day, Ann twice, Bob once."""
    use(60, days_ago=10, user_id="ann")
    use(40, days_ago=5, user_id="cid")
    use(1, days_ago=5 - HOUR, user_id="dan")
    use(1, days_ago=4, user_id="ann")
    use(1, days_ago=1, user_id="ann")
    use(1, days_ago=0, user_id="bob")
    found = played(limit(100))
    (march,) = found.reached
    assert (march.days, march.on) == (DayRange(dt.date(2026, 3, 1), dt.date(2026, 4, 1)), dt.date(2026, 3, 10))
    assert march.part == beyond.Part(NOW - dt.timedelta(days=5), 3, 4)
    assert (found.people, found.requests) == (3, 4)
    assert named(found) == [("ann", 2), ("dan", 1), ("bob", 1)]


def test_of_a_day_it_says_who_came_later_that_day() -> None:
    use(100, days_ago=3, user_id="ann")
    use(1, days_ago=3 + HOUR, user_id="early")
    use(1, days_ago=3 - HOUR, user_id="ann")
    use(1, days_ago=3 - 2 * HOUR, user_id="bob")
    use(99, days_ago=1, user_id="cid")
    found = played(limit(100, "day"))
    assert [each.on for each in found.reached] == reached("2026-03-12")
    assert (found.periods, found.people, found.requests, named(found)) == (30, 2, 2, [("ann", 1), ("bob", 1)])


def test_exactly_at_the_limit_is_reached_and_one_below_is_not() -> None:
    use(100, days_ago=3)
    assert days_reached(limit(100)) == reached("2026-03-12")
    assert days_reached(limit(101, "week")) == []


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
    assert [(each.on, each.part.at) for each in found.reached if each.part] == [(dt.date(2026, 2, 1), None)]


def test_what_was_reached_and_over_before_anybody_came_in_the_window_is_not_told() -> None:
    use(100, days_ago=33, user_id="ann")  # 10 February: its week goes on until the 15th
    assert not played(limit(100, "week")).is_reached
    assert not played(everybody(100, "week")).is_reached


def test_of_a_team_those_whose_usage_counted_for_it() -> None:
    ann()
    use(100, days_ago=9, user_id="ann")
    use(1, days_ago=3, user_id="bob", team="Sales")  # of no team, but for this one
    use(1, days_ago=3, user_id="ann", team="Legal")
    found = played(limit(100, team=sales()))
    assert named(found) == [("bob", 1)]


def test_of_a_model_who_used_it() -> None:
    use(100, days_ago=9, model="gpt-5")
    use(1, days_ago=3, model="gpt-5", user_id="ann")
    use(1, days_ago=3, model="gpt-5")
    use(1, days_ago=3, model="other", user_id="bob")
    found = played(limit(100, model="gpt-5"))
    assert (found.people, found.requests, named(found)) == (1, 2, [("ann", 1)])


def test_of_every_person_it_says_who_reached_it_and_who_asked_again() -> None:
    person = ann()
    use(60, days_ago=9, user_id="ann")
    use(40, days_ago=3, user_id="ann")
    use(1, days_ago=3 - HOUR, user_id="ann")
    use(99, days_ago=3, user_id="bob")
    use(100, days_ago=20, user_id="cid")
    use(100, days_ago=40, user_id="dan")  # 3 February, and never again
    found = played(everybody(100))
    assert (found.reached_by, found.people, named(found)) == (2, 1, [("Ann", 1)])
    limit(1, person=person)
    found = played(everybody(100, removed_at=NOW))
    assert (found.reached_by, found.people) == (1, 0)


def test_of_many_who_are_held_up_ten_are_named_and_all_are_counted() -> None:
    for number in range(12):
        use(100, days_ago=1 - number * HOUR, user_id=f"person {number:02}")
        for _ in range(number + 1):
            use(1, user_id=f"person {number:02}")
    for found, most in ((played(everybody(100)), 12), (played(limit(100)), 13)):  # together, the first one's is enough
        assert found.people == 12
        assert [requests for _name, requests in named(found)] == list(range(most, most - 10, -1))


# --- Where the events are not read ----------------------------------------------------------------------------------


def test_where_there_are_too_many_events_only_days_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST_REQUESTS", 2)
    ann()
    use(100, days_ago=3, user_id="ann")
    use(1, days_ago=3 - HOUR, user_id="bob")
    use(1, days_ago=1, user_id="cid")
    for made, people_held, requests in ((limit(100), 1, 1), (limit(100, team=sales()), None, 0)):
        found = played(made)
        assert (found.is_exact, found.people, found.requests) == (False, people_held, requests)
        assert [(each.on, each.part) for each in found.reached] == [(dt.date(2026, 3, 12), None)]


def test_where_too_many_reached_it_only_later_days_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beyond, "MOST_CROSSINGS", 1)
    for name in ("ann", "bob"):
        use(100, days_ago=3, user_id=name)
        use(1, days_ago=3 - HOUR, user_id=name)
    use(1, days_ago=1, user_id="bob")
    found = played(everybody(100))
    assert (found.is_exact, found.reached_by, found.people, found.requests) == (False, 2, 1, 1)


def test_events_that_are_gone_are_not_taken_for_none() -> None:
    use(100, days_ago=3, user_id="ann")
    use(1, days_ago=1, user_id="ann")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_event")
    for of in (limit(100), everybody(100)):
        found = played(of)
        assert (found.is_exact, found.people, found.requests) == (False, 1, 1)


# --- Cost -----------------------------------------------------------------------------------------------------------


def test_it_takes_four_queries_at_most(
    django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann()
    use(100, days_ago=9, user_id="ann")
    use(1, days_ago=3, user_id="ann")
    made = limit(100)
    with django_assert_num_queries(3):
        played(made)
    monkeypatch.setattr(replay, "MOST_REQUESTS", 0)
    with django_assert_num_queries(4):
        played(made)

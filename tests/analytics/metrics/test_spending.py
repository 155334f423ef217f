"""Tokens as budgets count them, against the naive oracle: every meter on any range, by model, by person."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from analytics.metrics import spending, usage
from analytics.metrics.spending import Mark, Meter, Subject
from analytics.periods import DayRange
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import oracle, tables
from tests.analytics.oracle import Event
from tests.cast import NOW
from usermgmt.models import Status, User

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Asia/Kathmandu")
FIRST = dt.datetime(2026, 1, 20, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
MODELS = ("", "gpt-5", "GPT-5", "Gemini 3 “pro”, {x}")


@pytest.fixture
def people() -> list[int]:
    names = ("Ann", "Bob", "", "Dan")
    return [User.objects.create_person(f"p{n}@example.com", name).pk for n, name in enumerate(names)]


@pytest.fixture
def events(people: list[int]) -> list[Event]:
    """Sixty days; some usage without person, team or model."""
    chance = random.Random(5)
    sent = [
        Event(
            str(n),
            FIRST + dt.timedelta(minutes=chance.randrange(60 * 1440)),
            user_id=chance.choice([0, *people]),
            team_id=chance.randrange(4),
            model=chance.choice(MODELS),
            requests=int(chance.random() < 0.8),
            input_tokens=chance.randrange(1000),
            output_tokens=chance.randrange(1000),
        )
        for n in range(500)
    ]
    rebuild_all(ZONE)
    tables.store(sent)
    fold_pending()
    return sent


def inside(events: Iterable[Event], days: DayRange) -> list[Event]:
    return oracle.within(events, days.start, days.last, ZONE)


def tokens(events: Iterable[Event]) -> int:
    return sum(event.input_tokens + event.output_tokens for event in events)


def random_ranges(count: int) -> Iterable[DayRange]:
    chance = random.Random(6)
    for _ in range(count):
        start = FIRST.date() + dt.timedelta(days=chance.randrange(-5, 60))
        yield DayRange(start, start + chance.choice([1, 7, 31]) * DAY)


def test_every_meter_shows_what_a_naive_count_says(
    events: list[Event], people: list[int], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    meters, expected = [], []
    for days in random_ranges(25):
        within = inside(events, days)
        meters.append(Meter(Subject.WORKSPACE, 0, days))
        expected.append(tokens(within))
        for attribute, subject, keys in (
            ("team_id", Subject.TEAM, (0, 1, 2, 3, 99)),
            ("user_id", Subject.PERSON, (*people, 10**9)),
            ("model", Subject.MODEL, (*MODELS, "unheard of")),
        ):
            for key in keys:
                meters.append(Meter(subject, key, days))
                expected.append(tokens(e for e in within if getattr(e, attribute) == key))
    with django_assert_num_queries(1):
        assert spending.tokens_on(meters) == tuple(expected)


def test_equal_meters_stand_side_by_side(events: list[Event]) -> None:
    meter = Meter(Subject.TEAM, 1, DayRange(FIRST.date(), FIRST.date() + 20 * DAY))
    one, other = spending.tokens_on([meter, meter])
    assert one == other > 0


def test_no_meter_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert spending.tokens_on([]) == ()
        assert spending.requests_on([]) == 0
        assert spending.people_on([]) == 0
        assert spending.everybody([]) == ()


def test_days_add_up_to_their_range(events: list[Event]) -> None:
    days = DayRange(FIRST.date() - 3 * DAY, FIRST.date() + 40 * DAY)
    by_day = spending.tokens_by_day(Meter(Subject.MODEL, "gpt-5", days))
    assert len(by_day) == days.days
    assert by_day[:2] == (0, 0)
    assert sum(by_day) == tokens(e for e in inside(events, days) if e.model == "gpt-5")


def test_models_add_up_to_the_range_and_stand_by_tokens(events: list[Event]) -> None:
    for days in random_ranges(10):
        models = spending.by_model(days)
        assert sum(model.tokens for model in models) == tokens(inside(events, days))
        assert sum(m.tokens for m in models) == sum(team.tokens for team in usage.by_team(days))
        assert [(-m.tokens, -m.requests, m.name) for m in models] == sorted(
            (-m.tokens, -m.requests, m.name) for m in models
        )
        for model in models:
            assert (
                model.requests,
                model.failed_requests,
                model.input_tokens,
                model.output_tokens,
                model.calls_without_usage,
            ) == oracle.measures(e for e in inside(events, days) if e.model == model.name)


def test_top_people_are_those_who_used_the_most(events: list[Event], people: list[int]) -> None:
    for days in random_ranges(10):
        by_person = Counter[int]()
        for event in inside(events, days):
            by_person[event.user_id] += tokens([event])
        del by_person[0]
        told = spending.top_people(days, 3)
        assert [p.tokens for p in told.top] == sorted(filter(None, by_person.values()), reverse=True)[:3]
        assert all(by_person[person.id] == person.tokens for person in told.top)
        assert (told.people, told.tokens) == (sum(map(bool, by_person.values())), by_person.total())


def test_top_people_are_told_by_name_else_by_address_and_the_deleted_are_marked(
    events: list[Event], people: list[int]
) -> None:
    User.objects.filter(pk=people[0]).update(status=Status.DELETED)
    top = spending.top_people(DayRange(FIRST.date(), FIRST.date() + 62 * DAY), 10).top
    assert {(person.known_as, person.deleted) for person in top} == {
        ("Ann", True),
        ("Bob", False),
        ("p2@example.com", False),
        ("Dan", False),
    }


def test_everybody_against_a_number_of_tokens(events: list[Event], people: list[int]) -> None:
    expected, marks = [], []
    for days in random_ranges(15):
        by_person = {
            user_id: used
            for user_id in people
            if (used := tokens(e for e in inside(events, days) if e.user_id == user_id))
        }
        for number in (1, max(by_person.values(), default=1), 10**9):
            marks.append(Mark(days, number))
            expected.append((number, by_person))
    for told, (number, by_person) in zip(spending.everybody(marks), expected, strict=True):
        assert told.people == len(by_person)
        assert told.reached == sum(used >= number for used in by_person.values())
        assert told.highest == max(by_person.values(), default=0)
        assert by_person.get(told.highest_id, 0) == told.highest


def test_who_is_left_out_of_everybody_is_not_counted(events: list[Event], people: list[int]) -> None:
    days = DayRange(FIRST.date(), FIRST.date() + 62 * DAY)
    (first,) = spending.everybody([Mark(days, 1)])
    (second,) = spending.everybody([Mark(days, 1, (first.highest_id,))])
    assert (second.people, second.reached) == (first.people - 1, first.reached - 1)
    assert second.highest_id not in (0, first.highest_id)


def test_requests_and_people_on_scattered_days(events: list[Event]) -> None:
    ranges = [DayRange(FIRST.date() + n * DAY, FIRST.date() + (n + 2) * DAY) for n in (3, 9, 30)]
    within = [event for days in ranges for event in inside(events, days)]
    meters = [Meter(Subject.TEAM, 2, days) for days in ranges]
    assert spending.requests_on(meters) == sum(event.requests for event in within if event.team_id == 2)
    assert spending.people_on(ranges) == len(oracle.active_people(within))


def test_models_since_a_day_are_named_the_most_used_first() -> None:
    rebuild_all(ZONE)
    sent = [Event(str(n), NOW, model="often" if n else "once") for n in range(3)]
    tables.store([*sent, Event("old", NOW - 9 * DAY, model="old"), Event("none", NOW)])
    fold_pending()
    assert spending.models_since(NOW.date() - 8 * DAY) == ("often", "once")
    assert spending.models_since(NOW.date() - 9 * DAY) == ("often", "old", "once")

"""How much was used: every figure against the naive oracle on any range, and the product's invariants one by one."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from pytest_django import DjangoAssertNumQueries

from analytics.metrics import people, usage
from analytics.metrics.figures import DayFigures, Measures, Named, PeriodTotals
from analytics.models import Assistant, Workflow
from analytics.periods import DayRange
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all
from tests.analytics import oracle, tables
from tests.analytics import workspace as living
from tests.analytics.oracle import ASSISTANT, CANCELLED, CHAT, ERROR, SUCCESS, WORKFLOW, Event
from tests.analytics.streams import Stream, examples, short_ranges, streams
from tests.cast import NOW
from usermgmt.models import Membership, Team, User

pytestmark = pytest.mark.django_db

UTC = ZoneInfo("UTC")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
TODAY = NOW.date()  # Sunday 15 March 2026
WEEK = DayRange(dt.date(2026, 3, 9), dt.date(2026, 3, 16))
FIRST = dt.datetime(2025, 1, 5, tzinfo=dt.UTC)


def fold(events: Iterable[Event]) -> None:
    tables.store(events)
    fold_pending()


def sums(figures: Measures) -> tuple[int, ...]:
    return (
        figures.requests,
        figures.failed_requests,
        figures.input_tokens,
        figures.output_tokens,
        figures.calls_without_usage,
    )


def total(figures: Iterable[Measures]) -> tuple[int, ...]:
    return tuple(map(sum, zip((0,) * 5, *map(sums, figures), strict=True)))


def by_id(items: Iterable[Named]) -> dict[int, tuple[int, ...]]:
    return {item.id: sums(item) for item in items}


def totals(days: DayRange) -> PeriodTotals:
    (active,) = people.active(days)
    return usage.totals(usage.by_day(days, TODAY), active)


# --- Against the oracle -------------------------------------------------------------------------------------------


def fourteen_months() -> list[Event]:
    chance = random.Random(7)
    return [
        Event(
            str(n),
            FIRST + dt.timedelta(minutes=chance.randrange(425 * 1440)),
            user_id=chance.randrange(9),
            team_id=chance.randrange(4),
            kind=chance.choice([CHAT, ASSISTANT, WORKFLOW]),
            assistant_id=chance.randrange(4),
            workflow_id=chance.randrange(4),
            requests=int(chance.random() < 0.8),
            input_tokens=chance.randrange(1000),
            output_tokens=chance.randrange(1000),
            usage_known=chance.random() < 0.9,
            status=chance.choice([SUCCESS, SUCCESS, ERROR, CANCELLED]),
        )
        for n in range(900)
    ]


def test_on_a_hundred_ranges_every_figure_is_what_a_naive_count_says() -> None:
    """Ranges of one day to fourteen months, many of them over whole months, and some where nothing is."""
    events, chance = fourteen_months(), random.Random(8)
    rebuild_all(KATHMANDU)
    fold(events)
    for _ in range(100):
        start = FIRST.date() + dt.timedelta(days=chance.randrange(-10, 430))
        assert_figures(
            DayRange(start, start + dt.timedelta(days=chance.choice([1, 2, 7, 30, 60, 100, 365, 440]))), events
        )


def assert_figures(days: DayRange, events: list[Event]) -> None:
    inside = oracle.within(events, days.start, days.last, KATHMANDU)
    figures = totals(days)
    assert sums(figures) == oracle.measures(inside)
    assert figures.active_users == len(oracle.active_people(inside))
    assert (figures.chat_requests, figures.assistant_requests, figures.workflow_requests) == tuple(
        oracle.requests_of(kind, inside) for kind in (CHAT, ASSISTANT, WORKFLOW)
    )
    by_kind = {kind: [event for event in inside if event.kind == kind] for kind in (ASSISTANT, WORKFLOW)}
    assert by_id(usage.by_team(days)) == _by(inside, "team_id")
    assert by_id(usage.by_assistant(days, NOW)[0]) == _by(by_kind[ASSISTANT], "assistant_id")
    assert by_id(usage.by_workflow(days)) == _by(by_kind[WORKFLOW], "workflow_id")


def _by(events: list[Event], item: str) -> dict[int, tuple[int, ...]]:
    return {
        key: oracle.measures(e for e in events if getattr(e, item) == key) for key in {getattr(e, item) for e in events}
    }


# --- Invariants ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@examples(30)
@given(stream=streams(), days=short_ranges())
def test_days_teams_and_kinds_sum_to_the_range_in_any_zone(stream: Stream, days: DayRange) -> None:
    tables.empty(stream.zone)
    fold(stream.sent)
    whole = totals(days)
    single = [totals(DayRange(day, day + dt.timedelta(days=1))) for day in days]
    assert total(single) == sums(whole)
    assert [d.active_users for d in single] == [d.active_users for d in usage.by_day(days, TODAY)]
    assert total(usage.by_team(days)) == sums(whole)
    assistants, workflows = usage.by_assistant(days, NOW)[0], usage.by_workflow(days)
    assert sum(item.requests for item in assistants) == whole.assistant_requests
    assert sum(item.requests for item in workflows) == whole.workflow_requests
    assert whole.requests == whole.chat_requests + whole.assistant_requests + whole.workflow_requests
    chat = oracle.measures(
        e for e in oracle.within(stream.sent_once, days.start, days.last, stream.zone) if e.kind == CHAT
    )
    assert tuple(map(sum, zip(chat, total(assistants), total(workflows), strict=True))) == sums(whole)


def test_renaming_moving_archiving_and_deleting_changes_no_past_number() -> None:
    ann = User.objects.create_person("ann@example.com", "Ann", external_id="ann")
    old, new = (Team.objects.create(key=key, name=key) for key in ("Old", "New"))
    Membership.objects.create(user=ann, team=old, is_primary=True)
    living.fold(
        living.event(1, user_id="ann"),
        living.event(1, user_id="ann", assistant="Writer"),
        living.event(1, user_id="ann", workflow="Digest"),
    )
    before = (totals(WEEK), by_id(usage.by_team(WEEK)), sums(usage.by_workflow(WEEK)[0]))

    Membership.objects.update(team=new)
    for model in (Team, Assistant, Workflow):
        model.objects.update(name="Renamed", archived_at=NOW, deleted_at=NOW)
    User.objects.update(status="deleted", deleted_at=NOW, name="", email=None)
    living.fold()

    assert (totals(WEEK), by_id(usage.by_team(WEEK)), sums(usage.by_workflow(WEEK)[0])) == before
    for (item,) in (usage.by_team(WEEK), usage.by_assistant(WEEK, NOW)[0], usage.by_workflow(WEEK)):
        assert (item.name, item.deleted, item.archived) == ("Renamed", True, True)


def test_a_team_is_fixed_when_the_event_arrives() -> None:
    """Ann changes her primary team; what came before stays with the old one, what comes after goes to the new one."""
    ann = User.objects.create_person("ann@example.com", "Ann", external_id="ann")
    old, new = (Team.objects.create(key=key, name=key) for key in ("Old", "New"))
    Membership.objects.create(user=ann, team=old, is_primary=True)
    living.fold(living.event(2, user_id="ann", tokens=100))
    Membership.objects.update(team=new)
    living.fold(living.event(3, user_id="ann", tokens=10), living.event(3, user_id="ann", team="Old", tokens=1))
    assert [(team.name, team.tokens) for team in usage.by_team(WEEK)] == [("Old", 101), ("New", 10)]


def test_nothing_is_cut_at_a_page_size() -> None:
    fold(
        Event(f"{kind}{n}", NOW, team_id=n, kind=kind, assistant_id=n, workflow_id=n, input_tokens=n)
        for n in range(1, 1201)
        for kind in (ASSISTANT, WORKFLOW)
    )
    lists = usage.by_team(WEEK), usage.by_assistant(WEEK, NOW)[0], usage.by_workflow(WEEK)
    assert [len(items) for items in lists] == [1200, 1200, 1200]
    assert totals(WEEK).requests == 2400


def test_three_trillion_tokens_come_through() -> None:
    giant = Event("", NOW, team_id=1, kind=ASSISTANT, assistant_id=1, user_id=1, input_tokens=1_000_000_000)
    fold(replace(giant, event_id=str(n), output_tokens=n) for n in range(3000))
    expected = 3_000_000_000_000 + 3000 * 2999 // 2
    assert totals(WEEK).tokens == expected
    assert [t.tokens for t in usage.by_team(WEEK)] == [expected]
    assert [a.tokens for a in usage.by_assistant(WEEK, NOW)[0]] == [expected]


# --- Days ---------------------------------------------------------------------------------------------------------


def test_every_day_of_the_range_is_there_and_only_today_is_incomplete() -> None:
    """Events at the first and the last instant of the week, and just outside of it."""
    start, end = dt.datetime(2026, 3, 9, tzinfo=dt.UTC), dt.datetime(2026, 3, 16, tzinfo=dt.UTC)
    tick = dt.timedelta(microseconds=1)
    fold(Event(str(at), at, user_id=1, input_tokens=5) for at in (start - tick, start, end - tick, end))
    quiet = [DayFigures(day=dt.date(2026, 3, day)) for day in range(10, 15)]
    busy = DayFigures(day=WEEK.start, requests=1, input_tokens=5, active_users=1, chat_requests=1)
    assert usage.by_day(WEEK, TODAY) == (
        busy,
        *quiet,
        replace(busy, day=TODAY, incomplete=True),
    )


# --- Lists --------------------------------------------------------------------------------------------------------


def test_teams_and_assistants_are_ranked_by_tokens_then_requests_then_name() -> None:
    for model in (Team, Assistant):
        for pk, name in enumerate(["Zoe", "Bea", "Abe", "Big"], start=1):
            model.objects.create(pk=pk, key=name, name=name)
    rows = [(1, 4, 2), (2, 4, 1), (3, 4, 1), (4, 9, 1), (0, 1, 1)]  # id, tokens, requests
    fold(
        Event(f"{pk}-{n}", NOW, team_id=pk, kind=ASSISTANT, assistant_id=pk, input_tokens=tokens // requests)
        for pk, tokens, requests in rows
        for n in range(requests)
    )
    expected = ["Big", "Zoe", "Abe", "Bea", ""]
    assert [team.name for team in usage.by_team(WEEK)] == expected
    assert [assistant.name for assistant in usage.by_assistant(WEEK, NOW)[0]] == expected


def test_workflows_are_ranked_by_runs_then_tokens_then_name() -> None:
    for pk, name in enumerate(["Zoe", "Bea", "Abe", "Big"], start=1):
        Workflow.objects.create(pk=pk, key=name, name=name)
    rows = [(1, 2, 2), (2, 3, 1), (3, 3, 1), (4, 9, 1)]  # id, tokens, runs
    fold(
        Event(f"{pk}-{n}", NOW, kind=WORKFLOW, workflow_id=pk, input_tokens=tokens // runs)
        for pk, tokens, runs in rows
        for n in range(runs)
    )
    assert [workflow.name for workflow in usage.by_workflow(WEEK)] == ["Zoe", "Big", "Abe", "Bea"]


def test_unused_assistants_are_live_older_than_thirty_days_and_without_a_request_in_the_range() -> None:
    old = NOW - dt.timedelta(days=30, microseconds=1)
    rows = {
        "never used": {},
        "used before": {},
        "used after": {},
        "preview only": {},
        "used": {},
        "exactly thirty days old": {"created_at": NOW - dt.timedelta(days=30)},
        "archived": {"archived_at": NOW},
        "deleted": {"deleted_at": NOW},
        "archived but previewed": {"archived_at": NOW},
        "deleted but previewed": {"deleted_at": NOW},
    }
    ids = {
        name: Assistant.objects.create(key=name, name=name, **{"created_at": old, **marks}).pk
        for name, marks in rows.items()
    }

    def used(name: str, day: int, requests: int = 1) -> Event:
        at = dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC)
        return Event(f"{name}{day}", at, kind=ASSISTANT, assistant_id=ids[name], requests=requests, input_tokens=1)

    days = DayRange(dt.date(2026, 3, 9), dt.date(2026, 3, 13))
    fold(
        [
            used("used before", 8),
            used("used before", 2),
            used("used after", 13),
            used("preview only", 10, requests=0),
            used("archived but previewed", 10, requests=0),
            used("deleted but previewed", 10, requests=0),
            used("used", 12),
        ]
    )
    used_ones, unused = usage.by_assistant(days, NOW)
    assert [(a.name, a.last_used) for a in unused] == [
        ("never used", None),
        ("preview only", None),
        ("used before", dt.date(2026, 3, 8)),
        ("used after", dt.date(2026, 3, 13)),
    ]
    assert {a.name for a in used_ones} == {"used", "preview only", "archived but previewed", "deleted but previewed"}


def test_usage_of_an_assistant_that_is_in_no_catalogue_is_counted_and_never_called_unused() -> None:
    fold([Event("1", NOW, kind=ASSISTANT, assistant_id=5, requests=0, input_tokens=3)])
    used, unused = usage.by_assistant(WEEK, NOW)
    assert [(a.id, a.name, a.tokens) for a in used] == [(5, "", 3)]
    assert unused == ()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: usage.by_day(WEEK, TODAY),
        lambda: usage.by_team(WEEK),
        lambda: usage.by_workflow(WEEK),
        lambda: usage.by_assistant(WEEK, NOW),
    ],
)
def test_each_question_is_one_query(
    ask: Callable[[], object], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        ask()

"""The demo workspace: as large as asked, the same for the same seed, and with everybody in it that pages must carry."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import replace
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Q, Sum

from analytics.management.demo import calls, load, seasons, sign_in, usage, world
from analytics.management.demo.scale import LEAST, MOST, Scale, to_us
from analytics.management.demo.settle import Mark
from analytics.metrics import keys as metrics
from analytics.metrics.keys import State
from analytics.models import (
    ApiKey,
    Assistant,
    DailyTeam,
    DailyTotal,
    DailyUsage,
    DailyUser,
    Delivery,
    Kind,
    PendingEvent,
    PersonActivity,
    RejectedEvent,
    Status,
    UsageEvent,
    Workflow,
)
from analytics.periods import DayRange
from usermgmt.audit import ERASED_NAME
from usermgmt.models import Membership, Role, Team, User
from usermgmt.models import Status as PersonStatus

UTC = ZoneInfo("UTC")
UNTIL = dt.datetime(2026, 3, 15, 10, 30, tzinfo=dt.UTC)
SMALL = Scale(UNTIL, people=80, teams=5, assistants=20, workflows=10, months=9, events=4_000)
HOURS = (1, 6, 24, 72, 168)
MEASURES = ("requests", "input_tokens", "output_tokens")


def run(scale: Scale = SMALL, mark: Mark | None = None) -> None:
    load.load(scale, mark or Mark(), lambda _stored, _folded: None)


def resized(field: str, value: int) -> Scale:
    change: Any = {field: value}
    return replace(SMALL, **change)


def drawn(scale: Scale) -> tuple[seasons.Seasons, world.World]:
    calendar = seasons.seasons(scale)
    return calendar, world.draw(scale, calendar)


def blocks(scale: Scale) -> list[usage.Block]:
    return list(usage.draw(scale, *drawn(scale)))


def command(*arguments: str) -> str:
    """What `manage.py demo` prints for a small workspace."""
    printed = StringIO()
    sizes = ["--people=40", "--teams=3", "--assistants=8", "--workflows=4", "--months=2", "--events=500"]
    with time_machine.travel(UNTIL, tick=False):
        call_command("demo", *sizes, *arguments, stdout=printed, no_color=True)
    return printed.getvalue()


# --- Counts -------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_every_count_is_met_exactly() -> None:
    run()
    stored = [model._default_manager.count() for model in (User, Team, Assistant, Workflow, UsageEvent)]
    assert stored == [80, 5, 20, 10, 4_000]


@pytest.mark.parametrize("events", [1_000, 12_345, 60_001])
def test_blocks_hold_exactly_the_events_asked_for_each_with_a_key_of_its_own(events: int) -> None:
    keys = b"".join(block.key for block in blocks(replace(SMALL, events=events)))
    assert len({keys[start : start + 16] for start in range(0, len(keys), 16)}) == len(keys) // 16 == events


@pytest.mark.parametrize(
    "until", [UNTIL, dt.datetime(2026, 3, 29, 0, 30, tzinfo=dt.UTC), dt.datetime(2024, 2, 29, 23, 59, tzinfo=dt.UTC)]
)
def test_nothing_happens_before_the_first_day_or_from_the_end_on(until: dt.datetime) -> None:
    scale = replace(SMALL, until=until)
    occurred = np.concatenate([block.occurred_at for block in blocks(scale)])
    received = np.concatenate([block.received_at for block in blocks(scale)])
    east_of_utc = 14 * 3_600_000_000  # the first day begins earlier there
    assert scale.opened_us - east_of_utc <= occurred.min()
    assert occurred.max() < to_us(until)
    assert (received >= occurred).all()
    assert received.max() <= to_us(until)


@pytest.mark.parametrize("field, value", [(name, least - 1) for name, least in LEAST.items()])
def test_a_workspace_too_small_for_everybody_to_be_in_it_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"{field} must be at least .*{value}"):
        resized(field, value)


@pytest.mark.parametrize("field, value", [(name, most + 1) for name, most in MOST.items()])
def test_a_workspace_beyond_all_measure_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{field} must be at most"):
        resized(field, value)


def test_fewer_events_than_first_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="2,000 people need at least 4,000 events"):
        replace(SMALL, people=2_000, events=3_999)


def test_the_smallest_workspace_is_whole() -> None:
    scale = Scale(UNTIL, **LEAST)
    assert sum(map(len, blocks(scale))) == scale.events


# --- The same again -----------------------------------------------------------------------------------------------
_NAMED = """
    SELECT md5(string_agg(row::text, E'\\n' ORDER BY row::text)) FROM (
        SELECT e.occurred_at, e.event_key, e.received_at, e.source, e.kind, e.model, e.requests, e.input_tokens,
            e.cached_tokens, e.output_tokens, e.reasoning_tokens, e.usage_known, e.status, e.latency_ms,
            p.email, p.external_id, p.name, p.role, p.status AS story, p.joined_at, p.created_at,
            p.invited_at, p.accepted_at, p.deactivated_at, p.deleted_at, p.erased_at,
            t.key AS team, a.key AS assistant, a.created_at AS a_created, a.archived_at, w.key AS workflow,
            (SELECT string_agg(own.key, ' ' ORDER BY m.is_primary, own.key)
                FROM membership m JOIN team own ON own.id = m.team_id WHERE m.user_id = p.id) AS teams
        FROM usage_event e FULL JOIN person p ON p.id = e.user_id FULL JOIN team t ON t.id = e.team_id
            FULL JOIN assistant a ON a.id = e.assistant_id FULL JOIN workflow w ON w.id = e.workflow_id
    ) row
"""


def checksum(scale: Scale) -> str:
    """Of a workspace stored and taken back: everything but ids and passwords."""
    with transaction.atomic():
        run(scale)
        with connection.cursor() as cursor:
            cursor.execute(_NAMED)
            (found,) = cursor.fetchone()
        transaction.set_rollback(True)
    return str(found)


@pytest.mark.django_db
def test_the_same_seed_and_end_store_the_same_rows() -> None:
    first = checksum(SMALL)
    assert checksum(SMALL) == first
    assert checksum(replace(SMALL, seed=2)) != first
    assert checksum(replace(SMALL, until=UNTIL + dt.timedelta(days=1))) != first


# --- Everybody is there -------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_people_of_every_kind_are_present() -> None:
    run()
    active = PersonActivity.objects.values("user_id")
    with_value = PersonActivity.objects.filter(first_value_at__isnull=False).values("user_id")
    joined = User.objects.filter(joined_at__isnull=False, status=PersonStatus.ACTIVE)
    present = {
        "never started": joined.exclude(pk__in=active),
        "active without first value": joined.filter(pk__in=active).exclude(pk__in=with_value),
        "join time unknown": User.objects.filter(joined_at=None, email=None, pk__in=with_value),
        "pending": User.objects.filter(status=PersonStatus.PENDING, invitations__expires_at__gt=UNTIL),
        "pending too long": User.objects.filter(status=PersonStatus.PENDING, invitations__expires_at__lte=UNTIL),
        "deactivated with a past": User.objects.filter(status=PersonStatus.DEACTIVATED, pk__in=active),
        "deleted, restorable": User.objects.filter(
            erased_at=None, deleted_at__gt=UNTIL - dt.timedelta(days=30), email__isnull=False
        ),
        "erased with a past": User.objects.filter(
            erased_at__lt=UNTIL, name=ERASED_NAME, email=None, teams=None, pk__in=active
        ),
        "in two teams": User.objects.alias(teams_count=Count("teams")).filter(teams_count=2),
        "without a team": joined.filter(teams=None),
    }
    assert [what for what, people in present.items() if not people.exists()] == []
    assert not User.objects.filter(status=PersonStatus.PENDING, pk__in=active).exists()
    assert not Membership.objects.filter(team__deleted_at__isnull=False).exists()


@pytest.mark.django_db
def test_nobody_acts_before_joining_or_after_leaving() -> None:
    run()
    spans = {
        user_id: (first, last)
        for user_id, first, last in UsageEvent.objects.values("user_id")
        .annotate(first=Min("occurred_at"), last=Max("occurred_at"))
        .values_list("user_id", "first", "last")
    }
    for person in User.objects.filter(pk__in=spans):
        first, last = spans[person.pk]
        assert person.joined_at is None or person.joined_at < first
        assert person.deleted_at is None or last < person.deleted_at


@pytest.mark.django_db
def test_assistants_and_workflows_of_every_kind_are_present() -> None:
    run()
    month_ago = UNTIL - dt.timedelta(days=30)
    for model, column in ((Assistant, "assistant_id"), (Workflow, "workflow_id")):
        used = UsageEvent.objects.filter(requests=1).exclude(**{column: 0})
        lately = used.filter(occurred_at__gte=month_ago).values(column)
        live = model._default_manager.filter(archived_at=None, deleted_at=None)
        present = {
            "in use": live.filter(pk__in=lately),
            "new": live.filter(created_at__gt=month_ago),
            "never used": live.filter(created_at__lt=month_ago).exclude(pk__in=used.values(column)),
            "not used any more": live.filter(pk__in=used.values(column)).exclude(pk__in=lately),
            "archived with a past": model._default_manager.filter(archived_at__lt=UNTIL, pk__in=used.values(column)),
            "deleted": model._default_manager.filter(deleted_at__lt=UNTIL),
        }
        assert [what for what, items in present.items() if not items.exists()] == [], model
        gone = model._default_manager.exclude(archived_at=None, deleted_at=None)
        for item in gone:
            last = UsageEvent.objects.filter(**{column: item.pk}).aggregate(last=Max("occurred_at"))["last"]
            assert last is None or last < (item.archived_at or item.deleted_at)


@pytest.mark.django_db
def test_events_of_every_kind_are_present() -> None:
    run()
    asked = Q(requests=1)
    present = {
        "chat": asked & Q(kind=Kind.CHAT, assistant_id=0, workflow_id=0),
        "assistant": asked & Q(kind=Kind.ASSISTANT, workflow_id=0) & ~Q(assistant_id=0),
        "workflow": asked & Q(kind=Kind.WORKFLOW, assistant_id=0) & ~Q(workflow_id=0),
        "failed": asked & Q(status=Status.ERROR),
        "cancelled": asked & Q(status=Status.CANCELLED),
        "without usage": Q(usage_known=False, input_tokens=0, output_tokens=0),
        "system call with tokens": Q(requests=0, input_tokens__gt=0),
        "without a person": Q(user_id=0, kind=Kind.WORKFLOW),
        "without a team": Q(team_id=0),
        "late by hours": Q(received_at__gt=F("occurred_at") + dt.timedelta(hours=1)),
        "late by days": Q(received_at__gt=F("occurred_at") + dt.timedelta(days=2)),
        "without latency": Q(latency_ms=None),
        "cached and reasoning": Q(cached_tokens__gt=0, reasoning_tokens__gt=0),
        "of a dissolved team": Q(team_id__in=Team.objects.filter(deleted_at__isnull=False).values("pk")),
    }
    assert [what for what, events in present.items() if not UsageEvent.objects.filter(events).exists()] == []
    impossible = (
        Q(cached_tokens__gt=F("input_tokens"))
        | Q(reasoning_tokens__gt=F("output_tokens"))
        | Q(latency_ms__lt=0)
        | (Q(kind=Kind.ASSISTANT) & Q(assistant_id=0))
        | (Q(kind=Kind.WORKFLOW) & Q(workflow_id=0))
        | (Q(usage_known=False) & Q(input_tokens__gt=0))
    )
    assert not UsageEvent.objects.filter(impossible).exists()
    assert UsageEvent.objects.values("model").distinct().count() >= 6
    assert set(UsageEvent.objects.values_list("source", flat=True)) == {"panta-os", "litellm", "otlp"}


@pytest.mark.django_db
def test_people_change_teams_and_take_their_past_not_with_them() -> None:
    run()
    dissolved = Team.objects.get(deleted_at__isnull=False)
    elsewhere = UsageEvent.objects.exclude(user_id=0).exclude(team_id=dissolved.pk)
    people = elsewhere.values("user_id").annotate(teams=Count("team_id", distinct=True))
    in_one_team = User.objects.alias(memberships_count=Count("memberships")).filter(memberships_count=1)
    assert people.filter(teams__gte=2, user_id__in=in_one_team.values("pk")).exists()
    assert not UsageEvent.objects.filter(team_id=dissolved.pk, occurred_at__gte=dissolved.deleted_at).exists()


@pytest.mark.django_db
def test_names_come_in_several_scripts_and_lengths() -> None:
    run(replace(SMALL, people=120, teams=8, assistants=30, workflows=15))
    names = [*User.objects.values_list("name", flat=True), *Team.objects.values_list("name", flat=True)]
    names += [*Assistant.objects.values_list("name", flat=True), *Workflow.objects.values_list("name", flat=True)]
    scripts = {"Japanese": "[ぁ-ヿ]", "Arabic": "[؀-ۿ]", "Cyrillic": "[Ѐ-ӿ]", "emoji": "[🌀-🫿]", "umlaut": "[äöüß]"}
    assert [script for script, letters in scripts.items() if not re.search(letters, " ".join(names))] == []
    assert max(map(len, names)) > 80


# --- Shape --------------------------------------------------------------------------------------------------------
def _buckets(people: world.People, since_us: int) -> Counter[int | None]:
    """How many of those who joined since then took how long: the upper bound in hours, 0 for longer, None for never."""
    joined = (people.joined_at > since_us) & (people.joined_at > 0)
    counted: Counter[int | None] = Counter()
    for joined_at, value_at in zip(people.joined_at[joined], people.first_value_at[joined], strict=True):
        hours = (value_at - joined_at) / 3.6e9
        counted[next((bound for bound in HOURS if hours < bound), 0) if value_at else None] += 1
    return counted


@pytest.mark.parametrize("seed", range(1, 13))
@pytest.mark.parametrize("until", [UNTIL, dt.datetime(2026, 11, 22, 3, 0, tzinfo=dt.UTC)])
def test_time_to_first_value_fills_every_bucket_also_in_the_last_30_days(until: dt.datetime, seed: int) -> None:
    _, made = drawn(Scale(until, seed=seed))
    for since in (0, to_us(until - dt.timedelta(days=30))):
        assert set(_buckets(made.people, since)) == {*HOURS, 0, None}


@pytest.mark.django_db
def test_the_first_success_stored_is_the_one_drawn() -> None:
    _, made = drawn(SMALL)
    run()
    stored = dict(PersonActivity.objects.values_list("user_id", "first_value_at"))
    expected = [
        to_us(at) if (at := stored.get(pk)) else 0 for pk in User.objects.order_by("pk").values_list("pk", flat=True)
    ]
    assert made.people.first_value_at.tolist() == expected


def test_usage_grows_rests_at_weekends_and_dips_at_christmas() -> None:
    scale = Scale(UNTIL)
    occurred = np.concatenate([block.occurred_at for block in blocks(scale)])
    days = np.bincount((occurred - scale.opened_us + 86_400_000_000) // 86_400_000_000)
    first = scale.first_day - dt.timedelta(days=1)
    by_date = {first + dt.timedelta(days=number): count for number, count in enumerate(days.tolist())}

    def mean(start: dt.date, count: int, weekdays: tuple[int, ...] = (0, 1, 2, 3)) -> float:
        span = (start + dt.timedelta(days=n) for n in range(count))
        return float(np.mean([by_date[day] for day in span if day.weekday() in weekdays]))

    assert mean(dt.date(2026, 2, 1), 28) > 3 * mean(dt.date(2025, 2, 1), 28)
    assert mean(dt.date(2026, 2, 1), 28, (5, 6)) < 0.25 * mean(dt.date(2026, 2, 1), 28)
    assert mean(dt.date(2025, 12, 22), 10) < 0.6 * mean(dt.date(2025, 12, 1), 14)


def test_today_is_only_as_full_as_the_hour_says() -> None:
    until = dt.datetime(2026, 3, 10, 9, 0, tzinfo=dt.UTC)  # a Tuesday, ten o'clock in Berlin
    occurred = np.concatenate([block.occurred_at for block in blocks(Scale(until))])
    before = to_us(until) - occurred
    today, monday_morning = (before < 9 * 3.6e9).sum(), ((before > 24 * 3.6e9) & (before < 33 * 3.6e9)).sum()
    assert 0.5 * monday_morning < today < 2 * monday_morning
    assert (before < 1_000_000).sum() < 3  # and nothing piles up at the end


def test_a_few_do_most_and_the_day_has_working_hours() -> None:
    made = blocks(Scale(UNTIL))
    person = np.concatenate([block.person for block in made])
    per_person = np.sort(np.bincount(person[person >= 0]))[::-1]
    assert 0.3 < per_person[: len(per_person) // 10].sum() / per_person.sum() < 0.8
    tokens = np.sort(np.concatenate([block.calls.input_tokens for block in made]))[::-1]
    assert tokens[: len(tokens) // 100].sum() > 0.1 * tokens.sum()
    hour = np.bincount(np.concatenate([block.occurred_at for block in made]) // 3_600_000_000 % 24, minlength=24)
    assert hour[8:16].sum() > 4 * hour[18:24].sum()  # Berlin's working hours in UTC, before New York's end


def test_an_incident_shows_as_a_bad_day() -> None:
    scale = Scale(UNTIL)
    made = blocks(scale)
    failed = np.concatenate([block.calls.status for block in made]) == Status.ERROR
    day = (np.concatenate([block.occurred_at for block in made]) - scale.opened_us) // 86_400_000_000
    share = np.bincount(day, failed, minlength=scale.days) / np.bincount(day, minlength=scale.days).clip(1)
    busy = np.bincount(day, minlength=scale.days) > 50
    assert share[busy].max() > 4 * calls.ERROR_SHARE > 2 * np.median(share[busy])


# --- Into the rollups ---------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_rollups_hold_what_the_events_hold() -> None:
    run()
    sums: Any = {name: Sum(name) for name in MEASURES}
    expected = UsageEvent.objects.aggregate(**sums)
    assert not PendingEvent.objects.exists()
    for rollup in (DailyTotal, DailyTeam, DailyUsage):
        assert rollup._default_manager.aggregate(**sums) == expected, rollup
    assert DailyUser.objects.aggregate(**sums) == UsageEvent.objects.exclude(user_id=0).aggregate(**sums)


@pytest.mark.django_db
def test_an_interrupted_demo_leaves_nothing_behind() -> None:
    def interrupt(_stored: int, folded: int) -> None:
        if folded:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load.load(SMALL, Mark(), interrupt)
    assert not any(model._default_manager.exists() for model in (User, Team, UsageEvent, DailyTotal, ApiKey))


# --- Keys ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_keys_of_every_kind_are_present_and_their_counts_are_those_of_the_events() -> None:
    run()
    days = DayRange((UNTIL - dt.timedelta(days=29)).date(), UNTIL.date() + dt.timedelta(days=1))
    states: dict[State, list[str]] = {}
    for key in metrics.every(UNTIL.date(), UTC):
        states.setdefault(key.state, []).append(key.name)
        counted = metrics.by_day(key.id, days, UTC)
        source = {"LiteLLM gateway": "litellm", "Chat and assistants": "panta-os", "Research notebooks": "otlp"}
        start, end = days.bounds(UTC)
        events = UsageEvent.objects.filter(source=source.get(key.name, "none"), received_at__gte=start)
        assert sum(day.accepted for day in counted) == events.filter(received_at__lt=end).count()
        kept = sum(day.rejected for day in counted if day.day > UNTIL.date() - dt.timedelta(days=7))
        assert len(metrics.rejected(key.id, 1000)) >= kept
    assert {state: len(names) for state, names in states.items()} == {
        State.LIVE: 3,
        State.ASKS_ONLY: 2,
        State.WAITING: 1,
        State.REVOKED: 1,
    }
    assert RejectedEvent.objects.exists()
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_a_demo_beside_others_brings_no_keys() -> None:
    run(mark=Mark("demo2"))
    assert not ApiKey.objects.exists()


# --- The command --------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_command_prints_sign_ins_that_work() -> None:
    printed = command()
    assert "40 people, 3 teams, 8 assistants, 4 workflows, 2 months, 500 events" in printed
    administrator, member = re.findall(r"Sign in as (\w+): (\S+)  (\S+)", printed)
    for (_, email, password), role in ((administrator, Role.ADMINISTRATOR), (member, Role.USER)):
        person = User.objects.get(email=email)
        assert person.role == role
        assert person.is_active
        assert person.check_password(password)
    assert [administrator[1], member[1]] == ["admin@panta.example", "member@panta.example"]
    unusable = User.objects.exclude(email__in=[administrator[1], member[1]])
    assert not any(person.has_usable_password() for person in unusable)


@pytest.mark.django_db
def test_the_sign_ins_are_shown_again_until_somebody_changes_them() -> None:
    greeting = command().partition("\n")[2]
    assert command("--if-empty") == greeting
    assert UsageEvent.objects.count() == 500
    administrator = User.objects.get(email="admin@panta.example")
    administrator.set_password("of my own choosing")
    administrator.save()
    assert "admin@panta.example" not in command("--if-empty")


def test_passwords_differ_between_installations(settings: Any) -> None:
    here = sign_in.password_of("admin@panta.example")
    settings.SECRET_KEY = "another-installation-" + "y" * 32
    assert sign_in.password_of("admin@panta.example") != here


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Team, Assistant, Workflow])
def test_a_database_that_is_not_empty_is_left_alone(model: Any) -> None:
    model.objects.create(key="ours", name="Ours")
    with pytest.raises(CommandError, match=f"not empty: it holds {model.__name__.lower()}s"):
        command()
    assert command("--if-empty") == ""
    assert User.objects.count() + UsageEvent.objects.count() == 0


@pytest.mark.django_db
def test_with_add_a_demo_stands_beside_what_is_there_once_per_seed() -> None:
    User.objects.create_person("admin@panta.example", "Real administrator", "a password of theirs")
    assert "admin@demo7.panta.example" in command("--add", "--seed=7")
    assert (User.objects.count(), UsageEvent.objects.count()) == (41, 500)
    with pytest.raises(CommandError, match="A demo of seed 7 was added before"):
        command("--add", "--seed=7")
    command("--add", "--seed=8")
    assert (User.objects.count(), UsageEvent.objects.count()) == (81, 1_000)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--people=3"], "people must be at least 24"),
        (["--seed=-1"], "seed must not be negative"),
        (["--events=many"], "invalid"),
        (["--until=yesterday"], "invalid"),
        (["--until=2026-03-15T10:30:01Z"], "lies in the future"),
        (["--until=2000-03-31"], "usage would begin on 2000-01-28, before 2000-02-01"),
        (["--add", "--if-empty"], "not allowed with"),
    ],
)
def test_bad_options_are_explained(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        command(*arguments)
    assert not User.objects.exists()

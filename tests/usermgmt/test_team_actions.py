"""What administrators do to teams: who is in, what is primary, what the log says, and that no past number moves."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction

from analytics import report
from analytics.periods import DayRange
from tests import cast
from tests.analytics import workspace
from tests.analytics.parallel import Threads
from tests.cast import NOW
from usermgmt import team_actions
from usermgmt.models import Action, AuditEntry, Membership, Status, Team, User
from usermgmt.refusals import Refused

MARCH = DayRange(dt.date(2026, 3, 1), dt.date(2026, 3, 16))


@pytest.fixture
def ada(db: None) -> User:
    return cast.create_administrator()


@pytest.fixture
def team(ada: User) -> Team:
    return team_actions.create_team(ada, "Sales", "Sells", "#3b82f6")


def person(name: str, **fields: Any) -> User:
    return User.objects.create_person(f"{name}@example.com", name.title(), **fields)


def membership(*, of: User) -> list[tuple[str, bool]]:
    return list(of.memberships.order_by("team__name").values_list("team__name", "is_primary"))


def told() -> list[tuple[str, str, dict[str, object], dict[str, object]]]:
    """The log without the making of the team."""
    entries = AuditEntry.objects.exclude(action=Action.TEAM_CREATED).order_by("pk")
    return [(entry.action, entry.target_name, entry.before, entry.after) for entry in entries]


# --- Teams --------------------------------------------------------------------------------------------------------


def test_a_new_team_is_found_by_usage_that_names_it(ada: User, team: Team, frozen_now: object) -> None:
    workspace.fold(workspace.event(0, user_id="ann", team="Sales", tokens=15))
    shown = report.load(MARCH, NOW, report.read_state())
    assert [(row.id, row.tokens) for row in shown.teams] == [(team.pk, 15)]
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.action, entry.team_id) == (ada.pk, Action.TEAM_CREATED, team.pk)
    assert entry.after == {"name": "Sales", "description": "Sells", "color": "#3b82f6"}


@pytest.mark.parametrize("name", ["Sales", "SALES", "sales"])
def test_one_name_is_one_team(ada: User, team: Team, name: str) -> None:
    team_actions.archive_team(ada, team.pk, NOW)
    other = team_actions.create_team(ada, "Legal", "", "")
    before = AuditEntry.objects.count()
    acts: list[Callable[[], object]] = [
        lambda: team_actions.create_team(ada, name, "", ""),
        lambda: team_actions.edit_team(ada, other.pk, name, "", ""),
    ]
    for act in acts:
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "team_exists"
    assert AuditEntry.objects.count() == before
    assert Team.objects.count() == 2


def test_a_name_that_usage_gives_to_a_renamed_team_is_refused_with_the_reason(ada: User, team: Team) -> None:
    team_actions.edit_team(ada, team.pk, "Growth", "", "")
    with pytest.raises(Refused) as refused:
        team_actions.create_team(ada, "Sales", "", "")
    assert refused.value.code == "team_was_renamed"


def test_an_edit_keeps_the_key_and_tells_only_what_changed(ada: User, team: Team) -> None:
    team_actions.edit_team(ada, team.pk, "sales", "Sells", "#ef4444")
    team.refresh_from_db()
    assert (team.key, team.name, team.color) == ("Sales", "sales", "#ef4444")
    told_of = {"name": "sales", "color": "#ef4444"}
    assert told() == [(Action.TEAM_EDITED, "sales", {"name": "Sales", "color": "#3b82f6"}, told_of)]


def test_an_edit_that_changes_nothing_tells_nothing(ada: User, team: Team) -> None:
    team_actions.edit_team(ada, team.pk, team.name, team.description, team.color)
    assert told() == []


def test_archiving_and_back_is_told_once_each(ada: User, team: Team) -> None:
    for _twice in range(2):
        team_actions.archive_team(ada, team.pk, NOW)
    assert Team.objects.get().archived_at == NOW
    for _twice in range(2):
        team_actions.unarchive_team(ada, team.pk)
    assert Team.objects.get().archived_at is None
    assert [action for action, *_rest in told()] == [Action.TEAM_ARCHIVED, Action.TEAM_UNARCHIVED]


@pytest.mark.usefixtures("frozen_now")
def test_archiving_renaming_and_leaving_change_no_past_number(ada: User) -> None:
    """In March: 1,000,060 tokens in Legal, 15 in Sales, 30 without a team. Only the team's name may differ after."""
    workspace.fill()
    legal, sales = Team.objects.get(name="Legal"), Team.objects.get(name="Sales")
    everybody = list(User.objects.values_list("pk", flat=True))
    team_actions.add_members(ada, sales.pk, everybody)
    before = report.load(MARCH, NOW, report.read_state())
    assert {row.id: row.tokens for row in before.teams} == {legal.pk: 1_000_060, sales.pk: 15, 0: 30}
    team_actions.archive_team(ada, legal.pk, NOW)
    team_actions.archive_team(ada, sales.pk, NOW)
    team_actions.remove_members(ada, sales.pk, everybody)
    after = report.load(MARCH, NOW, report.read_state())
    assert after.totals == before.totals
    assert after.days == before.days
    assert [(row.id, row.name, row.requests, row.tokens) for row in after.teams] == [
        (row.id, row.name, row.requests, row.tokens) for row in before.teams
    ]
    team_actions.edit_team(ada, legal.pk, "Counsel", "", "")
    renamed = report.load(MARCH, NOW, report.read_state())
    assert [(row.id, row.tokens) for row in renamed.teams] == [(row.id, row.tokens) for row in before.teams]
    workspace.fold(workspace.event(0, user_id="ann", team="Legal", tokens=3))
    assert Team.objects.count() == 2  # usage still finds the archived, renamed team by its key


# --- Members ------------------------------------------------------------------------------------------------------


def test_a_first_team_becomes_primary_and_a_second_does_not(ada: User, team: Team) -> None:
    other = team_actions.create_team(ada, "Legal", "", "")
    max_, eva = person("max"), person("eva")
    assert team_actions.add_members(ada, other.pk, [max_.pk]) == 1
    assert team_actions.add_members(ada, team.pk, [max_.pk, eva.pk]) == 2
    assert membership(of=max_) == [("Legal", True), ("Sales", False)]
    assert membership(of=eva) == [("Sales", True)]
    assert told()[-2:] == [(Action.TEAMS_CHANGED, name, {}, {"team": "Sales"}) for name in ("Max", "Eva")]


def test_who_is_in_already_is_not_added_again(ada: User, team: Team) -> None:
    max_ = person("max")
    assert team_actions.add_members(ada, team.pk, [max_.pk, max_.pk]) == 1
    assert team_actions.add_members(ada, team.pk, [max_.pk]) == 0
    assert len(told()) == 1


def test_removed_people_are_left_out(ada: User, team: Team) -> None:
    gone = person("gone", status=Status.DELETED)
    assert team_actions.add_members(ada, team.pk, [gone.pk]) == 0
    assert not Membership.objects.exists()


@pytest.mark.parametrize("act", [team_actions.add_members, team_actions.remove_members])
def test_an_id_that_is_nobodys_stops_all_of_it(ada: User, team: Team, act: Callable[..., int]) -> None:
    inside, outside = person("inside"), person("outside")
    Membership.objects.create(user=inside, team=team)
    with pytest.raises(User.DoesNotExist):
        act(ada, team.pk, [inside.pk, outside.pk, 987654321])
    assert list(team.members.all()) == [inside]
    assert told() == []


def test_an_archived_team_takes_nobody(ada: User, team: Team) -> None:
    team_actions.archive_team(ada, team.pk, NOW)
    with pytest.raises(Refused) as refused:
        team_actions.add_members(ada, team.pk, [person("max").pk])
    assert refused.value.code == "team_archived"


def test_who_leaves_their_primary_team_keeps_one(ada: User, team: Team) -> None:
    other = team_actions.create_team(ada, "Legal", "", "")
    max_, eva = person("max"), person("eva")
    team_actions.add_members(ada, team.pk, [max_.pk, eva.pk])
    team_actions.add_members(ada, other.pk, [max_.pk])
    assert team_actions.remove_members(ada, team.pk, [max_.pk, eva.pk, ada.pk]) == 2
    assert membership(of=max_) == [("Legal", True)]
    assert membership(of=eva) == []
    assert told()[-2:] == [(Action.TEAMS_CHANGED, name, {"team": "Sales"}, {}) for name in ("Max", "Eva")]


def test_a_change_of_teams_is_seen_by_who_is_editing_the_person(ada: User, team: Team) -> None:
    max_ = person("max")
    before = max_.updated_at
    team_actions.add_members(ada, team.pk, [max_.pk])
    max_.refresh_from_db()
    assert max_.updated_at > before


def test_a_deleted_team_is_no_team(ada: User, team: Team) -> None:
    Team.objects.update(deleted_at=NOW)
    acts: list[Callable[[], object]] = [
        lambda: team_actions.edit_team(ada, team.pk, "x", "", ""),
        lambda: team_actions.archive_team(ada, team.pk, NOW),
        lambda: team_actions.unarchive_team(ada, team.pk),
        lambda: team_actions.add_members(ada, team.pk, [ada.pk]),
        lambda: team_actions.remove_members(ada, team.pk, [ada.pk]),
    ]
    for act in acts:
        with pytest.raises(Team.DoesNotExist):
            act()
    assert told() == []


# --- At the same time -----------------------------------------------------------------------------------------------


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Runs these in threads that start together; the code of each refusal, "" for each success."""
    ready, codes = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        try:
            ready.wait()
            act()
            codes.append("")
        except Refused as refused:
            codes.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(codes)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_one_name_at_once_the_second_is_refused() -> None:
    ada = cast.create_administrator()
    for number in range(10):
        names = (f"Team {number}", f"TEAM {number}")
        codes = at_once(*(lambda name=name: team_actions.create_team(ada, name, "", "") for name in names))
        assert codes == ["", "team_exists"]
    assert Team.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_two_who_add_the_same_person_at_once_make_one_member_with_one_primary_team() -> None:
    ada, max_ = cast.create_administrator(), person("max")
    ours, theirs = (team_actions.create_team(ada, name, "", "") for name in ("Ours", "Theirs"))
    for _again in range(10):
        to = (ours, ours, theirs)
        codes = at_once(*(lambda team=team: team_actions.add_members(ada, team.pk, [max_.pk]) for team in to))
        assert codes == ["", "", ""]
        assert sorted(primary for _name, primary in membership(of=max_)) == [False, True]
        Membership.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_while_a_team_is_changed_who_edits_a_person_may_put_them_in(transactional_db: None) -> None:
    """Else two administrators deadlock: one holds the team and wants the person, the other the person and the team."""
    ada = cast.create_administrator()
    team = team_actions.create_team(ada, "Sales", "Sells", "#3b82f6")
    max_ = person("max")

    def join() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        Membership.objects.create(user=max_, team=team)

    with transaction.atomic(), Threads(1) as threads:
        team_actions._locked(team.pk)
        threads.run(join).result()
    assert membership(of=max_) == [("Sales", False)]

"""Everything that changes teams. Past usage keeps the team it arrived with, whatever happens here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, connection, transaction

from usermgmt import audit
from usermgmt.models import Action, Membership, Status, Team, User
from usermgmt.refusals import Refused

_NAMES = 7_310_005


def create_team(actor: User, name: str, description: str, color: str) -> Team:
    """A new team; usage that names it by this name will find it. Refused: team_exists, team_was_renamed."""
    with transaction.atomic():
        _refuse_taken(name)
        try:
            with transaction.atomic():
                team = Team.objects.create(key=name, name=name, description=description, color=color)
        except IntegrityError:  # usage under this name belongs to a team that was given another one since
            raise Refused.of("team_was_renamed") from None
        audit.record(actor, Action.TEAM_CREATED, team=team, after=_values(team))
    return team


@transaction.atomic
def edit_team(actor: User, team_id: int, name: str, description: str, color: str) -> Team:
    """Writes name, description and colour; usage goes on naming the team by its key. Refused: team_exists."""
    _refuse_taken(name, but=team_id)
    team = _locked(team_id)
    before = _values(team)
    if before == {"name": name, "description": description, "color": color}:
        return team
    team.name, team.description, team.color = name, description, color
    team.save()
    audit.record(actor, Action.TEAM_EDITED, team=team, before=before, after=_values(team))
    return team


@transaction.atomic
def archive_team(actor: User, team_id: int, now: dt.datetime) -> Team:
    """Takes the team out of every choice; members and past numbers stay."""
    team = _locked(team_id)
    if team.archived_at is None:
        team.archived_at = now
        team.save()
        audit.record(actor, Action.TEAM_ARCHIVED, team=team)
    return team


@transaction.atomic
def unarchive_team(actor: User, team_id: int) -> Team:
    """Brings an archived team back."""
    team = _locked(team_id)
    if team.archived_at is not None:
        team.archived_at = None
        team.save()
        audit.record(actor, Action.TEAM_UNARCHIVED, team=team)
    return team


@transaction.atomic
def add_members(actor: User, team_id: int, ids: Collection[int]) -> int:
    """Puts people into the team; for those without a primary team it becomes theirs. Returns how many are new.

    Removed people are left out. Refused: team_archived. Raises User.DoesNotExist for an id that is nobody's.
    """
    team = _locked(team_id)
    if team.archived_at is not None:
        raise Refused.of("team_archived")
    people = [user for user in _locked_people(ids) if user.status != Status.DELETED]
    # Read after the lock: whoever changed these people's teams meanwhile has finished.
    theirs = Membership.objects.filter(user__in=people)
    inside = set(theirs.filter(team=team).values_list("user_id", flat=True))
    with_primary = set(theirs.filter(is_primary=True).values_list("user_id", flat=True))
    added = [user for user in people if user.pk not in inside]
    Membership.objects.bulk_create(
        [Membership(user=user, team=team, is_primary=user.pk not in with_primary) for user in added]
    )
    _record_members(actor, team, added, joined=True)
    return len(added)


@transaction.atomic
def remove_members(actor: User, team_id: int, ids: Collection[int]) -> int:
    """Takes people out of the team; one of their other teams becomes primary. Returns how many were in it still.

    Raises User.DoesNotExist for an id that is nobody's.
    """
    team = _locked(team_id)
    people = _locked_people(ids)
    gone = Membership.objects.filter(team=team, user__in=people)
    inside = set(gone.values_list("user_id", flat=True))
    removed = [user for user in people if user.pk in inside]
    gone.delete()
    for user in removed:
        rest = list(user.memberships.order_by("-is_primary", "pk"))
        if rest and not rest[0].is_primary:
            rest[0].is_primary = True
            rest[0].save()
    _record_members(actor, team, removed, joined=False)
    return len(removed)


def _record_members(actor: User, team: Team, people: list[User], *, joined: bool) -> None:
    for user in people:
        user.save(update_fields=["updated_at"])
        named, nothing = {"team": team.name}, dict[str, str]()
        before, after = (nothing, named) if joined else (named, nothing)
        audit.record(actor, Action.TEAMS_CHANGED, person=user, team=team, before=before, after=after)


def _locked(team_id: int) -> Team:
    """Raises Team.DoesNotExist, also for deleted teams.

    Not for its key: who edits a person holds that one, and then refers to the team.
    """
    return Team.objects.select_for_update(no_key=True).get(pk=team_id, deleted_at__isnull=True)


def _locked_people(ids: Collection[int]) -> list[User]:
    people = list(User.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=["self"]))
    if len(people) != len(set(ids)):
        raise User.DoesNotExist
    return people


def _refuse_taken(name: str, but: int | None = None) -> None:
    """Archived teams have their names still. The lock: of two that take one name at once, the second is refused."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NAMES])
    if Team.objects.filter(name__iexact=name, deleted_at__isnull=True).exclude(pk=but or 0).exists():
        raise Refused.of("team_exists")


def _values(team: Team) -> dict[str, Any]:
    return {"name": team.name, "description": team.description, "color": team.color}

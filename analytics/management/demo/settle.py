"""The world of the demo, stored through the models. In: a `World`. Out: the database's `Ids` by position."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX

from analytics.management.demo import vocabulary
from analytics.management.demo.encode import Ids
from analytics.management.demo.scale import Scale, from_us
from analytics.management.demo.seasons import Ints
from analytics.management.demo.world import (
    ADMINISTRATOR,
    MEMBER,
    Fate,
    Items,
    People,
    Story,
    Teams,
    World,
)
from analytics.models import Assistant, Workflow
from usermgmt.actions import RESTORABLE
from usermgmt.audit import ERASED_NAME
from usermgmt.invitations import LIFETIME
from usermgmt.models import Invitation, Membership, Role, Status, Team, User

DOMAIN = "panta.example"
SIGN_IN_NAMES = {ADMINISTRATOR: "admin", MEMBER: "member"}
ItemT = TypeVar("ItemT", Assistant, Workflow)
_BATCH = 5_000
_STATUS = {
    Story.PENDING: Status.PENDING,
    Story.DEACTIVATED: Status.DEACTIVATED,
    Story.DELETED: Status.DELETED,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What sets one demo workspace apart from others in the same database; empty for the only one."""

    text: str = ""

    @property
    def domain(self) -> str:
        return f"{self.text}.{DOMAIN}" if self.text else DOMAIN

    def key(self, kind: str, number: int) -> str:
        return "-".join(filter(None, (self.text, kind, f"{number + 1:04}")))


def settle(scale: Scale, world: World, mark: Mark) -> Ids:
    """Stores everybody and everything, and returns their ids."""
    teams = _store_teams(world.teams, mark)
    people = _store_people(scale, world.people, mark)
    _store_memberships(scale, world.people, people, teams)
    _store_invitations(world.people, people, mark)
    return Ids(
        people=_with_none(people),
        teams=_with_none(teams),
        assistants=_with_none(_store_items(Assistant, world.assistants, mark)),
        workflows=_with_none(_store_items(Workflow, world.workflows, mark)),
    )


def _with_none(ids: list[int]) -> Ints:
    return np.array([*ids, 0])


def _instant(instant_us: int) -> dt.datetime | None:
    return from_us(instant_us) if instant_us else None


def _store_teams(teams: Teams, mark: Mark) -> list[int]:
    rows = [
        Team(
            key=mark.key("team", number),
            name=name,
            description=vocabulary.TEAM_DESCRIPTIONS.get(name, ""),
            color=vocabulary.TEAM_COLORS[number % len(vocabulary.TEAM_COLORS)],
            deleted_at=_instant(deleted_at),
        )
        for number, (name, deleted_at) in enumerate(zip(teams.names, teams.deleted_at.tolist(), strict=True))
    ]
    return [team.pk for team in Team.objects.bulk_create(rows, _BATCH)]


def _store_items(model: type[ItemT], items: Items, mark: Mark) -> list[int]:
    kind = model._meta.model_name or ""
    columns = zip(items.names, items.fate.tolist(), items.created_at.tolist(), items.gone_at.tolist(), strict=True)
    rows = [
        model(
            key=mark.key(kind, number),
            name=name,
            created_at=from_us(created_at),
            archived_at=_instant(gone_at) if fate == Fate.ARCHIVED else None,
            deleted_at=_instant(gone_at) if fate == Fate.DELETED else None,
        )
        for number, (name, fate, created_at, gone_at) in enumerate(columns)
    ]
    return [item.pk for item in model._default_manager.bulk_create(rows, _BATCH)]


def _store_people(scale: Scale, people: People, mark: Mark) -> list[int]:
    ids: list[int] = []
    for start in range(0, scale.people, _BATCH):
        rows = [_person(scale, people, number, mark) for number in range(start, min(start + _BATCH, scale.people))]
        ids += [person.pk for person in User.objects.bulk_create(rows)]
    return ids


def _person(scale: Scale, people: People, number: int, mark: Mark) -> User:
    story, erased = Story(people.story[number]), _is_erased(scale, people, number)
    created_at = from_us(int(people.created_at[number]))
    joined_at, left_at = _instant(int(people.joined_at[number])), _instant(int(people.left_at[number]))
    return User(
        email=None if erased or story is Story.JOIN_UNKNOWN else _email(people, number, mark),
        external_id=None if erased or story is Story.PENDING else mark.key("user", number),
        name=ERASED_NAME if erased else _known_name(people, number),
        role=Role.ADMINISTRATOR if people.administrators[number] else Role.USER,
        status=_STATUS.get(story, Status.ACTIVE),
        password=UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(20),
        created_at=created_at,
        invited_at=None if erased or story is Story.JOIN_UNKNOWN else created_at,
        accepted_at=joined_at,
        joined_at=joined_at,
        deactivated_at=left_at if story is Story.DEACTIVATED else None,
        deleted_at=left_at if story is Story.DELETED else None,
        erased_at=left_at + RESTORABLE if erased and left_at else None,
    )


def _is_erased(scale: Scale, people: People, number: int) -> bool:
    restorable_since = scale.until_us - RESTORABLE // dt.timedelta(microseconds=1)
    return bool(people.story[number] == Story.DELETED and people.left_at[number] < restorable_since)


def _email(people: People, number: int, mark: Mark) -> str:
    return f"{SIGN_IN_NAMES.get(number, people.mail_names[number])}@{mark.domain}"


def _known_name(people: People, number: int) -> str:
    """Of those whom only events mention every other one has no name."""
    return "" if people.story[number] == Story.JOIN_UNKNOWN and number % 2 else people.names[number]


def _store_memberships(scale: Scale, people: People, ids: list[int], team_ids: list[int]) -> None:
    columns = zip(ids, people.next_team.tolist(), people.second_team.tolist(), strict=True)
    rows = [
        Membership(user_id=user_id, team_id=team_ids[team], is_primary=is_primary)
        for number, (user_id, primary, second) in enumerate(columns)
        for team, is_primary in ((primary, True), (second, False))
        if team >= 0 and not _is_erased(scale, people, number)
    ]
    Membership.objects.bulk_create(rows, _BATCH)


def _store_invitations(people: People, ids: list[int], mark: Mark) -> None:
    """Those of the pending. No mail goes out and their links open nothing: sending one again makes one that does."""
    rows = [
        Invitation(
            user_id=ids[number],
            email=_email(people, number, mark),
            role=Role.USER,
            nonce=secrets.token_bytes(32),
            token_hash=secrets.token_hex(32),
            invited_by_id=ids[ADMINISTRATOR],
            created_at=from_us(int(people.created_at[number])),
            expires_at=from_us(int(people.created_at[number])) + LIFETIME,
        )
        for number in np.flatnonzero(people.story == Story.PENDING).tolist()
    ]
    Invitation.objects.bulk_create(rows, _BATCH)

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
    RESTORABLE_US,
    Fate,
    Items,
    People,
    Story,
    Teams,
    World,
)
from analytics.models import Assistant, Workflow
from usermgmt.models import Membership, Role, Status, Team, User

DOMAIN = "panta.example"
SIGN_IN_NAMES = {ADMINISTRATOR: "admin", MEMBER: "member"}
ERASED_NAME = "Erased person"
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
    _store_memberships(world.people, people, teams)
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
    story = Story(people.story[number])
    left_at = int(people.left_at[number])
    erased = story is Story.DELETED and left_at < scale.until_us - RESTORABLE_US
    mail_name = SIGN_IN_NAMES.get(number, people.mail_names[number])
    return User(
        email=None if erased or story is Story.JOIN_UNKNOWN else f"{mail_name}@{mark.domain}",
        external_id=None if erased or story is Story.PENDING else mark.key("user", number),
        name=ERASED_NAME if erased else _known_name(people, number),
        role=Role.ADMINISTRATOR if people.administrators[number] else Role.USER,
        status=_STATUS.get(story, Status.ACTIVE),
        password=UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(20),
        created_at=from_us(int(people.created_at[number])),
        joined_at=_instant(int(people.joined_at[number])),
        deleted_at=_instant(left_at) if story is Story.DELETED else None,
    )


def _known_name(people: People, number: int) -> str:
    """Of those whom only events mention every other one has no name."""
    return "" if people.story[number] == Story.JOIN_UNKNOWN and number % 2 else people.names[number]


def _store_memberships(people: People, ids: list[int], team_ids: list[int]) -> None:
    columns = zip(ids, people.next_team.tolist(), people.second_team.tolist(), strict=True)
    rows = [
        Membership(user_id=user_id, team_id=team_ids[team], is_primary=is_primary)
        for user_id, primary, second in columns
        for team, is_primary in ((primary, True), (second, False))
        if team >= 0
    ]
    Membership.objects.bulk_create(rows, _BATCH)

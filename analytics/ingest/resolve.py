"""Names to ids: people, teams, assistants and workflows that events mention are found, or created.

Reference data is written in a transaction of its own, before the facts. Two ingests that meet the same new name at
once both end with the same id: the unique key decides, the loser reads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from psycopg.errors import DeadlockDetected, UniqueViolation

from analytics.ingest.draft import EventDraft, event_key
from analytics.ingest.store import EventRow
from analytics.models.catalog import Assistant, CatalogItem, Workflow
from analytics.models.statements import Statement
from usermgmt.models import Team, User, normalize_email

Pair = tuple[str | None, str | None]  # as an event says it: an id and a name, or an id and an email

ATTEMPTS = 5


@dataclass(slots=True)
class _Person:
    """A person as the batch knows them; `id` 0 while not stored yet."""

    id: int
    external_id: str | None
    email: str | None
    name: str = ""
    team_id: int = 0
    learned: tuple[str, ...] = ()  # which of the two this batch taught


def resolve(drafts: Sequence[EventDraft], source: str, received_at: dt.datetime) -> list[EventRow]:
    """The rows of these drafts, in order. The team is fixed here: the event's own, else the person's primary team.

    One query where everybody and everything is known already.
    """
    if not drafts:
        return []
    asked = _Asked.by(drafts)
    known = _look_up(asked)
    people = _people(asked, known)
    teams = _ids(Team, asked.teams, known)
    assistants = _ids(Assistant, asked.assistants, known)
    workflows = _ids(Workflow, asked.workflows, known)
    rows = []
    for d in drafts:
        person = people[d.user_id, d.email]
        rows.append(
            EventRow(
                person.id,
                d.occurred_at,
                event_key(source, d.event_id),
                d.received_at or received_at,
                source,
                teams[d.team_id, d.team] or person.team_id,
                d.kind_code,
                assistants[d.assistant_id, d.assistant],
                workflows[d.workflow_id, d.workflow],
                d.model,
                int(d.request),
                d.input_tokens or 0,
                d.cached_tokens,
                d.output_tokens or 0,
                d.reasoning_tokens,
                d.usage_known,
                d.status_code,
                d.latency_ms,
            )
        )
    return rows


# --- What is known already ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """Everybody and everything that a batch names. `people`: names by (user id, email)."""

    people: Mapping[Pair, str]
    emails: Mapping[Pair, str | None]  # the addresses as they are stored
    teams: set[Pair]
    assistants: set[Pair]
    workflows: set[Pair]

    @classmethod
    def by(cls, drafts: Sequence[EventDraft]) -> _Asked:
        people: dict[Pair, str] = {}
        for d in drafts:
            people[d.user_id, d.email] = people.get((d.user_id, d.email)) or d.user_name or ""
        return cls(
            people,
            {pair: normalize_email(pair[1]) if pair[1] else None for pair in people},
            {(d.team_id, d.team) for d in drafts},
            {(d.assistant_id, d.assistant) for d in drafts},
            {(d.workflow_id, d.workflow) for d in drafts},
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database holds of it: ids of items by table and key, and people."""

    people: list[_Person]
    items: Mapping[str, dict[str, int]]


def _looking_up(among: str, limit: str) -> Statement[list[tuple[str, int, str | None, str | None, int]]]:
    """By the unique keys of person, team, assistant and workflow. `among`: how a column is one of the texts of {}.
    `limit`: LIMIT 1 looks for the team of one person after the other; without it the memberships may be read at once.

    The texts of a parameter are one JSON array: of a list psycopg would write each by itself.
    """

    def named(column: str, parameter: str) -> str:
        return f"{column} {among.format(f'SELECT json_array_elements_text(%({parameter})s)')}"

    people = f"""
        SELECT 'person', person.id, person.external_id, person.email, coalesce(primary_team.team_id, 0)
        FROM (
            SELECT id, external_id, email FROM person WHERE {named("external_id", "external_ids")}
            UNION SELECT id, external_id, email FROM person WHERE {named("email", "emails")}
        ) person LEFT JOIN LATERAL (
            SELECT membership.team_id FROM membership JOIN team ON team.id = membership.team_id
            WHERE membership.user_id = person.id AND membership.is_primary AND team.deleted_at IS NULL {limit}
        ) primary_team ON true
    """
    items = [
        f"SELECT '{t}', id, key, NULL, 0 FROM {t} WHERE {named('key', t)}" for t in ("team", "assistant", "workflow")
    ]
    return Statement(
        f"""
        SELECT json_agg(json_build_array(what, id, key, email, team_id))::text
        FROM ({" UNION ALL ".join([people, *items])}) known (what, id, key, email, team_id)
        """,
        list[tuple[str, int, str | None, str | None, int]],
    )


# A few are searched for one after the other, each by an index. For many PostgreSQL may read a table whole and must not
# compare every row of it with one text after the other, as it does with an array.
FEW = 20
_A_FEW = _looking_up("= ANY(ARRAY({}))", "LIMIT 1")
_MANY = _looking_up("IN ({})", "")


def _look_up(asked: _Asked) -> _Known:
    """One query: on the way of every event, what an ORM adds to four of them is half the time of a small request."""
    names = {
        "external_ids": [user_id for user_id, _email in asked.people if user_id],
        "emails": [email for email in asked.emails.values() if email],
        "team": _texts(asked.teams),
        "assistant": _texts(asked.assistants),
        "workflow": _texts(asked.workflows),
    }
    known = _Known([], {"team": {}, "assistant": {}, "workflow": {}})
    statement = _A_FEW if max(map(len, names.values())) <= FEW else _MANY
    found = statement.ask({name: msgspec.json.encode(texts) for name, texts in names.items()})
    for what, pk, key, email, team_id in found or ():
        if what == "person":
            known.people.append(_Person(pk, key, email, "", team_id))
        elif key is not None:
            known.items[what][key] = pk
    return known


def _texts(pairs: set[Pair]) -> list[str]:
    return list({text for pair in pairs for text in pair if text})


# --- Teams, assistants, workflows ---------------------------------------------------------------------------------


def _ids(model: type[Team | CatalogItem], pairs: set[Pair], known: _Known) -> dict[Pair, int]:
    """Ids by (id, name) as events say it: found by key, else by the name as key, else created; 0 for nothing."""
    named = {pair: _named(*pair) for pair in pairs}
    ids = known.items[model._meta.db_table]
    missing = {key: name for key, name in sorted(named.values()) if key and key not in ids and name not in ids}
    if missing:
        manager: Any = model._default_manager
        manager.bulk_create([model(key=key, name=name) for key, name in missing.items()], ignore_conflicts=True)
        ids = ids | dict(manager.filter(key__in=missing).values_list("key", "pk"))
    return {pair: ids.get(key) or ids.get(name, 0) for pair, (key, name) in named.items()}


def _named(key: str | None, name: str | None) -> tuple[str, str]:
    """(key, name); the name is the key where the sender has no id. ("", "") is nothing."""
    return (key or name or "", name or key or "")


# --- People -------------------------------------------------------------------------------------------------------


def _people(asked: _Asked, known: _Known) -> Mapping[Pair, _Person]:
    """The person of each (user id, email) that drafts name; `_Person(0)` for events without one."""
    for attempt in range(ATTEMPTS):
        directory = _Directory(known.people if attempt == 0 else _look_up(asked).people)
        people = {pair: directory.find(pair[0], asked.emails[pair], name) for pair, name in asked.people.items()}
        if directory.save():
            return people
    raise OperationalError("people named by this batch kept changing while it was resolved")  # it may go well later


class _Directory:
    """Everybody a batch names, by the platform's id and by email; whom it cannot find it prepares."""

    def __init__(self, known: Sequence[_Person]) -> None:
        self.by_id: dict[str, _Person] = {}
        self.by_email: dict[str, _Person] = {}
        self.prepared: list[_Person] = []
        self.known = known
        for person in known:
            self._register(person)

    def _register(self, person: _Person) -> None:
        if person.external_id:
            self.by_id[person.external_id] = person
        if person.email:
            self.by_email[person.email] = person

    def find(self, external_id: str | None, email: str | None, name: str | None) -> _Person:
        """By the platform's id first, else by email; each teaches the other where it was unknown."""
        person = self.by_id.get(external_id or "") or self.by_email.get(email or "")
        if person is None:
            if not external_id and not email:
                return _Person(0, None, None)
            person = _Person(0, external_id or None, email, name or "")
            self.prepared.append(person)
        else:
            self._learn(person, external_id, email)
        self._register(person)
        return person

    def _learn(self, person: _Person, external_id: str | None, email: str | None) -> None:
        if external_id and not person.external_id:
            person.external_id = external_id
            person.learned += ("external_id",)
        if email and not person.email and email not in self.by_email:
            person.email = email
            person.learned += ("email",)

    def save(self) -> bool:
        """Whether all are stored; False if somebody else stored one of them meanwhile."""
        learned = sorted((person for person in self.known if person.learned), key=lambda person: person.id)
        if not self.prepared and not learned:
            return True
        try:
            with transaction.atomic():
                taught = [self._teach(person) for person in learned]
                self._create()
        except (IntegrityError, OperationalError) as error:
            if isinstance(error.__cause__, DeadlockDetected | UniqueViolation):
                return False
            raise
        return all(taught) and all(person.id for person in self.prepared)

    def _teach(self, person: _Person) -> bool:
        """Whether what is now known of the person could be added: what somebody else taught stays."""
        unknown = {f"{name}__isnull": True for name in person.learned}
        taught = {name: getattr(person, name) for name in person.learned}
        return bool(User.objects.filter(pk=person.id, **unknown).update(**taught, updated_at=Now()))

    def _create(self) -> None:
        """In key order, so that two ingests that meet the same new people wait for each other and do not deadlock."""
        unusable = make_password(None)
        self.prepared.sort(key=lambda p: (p.external_id or "", p.email or ""))
        User.objects.bulk_create(
            [User(external_id=p.external_id, email=p.email, name=p.name, password=unusable) for p in self.prepared],
            ignore_conflicts=True,
        )
        stored = User.objects.filter(
            Q(external_id__in=[p.external_id for p in self.prepared]) | Q(email__in=[p.email for p in self.prepared])
        )
        # One that somebody else stored, knowing less or more of them than we do, is not taken: the next attempt learns.
        ids = {(external_id, email): pk for pk, external_id, email in stored.values_list("id", "external_id", "email")}
        for person in self.prepared:
            person.id = ids.get((person.external_id, person.email), 0)

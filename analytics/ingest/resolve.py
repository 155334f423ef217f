"""Names to ids: people, teams, assistants and workflows that events mention are found, or created.

Reference data is written in a transaction of its own, before the facts. Two ingests that meet the same new name at
once both end with the same id: the unique key decides, the loser reads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from psycopg.errors import DeadlockDetected, UniqueViolation

from analytics.ingest.draft import EventDraft, event_key
from analytics.ingest.store import EventRow
from analytics.models.catalog import Assistant, CatalogItem, Workflow
from usermgmt.models import Membership, Team, User, normalize_email

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
    learned: list[str] = field(default_factory=list)  # which of the two this batch taught


def resolve(drafts: Sequence[EventDraft], source: str, received_at: dt.datetime) -> list[EventRow]:
    """The rows of these drafts, in order. The team is fixed here: the event's own, else the person's primary team."""
    people = _people(drafts)
    teams = _ids(Team, {(d.team_id, d.team) for d in drafts})
    assistants = _ids(Assistant, {(d.assistant_id, d.assistant) for d in drafts})
    workflows = _ids(Workflow, {(d.workflow_id, d.workflow) for d in drafts})
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


# --- Teams, assistants, workflows ---------------------------------------------------------------------------------


def _ids(model: type[Team | CatalogItem], pairs: set[Pair]) -> dict[Pair, int]:
    """Ids by (id, name) as events say it: found by key, else by the name as key, else created; 0 for nothing."""
    named = {pair: _named(*pair) for pair in pairs}
    wanted = {pair for pair in named.values() if pair != ("", "")}
    known = _by_key(model, wanted)
    missing = {key: name for key, name in sorted(wanted) if key not in known and name not in known}
    if missing:
        manager: Any = model._default_manager
        manager.bulk_create([model(key=key, name=name) for key, name in missing.items()], ignore_conflicts=True)
        known = _by_key(model, wanted)
    return {pair: known.get(key) or known.get(name, 0) for pair, (key, name) in named.items()}


def _named(key: str | None, name: str | None) -> tuple[str, str]:
    """(key, name); the name is the key where the sender has no id. ("", "") is nothing."""
    return (key or name or "", name or key or "")


def _by_key(model: type[Team | CatalogItem], wanted: set[tuple[str, str]]) -> dict[str, int]:
    if not wanted:
        return {}
    manager: Any = model._default_manager
    return dict(manager.filter(key__in={text for pair in wanted for text in pair}).values_list("key", "pk"))


# --- People -------------------------------------------------------------------------------------------------------


def _people(drafts: Sequence[EventDraft]) -> Mapping[Pair, _Person]:
    """The person of each (user id, email) that drafts name; `_Person(0)` for events without one."""
    names: dict[Pair, str] = {}
    for d in drafts:
        names[d.user_id, d.email] = names.get((d.user_id, d.email)) or d.user_name or ""
    emails = {pair: normalize_email(pair[1]) if pair[1] else None for pair in names}
    for _attempt in range(ATTEMPTS):
        directory = _Directory({user_id for user_id, _email in names if user_id}, {e for e in emails.values() if e})
        people = {pair: directory.find(pair[0], emails[pair], name) for pair, name in names.items()}
        if directory.save():
            return people
    raise RuntimeError("people named by this batch kept changing while it was resolved")


class _Directory:
    """Everybody a batch names, by the platform's id and by email; whom it cannot find it prepares."""

    def __init__(self, external_ids: set[str], emails: set[str]) -> None:
        self.by_id: dict[str, _Person] = {}
        self.by_email: dict[str, _Person] = {}
        self.prepared: list[_Person] = []
        self.known: list[_Person] = []
        self._load(external_ids, emails)

    def _load(self, external_ids: set[str], emails: set[str]) -> None:
        if not external_ids and not emails:
            return
        rows = User.objects.filter(Q(external_id__in=external_ids) | Q(email__in=emails))
        for pk, external_id, email in rows.values_list("id", "external_id", "email"):
            person = _Person(pk, external_id, email)
            self.known.append(person)
            self._register(person)
        teams = Membership.objects.filter(user__in=[p.id for p in self.known], is_primary=True)
        primary = dict(teams.filter(team__deleted_at__isnull=True).values_list("user_id", "team_id"))
        for person in self.known:
            person.team_id = primary.get(person.id, 0)

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
            person.learned.append("external_id")
        if email and not person.email and email not in self.by_email:
            person.email = email
            person.learned.append("email")

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

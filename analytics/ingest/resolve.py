"""Names to ids: people, teams, assistants and workflows that events mention are found, or created.

Reference data is written in a transaction of its own, before the facts. Two ingests that meet the same new name at
once both end with the same id: the unique key decides, the loser reads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Q

from analytics.ingest.draft import EventDraft, event_key
from analytics.ingest.store import EventRow
from analytics.models.catalog import Assistant, CatalogItem, Workflow
from usermgmt.models import Membership, Team, User, normalize_email

Named = tuple[str, str]  # key, name


@dataclass(slots=True)
class _Person:
    """A person as the batch knows them; `id` 0 while not stored yet."""

    id: int
    external_id: str | None
    email: str | None
    name: str = ""
    team_id: int = 0
    changed: bool = False


def resolve(drafts: Sequence[EventDraft], source: str, received_at: dt.datetime) -> list[EventRow]:
    """The rows of these drafts, in order. The team is fixed here: the event's own, else the person's primary team."""
    people = _people(drafts)
    teams = _ids(Team, (_named(d.team_id, d.team) for d in drafts))
    assistants = _ids(Assistant, (_named(d.assistant_id, d.assistant) for d in drafts))
    workflows = _ids(Workflow, (_named(d.workflow_id, d.workflow) for d in drafts))
    rows = []
    for d, person in zip(drafts, people, strict=True):
        rows.append(
            EventRow(
                person.id,
                d.occurred_at,
                event_key(source, d.event_id),
                d.received_at or received_at,
                source,
                teams[_named(d.team_id, d.team)] or person.team_id,
                d.kind_code,
                assistants[_named(d.assistant_id, d.assistant)],
                workflows[_named(d.workflow_id, d.workflow)],
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


def _named(key: str | None, name: str | None) -> Named:
    """(key, name); the name is the key where the sender has no id. ("", "") is nothing."""
    return (key or name or "", name or key or "")


# --- Teams, assistants, workflows ---------------------------------------------------------------------------------


def _ids(model: type[Team] | type[CatalogItem], wanted: Iterable[Named]) -> Mapping[Named, int]:
    """Ids by (key, name): found by key, else by the name as key, else created."""
    pairs = set(wanted) | {("", "")}
    pairs_left = pairs - {("", "")}
    if not pairs_left:
        return {("", ""): 0}
    known = _by_key(model, pairs_left)
    missing = {key: name for key, name in pairs_left if key not in known and name not in known}
    if missing:
        with transaction.atomic():
            model._default_manager.bulk_create(
                [model(key=key, name=name) for key, name in sorted(missing.items())], ignore_conflicts=True
            )
        known = _by_key(model, pairs_left)
    return {(key, name): known.get(key) or known[name] for key, name in pairs_left} | {("", ""): 0}


def _by_key(model: type[Team] | type[CatalogItem], pairs: set[Named]) -> dict[str, int]:
    keys = {text for pair in pairs for text in pair}
    return dict(model._default_manager.filter(key__in=keys).values_list("key", "id"))


# --- People -------------------------------------------------------------------------------------------------------


def _people(drafts: Sequence[EventDraft]) -> list[_Person]:
    """The person of each draft, in order; `_Person(0)` for events without one."""
    emails = [normalize_email(d.email) if d.email else None for d in drafts]
    for _attempt in range(5):
        directory = _Directory({d.user_id for d in drafts if d.user_id}, {e for e in emails if e})
        people = [directory.find(d.user_id, e, d.user_name) for d, e in zip(drafts, emails, strict=True)]
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
            person.external_id, person.changed = external_id, True
        if email and not person.email and email not in self.by_email:
            person.email, person.changed = email, True

    def save(self) -> bool:
        """Whether all are stored; False if somebody else stored one of them meanwhile."""
        learned = [person for person in self.known if person.changed]
        if not self.prepared and not learned:
            return True
        try:
            with transaction.atomic():
                for person in learned:
                    User.objects.filter(pk=person.id).update(external_id=person.external_id, email=person.email)
                self._create()
        except IntegrityError:
            return False
        return all(person.id for person in self.prepared)

    def _create(self) -> None:
        unusable = make_password(None)
        User.objects.bulk_create(
            [User(external_id=p.external_id, email=p.email, name=p.name, password=unusable) for p in self.prepared],
            ignore_conflicts=True,
        )
        stored = User.objects.filter(
            Q(external_id__in=[p.external_id for p in self.prepared]) | Q(email__in=[p.email for p in self.prepared])
        )
        ids = {text: pk for pk, *texts in stored.values_list("id", "external_id", "email") for text in enumerate(texts)}
        for person in self.prepared:
            person.id = ids.get((0, person.external_id)) or ids.get((1, person.email)) or 0

"""Checked rows in, people created and updated out: all rows in one transaction, with a verdict for each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Q

from usermgmt import administrators, audit, invitations, plans
from usermgmt.imports.rows import PersonRow, RejectedRow
from usermgmt.imports.teams import Teams
from usermgmt.models import Action, Role, Status, User
from usermgmt.sessions import end_sessions

CHUNK = 2_000
ROLE = 3
ATTEMPTS = 3

T = TypeVar("T")


@dataclass(slots=True)
class Outcome:
    """What became of the rows. `role_changes`: sentences, because nobody's role should change unseen."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    role_changes: list[str] = field(default_factory=list)
    new_teams: list[str] = field(default_factory=list)


def import_people(
    rows: Sequence[PersonRow],
    now: dt.datetime,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda n: None,
) -> Outcome:
    """Creates and updates the people of `rows`, all in one transaction, and says what became of each row.

    `dry_run` does the same and takes it back. `progress` is told how many rows are done.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                outcome = _Import(rows, now, progress).run()
                plans.forget()
                transaction.set_rollback(dry_run)
        except IntegrityError:  # an event brought one of them at the same moment
            if attempt == ATTEMPTS:
                raise
        else:
            return outcome
    raise AssertionError


@dataclass(slots=True)
class _Change:
    """What one row means for one person; `before` is how they stood, None for somebody new."""

    row: PersonRow
    user: User
    before: tuple[Any, ...] | None

    @property
    def is_new(self) -> bool:
        return self.before is None

    @property
    def role_before(self) -> str:
        return str(self.before[ROLE]) if self.before else Role.USER.value

    @property
    def changes_the_role(self) -> bool:
        """Of somebody who stood before, or to administrator."""
        return self.user.role != self.role_before

    @property
    def takes_the_role_away(self) -> bool:
        return self.user.is_administrator and self.row.role == Role.USER


class _Import:
    def __init__(self, rows: Sequence[PersonRow], now: dt.datetime, progress: Callable[[int], None]) -> None:
        self.rows = rows
        self.now = now
        self.progress = progress
        self.outcome = Outcome()
        self.done = 0
        self.people: dict[int, User] = {}
        self.by_id: dict[str, User] = {}
        self.by_email: dict[str, User] = {}
        self.line_of: dict[int, int] = {}  # id() of a person → the line that named them first

    def run(self) -> Outcome:
        if any(row.role for row in self.rows):
            administrators.hold_lock()
        self._load()
        changes = [change for row in self.rows if (change := self._change(row))]
        teams = Teams(change.row for change in changes)
        changes = self._keep_an_administrator(self._refuse_teams(changes, teams))
        self.outcome.new_teams = teams.create(change.row for change in changes)
        for chunk in _chunks(changes):
            self._write(chunk, teams)
        self._record(changes)
        self.outcome.rejected.sort(key=lambda row: row.line)
        return self.outcome

    def _load(self) -> None:
        for chunk in _chunks(self.rows):
            ids = [row.external_id for row in chunk if row.external_id]
            emails = [row.email for row in chunk if row.email]
            named = User.objects.filter(Q(external_id__in=ids) | Q(email__in=emails))
            for user in named.order_by("pk").select_for_update():
                self._register(self.people.setdefault(user.pk, user))

    def _register(self, user: User) -> None:
        if user.external_id:
            self.by_id[user.external_id] = user
        if user.email:
            self.by_email[user.email] = user

    def _change(self, row: PersonRow) -> _Change | None:
        """The change of a row, or None where it was rejected."""
        by_id, by_email = self.by_id.get(row.external_id or ""), self.by_email.get(row.email or "")
        user = by_id or by_email
        reason = _conflict(row, by_id, by_email) or (self._objection(row, user) if user else None)
        if reason:
            self._reject(row, reason)
            return None
        before = _standing(user) if user else None
        if user is None:
            user = User(password=make_password(None), role=Role.USER)
        self.line_of[id(user)] = row.line
        user.external_id, user.email = row.external_id or user.external_id, row.email or user.email
        self._register(user)
        return _Change(row, user, before)

    def _objection(self, row: PersonRow, user: User) -> str | None:
        if id(user) in self.line_of:
            return f"the same person as in line {self.line_of[id(user)]}"
        if user.status == Status.DELETED:
            return "was removed from the workspace; restore them first"
        if user.status == Status.PENDING and row.joined_at:
            return "has a pending invitation: the join time is set when it is accepted"
        return None

    def _reject(self, row: PersonRow, reason: str) -> None:
        self.outcome.rejected.append(RejectedRow(row.line, reason, row.fields))

    def _keep_an_administrator(self, changes: list[_Change]) -> list[_Change]:
        """Rejects every row that takes the role away, if nobody who can sign in would be left with it."""
        demoted = {change.user.pk for change in changes if change.takes_the_role_away}
        if not demoted or administrators.any_beside(demoted) or any(map(_becomes_administrator, changes)):
            return changes
        for change in changes:
            if change.takes_the_role_away:
                self._reject(change.row, "would leave the workspace without an administrator")
        return [change for change in changes if not change.takes_the_role_away]

    def _refuse_teams(self, changes: list[_Change], teams: Teams) -> list[_Change]:
        accepted = []
        for change in changes:
            reason = next(filter(None, map(teams.objection, change.row.teams or ())), None)
            if reason:
                self._reject(change.row, reason)
            else:
                accepted.append(change)
        return accepted

    def _write(self, changes: Sequence[_Change], teams: Teams) -> None:
        for change in changes:
            _apply(change, self.now)
        new = [change.user for change in changes if change.is_new]
        User.objects.bulk_create(new)
        moved = teams.assign([(change.user, change.row.teams) for change in changes if change.row.teams is not None])
        standing = [change for change in changes if not change.is_new]
        altered = [c.user for c in standing if _standing(c.user) != c.before or c.user.pk in moved]
        User.objects.bulk_update(altered, ["external_id", "email", "name", "role", "joined_at", "updated_at"])
        self.outcome.created += len(new)
        self.outcome.updated += len(altered)
        self.outcome.unchanged += len(standing) - len(altered)
        self.done += len(changes)
        self.progress(self.done)

    def _record(self, changes: Iterable[_Change]) -> None:
        """What the audit log keeps, and what follows from a new role: sign in again, a new link for who was invited."""
        changed = [(change, change.user) for change in changes if change.changes_the_role]
        for change, user in changed:
            self.outcome.role_changes.append(f"line {change.row.line}: {user} becomes {Role(user.role).label}")
            invitations.renew_for_role(user, None, self.now)
            audit.record(
                None, Action.ROLE_CHANGED, person=user, before={"role": change.role_before}, after={"role": user.role}
            )
        end_sessions([user.pk for _change, user in changed])
        counts = {"created": self.outcome.created, "updated": self.outcome.updated}
        if any(counts.values()):
            audit.record(None, Action.IMPORTED, after=counts)


def _apply(change: _Change, now: dt.datetime) -> None:
    row, user = change.row, change.user
    user.name, user.role = row.name or user.name, row.role or user.role
    user.joined_at, user.updated_at = row.joined_at or user.joined_at, now


def _standing(user: User) -> tuple[Any, ...]:
    """What a row can change of a person, `ROLE` being where the role is."""
    return (user.external_id, user.email, user.name, user.role, user.joined_at)


def _conflict(row: PersonRow, by_id: User | None, by_email: User | None) -> str | None:
    """Why the two ways to say who somebody is do not agree."""
    if by_id and by_email and by_id is not by_email:
        return f"user_id {row.external_id} and email {row.email} are two different people"
    if by_email and row.external_id and by_email.external_id not in (None, row.external_id):
        return f"{row.email} is the person with user_id {by_email.external_id}"
    return None


def _becomes_administrator(change: _Change) -> bool:
    user = change.user
    can_sign_in = not change.is_new and user.is_active and (user.accepted_at or user.has_usable_password())
    return change.row.role == Role.ADMINISTRATOR and bool(can_sign_in)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))

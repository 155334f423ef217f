"""Inviting everybody in a file: a verdict for each row first, then, once confirmed, all good rows in one transaction.

In: the stored rows of a `PeopleUpload`. Out: verdicts; after confirming, pending people, invitations and their mails,
as if each had been invited by the form (`actions.invite`), but in a few statements for every two thousand of them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from usermgmt import actions, audit, bulk_file, csv_cells, invitations, plans
from usermgmt.bulk_file import FIELDS, StoredRow
from usermgmt.bulk_teams import NamedTeams
from usermgmt.imports.rows import PersonRow
from usermgmt.models import Action, AuditEntry, Membership, PeopleUpload, Role, Status, Team, User
from usermgmt.refusals import SENTENCES

KEPT_FOR = dt.timedelta(days=1)
CHUNK = 2_000
_UPDATE_CHUNK = 500
T = TypeVar("T")
VERDICTS = {
    "ok": gettext_lazy("will be invited"),
    "invited": gettext_lazy("invited"),
    "left_out": gettext_lazy("left out"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes, or became, of one row. `reason`: why nobody is invited, or nothing."""

    line: int
    said: dict[str, str]
    row: PersonRow | None
    reason: str

    @property
    def is_ok(self) -> bool:
        return not self.reason

    @property
    def title(self) -> str:
        return self.said.get("name", "") or self.said.get("email", "")

    @property
    def subtitle(self) -> str:
        return self.said.get("email", "") if self.said.get("name") else ""

    @property
    def teams(self) -> str:
        return self.said.get("teams", "")

    @property
    def role_label(self) -> str:
        """The role in words; what the file says where it is none."""
        text = self.said.get("role", Role.USER.value)
        return str(Role(text).label) if text in Role.values else text


# --- Before -------------------------------------------------------------------------------------------------------


def store(
    actor: User, filename: str, rows: Sequence[StoredRow], now: dt.datetime, *, create_teams: bool
) -> PeopleUpload:
    """Keeps the rows until they are confirmed, for a day at most. Nobody is invited."""
    name = "".join(letter for letter in filename if letter.isprintable())[:200]
    return PeopleUpload.objects.create(
        created_by=actor, filename=name, rows=list(rows), create_teams=create_teams, created_at=now
    )


def find(actor: User, upload_id: int, now: dt.datetime) -> PeopleUpload:
    """The upload, if this administrator made it. Raises PeopleUpload.DoesNotExist, also when its day is over."""
    return PeopleUpload.objects.get(pk=upload_id, created_by=actor, created_at__gt=now - KEPT_FOR)


def purge(now: dt.datetime) -> int:
    """Forgets the files whose day is over; returns how many."""
    return PeopleUpload.objects.filter(created_at__lte=now - KEPT_FOR).delete()[0]


def verdicts(upload: PeopleUpload) -> list[Verdict]:
    """One for each row, in the order of the file: as things stand now, or once consumed, as they became."""
    if upload.consumed_at is None:
        return _assess(upload.rows, NamedTeams(create=upload.create_teams))
    return [Verdict(row["line"], row["said"], None, upload.left_out.get(str(row["line"]), "")) for row in upload.rows]


def _assess(rows: Sequence[StoredRow], teams: NamedTeams) -> list[Verdict]:
    understood = [bulk_file.understood(row) for row in rows]
    people = _known(row.email for row in understood if row and row.email)
    first_lines: dict[str, int] = {}
    assessed = []
    for stored, row in zip(rows, understood, strict=True):
        reason = stored["wrong"] if row is None else _objection(row, first_lines, people, teams)
        if row and row.email:
            first_lines.setdefault(row.email, row.line)
        assessed.append(Verdict(stored["line"], stored["said"], row, reason))
    return assessed


def _known(emails: Iterable[str]) -> dict[str, User]:
    """The people who have one of these addresses, by address."""
    wanted = sorted(set(emails))
    found = (User.objects.filter(email__in=chunk) for chunk in _chunks(wanted))
    return {user.email: user for users in found for user in users if user.email}


def _objection(row: PersonRow, first_lines: dict[str, int], people: dict[str, User], teams: NamedTeams) -> str:
    """Why nobody is invited by this row, or nothing."""
    email = row.email or ""
    if email in first_lines:
        return _("The same address as in line %(line)s.") % {"line": first_lines[email]}
    if email in people and (code := actions.why_not_invite(people[email])):
        return str(SENTENCES[code])
    return next(filter(None, map(teams.objection, row.teams or ())), "")


# --- Confirming ---------------------------------------------------------------------------------------------------


@transaction.atomic
def confirm(actor: User, upload_id: int, now: dt.datetime) -> PeopleUpload:
    """Invites everybody whose row is good, once: who confirms again is shown what became of it.

    Refused, with nothing written, where somebody changed the teams meanwhile: unknown_team, team_exists,
    team_was_renamed. Raises PeopleUpload.DoesNotExist.
    """
    find(actor, upload_id, now)
    upload = PeopleUpload.objects.select_for_update().get(pk=upload_id)
    if upload.consumed_at is not None:
        return upload
    teams = NamedTeams(create=upload.create_teams)
    assessed = _assess(upload.rows, teams)
    rows = [verdict.row for verdict in assessed if verdict.is_ok and verdict.row]
    named = teams.resolve(actor, (name for row in rows for name in row.teams or ()))
    batch = _Batch(actor, rows, named, now)
    upload.left_out = {str(verdict.line): verdict.reason for verdict in assessed if not verdict.is_ok} | batch.late
    upload.consumed_at = now
    upload.save()
    counts = {"created": batch.created, "updated": batch.updated, "left_out": len(upload.left_out)}
    audit.record(actor, Action.IMPORTED, after=counts)
    plans.forget()
    return upload


class _Batch:
    """Invites these rows. `late`: line → why not, for who came into the workspace since the rows were looked at."""

    def __init__(self, actor: User, rows: Sequence[PersonRow], teams: dict[str, Team], now: dt.datetime) -> None:
        self._teams = teams
        self._now = now
        # Unusable, and by its random part the mark of those who are made here: making one is slow on purpose.
        self._mark = make_password(None)
        self.created = self.updated = 0
        self.late: dict[str, str] = {}
        people = self._locked(rows)
        invited = [(row, user) for row in rows if (user := people[row.email or ""]) and self._may_come(row, user)]
        self._write_known([(row, user) for row, user in invited if user.password != self._mark])
        self._write_teams(invited)
        users = [user for _row, user in invited]
        invitations.issue_all(users, actor, now)
        _record(actor, users)
        self.created = sum(user.password == self._mark for user in users)
        self.updated = len(users) - self.created

    def _locked(self, rows: Sequence[PersonRow]) -> dict[str, User]:
        """The people of these rows by address, made where they are new; in one order, so that nobody deadlocks."""
        ordered = sorted(rows, key=lambda row: row.email or "")
        for chunk in _chunks(ordered):
            User.objects.bulk_create([self._new(row) for row in chunk], ignore_conflicts=True)
        found = User.objects.filter(email__in=[row.email for row in ordered]).order_by("pk").select_for_update()
        return {user.email: user for user in found if user.email}

    def _new(self, row: PersonRow) -> User:
        return User(
            email=row.email,
            name=row.name or "",
            role=row.role or Role.USER,
            status=Status.PENDING,
            password=self._mark,
            invited_at=self._now,
            created_at=self._now,  # without the database's own now, all rows go as a few lists
        )

    def _may_come(self, row: PersonRow, user: User) -> bool:
        code = None if user.password == self._mark else actions.why_not_invite(user)
        if code:
            self.late[str(row.line)] = str(SENTENCES[code])
        return not code

    def _write_known(self, known: Sequence[tuple[PersonRow, User]]) -> None:
        """People known from usage keep their history, and the name and the teams that the row does not give."""
        for row, user in known:
            user.name, user.role = row.name or user.name, row.role or Role.USER
            user.invited_at = user.updated_at = self._now
        users = [user for _row, user in known]
        User.objects.bulk_update(users, ["name", "role", "invited_at", "updated_at"], batch_size=_UPDATE_CHUNK)
        for chunk in _chunks([user.pk for row, user in known if row.teams]):
            Membership.objects.filter(user__in=chunk).delete()

    def _write_teams(self, invited: Sequence[tuple[PersonRow, User]]) -> None:
        """The first team that a row names is the primary one."""
        memberships = []
        for row, user in invited:
            ids = dict.fromkeys(self._teams[name].pk for name in row.teams or ())
            memberships += [Membership(user=user, team_id=pk, is_primary=n == 0) for n, pk in enumerate(ids)]
        Membership.objects.bulk_create(memberships, batch_size=CHUNK)


def _record(actor: User, users: Sequence[User]) -> None:
    """One entry of the audit log for each of them, as for who is invited alone."""
    for chunk in _chunks(users):
        teams: dict[int, list[str]] = defaultdict(list)
        held = Membership.objects.filter(user__in=chunk).order_by("-is_primary", "pk")
        for user_id, name in held.values_list("user_id", "team__name"):
            teams[user_id].append(name)
        AuditEntry.objects.bulk_create(
            [
                audit.entry(
                    actor,
                    Action.INVITED,
                    person=user,
                    after={"name": user.name, "email": user.email, "role": str(user.role), "teams": teams[user.pk]},
                )
                for user in chunk
            ]
        )


# --- The result as a file -----------------------------------------------------------------------------------------


def result_csv(upload: PeopleUpload) -> Iterator[str]:
    """Every row with its verdict, in columns that can be uploaded again once they are corrected."""
    done = upload.consumed_at is not None
    columns = ("line", *FIELDS, "verdict", "reason")
    return csv_cells.pieces(columns, (_result_line(verdict, done=done) for verdict in verdicts(upload)))


def _result_line(verdict: Verdict, *, done: bool) -> tuple[str | int, ...]:
    word = ("invited" if done else "ok") if verdict.is_ok else "left_out"
    cells = [verdict.said.get(field, "") for field in FIELDS]
    return (verdict.line, *cells, str(VERDICTS[word]), verdict.reason)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))

"""Everything that changes people. Each action is one transaction with its audit entry; who may not is `Refused`.

The caller has made sure that `actor` is an administrator; None is the system. Whoever takes the administrator's role
or an administrator away holds one lock while counting, so that of two at once the second sees the first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q

from usermgmt import administrators, audit, invitations
from usermgmt.models import Action, Invitation, Mail, Membership, Role, Status, Team, User, normalize_email
from usermgmt.refusals import Refused
from usermgmt.sessions import end_sessions

RESTORABLE = dt.timedelta(days=30)


# --- Coming in ----------------------------------------------------------------------------------------------------


@transaction.atomic
def invite(
    actor: User | None, email: str, name: str, role: Role, team_ids: Sequence[int], now: dt.datetime
) -> Invitation:
    """Invites this address; the first team is primary. Somebody known from usage alone keeps their history.

    Refused: already_member, already_invited, was_removed, unknown_team.
    """
    user = _found_or_made(normalize_email(email))
    if reason := why_not_invite(user):
        raise Refused.of(reason)
    user.name, user.role, user.invited_at = name or user.name, role, now
    user.save()
    _assign(user, team_ids)
    audit.record(actor, Action.INVITED, person=user, after=_values(user))
    return invitations.issue(user, role, actor, now)


def _found_or_made(email: str) -> User:
    """The person with this address, locked. Of two who invite a new address at once, the second finds the first's."""
    new = User(email=email, status=Status.PENDING, password=make_password(None))
    User.objects.bulk_create([new], ignore_conflicts=True)
    return User.objects.select_for_update().get(email=email)


def why_not_invite(user: User) -> str | None:
    """The code of the refusal, or None for somebody who may be invited."""
    if user.status == Status.DELETED:
        return "was_removed"
    if user.invited_at and not user.accepted_at:
        return "already_invited"
    return "already_member" if user.status == Status.DEACTIVATED or user.has_usable_password() else None


@transaction.atomic
def resend_invitation(actor: User, user_id: int, now: dt.datetime) -> Invitation:
    """A new link by mail; the former ones end. Refused: not_invited, deactivated."""
    user = _locked(user_id)
    _require_open_invitation(user)
    if user.status == Status.DEACTIVATED:
        raise Refused.of("deactivated")
    audit.record(actor, Action.INVITATION_RESENT, person=user)
    return invitations.issue(user, Role(user.role), actor, now)


@transaction.atomic
def revoke_invitation(actor: User, user_id: int, now: dt.datetime) -> None:
    """Ends the invitation, and the role it promised. Who is known by nothing else is forgotten at once; who has used
    the workspace meanwhile, or bears the platform's id, stays as somebody known from usage alone.

    Refused: not_invited.
    """
    user = _locked(user_id)
    _require_open_invitation(user)
    audit.record(actor, Action.INVITATION_REVOKED, person=user)
    invitations.end_open([user], now)
    user.invited_at, user.role = None, Role.USER
    if user.status == Status.PENDING:
        if user.external_id or hasattr(user, "activity"):
            user.status = Status.ACTIVE
        else:
            user.status, user.deleted_at = Status.DELETED, now
            _erase(user, now)
    user.save()


def _require_open_invitation(user: User) -> None:
    if user.invited_at is None or user.accepted_at is not None or user.status == Status.DELETED:
        raise Refused.of("not_invited")


@transaction.atomic
def accept_invitation(secret: str, name: str, password: str, now: dt.datetime) -> User:
    """The person, who may sign in from now on: password set, onboarding completed. Refused: invitation_over."""
    invitation = invitations.find_open(secret, now)
    if invitation is None:
        raise Refused.of("invitation_over")
    user = _locked(invitation.user_id)  # before the invitation, as everybody who ends one does: else a deadlock
    invitations.consume(secret, now)
    user.name, user.status = name or user.name, Status.ACTIVE
    user.accepted_at, user.joined_at = now, user.joined_at or now
    user.set_password(password)
    user.save()
    audit.record(user, Action.INVITATION_ACCEPTED, person=user)
    user.refresh_from_db()  # the database works out whether they are active
    return user


# --- Being there --------------------------------------------------------------------------------------------------


@transaction.atomic
def edit_person(
    actor: User, user_id: int, seen: str, name: str, role: Role, team_ids: Sequence[int], now: dt.datetime
) -> User:
    """Writes name, role and teams (the first is primary). `seen` is `version` as the editor saw it.

    Refused: changed_meanwhile, wrong_status, yourself, last_administrator, erased, unknown_team.
    """
    _hold_lock_as(actor)
    user = _locked(user_id)
    if version(user) != seen:
        raise Refused.of("changed_meanwhile")
    if user.status == Status.DELETED:
        raise Refused.of("wrong_status")
    before = _values(user)
    if role != user.role:
        _change_role(actor, user, role, now)
    user.name = name
    _assign(user, team_ids)
    after = _values(user)
    if before != after:
        user.save()
    if before["role"] != after["role"]:
        end_sessions([user.pk])
    for field, action in _EDITS.items():
        if before[field] != after[field]:
            audit.record(actor, action, person=user, before={field: before[field]}, after={field: after[field]})
    return user


_EDITS = {"name": Action.EDITED, "role": Action.ROLE_CHANGED, "teams": Action.TEAMS_CHANGED}


def version(user: User) -> str:
    """Changes whenever the person's row does; what an edit form carries along."""
    return user.updated_at.isoformat()


@transaction.atomic
def set_role(actor: User, ids: Collection[int], role: Role, now: dt.datetime) -> int:
    """Gives these people the role and signs them out; returns how many had another. All or nothing.

    Refused: not_administrator, yourself, last_administrator.
    """
    _hold_lock_as(actor)
    changed = [user for user in _locked_all(ids) if user.role != role and user.status != Status.DELETED]
    for user in changed:
        before = {"role": user.role}
        _change_role(actor, user, role, now)
        user.save()
        audit.record(actor, Action.ROLE_CHANGED, person=user, before=before, after={"role": role.value})
    end_sessions([user.pk for user in changed])
    return len(changed)


@transaction.atomic
def deactivate(actor: User, ids: Collection[int], now: dt.datetime) -> int:
    """Takes sign-in away at once, also what an open invitation promised; usage and teams stay. Returns how many were
    active. All or nothing. Refused: not_administrator, yourself, last_administrator.
    """
    _hold_lock_as(actor)
    changed = [user for user in _locked_all(ids) if user.status == Status.ACTIVE]
    _keep_administrators(actor, changed)
    for user in changed:
        user.status, user.deactivated_at = Status.DEACTIVATED, now
        user.save()
        audit.record(actor, Action.DEACTIVATED, person=user)
    invitations.end_open(changed, now)
    end_sessions([user.pk for user in changed])
    return len(changed)


@transaction.atomic
def reactivate(actor: User, ids: Collection[int], now: dt.datetime) -> int:
    """Gives sign-in back; who had not accepted an invitation gets a new one. Returns how many were deactivated."""
    changed = [user for user in _locked_all(ids) if user.status == Status.DEACTIVATED]
    for user in changed:
        user.status, user.deactivated_at = Status.ACTIVE, None
        user.save()
        audit.record(actor, Action.REACTIVATED, person=user)
        _invite_again(actor, user, now)
    return len(changed)


@transaction.atomic
def set_primary_team(actor: User, ids: Collection[int], team_id: int) -> int:
    """Makes this the primary team of these people. Returns how many had another. Refused: unknown_team."""
    changed = 0
    for user in _locked_all(ids):
        if user.status == Status.DELETED:
            continue
        before = _values(user)
        others = [pk for pk in _team_ids(user) if pk != team_id]
        _assign(user, [team_id, *others])
        after = _values(user)
        if before != after:
            user.save()
            audit.record(actor, Action.TEAMS_CHANGED, person=user, before=before, after=after)
            changed += 1
    return changed


@transaction.atomic
def end_all_sessions(actor: User, user_id: int) -> None:
    """Signs this person out everywhere."""
    user = _locked(user_id)
    end_sessions([user.pk])
    audit.record(actor, Action.SESSIONS_ENDED, person=user)


# --- Leaving ------------------------------------------------------------------------------------------------------


@transaction.atomic
def remove(actor: User, ids: Collection[int], now: dt.datetime) -> int:
    """Moves these people to “Recently deleted” and ends sign-in and invitations. Returns how many. All or nothing."""
    _hold_lock_as(actor)
    changed = [user for user in _locked_all(ids) if user.status != Status.DELETED]
    _keep_administrators(actor, changed)
    for user in changed:
        audit.record(actor, Action.REMOVED, person=user, before={"status": user.status})
        user.removed_from, user.status, user.deleted_at = user.status, Status.DELETED, now
        user.save()
    invitations.end_open(changed, now)
    end_sessions([user.pk for user in changed])
    return len(changed)


@transaction.atomic
def restore(actor: User, ids: Collection[int], now: dt.datetime) -> int:
    """Brings removed people back as they were; who never accepted an invitation gets a new one. Returns how many."""
    changed = [user for user in _locked_all(ids) if user.status == Status.DELETED]
    for user in changed:
        user.status, user.removed_from, user.deleted_at = user.removed_from or Status.ACTIVE, "", None
        user.save()
        audit.record(actor, Action.RESTORED, person=user, after={"status": user.status})
        _invite_again(actor, user, now)
    return len(changed)


def _invite_again(actor: User, user: User, now: dt.datetime) -> None:
    """A new link for who is back without ever having accepted one; who is deactivated gets it when reactivated."""
    if user.invited_at and not user.accepted_at and user.status != Status.DEACTIVATED:
        invitations.issue(user, Role(user.role), actor, now)


def erase_due(now: dt.datetime) -> int:
    """Replaces the personal data of everybody removed 30 days ago or longer; their usage stays. Returns how many."""
    due = User.objects.filter(status=Status.DELETED, erased_at__isnull=True, deleted_at__lte=now - RESTORABLE)
    ids = list(due.values_list("pk", flat=True))
    for pk in ids:
        with transaction.atomic():
            user = User.objects.select_for_update().get(pk=pk)
            if user.status == Status.DELETED and user.erased_at is None:
                _erase(user, now)
                user.save()
    return len(ids)


def _erase(user: User, now: dt.datetime) -> None:
    audit.record(None, Action.ERASED, person=user)
    audit.forget(user)
    Mail.objects.filter(Q(recipient=user) | Q(invitation__user=user)).delete()
    user.invitations.all().delete()
    user.memberships.all().delete()
    user.email = user.external_id = None
    user.name, user.erased_at, user.invited_at = audit.ERASED_NAME, now, None
    user.role, user.removed_from = Role.USER, ""
    user.set_unusable_password()
    _forget_sign_in(user)
    end_sessions([user.pk])


def _forget_sign_in(user: User) -> None:
    """What sign-in keeps about a person beside their row: addresses, second factors, linked accounts, sessions."""
    for relation in User._meta.related_objects:
        if relation.related_model._meta.app_label in _SIGN_IN_APPS:
            relation.related_model._default_manager.filter(**{relation.field.name: user}).delete()


_SIGN_IN_APPS = ("account", "mfa", "socialaccount", "usersessions")


# --- What several actions share -----------------------------------------------------------------------------------


def _hold_lock_as(actor: User) -> None:
    """Takes the administrators' lock. Refused: not_administrator, if somebody was faster and took the role away."""
    administrators.hold_lock()
    if not User.objects.filter(pk=actor.pk, role=Role.ADMINISTRATOR, status=Status.ACTIVE).exists():
        raise Refused.of("not_administrator")


def _locked(user_id: int) -> User:
    """The person, locked against other writers. Refused: erased. Raises User.DoesNotExist."""
    user = User.objects.select_for_update().get(pk=user_id)
    if user.erased_at is not None:
        raise Refused.of("erased")
    return user


def _locked_all(ids: Iterable[int]) -> list[User]:
    """In order of id, so that two of these cannot deadlock. Unknown and erased people are left out."""
    return list(User.objects.select_for_update().filter(pk__in=list(ids), erased_at__isnull=True).order_by("pk"))


def _change_role(actor: User, user: User, role: Role, now: dt.datetime) -> None:
    """Hold the administrators' lock, and end the person's sessions."""
    if role != Role.ADMINISTRATOR:
        _keep_administrators(actor, [user])
    user.role = role
    invitations.renew_for_role(user, actor, now)


def _keep_administrators(actor: User, losing: Sequence[User]) -> None:
    """Refused: yourself, last_administrator. Hold the administrators' lock."""
    if any(user.pk == actor.pk for user in losing):
        raise Refused.of("yourself")
    if any(user.is_administrator for user in losing) and not administrators.any_beside([user.pk for user in losing]):
        raise Refused.of("last_administrator")


def _assign(user: User, team_ids: Sequence[int]) -> None:
    """Makes these the person's teams, the first of them primary. Refused: unknown_team."""
    wanted = list(dict.fromkeys(team_ids))
    known = Team.objects.filter(pk__in=wanted, deleted_at__isnull=True)
    if known.count() != len(wanted):
        raise Refused.of("unknown_team")
    held = dict(user.memberships.values_list("team_id", "is_primary"))
    if held.keys() == set(wanted) and (not wanted or held[wanted[0]]):
        return
    user.memberships.all().delete()
    Membership.objects.bulk_create(
        [Membership(user=user, team_id=pk, is_primary=place == 0) for place, pk in enumerate(wanted)]
    )


def _team_ids(user: User) -> list[int]:
    return list(user.memberships.order_by("-is_primary", "pk").values_list("team_id", flat=True))


def _values(user: User) -> dict[str, Any]:
    """What the audit log compares."""
    teams = user.memberships.order_by("-is_primary", "pk").values_list("team__name", flat=True)
    return {"name": user.name, "email": user.email, "role": str(user.role), "teams": list(teams)}

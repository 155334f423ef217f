"""What can be done with the people chosen on the list: one step, with what it means and how it is taken.

In: the name of a step in the URL. Out: its words for the page that asks for confirmation, and the action behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django_stubs_ext import StrPromise

from usermgmt import actions
from usermgmt.models import Role, User
from usermgmt.queries import Tab


class Step(StrEnum):
    ROLE = "role"
    TEAM = "team"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    REMOVE = "remove"
    RESTORE = "restore"
    RESEND = "resend"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Words:
    """`title` and `done` count people; `meaning` is one sentence for each thing that will be so afterwards."""

    title: Any
    button: StrPromise
    meaning: tuple[StrPromise, ...]
    done: Any
    is_danger: bool = False
    asks_password: bool = False


Take = Callable[[User, Sequence[int], Mapping[str, Any], dt.datetime], int]

WORDS = {
    Step.ROLE: Words(
        title=ngettext_lazy("Change the role of %(count)s person", "Change the role of %(count)s people", "count"),
        button=_("Change the role"),
        meaning=(
            _("Administrators see and change everything in the Admin Panel; users see their own usage."),
            _("Whose role changes is signed out everywhere and signs in again."),
            _("You will be asked for your password."),
        ),
        done=ngettext_lazy("%(count)s person has a new role.", "%(count)s people have a new role.", "count"),
        asks_password=True,
    ),
    Step.TEAM: Words(
        title=ngettext_lazy(
            "Set the primary team of %(count)s person", "Set the primary team of %(count)s people", "count"
        ),
        button=_("Set the primary team"),
        meaning=(
            _("New usage counts for this team, unless the platform names another one."),
            _("Past numbers stay with the team they were counted for."),
            _("Memberships in other teams stay."),
        ),
        done=ngettext_lazy(
            "%(count)s person has a new primary team.", "%(count)s people have a new primary team.", "count"
        ),
    ),
    Step.DEACTIVATE: Words(
        title=ngettext_lazy("Deactivate %(count)s person", "Deactivate %(count)s people", "count"),
        button=_("Deactivate"),
        meaning=(
            _("They are signed out at once and cannot sign in until they are reactivated."),
            _("Their teams, their usage and their place in “Total users” stay."),
        ),
        done=ngettext_lazy("%(count)s person is deactivated.", "%(count)s people are deactivated.", "count"),
        is_danger=True,
    ),
    Step.REACTIVATE: Words(
        title=ngettext_lazy("Reactivate %(count)s person", "Reactivate %(count)s people", "count"),
        button=_("Reactivate"),
        meaning=(_("They can sign in again with the password they had."),),
        done=ngettext_lazy("%(count)s person can sign in again.", "%(count)s people can sign in again.", "count"),
    ),
    Step.REMOVE: Words(
        title=ngettext_lazy("Remove %(count)s person", "Remove %(count)s people", "count"),
        button=_("Remove"),
        meaning=(
            _("They are signed out at once, cannot sign in any more, and their open invitations end."),
            _("For 30 days they can be restored from “Recently deleted”."),
            _("After that their name, email address and sign-in are erased for good."),
            _("Their usage stays: no number in Analytics changes."),
            _("You will be asked for your password."),
        ),
        done=ngettext_lazy("%(count)s person was removed.", "%(count)s people were removed.", "count"),
        is_danger=True,
        asks_password=True,
    ),
    Step.RESTORE: Words(
        title=ngettext_lazy("Restore %(count)s person", "Restore %(count)s people", "count"),
        button=_("Restore"),
        meaning=(
            _("They are back as they were, with role and teams."),
            _("Who had not accepted an invitation yet gets a new one by mail."),
        ),
        done=ngettext_lazy("%(count)s person was restored.", "%(count)s people were restored.", "count"),
    ),
    Step.RESEND: Words(
        title=ngettext_lazy("Send %(count)s invitation again", "Send %(count)s invitations again", "count"),
        button=_("Send again"),
        meaning=(_("A new link is mailed; the old one stops working."),),
        done=ngettext_lazy(
            "%(count)s invitation is on its way again.", "%(count)s invitations are on their way again.", "count"
        ),
    ),
    Step.REVOKE: Words(
        title=ngettext_lazy("Revoke %(count)s invitation", "Revoke %(count)s invitations", "count"),
        button=_("Revoke"),
        meaning=(
            _("The link in the mail stops working at once."),
            _("Who never used the workspace is forgotten; who did keeps their usage."),
            _("You will be asked for your password."),
        ),
        done=ngettext_lazy("%(count)s invitation was revoked.", "%(count)s invitations were revoked.", "count"),
        is_danger=True,
        asks_password=True,
    ),
}


def asks_password(step: Step, people: Iterable[User]) -> bool:
    """Whether this step is a risky one: it takes away for good, or gives an administrator their way in back."""
    gives_back = step in (Step.REACTIVATE, Step.RESTORE)
    return WORDS[step].asks_password or (gives_back and any(one.role == Role.ADMINISTRATOR for one in people))


def _one_by_one(act: Callable[[User, int, dt.datetime], object]) -> Take:
    """`act` on each of them, all or nothing; in one order, so that two who do the same wait and do not deadlock."""

    def take(actor: User, ids: Sequence[int], _said: Mapping[str, Any], now: dt.datetime) -> int:
        with transaction.atomic():
            for pk in sorted(ids):
                act(actor, pk, now)
        return len(ids)

    return take


TAKES: dict[Step, Take] = {
    Step.ROLE: lambda actor, ids, said, now: actions.set_role(actor, ids, Role(said["role"]), now),
    Step.TEAM: lambda actor, ids, said, _now: actions.set_primary_team(actor, ids, int(said["team"])),
    Step.DEACTIVATE: lambda actor, ids, _said, now: actions.deactivate(actor, ids, now),
    Step.REACTIVATE: lambda actor, ids, _said, now: actions.reactivate(actor, ids, now),
    Step.REMOVE: lambda actor, ids, _said, now: actions.remove(actor, ids, now),
    Step.RESTORE: lambda actor, ids, _said, now: actions.restore(actor, ids, now),
    Step.RESEND: _one_by_one(actions.resend_invitation),
    Step.REVOKE: _one_by_one(actions.revoke_invitation),
}

# What the list offers for chosen rows, by tab.
OFFERED = {
    Tab.ACTIVE: (
        (Step.ROLE, _("Change role")),
        (Step.TEAM, _("Set primary team")),
        (Step.DEACTIVATE, _("Deactivate")),
        (Step.REMOVE, _("Remove")),
    ),
    Tab.PENDING: ((Step.RESEND, _("Send again")), (Step.REVOKE, _("Revoke"))),
    Tab.DELETED: ((Step.RESTORE, _("Restore")),),
}

"""Writing and reading the audit log. Entries are written in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from usermgmt.models import Action, AuditEntry, Team, User, normalize_email

SEARCHED = {"search", "actor", "target"}  # fields of an export's entry in which somebody may be named
ERASED_NAME = "Erased person"  # stored so, whatever language is spoken; the database lets nothing else through


def record(
    actor: User | None,
    action: Action,
    *,
    person: User | None = None,
    team: Team | None = None,
    target: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Writes one entry; `actor` None is the system. Of `before` and `after` only what differs is kept.

    `target` names what it happened to where that is neither a person nor a team, or something of theirs.
    """
    entry(actor, action, person=person, team=team, target=target, before=before, after=after).save()


def entry(
    actor: User | None,
    action: Action,
    *,
    person: User | None = None,
    team: Team | None = None,
    target: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """The entry that `record` writes, for those who write many at once."""
    before, after = dict(before or {}), dict(after or {})
    changed = [field for field in before.keys() | after.keys() if before.get(field) != after.get(field)]
    return AuditEntry(
        actor_id=actor.pk if actor else None,
        actor_name=str(actor) if actor else "",
        action=action,
        person_id=person.pk if person else None,
        team_id=team.pk if team else None,
        target_name=target or str(person or team or ""),
        before={field: before[field] for field in changed if field in before},
        after={field: after[field] for field in changed if field in after},
    )


def forget(person: User) -> None:
    """Replaces the person's name and address in the log, also in what was searched for by them; part of erasing."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL panta.erasing = 'on'")
        AuditEntry.objects.filter(actor_id=person.pk).update(actor_name=ERASED_NAME)
        for old in AuditEntry.objects.filter(person_id=person.pk):
            old.target_name = ERASED_NAME
            old.before, old.after = (_without(values, {"name", "email"}) for values in (old.before, old.after))
            old.save(update_fields=["target_name", "before", "after"])
        _forget_searches(person)
        cursor.execute("SET LOCAL panta.erasing = 'off'")


def _forget_searches(person: User) -> None:
    """Where one word of the name, of the address before its @ or of the platform's id was searched for."""
    own = _words(f"{person.name} {(person.email or '').partition('@')[0]} {person.external_id or ''}")
    for old in AuditEntry.objects.filter(action=Action.EXPORTED, after__has_any_keys=list(SEARCHED)):
        telling = {field for field in SEARCHED & old.after.keys() if own & _words(old.after[field])}
        if telling:
            old.after = _without(old.after, telling)
            old.save(update_fields=["after"])


def _without(values: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {field: ERASED_NAME if field in fields else value for field, value in values.items()}


def _words(text: str) -> set[str]:
    return set("".join(letter if letter.isalnum() else " " for letter in normalize_email(text)).split())


def shown_name(name: object) -> str:
    """A stored name, or who bears it, as a reader sees it: who was erased is called so in the reader's language."""
    text = str(name)
    return _("Erased person") if text == ERASED_NAME else text

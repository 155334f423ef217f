"""Entries of the audit log in words: what was done, to what it happened, and what changed, field by field.

In: entries, which keep plain values in one language. Out: text in the reader's. Apps above register their own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from usermgmt import audit
from usermgmt.downloads import Export
from usermgmt.models import Action, AuditEntry, Role, Status
from usermgmt.people_forms import ACTIVITY_LABELS, TAB_LABELS
from usermgmt.team_forms import TeamColor

_FIELDS: dict[str, Promise] = {
    "name": gettext_lazy("Name"),
    "email": gettext_lazy("Email"),
    "role": gettext_lazy("Role"),
    "status": pgettext_lazy("of a person", "Status"),
    "teams": gettext_lazy("Teams"),
    "team": gettext_lazy("Team"),
    "second_step": gettext_lazy("Two-step sign-in"),
    "description": gettext_lazy("Description"),
    "color": gettext_lazy("Colour"),
    "created": pgettext_lazy("people in an import", "Created"),
    "updated": pgettext_lazy("people in an import", "Changed"),
    "left_out": pgettext_lazy("rows of an import", "Left out"),
    "export": gettext_lazy("Export"),
    "from": gettext_lazy("From"),
    "until": gettext_lazy("Until"),
    "tab": pgettext_lazy("of people", "List"),
    "search": gettext_lazy("Search"),
    "activity": gettext_lazy("Activity"),
    "joined_from": gettext_lazy("Joined from"),
    "joined_to": gettext_lazy("Joined to"),
    "action": gettext_lazy("Action"),
    "actor": gettext_lazy("By whom"),
    "target": gettext_lazy("On whom or what"),
}
_CHOICES: dict[str, dict[str, Any]] = {
    "role": dict(Role.choices),
    "status": dict(Status.choices),
    "color": dict(TeamColor.choices),
    "export": dict(Export.choices),
    "tab": {tab.value: label for tab, label in TAB_LABELS.items()},
    "activity": dict(ACTIVITY_LABELS),
    "action": dict(Action.choices),
    "second_step": {"on": gettext_lazy("On"), "off": gettext_lazy("Off")},
}


_TITLES: dict[str, Callable[[str], str]] = {}


def register(
    fields: Mapping[str, Promise], choices: Mapping[str, Mapping[Any, Any]], titles: Mapping[str, Callable[[str], str]]
) -> None:
    """The words for what another app writes; once, when the apps are loaded. `titles`: by the first part of an action,
    how what it happened to is called in the reader's language; the log keeps one language.
    """
    _FIELDS.update(fields)
    _CHOICES.update({field: dict(words) for field, words in choices.items()})
    _TITLES.update(titles)


@dataclass(frozen=True, slots=True)
class Change:
    """One field, before and after as a reader says it; None where the entry says nothing about that side."""

    label: str
    before: str | None
    after: str | None


def changes(entry: AuditEntry) -> list[Change]:
    """What the entry says changed, field by field, in the order in which a person is described."""
    fields = [*_FIELDS, *sorted((entry.before.keys() | entry.after.keys()) - _FIELDS.keys())]
    return [
        Change(str(_FIELDS.get(field, field)), _said(entry.before, field), _said(entry.after, field))
        for field in fields
        if field in entry.before or field in entry.after
    ]


def _said(values: dict[str, Any], field: str) -> str | None:
    if field not in values:
        return None
    value = values[field]
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _("none")
    if isinstance(value, int):
        return str(number_format(value, force_grouping=True))
    if value in ("", None):
        return _("none")
    return audit.shown_name(str(_CHOICES.get(field, {}).get(value, value)))


def target_label(entry: AuditEntry) -> str:
    """What it happened to, as the reader's language says it; "" where that is nothing."""
    title = _TITLES.get(entry.action.partition(".")[0], audit.shown_name)
    return title(audit.shown_name(entry.target_name))


def action_label(action: str) -> str:
    """The action in words; one that a later version wrote, as it stands."""
    return str(Action(action).label) if action in Action.values else action

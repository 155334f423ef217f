"""The forms of the User management page: what may be said there, and nothing else.

The filter is read from the URL: what cannot be understood is left out of the list and said on the page.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from usermgmt.models import Role, Team
from usermgmt.people_list import FIRST_SORTS, SORTS, ListState
from usermgmt.queries import NO_TEAM, Activity, Sort, Tab

EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2100, 1, 1)

ACTIVITY_LABELS = (
    (Activity.ACTIVE.value, _("Active in the last 30 days")),
    (Activity.INACTIVE.value, _("Inactive for 30 days")),
    (Activity.NEVER_STARTED.value, _("Never started")),
)


class _Day(forms.DateField):
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "min": EARLIEST, "max": LATEST})
    default_validators = [MinValueValidator(EARLIEST), MaxValueValidator(LATEST)]


class PeopleFilterForm(forms.Form):
    """The parameters of the list's URL."""

    tab = forms.ChoiceField(choices=[(tab.value, "") for tab in Tab], required=False, widget=forms.HiddenInput)
    sort = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Search name or email"), "autocomplete": "off"}
        ),
    )
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Any role")), *Role.choices], required=False)
    team = forms.ChoiceField(label=_("Team"), required=False)
    activity = forms.ChoiceField(
        label=_("Activity"), choices=[("", _("Any activity")), *ACTIVITY_LABELS], required=False
    )
    joined_from = _Day(label=_("Joined from"), required=False)
    joined_to = _Day(label=_("Joined to"), required=False)
    page = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, asked: Mapping[str, Any], teams: Sequence[Team]) -> None:
        super().__init__(asked, auto_id="people-%s")
        archived = _("(archived)")
        self.fields["team"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            ("", _("Any team")),
            ("none", _("No team")),
            *((str(team.pk), f"{team.name} {archived}" if team.archived_at else team.name) for team in teams),
        ]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        first, last = said.get("joined_from"), said.get("joined_to")
        if first and last and last < first:
            self.add_error("joined_to", _("The last day is before the first one. Swap them."))
            said["joined_from"] = None
        return said

    def state(self) -> ListState:
        """What is asked for; parts that are wrong are as if nothing was said about them."""
        self.is_valid()
        said = self.cleaned_data
        tab = Tab(said.get("tab") or Tab.ACTIVE)
        sort, descending = _order(said.get("sort") or "", tab)
        state = ListState(
            tab=tab,
            search=said.get("q") or "",
            role=said.get("role") or "",
            team_id=_team_id(said.get("team") or ""),
            sort=sort,
            descending=descending,
            page=max(1, min(said.get("page") or 1, 10**6)),
        )
        if tab is not Tab.ACTIVE:
            return state
        return replace(
            state,
            activity=Activity(said["activity"]) if said.get("activity") else None,
            joined_from=said.get("joined_from"),
            joined_to=said.get("joined_to"),
        )

    @property
    def problems(self) -> list[str]:
        """One sentence for each part that could not be understood."""
        return [
            f"{self.fields[name].label or name}: {error}" for name, errors in self.errors.items() for error in errors
        ]


def _team_id(text: str) -> int | None:
    if text == "none":
        return NO_TEAM
    return int(text) if text else None


def _order(text: str, tab: Tab) -> tuple[Sort, bool]:
    """The order of `name` or `-name`; of anything else, the tab's first."""
    name = text.removeprefix("-")
    if name not in {sort.value for sort in SORTS[tab]}:
        return FIRST_SORTS[tab]
    return Sort(name), text.startswith("-")

"""The forms of the User management page: what may be said there, and nothing else.

The filter is read from the URL: what cannot be understood is left out of the list and said on the page.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from usermgmt.models import Role, Team, User, normalize_email
from usermgmt.people_list import FIRST_SORTS, SORTS, ListState
from usermgmt.queries import NO_TEAM, Activity, Sort, Tab

EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2100, 1, 1)

TAB_LABELS = {
    Tab.ACTIVE: _("Active users"),
    Tab.PENDING: _("Pending invitations"),
    Tab.DELETED: _("Recently deleted"),
}
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
        self.team_choices = [
            ("", _("Any team")),
            ("none", _("No team")),
            *((str(team.pk), f"{team.name} {archived}" if team.archived_at else team.name) for team in teams),
        ]
        self.fields["team"].choices = self.team_choices  # type: ignore[attr-defined]  # a ChoiceField

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


# --- One person ---------------------------------------------------------------------------------------------------


class _Name(forms.CharField):
    default_validators = [
        RegexValidator(
            "[\x00-\x1f\x7f-\x9f]", _("There is a character in it that cannot be shown."), inverse_match=True
        )
    ]

    def __init__(self, **options: Any) -> None:
        super().__init__(label=_("Name"), max_length=200, **options)


class _Email(forms.EmailField):
    def to_python(self, value: Any) -> str:
        """In the one spelling, before anything is checked."""
        return normalize_email(super().to_python(value) or "")


class _PersonForm(forms.Form):
    """Name, role and teams: all that an administrator may say about somebody."""

    name = _Name(widget=forms.TextInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.USER.value, widget=forms.RadioSelect)
    primary_team = forms.ChoiceField(
        label=_("Primary team"),
        required=False,
        help_text=_("Usage counts for this team unless the platform names another one."),
    )
    teams = forms.MultipleChoiceField(label=_("Other teams"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, team_choices: Sequence[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(team.pk), team.name) for team in team_choices]
        self.fields["primary_team"].choices = [("", _("No team")), *choices]  # type: ignore[attr-defined]
        self.fields["teams"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("teams") and not said.get("primary_team") and "primary_team" not in self.errors:
            self.add_error("primary_team", _("Choose which of the teams is the primary one."))
        return said

    @property
    def team_ids(self) -> list[int]:
        """The primary team first."""
        chosen = [self.cleaned_data["primary_team"], *self.cleaned_data["teams"]]
        return list(dict.fromkeys(int(pk) for pk in chosen if pk))

    @property
    def chosen_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class InviteForm(_PersonForm):
    email = _Email(label=_("Email"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    field_order = ["email", "name", "role", "primary_team", "teams"]


class EditForm(_PersonForm):
    """`version` is the person as the editor saw them. One's own role is shown, not changed."""

    version = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].disabled = own


class AcceptForm(forms.Form):
    """What an invited person says about themselves."""

    name = _Name(widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
    )
    password2 = forms.CharField(
        label=_("Password, again"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, said: QueryDict | None, person: User) -> None:
        super().__init__(said, initial={"name": person.name})
        self._person = person

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        first, second = said.get("password1"), said.get("password2")
        if first and second and first != second:
            self.add_error("password2", _("This is not the same password."))
        elif first:
            self._check(first, said.get("name") or "")
        return said

    def _check(self, password: str, name: str) -> None:
        try:
            password_validation.validate_password(password, User(email=self._person.email, name=name))
        except forms.ValidationError as error:
            self.add_error("password1", error)


# --- Several people -----------------------------------------------------------------------------------------------


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("New role"), choices=Role.choices, widget=forms.RadioSelect)


class PrimaryTeamForm(forms.Form):
    team = forms.ChoiceField(label=_("New primary team"))

    def __init__(self, *args: Any, team_choices: Sequence[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose a team")),
            *((str(team.pk), team.name) for team in team_choices),
        ]

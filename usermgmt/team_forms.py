"""The forms of the Teams tab. Each names its fields: nothing else can be posted into a team."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from usermgmt.models import Team

_HEX = re.compile("#[0-9a-fA-F]{6}")


class TeamColor(models.TextChoices):
    """What a team may be painted with: told apart on light and on dark paper."""

    BLUE = "#3b82f6", _("Blue")
    CYAN = "#06b6d4", _("Cyan")
    GREEN = "#10b981", _("Green")
    LIME = "#84cc16", _("Lime")
    AMBER = "#f59e0b", _("Amber")
    RED = "#ef4444", _("Red")
    PINK = "#ec4899", _("Pink")
    VIOLET = "#8b5cf6", _("Violet")


class TeamForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    description = forms.CharField(
        label=_("Description"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    color = forms.ChoiceField(
        label=_("Colour"), choices=[("", _("None")), *TeamColor.choices], required=False, widget=forms.RadioSelect
    )

    def __init__(self, said: Mapping[str, Any] | None, team: Team | None = None) -> None:
        now = {"name": team.name, "description": team.description, "color": team.color} if team else {}
        super().__init__(said, initial={"color": TeamColor.BLUE.value, **now}, auto_id="team-%s")
        if team and _HEX.fullmatch(team.color) and team.color not in TeamColor.values:
            color: Any = self.fields["color"]
            color.choices = [*color.choices, (team.color, _("As now"))]

    def clean_name(self) -> str:
        return _one_line(self.cleaned_data["name"])

    def clean_description(self) -> str:
        return _one_line(" ".join(self.cleaned_data["description"].split()))


def _one_line(text: str) -> str:
    """Raises ValidationError for characters that nobody sees."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise ValidationError(_("This text contains characters that cannot be shown."))
    return text


class MembersForm(forms.Form):
    """The people that a button is about: at most as many as one page shows."""

    person = forms.TypedMultipleChoiceField(coerce=int)

    def __init__(self, said: Any, most: int) -> None:
        super().__init__(said)
        ids = said.getlist("person")[:most]
        self.fields["person"].choices = [(each, each) for each in ids if _is_id(each)]  # type: ignore[attr-defined]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19

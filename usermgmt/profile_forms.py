"""The forms of the own profile. Each names its fields: nothing else can be posted into a person."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from usermgmt.models import Theme


def _languages() -> list[tuple[str, str]]:
    """The languages of the product, each in its own name."""
    return [(code, str(get_language_info(code)["name_local"])) for code, _name in settings.LANGUAGES]


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(label=_("Theme"), choices=Theme.choices)


class LanguageForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=_languages)


class ProfileForm(forms.Form):
    """`language` is asked for only where there is a choice."""

    name = forms.CharField(
        label=_("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name", "spellcheck": "false"})
    )
    language = forms.ChoiceField(label=_("Language"), required=False)
    theme = forms.ChoiceField(label=_("Theme"), choices=Theme.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(settings.LANGUAGES) > 1:
            self.fields["language"] = forms.ChoiceField(
                label=_("Language"), required=False, choices=[("", _("As the browser asks")), *_languages()]
            )
        else:
            del self.fields["language"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if any(unicodedata.category(letter) == "Cc" for letter in name):
            raise ValidationError(_("A name is one line of plain text."))
        return name

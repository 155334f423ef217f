"""The forms of the Integrations tab. Each names its fields: nothing else can be posted into a key."""

from __future__ import annotations

import re
import unicodedata

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundWidget
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from analytics.models.keys import MAX_SOURCE, Scope

_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)

# What each scope means to whoever hands a key out.
EXPLAINED: dict[Scope, StrPromise] = {
    Scope.INGEST: _("Sends events, LiteLLM batches and OpenTelemetry traces. Can read nothing."),
    Scope.READ: _("Reads what the Analytics tab shows, people's names and addresses included."),
    Scope.LIMITS: _("Asks whether a person or a team may go on, before a model is called."),
    Scope.METRICS: _("For Prometheus: how much comes in and how long requests take. No names."),
}


class KeyForm(forms.Form):
    """`attempt` names this filling-in of the form, so that sending it twice makes one key."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_(
            "What will use the key, for example “LiteLLM, production”. One key for each system: then one can be "
            "revoked alone."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.TypedMultipleChoiceField(
        label=_("What it may do"),
        choices=Scope.choices,
        coerce=Scope,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one: a key that may do nothing is of no use.")},
    )
    source = forms.CharField(
        label=_("Source"),
        max_length=MAX_SOURCE,
        required=False,
        help_text=_(
            "Events are told apart by source and id. Left empty, the source is the way by which they come: “api”, "
            "“litellm” or “otlp”. Name one where two systems use the same ids for different events."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    attempt = forms.UUIDField(widget=forms.HiddenInput)

    def clean_name(self) -> str:
        """Raises ValidationError for characters that nobody sees."""
        name = str(self.cleaned_data["name"])
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
            raise ValidationError(_("This text contains characters that cannot be shown."))
        return name

    def clean_source(self) -> str:
        source = str(self.cleaned_data["source"])
        if source and not _SOURCE.fullmatch(source):
            raise ValidationError(
                _("Use letters, digits, dots, hyphens and underscores, beginning with a letter or digit.")
            )
        return source

    @property
    def explained(self) -> list[tuple[BoundWidget, StrPromise]]:
        """The boxes of `scopes`, each with what it means."""
        return [(box, EXPLAINED[Scope(box.data["value"])]) for box in self["scopes"]]

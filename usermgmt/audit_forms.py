"""The filter of the audit log, read from the URL: what cannot be understood is left out and said on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from usermgmt.audit_log import LogState, Place
from usermgmt.models import Action
from usermgmt.people_forms import EARLIEST, LATEST


def _search(label: Any) -> forms.CharField:
    attrs = {"type": "search", "placeholder": label, "autocomplete": "off"}
    return forms.CharField(label=label, required=False, max_length=200, widget=forms.TextInput(attrs=attrs))


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "min": EARLIEST, "max": LATEST})
    return forms.DateField(
        label=label,
        required=False,
        widget=widget,
        input_formats=["%Y-%m-%d"],
        validators=[MinValueValidator(EARLIEST), MaxValueValidator(LATEST)],
    )


class LogFilterForm(forms.Form):
    """The parameters of the log's URL."""

    actor = _search(_("By whom"))
    target = _search(_("On whom or what"))
    action = forms.ChoiceField(label=_("Action"), choices=[("", _("Any action")), *Action.choices], required=False)
    since = _day(_("From"))
    until = _day(_("Until"))

    def __init__(self, asked: Mapping[str, Any]) -> None:
        super().__init__(asked, auto_id="audit-%s")
        self._before, self._after = (Place.of(asked.get(name, "")) for name in ("before", "after"))

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        first, last = said.get("since"), said.get("until")
        if first and last and last < first:
            self.add_error("until", _("The last day is before the first one. Swap them."))
            said["since"] = None
        return said

    def state(self) -> LogState:
        """What is asked for; parts that are wrong are as if nothing was said about them."""
        self.is_valid()
        said = self.cleaned_data
        return LogState(
            action=said.get("action") or "",
            actor=said.get("actor") or "",
            target=said.get("target") or "",
            since=said.get("since"),
            until=said.get("until"),
            before=self._before,
            after=None if self._before else self._after,
        )

    @property
    def problems(self) -> list[str]:
        """One sentence for each part that could not be understood."""
        return [f"{self.fields[name].label}: {error}" for name, errors in self.errors.items() for error in errors]

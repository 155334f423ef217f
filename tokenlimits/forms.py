"""The forms of the Token limits tab. Each names its fields: nothing else can be posted into a limit."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from analytics.templatetags.figures import exact
from tokenlimits.actions import Rules
from tokenlimits.models import DEFAULT_THRESHOLDS, MOST_TOKENS, PERIODS, WHOLE, Enforcement, Scope, TokenLimit
from tokenlimits.periods import Period
from usermgmt.models import Status, Team, User, normalize_email

MOST_THRESHOLDS = 6
LONGEST_OVERRIDE = dt.timedelta(days=366)
# As English and German write them, whatever language is spoken: neither means something else in the other.
_UNITS = {
    "": 1,
    **dict.fromkeys(("k", "tsd"), 10**3),
    **dict.fromkeys(("m", "mio"), 10**6),
    **dict.fromkeys(("b", "mrd"), 10**9),
    **dict.fromkeys(("t", "bio"), 10**12),
}
_AMOUNT = re.compile(r"(\d+)(?:[.,](\d{1,2}))?\s*(?:([kmbt])|(tsd|mio|mrd|bio)\.?)?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:([,.'’ \u00a0\u202f])\d{3})(?:\1\d{3})*", re.ASCII)
_ENFORCEMENTS = (
    (Enforcement.SOFT.value, gettext_lazy("Warn: requests go on, and the platform is told")),
    (Enforcement.HARD.value, gettext_lazy("Block: the platform is told to refuse requests")),
)
# Where a target is typed, by scope.
TARGETS = {Scope.TEAM: "team", Scope.PERSON: "person", Scope.MODEL: "model"}


class TokensField(forms.CharField):
    """A number of tokens as people write it: 2500000, 2,500,000, 2.5 M. Answers with an int."""

    def __init__(self, **said: Any) -> None:
        attributes = {"inputmode": "text", "autocomplete": "off", "spellcheck": "false"}
        super().__init__(max_length=40, widget=forms.TextInput(attrs=attributes), **said)

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        tokens = parse_tokens(text)
        if tokens is None:
            raise ValidationError(_("Write a whole number of tokens, for example 2500000, 2,500,000 or 2.5 M."))
        if tokens < 1:
            raise ValidationError(_("A limit is at least 1 token."))
        if tokens > MOST_TOKENS:
            raise ValidationError(_("A limit is at most 1,000 T tokens (a quadrillion)."))
        return tokens


def parse_tokens(text: str) -> int | None:
    """The number, or None for what is none. Parts of a token are none either."""
    text = text.strip()
    if _GROUPED.fullmatch(text):
        return int(re.sub(r"\D", "", text))
    found = _AMOUNT.fullmatch(text)
    if not found:
        return None
    whole, part, unit = found[1], found[2] or "", _UNITS[(found[3] or found[4] or "").lower()]
    scaled = int(whole + part) * unit
    tokens, rest = divmod(scaled, 10 ** len(part))
    return None if rest else tokens


class ThresholdsField(forms.CharField):
    """Percents: 50, 80, 100. Answers with an ascending tuple, each once; empty for none."""

    def clean(self, value: Any) -> tuple[int, ...]:
        text = super().clean(value)
        parts = [part for part in re.split(r"[\s,;%]+", text) if part]
        if any(not re.fullmatch(r"\d{1,3}", part, re.ASCII) or not 1 <= int(part) <= WHOLE for part in parts):
            raise ValidationError(_("Write percents between 1 and 100, for example 50, 80, 100."))
        thresholds = tuple(sorted({int(part) for part in parts}))
        if len(thresholds) > MOST_THRESHOLDS:
            raise ValidationError(_("At most %(most)s thresholds.") % {"most": MOST_THRESHOLDS})
        return thresholds


class RulesForm(forms.Form):
    """How much, and what happens then: what can be edited."""

    tokens = TokensField(
        label=gettext_lazy("Tokens"),
        help_text=gettext_lazy("Input and output together, as on the Analytics tab. K, M, B and T may follow."),
    )
    enforcement = forms.ChoiceField(
        label=gettext_lazy("When it is reached"), choices=_ENFORCEMENTS, widget=forms.RadioSelect
    )
    thresholds = ThresholdsField(
        label=gettext_lazy("Tell administrators at"),
        required=False,
        max_length=60,
        help_text=gettext_lazy(
            "Percent of the limit. Each is mailed once per period; the platform is told “warn” from the first one on."
        ),
    )
    version = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, said: Mapping[str, Any] | None = None, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(said, initial={**initial} if initial else None, auto_id="limit-%s")

    @property
    def rules(self) -> Rules:
        said = self.cleaned_data
        return Rules(said["tokens"], said["enforcement"], said["thresholds"])


class LimitForm(RulesForm):
    """A new limit: whose tokens, over which period, and the rules."""

    scope = forms.ChoiceField(label=gettext_lazy("Whose tokens"), choices=Scope.choices, widget=forms.RadioSelect)
    team = forms.CharField(label=gettext_lazy("Team"), required=False)
    person = forms.CharField(
        label=gettext_lazy("Person"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("Their email, the platform's id of them, or their whole name."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    model = forms.CharField(
        label=gettext_lazy("Model"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Exactly as usage names it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "known-models"}),
    )
    unused_model = forms.BooleanField(
        label=gettext_lazy("Nobody has used this model yet; limit it all the same"), required=False
    )
    period = forms.ChoiceField(label=pgettext_lazy("of a limit", "Per"), choices=PERIODS, widget=forms.RadioSelect)

    field_order = ["scope", "team", "person", "model", "unused_model", "period", "tokens", "enforcement", "thresholds"]

    def __init__(
        self,
        said: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
        *,
        teams: Sequence[Team],
        models: Sequence[str],
    ) -> None:
        first = {
            "scope": Scope.WORKSPACE.value,
            "period": Period.MONTH.value,
            "enforcement": Enforcement.SOFT.value,
            "thresholds": ", ".join(map(str, DEFAULT_THRESHOLDS)),
        }
        super().__init__(said, {**first, **(initial or {})})
        self._teams = {str(team.pk): team for team in teams}
        self._models = set(models)
        self.fields["team"].widget = forms.Select(
            choices=[("", _("Choose a team")), *((key, team.name) for key, team in self._teams.items())]
        )

    @property
    def asks_for_unused_model(self) -> bool:
        """Whether the page has to offer limiting a model that nobody has used."""
        return "model" in self.errors or bool(self["unused_model"].value())

    def clean(self) -> dict[str, Any]:
        """Each kind of limit needs its target; what stands in the fields of other kinds is left out."""
        said = super().clean() or {}
        targets: dict[str, Any] = {"team": None, "person": None, "model": ""}
        field = TARGETS.get(said.get("scope", ""))
        if field:
            try:
                targets[field] = getattr(self, f"_{field}")(said.get(field) or "")
            except ValidationError as error:
                self.add_error(field, error)
        return {**said, **targets}

    def _team(self, key: str) -> Team:
        if key not in self._teams:
            raise ValidationError(_("Choose a team.") if not key else _("There is no such team any more."))
        return self._teams[key]

    def _person(self, text: str) -> User:
        return find_person(text)

    def _model(self, text: str) -> str:
        if not text:
            raise ValidationError(_("Say which model."))
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
            raise ValidationError(_("This text contains characters that cannot be shown."))
        if text not in self._models and not self.cleaned_data.get("unused_model"):
            raise ValidationError(_("No usage names a model “%(name)s”. Check the spelling.") % {"name": text})
        return text

    @property
    def limit(self) -> TokenLimit:
        """The limit as it is said, not stored."""
        said, rules = self.cleaned_data, self.rules
        return TokenLimit(
            scope=said["scope"],
            team=said["team"],
            person=said["person"],
            model=said["model"],
            period=said["period"],
            tokens=rules.tokens,
            enforcement=rules.enforcement,
            thresholds=list(rules.thresholds),
        )


def find_person(text: str) -> User:
    """The one person in the workspace of that email, id or whole name. Raises ValidationError."""
    text = text.strip()
    if not text:
        raise ValidationError(_("Say who: an email, the platform's id, or a name."))
    if "\x00" in text:
        raise ValidationError(_("This text contains characters that cannot be shown."))
    present = User.objects.exclude(status=Status.DELETED).defer("search")
    exact = Q(email=normalize_email(text)) | Q(external_id=text)
    found = list(present.filter(exact)[:2]) or list(present.filter(display_name__iexact=text)[:2])
    if not found:
        raise ValidationError(_("Nobody here is called “%(name)s”.") % {"name": text})
    if len(found) > 1:
        raise ValidationError(_("More than one person is called “%(name)s”. Say their email.") % {"name": text})
    return found[0]


class OverrideForm(forms.Form):
    """More tokens until a day."""

    tokens = TokensField(label=gettext_lazy("Tokens"))
    ends_on = forms.DateField(
        label=gettext_lazy("Last day"),
        help_text=gettext_lazy("Included. On the day after, the limit is what it was."),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        help_text=gettext_lazy("Kept in the audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, said: Mapping[str, Any] | None, *, allowed: int, today: dt.date) -> None:
        super().__init__(said, auto_id="override-%s")
        self._allowed, self._today = allowed, today
        self.fields["tokens"].help_text = _("Instead of %(usual)s, until that day.") % {"usual": exact(allowed)}
        self.fields["ends_on"].widget.attrs |= {"min": today.isoformat(), "max": (today + LONGEST_OVERRIDE).isoformat()}

    def clean_tokens(self) -> int:
        tokens: int = self.cleaned_data["tokens"]
        if tokens <= self._allowed:
            raise ValidationError(_("Raise it to more than the limit allows now."))
        return tokens

    def clean_ends_on(self) -> dt.date:
        day: dt.date = self.cleaned_data["ends_on"]
        if day < self._today:
            raise ValidationError(_("The last day has passed already."))
        if day > self._today + LONGEST_OVERRIDE:
            raise ValidationError(_("A limit can be raised for a year at most. Edit the limit instead."))
        return day

    def clean_reason(self) -> str:
        reason = " ".join(self.cleaned_data["reason"].split())
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in reason):
            raise ValidationError(_("This text contains characters that cannot be shown."))
        return reason

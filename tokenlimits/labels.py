"""What a limit is called, in the reader's language: whose tokens, how many, over which period.

And what the audit log calls it and its fields.
"""

from __future__ import annotations

import re

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from analytics.periods import DayRange
from tokenlimits.models import PERIODS, Enforcement, Scope, TokenLimit
from tokenlimits.periods import Period
from usermgmt import audit_words
from usermgmt.models import Status

_KEPT = re.compile("(.*), per (day|week|month)", re.DOTALL)


def target(limit: TokenLimit) -> str:
    """Whose tokens it limits, by name; of what is gone, with "(deleted)"."""
    match Scope(limit.scope):
        case Scope.WORKSPACE:
            return _("Workspace")
        case Scope.EVERYBODY:
            return _("Every person")
        case Scope.TEAM:
            assert limit.team is not None
            return limit.team.name + _mark(gone=limit.team.deleted_at is not None)
        case Scope.PERSON:
            assert limit.person is not None
            return str(limit.person) + _mark(gone=limit.person.status == Status.DELETED)
        case Scope.MODEL:
            return limit.model


def _mark(*, gone: bool) -> str:
    return " " + _("(deleted)") if gone else ""


def per_period(period: str) -> str:
    """per day, per week, per month."""
    return {Period.DAY: _("per day"), Period.WEEK: _("per week"), Period.MONTH: _("per month")}[Period(period)]


def tick(days: DayRange, period: Period) -> str:
    """The period as a phone's axis has room for it: Mar; of seven days Sun; of weeks their Monday, 9 over Mar."""
    pattern = {
        Period.DAY: pgettext("date format: weekday", "D"),
        Period.WEEK: pgettext("date format: day, month", "j M"),
        Period.MONTH: pgettext("date format: month", "M"),
    }[period]
    return date_format(days.start, pattern).replace(" ", "\n")


def title(limit: TokenLimit) -> str:
    """Marketing, per month."""
    return _("%(target)s, %(period)s") % {"target": target(limit), "period": per_period(limit.period)}


def from_log(kept: str) -> str:
    """A title as the audit log keeps it, in the code's language, said in the reader's; what is none stays as it is."""
    found = _KEPT.fullmatch(kept)
    if found is None:
        return kept
    whose = {"Workspace": _("Workspace"), "Every person": _("Every person")}.get(found[1], found[1])
    return _("%(target)s, %(period)s") % {"target": whose, "period": per_period(found[2])}


def register() -> None:
    """Gives the audit log its words for limits."""
    fields = {
        "tokens": gettext_lazy("Tokens"),
        "period": pgettext_lazy("of a limit", "Per"),
        "enforcement": gettext_lazy("When it is reached"),
        "thresholds": gettext_lazy("Tell administrators at"),
        "ends_on": gettext_lazy("Last day"),
        "reason": gettext_lazy("Reason"),
    }
    choices = {"period": dict(PERIODS), "enforcement": dict(Enforcement.choices)}
    audit_words.register(fields, choices, titles={"limit": from_log, "override": from_log})

"""What teams, assistants and workflows are called on the page and in the export, and what is wrong with a range, in the
reader's language.

In: a `Named` of the report. Out: its name, with "(deleted)" or "(archived)", or the word for "none". And what the
audit log calls the fields of a key.
"""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.metrics.figures import Named
from analytics.periods import Problem
from usermgmt import audit_words

SHOWN_LETTERS = 40  # of a value that cannot be read; the rest of it explains no more


class Noun(StrEnum):
    TEAM = "team"
    ASSISTANT = "assistant"
    WORKFLOW = "workflow"


def label(item: Named, noun: Noun) -> str:
    """The whole name of `item`; of id 0, what having none is called."""
    return none_label(noun) if item.id == 0 else item.name + mark(item)


def none_label(noun: Noun) -> str:
    """What usage without a team, or with an item that nobody named, is listed under."""
    match noun:
        case Noun.TEAM:
            return _("No team")
        case Noun.ASSISTANT:
            return _("Unnamed assistant")
        case Noun.WORKFLOW:
            return _("Unnamed workflow")


def mark(item: Named) -> str:
    """ " (deleted)", " (archived)" or nothing: past usage keeps the last name of what is gone."""
    if item.deleted:
        return " " + _("(deleted)")
    return " " + _("(archived)") if item.archived else ""


def abbreviate(name: str, length: int, ending: str = "") -> str:
    """`name` cut with an ellipsis so that it fits into `length` together with `ending`, which stays whole."""
    room = max(length - len(ending), 1)
    return (name if len(name) <= room else name[: room - 1].rstrip() + "…") + ending


def range_problem(problem: Problem) -> str:
    """What is wrong with a range and what to do about it. An unknown code raises KeyError."""
    value = problem.value if len(problem.value) <= SHOWN_LETTERS else problem.value[: SHOWN_LETTERS - 1] + "…"
    sentences = {
        "unknown_preset": _("There is no range called “%(value)s”."),
        "missing_date": _("A date range needs both a first and a last day."),
        "bad_date": _("“%(value)s” is not a day of the calendar. Write it as YYYY-MM-DD, for example 2026-10-24."),
        "reversed": _("The last day is before the first one. Swap them."),
        "future": _("%(value)s has not come yet. Choose a first day that is not after today."),
        "too_early": _("%(value)s is too early: there is nothing before 1 January 2000."),
        "too_long": _("A range can be ten years long at most. Choose a later first day."),
    }
    return sentences[problem.code] % {"value": value}


def register() -> None:
    """Gives the audit log its words for keys."""
    fields = {
        "key": gettext_lazy("Key"),
        "scopes": gettext_lazy("What it may do"),
        "source": gettext_lazy("Source"),
    }
    audit_words.register(fields, choices={}, titles={})

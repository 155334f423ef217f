"""What teams, assistants and workflows are called on the page and in the export, in the reader's language.

In: a `Named` of the report. Out: its name, with "(deleted)" or "(archived)", or the word for "none".
"""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext as _

from analytics.metrics.figures import Named


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

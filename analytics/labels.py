"""The words that page and export share: what things are called, and what each figure means exactly.

In: a `Named` of the report. Out: its name, with "(deleted)" or "(archived)", or the word for "none"; and the
`Definition` of every figure, once, in the reader's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure is called and what exactly it counts."""

    title: str | Promise
    text: str | Promise


DEFINITIONS = {
    "total_users": Definition(
        gettext_lazy("Total users"),
        gettext_lazy(
            "People in the workspace now: everyone but pending invitations and deleted people. "
            "Does not depend on the range."
        ),
    ),
    "active_users": Definition(
        gettext_lazy("Active users"),
        gettext_lazy(
            "People with at least one request, each counted once over the whole range. "
            "On a single day: people with a request on that day."
        ),
    ),
    "tokens": Definition(
        gettext_lazy("Tokens used"),
        gettext_lazy(
            "Input (cached included) plus output (reasoning included). A call whose provider reported no usage adds "
            "nothing and is counted as a call without usage."
        ),
    ),
    "workflows": Definition(
        gettext_lazy("Workflows"),
        gettext_lazy("Workflows that exist now and are not archived. Does not depend on the range; the runs do."),
    ),
    "assistants": Definition(
        gettext_lazy("Assistants"),
        gettext_lazy("Assistants that exist now and are not archived. Does not depend on the range; the requests do."),
    ),
    "requests": Definition(
        gettext_lazy("Total requests"),
        gettext_lazy(
            "What people and schedules asked for: chat messages, messages to an assistant, workflow runs. Failed "
            "requests count. Extra model calls made while answering, test runs and system calls do not."
        ),
    ),
    "team": Definition(
        gettext_lazy("Token usage per team"),
        gettext_lazy(
            "The team of a request is fixed when it arrives: its own team, else the person's primary team at that "
            "moment, else no team. Later moves, renames and deletions change no past number."
        ),
    ),
    "top_workflows": Definition(
        gettext_lazy("Top workflows by usage"),
        gettext_lazy("Workflows by runs in the range, then by tokens, then by name. Failed runs count."),
    ),
    "time_to_first_value": Definition(
        gettext_lazy("Time to first value"),
        gettext_lazy(
            "From joining to the first successful request, over people who joined in the range; the first request is "
            "looked for in all time. Exactly one hour is in 1–6h. The median is over those who reached value. People "
            "whose join time is unknown are left out."
        ),
    ),
    "top_assistants": Definition(
        gettext_lazy("Top assistants by usage"),
        gettext_lazy("Assistants by tokens in the range, then by requests, then by name. The share is of all tokens."),
    ),
    "unused_assistants": Definition(
        gettext_lazy("Not used in this period"),
        gettext_lazy("Assistants older than 30 days, not archived, with no request in the range."),
    ),
}

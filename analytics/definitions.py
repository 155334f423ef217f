"""What each figure means, word for word the same on the cards and in the export."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DEFINITIONS: dict[str, Promise] = {
    "days": _(
        "A day is a calendar day of the reporting time zone, also when it has 23 or 25 hours. "
        "“Last N days” includes today."
    ),
    "total_users": _(
        "People in the workspace now, whatever the range: everyone but pending invitations and deleted people."
    ),
    "active_users": _("People with at least one request in the range, each counted once however many days they came."),
    "tokens": _(
        "Input tokens (with cached ones) plus output tokens (with reasoning). A call whose provider reported no usage "
        "adds nothing and is counted as “without usage”."
    ),
    "workflows": _("Workflows that are not archived, now, whatever the range."),
    "assistants": _("Assistants that are not archived, now, whatever the range."),
    "requests": _(
        "What people or schedules asked for: chat messages, messages to assistants and workflow runs. Failed ones "
        "count. Extra model calls made while answering add tokens but no request; so do system calls and test runs."
    ),
    "teams": _(
        "Usage belongs to the team that the event named when it arrived, else to the person's primary team at that "
        "moment, else to “No team”. Later moves, renames and deletions change no past number."
    ),
    "first_value": _(
        "From joining to the first successful request, for people who joined in the range; that request is looked "
        "for in all time. People whose join time is unknown are left out. The median is over those who reached value."
    ),
    "top_workflows": _("Workflows by runs in the range, then by tokens, then by name."),
    "top_assistants": _("Assistants by tokens in the range, then by requests, then by name."),
    "unused_assistants": _("Assistants older than 30 days, not archived, without a request in the range."),
}

"""What the figures of the Token limits tab mean, word for word as its info buttons say."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DEFINITIONS: dict[str, Promise] = {
    "budget": _(
        "Input and output tokens of the whole workspace since the period began, counted as on the Analytics tab. The "
        "budget is the workspace's own limit; limits of teams, people and models count apart."
    ),
    "pace": _(
        "How much of the period has passed. Each day counts for as much as its weekday did on average in the eight "
        "weeks before the period; with less than two weeks of history, and within one day, every hour counts alike."
    ),
    "projection": _(
        "What was used, divided by the share of the period that has passed; told once 5 % of the period have passed."
    ),
    "runs_out": _(
        "The first day on which the limit is reached if usage goes on at the pace of the period so far. Once a raise "
        "is over, the limit itself counts again. An estimate: it blocks nothing."
    ),
    "limits": _(
        "All limits that fit a request apply together, and the tightest one binds: of the workspace, of the team that "
        "usage is counted for, of the person and of the model. A person's own limit stands in place of the one for "
        "every person over the same period. Exactly at the limit, it is reached."
    ),
}

"""Sums by day of the reporting zone. Additive, no NULL in any key (0 = none), written by `rollups` only."""

from __future__ import annotations

import datetime as dt

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from usermgmt.models import User

NEVER_BEFORE = dt.date(1, 1, 1)  # `previous_day` of a person's first active day


class Measures(models.Model):
    """The sums every rollup carries; the same names in metrics, report and export."""

    requests = models.BigIntegerField(default=0)
    failed_requests = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    calls_without_usage = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class DailyTotal(Measures):
    day = models.DateField(primary_key=True)
    active_users = models.BigIntegerField(default=0, db_default=0, help_text="People with a request on that day")
    chat_requests = models.BigIntegerField(default=0)
    assistant_requests = models.BigIntegerField(default=0)
    workflow_requests = models.BigIntegerField(default=0)

    class Meta:
        db_table = "daily_total"


class DailyTeam(Measures):
    pk = models.CompositePrimaryKey("day", "team_id")
    day = models.DateField()
    team_id = models.BigIntegerField()

    class Meta:
        db_table = "daily_team"


class DailyAssistant(Measures):
    """Only events of kind assistant: the three kinds are disjoint."""

    pk = models.CompositePrimaryKey("day", "assistant_id")
    day = models.DateField()
    assistant_id = models.BigIntegerField()

    class Meta:
        db_table = "daily_assistant"
        # Read by metrics: the last day an assistant was used.
        indexes = (models.Index(fields=["assistant_id", "-day"], name="daily_assistant_last"),)


class DailyWorkflow(Measures):
    """Only events of kind workflow."""

    pk = models.CompositePrimaryKey("day", "workflow_id")
    day = models.DateField()
    workflow_id = models.BigIntegerField()

    class Meta:
        db_table = "daily_workflow"


class DailyModel(Measures):
    """Of all events, by the model's name as they said it; "" where none did."""

    pk = models.CompositePrimaryKey("day", "model")
    day = models.DateField()
    model = models.CharField(max_length=200)

    class Meta:
        db_table = "daily_model"


class DailyUser(Measures):
    """Person first in the key: this table is distributed by person. Nobody (0) has no row."""

    pk = models.CompositePrimaryKey("user_id", "day")
    user = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, related_name="days", db_constraint=False, db_index=False
    )
    day = models.DateField()
    first_value_at = models.DateTimeField(null=True, help_text="First successful request of the day")
    last_active_at = models.DateTimeField(null=True, help_text="Last request of the day")

    class Meta:
        db_table = "daily_user"
        # Read by metrics: everybody's sums over some days. Rows lie about in the order of their days.
        indexes = (BrinIndex(fields=["day"], name="daily_user_day", pages_per_range=16, autosummarize=True),)


class DailyUsage(Measures):
    """The export's grain. `item_id` is an assistant or a workflow, by `kind`; 0 for chat."""

    pk = models.CompositePrimaryKey("day", "team_id", "kind", "item_id")
    day = models.DateField()
    team_id = models.BigIntegerField()
    kind = models.SmallIntegerField()
    item_id = models.BigIntegerField()

    class Meta:
        db_table = "daily_usage"


class MonthlyTeam(Measures):
    """`month` is the first day of a calendar month of the reporting zone, here and below."""

    pk = models.CompositePrimaryKey("month", "team_id")
    month = models.DateField()
    team_id = models.BigIntegerField()

    class Meta:
        db_table = "monthly_team"


class MonthlyAssistant(Measures):
    pk = models.CompositePrimaryKey("month", "assistant_id")
    month = models.DateField()
    assistant_id = models.BigIntegerField()

    class Meta:
        db_table = "monthly_assistant"


class MonthlyWorkflow(Measures):
    pk = models.CompositePrimaryKey("month", "workflow_id")
    month = models.DateField()
    workflow_id = models.BigIntegerField()

    class Meta:
        db_table = "monthly_workflow"


class ActiveTransition(models.Model):
    """How many people were active on `day` whose active day before that was `previous_day` (or `NEVER_BEFORE`).

    People active at least once in [a, b) = sum(users) where day in [a, b) and previous_day < a.
    """

    pk = models.CompositePrimaryKey("day", "previous_day")
    day = models.DateField()
    previous_day = models.DateField()
    users = models.BigIntegerField()

    class Meta:
        db_table = "active_transition"


class PersonActivity(models.Model):
    """Milestones of one person over all time. Local, because it changes with every request."""

    user = models.OneToOneField(
        User, on_delete=models.DO_NOTHING, related_name="activity", primary_key=True, db_constraint=False
    )
    first_value_at = models.DateTimeField(null=True, help_text="First successful request")
    last_active_at = models.DateTimeField(null=True)
    last_active_day = models.DateField(null=True)

    class Meta:
        db_table = "person_activity"
        indexes = (
            models.Index(fields=["user"], include=["first_value_at"], name="person_activity_value"),
            # Read by the list of people, sorted by last activity.
            models.Index(fields=["last_active_at", "user"], name="person_activity_last"),
        )


class PersonRecent(models.Model):
    """Sums of one person over the days from `RollupState.recent_since` on; who used nothing since then has no row.

    What the list of people is sorted by: adding up days would take a second for a hundred thousand people. Local,
    because it changes with every request.
    """

    user = models.OneToOneField(
        User, on_delete=models.DO_NOTHING, related_name="recent", primary_key=True, db_constraint=False
    )
    requests = models.BigIntegerField()
    tokens = models.BigIntegerField()

    class Meta:
        db_table = "person_recent"
        indexes = (
            models.Index(fields=["requests", "user"], name="person_recent_requests"),
            models.Index(fields=["tokens", "user"], name="person_recent_tokens"),
        )


class RollupState(models.Model):
    """One row: in which zone the days stand, how fresh they are, and the version that cached reports name."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    time_zone = models.CharField(max_length=64)
    version = models.BigIntegerField(default=0)
    as_of = models.DateTimeField(help_text="Every event committed before this instant is folded")
    recent_since = models.DateField(null=True, help_text="First day in person_recent; null before it was first set")

    class Meta:
        db_table = "rollup_state"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="rollup_state_single"),)

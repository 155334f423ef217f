"""Limits on tokens, what raises one for a time, and the alerts that were told. What is used stands in the rollups."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tokenlimits.periods import Period
from usermgmt.models import Team, User

MOST_TOKENS = 10**15
DEFAULT_THRESHOLDS = (50, 80, 100)
WHOLE = 100  # percent


class Scope(models.TextChoices):
    """Whose tokens a limit counts, from the widest to the narrowest; models stand across."""

    WORKSPACE = "workspace", pgettext_lazy("scope of a limit", "Workspace")
    TEAM = "team", pgettext_lazy("scope of a limit", "Team")
    EVERYBODY = "everybody", pgettext_lazy("scope of a limit", "Every person")
    PERSON = "person", pgettext_lazy("scope of a limit", "One person")
    MODEL = "model", pgettext_lazy("scope of a limit", "Model")


class Enforcement(models.TextChoices):
    SOFT = "soft", _("Warn")
    HARD = "hard", _("Block")


PERIODS = (
    (Period.DAY.value, pgettext_lazy("period of a limit", "Day")),
    (Period.WEEK.value, pgettext_lazy("period of a limit", "Week")),
    (Period.MONTH.value, pgettext_lazy("period of a limit", "Month")),
)


def default_thresholds() -> list[int]:
    return list(DEFAULT_THRESHOLDS)


def _with(scope: Scope, **target: bool) -> Q:
    """`scope` with exactly these targets."""
    named = {"team": False, "person": False, "model": False} | target
    return Q(
        scope=scope,
        team__isnull=not named["team"],
        person__isnull=not named["person"],
        **{"model__gt" if named["model"] else "model": ""},
    )


class TokenLimit(models.Model):
    """At most `tokens` per period. A removed one stays for its alerts.

    A limit for every person counts each one's tokens apart; a person's own limit over the same period stands in its
    place. Otherwise all limits that fit a request apply together.
    """

    scope = models.CharField(max_length=10, choices=Scope.choices)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="+")
    person = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    model = models.CharField(max_length=200, blank=True, default="")
    period = models.CharField(max_length=5, choices=PERIODS)
    tokens = models.BigIntegerField()
    enforcement = models.CharField(max_length=4, choices=Enforcement.choices)
    thresholds = ArrayField(models.SmallIntegerField(), default=default_thresholds, help_text="Percent, ascending")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "token_limit"
        constraints = (
            models.UniqueConstraint(
                fields=["scope", "team", "person", "model", "period"],
                condition=Q(removed_at__isnull=True),
                nulls_distinct=False,
                name="token_limit_once",
            ),
            models.CheckConstraint(condition=Q(tokens__gte=1, tokens__lte=MOST_TOKENS), name="token_limit_tokens"),
            models.CheckConstraint(
                condition=_with(Scope.WORKSPACE)
                | _with(Scope.EVERYBODY)
                | _with(Scope.TEAM, team=True)
                | _with(Scope.PERSON, person=True)
                | _with(Scope.MODEL, model=True),
                name="token_limit_target",
            ),
            models.CheckConstraint(
                condition=Q(period__in=[period.value for period in Period]), name="token_limit_period"
            ),
        )

    def __str__(self) -> str:
        return f"{self.tokens} tokens per {self.period}, {self.scope}"


class LimitOverride(models.Model):
    """More tokens for a limit until the end of a day. One is open per limit; `ended_at`: ended before its time."""

    limit = models.ForeignKey(TokenLimit, on_delete=models.CASCADE, related_name="overrides")
    tokens = models.BigIntegerField()
    starts_at = models.DateTimeField()
    ends_on = models.DateField(help_text="Last day, of the reporting zone")
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        db_table = "limit_override"
        indexes = (models.Index(fields=["limit", "ends_on"], condition=Q(ended_at__isnull=True), name="override_open"),)
        constraints = (
            models.CheckConstraint(condition=Q(tokens__gte=1, tokens__lte=MOST_TOKENS), name="limit_override_tokens"),
        )

    def __str__(self) -> str:
        return f"{self.tokens} tokens until {self.ends_on}"


class LimitAlert(models.Model):
    """A threshold was reached: what stood then. Told once for each limit, period and threshold.

    `rearmed_at`: the limit was raised so far that the threshold was not reached any more; it may be told again.
    `person`: of a limit for every person, whoever reached it first. `elapsed`, `projected`: the pace of that moment.
    `told`: administrators got a mail about this one; of several reached at once, the highest.
    """

    limit = models.ForeignKey(TokenLimit, on_delete=models.CASCADE, related_name="alerts")
    period_start = models.DateField()
    period_end = models.DateField(help_text="First day of the next period")
    threshold = models.SmallIntegerField()
    used = models.BigIntegerField()
    tokens = models.BigIntegerField(help_text="The limit at that moment")
    person = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    elapsed = models.FloatField()
    projected = models.BigIntegerField(null=True)
    runs_out = models.DateField(null=True)
    as_of = models.DateTimeField(null=True)
    told = models.BooleanField(default=False)
    reached_at = models.DateTimeField()
    rearmed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "limit_alert"
        indexes = (models.Index(F("reached_at").desc(), F("id").desc(), name="limit_alert_newest"),)
        constraints = (
            models.UniqueConstraint(
                fields=["limit", "period_start", "threshold"],
                condition=Q(rearmed_at__isnull=True),
                name="limit_alert_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.threshold} % of limit {self.limit_id} reached"


class LimitLook(models.Model):
    """The one row that says which periods are closed: those that end on `closed_on` or before. Local under Citus."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    closed_on = models.DateField(help_text="Of the reporting zone")

    class Meta:
        db_table = "limit_look"
        constraints = (models.CheckConstraint(condition=Q(id=1), name="limit_look_one_row"),)

    def __str__(self) -> str:
        return f"closed on {self.closed_on}"

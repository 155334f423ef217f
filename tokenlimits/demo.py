"""Limits for a demo workspace: some calm, some filling up, one reached, so that the tab has something to say.

In: the administrator who made them, an instant. Out: stored limits, sized by what was used lately.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from analytics.metrics import spending, usage
from analytics.rollups import state
from tokenlimits import actions
from tokenlimits.models import Enforcement, Scope, TokenLimit
from tokenlimits.periods import Period
from usermgmt.models import Team, User


def fill(actor: User, now: dt.datetime) -> list[TokenLimit]:
    """A budget for the workspace, limits for its two largest teams, its largest model and every person."""
    today = now.astimezone(state.read().time_zone).date()
    before, month = Period.MONTH.last(2, today)
    week = Period.WEEK.around(today)
    past, used = (sum(team.tokens for team in usage.by_team(days)) for days in (before, month))
    teams = [team for team in usage.by_team(month) if team.id and team.tokens and not team.deleted][:2]
    models = [model for model in spending.by_model(week) if model.name and model.tokens][:1]
    limits = [
        _limit(Scope.WORKSPACE, Period.MONTH, max(past, used * 1.16), Enforcement.SOFT),
        *(
            _limit(Scope.TEAM, Period.MONTH, team.tokens / share, Enforcement.HARD, team=Team.objects.get(pk=team.id))
            for team, share in zip(teams, (0.93, 0.61), strict=False)
        ),
        *(_limit(Scope.MODEL, Period.WEEK, m.tokens / 0.78, Enforcement.SOFT, model=m.name) for m in models),
        *(
            _limit(Scope.EVERYBODY, Period.MONTH, person.tokens * 0.9, Enforcement.SOFT)
            for person in spending.top_people(month, 1).top
        ),
    ]
    made = [actions.create(actor, limit, now) for limit in limits]
    if teams:
        raised = made[len(teams)]
        ends_on = today + dt.timedelta(days=12)
        actions.raise_until(actor, raised.pk, raised.tokens * 3 // 2, ends_on, "Customer workshops this month", now)
    return made


def _limit(scope: Scope, period: Period, tokens: float, enforcement: Enforcement, **target: Any) -> TokenLimit:
    return TokenLimit(scope=scope, period=period, tokens=_round(tokens), enforcement=enforcement, **target)


def _round(tokens: float) -> int:
    """Two digits, as people set budgets; at least a thousand."""
    whole = max(1_000, round(tokens))
    step: int = 10 ** (len(str(whole)) - 2)
    return round(whole / step) * step

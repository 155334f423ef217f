"""Limits of every kind, made in one line: what the tests of token limits stand on."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.analytics import workspace
from tests.cast import NOW
from tests.usermgmt import people
from tokenlimits.models import Enforcement, LimitOverride, Scope, TokenLimit
from usermgmt.models import Team, User

TODAY = NOW.date()


def limit(tokens: int, period: str = "month", *, hard: bool = True, **fields: Any) -> TokenLimit:
    """The workspace's, unless a team, person, model or scope is named."""
    named = next((Scope(name) for name in ("team", "person", "model") if name in fields), Scope.WORKSPACE)
    values: dict[str, Any] = {
        "scope": named,
        "period": period,
        "tokens": tokens,
        "enforcement": Enforcement.HARD if hard else Enforcement.SOFT,
    }
    return TokenLimit.objects.create(**(values | fields))


def everybody(tokens: int, period: str = "month", **fields: Any) -> TokenLimit:
    return limit(tokens, period, scope=Scope.EVERYBODY, **fields)


def override(of: TokenLimit, tokens: int, ends_on: dt.date = TODAY, **fields: Any) -> LimitOverride:
    return LimitOverride.objects.create(
        limit=of, tokens=tokens, starts_at=NOW - dt.timedelta(days=1), ends_on=ends_on, reason="Fair", **fields
    )


def use(tokens: int, days_ago: float = 0, *, now: dt.datetime = NOW, **fields: object) -> None:
    """One request of that many tokens, folded."""
    workspace.fold(workspace.event(days_ago, now=now, tokens=tokens, **fields), now=now)


def ann(**fields: Any) -> User:
    """Somebody whom usage names "ann", of the team Sales."""
    return people.person("Ann", external_id="ann", email="ann@example.com", teams=("Sales",), **fields)


def sales() -> Team:
    return people.team("Sales")

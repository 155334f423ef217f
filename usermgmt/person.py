"""One person as administrators see them: teams, ways to sign in, the last 30 days in numbers. Nothing here writes.

Usage comes through the reverse relations `activity` and `days` (days without a row are days without a request), and
from whoever counts it (`usermgmt.usage`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db.models import F

from usermgmt.models import Membership, User
from usermgmt.people_list import recent_since
from usermgmt.queries import RECENT_DAYS
from usermgmt.usage import OfAssistant, Sums, answers

CHART_WIDTH, CHART_HEIGHT = 290, 56


@dataclass(frozen=True, slots=True)
class UsedDay:
    day: dt.date
    requests: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The last 30 days, today included, one after another."""

    days: tuple[UsedDay, ...]

    @property
    def requests(self) -> int:
        return sum(day.requests for day in self.days)

    @property
    def tokens(self) -> int:
        return sum(day.tokens for day in self.days)

    @property
    def used_days(self) -> list[UsedDay]:
        """The days with a request or tokens, the latest first."""
        return [day for day in reversed(self.days) if day.requests or day.tokens]

    @property
    def highest(self) -> int:
        return max(day.requests for day in self.days)

    @property
    def line(self) -> str:
        """Requests by day as points of an SVG polyline, 0 at the bottom; "" where there are none."""
        return polyline([day.requests for day in self.days])


def polyline(values: Sequence[int]) -> str:
    """`values` from left to right in a box of CHART_WIDTH by CHART_HEIGHT; "" where all are 0."""
    highest = max(values)
    if highest == 0:
        return ""
    step, room = CHART_WIDTH / (len(values) - 1), CHART_HEIGHT - 4  # the line's own width, above and below
    points = ((place * step, CHART_HEIGHT - 2 - value / highest * room) for place, value in enumerate(values))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the person can prove who they are."""

    password: bool
    totp: bool
    passkeys: int
    recovery_codes: bool


def person(user_id: int) -> User:
    """The person with `activity`. Raises User.DoesNotExist. One query."""
    return User.objects.select_related("activity").defer("search").get(pk=user_id)


def memberships(user: User) -> tuple[Membership, ...]:
    """The person's teams, the primary one first. One query."""
    theirs = Membership.objects.filter(user=user, team__deleted_at__isnull=True).select_related("team")
    return tuple(theirs.order_by("-is_primary", "team__name", "pk"))


def usage(user: User, now: dt.datetime) -> Usage:
    """One query, by primary key of daily_user."""
    first = recent_since(now)
    rows = User.objects.filter(pk=user.pk, days__day__gte=first).values_list(
        "days__day", "days__requests", F("days__input_tokens") + F("days__output_tokens")
    )
    found: Mapping[dt.date, UsedDay] = {day: UsedDay(day, requests, tokens) for day, requests, tokens in rows}
    days = (first + dt.timedelta(days=number) for number in range(RECENT_DAYS))
    return Usage(tuple(found.get(day) or UsedDay(day, 0, 0) for day in days))


@dataclass(frozen=True, slots=True)
class Assistants:
    """The last 30 days, today included, by assistant: most tokens first; `without` is chat and workflows."""

    used: tuple[OfAssistant, ...]
    without: Sums


def assistants(user: User, now: dt.datetime) -> Assistants:
    """One query. Events count here some seconds before they do in `usage`, which waits for the fold."""
    first = recent_since(now)
    used, without = answers().by_assistant(user.pk, first, first + dt.timedelta(days=RECENT_DAYS))
    return Assistants(tuple(used), without)


def sign_in(user: User) -> SignIn:
    """One query."""
    types = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    return SignIn(
        password=user.has_usable_password(),
        totp=Authenticator.Type.TOTP in types,
        passkeys=types.count(Authenticator.Type.WEBAUTHN),
        recovery_codes=Authenticator.Type.RECOVERY_CODES in types,
    )

"""Questions about people: the list with its filters, its counts, and one person's usage. Nothing here writes.

Usage stands in analytics' tables, which name people by foreign key: `activity` (milestones) and `days` (sums by day).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import Count, F, FilteredRelation, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from usermgmt.models import COUNTED_STATUSES, Membership, Status, User, normalize_email

RECENT_DAYS = 30  # of the usage columns, today included; who did nothing in them is called inactive
NO_TEAM = 0


class Tab(StrEnum):
    ACTIVE = "active"
    PENDING = "pending"
    DELETED = "deleted"


class Activity(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    NEVER_STARTED = "never_started"


class Sort(StrEnum):
    NAME = "name"
    EMAIL = "email"
    ROLE = "role"
    JOINED = "joined"
    LAST_ACTIVE = "last_active"
    TOKENS = "tokens"
    REQUESTS = "requests"
    INVITED = "invited"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """What the list shows. `recent_since` is the first day of the usage columns; team 0 is "no team"."""

    tab: Tab
    recent_since: dt.date
    search: str = ""
    role: str = ""
    team_id: int | None = None
    activity: Activity | None = None
    joined_since: dt.datetime | None = None
    joined_before: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Onboarding:
    """The four cards: of everybody invited (but revoked and removed ones), who accepted and who did not yet."""

    invited: int
    completed: int

    @property
    def pending(self) -> int:
        return self.invited - self.completed

    @property
    def share(self) -> float:
        """0..1; 0 where nobody was invited."""
        return self.completed / self.invited if self.invited else 0.0


@dataclass(frozen=True, slots=True)
class Recent:
    """One person's sums over the last 30 days, today included."""

    requests: int = 0
    tokens: int = 0


TAB_FILTERS = {
    Tab.ACTIVE: Q(status__in=COUNTED_STATUSES),
    Tab.PENDING: Q(invited_at__isnull=False, accepted_at__isnull=True) & ~Q(status=Status.DELETED),
    Tab.DELETED: Q(status=Status.DELETED, erased_at__isnull=True),
}
_INVITED = Q(invited_at__isnull=False) & ~Q(status=Status.DELETED)


def counts() -> tuple[dict[Tab, int], Onboarding]:
    """People on each tab, and the onboarding cards. One query of three counts, each of one index alone:
    person_status, person_invited, person_deleted.
    """
    active, invited, deleted = (
        _counted("active", TAB_FILTERS[Tab.ACTIVE]),
        _counted("invited", _INVITED),
        _counted("deleted", TAB_FILTERS[Tab.DELETED]),
    )
    found = {of: (people, accepted) for of, people, accepted in active.union(invited, deleted, all=True)}
    nobody = (0, 0)
    onboarding = Onboarding(*found.get("invited", nobody))
    return {
        Tab.ACTIVE: found.get("active", nobody)[0],
        Tab.PENDING: onboarding.pending,
        Tab.DELETED: found.get("deleted", nobody)[0],
    }, onboarding


def _counted(of: str, whom: Q) -> QuerySet[User, tuple[str, int, int]]:
    """Whom one counts, how many they are, and of the invited how many have accepted."""
    accepted = Count("accepted_at") if of == "invited" else Value(0)
    rows = User.objects.filter(whom).annotate(of=Value(of)).values("of").annotate(people=Count("*"), accepted=accepted)
    return rows.values_list("of", "people", "accepted")


def people(wanted: PeopleFilter) -> QuerySet[User]:
    """The people of one tab that pass the filter, unordered."""
    found = User.objects.filter(TAB_FILTERS[wanted.tab])
    if wanted.search.strip():
        found = found.filter(matches(wanted.search))
    if wanted.role:
        found = found.filter(role=wanted.role)
    if wanted.team_id:
        found = found.filter(pk__in=Membership.objects.filter(team_id=wanted.team_id).values("user_id"))
    if wanted.team_id == NO_TEAM:
        found = found.filter(memberships__isnull=True)
    if wanted.joined_since:
        found = found.filter(joined_at__gte=wanted.joined_since)
    if wanted.joined_before:
        found = found.filter(joined_at__lt=wanted.joined_before)
    return found.filter(_active_as(wanted)) if wanted.activity else found


def matches(text: str) -> Q:
    """Every word typed begins a word of the name, address or platform id. Served by the index person_search."""
    words = "".join(c if c.isalnum() else " " for c in normalize_email(text)).split()
    if not words:
        return Q(pk__in=[])
    return Q(search=SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw"))


def _active_as(wanted: PeopleFilter) -> Q:
    since = wanted.recent_since
    match wanted.activity:
        case Activity.ACTIVE:
            return Q(activity__last_active_day__gte=since)
        case Activity.INACTIVE:
            return Q(activity__last_active_day__lt=since) | Q(activity__last_active_day__isnull=True)
        case _:
            return Q(activity__first_value_at__isnull=True)


_ORDERS = {
    Sort.NAME: "display_name",
    Sort.EMAIL: "email",
    Sort.ROLE: "role",
    Sort.JOINED: "joined_at",
    Sort.LAST_ACTIVE: "activity__last_active_at",
    Sort.INVITED: "invited_at",
    Sort.REMOVED: "deleted_at",
}
_ALWAYS_KNOWN = {Sort.NAME, Sort.ROLE, Sort.TOKENS, Sort.REQUESTS}


def ordered(found: QuerySet[User], sort: Sort, *, descending: bool, recent_since: dt.date) -> QuerySet[User]:
    """In a total order, so that pages neither repeat nor skip anybody; unknown values come last both ways.

    By name it is the order of the index person_by_name, read from either end.
    """
    if sort in (Sort.TOKENS, Sort.REQUESTS):
        found = _with_amount(found, sort, recent_since)
    key = F(_ORDERS.get(sort, "amount"))
    nulls_last = None if sort in _ALWAYS_KNOWN else True
    if descending:
        return found.order_by(key.desc(nulls_last=nulls_last), "-pk")
    return found.order_by(key.asc(nulls_last=nulls_last), "pk")


def _with_amount(found: QuerySet[User], sort: Sort, recent_since: dt.date) -> QuerySet[User]:
    found = found.annotate(recent=FilteredRelation("days", condition=Q(days__day__gte=recent_since)))
    amount: Any = F("recent__requests")
    if sort is Sort.TOKENS:
        amount = F("recent__input_tokens") + F("recent__output_tokens")
    return found.annotate(amount=Coalesce(Sum(amount), 0))


def recent_usage(ids: Sequence[int], since: dt.date) -> Mapping[int, Recent]:
    """Sums since that day by person; who used nothing is missing. One query, by primary key of daily_user."""
    rows = (
        User.objects.filter(pk__in=ids, days__day__gte=since)
        .values("pk")
        .annotate(requests=Sum("days__requests"), tokens=Sum(F("days__input_tokens") + F("days__output_tokens")))
    )
    return {row["pk"]: Recent(row["requests"], row["tokens"]) for row in rows}

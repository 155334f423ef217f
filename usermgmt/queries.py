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
from django.db.models import Count, Exists, F, FilteredRelation, Q, QuerySet, Sum, Value, Window
from django.db.models.functions import Coalesce, Concat

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
    """What the list shows. `recent_since` is the first day of the usage columns; team 0 is "no team".

    `has_sums`: whether `User.recent` holds the sums since that day.
    """

    tab: Tab
    recent_since: dt.date
    has_sums: bool = False
    search: str = ""
    role: str = ""
    team_id: int | None = None
    activity: Activity | None = None
    joined_since: dt.datetime | None = None
    joined_before: dt.datetime | None = None

    @property
    def picks_few(self) -> bool:
        """Whether it asks for people whom no order's index leads to, but one of words or of memberships."""
        return bool(self.search.strip()) or self.team_id is not None


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


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands around the list, whatever is filtered: people on each tab, and the cards."""

    tabs: Mapping[Tab, int]
    onboarding: Onboarding


Counted = tuple[str, int, int]  # what is counted, or FOUND, and two numbers of it
FOUND = "found"


def overview(found: QuerySet[User, Counted] | None = None) -> tuple[Overview, list[Counted]]:
    """The counts, each of one index alone (person_counted, person_invited, person_deleted), and the rows of `found`
    (`counted` or `few_between`). One query.
    """
    active, *others = (
        _counted("active", User.objects.filter(TAB_FILTERS[Tab.ACTIVE])),
        _counted("invited", User.objects.filter(_INVITED)),
        _counted("deleted", User.objects.filter(TAB_FILTERS[Tab.DELETED])),
        *([] if found is None else [found]),
    )
    rows = list(active.union(*others, all=True))
    numbers = {of: (people, accepted) for of, people, accepted in rows if of != FOUND}
    nobody = (0, 0)
    onboarding = Onboarding(*numbers.get("invited", nobody))
    tabs = {
        Tab.ACTIVE: numbers.get("active", nobody)[0],
        Tab.PENDING: onboarding.pending,
        Tab.DELETED: numbers.get("deleted", nobody)[0],
    }
    return Overview(tabs, onboarding), [row for row in rows if row[0] == FOUND]


def counted(found: QuerySet[User]) -> QuerySet[User, Counted]:
    """FOUND, how many they are, and 0; nothing where there is nobody."""
    return _counted(FOUND, found)


def _counted(of: str, whom: QuerySet[User]) -> QuerySet[User, Counted]:
    """Whom one counts, how many they are, and of the invited how many have accepted."""
    accepted = Count("accepted_at") if of == "invited" else Value(0)
    rows = whom.annotate(of=Value(of)).values("of").annotate(people=Count("*"), accepted=accepted)
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
_SUMS = {Sort.TOKENS: "recent__tokens", Sort.REQUESTS: "recent__requests"}
_ALWAYS_KNOWN = {Sort.NAME, Sort.ROLE, *_SUMS}


def is_by_usage(sort: Sort) -> bool:
    """Whether the order needs the sums of the last 30 days."""
    return sort in _SUMS


def ordered(found: QuerySet[User], sort: Sort, wanted: PeopleFilter, *, descending: bool) -> QuerySet[User]:
    """In a total order, so that pages neither repeat nor skip anybody; unknown values come last both ways.

    By name it is the order of the index person_by_name, read from either end. Not for what is searched: PostgreSQL
    takes any word for one that many people have, and would walk through everybody by name to find the one who has it.
    """
    if is_by_usage(sort):
        found = _with_amount(found, sort, wanted)
    key: Any = F(_ORDERS.get(sort, "amount"))
    if sort is Sort.NAME and wanted.search:
        key = Concat(key, Value(""))
    nulls_last = None if sort in _ALWAYS_KNOWN else True
    if descending:
        return found.order_by(key.desc(nulls_last=nulls_last), "-pk")
    return found.order_by(key.asc(nulls_last=nulls_last), "pk")


def _with_amount(found: QuerySet[User], sort: Sort, wanted: PeopleFilter) -> QuerySet[User]:
    """`amount` is out of the sums of the last 30 days; where these do not stand, the days are added up: slow, but
    right, in the moments after midnight, and where no worker runs.
    """
    if wanted.has_sums:
        return found.annotate(amount=Coalesce(_SUMS[sort], 0))
    found = found.annotate(of_days=FilteredRelation("days", condition=Q(days__day__gte=wanted.recent_since)))
    amount: Any = F("of_days__requests")
    if sort is Sort.TOKENS:
        amount = F("of_days__input_tokens") + F("of_days__output_tokens")
    return found.annotate(amount=Coalesce(Sum(amount), 0))


def few_between(
    found: QuerySet[User], sort: Sort, wanted: PeopleFilter, *, descending: bool, first: int, end: int
) -> QuerySet[User, Counted]:
    """FOUND, the id, and how many are found in all, of places `first` to `end` (not included) in that order. For what
    `picks_few`: it looks at each of the found, but once.
    """
    whole = ordered(found, sort, wanted, descending=descending)
    return whole.annotate(of=Value(FOUND), found=Window(Count("*"))).values_list("of", "pk", "found")[first:end]


def ids_between(
    found: QuerySet[User], sort: Sort, wanted: PeopleFilter, *, descending: bool, first: int, end: int
) -> QuerySet[User, Any]:
    """The ids of places `first` to `end` (not included) in that order. As long as those who come first, because they
    have a row of usage or because they have none, fill the page, nobody else is looked at.
    """
    whole = ordered(found, sort, wanted, descending=descending).values("pk")
    head = _head(found, sort, wanted, descending=descending)
    if head is None:
        return whole[first:end]
    fills_the_page = Exists(head[end - 1 : end])
    of_head = head.filter(fills_the_page).values("pk")[first:end]
    return of_head.union(whole.filter(~fills_the_page)[first:end], all=True)


def _head(found: QuerySet[User], sort: Sort, wanted: PeopleFilter, *, descending: bool) -> QuerySet[User] | None:
    """Those who come first in the order by usage, as `ordered` orders them; None in other orders.

    Who has usage is read in the order of its index (person_activity_last, person_recent_tokens,
    person_recent_requests); who has none, by primary key.
    """
    column = _SUMS[sort] if is_by_usage(sort) and wanted.has_sums else _ORDERS.get(sort, "")
    if not (sort is Sort.LAST_ACTIVE or column in _SUMS.values()):
        return None
    if is_by_usage(sort) and not descending:
        return found.filter(Q(recent__isnull=True) | Q(**{column: 0})).order_by("pk")
    order = (f"-{column}", "-pk") if descending else (column, "pk")
    return found.filter(**{f"{column}__isnull": False}).order_by(*order)


def recent_usage(ids: Sequence[int], since: dt.date) -> Mapping[int, Recent]:
    """Sums since that day by person; who used nothing is missing. One query, by primary key of daily_user."""
    rows = (
        User.objects.filter(pk__in=ids, days__day__gte=since)
        .values("pk")
        .annotate(requests=Sum("days__requests"), tokens=Sum(F("days__input_tokens") + F("days__output_tokens")))
    )
    return {row["pk"]: Recent(row["requests"], row["tokens"]) for row in rows}

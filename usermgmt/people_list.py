"""The list of people: what its URL asks for, and the people that answer it, for the page and for its CSV.

In: a checked `ListState` and an instant. Out: a `PeoplePage` with one page of rows, or all rows one after another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max, Prefetch, Q, QuerySet

from usermgmt import actions, queries, usage
from usermgmt.models import Invitation, Membership, Team, User
from usermgmt.queries import NO_TEAM, RECENT_DAYS, Activity, Overview, PeopleFilter, Recent, Sort, Tab

ROWS_A_PAGE = 50
ROWS_A_CHUNK = 2_000

SORTS = {
    Tab.ACTIVE: (Sort.NAME, Sort.EMAIL, Sort.ROLE, Sort.JOINED, Sort.LAST_ACTIVE, Sort.TOKENS, Sort.REQUESTS),
    Tab.PENDING: (Sort.NAME, Sort.EMAIL, Sort.ROLE, Sort.INVITED),
    Tab.DELETED: (Sort.NAME, Sort.EMAIL, Sort.ROLE, Sort.REMOVED),
}
FIRST_SORTS = {Tab.ACTIVE: (Sort.NAME, False), Tab.PENDING: (Sort.INVITED, True), Tab.DELETED: (Sort.REMOVED, True)}
# Where the first click on a heading should show the most, or the latest, at the top.
LARGEST_FIRST = {Sort.JOINED, Sort.LAST_ACTIVE, Sort.TOKENS, Sort.REQUESTS, Sort.INVITED, Sort.REMOVED}


@dataclass(frozen=True, slots=True)
class ListState:
    """Everything the URL of the list says. Both joining days are included, as people mean them."""

    tab: Tab = Tab.ACTIVE
    search: str = ""
    role: str = ""
    team_id: int | None = None
    activity: Activity | None = None
    joined_from: dt.date | None = None
    joined_to: dt.date | None = None
    sort: Sort = Sort.NAME
    descending: bool = False
    page: int = 1

    @classmethod
    def of(cls, tab: Tab) -> ListState:
        """The first page of everybody on that tab, in its own order."""
        sort, descending = FIRST_SORTS[tab]
        return cls(tab=tab, sort=sort, descending=descending)

    @property
    def is_filtered(self) -> bool:
        return any((self.search, self.role, self.team_id is not None, self.activity, self.joined_from, self.joined_to))

    @property
    def query(self) -> str:
        """The URL parameters that lead back here; what is so anyway is left out."""
        said = {
            "tab": "" if self.tab is Tab.ACTIVE else self.tab.value,
            "q": self.search,
            "role": self.role,
            "team": "none" if self.team_id == NO_TEAM else self.team_id or "",
            "activity": self.activity or "",
            "joined_from": self.joined_from or "",
            "joined_to": self.joined_to or "",
            "sort": "" if (self.sort, self.descending) == FIRST_SORTS[self.tab] else self._sort_text,
            "page": self.page if self.page > 1 else "",
        }
        return urlencode({name: str(value) for name, value in said.items() if value})

    def said(self, teams: Sequence[Team]) -> dict[str, Any]:
        """Whom it shows, in the words of the log; no teams are "no team"."""
        return {
            "tab": self.tab.value,
            "search": self.search,
            "role": self.role,
            "teams": None if self.team_id is None else [team.name for team in teams if team.pk == self.team_id],
            "activity": self.activity.value if self.activity else "",
            "joined_from": self.joined_from,
            "joined_to": self.joined_to,
        }

    @property
    def _sort_text(self) -> str:
        return f"-{self.sort}" if self.descending else self.sort.value

    def unfiltered(self) -> ListState:
        return replace(ListState.of(self.tab), sort=self.sort, descending=self.descending)

    def sorted_by(self, sort: Sort) -> ListState:
        """What a click on a heading leads to: that order, or if it stands already, its reverse."""
        descending = not self.descending if sort is self.sort else sort in LARGEST_FIRST
        return replace(self, sort=sort, descending=descending, page=1)

    def to_filter(self, now: dt.datetime) -> PeopleFilter:
        """At most one query."""
        zone, since = ZoneInfo(settings.REPORTING_TIME_ZONE), recent_since(now)
        return PeopleFilter(
            tab=self.tab,
            recent_since=since,
            has_sums=queries.is_by_usage(self.sort) and usage.answers().recent_since() == since,
            search=self.search,
            role=self.role,
            team_id=self.team_id,
            activity=self.activity,
            joined_since=_midnight(self.joined_from, zone),
            joined_before=_midnight(self.joined_to + dt.timedelta(days=1), zone) if self.joined_to else None,
        )


def recent_since(now: dt.datetime) -> dt.date:
    """First day of the last 30, today included, in the reporting zone."""
    today = now.astimezone(ZoneInfo(settings.REPORTING_TIME_ZONE)).date()
    return today - dt.timedelta(days=RECENT_DAYS - 1)


def _midnight(day: dt.date | None, zone: ZoneInfo) -> dt.datetime | None:
    return dt.datetime.combine(day, dt.time.min, zone) if day else None


# --- Rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One person as the list shows them; `invitation` is the open one."""

    person: User
    usage: Recent
    last_active_at: dt.datetime | None
    teams: tuple[str, ...]  # the primary one first
    primary_team: str = ""
    invitation: Invitation | None = None

    @property
    def initials(self) -> str:
        """First letters of the first and the last word of the name, or of the address."""
        words = str(self.person).split("@")[0].replace(".", " ").split() or ["?"]
        return "".join(word[0] for word in (words[0], *words[1:][-1:])).upper()

    @property
    def can_sign_in(self) -> bool:
        """Whether they ever got a way in; who is known from usage alone did not."""
        return self.person.has_usable_password() or self.person.accepted_at is not None

    @property
    def is_waiting(self) -> bool:
        """Invited, and not accepted yet."""
        return self.person.invited_at is not None and self.person.accepted_at is None

    @property
    def erased_on(self) -> dt.datetime | None:
        return self.person.deleted_at + actions.RESTORABLE if self.person.deleted_at else None

    def days_left(self, now: dt.datetime) -> int:
        """Whole days until the data of a removed person is erased."""
        return max(0, (self.erased_on - now).days) if self.erased_on else 0


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """One page of rows. `total`: people that pass the filter; `overview`: the counts around it, where asked for."""

    state: ListState
    rows: tuple[Row, ...]
    total: int
    overview: Overview | None

    @property
    def pages(self) -> int:
        return _pages(self.total)

    @property
    def first(self) -> int:
        """Number of the first row among all, from 1; 0 where there is none."""
        return (self.state.page - 1) * ROWS_A_PAGE + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0


def filter_teams() -> tuple[Team, ...]:
    """The teams to filter by: all that exist, archived ones too, because people are still in them. One query."""
    return tuple(Team.objects.filter(deleted_at__isnull=True).only("name", "archived_at").order_by("name", "pk"))


def open_teams(and_these: Sequence[int] = ()) -> list[Team]:
    """The teams that people can be put into: not archived, or among `and_these`, which they are in already."""
    return list(
        Team.objects.filter(Q(archived_at__isnull=True) | Q(pk__in=and_these), deleted_at__isnull=True).order_by(
            "name", "pk"
        )
    )


def load(state: ListState, now: dt.datetime, *, whole: bool = True) -> PeoplePage:
    """The page that `state` asks for; behind the last one, the last one. `whole`: with the counts around it.

    At most six queries however many rows there are, and two more behind the last page of a search or a team.
    """
    wanted = state.to_filter(now)
    overview, state, ids_of_page, total = (_among_few if wanted.picks_few else _among_many)(state, wanted, whole=whole)
    people = list(_complete(User.objects.filter(pk__in=ids_of_page), state, wanted))
    # Usage is shown of people who use the workspace; on the other tabs nobody asks for it.
    ids = [person.pk for person in people] if state.tab is Tab.ACTIVE else []
    recent = queries.recent_usage(ids, wanted.recent_since) if ids else {}
    return PeoplePage(state, tuple(_rows(people, recent)), total, overview)


# The counts around it, where the list is, the ids of its page, how many are found in all.
_Found = tuple[Overview | None, ListState, Sequence[int] | QuerySet[User, Any], int]


def _among_few(state: ListState, wanted: PeopleFilter, *, whole: bool) -> _Found:
    found = queries.people(wanted)
    few = queries.few_between(found, state.sort, wanted, descending=state.descending, **_places(state.page))
    overview, rows = queries.overview(few) if whole else (None, list(few))
    if not rows and state.page > 1:
        _none, state, ids, total = _among_few(replace(state, page=_pages(found.count())), wanted, whole=False)
        return overview, state, ids, total
    return overview, state, [pk for _of, pk, _total in rows], rows[0][2] if rows else 0


def _among_many(state: ListState, wanted: PeopleFilter, *, whole: bool) -> _Found:
    """Their ids first: most orders find these in an index alone, however deep the page lies."""
    found = queries.people(wanted)
    if whole:
        overview, counted = queries.overview(queries.counted(found) if state.is_filtered else None)
        total = sum(people for _of, people, _none in counted) if state.is_filtered else overview.tabs[state.tab]
    else:
        overview, total = None, found.count()
    state = replace(state, page=min(state.page, _pages(total)))
    ids = queries.ids_between(found, state.sort, wanted, descending=state.descending, **_places(state.page))
    return overview, state, ids, total


def _pages(total: int) -> int:
    return max(1, -(-total // ROWS_A_PAGE))


def _places(page: int) -> dict[str, int]:
    return {"first": (page - 1) * ROWS_A_PAGE, "end": page * ROWS_A_PAGE}


def everybody(state: ListState, now: dt.datetime) -> Iterator[Row]:
    """All rows that `state` asks for, in its order, read piece by piece."""
    wanted = state.to_filter(now)
    people = _complete(queries.people(wanted), state, wanted).iterator(chunk_size=ROWS_A_CHUNK)
    while chunk := list(islice(people, ROWS_A_CHUNK)):
        yield from _rows(chunk, queries.recent_usage([person.pk for person in chunk], wanted.recent_since))


_SHOWN = (
    "external_id", "email", "name", "role", "status", "password",
    "joined_at", "invited_at", "accepted_at", "deleted_at", "activity__last_active_at",
)  # fmt: skip


def _complete(found: QuerySet[User], state: ListState, wanted: PeopleFilter) -> QuerySet[User]:
    """With all that a row shows but recent usage, and nothing else: to read an instant takes Django its time."""
    memberships = (
        Membership.objects.select_related("team")
        .only("user_id", "is_primary", "team__name")
        .order_by("-is_primary", "team__name", "pk")
    )
    invitations = (
        Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True)
        .select_related("invited_by")
        .annotate(sent_at=Max("mails__sent_at"), failed_at=Max("mails__given_up_at"), attempts=Max("mails__attempts"))
    )
    found = queries.ordered(found, state.sort, wanted, descending=state.descending)
    found = found.select_related("activity").only(*_SHOWN)
    found = found.prefetch_related(Prefetch("memberships", memberships, to_attr="listed_memberships"))
    if state.tab is Tab.PENDING:
        found = found.prefetch_related(Prefetch("invitations", invitations, to_attr="open_invitations"))
    return found


def _rows(people: Sequence[User], recent: Mapping[int, Recent]) -> Iterator[Row]:
    for person in people:
        activity = getattr(person, "activity", None)
        memberships: list[Membership] = getattr(person, "listed_memberships", [])
        teams = tuple(membership.team.name for membership in memberships)
        yield Row(
            person=person,
            usage=recent.get(person.pk, Recent()),
            last_active_at=activity.last_active_at if activity else None,
            teams=teams,
            primary_team=teams[0] if memberships and memberships[0].is_primary else "",
            invitation=next(iter(getattr(person, "open_invitations", ())), None),
        )

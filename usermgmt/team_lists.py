"""Teams as the Teams tab shows them: the cards, one team's members, and who could become one. Nothing here writes.

People who were removed keep their teams until their data is erased, so that restoring them brings the teams back;
they are counted and shown nowhere here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from usermgmt import queries
from usermgmt.models import Membership, Status, Team, User

MEMBERS_A_PAGE = 50
CANDIDATES = 10

_THERE = ~Q(memberships__user__status=Status.DELETED)


@dataclass(frozen=True, slots=True)
class Card:
    """One team. `primary_of`: how many of its members have it as their primary team."""

    team: Team
    members: int
    primary_of: int


@dataclass(frozen=True, slots=True)
class MembersPage:
    """One page of a team's members, by name. `total`: members that pass the search."""

    rows: tuple[Membership, ...]
    total: int
    page: int
    search: str

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // MEMBERS_A_PAGE))


def cards() -> tuple[list[Card], list[Card]]:
    """The teams in use and the archived ones, by name. One query."""
    teams = Team.objects.filter(deleted_at__isnull=True).order_by("name", "pk")
    found = [_card(team) for team in _counted(teams)]
    return [card for card in found if not card.team.archived_at], [card for card in found if card.team.archived_at]


def card(team_id: int) -> Card:
    """One team and its counts. Raises Team.DoesNotExist, also for deleted teams. One query."""
    return _card(_counted(Team.objects.filter(deleted_at__isnull=True)).get(pk=team_id))


def _card(counted: Any) -> Card:
    return Card(counted, counted.counted, counted.primaries)


def _counted(teams: QuerySet[Team]) -> QuerySet[Team]:
    return teams.annotate(
        counted=Count("memberships", filter=_THERE),
        primaries=Count("memberships", filter=_THERE & Q(memberships__is_primary=True)),
    )


def members(team: Team, search: str, page: int) -> MembersPage:
    """The page asked for; behind the last one, the last one. Two queries."""
    found = Membership.objects.filter(team=team).exclude(user__status=Status.DELETED)
    if search.strip():
        found = found.filter(user__in=User.objects.filter(queries.matches(search)))
    total = found.count()
    page = max(1, min(page, -(-total // MEMBERS_A_PAGE)))
    first = (page - 1) * MEMBERS_A_PAGE
    rows = found.select_related("user").defer("user__search").order_by("user__display_name", "user_id")
    return MembersPage(tuple(rows[first : first + MEMBERS_A_PAGE]), total, page, search)


def candidates(team: Team, search: str) -> tuple[User, ...]:
    """People whom the search finds and who are not in the team, by name; the first ten. No query without a search."""
    return tuple(candidate_rows(team, search)) if search.strip() else ()


def candidate_rows(team: Team, search: str) -> QuerySet[User]:
    inside = Membership.objects.filter(team=team, user=OuterRef("pk"))
    found = User.objects.filter(~Exists(inside), queries.matches(search)).exclude(status=Status.DELETED)
    return found.defer("search").order_by("display_name", "pk")[:CANDIDATES]

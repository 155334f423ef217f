"""The teams that rows name, found or created, and who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q

from usermgmt.imports.rows import PersonRow
from usermgmt.models import Membership, Team, User


class Teams:
    """The teams that rows name: by key (how usage names them), else by the name they carry now."""

    def __init__(self, rows: Iterable[PersonRow]) -> None:
        names = {name for row in rows for name in row.teams or ()}
        teams = list(Team.objects.filter(Q(key__in=names) | Q(name__in=names)).order_by("pk"))
        self.found = {team.key: team for team in teams if team.key in names}
        self.ambiguous: set[str] = set()
        by_name = names - {team.key for team in teams}
        for team in teams:
            if team.name in by_name and team.deleted_at is None:
                if team.name in self.found:
                    self.ambiguous.add(team.name)
                self.found[team.name] = team

    def objection(self, name: str) -> str | None:
        """Why nobody can be put into this team, or None."""
        if name in self.ambiguous:
            return f"several teams are called {name}"
        if (team := self.found.get(name)) and team.deleted_at:
            return f"team {name} was deleted"
        return None

    def create(self, rows: Iterable[PersonRow]) -> list[str]:
        """Creates the teams of these rows that nobody knows yet; returns their names."""
        new = sorted({name for row in rows for name in row.teams or ()} - self.found.keys())
        Team.objects.bulk_create([Team(key=name, name=name) for name in new])
        self.found |= {team.key: team for team in Team.objects.filter(key__in=new)}
        return new

    def assign(self, wanted: Sequence[tuple[User, tuple[str, ...]]]) -> set[int]:
        """Makes these people members of exactly these teams, the first one primary; returns whose teams changed."""
        standing: dict[int, dict[int, bool]] = {user.pk: {} for user, _names in wanted}
        for member in Membership.objects.filter(user__in=standing):
            standing[member.user_id][member.team_id] = member.is_primary
        target = {user.pk: self._memberships(names) for user, names in wanted}
        changed = {pk for pk, teams in target.items() if teams != standing[pk]}
        Membership.objects.filter(user__in=changed).delete()
        Membership.objects.bulk_create(
            [
                Membership(user_id=pk, team_id=team_id, is_primary=is_primary)
                for pk in sorted(changed)
                for team_id, is_primary in target[pk].items()
            ]
        )
        return changed

    def _memberships(self, names: tuple[str, ...]) -> dict[int, bool]:
        ids = list(dict.fromkeys(self.found[name].pk for name in names))
        return {team_id: team_id == ids[0] for team_id in ids}

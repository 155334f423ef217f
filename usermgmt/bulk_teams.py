"""The teams that an uploaded file names: found by name in whatever case, created only where it was asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext as _

from usermgmt import team_actions
from usermgmt.models import Team, User
from usermgmt.refusals import SENTENCES, Refused

MAX_NEW = 200  # in one file: more is a column that holds something else


class NamedTeams:
    """Every team, by its name, else by the name that usage gives it. One query."""

    def __init__(self, *, create: bool) -> None:
        self._create = create
        self._new: dict[str, str] = {}  # folded → the spelling that came first
        self._named: dict[str, list[Team]] = defaultdict(list)
        self._keyed: dict[str, Team] = {}
        for team in Team.objects.order_by("pk"):
            self._keyed[team.key] = team
            if team.deleted_at is None:
                self._named[team.name.casefold()].append(team)

    def objection(self, name: str) -> str:
        """Why nobody can be put into this team, or nothing. Takes note of a team that has to be created."""
        found = self._found(name)
        if len(found) > 1:
            return _("Several teams are called “%(team)s”.") % {"team": name}
        if not found:
            return self._objection_to_new(name)
        if found[0].deleted_at:
            return _("The team “%(team)s” was deleted.") % {"team": name}
        return str(SENTENCES["team_archived"]) if found[0].archived_at else ""

    def _found(self, name: str) -> list[Team]:
        alike = self._named.get(name.casefold(), [])
        exact = [team for team in alike if team.name == name]
        keyed = self._keyed.get(name)
        return exact or alike or ([keyed] if keyed else [])

    def _objection_to_new(self, name: str) -> str:
        if not self._create:
            return _("There is no team called “%(team)s”.") % {"team": name}
        if name.casefold() not in self._new and len(self._new) >= MAX_NEW:
            return _("More than %(count)s new teams in one file.") % {"count": MAX_NEW}
        self._new.setdefault(name.casefold(), name)
        return ""

    def resolve(self, actor: User, names: Iterable[str]) -> dict[str, Team]:
        """The teams behind these names, locked; those that are missing are created. Refused: unknown_team,
        team_exists, team_was_renamed, where somebody else changed teams meanwhile.
        """
        wanted = sorted(set(names))
        for folded in sorted({name.casefold() for name in wanted if not self._found(name)}):
            team = team_actions.create_team(actor, self._new[folded], "", "")
            self._named[folded].append(team)
        teams = {name: self._found(name)[0] for name in wanted}
        ids = {team.pk for team in teams.values()}
        usable = Team.objects.filter(pk__in=ids, deleted_at__isnull=True, archived_at__isnull=True)
        if len(usable.order_by("pk").select_for_update(no_key=True)) != len(ids):
            raise Refused.of("unknown_team")
        return teams

"""The endpoint's answer, the tab's meters and a person's own limits say the same, whatever limits there are."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from analytics.models import Scope as KeyScope
from analytics.rollups import state
from tests.analytics import workspace
from tests.analytics.api.client import Program, make_key, told
from tests.cast import NOW
from tests.tokenlimits.limits import ann, limit, override, sales
from tests.usermgmt import people
from tokenlimits import budget, meter
from tokenlimits.models import WHOLE, Scope, TokenLimit
from usermgmt.models import Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

TODAY = NOW.date()
PERIODS = ("day", "week", "month")
BADNESS = ("allowed", "warn", "blocked")
QUESTIONS = [(user, team, model) for user in ("ann", "bob@example.com", "cid", "nobody", "") for team in ("", "Legal")
             for model in ("", "m", "x")]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_answer_is_what_the_meters_show_and_names_all_limits_that_apply(seed: int) -> None:
    chance = random.Random(seed)
    persons = {"ann": ann(), "bob@example.com": _bob(), "cid": people.person("Cid", external_id="cid")}
    teams = {"ann": sales(), "bob@example.com": people.team("Legal")}
    _use(chance)
    _limits(chance, [persons["ann"], persons["bob@example.com"]], list(teams.values()))
    tab = {reading.limit.pk: reading for reading in budget.load(NOW, None).readings}
    program = Program(make_key(KeyScope.LIMITS)[1])
    for user, team, model in chance.sample(QUESTIONS, 15):
        wanted = chance.choice([0, 1, 30, 1000])
        person, of_team = persons.get(user), people.team("Legal") if team else teams.get(user)
        expected = [each for each in tab.values() if _applies(each.limit, user, person, of_team, model)]
        asked = {"user": user, "team": team, "model": model, "tokens": str(wanted)}
        answer = told(program.get("/api/v1/limits/check", asked))
        verdicts: list[dict[str, Any]] = answer["limits"]
        assert {verdict["id"] for verdict in verdicts} == {each.limit.pk for each in expected}
        of_person = _read_for(person, [each.limit for each in expected])
        for verdict in verdicts:
            shown = tab[verdict["id"]]
            mine = of_person[verdict["id"]]
            assert verdict["used"] == mine.used
            assert shown.limit.scope == Scope.EVERYBODY or shown.used == mine.used
            assert verdict["tokens"] == shown.allowed == mine.allowed
            assert verdict["remaining"] == mine.remaining
            assert dt.datetime.fromisoformat(verdict["resets_at"]) == shown.resets_at
            assert verdict["decision"] == _decision(shown.limit, mine.used, shown.allowed, wanted)
        assert verdicts == sorted(verdicts, key=_tightness)
        assert answer["limit"] == (verdicts[0] if verdicts else None)
        assert answer["decision"] == (verdicts[0]["decision"] if verdicts else "allowed")


def _bob() -> User:
    return people.person("Bob", external_id="b0b", email="bob@example.com", teams=("Legal",))


def _use(chance: random.Random) -> None:
    """Sixty events in two months; of each person for their own team, and for another."""
    workspace.fold(*(
        workspace.event(
            chance.random() * 60 if chance.random() < 0.5 else chance.random(),
            tokens=chance.randrange(60),
            user_id=chance.choice(["ann", "b0b", "cid", None]),
            team=chance.choice(["Sales", "Legal", None]),
            model=chance.choice(["m", "n", ""]),
        )
        for _ in range(60)
    ))  # fmt: skip


def _limits(chance: random.Random, persons: list[User], teams: list[Team]) -> None:
    """Of all scopes; half of them with an override that is open, ended, over, or outgrown."""
    targets: list[dict[str, Any]] = [{}, {"scope": Scope.EVERYBODY}, {"model": "m"}, {"model": "n"}]
    targets += [{"person": person} for person in persons] + [{"team": team} for team in teams]
    for target in targets:
        for period in chance.sample(PERIODS, chance.randrange(4)):
            tokens = chance.choice([1, 20, 100, 300, 2000])
            thresholds = chance.choice([[], [50], [50, 80, 100]])
            made = limit(tokens, period, hard=chance.random() < 0.5, thresholds=thresholds, **target)
            kind = chance.choice(["open", "ended", "over", "outgrown", *[""] * 4])
            raised = max(1, tokens // 2) if kind == "outgrown" else tokens * 3
            if kind:
                ended = {"ended_at": NOW} if kind == "ended" else {}
                override(made, raised, ends_on=TODAY - dt.timedelta(days=int(kind == "over")), **ended)


def _applies(of: TokenLimit, user: str, person: User | None, team: Team | None, model: str) -> bool:
    match Scope(of.scope):
        case Scope.WORKSPACE:
            return True
        case Scope.TEAM:
            return of.team == team
        case Scope.PERSON:
            return of.person == person
        case Scope.MODEL:
            return of.model == model
        case Scope.EVERYBODY:
            own = TokenLimit.objects.filter(person=person, period=of.period) if person else TokenLimit.objects.none()
            return bool(user) and not own.exists()


def _read_for(person: User | None, limits: list[TokenLimit]) -> dict[int, meter.Reading]:
    """As Home reads them. Nobody known has used nothing."""
    readings = meter.read_for(person.pk if person else 0, limits, NOW, state.read().time_zone)
    return {reading.limit.pk: reading for reading in readings}


def _decision(of: TokenLimit, used: int, allowed: int, wanted: int) -> str:
    if used >= allowed or used + wanted > allowed:
        return "blocked" if of.enforcement == "hard" else "warn"
    return "warn" if any(used * WHOLE >= each * allowed for each in of.thresholds) else "allowed"


def _tightness(verdict: dict[str, Any]) -> tuple[int, int, float, int]:
    resets_at = dt.datetime.fromisoformat(verdict["resets_at"]).timestamp()
    return -BADNESS.index(verdict["decision"]), verdict["remaining"], -resets_at, verdict["id"]

"""The check by HTTP: who may ask, what is answered, what is wrong with a question."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import time
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from analytics import cache
from analytics.models import Scope
from tests.analytics.api.client import Program, make_key, told
from tests.cast import Actor
from tests.tokenlimits.limits import ann, limit, override, sales, use

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

CHECK = "/api/v1/limits/check"
HUNG_S = 5.0  # a hung server that is asked costs a quarter of a second at best, and minutes at worst


@pytest.fixture
def program() -> Program:
    return Program(make_key(Scope.LIMITS)[1])


def ask(program: Program, **asked: object) -> dict[str, Any]:
    response = program.get(CHECK, {name: str(value) for name, value in asked.items()})
    assert response.status_code == 200, response.content
    return told(response)


def refused(program: Program, **asked: object) -> dict[str, str]:
    response = program.get(CHECK, {name: str(value) for name, value in asked.items()})
    assert response.status_code == 422
    return {error["parameter"]: error["reason"] for error in told(response)["errors"]}


def test_without_limits_nothing_binds(program: Program) -> None:
    assert ask(program) == {
        "decision": "allowed",
        "reason": "No limit applies.",
        "limit": None,
        "remaining": None,
        "resets_at": None,
        "limits": [],
        "unknown": [],
        "as_of": None,
    }


def test_a_blocked_request_is_told_by_which_limit_and_until_when(program: Program) -> None:
    ann()
    workspace = limit(1_000_000, hard=False)
    team = limit(1500, "week", team=sales())
    use(1500, user_id="ann")
    answer = ask(program, user="ann@example.com", model="gpt-5")
    of_team = {
        "id": team.pk,
        "scope": "team",
        "name": "Sales",
        "period": "week",
        "enforcement": "hard",
        "decision": "blocked",
        "reason": "Sales: 1,500 of 1,500 tokens used this week; the limit is reached.",
        "tokens": 1500,
        "override_until": None,
        "used": 1500,
        "remaining": 0,
        "threshold": 100,
        "resets_at": "2026-03-16T00:00:00Z",
    }
    assert answer["as_of"] is not None
    assert {**answer, "as_of": None} == {
        "decision": "blocked",
        "reason": of_team["reason"],
        "limit": of_team,
        "remaining": 0,
        "resets_at": "2026-03-16T00:00:00Z",
        "limits": [
            of_team,
            {
                "id": workspace.pk,
                "scope": "workspace",
                "name": "Workspace",
                "period": "month",
                "enforcement": "soft",
                "decision": "allowed",
                "reason": "Workspace: 1,500 of 1,000,000 tokens used this month.",
                "tokens": 1_000_000,
                "override_until": None,
                "used": 1500,
                "remaining": 998_500,
                "threshold": None,
                "resets_at": "2026-04-01T00:00:00Z",
            },
        ],
        "unknown": ["model"],
        "as_of": None,
    }


def test_the_reason_says_what_would_pass_the_limit_and_which_threshold_is_reached(program: Program) -> None:
    limit(100)
    use(80)
    assert ask(program)["reason"] == "Workspace: 80 of 100 tokens used this month; 80 % is reached."
    assert ask(program, tokens=21)["reason"] == (
        "Workspace: 80 of 100 tokens used this month; 21 more would pass the limit."
    )


def test_an_override_is_told_with_its_last_day(program: Program) -> None:
    override(limit(100), 500, ends_on=dt.date(2026, 3, 20))
    answer = ask(program)
    assert (answer["limit"]["tokens"], answer["limit"]["override_until"]) == (500, "2026-03-20")


def test_a_program_reads_the_same_whatever_language_it_asks_for(program: Program) -> None:
    limit(100)
    use(100)
    response = program.get(CHECK, headers={"Accept-Language": "de"})
    assert told(response)["reason"] == "Workspace: 100 of 100 tokens used this month; the limit is reached."


# --- Questions that do not fit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", ["-1", "1.5", "many", "1e3", "", "1000000000000001", "9" * 400])
def test_tokens_are_a_whole_number_in_reason(program: Program, tokens: str) -> None:
    assert refused(program, tokens=tokens).keys() == {"tokens"}


@pytest.mark.parametrize("name", ["user", "team", "model"])
@pytest.mark.parametrize("value", ["a\x00b", "line\nbreak", "\x7f", "x" * 255])
def test_names_are_short_and_printable(program: Program, name: str, value: str) -> None:
    assert refused(program, **{name: value}).keys() == {name}


def test_a_parameter_that_does_not_exist_is_told(program: Program) -> None:
    assert refused(program, usr="ann") == {"usr": "There is no such parameter, only user, team, model, tokens."}


@pytest.mark.parametrize("value", ["'; DROP TABLE person; --", "%s %(user)s", "“quoted”", "日本語"])
def test_any_other_text_is_a_name_that_nobody_has(program: Program, value: str) -> None:
    assert ask(program, user=value, team=value, model=value)["unknown"] == ["user", "team", "model"]


# --- Who may ask --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.LIMITS])
def test_a_key_without_the_scope_is_refused(scope: Scope) -> None:
    response = Program(make_key(scope)[1]).get(CHECK)
    assert response.status_code == 403
    assert "limits" in told(response)["detail"]


def test_a_session_counts_for_nothing(administrator: Actor) -> None:
    assert administrator.get(CHECK).status_code == 401


def test_only_reading_is_possible(program: Program) -> None:
    assert program.post(CHECK).status_code == 405
    assert program.head(CHECK).status_code == 200


# --- Cost and faults ----------------------------------------------------------------------------------------------


def test_it_takes_three_queries_with_the_keys_own(
    program: Program, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    limit(100)
    ask(program)  # the first use of a key in a minute is noted
    with django_assert_num_queries(3):
        ask(program, user="ann", team="Sales", model="gpt-5", tokens=10)


def test_it_answers_at_once_with_redis_hung(
    program: Program, own_valkey: tuple[subprocess.Popen[bytes], str], settings: Settings
) -> None:
    process, settings.REDIS_URL = own_valkey
    cache.forget_server()
    limit(100)
    use(100)
    process.send_signal(signal.SIGSTOP)
    started = time.perf_counter()
    assert ask(program)["decision"] == "blocked"
    assert time.perf_counter() - started < HUNG_S

"""The dashboard's numbers as JSON: those of the page and the export, for the range that was meant, with a key."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from analytics import report
from analytics.models import ApiKey, Assistant, Scope
from analytics.periods import DayRange, Preset
from analytics.rollups.fold import fold_pending
from analytics.rollups.rebuild import rebuild_all
from analytics.views.cards import cards
from tests.analytics import workspace
from tests.analytics.api.client import Program, make_key, told
from tests.analytics.workspace import event
from tests.cast import NOW, Actor
from usermgmt.models import Status, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

USAGE = "/api/v1/usage"
SUMS = ("requests", "failed_requests", "input_tokens", "output_tokens", "total_tokens", "calls_without_usage")
EVERYTHING = ("day", "team", "assistant", "workflow", "user")


@pytest.fixture
def program() -> Program:
    return Program(make_key(Scope.READ)[1])


@pytest.fixture
def ada(program: Program) -> Actor:
    """Who made the key, in front of the page."""
    return Actor(User.objects.get(email="ada@example.com"))


def ask(program: Program, **asked: object) -> dict[str, Any]:
    """The answer; `from_` is the parameter `from`."""
    response = program.get(USAGE, {name.rstrip("_"): str(value) for name, value in asked.items()})
    assert response.status_code == 200, response.content
    return told(response)


def refused(program: Program, **asked: object) -> dict[str, str]:
    """What is wrong with which parameter."""
    response = program.get(USAGE, {name.rstrip("_"): str(value) for name, value in asked.items()})
    assert response.status_code == 422
    return {error["parameter"]: error["reason"] for error in told(response)["errors"]}


def sums(row: dict[str, Any]) -> list[int]:
    return [row[name] for name in SUMS]


def added(rows: list[dict[str, Any]]) -> list[int]:
    return [sum(row[name] for row in rows) for name in SUMS]


# --- The numbers --------------------------------------------------------------------------------------------------


def test_the_totals_are_what_happened(program: Program) -> None:
    workspace.fill()
    answer = ask(program, by="team")
    assert answer["totals"] == {
        "requests": 7,
        "failed_requests": 1,
        "input_tokens": 666_744,
        "output_tokens": 333_371,
        "total_tokens": 1_000_115,
        "calls_without_usage": 1,
        "active_users": 3,
        "chat_requests": 2,
        "assistant_requests": 3,
        "workflow_requests": 2,
    }
    # Five who joined, and the administrator who made the key.
    assert answer["now"] == {"total_users": 6, "assistants": 3, "workflows": 1}


def test_they_are_the_numbers_of_the_cards_and_of_the_export(program: Program, ada: Actor) -> None:
    workspace.fill()
    shown = cards(report.load(Preset.LAST_30_DAYS.resolve(NOW.date()), timezone.now(), report.read_state()))
    page = ada.get("/admin/analytics/").context
    exported = list(csv.DictReader(io.StringIO(csv_of(ada, "usage"))))
    answer = ask(program)
    totals, now = answer["totals"], answer["now"]
    assert {name: card.value for name, card in shown.items()} == {
        "total_users": now["total_users"],
        "tokens": totals["total_tokens"],
        "workflows": now["workflows"],
        "assistants": now["assistants"],
        "requests": totals["requests"],
    }
    assert page["report"].totals.active_users == totals["active_users"]
    assert [sum(int(line[name]) for line in exported) for name in SUMS] == sums(totals)


def csv_of(ada: Actor, variant: str) -> str:
    response = ada.get(f"/admin/analytics/export/{variant}/")
    return b"".join(response.streaming_content).decode().removeprefix("\ufeff")  # type: ignore[attr-defined]


@pytest.mark.parametrize("by", ["day", "team", "user"])
def test_the_rows_add_up_to_the_totals(program: Program, by: str) -> None:
    workspace.fill()
    answer = ask(program, by=by)
    assert added(answer["rows"]) == sums(answer["totals"])


def test_assistants_workflows_and_chat_add_up_to_the_totals(program: Program) -> None:
    workspace.fill()
    assistants, workflows = (ask(program, by=by) for by in ("assistant", "workflow"))
    totals = assistants["totals"]
    assert sum(row["requests"] for row in assistants["rows"]) == totals["assistant_requests"] == 3
    assert sum(row["requests"] for row in workflows["rows"]) == totals["workflow_requests"] == 2
    assert totals["requests"] - 5 == totals["chat_requests"] == 2


def test_days_come_in_order_with_zeros_where_nothing_happened(program: Program) -> None:
    workspace.fill()
    rows = ask(program, from_="2026-03-12", to="2026-03-15")["rows"]
    assert [(row["date"], row["requests"], row["active_users"], row["incomplete"]) for row in rows] == [
        ("2026-03-12", 1, 1, False),
        ("2026-03-13", 1, 1, False),
        ("2026-03-14", 2, 2, False),
        ("2026-03-15", 1, 1, True),
    ]
    assert [row["requests"] for row in ask(program, from_="2026-03-11", to="2026-03-11")["rows"]] == [0]


def test_teams_come_by_tokens_with_what_became_of_them(program: Program) -> None:
    workspace.fill()
    Team.objects.filter(name="Legal").update(deleted_at=NOW)
    Team.objects.filter(name="Sales").update(archived_at=NOW, name="Sales & Co")
    rows = ask(program, by="team")["rows"]
    assert [(row["name"], row["total_tokens"], row["archived"], row["deleted"]) for row in rows] == [
        ("Legal", 1_000_060, False, True),
        (None, 40, False, False),
        ("Sales & Co", 15, True, False),
    ]
    assert [row["id"] is None for row in rows] == [False, True, False]


def test_assistants_and_workflows_come_in_the_order_of_the_page(program: Program) -> None:
    workspace.fill()
    Assistant.objects.filter(name="Pitch").update(deleted_at=NOW)
    assistants = ask(program, by="assistant")["rows"]
    assert [(row["name"], row["total_tokens"], row["deleted"]) for row in assistants] == [
        ("Contracts", 75, False),
        ("Pitch", 0, True),
    ]
    assert [(row["name"], row["requests"]) for row in ask(program, by="workflow")["rows"]] == [("Weekly report", 2)]


def test_nothing_is_cut_at_a_page_size(program: Program) -> None:
    workspace.fold(*(event(1, team=f"Team {number}", assistant=f"A {number}") for number in range(1_200)))
    for by in ("team", "assistant"):
        assert len(ask(program, by=by)["rows"]) == 1_200


def test_three_trillion_tokens_come_through(program: Program) -> None:
    workspace.fold(*(event(1, user_id=f"u{n}", tokens=1_500_000_000) for n in range(2_000)))
    for by in ("day", "team", "user"):
        answer = ask(program, by=by, limit=5_000) if by == "user" else ask(program, by=by)
        assert answer["totals"]["total_tokens"] == sum(row["total_tokens"] for row in answer["rows"]) == 3 * 10**12


@pytest.mark.parametrize("by", EVERYTHING)
def test_before_anything_was_counted_there_are_zeros(program: Program, by: str) -> None:
    answer = ask(program, by=by)
    assert answer["as_of"] is None
    assert answer["totals"]["requests"] == answer["totals"]["total_tokens"] == 0
    assert len(answer["rows"]) == (30 if by == "day" else 0)


# --- People -------------------------------------------------------------------------------------------------------


def test_people_are_told_with_how_they_are_known_and_last_what_is_nobodys(program: Program) -> None:
    User.objects.create_person("idle@example.com", "Idle", joined_at=NOW)
    workspace.fold(
        event(1, email="Ann@Example.com", user_name="Ann", tokens=15),
        event(1, user_id="b-7", tokens=30),
        event(2, user_id="b-7", status="error", tokens=None),
        event(1, tokens=3),
    )
    User.objects.filter(external_id="b-7").update(status=Status.DELETED)
    rows = ask(program, by="user")["rows"]
    known = ("name", "email", "external_id", "deleted", "requests", "failed_requests", "total_tokens")
    assert [tuple(row[name] for name in known) for row in rows] == [
        ("Ann", "ann@example.com", None, False, 1, 0, 15),
        (None, None, "b-7", True, 2, 1, 30),
        (None, None, None, False, 1, 0, 3),
    ]
    assert [row["id"] for row in rows] == [
        *User.objects.filter(activity__isnull=False).order_by("pk").values_list("pk", flat=True),
        None,
    ]


def test_pages_of_people_follow_each_other_without_a_gap_or_a_repeat(program: Program) -> None:
    workspace.fold(*(event(n % 7, user_id=f"u{n % 25}", tokens=3 * n) for n in range(100)), event(1, tokens=7))
    first = ask(program, by="user", limit=10)
    pages = [first]
    while pages[-1]["next"]:
        response = program.get(pages[-1]["next"])
        pages.append(told(response))
    rows = [row for page in pages for row in page["rows"]]
    assert [len(page["rows"]) for page in pages] == [10, 10, 6]  # the last one with what is nobody's
    ids = [row["id"] for row in rows[:-1]]
    assert ids == sorted(set(ids))
    assert len(ids) == 25
    assert rows[-1]["id"] is None
    assert added(rows) == sums(first["totals"])


def test_a_full_last_page_has_no_next_one(program: Program) -> None:
    workspace.fold(*(event(1, user_id=f"u{n}") for n in range(4)))
    page = ask(program, by="user", limit=4)
    assert (len(page["rows"]), page["next"]) == (4, None)
    assert ask(program, by="user", limit=4, after=page["rows"][-1]["id"])["rows"] == []


def test_the_next_page_is_of_the_same_days_also_tomorrow(program: Program, frozen_now: Any) -> None:
    workspace.fold(*(event(29, user_id=f"u{n}") for n in range(3)))
    following = ask(program, by="user", limit=2)["next"]
    frozen_now.shift(dt.timedelta(days=1))
    page = told(program.get(following))
    assert page["range"] == {"preset": None, "from": "2026-02-14", "to": "2026-03-15", "days": 30}
    assert len(page["rows"]) == 1


def test_a_page_and_its_totals_are_of_one_moment(program: Program) -> None:
    """A fold between the report and the page of people: both are read again."""
    workspace.fold(event(1, user_id="ann"))
    workspace.store(event(1, user_id="ann"), event(1, user_id="bob"))
    folds: list[str] = []

    def fold_before_people(execute: Any, sql: str, *rest: Any) -> Any:
        if "LEFT JOIN person p" in sql and not folds:
            folds.append(sql)
            fold_pending()
        return execute(sql, *rest)

    with connection.execute_wrapper(fold_before_people):
        answer = ask(program, by="user")
    assert folds
    assert added(answer["rows"])[0] == answer["totals"]["requests"] == 3


# --- The range ----------------------------------------------------------------------------------------------------


def test_without_a_range_it_is_the_last_30_days(program: Program) -> None:
    assert ask(program)["range"] == {"preset": "last_30_days", "from": "2026-02-14", "to": "2026-03-15", "days": 30}


@pytest.mark.parametrize("preset", list(Preset))
def test_a_preset_means_what_it_means_on_the_page(program: Program, ada: Actor, preset: Preset) -> None:
    workspace.fill()
    shown = ada.get("/admin/analytics/", {"range": preset.value}).context["report"]
    answer = ask(program, range=preset.value)
    days: DayRange = shown.days_range
    assert answer["range"] == {
        "preset": preset.value,
        "from": str(days.start),
        "to": str(days.last),
        "days": days.days,
    }
    assert answer["totals"]["requests"] == shown.totals.requests
    assert answer["totals"]["active_users"] == shown.totals.active_users


def test_two_dates_are_both_included_and_the_future_is_cut(program: Program) -> None:
    answer = ask(program, from_="2026-03-14", to="2026-12-31")
    assert answer["range"] == {"preset": None, "from": "2026-03-14", "to": "2026-03-15", "days": 2}


def test_days_are_those_of_the_reporting_zone(program: Program) -> None:
    workspace.fold(event(10.5 / 24 + 1 / 24, tokens=3))  # 23:00 UTC of the day before
    rebuild_all(ZoneInfo("Europe/Berlin"))
    answer = ask(program, range="today")
    assert answer["time_zone"] == "Europe/Berlin"
    assert [row["total_tokens"] for row in answer["rows"]] == [3]


def test_it_says_how_fresh_the_numbers_are(program: Program) -> None:
    workspace.fold(event(1))
    as_of = dt.datetime.fromisoformat(ask(program)["as_of"])
    assert as_of == report.read_state().as_of
    workspace.store(event(1))
    assert ask(program)["totals"]["requests"] == 1
    fold_pending()
    assert ask(program)["totals"]["requests"] == 2


@pytest.mark.parametrize(
    "asked, parameter, said",
    [
        ({"from_": "2026-03-02", "to": "2026-03-01"}, "to", "before the first"),
        ({"from_": "2026-03-01"}, "to", "both"),
        ({"to": "2026-03-01"}, "from", "both"),
        ({"from_": "", "to": ""}, "from", "both"),
        ({"from_": "2026-02-30", "to": "2026-03-01"}, "from", "2026-02-30"),
        ({"from_": "2026-03-01", "to": "20260302"}, "to", "20260302"),
        ({"from_": "2026-03-16", "to": "2026-03-20"}, "from", "not come yet"),
        ({"from_": "1999-12-31", "to": "2000-01-10"}, "from", "2000"),
        ({"from_": "2016-03-01", "to": "2026-03-15"}, "from", "ten years"),
        ({"range": "last_31_days"}, "range", "last_30_days"),
        ({"range": "custom", "from_": "2026-03-01", "to": "2026-03-02"}, "range", "last_30_days"),
        ({"range": "today", "from_": "2026-03-01"}, "range", "either"),
        ({"by": "model"}, "by", "'team'"),
        ({"form": "2026-03-01"}, "form", "from"),
        ({"limit": 10}, "limit", "by=user"),
        ({"by": "team", "after": 10}, "after", "by=user"),
        ({"by": "user", "limit": 0}, "limit", "greater"),
        ({"by": "user", "limit": 10_001}, "limit", "less"),
        ({"by": "user", "after": -1}, "after", "greater"),
        ({"by": "user", "after": 2**63}, "after", "less"),
        ({"by": "user", "after": "x"}, "after", "integer"),
    ],
)
def test_what_does_not_fit_is_told_with_its_parameter(
    program: Program, asked: dict[str, Any], parameter: str, said: str
) -> None:
    ((name, reason),) = refused(program, **asked).items()
    assert name == parameter
    assert said in reason


def test_ten_years_are_a_range(program: Program) -> None:
    assert ask(program, from_="2016-03-08", to="2026-03-15", by="team")["range"]["days"] == 3660


def test_problems_are_told_in_one_language(program: Program) -> None:
    with translation.override("de"):
        assert "before the first" in refused(program, from_="2026-03-02", to="2026-03-01")["to"]


def test_a_request_that_is_malformed_is_a_problem_too(program: Program) -> None:
    for response in (program.get(USAGE, {f"p{n}": "" for n in range(1_100)}), program.get(USAGE, HTTP_HOST="evil")):
        assert response.status_code == 400
        assert told(response)


# --- Keys and cost ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_numbers_are_read_of_a_database_that_takes_no_change() -> None:
    """The disk is full, say. When the key was used is worth no refusal."""
    key, text = make_key(Scope.READ)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            assert told(Program(text).get(USAGE))["totals"]["requests"] == 0
        finally:
            cursor.execute("SET default_transaction_read_only = off")
    assert ApiKey.objects.get(pk=key.pk).last_used_at is None


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.READ])
def test_a_key_of_another_scope_is_refused(scope: Scope) -> None:
    response = Program(make_key(scope)[1]).get(USAGE)
    assert response.status_code == 403
    assert "read" in told(response)["detail"]


def test_a_head_request_is_answered_as_a_get(program: Program) -> None:
    response = program.head(USAGE)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("by, queries", [("day", 2), ("user", 5)])
def test_what_it_costs_once_the_report_is_cached(program: Program, by: str, queries: int) -> None:
    """The key and the state; for people also their page, what is nobody's, and the state once more."""
    workspace.fill()
    ask(program, by=by)
    with CaptureQueriesContext(connection) as asked:
        ask(program, by=by)
    assert len(asked) == queries, [query["sql"][:80] for query in asked]

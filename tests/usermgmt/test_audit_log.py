"""The audit log: what can be found in it, how it is read page by page, its CSV, and that nobody can change it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.http.response import HttpResponseBase
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from tests.cast import NOW, Actor
from usermgmt import actions, audit, audit_log
from usermgmt.audit_log import ENTRIES_A_PAGE, LogState, Place
from usermgmt.models import Action, AuditEntry, Role, Team, User

pytestmark = pytest.mark.django_db
LOG = "/admin/audit/"
HTML = "<img src=x onerror=alert(1)>"


def write(number: int, at: dt.datetime = NOW, **fields: Any) -> AuditEntry:
    values = {"action": Action.EDITED, "actor_id": 1, "actor_name": "Ada", "target_name": f"Person {number:03}"}
    return AuditEntry.objects.create(at=at, person_id=1_000 + number, **{**values, **fields})


def soup(response: HttpResponseBase) -> BeautifulSoup:
    assert response.status_code == 200
    return BeautifulSoup(bytes(getattr(response, "content", b"")), "html.parser")


def rows(response: HttpResponseBase) -> list[list[str]]:
    cells = (row.select("td, th") for row in soup(response).select(".audit__table tbody tr"))
    return [[" ".join(cell.get_text(" ").split()) for cell in row] for row in cells]


def targets(response: HttpResponseBase) -> list[str]:
    return [row[3] for row in rows(response)]


# --- Nobody changes it ----------------------------------------------------------------------------------------------


def execute(sql: str, *, erasing: bool = False) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if erasing:
            cursor.execute("SET LOCAL panta.erasing = 'on'")
        cursor.execute(sql)


@pytest.mark.parametrize("erasing", [False, True], ids=["any time", "while erasing"])
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET action = 'person.invited'",
        "UPDATE audit_entry SET at = now()",
        "UPDATE audit_entry SET actor_id = 2",
        "UPDATE audit_entry SET actor_id = NULL",
        "UPDATE audit_entry SET person_id = 2",
        "UPDATE audit_entry SET team_id = 2",
        "UPDATE audit_entry SET id = id + 1000000",
        "UPDATE audit_entry SET actor_name = 'Somebody else'",
        "UPDATE audit_entry SET target_name = ''",
        """UPDATE audit_entry SET after = '{}'""",
        """UPDATE audit_entry SET after = after || '{"role": "user"}'""",
        """UPDATE audit_entry SET after = after || '{"name": "Somebody else"}'""",
        """UPDATE audit_entry SET after = after || '{"email": "Erased person"}'""",
        """UPDATE audit_entry SET after = after || '{"name": null}'""",
        """UPDATE audit_entry SET before = '{"role": "admin"}'""",
    ],
)
def test_an_entry_can_be_neither_changed_nor_deleted(sql: str, erasing: bool) -> None:
    write(1, after={"name": "New", "role": "admin"}, before={"name": "Old"})
    before = list(AuditEntry.objects.values())
    with pytest.raises(ProgrammingError, match="append-only"):
        execute(sql, erasing=erasing)
    assert list(AuditEntry.objects.values()) == before


@pytest.mark.parametrize("erasing", [False, True], ids=["any time", "while erasing"])
@pytest.mark.parametrize(
    "sql", ["TRUNCATE audit_entry", "TRUNCATE person, audit_entry CASCADE", "TRUNCATE audit_entry RESTART IDENTITY"]
)
def test_the_log_cannot_be_emptied(sql: str, erasing: bool) -> None:
    execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_is_not_truncated")  # as it is everywhere but in tests
    write(1)
    before = list(AuditEntry.objects.values())
    with pytest.raises(ProgrammingError, match="append-only"):
        execute(sql, erasing=erasing)
    assert list(AuditEntry.objects.values()) == before


def test_a_workspace_cannot_be_flushed() -> None:
    execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_is_not_truncated")
    write(1)
    with pytest.raises(CommandError) as refused:
        call_command("flush", interactive=False, verbosity=0)
    assert "append-only" in str(refused.value.__cause__)
    assert AuditEntry.objects.count() == 1


def test_erasing_replaces_names_and_nothing_else(administrator: Actor) -> None:
    ada = administrator.user
    assert ada is not None
    gone = User.objects.create_person("max@example.com", "Max")
    other = User.objects.create_person("eva@example.com", "Eva")
    audit.record(ada, Action.INVITED, person=gone, after={"name": "Max", "email": "max@example.com", "role": "user"})
    audit.record(ada, Action.EDITED, person=gone, before={"name": "Maks"}, after={"name": "Max"})
    audit.record(gone, Action.EDITED, person=other, before={"name": "Ewa"}, after={"name": "Eva"})
    with transaction.atomic():
        audit.forget(gone)
    told = [(each.actor_name, each.target_name, each.before, each.after) for each in AuditEntry.objects.order_by("pk")]
    erased = audit.ERASED_NAME
    assert told == [
        ("Ada Admin", erased, {}, {"name": erased, "email": erased, "role": "user"}),
        ("Ada Admin", erased, {"name": erased}, {"name": erased}),
        (erased, "Eva", {"name": "Ewa"}, {"name": "Eva"}),
    ]
    with pytest.raises(ProgrammingError):
        execute("DELETE FROM audit_entry")


# --- Pages ----------------------------------------------------------------------------------------------------------


def test_pages_lead_from_the_newest_to_the_oldest_and_back_over_entries_of_one_instant(administrator: Actor) -> None:
    """120 entries, the middle forty of them of one instant: three pages without a gap or a repetition."""
    for number in range(120):
        write(number, NOW + dt.timedelta(seconds=min(number, 40) + max(0, number - 80)))
    newest_first = [f"Person {number:03}" for number in reversed(range(120))]
    url, seen, visited = LOG, [], []
    while url:
        page = administrator.get(url)
        visited.append(targets(page))
        seen += visited[-1]
        link = soup(page).select_one("a[rel=next]")
        url, last = (str(link["href"]), "") if link else ("", url)
    assert seen == newest_first
    assert list(map(len, visited)) == [50, 50, 20]
    back = soup(administrator.get(last)).select_one("a[rel=prev]")
    assert back is not None
    page = administrator.get(str(back["href"]))
    assert targets(page) == visited[1]
    back = soup(page).select_one("a[rel=prev]")
    assert back is not None
    first = administrator.get(str(back["href"]))
    assert targets(first) == visited[0]
    assert soup(first).select_one("a[rel=prev]") is None


def test_what_is_written_meanwhile_moves_no_page(administrator: Actor) -> None:
    for number in range(ENTRIES_A_PAGE + 3):
        write(number, NOW + dt.timedelta(seconds=number))
    older = soup(administrator.get(LOG)).select_one("a[rel=next]")
    assert older is not None
    write(999, NOW + dt.timedelta(days=1))
    assert targets(administrator.get(str(older["href"]))) == ["Person 002", "Person 001", "Person 000"]


@pytest.mark.parametrize("place", ["", "x", "1-", "-1", "1-2-3", "٣-٣", "9" * 17 + "-1", "0-0", "1-" + "9" * 18])
def test_a_place_that_is_none_shows_a_page(administrator: Actor, place: str) -> None:
    write(1)
    for name in ("before", "after"):
        assert administrator.get(LOG, {name: place}).status_code == 200


def test_a_place_comes_back_from_its_text() -> None:
    place = Place(NOW.replace(microsecond=123_457), 42)
    assert Place.of(str(place)) == place


@pytest.mark.parametrize("query", ["", "?actor=ada&target=person&action=person.edited&since=2026-01-01"])
def test_a_page_costs_three_queries_however_many_entries_there_are(
    administrator: Actor, query: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(ENTRIES_A_PAGE + 5):
        write(number)
    with django_assert_num_queries(3):  # session, administrator, entries
        administrator.get(LOG + query)


# --- Filters --------------------------------------------------------------------------------------------------------


@pytest.fixture
def _three(db: None) -> None:
    """Ada edited Max on the 10th, Ada invited Eva on the 11th, the system imported on the 12th."""
    ada = User.objects.create_person("boss@example.com", "Ada Boss")
    max_ = User.objects.create_person("max@example.com", "Max Meier")
    day = dt.datetime(2026, 3, 10, 0, 0, tzinfo=dt.UTC)
    who = {"actor_id": ada.pk, "actor_name": "Ada as she was called"}
    AuditEntry.objects.create(at=day, action=Action.EDITED, person_id=max_.pk, target_name="Max Old", **who)
    later = day + dt.timedelta(days=1, seconds=-1) + dt.timedelta(seconds=1)
    AuditEntry.objects.create(at=later, action=Action.INVITED, person_id=77, target_name="Eva", **who)
    AuditEntry.objects.create(at=day + dt.timedelta(days=2), action=Action.IMPORTED, after={"created": 3})


@pytest.mark.usefixtures("_three")
@pytest.mark.parametrize(
    "asked, found",
    [
        ({}, ["–", "Eva", "Max Old"]),
        ({"action": "person.edited"}, ["Max Old"]),
        ({"action": "nonsense"}, ["–", "Eva", "Max Old"]),
        ({"target": "meier"}, ["Max Old"]),
        ({"target": "max@example.com"}, ["Max Old"]),
        ({"target": "x old"}, ["Max Old"]),
        ({"target": "#77"}, ["Eva"]),
        ({"target": "%"}, []),
        ({"target": "' OR 1=1 --"}, []),
        ({"actor": "boss"}, ["Eva", "Max Old"]),
        ({"actor": "as she was"}, ["Eva", "Max Old"]),
        ({"actor": "max"}, []),
        ({"since": "2026-03-11"}, ["–", "Eva"]),
        ({"until": "2026-03-10"}, ["Max Old"]),
        ({"since": "2026-03-11", "until": "2026-03-11"}, ["Eva"]),
        ({"since": "2026-03-12", "until": "2026-03-10"}, ["–", "Eva", "Max Old"]),
        ({"since": "11.03.2026"}, ["–", "Eva", "Max Old"]),
        ({"target": "max", "action": "person.invited"}, []),
    ],
)
def test_filters_find_what_they_name(administrator: Actor, asked: dict[str, str], found: list[str]) -> None:
    assert targets(administrator.get(LOG, asked)) == found


def test_days_are_those_of_the_reporting_zone(settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Asia/Kolkata"
    write(1, dt.datetime(2026, 3, 10, 18, 29, 59, tzinfo=dt.UTC))  # 23:59:59 there
    write(2, dt.datetime(2026, 3, 10, 18, 30, tzinfo=dt.UTC))
    day = dt.date(2026, 3, 11)
    assert [each.target_name for each in audit_log.entries(LogState(since=day, until=day))] == ["Person 002"]


def test_a_filter_that_cannot_be_understood_is_said(administrator: Actor) -> None:
    page = soup(administrator.get(LOG, {"since": "yesterday", "action": "x"}))
    assert "Enter a valid date." in page.get_text()
    backwards = soup(administrator.get(LOG, {"since": "2026-03-12", "until": "2026-03-10"}))
    assert "The last day is before the first one." in backwards.get_text()


def test_htmx_gets_the_list_alone_and_the_address_of_it(administrator: Actor) -> None:
    write(1)
    answer = administrator.get(LOG, {"target": "Person", "action": ""}, headers={"HX-Request": "true"})
    assert answer.headers["HX-Push-Url"] == f"{LOG}?target=Person"
    assert soup(answer).select_one("h1") is None
    assert targets(answer) == ["Person 001"]


# --- What it says ---------------------------------------------------------------------------------------------------


def test_an_edit_is_told_in_words(administrator: Actor) -> None:
    ada, team = administrator.user, Team.objects.create(key="Sales", name="Sales")
    assert ada is not None
    max_ = User.objects.create_person("max@example.com", "Max")
    actions.edit_person(ada, max_.pk, actions.version(max_), "Maximilian", Role.ADMINISTRATOR, [team.pk], NOW)
    told = rows(administrator.get(LOG))
    assert {tuple(row[1:3]) for row in told} >= {("Ada Admin", "Changed a role")}
    assert sorted(row[4] for row in told) == [
        "Name Max → Maximilian",
        "Role User → Administrator",
        "Teams none → Sales",
    ]


def test_the_system_is_named_and_unknown_fields_and_actions_are_shown_as_they_are(administrator: Actor) -> None:
    AuditEntry.objects.create(action="robot.danced", after={"steps": 3}, at=NOW)
    assert rows(administrator.get(LOG)) == [["15 Mar 2026 10:30", "System", "robot.danced", "–", "steps 3"]]


def test_names_are_text(administrator: Actor) -> None:
    write(1, target_name=HTML, actor_name=HTML, after={"name": HTML, HTML: HTML})
    page = soup(administrator.get(LOG, {"target": HTML}))
    assert page.select("img[onerror]") == []
    assert HTML in page.get_text()


def test_an_empty_log_says_so(administrator: Actor) -> None:
    assert "Nothing here yet" in soup(administrator.get(LOG)).get_text()


# --- CSV ------------------------------------------------------------------------------------------------------------


def download(actor: Actor, **asked: str) -> list[dict[str, str]]:
    answer = actor.get(f"{LOG}export/", asked)
    assert answer.streaming
    assert f"panta-audit-log_{timezone.now().date()}.csv" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(bytes(answer.getvalue()).decode("utf-8-sig"))))


def test_the_csv_holds_every_entry_that_the_filter_finds(administrator: Actor) -> None:
    for number in range(ENTRIES_A_PAGE + 5):
        write(number, NOW + dt.timedelta(seconds=number), before={"name": 'a "b"\nc'}, after={"name": "ü"})
    write(999, action=Action.INVITED)
    lines = download(administrator, action="person.edited")
    assert [line["target"] for line in lines] == [f"Person {number:03}" for number in reversed(range(55))]
    last = lines[-1]
    assert (last["at"], last["actor"], last["person_id"]) == ("2026-03-15T10:30:00+00:00", "Ada", "1000")
    assert (json.loads(last["before"]), json.loads(last["after"])) == ({"name": 'a "b"\nc'}, {"name": "ü"})


def test_formulas_are_disarmed(administrator: Actor) -> None:
    write(1, target_name='=HYPERLINK("x")', actor_name="+1", after={"name": "=1+1"})
    (line,) = download(administrator, action="person.edited")
    assert (line["target"], line["actor"]) == ('\'=HYPERLINK("x")', "'+1")
    assert json.loads(line["after"]) == {"name": "=1+1"}


def test_no_file_for_a_filter_that_cannot_be_understood(administrator: Actor) -> None:
    assert administrator.get(f"{LOG}export/", {"since": "x"}).status_code == 400

"""A person's page: what it says and costs, and ending somebody's sessions with the password given again."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from bs4 import BeautifulSoup
from django.contrib.sessions.models import Session
from django.http.response import HttpResponseBase
from pytest_django import DjangoAssertNumQueries, Settings

from analytics.models import Assistant
from tests.analytics import workspace
from tests.cast import NOW, Actor
from usermgmt import actions, audit
from usermgmt.models import Action, AuditEntry, Membership, Role, Status, Team, User
from usermgmt.person import polyline

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
HTML = "<img src=x onerror=alert(1)>"


def path(person: User) -> str:
    return f"/admin/users/{person.pk}/"


def soup(response: HttpResponseBase) -> BeautifulSoup:
    assert response.status_code == 200
    return BeautifulSoup(bytes(getattr(response, "content", b"")), "html.parser")


def card(page: BeautifulSoup, name: str) -> str:
    found = page.select_one(f"section[aria-labelledby={name}-title]")
    assert found is not None
    for place in found.select("wbr"):  # where a line may end there is no space
        place.unwrap()
    found.smooth()
    return " ".join(found.get_text(" ").split())


@pytest.fixture
def mika(db: None) -> User:
    return User.objects.create_person("mika@example.com", "Mika Meier", password=PASSWORD, joined_at=NOW)


@pytest.fixture
def ada(administrator: Actor) -> Actor:
    """The administrator, with a password."""
    assert administrator.user is not None
    administrator.user.set_password(PASSWORD)
    administrator.user.save()
    administrator.force_login(administrator.user)
    return administrator


def signed_in(person: User) -> Actor:
    """A browser that signed in by the form, so that its session is remembered."""
    actor = Actor()
    actor.post("/accounts/login/", {"login": person.email, "password": PASSWORD}, REMOTE_ADDR="192.0.2.7")
    assert "_auth_user_id" in actor.session
    return actor


# --- What it says ---------------------------------------------------------------------------------------------------


def test_the_profile_names_teams_role_and_state(administrator: Actor, mika: User) -> None:
    for name, primary in (("Alpha", False), ("Beta", True)):
        Membership.objects.create(user=mika, team=Team.objects.create(key=name, name=name), is_primary=primary)
    page = soup(administrator.get(path(mika)))
    assert card(page, "profile") == (
        "Profile Email mika@example.com Platform id – Role User State Active Teams Beta Primary Alpha"
    )
    assert [tab.get_text(strip=True) for tab in page.select(".tabs__tab[aria-current]")] == ["User management"]


@pytest.mark.usefixtures("frozen_now")
def test_activity_counts_thirty_days_with_today(administrator: Actor) -> None:
    """Of ann's six requests one is 40 days old; the tokens of the rest: 1,000,000 + 60 + 9 + 1."""
    workspace.fill()
    ann = User.objects.get(external_id="ann")
    page = soup(administrator.get(path(ann)))
    shown = card(page, "activity")
    assert "Requests 3 Tokens 1.0 M Days with usage 3" in shown.replace("\xa0", " ")
    assert "Last active Today" in shown
    assert "First value 3 Feb 2026" in shown.replace("\xa0", " ")
    table = [[cell.get_text() for cell in row.select("th, td")] for row in page.select(".person-page__days tbody tr")]
    assert [[cell.replace("\xa0", " ") for cell in row] for row in table] == [
        ["15 Mar 2026", "1", "1,000,000"],
        ["14 Mar 2026", "1", "60"],
        ["14 Feb 2026", "1", "10"],
    ]


@pytest.mark.usefixtures("frozen_now")
def test_tokens_by_assistant_are_those_of_the_same_thirty_days(administrator: Actor) -> None:
    workspace.fill()
    Assistant.objects.filter(name="Contracts").update(deleted_at=NOW)
    workspace.fold(
        workspace.event(3, user_id="ann", assistant=HTML, tokens=9_000),
        workspace.event(29.4, user_id="ann", assistant="Contracts", tokens=30),  # 01:00 of the first day
        workspace.event(29.5, user_id="ann", assistant="Contracts", tokens=600),  # the day before
    )
    ann = User.objects.get(external_id="ann")
    page = soup(administrator.get(path(ann)))
    rows = [row.select("th, td") for row in page.select(".person-page__assistants tbody tr")]
    assert [[cell.get_text().replace("\xa0", " ") for cell in row] for row in rows] == [
        [HTML, "9,000", "1"],
        ["Contracts (deleted)", "90", "2"],
        ["Chat and workflows", "1.0 M", "2"],
    ]


@pytest.mark.usefixtures("frozen_now")
@pytest.mark.parametrize("zone, tokens", [("Pacific/Auckland", "30"), ("America/Los_Angeles", "30")])
def test_the_thirty_days_begin_with_the_reporting_zones(
    administrator: Actor, settings: Settings, zone: str, tokens: str
) -> None:
    """At 10:30 UTC it is evening in Auckland and early morning in Los Angeles, of the same day: 14 February began at
    11:00 UTC the day before, and at 08:00 UTC.
    """
    settings.REPORTING_TIME_ZONE = zone
    start = dt.datetime(2026, 2, 14, tzinfo=ZoneInfo(zone))
    for seconds, used in ((-1, 4_000), (0, 30)):
        at = start + dt.timedelta(seconds=seconds)
        workspace.fold(
            workspace.event((NOW - at) / dt.timedelta(days=1), user_id="ann", assistant="Pitch", tokens=used)
        )
    page = soup(administrator.get(path(User.objects.get(external_id="ann"))))
    shown = [cell.get_text() for cell in page.select(".person-page__assistants tbody td")]
    assert shown == [tokens, "1"]


def test_who_never_did_anything_has_no_line(administrator: Actor, mika: User) -> None:
    page = soup(administrator.get(path(mika)))
    assert "No requests in the last 30 days." in card(page, "activity")
    assert page.select(".person-page__line, .person-page__assistants") == []


def test_the_line_goes_from_edge_to_edge_and_from_floor_to_ceiling() -> None:
    assert polyline([0, 5, 10]) == "0.0,54.0 145.0,28.0 290.0,2.0"
    assert polyline([0, 0]) == ""


def test_ways_to_sign_in_are_named_and_no_secret_is(administrator: Actor, mika: User) -> None:
    Authenticator.objects.create(user=mika, type=Authenticator.Type.TOTP, data={"secret": "canary-secret"})
    Authenticator.objects.create(user=mika, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "canary-seed"})
    for name in ("Key", "Phone"):
        Authenticator.objects.create(user=mika, type=Authenticator.Type.WEBAUTHN, data={"name": name, "credential": {}})
    response = administrator.get(path(mika))
    assert card(soup(response), "sign-in").startswith(
        "Sign-in Password Set Authenticator app On Passkeys 2 Recovery codes Made"
    )
    assert b"canary" not in response.content
    nobody = User.objects.create_person("eva@example.com", "Eva")
    assert card(soup(administrator.get(path(nobody))), "sign-in") == (
        "Sign-in Password Not set Authenticator app Off Passkeys None Recovery codes None"
    )


def test_the_log_of_this_person_alone_newest_first(ada: Actor, mika: User) -> None:
    assert ada.user is not None
    other = User.objects.create_person("eva@example.com", "Eva")
    audit.record(ada.user, Action.EDITED, person=other)
    actions.set_role(ada.user, [mika.pk], Role.ADMINISTRATOR, NOW)
    actions.deactivate(ada.user, [mika.pk], NOW)
    page = soup(ada.get(path(mika)))
    names = [name.get_text(strip=True) for name in page.select("section[aria-labelledby=log-title] .settings__name")]
    assert names == ["Deactivated a person", "Changed a role"]
    assert "Role User → Administrator" in card(page, "log")
    everything = page.select_one("section[aria-labelledby=log-title] a")
    assert everything is not None
    log = soup(ada.get(str(everything["href"])))
    assert len(log.select(".audit__table tbody tr")) == 2


@pytest.mark.parametrize("status", list(Status))
def test_every_state_has_a_page(administrator: Actor, status: Status) -> None:
    person = User.objects.create_person("x@example.com", "X", status=status, deleted_at=NOW, deactivated_at=NOW)
    assert soup(administrator.get(path(person))).h1 is not None


def test_of_an_erased_person_nothing_is_left_to_show(administrator: Actor, mika: User) -> None:
    ada = administrator.user
    assert ada is not None
    actions.remove(ada, [mika.pk], NOW - dt.timedelta(days=31))
    actions.erase_due(NOW)
    response = administrator.get(path(mika))
    assert "Their usage is still counted." in soup(response).get_text()
    assert b"Meier" not in response.content
    assert b"mika@example.com" not in response.content


def test_names_are_text(administrator: Actor) -> None:
    evil = User.objects.create_person("x@example.com", HTML, external_id=HTML)
    Membership.objects.create(user=evil, team=Team.objects.create(key=HTML, name=HTML), is_primary=True)
    page = soup(administrator.get(path(evil)))
    assert page.select("img[onerror]") == []
    assert page.get_text().count(HTML) >= 3


def test_it_costs_nine_queries_however_much_there_is(
    administrator: Actor, mika: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        Membership.objects.create(user=mika, team=Team.objects.create(key=f"{number}", name=f"{number}"))
        audit.record(administrator.user, Action.EDITED, person=mika, after={"name": str(number)})
    for _session in range(3):
        signed_in(mika)
    usage = [workspace.event(n, email="mika@example.com", assistant=f"Assistant {n}") for n in range(20)]
    workspace.fold(*usage)
    with django_assert_max_num_queries(9):
        administrator.get(path(mika))


def test_numbers_that_are_nobody_answer_404(administrator: Actor, member: Actor) -> None:
    for number in ("0", "987654321", "9" * 30):
        assert administrator.get(f"/admin/users/{number}/").status_code == 404
    assert member.user is not None
    assert member.get(path(member.user)).status_code == 404


# --- Ending sessions ------------------------------------------------------------------------------------------------


def end(actor: Actor, person: User) -> HttpResponseBase:
    return actor.post(f"{path(person)}sessions/end/")


def give_password(actor: Actor, response: HttpResponseBase, password: str = PASSWORD) -> HttpResponseBase:
    return actor.post(response.headers["Location"], {"password": password})


def test_sessions_end_after_the_password_was_given_again(ada: Actor, mika: User) -> None:
    browser = signed_in(mika)
    assert "192.0.2.7" in card(soup(ada.get(path(mika))), "sessions")
    asked = end(ada, mika)
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    assert browser.get("/profile/").status_code == 200  # nothing has happened yet
    answer = give_password(ada, asked)
    assert answer.headers["Location"] == path(mika)
    page = soup(ada.get(path(mika)))
    assert "This person is signed out everywhere." in page.get_text()
    assert "Nowhere at the moment." in card(page, "sessions")
    assert browser.get("/profile/").status_code == 302
    assert not UserSession.objects.filter(user=mika).exists()
    entry = AuditEntry.objects.get(action=Action.SESSIONS_ENDED)
    assert ada.user is not None
    assert (entry.actor_id, entry.person_id) == (ada.user.pk, mika.pk)


def test_a_wrong_password_ends_nothing(ada: Actor, mika: User) -> None:
    browser = signed_in(mika)
    give_password(ada, end(ada, mika), "wrong")
    assert browser.get("/profile/").status_code == 200
    assert not AuditEntry.objects.exists()


def test_who_lost_the_role_meanwhile_ends_nothing(ada: Actor, mika: User) -> None:
    browser = signed_in(mika)
    asked = end(ada, mika)
    assert ada.user is not None
    User.objects.filter(pk=ada.user.pk).update(role=Role.USER)
    assert give_password(ada, asked).status_code == 404
    assert browser.get("/profile/").status_code == 200
    assert not AuditEntry.objects.exists()


def test_ones_own_session_goes_on(ada: Actor) -> None:
    assert ada.user is not None
    answer = give_password(ada, end(ada, ada.user))
    assert answer.headers["Location"] == "/profile/security/"
    assert ada.get(path(ada.user)).status_code == 200
    assert Session.objects.exists()
    assert "End all sessions" not in soup(ada.get(path(ada.user))).get_text()


def test_a_member_ends_nobodys_sessions(member: Actor, mika: User) -> None:
    assert end(member, mika).status_code == 404

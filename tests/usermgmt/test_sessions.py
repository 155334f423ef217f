"""Sessions: the list a person sees, ending one or all, and that ending reaches every kind of session."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http.response import HttpResponseBase
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.cast import Actor, create_administrator, create_member
from usermgmt.models import User
from usermgmt.sessions import end_sessions, open_sessions
from usermgmt.user_agents import Device, device

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
SECURITY = "/profile/security/"
END = "/profile/security/sessions/end/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def max_() -> User:
    return _with_password(create_member())


def _with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(user: User, browser: str = FIREFOX, ip: str = "192.0.2.7") -> Actor:
    actor = Actor()
    actor.defaults.update({"HTTP_USER_AGENT": browser, "REMOTE_ADDR": ip})
    response = actor.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert response.status_code == 302
    return actor


def content(response: HttpResponseBase) -> str:
    return bytes(getattr(response, "content", b"")).decode()


def is_signed_in(actor: Actor) -> bool:
    return actor.get("/profile/").status_code == 200


def session_of(user: User, actor: Actor) -> int:
    return int(UserSession.objects.get(user=user, session_key=actor.session.session_key).pk)


def test_each_session_shows_browser_system_address_and_when(max_: User) -> None:
    sign_in(max_, IPHONE, "2001:db8::1")
    page = content(sign_in(max_).get(SECURITY))
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "192.0.2.7" in page
    assert "2001:db8::1" in page
    assert page.count("This session") == 1


def test_the_current_session_comes_first_and_cannot_be_ended_from_the_list(max_: User) -> None:
    here = sign_in(max_)
    sign_in(max_, IPHONE)
    rows = open_sessions(max_, timezone.now(), here.session.session_key)
    assert [row.is_current for row in rows] == [True, False]
    assert f'value="{session_of(max_, here)}"' not in content(here.get(SECURITY))


def test_the_list_is_one_query_however_many_there_are(
    max_: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    here = sign_in(max_)
    for _number in range(5):
        sign_in(max_)
    with django_assert_num_queries(1):
        assert len(open_sessions(max_, timezone.now(), here.session.session_key)) == 6


def test_sessions_that_ran_out_are_not_listed(max_: User) -> None:
    sign_in(max_)
    assert open_sessions(max_, timezone.now() + timedelta(days=15)) == []


def test_one_session_can_be_ended(max_: User) -> None:
    here, there, third = sign_in(max_), sign_in(max_, IPHONE), sign_in(max_)
    response = here.post(END, {"session": str(session_of(max_, there))}, follow=True)
    assert "The session is ended." in content(response)
    assert [is_signed_in(actor) for actor in (here, there, third)] == [True, False, True]


def test_all_other_sessions_can_be_ended_at_once(max_: User) -> None:
    here, there, third = sign_in(max_), sign_in(max_, IPHONE), sign_in(max_)
    ada = sign_in(_with_password(create_administrator()))
    response = here.post(END, {"session": "others"}, follow=True)
    assert "You are signed out everywhere else." in content(response)
    assert [is_signed_in(actor) for actor in (here, there, third, ada)] == [True, False, False, True]


@pytest.mark.parametrize("number", ["", "0", "x", "-1", "٣", "9" * 30, "1 OR 1=1"])
def test_a_session_that_is_not_there_gets_404(max_: User, number: str) -> None:
    assert sign_in(max_).post(END, {"session": number}).status_code == 404


def test_nobody_ends_another_persons_session(max_: User) -> None:
    ada = _with_password(create_administrator())
    hers = sign_in(ada)
    assert sign_in(max_).post(END, {"session": str(session_of(ada, hers))}).status_code == 404
    assert is_signed_in(hers)


def test_last_seen_is_noted_every_five_minutes_at_most(max_: User) -> None:
    with time_machine.travel("2026-03-15T10:30Z", tick=False) as clock:
        here = sign_in(max_)
        here.get("/")
        for minutes in (1, 3, 10):
            clock.shift(timedelta(minutes=minutes))
            here.get("/")
        row = UserSession.objects.get(user=max_)
        assert row.last_seen_at == timezone.now()
        clock.shift(timedelta(minutes=4))
        here.get("/")
        row.refresh_from_db()
        assert row.last_seen_at == timezone.now() - timedelta(minutes=4)


def test_looking_around_costs_no_query_for_last_seen(
    max_: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    here = sign_in(max_)
    here.get("/profile/")
    with django_assert_num_queries(2):  # the session and the person
        here.get("/profile/")


def test_ending_somebodys_sessions_reaches_all_of_theirs_and_nobody_elses(max_: User) -> None:
    listed, unlisted = sign_in(max_), Actor(max_)
    ada = sign_in(_with_password(create_administrator()))
    end_sessions([max_.pk])
    assert [is_signed_in(actor) for actor in (listed, unlisted, ada)] == [False, False, True]
    assert not UserSession.objects.filter(user=max_).exists()
    assert not Session.objects.filter(session_key=listed.session.session_key).exists()


def test_ending_nobodys_sessions_ends_none(max_: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    here = sign_in(max_)
    with django_assert_num_queries(2):  # the transaction's savepoint alone
        end_sessions([])
    assert is_signed_in(here)


def test_sessions_of_nobody_are_left_alone(max_: User) -> None:
    anonymous = SessionStore()
    anonymous["basket"] = 1
    anonymous.save()
    end_sessions([max_.pk])
    assert Session.objects.filter(session_key=anonymous.session_key).exists()


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"


@pytest.mark.parametrize(
    "user_agent, expected",
    [
        (FIREFOX, Device("Firefox", "Linux")),
        (IPHONE, Device("Safari", "iPhone")),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Safari/537.36 Edg/140.0.0.0", Device("Edge", "Windows")),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Mobile Safari/537.36", Device("Chrome", "Android")),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", Device("Safari", "macOS")),
        ("<script>alert(1)</script>", Device("", "")),
        ("", Device("", "")),
    ],
)
def test_browsers_and_systems_are_recognised(user_agent: str, expected: Device) -> None:
    assert device(user_agent) == expected

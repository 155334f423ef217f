"""Signing in and out: who gets in, what the answers give away, where one lands."""

from __future__ import annotations

import pytest
from django.http.response import HttpResponse, HttpResponseBase
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.cast import create_administrator
from usermgmt.models import Status, User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
LOGIN = "/accounts/login/"


@pytest.fixture
def ada() -> User:
    user = create_administrator()
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra: str) -> HttpResponseBase:
    return client.post(LOGIN, {"login": email, "password": password, **extra})


def text(response: HttpResponseBase) -> str:
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("spelling", ["ada@example.com", " ADA@Example.COM "])
def test_the_right_password_opens_home_whatever_the_spelling_of_the_address(
    client: Client, ada: User, spelling: str
) -> None:
    response = sign_in(client, spelling)
    assert (response.status_code, response.headers["Location"]) == (302, "/")
    assert is_signed_in(client)


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(ada: User) -> None:
    wrong = sign_in(Client(), ada.email or "", "not the password")
    unknown = sign_in(Client(), "eve@example.com", "not the password")
    assert "do not belong together" in text(wrong)
    assert _without_tokens(text(wrong)).replace("ada@", "eve@") == _without_tokens(text(unknown))


def _without_tokens(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrfmiddlewaretoken" not in line)


def test_a_deactivated_person_learns_so_only_with_the_right_password(client: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(status=Status.DEACTIVATED)
    assert "do not belong together" in text(sign_in(client, "ada@example.com", "not the password"))
    assert sign_in(client, "ada@example.com").headers["Location"] == "/accounts/inactive/"
    assert not is_signed_in(client)


def test_somebody_without_a_password_cannot_sign_in(client: Client) -> None:
    User.objects.create_person("known@example.com", "Known From Usage")
    for password in ("", "!", "None"):
        sign_in(client, "known@example.com", password)
        assert not is_signed_in(client)


def test_failed_attempts_on_one_address_run_out_in_any_spelling(client: Client, ada: User) -> None:
    for spelling in ("ada@example.com", "Ada@example.com", "ADA@example.com", "aDa@example.com", "adA@example.com"):
        assert "do not belong together" in text(sign_in(client, spelling, "not the password"))
    assert "Too many failed attempts" in text(sign_in(client, "ada@example.com"))
    assert not is_signed_in(client)


def test_too_many_requests_get_429_and_a_page(client: Client) -> None:
    for number in range(30):
        sign_in(client, f"{number}@example.com", "")
    response = sign_in(client, "last@example.com", "")
    assert response.status_code == 429
    assert "Too many attempts" in text(response)


def test_signing_in_leads_to_the_page_asked_for(client: Client, ada: User) -> None:
    assert sign_in(client, "ada@example.com", next="/admin/analytics/?range=today").headers["Location"] == (
        "/admin/analytics/?range=today"
    )


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "http://testserver/",
        " //evil.example",
        "/\t/evil.example",
        "evil",
    ],
)
def test_signing_in_never_leads_elsewhere(client: Client, ada: User, target: str) -> None:
    assert sign_in(client, "ada@example.com", next=target).headers["Location"] == "/"


def test_signing_out_needs_a_post_and_leads_to_sign_in(client: Client, ada: User) -> None:
    sign_in(client, "ada@example.com")
    assert client.get("/accounts/logout/").status_code == 200
    assert is_signed_in(client)
    response = client.post("/accounts/logout/", follow=True)
    assert not is_signed_in(client)
    assert response.redirect_chain == [(LOGIN, 302)]
    assert "You are signed out." in text(response)


def test_signing_in_and_out_is_refused_without_a_csrf_token(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = sign_in(client, "ada@example.com")
    assert response.status_code == 403
    assert "Please try again" in text(response)
    client.force_login(ada)
    assert client.post("/accounts/logout/").status_code == 403
    assert is_signed_in(client)


def test_a_header_does_not_turn_forms_into_json(client: Client, ada: User) -> None:
    for headers in ({"X-Requested-With": "XMLHttpRequest"}, {"Accept": "application/json"}):
        response = client.get(LOGIN, headers=headers)
        assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "name", ["account_signup", "account_email", "account_request_login_code", "account_set_password"]
)
def test_what_is_not_needed_has_no_address(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_confirming_the_password_leads_back(client: Client, ada: User) -> None:
    sign_in(client, "ada@example.com")
    page = client.get("/accounts/reauthenticate/?next=/admin/analytics/")
    assert "You are signed in as Ada Admin." in text(page)
    wrong = client.post("/accounts/reauthenticate/", {"password": "not the password", "next": "/admin/analytics/"})
    assert "This is not your password." in text(wrong)
    right = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/admin/analytics/"})
    assert right.headers["Location"] == "/admin/analytics/"

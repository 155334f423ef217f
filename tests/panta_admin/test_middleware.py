"""Default deny beyond the table: where strangers are sent, what caches are told, and when a role is gone."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import Actor
from usermgmt.models import Role, Status, User

pytestmark = pytest.mark.django_db
ANALYTICS = "/admin/analytics/"


def test_a_stranger_comes_back_to_the_page_they_asked_for(stranger: Actor) -> None:
    response = stranger.get(f"{ANALYTICS}?range=today&assistants=all")
    assert response.headers["Location"] == (
        "/accounts/login/?next=%2Fadmin%2Fanalytics%2F%3Frange%3Dtoday%26assistants%3Dall"
    )


def test_home_needs_no_way_back(stranger: Actor) -> None:
    assert stranger.get("/").headers["Location"] == "/accounts/login/"


@pytest.mark.parametrize(
    "current, target",
    [
        ("http://testserver/admin/analytics/?range=today", "?next=%2Fadmin%2Fanalytics%2F%3Frange%3Dtoday"),
        ("https://evil.example/admin/", "?next=%2Fadmin%2F"),
        ("//evil.example//evil.example", "?next=%2Fevil.example"),
        ("javascript:alert(1)", "?next=%2Falert%281%29"),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_htmx_learns_where_to_sign_in_and_back_to_which_page(stranger: Actor, current: str, target: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": current}
    response = stranger.post(f"{ANALYTICS}refresh/", headers=headers)
    assert (response.status_code, response.content) == (404, b"")
    assert response.headers["HX-Redirect"] == f"/accounts/login/{target}"


@pytest.mark.parametrize(
    "path", ["/", ANALYTICS, "/admin/of/nothing/", "/accounts/login/", "/accounts/password/reset/"]
)
def test_nothing_is_kept_by_caches(administrator: Actor, stranger: Actor, path: str) -> None:
    for client in (administrator, stranger):
        response = client.get(path)
        assert {"no-store", "private"} <= set(response.headers["Cache-Control"].split(", "))
        assert {"Cookie", "HX-Request"} <= set(response.headers["Vary"].split(", "))


@pytest.mark.parametrize("path", ["/admin/analytics", "/admin", "/admin/analytics/export/usage"])
def test_a_missing_slash_gives_no_address_away(member: Actor, stranger: Actor, path: str) -> None:
    assert member.get(path).status_code == 404
    assert stranger.get(path).headers["Location"].startswith("/accounts/login/?next=")


def test_a_missing_slash_is_added_for_whoever_may_go_there(administrator: Actor, stranger: Actor) -> None:
    assert administrator.get("/admin/analytics").headers["Location"] == ANALYTICS
    assert stranger.get("/accounts/login").headers["Location"] == "/accounts/login/"


def test_a_form_without_a_token_gives_no_address_away(member: Actor) -> None:
    client = Client(enforce_csrf_checks=True)
    assert member.user is not None
    client.force_login(member.user)
    assert client.post(f"{ANALYTICS}refresh/").status_code == 404


def test_a_role_that_is_taken_away_is_gone_with_the_next_click(administrator: Actor) -> None:
    assert administrator.get(ANALYTICS).status_code == 200
    User.objects.update(role=Role.USER)
    assert administrator.get(ANALYTICS).status_code == 404
    assert administrator.get("/").status_code == 200


def test_a_deactivated_persons_session_is_gone_with_the_next_click(administrator: Actor) -> None:
    assert administrator.get(ANALYTICS).status_code == 200
    User.objects.update(status=Status.DEACTIVATED)
    assert administrator.get(ANALYTICS).headers["Location"].startswith("/accounts/login/")


def test_headers_open_nothing(member: Actor) -> None:
    for headers in (
        {"HX-Request": "true"},
        {"HX-Boosted": "true", "HX-Request": "true"},
        {"X-Original-URL": "/accounts/login/"},
        {"X-Rewrite-URL": "/health/live"},
        {"X-HTTP-Method-Override": "HEAD"},
        {"X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1"},
    ):
        assert member.get(ANALYTICS, headers=headers).status_code == 404


def test_odd_spellings_of_an_address_open_nothing(member: Actor) -> None:
    for path in (
        "/admin//analytics/",
        "//admin/analytics/",
        "/Admin/Analytics/",
        "/accounts/login/../../admin/analytics/",
    ):
        assert member.get(path).status_code == 404


def test_the_security_policy_stands_on_refusals_too(stranger: Actor, member: Actor) -> None:
    for response in (stranger.get(ANALYTICS), member.get(ANALYTICS), member.get("/")):
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Frame-Options"] == "DENY"

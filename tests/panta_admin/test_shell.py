"""The frame: who is shown what, and at what cost."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from pytest_django import DjangoAssertNumQueries

from panta_admin.shell import Person
from tests.cast import Actor

pytestmark = pytest.mark.django_db
ANALYTICS = "/admin/analytics/"


def soup(client: Actor, path: str) -> BeautifulSoup:
    response = client.get(path)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def test_administrators_are_shown_the_way_to_admin(administrator: Actor) -> None:
    links = [link["href"] for link in soup(administrator, "/").select(".sidebar a.sidebar__link")]
    assert links == ["/", "/admin/"]


def test_members_are_never_shown_an_admin_address(member: Actor) -> None:
    assert "/admin/" not in str(soup(member, "/"))


def test_admin_leads_to_the_first_tab(administrator: Actor) -> None:
    assert administrator.get("/admin/").headers["Location"] == ANALYTICS


def test_the_place_one_is_at_is_marked(administrator: Actor) -> None:
    home, analytics = soup(administrator, "/"), soup(administrator, ANALYTICS)
    assert [link.get_text(strip=True) for link in home.select("a[aria-current]")] == ["Home"]
    assert [link.get_text(strip=True) for link in analytics.select(".sidebar a[aria-current]")] == ["Admin"]
    (tab,) = analytics.select(".tabs [aria-current]")
    assert (tab["aria-current"], tab["href"], tab.get_text(strip=True)) == ("page", ANALYTICS, "Analytics")


def test_home_has_no_tabs(administrator: Actor) -> None:
    assert soup(administrator, "/").select(".tabs") == []


def test_only_built_tabs_are_shown(administrator: Actor) -> None:
    assert [tab.get_text(strip=True) for tab in soup(administrator, ANALYTICS).select(".tabs a")] == [
        "Analytics",
        "User management",
        "Teams",
        "Token limits",
        "Integrations",
    ]


def test_the_workspace_has_its_name(administrator: Actor, settings: Any) -> None:
    page = soup(administrator, "/")
    assert page.title is not None
    assert page.title.get_text(strip=True).endswith(settings.WORKSPACE_NAME)
    assert settings.WORKSPACE_NAME in page.select_one(".sidebar .brand").get_text()  # type: ignore[union-attr]


def test_signing_out_is_a_form_with_a_token(member: Actor) -> None:
    (form,) = soup(member, "/").select('form[action="/accounts/logout/"]')
    assert form["method"] == "post"
    assert form.select("input[name=csrfmiddlewaretoken]")


def test_a_choice_of_language_is_offered_only_where_there_is_one(member: Actor, settings: Any) -> None:
    choices = soup(member, "/").select("button[name=language]")
    assert [(choice["value"], choice["lang"], choice.get_text(strip=True)) for choice in choices] == [
        ("en", "en", "English"),
        ("de", "de", "Deutsch"),
    ]
    assert [choice["value"] for choice in choices if choice.get("aria-current")] == ["en"]
    settings.LANGUAGES = [("en", "English")]
    assert "Language" not in soup(member, "/").get_text()


def test_landmarks_and_the_skip_link_are_there(administrator: Actor) -> None:
    page = soup(administrator, ANALYTICS)
    assert len(page.select("main#content")) == 1
    assert len(page.select("h1")) == 1
    assert page.select_one("body > a")["href"] == "#content"  # type: ignore[index]
    assert {nav["aria-label"] for nav in page.select("nav")} >= {"Main", "Admin Panel"}


def test_nothing_is_inline(administrator: Actor) -> None:
    for path in ("/", ANALYTICS, "/accounts/password/reset/"):
        page = soup(administrator, path)
        assert page.select("style, [style], script:not([src])") == []
        assert [name for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")] == []


def test_a_refused_page_costs_the_session_and_the_person(
    member: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        member.get(ANALYTICS)


def test_a_stranger_costs_nothing(stranger: Actor, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        stranger.get(ANALYTICS)
        stranger.get("/accounts/login/")


@pytest.mark.parametrize(
    "name, initials",
    [
        ("Ada Lovelace", "AL"),
        ("Ada", "A"),
        ("ada.lovelace@example.com", "AL"),
        ("Juan Carlos de la Cruz", "JC"),
        ("李小龙", "李"),
        ("", "?"),
        ("@", "?"),
        ("#12", "#"),
    ],
)
def test_initials(name: str, initials: str) -> None:
    assert Person(name, "").initials == initials

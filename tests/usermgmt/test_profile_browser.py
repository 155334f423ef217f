"""The own account in a real browser: the theme goes along to every device, and sign-on leads there and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.cast import create_member
from tests.usermgmt import test_oidc as oidc
from usermgmt.models import Theme, User

pytestmark = pytest.mark.django_db(transaction=True)
issuer = oidc.issuer  # the fixture
PASSWORD = "correct horse battery staple"


@pytest.fixture
def site(live_server: LiveServer) -> str:
    member = create_member()
    member.set_password(PASSWORD)
    member.save()
    return str(live_server.url)


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """Everything the console and the policy complain about; the test fails if it is anything."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def sign_in(page: Page, site: str, path: str = "/") -> None:
    page.goto(site + path)
    page.get_by_label("Email").fill("max@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(site + path)


def theme_of(page: Page) -> str | None:
    return page.locator("html").get_attribute("data-theme")


def test_a_theme_chosen_on_one_device_is_there_on_another(
    page: Page, site: str, context: BrowserContext, complaints: list[str]
) -> None:
    sign_in(page, site)
    page.get_by_role("button", name="Max Member").click()
    with page.expect_response("**/profile/theme/") as answer:
        page.get_by_role("radio", name="Dark").check(force=True)
    assert answer.value.status == 204
    assert User.objects.get(email="max@example.com").theme == Theme.DARK
    assert context.browser is not None
    elsewhere = context.browser.new_context()
    other = elsewhere.new_page()
    sign_in(other, site)
    assert theme_of(other) == "dark"
    other.get_by_role("button", name="Max Member").click()
    expect(other.get_by_role("radio", name="Dark")).to_be_checked()
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_text("You are signed out.")).to_be_visible()
    assert theme_of(other) == "dark"  # the browser remembers it for the pages before sign-in
    elsewhere.close()


def test_the_theme_of_the_profile_form_is_shown_at_once(page: Page, site: str, complaints: list[str]) -> None:
    sign_in(page, site, "/profile/")
    page.get_by_label("Theme", exact=True).select_option("dark")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your profile is saved.")).to_be_visible()
    assert theme_of(page) == "dark"


def test_a_choice_that_did_not_reach_the_server_is_sent_with_the_next_page(page: Page, site: str) -> None:
    sign_in(page, site)
    page.route("**/profile/theme/", lambda route: route.abort())
    page.get_by_role("button", name="Max Member").click()
    page.get_by_role("radio", name="Dark").check(force=True)
    page.unroute("**/profile/theme/")
    with page.expect_response("**/profile/theme/"):
        page.goto(site + "/profile/")
    assert theme_of(page) == "dark"
    assert User.objects.get(email="max@example.com").theme == Theme.DARK


def test_sign_on_leads_to_the_provider_and_back(page: Page, site: str, issuer: str, settings: Any) -> None:
    """The policy would stop a redirect to the provider; the provider's own pages may complain as they like."""
    client = requests.post(
        f"{issuer}/oauth2/clients",
        json={"redirect_uris": [site + oidc.CALLBACK], "token_endpoint_auth_method": "client_secret_post"},
        timeout=5,
    ).json()
    oidc.configure(settings, issuer, client["client_id"], client["client_secret"])
    settings.BASE_URL = site
    sign_in(page, site, "/profile/security/")
    page.get_by_role("button", name="Connect").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    at_the_provider(page, "sub-max")
    expect(page.get_by_text("The account is connected.")).to_be_visible()
    page.get_by_role("button", name="Max Member").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with Acme ID").click()
    at_the_provider(page, "sub-max")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Max Member")


def at_the_provider(page: Page, sub: str) -> None:
    page.get_by_placeholder("sub").fill(sub)
    page.get_by_role("button", name="Authorize").click()

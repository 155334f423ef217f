"""The frame in a real browser: signing in, the theme, the drawer, and what tools and the console have to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from tests.cast import create_administrator
from tests.inspection import too_wide_at, violations

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery staple"
DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture
def site(live_server: LiveServer) -> str:
    ada = create_administrator()
    ada.set_password(PASSWORD)
    ada.save()
    return str(live_server.url)


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """Everything the console, the policy and the network complain about; the test fails if it is anything."""
    found: list[str] = []
    page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.error(event.violatedDirective, event.blockedURI))"
    )
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    # What is sent with keepalive outlives its page, and is told as aborted when the page goes.
    page.on("requestfailed", lambda r: found.append(r.url) if r.failure != "net::ERR_ABORTED" else None)
    yield found
    assert found == []


def sign_in(page: Page, site: str, path: str = "/") -> None:
    page.goto(site + path)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(site + path)


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def choose_theme(page: Page, name: str) -> None:
    page.get_by_role("button", name="Ada Admin").click()
    page.get_by_role("radio", name=name).check(force=True)
    page.keyboard.press("Escape")


def test_signing_in_and_out_with_the_keyboard_alone(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + "/")
    expect(page).to_have_title("Sign in · PANTA OS")
    page.keyboard.press("Tab")
    page.keyboard.type("ada@example.com")
    page.keyboard.press("Tab")  # "Forgot your password?"
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ada Admin")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_role("button", name="Ada Admin").press("Enter")
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_back_after_signing_out_shows_nothing(page: Page, site: str) -> None:
    sign_in(page, site)
    page.get_by_role("button", name="Ada Admin").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/accounts/login/"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_theme_follows_the_system_until_one_is_chosen(page: Page, site: str, complaints: list[str]) -> None:
    page.emulate_media(color_scheme="dark")
    sign_in(page, site)
    dark = background(page)
    page.emulate_media(color_scheme="light")
    light = background(page)
    assert dark != light
    choose_theme(page, "Dark")
    assert background(page) == dark
    page.reload()
    assert background(page) == dark
    page.emulate_media(color_scheme="dark")
    choose_theme(page, "Light")
    assert background(page) == light
    choose_theme(page, "System")
    assert background(page) == dark


def test_a_chosen_theme_is_there_before_the_first_paint(page: Page, site: str) -> None:
    page.emulate_media(color_scheme="light")
    sign_in(page, site)
    choose_theme(page, "Dark")
    page.add_init_script(
        """new MutationObserver((_, observer) => {
            if (!document.body) return;
            window.themeAtBody = document.documentElement.dataset.theme;
            observer.disconnect();
        }).observe(document, { childList: true, subtree: true });"""
    )
    page.reload()
    assert page.wait_for_function("window.themeAtBody").json_value() == "dark"


def test_another_tab_takes_the_chosen_theme_over(context: BrowserContext, page: Page, site: str) -> None:
    page.emulate_media(color_scheme="light")
    sign_in(page, site)
    other = context.new_page()
    other.goto(site + "/")
    choose_theme(page, "Dark")
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    assert background(other) == background(page)


def test_on_a_phone_the_sidebar_folds_into_a_button(page: Page, site: str, complaints: list[str]) -> None:
    page.set_viewport_size(PHONE)
    sign_in(page, site)
    admin = page.get_by_role("link", name="Admin", exact=True)
    expect(admin).to_be_hidden()
    page.get_by_role("button", name="Open the navigation").press("Enter")
    expect(admin).to_be_visible()
    page.keyboard.press("Escape")
    expect(admin).to_be_hidden()
    page.get_by_role("button", name="Open the navigation").click()
    page.get_by_role("button", name="Close the navigation").click()
    expect(admin).to_be_hidden()
    page.get_by_role("button", name="Open the navigation").click()
    page.get_by_role("button", name="Ada Admin").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    admin.click()
    page.wait_for_url(re.compile("/admin/analytics/"))


def test_without_javascript_everything_can_still_be_reached(context: BrowserContext, site: str) -> None:
    assert context.browser is not None
    plain = context.browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = plain.new_page()
    sign_in(page, site)
    page.get_by_role("button", name="Open the navigation").click()
    page.get_by_role("button", name="Ada Admin").click()
    expect(page.get_by_text("Theme")).to_be_hidden()  # it would do nothing
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    plain.close()


def test_no_page_is_wider_than_its_window(page: Page, site: str) -> None:
    for path in ("/accounts/login/", "/accounts/password/reset/"):
        page.goto(site + path)
        assert too_wide_at(page) == []
    sign_in(page, site)
    assert too_wide_at(page) == []


OUTSIDE = {
    "/accounts/login/": 200,
    "/accounts/password/reset/": 200,
    "/accounts/password/reset/done/": 200,
    "/accounts/password/reset/key/1-wrong/": 200,
    "/accounts/password/reset/key/done/": 200,
    "/accounts/inactive/": 200,
}


def test_axe_finds_nothing_outside(page: Page, site: str) -> None:
    for path, status in OUTSIDE.items():
        answer = page.goto(site + path)
        assert answer is not None
        assert (path, answer.status, violations(page)) == (path, status, [])


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_inside(page: Page, site: str, viewport: ViewportSize) -> None:
    sign_in(page, site)
    page.set_viewport_size(viewport)
    assert violations(page) == []
    if viewport is PHONE:
        page.get_by_role("button", name="Open the navigation").click()
    page.get_by_role("button", name="Ada Admin").click()
    assert violations(page) == []


def test_axe_finds_nothing_on_a_page_that_is_not_there(page: Page, site: str) -> None:
    sign_in(page, site)
    answer = page.goto(f"{site}/admin/of/nothing/")
    assert answer is not None
    assert (answer.status, violations(page)) == (404, [])


def test_axe_finds_nothing_in_refused_forms(page: Page, site: str) -> None:
    page.goto(site + "/accounts/login/")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []

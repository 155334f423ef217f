"""User management in a real browser: the whole life of a person by keyboard alone, and what tools have to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import BrowserContext, Locator, Page, ViewportSize, expect

from tests.cast import Actor
from tests.usermgmt.people import PASSWORD, administrator, deleted, invited, person, token_of
from usermgmt.models import User

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/users/"
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture
def site(live_server: Any, context: BrowserContext) -> str:
    """Signed in as Boss, among a few people."""
    boss = Actor(administrator("Boss", joined_at=timezone.now()))
    session = boss.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    for name in ("Ann Active", "Bob Busy"):
        person(name, teams=("Sales",))
    invited("paula@example.com", now=timezone.now())
    deleted("Rita Removed")
    return str(live_server.url)


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """Everything the console and the policy complain about; the test fails if it is anything."""
    found: list[str] = []
    page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.error(event.violatedDirective, event.blockedURI))"
    )
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert [line for line in found if "409" not in line] == []


def tab_to(page: Page, target: Locator, limit: int = 60) -> None:
    """Presses Tab until `target` has the focus."""
    for _ in range(limit):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)


def choose_in_menu(page: Page, name: str, entry: str) -> None:
    """Opens somebody's menu and walks to an entry by arrow."""
    press(page, page.get_by_role("button", name=f"What to do with {name}"))
    menu = page.locator("[data-menu]:popover-open")
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    for _ in range(8):
        if entry in str(page.evaluate("document.activeElement.textContent")):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def confirm_password(page: Page) -> None:
    page.wait_for_url(re.compile("/accounts/reauthenticate/"))
    page.get_by_label("Password").focus()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def test_the_whole_life_of_a_person_by_keyboard_alone(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
    # Invited
    press(page, page.get_by_role("link", name="Add user"))
    page.wait_for_url(site + URL + "new/")
    tab_to(page, page.get_by_label("Email"))
    page.keyboard.type("nina@example.com")
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("Nina New")
    tab_to(page, page.get_by_label("Primary team"))
    page.keyboard.type("Sal")
    press(page, page.get_by_role("button", name="Send invitation"))
    expect(page.get_by_text("An invitation to nina@example.com is on its way.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="nina@example.com")).to_contain_text("Sales")

    # A new role, for somebody in the list
    page.goto(site + URL)
    box = page.get_by_role("checkbox", name="Choose Ann Active")
    press(page, box, "Space")
    expect(page.get_by_text("1 chosen")).to_be_visible()
    button = page.get_by_role("button", name="Change role…")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/steps/role/"))
    tab_to(page, page.get_by_role("radio", name="Administrator"))
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Change the role"))
    confirm_password(page)
    expect(page.get_by_text("1 person has a new role.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Ann Active")).to_contain_text("Administrator")

    # Removed and restored
    choose_in_menu(page, "Bob Busy", "Remove…")
    page.wait_for_url(re.compile("/steps/remove/"))
    expect(page.get_by_text("Their usage stays: no number in Analytics changes.")).to_be_visible()
    press(page, page.get_by_role("button", name="Remove", exact=True))
    expect(page.get_by_text("1 person was removed.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Bob Busy")).to_have_count(0)
    press(page, page.get_by_role("link", name=re.compile("Recently deleted")))
    page.wait_for_url(re.compile("tab=deleted"))
    choose_in_menu(page, "Bob Busy", "Restore")
    expect(page.get_by_text("1 person was restored.")).to_be_visible()
    assert User.objects.get(name="Bob Busy").status == "active"


def test_typing_narrows_the_list_and_the_address_follows(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
    page.get_by_label("Search").focus()
    page.keyboard.type("bob", delay=40)
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").filter(has_text="Bob Busy")).to_be_visible()
    expect(page).to_have_url(site + URL + "?q=bob")
    expect(page.get_by_label("Search")).to_be_focused()
    expect(page.locator("[data-announcer]")).to_contain_text("1 person")
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("bob")
    page.get_by_role("link", name="Clear search and filters").click()
    expect(page.get_by_role("row")).to_have_count(4)
    page.get_by_label("Role").select_option("admin")
    expect(page).to_have_url(site + URL + "?role=admin")
    expect(page.get_by_role("row")).to_have_count(2)


def test_a_box_for_all_of_the_page(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
    everybody = page.get_by_role("checkbox", name="Choose everybody on this page")
    bar = page.locator("#chosen")
    expect(bar).to_be_hidden()
    everybody.check()
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.get_by_role("checkbox", name="Choose Bob Busy").uncheck()
    expect(page.get_by_text("2 chosen")).to_be_visible()
    assert everybody.evaluate("box => box.indeterminate")
    page.get_by_role("button", name="Choose none").click()
    expect(bar).to_be_hidden()
    everybody.check()
    page.get_by_role("link", name="Role").click()  # a new order is a new list
    expect(page).to_have_url(re.compile("sort=role"))
    expect(bar).to_be_hidden()


def test_oneself_among_the_chosen_is_refused_in_words(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
    page.get_by_role("checkbox", name="Choose everybody on this page").check()
    page.get_by_role("button", name="Deactivate…").click()
    page.get_by_role("button", name="Deactivate", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("You cannot remove, deactivate or demote yourself")
    assert not User.objects.filter(status="deactivated").exists()


def test_a_list_that_cannot_be_loaded_says_so_and_tries_again(page: Page, site: str) -> None:
    page.goto(site + URL)
    page.route("**/admin/users/?*", lambda route: route.abort())
    page.get_by_label("Role").select_option("admin")
    expect(page.get_by_text("The list could not be loaded.")).to_be_visible()
    page.unroute("**/admin/users/?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("row")).to_have_count(2)


def test_without_javascript_people_are_found_chosen_and_removed(
    browser: Any, site: str, context: BrowserContext
) -> None:
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(context.cookies())
    page = plain.new_page()
    page.goto(site + URL)
    page.get_by_label("Search").fill("ann")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("checkbox", name="Choose Ann Active").check()
    page.get_by_role("button", name="Deactivate…").click()
    page.get_by_role("button", name="Deactivate", exact=True).click()
    expect(page.get_by_text("1 person is deactivated.")).to_be_visible()
    plain.close()


def test_an_invitation_is_accepted_on_its_page(browser: Any, site: str, complaints: list[str]) -> None:
    visitor = browser.new_context()
    page = visitor.new_page()
    page.goto(f"{site}/invitation/{token_of(User.objects.get(email='paula@example.com'))}/")
    page.get_by_label("Password", exact=True).fill("a long enough secret")
    page.get_by_label("Password, again").fill("a long enough secret")
    page.get_by_role("button", name="Accept and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Paula")
    visitor.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, site: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    ann = User.objects.get(name="Ann Active")
    token = token_of(User.objects.get(email="paula@example.com"))
    for path in (
        URL,
        f"{URL}?tab=pending",
        f"{URL}?tab=deleted",
        f"{URL}?q=nobody",
        f"{URL}new/",
        f"{URL}{ann.pk}/edit/",
        f"{URL}steps/role/?person={ann.pk}",
        f"{URL}steps/remove/?person={ann.pk}",
        f"/invitation/{token}/",
        "/invitation/over/",
    ):
        page.goto(site + path)
        found = Axe().run(page).response["violations"]
        assert [(path, rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_nothing_is_wider_than_a_phone(page: Page, site: str) -> None:
    page.set_viewport_size(PHONE)
    person("Wolfeschlegelsteinhausenbergerdorff" * 3, email="w" * 60 + "@" + "x" * 50 + ".example.com")
    for path in (URL, f"{URL}?tab=pending", f"{URL}new/"):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

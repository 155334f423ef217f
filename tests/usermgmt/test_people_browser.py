"""User management in a real browser: every journey by keyboard alone, and what tools have to say of every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import BrowserContext, Locator, Page, ViewportSize, expect

from tests.analytics.workspace import event, fold
from tests.cast import Actor
from tests.inspection import too_wide_at, violations
from tests.usermgmt.people import PASSWORD, administrator, deleted, invited, person, team, token_of
from usermgmt import audit, bulk_add
from usermgmt.models import Action, User
from usermgmt.team_forms import TeamColor

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


def tab_to(page: Page, target: Locator, *, backwards: bool = False, limit: int = 60) -> None:
    """Presses Tab, or Shift+Tab, until `target` has the focus."""
    for _ in range(limit):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def press(page: Page, target: Locator, key: str = "Enter", *, backwards: bool = False) -> None:
    tab_to(page, target, backwards=backwards)
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
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


# --- By keyboard alone ----------------------------------------------------------------------------------------------


def test_somebody_is_invited_by_keyboard_alone(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
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


def test_a_file_of_people_is_invited_by_keyboard_alone(
    page: Page, site: str, complaints: list[str], tmp_path: Path
) -> None:
    """From the list to the form, the file, its verdicts, the invitations and the result; one row is left out."""
    file = tmp_path / "people.csv"
    file.write_text("email,name,teams\nnina@example.com,Nina,Sales\nnoah@example.com,Noah,\npaula@example.com,Paula,\n")
    page.goto(site + URL)
    press(page, page.get_by_role("link", name="Add user"))
    page.wait_for_url(site + URL + "new/")
    press(page, page.get_by_role("link", name="Add many from a file"))
    page.wait_for_url(site + URL + "import/")
    with page.expect_file_chooser() as chooser:
        press(page, page.get_by_label("File"))
    chooser.value.set_files(file)
    press(page, page.get_by_role("button", name="Check the file"))
    expect(page.get_by_role("row").filter(has_text="paula@example.com")).to_contain_text("Left out")
    press(page, page.get_by_role("link", name=re.compile("Left out")))
    expect(page.get_by_role("row")).to_have_count(2)
    assert not User.objects.filter(name="Nina").exists()
    press(page, page.get_by_role("button", name="Invite 2 people"))
    expect(page.get_by_text("2 people were invited.")).to_be_visible()
    with page.expect_download() as download:
        press(page, page.get_by_role("link", name="Result (CSV)"))
    assert len(download.value.path().read_text().splitlines()) == 4
    press(page, page.get_by_role("link", name="See pending invitations"))
    expect(page.get_by_role("row").filter(has_text="nina@example.com")).to_contain_text("Sales")


def test_a_role_is_changed_by_keyboard_alone(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
    press(page, page.get_by_role("checkbox", name="Choose Ann Active"), "Space")
    expect(page.get_by_text("1 chosen")).to_be_visible()
    press(page, page.get_by_role("button", name="Change role…"), backwards=True)
    page.wait_for_url(re.compile("/steps/role/"))
    press(page, page.get_by_role("radio", name="Administrator"), "Space")
    press(page, page.get_by_role("button", name="Change the role"))
    confirm_password(page)
    expect(page.get_by_text("1 person has a new role.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Ann Active")).to_contain_text("Administrator")


def test_somebody_is_removed_by_keyboard_alone(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
    choose_in_menu(page, "Bob Busy", "Remove…")
    page.wait_for_url(re.compile("/steps/remove/"))
    expect(page.get_by_text("Their usage stays: no number in Analytics changes.")).to_be_visible()
    press(page, page.get_by_role("button", name="Remove", exact=True))
    confirm_password(page)
    expect(page.get_by_text("1 person was removed.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Bob Busy")).to_have_count(0)
    assert User.objects.get(name="Bob Busy").status == "deleted"


def test_somebody_is_restored_by_keyboard_alone(page: Page, site: str, complaints: list[str]) -> None:
    page.goto(site + URL)
    press(page, page.get_by_role("link", name=re.compile("Recently deleted")))
    page.wait_for_url(re.compile("tab=deleted"))
    choose_in_menu(page, "Rita Removed", "Restore")
    expect(page.get_by_text("1 person was restored.")).to_be_visible()
    assert User.objects.get(name="Rita Removed").status == "active"


# --- With the mouse, and without JavaScript -------------------------------------------------------------------------


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


def test_back_after_signing_out_shows_nobody(page: Page, site: str) -> None:
    """Neither the whole pages nor what was loaded into them."""
    page.goto(site + URL)
    page.get_by_label("Search").fill("ann")
    page.wait_for_url(re.compile("q=ann"))
    expect(page.get_by_text("Ann Active").first).to_be_visible()
    page.goto(f"{site}/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/accounts/login/"))
    for _page in range(3):
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        assert "Ann Active" not in page.content()


def test_an_import_says_that_it_is_at_work_and_is_sent_once(page: Page, site: str, complaints: list[str]) -> None:
    boss = User.objects.get(name="Boss")
    rows: list[Any] = [{"line": 2, "said": {"email": "new@example.com"}, "wrong": ""}]
    kept = bulk_add.store(boss, "people.csv", rows, timezone.now(), create_teams=False)
    page.goto(f"{site}{URL}import/{kept.pk}/")
    page.evaluate(
        """() => {
            window.sent = 0;
            addEventListener("submit", event => { window.sent += !event.defaultPrevented; event.preventDefault(); });
        }"""
    )
    expect(page.get_by_role("progressbar")).to_be_hidden()
    invite = page.get_by_role("button", name="Invite 1 person")
    invite.click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Inviting 1 person…")).to_be_visible()
    assert violations(page) == []
    assert too_wide_at(page, 320) == []
    invite.dispatch_event("click")
    assert page.evaluate("window.sent") == 1


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


# --- What tools say -------------------------------------------------------------------------------------------------


def pages(boss: User) -> dict[str, str]:
    """Every page of User management, Teams and the audit log, in every state that looks different, by what it shows."""
    ann, rita = (User.objects.get(name=name) for name in ("Ann Active", "Rita Removed"))
    paula = User.objects.get(email="paula@example.com")
    fold(event(1, now=timezone.now(), email=ann.email, assistant="Pitch"), now=timezone.now())
    audit.record(boss, Action.EDITED, person=ann, before={"name": "Anna"}, after={"name": "Ann Active"})
    sales = ann.memberships.get().team
    archived = team("Archived", archived_at=timezone.now(), color=TeamColor.values[0])
    rows: list[Any] = [
        {"line": 2, "said": {"email": "new@example.com", "role": "user", "teams": "Sales"}, "wrong": ""},
        {"line": 3, "said": {"email": "not an address"}, "wrong": "This is not an email address."},
    ]
    checked, confirmed = (bulk_add.store(boss, "people.csv", rows, timezone.now(), create_teams=False) for _ in "12")
    bulk_add.confirm(boss, confirmed.pk, timezone.now())
    steps = {f"step {step}": f"{URL}steps/{step}/?person={ann.pk}" for step in ("role", "team", "deactivate", "remove")}
    steps["step restore"] = f"{URL}steps/restore/?person={rita.pk}"
    steps |= {f"step {step}": f"{URL}steps/{step}/?person={paula.pk}" for step in ("resend", "revoke")}
    return steps | {
        "people": URL,
        "pending": f"{URL}?tab=pending",
        "removed": f"{URL}?tab=deleted",
        "nobody": f"{URL}?q=nobody",
        "a bad filter": f"{URL}?role=owner&joined_from=x",
        "adding": f"{URL}new/",
        "editing": f"{URL}{ann.pk}/edit/",
        "handing over a file": f"{URL}import/",
        "verdicts": f"{URL}import/{checked.pk}/",
        "result": f"{URL}import/{confirmed.pk}/",
        "a person": f"{URL}{ann.pk}/",
        "oneself": f"{URL}{boss.pk}/",
        "a pending person": f"{URL}{paula.pk}/",
        "a removed person": f"{URL}{rita.pk}/",
        "teams": "/admin/teams/",
        "a new team": "/admin/teams/new/",
        "a team": f"/admin/teams/{sales.pk}/?find=bob",
        "an archived team": f"/admin/teams/{archived.pk}/",
        "editing a team": f"/admin/teams/{sales.pk}/edit/",
        "the log": "/admin/audit/",
        "nothing in the log": "/admin/audit/?actor=nobody",
        "a bad filter of the log": "/admin/audit/?since=x",
        "an invitation": f"/invitation/{token_of(paula)}/",
        "an invitation that is over": "/invitation/over/",
    }


def test_axe_finds_nothing(page: Page, site: str) -> None:
    found = {}
    for name, path in pages(User.objects.get(name="Boss")).items():
        answer = page.goto(site + path)
        assert answer is not None
        assert answer.status in (200, 410), name
        found[name] = violations(page)
    assert {name: rules for name, rules in found.items() if rules} == {}


def test_axe_finds_nothing_where_something_was_refused(page: Page, site: str) -> None:
    page.goto(f"{site}{URL}new/")
    page.get_by_label("Email").fill("paula@example.com")
    page.get_by_role("button", name="Send invitation").click()
    refused = [violations(page)]
    ann = User.objects.get(name="Ann Active")
    page.goto(f"{site}{URL}{ann.pk}/edit/")
    User.objects.filter(pk=ann.pk).update(name="Ann Other", updated_at=timezone.now())
    page.get_by_label("Name").fill("Ann Mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Name")).to_have_value("Ann Other")
    refused.append(violations(page))
    page.goto(f"{site}{URL}import/")
    page.get_by_role("button", name="Check the file").click()
    refused.append(violations(page))
    page.goto(f"{site}/admin/teams/new/")
    page.get_by_role("button", name="Create team").click()
    refused.append(violations(page))
    page.goto(f"{site}{URL}steps/role/?person={ann.pk}")
    page.get_by_role("radio", name="Administrator").check()
    page.get_by_role("button", name="Change the role").click()
    page.wait_for_url(re.compile("/accounts/reauthenticate/"))
    refused.append(violations(page))
    assert refused == [[], [], [], [], []]


def test_nothing_is_wider_than_a_phone(page: Page, site: str) -> None:
    page.set_viewport_size(PHONE)
    person("Wolfeschlegelsteinhausenbergerdorff" * 3, email="w" * 60 + "@" + "x" * 50 + ".example.com")
    for path in (URL, f"{URL}?tab=pending", f"{URL}new/"):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

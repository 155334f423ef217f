"""The Integrations tab in a real browser: from no key to live usage and back by keyboard alone, and what tools say."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as project
from django.utils import timezone
from playwright.sync_api import BrowserContext, Dialog, Locator, Page, ViewportSize, expect

from analytics import keys
from analytics.models import ApiKey, RejectedEvent, Scope
from tests.analytics.api.client import make_key
from tests.analytics.test_page_browser import HOSTILE
from tests.cast import Actor
from tests.inspection import too_wide_at, violations
from tests.usermgmt.people import PASSWORD, administrator
from usermgmt.models import User

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/integrations/"
NEW = LIST + "keys/new/"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1440, "height": 900}
LONG = "Gateway-of-the-" + "extraordinarily-" * 10 + "long-name"


@pytest.fixture
def site(live_server: Any, context: BrowserContext, settings: Any) -> str:
    """Signed in as Boss; snippets name the server of the test."""
    settings.BASE_URL = live_server.url
    boss = Actor(administrator("Boss", joined_at=timezone.now()))
    session = boss.cookies[project.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": project.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    return str(live_server.url)


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """Everything the console and the policy complain about; the test fails if it is anything."""
    found: list[str] = []

    def refuse(dialog: Dialog) -> None:
        found.append(dialog.message)
        dialog.dismiss()

    page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.error(event.violatedDirective, event.blockedURI))"
    )
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("dialog", refuse)
    yield found
    assert found == []


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


def give_password(page: Page) -> None:
    page.wait_for_url(re.compile("/accounts/reauthenticate/"))
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def shell(command: str) -> str:
    """What the command prints, run as it was pasted."""
    return subprocess.check_output(["bash", "-c", f"{command} --silent"], text=True, timeout=30)


# --- The whole way ------------------------------------------------------------------------------------------------


def test_from_the_first_key_to_live_usage_and_back_by_keyboard_alone(
    page: Page, site: str, complaints: list[str]
) -> None:
    page.goto(site + LIST)
    press(page, page.get_by_role("link", name="Create the first key"))
    page.wait_for_url(site + NEW)
    tab_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("Own code")
    press(page, page.get_by_role("button", name="Create key"))
    give_password(page)

    # Shown once, and copied
    expect(page.get_by_role("heading", name="Copy the key now")).to_be_visible()
    press(page, page.get_by_role("button", name="Copy: the key"))
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    text = clipboard(page)
    assert keys.find(text) is not None
    expect(page.get_by_role("button", name="Copy: the key")).to_be_focused()

    # A snippet with the key in it
    tab_to(page, page.get_by_role("radio", name="LiteLLM proxy"))
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Your own code")).to_be_focused()
    press(page, page.get_by_role("button", name="Copy: shell").locator("visible=true"))
    expect(page.get_by_role("figure", name="shell").get_by_role("status")).to_have_text("Copied")
    command = clipboard(page)
    assert text in command

    # Waiting, and then live by itself
    page.get_by_role("link", name=re.compile("wait for the first event")).focus()
    page.keyboard.press("Enter")
    key = ApiKey.objects.get()
    page.wait_for_url(f"{site}{LIST}keys/{key.pk}/")
    expect(page.get_by_role("heading", name="Waiting for your first event…")).to_be_visible()
    assert text not in page.content()
    assert '"accepted":1' in shell(command)
    expect(page.get_by_role("heading", name="First events are in")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("Today: 1 accepted, 0 duplicate, 0 rejected")).to_be_visible()
    assert '"duplicate":1' in shell(command)

    # Revoked, and refused
    press(page, page.get_by_role("link", name="Revoke…"))
    press(page, page.get_by_role("button", name="Revoke key"))
    expect(page.get_by_text("“Own code” is revoked")).to_be_visible()
    press(page, page.get_by_text("1 revoked key"))
    expect(page.get_by_role("link", name="Own code")).to_be_visible()
    assert '"status":401' in shell(command)


# --- Shown once ---------------------------------------------------------------------------------------------------


def make_in_browser(page: Page, site: str, name: str = "Gateway") -> str:
    page.goto(site + NEW)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create key").click()
    if "reauthenticate" in page.url:
        give_password(page)
    expect(page.get_by_role("heading", name="Copy the key now")).to_be_visible()
    return page.locator(".secret__text").inner_text()


def test_a_reload_shows_the_keys_page_and_makes_no_second_key(page: Page, site: str, complaints: list[str]) -> None:
    text = make_in_browser(page, site)
    key = ApiKey.objects.get()
    expect(page).to_have_url(f"{site}{LIST}keys/{key.pk}/")
    page.reload()
    expect(page.get_by_role("heading", name="Waiting for your first event…")).to_be_visible()
    assert text not in page.content()
    assert ApiKey.objects.count() == 1


def test_back_does_not_show_it_again(page: Page, site: str) -> None:
    text = make_in_browser(page, site)
    page.get_by_role("link", name="Analytics", exact=True).click()
    page.wait_for_url(f"{site}/admin/analytics/")
    page.go_back()
    page.wait_for_timeout(500)
    assert text not in page.content()
    assert ApiKey.objects.count() == 1


def test_it_is_chosen_as_a_whole_where_the_browser_does_not_copy(page: Page, site: str) -> None:
    """As on pages without TLS, where there is no clipboard for scripts."""
    page.add_init_script("delete Navigator.prototype.clipboard; document.execCommand = () => false;")
    text = make_in_browser(page, site)
    page.get_by_role("button", name="Copy: the key").click()
    expect(page.get_by_text("Press Ctrl+C to copy").first).to_be_visible()
    assert page.evaluate("getSelection().toString()") == text


def test_without_javascript_a_key_is_made_used_and_revoked(browser: Any, site: str, context: BrowserContext) -> None:
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(context.cookies())
    page = plain.new_page()
    text = make_in_browser(page, site)
    assert keys.find(text) is not None
    page.get_by_role("radio", name="OpenTelemetry, Node").check()
    expect(page.get_by_text("telemetry.js", exact=True)).to_be_visible()
    expect(page.get_by_text("config.yaml")).to_be_hidden()
    expect(page.get_by_role("button", name="Copy: the key")).to_be_hidden()
    page.get_by_role("link", name=re.compile("wait for the first event")).click()
    expect(page.get_by_text("Without JavaScript: reload the page to look again.")).to_be_visible()
    page.get_by_role("link", name="Revoke…").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("“Gateway” is revoked")).to_be_visible()
    assert keys.find(text) is None
    plain.close()


# --- Waiting ------------------------------------------------------------------------------------------------------


def test_waiting_asks_again_and_again_and_ends_when_live(page: Page, site: str, complaints: list[str]) -> None:
    key, text = make_key(Scope.INGEST)
    asked: list[str] = []
    enough = threading.Event()
    page.on("request", lambda request: asked.append(request.url) if "seen=" in request.url else None)
    page.goto(f"{site}{LIST}keys/{key.pk}/")
    page.locator("#key-progress").evaluate("element => { element.firstElementChild.dataset.mark = 'same'; }")
    page.wait_for_timeout(4_500)
    assert 1 <= len(asked) <= 3
    expect(page.locator("[data-mark=same]")).to_have_count(1)  # nothing came, nothing was replaced
    command = f"curl -d '[{{}}]' -H 'Authorization: Bearer {text}' {site}/api/v1/events"
    shell(command)
    expect(page.get_by_role("heading", name="Something arrived, but nothing could be counted")).to_be_visible()
    event = '[{"event_id": "a", "occurred_at": "2026-01-31T09:30:00Z"}]'
    shell(command.replace("[{}]", event))
    expect(page.get_by_role("heading", name="First events are in")).to_be_visible(timeout=10_000)
    before = len(asked)
    enough.wait(4.5)
    page.wait_for_timeout(100)
    assert len(asked) == before


def test_whoever_is_signed_out_meanwhile_is_led_to_sign_in(page: Page, site: str, context: BrowserContext) -> None:
    key, _ = make_key(Scope.INGEST)
    page.goto(f"{site}{LIST}keys/{key.pk}/")
    context.clear_cookies()
    page.wait_for_url(re.compile("/accounts/login/"), timeout=10_000)


def test_nothing_moves_where_less_motion_is_wished(page: Page, site: str) -> None:
    key, _ = make_key(Scope.INGEST)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{site}{LIST}keys/{key.pk}/")
    running = "document.getAnimations().filter(animation => animation.playState === 'running').length"
    page.wait_for_timeout(100)
    assert page.evaluate(running) == 0


# --- Names, sizes, tools ------------------------------------------------------------------------------------------


def test_hostile_names_and_reasons_are_shown_letter_by_letter(page: Page, site: str, complaints: list[str]) -> None:
    for name in HOSTILE:
        key, _ = make_key(Scope.INGEST, name=name)
    for index, reason in enumerate(HOSTILE):
        RejectedEvent.objects.create(
            key_id=key.pk, endpoint="api", received_at=timezone.now(), index=index, reason=reason
        )
    _deliver_nothing(key)
    page.goto(site + LIST)
    assert set(page.locator(".keys__name").all_text_contents()) == set(HOSTILE)
    page.goto(f"{site}{LIST}keys/{key.pk}/")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE[-1])
    assert page.locator(".rejected__why > p:first-child").all_text_contents() == list(HOSTILE)[::-1]
    page.goto(f"{site}{LIST}keys/{key.pk}/revoke/")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Revoke “{HOSTILE[-1]}”")
    page.wait_for_timeout(300)


def _deliver_nothing(key: ApiKey) -> None:
    from analytics.models import Delivery

    Delivery.objects.create(
        key_id=key.pk, endpoint="api", received_at=timezone.now(), accepted=0, duplicate=0, rejected=len(HOSTILE)
    )


@pytest.fixture
def pages(page: Page, site: str) -> list[str]:
    """Every page of the tab: the list, a form, a key that waits, one with rejected events, a revoked one, the docs."""
    waiting, _ = make_key(Scope.INGEST, name=LONG)
    busy, _ = make_key(*Scope, name="Busy", source="gateway")
    for reason in ("Object missing required field `occurred_at`", LONG):
        RejectedEvent.objects.create(key_id=busy.pk, endpoint="api", received_at=timezone.now(), index=0, reason=reason)
    _deliver_nothing(busy)
    gone, _ = make_key(name="Gone " + LONG)
    keys.revoke(User.objects.get(name="Boss"), gone, timezone.now())
    of = [f"{LIST}keys/{key.pk}/" for key in (waiting, busy, gone)]
    return [LIST, NEW, *of, f"{of[0]}revoke/", "/api/docs/"]


def test_tools_find_nothing(page: Page, site: str, pages: list[str], complaints: list[str]) -> None:
    for url in pages:
        page.goto(site + url)
        _found_nothing(page, url)
    make_in_browser(page, site)
    _found_nothing(page, "the page with the key")


def _found_nothing(page: Page, what: str) -> None:
    """Neither what bars anybody, nor what sticks out on any screen."""
    page.evaluate("document.querySelectorAll('details').forEach(folded => { folded.open = true; })")
    assert (what, violations(page), too_wide_at(page, 360, 390, 768, 1024, 1440, 2560)) == (what, [], [])
    page.set_viewport_size(DESK)


def test_the_current_tab_is_in_sight_on_a_phone(page: Page, site: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(site + LIST)
    expect(page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)


def test_the_tab_speaks_german(page: Page, site: str, complaints: list[str]) -> None:
    User.objects.filter(name="Boss").update(language="de")
    key, text = make_key(Scope.INGEST)
    page.goto(site + LIST)
    expect(page.get_by_role("heading", level=1)).to_have_text("Integrationen")
    page.goto(f"{site}{LIST}keys/{key.pk}/")
    expect(page.get_by_role("heading", name="Wartet auf das erste Event …")).to_be_visible()
    event = '[{"event_id": "a", "occurred_at": "2026-01-31T09:30:00Z"}]'
    shell(f"curl -d '{event}' -H 'Authorization: Bearer {text}' {site}/api/v1/events")
    expect(page.get_by_text("Heute: 1 angenommen")).to_be_visible(timeout=10_000)
    assert page.locator(".days__part[y*=',']").count() == 0  # drawings are the same in every language

"""Token limits in a real browser: one from first to last by keyboard alone, its effect while typing, both themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from tests.cast import Actor
from tests.inspection import too_wide_at, violations
from tests.tokenlimits.limits import ann, everybody, limit, override, sales, use
from tests.usermgmt import people
from tokenlimits import alerts
from tokenlimits.models import TokenLimit

URL = "/admin/limits/"
QUIET = 'document.addEventListener("securitypolicyviolation", (e) => { window.violations = [...(window.violations ?? []), e.violatedDirective]; });'  # fmt: skip # noqa: E501

# What htmx writes when a later request takes the place of one that is not answered yet; a request that fails says more.
REPLACED = re.compile(r"htmx:(sendAbort|afterRequest), ")


@pytest.fixture
def signed_in(
    transactional_db: None, live_server: Any, administrator: Actor, context: BrowserContext
) -> BrowserContext:
    session = administrator.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    return context


@pytest.fixture
def opened(signed_in: BrowserContext, live_server: Any) -> Iterator[Page]:
    """The browser before any page; afterwards nothing may have complained."""
    complaints: list[str] = []
    page = signed_in.new_page()
    page.add_init_script(QUIET)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(20_000)
    yield page
    assert [complaint for complaint in complaints if not REPLACED.match(complaint)] == []
    assert page.evaluate("window.violations ?? []") == []


def fill() -> None:
    """A lived-in tab: limits of every kind at every level, an override, alerts."""
    now = timezone.now()
    person = ann()
    use(375, now=now, user_id="ann", model="gpt-5")
    limit(1000)
    limit(100, team=sales(), hard=False)
    limit(400, "week", person=person)
    override(limit(450, "day", model="gpt-5"), 900, ends_on=now.date())
    everybody(5000)
    alerts.tell_due(now)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, selector: str) -> None:
    """Walks with Tab until the element has the focus."""
    for _ in range(80):
        if page.evaluate("(selector) => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {selector}")


def test_a_first_limit_is_made_edited_raised_and_removed_by_keyboard_alone(opened: Page, live_server: Any) -> None:
    people.person("Ann", external_id="ann")
    for _ in range(2):
        use(150, now=timezone.now(), user_id="ann")
    page = opened
    page.goto(live_server.url + URL)
    tab_to(page, ".empty a.button")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="New limit")).to_be_visible()
    tab_to(page, "[name=scope]")
    press(page, "ArrowRight", "ArrowRight")  # Every person
    tab_to(page, "[name=tokens]")
    page.keyboard.type("150")
    tab_to(page, "[name=enforcement]")
    press(page, "ArrowDown")
    expect(page.locator("#effect")).to_contain_text("Would have blocked 1 person in the last 30 days.")
    tab_to(page, "[type=submit]:not([name])")
    press(page, "Enter")
    expect(page.locator(".message--success")).to_contain_text("Every person, per month is limited now.")
    row = page.locator("tr.limit")
    expect(row).to_contain_text("Reached: blocks")
    tab_to(page, 'a[href$="/edit/"]')
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Edit limit")).to_be_visible()
    tab_to(page, "[name=tokens]")
    press(page, "Control+a")
    page.keyboard.type("300")
    tab_to(page, "[type=submit]:not([name])")
    press(page, "Enter")
    expect(page.locator(".message--success")).to_contain_text("Every person, per month was saved.")
    expect(row).to_contain_text("of 300")
    tab_to(page, 'a[href$="/raise/"]')
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Raise for a time")).to_be_visible()
    tab_to(page, "[name=tokens]")
    page.keyboard.type("1 K")
    tab_to(page, "[name=ends_on]")
    page.keyboard.type(f"{timezone.now():%m%d%Y}")
    tab_to(page, "[name=reason]")
    page.keyboard.type("Workshop")
    press(page, "Enter")
    expect(row).to_contain_text("Raised from 300 until")
    tab_to(page, 'a[href$="/remove/"]')
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Remove limit")).to_be_visible()
    tab_to(page, "button.button--danger")
    press(page, "Enter")
    expect(page.locator(".message--success")).to_contain_text("is not limited any more")
    assert TokenLimit.objects.get().removed_at is not None


def test_another_period_comes_without_a_new_page_and_can_be_gone_back_from(opened: Page, live_server: Any) -> None:
    fill()
    page = opened
    page.goto(live_server.url + URL)
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Day", exact=True).click()
    expect(page.locator("#budget-title")).to_have_text("Tokens used today")
    expect(page).to_have_url(live_server.url + URL + "?period=day")
    expect(page.locator("#periods [data-figure]")).to_have_attribute("data-state", "drawn")
    assert page.evaluate("window.same")
    expect(page.locator("#period-day")).to_be_focused()
    page.go_back()
    expect(page.locator("#budget-title")).to_have_text("Tokens used this month")


def test_only_the_target_that_is_needed_stands_in_the_form(opened: Page, live_server: Any) -> None:
    fill()
    page = opened
    page.goto(live_server.url + URL + "new/")
    for scope, visible in (("workspace", []), ("team", ["team"]), ("person", ["person"]), ("model", ["model"])):
        page.locator(f'[name="scope"][value="{scope}"]').check()
        for name in ("team", "person", "model"):
            expect(page.locator(f'[name="{name}"]')).to_be_visible(visible=name in visible)


def test_tools_find_nothing_on_any_page(opened: Page, live_server: Any) -> None:
    """Neither what bars anybody, nor what sticks out."""
    fill()
    limit(10, model="a-model-with-a-very-long-name-" * 6)
    made = TokenLimit.objects.latest("pk")
    page = opened
    pages = ["", "?period=day", "new/", "new/?scope=model", "alerts/"]
    pages += [f"{made.pk}/{step}/" for step in ("edit", "remove", "raise")]
    for path in pages:
        page.goto(live_server.url + URL + path)
        if path in ("", "?period=day"):
            expect(page.locator("#periods [data-figure]")).to_have_attribute("data-state", "drawn")
        assert (path, violations(page), too_wide_at(page, 360, 1440, 2560)) == (path, [], [])
    page.goto(live_server.url + URL + "new/")
    page.get_by_role("button", name="Create limit").click()
    assert violations(page) == [], "with errors"


def test_home_shows_own_limits_accessibly_in_both_themes(opened: Page, live_server: Any) -> None:
    everybody(100)
    limit(1)
    use(5, now=timezone.now(), email="ada@example.com")
    page = opened
    page.goto(live_server.url)
    expect(page.get_by_role("heading", name="My limits")).to_be_visible()
    assert violations(page) == []

"""German in a real browser: what charts write, that longer words fit, and what tools for accessibility say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from tests.analytics import workspace
from tests.analytics.api.client import make_key
from tests.analytics.test_page_browser import URL, place_of, wait_until_drawn
from tests.cast import Actor
from tests.inspection import too_wide_at, violations
from tests.tokenlimits.limits import limit
from tests.usermgmt.people import deleted, invited, person
from tokenlimits import alerts
from usermgmt.models import User

LONG = "Ann-Katrin Freifrau von Schönburg-Hohenlohe"
MONTHS = ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez.")


@pytest.fixture
def page(transactional_db: None, live_server: Any, administrator: Actor, context: BrowserContext) -> Page:
    """An administrator who chose German, in a small living workspace."""
    User.objects.update(language="de")
    workspace.fill(timezone.now())
    session = administrator.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    return context.new_page()


def test_charts_write_days_and_numbers_as_german_does(page: Page, live_server: Any) -> None:
    page.goto(f"{live_server.url}{URL}?range=last_30_days")
    wait_until_drawn(page)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    today = timezone.now()
    x, y, width, height = place_of(page, "active_users")
    page.mouse.move(x + width - 14, y + height / 2)
    hover = page.locator("#active_users .hovertext").last
    expect(hover).to_contain_text(re.compile(rf"[MDFS][oiras], {today.day}\. {MONTHS[today.month - 1]} {today.year}"))
    expect(hover).to_contain_text("Aktive Nutzer: 1")
    ticks = page.locator("#active_users .xtick").all_text_contents()
    assert ticks
    assert all(re.match(rf"\d+\. ({'|'.join(map(re.escape, MONTHS))})", tick) for tick in ticks)
    x, y, width, height = place_of(page, "teams")
    page.mouse.move(x + width / 2 + height * 0.42, y + height / 2)
    expect(page.locator("#teams .hovertext")).to_contain_text("1.000.060 Tokens · 100,0\N{NO-BREAK SPACE}%")


def pages() -> list[str]:
    somebody = person(LONG, teams=("Unternehmenskommunikation",))
    invited("freiherr.von.schoenburg@example.com")
    deleted(LONG)
    team = somebody.memberships.get().team
    made = limit(1_000, team=team)
    alerts.tell_due(timezone.now())
    key, _text = make_key(name="Unternehmenskommunikation, Produktionsumgebung")
    return [
        "/",
        URL,
        "/admin/users/",
        "/admin/users/?tab=pending",
        "/admin/users/?tab=deleted",
        "/admin/users/new/",
        "/admin/users/import/",
        f"/admin/users/{somebody.pk}/",
        f"/admin/users/{somebody.pk}/edit/",
        f"/admin/users/steps/remove/?person={somebody.pk}",
        "/admin/teams/",
        f"/admin/teams/{team.pk}/",
        f"/admin/teams/{team.pk}/edit/",
        "/admin/audit/",
        "/profile/",
        "/profile/security/",
        "/admin/limits/",
        "/admin/limits/new/",
        "/admin/limits/alerts/",
        f"/admin/limits/{made.pk}/edit/",
        f"/admin/limits/{made.pk}/remove/",
        "/admin/integrations/",
        "/admin/integrations/keys/new/",
        f"/admin/integrations/keys/{key.pk}/",
        "/api/docs/",
    ]


def test_no_page_is_wider_than_the_window(page: Page, live_server: Any) -> None:
    wider = {}
    for path in pages():
        page.goto(live_server.url + path)
        wider[path] = too_wide_at(page, 360, 390, 768, 1024, 1440)
    assert {path: widths for path, widths in wider.items() if widths} == {}


def test_axe_finds_nothing(page: Page, live_server: Any) -> None:
    page.goto(live_server.url + URL)
    wait_until_drawn(page)
    assert violations(page) == []
